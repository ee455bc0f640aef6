/** `npm run verify -- FILE...`: replays golden recordings on the GPU engine and says how far it strays from them. */

import { readFile } from "node:fs/promises";
import { parse } from "node:path";
import { DataError, VleError, type ErrorCode } from "../errors.ts";
import type { Check } from "../train/verification.ts";
import { HOST_KINDS, withHost, type Host } from "./host.ts";
import { pathOf, readChoice, readFlags, UsageError, withUsage } from "./options.ts";

const HELP = `npm run verify -- FILE... [--host ${HOST_KINDS.join("|")}]

Replays golden recordings on the GPU engine: without learning (frozen), the exact gradient of the summed cost (exact), and
with an update in every step (online-sgd, online-adam). A line a check: NAME CHECK MAX-ERROR TOLERANCE ok|FAIL, with errors
relative to the largest recorded entry. The exit code is 0 only if all hold.

  --host HOST  ${HOST_KINDS.join(" or ")}; default node, and chrome where Node has no WebGPU
  --help       this text`;

/** @returns the exit code: 0 only if every check of every file holds. */
export function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  return withUsage("verify", async () => {
    const { values, positionals: files, wantsHelp } = readFlags(args, ["host"]);
    if (wantsHelp) {
      console.log(HELP);
      return 0;
    }
    const asked = readChoice("--host", values["host"], HOST_KINDS);
    if (files.length === 0) throw new UsageError("Name at least one golden recording: npm run verify -- FILE...");
    return withHost({ asked, preferred: "node" }, signal, async (host) => {
      let allHold = true;
      for (const file of files) allHold = (await verifyFile(host, file)) && allHold;
      return allHold ? 0 : 1;
    });
  });
}

/** Prints the checks of one file. A file that cannot be checked is told about, and keeps no other from its checks. */
async function verifyFile(host: Host, file: string): Promise<boolean> {
  try {
    const checks = await host.verify(await read(file), file);
    for (const check of checks) print(parse(file).name, check);
    return checks.every(({ holds }) => holds);
  } catch (error) {
    if (!(error instanceof VleError) || !OF_THE_FILE.includes(error.code)) throw error;
    console.error(error.message);
    return false;
  }
}

/** What may be wrong with a recording; all else would be wrong with the next one, too. */
const OF_THE_FILE: readonly ErrorCode[] = [
  "DATA_INVALID",
  "SPEC_INVALID",
  "LIMIT_EXCEEDED",
  "OUT_OF_MEMORY",
  "DIVERGED",
];

async function read(file: string): Promise<string> {
  try {
    return await readFile(pathOf(file), "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(`${file}:`, `cannot be read (${reason}).`);
  }
}

function print(name: string, { name: check, error, tolerance, holds, worst }: Check): void {
  const limit = tolerance === 0 ? "0" : tolerance.toExponential();
  console.log(`${name} ${check} ${error.toExponential(1)} ${limit} ${holds ? "ok" : "FAIL"}`);
  if (!holds) console.error(`  ${worst}`);
}
