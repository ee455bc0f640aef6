/** In the pack: what run.sh starts. Runs the parts one after the other and gathers what they write in one file. */

import { spawn } from "node:child_process";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { SOFTWARE_LABEL } from "../../bench/harness/report.ts";
import type { Adapter } from "../../scripts/compute-once.mjs";
import { parseJson, root } from "../../scripts/modules.mjs";
import { VleError } from "../errors.ts";
import { duration } from "./format.ts";
import { requireFile, shownPath, USAGE_EXIT_CODE, UsageError } from "./options.ts";
import { adviceOnSoftware, findAdapter } from "./pack-adapter.ts";
import { argumentsOf, packHelp, readPackOptions, type PackOptions, type PackPart } from "./pack-options.ts";
import { endingOf, hostFacts, INTERRUPTED, marked, resultsOf, type Ended, type Origin } from "./pack-results.ts";
import { writeAtomically } from "./run-folder.ts";

const runs = join(root, "runs");

async function main(args: readonly string[]): Promise<number> {
  const options = await readPackOptions(args);
  if (options === null) {
    console.log(packHelp());
    return 0;
  }
  await requireFile("The pack", join(runs, "results.json"));
  const { env, adapter } = await findAdapter(environment());
  const origin = await originOf(options, adapter, env);
  console.log(`Adapter: ${adapter.description || `${adapter.vendor} ${adapter.architecture}`}`);
  if (adapter.software) console.log([SOFTWARE_LABEL, ...adviceOnSoftware()].join("\n"));
  return runParts(options, origin, env);
}

/** What drivers and Python keep for next time goes into this folder; without a home they would not know where to. */
function environment(): NodeJS.ProcessEnv {
  const cache = { XDG_CACHE_HOME: runs, MESA_SHADER_CACHE_DIR: runs, __GL_SHADER_DISK_CACHE_PATH: runs };
  return { XDG_RUNTIME_DIR: runs, ...process.env, ...cache, PYTHONDONTWRITEBYTECODE: "1" };
}

async function originOf({ quick }: PackOptions, adapter: Adapter, env: NodeJS.ProcessEnv): Promise<Origin> {
  const pack = parseJson(await readFile(join(root, "pack.json"), "utf8")) as Origin["pack"];
  return { date: new Date().toISOString(), quick, pack, host: await hostFacts(env), adapter };
}

async function runParts(options: PackOptions, origin: Origin, env: NodeJS.ProcessEnv): Promise<number> {
  const { parts, json } = options;
  const ended: Ended[] = [];
  for (const part of parts) {
    console.log(`\n==== ${part} ====\n`);
    const one = await runPart(part, options, origin, env);
    ended.push(one);
    // After each, so that what was measured outlasts whatever ends this process.
    await writeAtomically(json, `${JSON.stringify(resultsOf(origin, ended), null, 2)}\n`);
    if (one.code === INTERRUPTED) break;
  }
  console.log("");
  for (const each of ended) console.log(`${each.part}: ${endingOf(each)} (${duration(each.seconds)})`);
  if (origin.adapter.software) console.log(SOFTWARE_LABEL);
  console.log(`Results: ${shownPath(json)}`);
  if (ended.some(({ code }) => code === INTERRUPTED)) return INTERRUPTED;
  return ended.every(({ code }) => code === 0) ? 0 : 1;
}

async function runPart(part: PackPart, options: PackOptions, origin: Origin, env: NodeJS.ProcessEnv): Promise<Ended> {
  const file = join(runs, `${part}.json`);
  await rm(file, { force: true });
  const folder = join(root, "recordings");
  const recordings = (await readdir(folder)).sort().map((name) => join(folder, name));
  const args = argumentsOf(part, options, { json: file, recordings });
  const start = performance.now();
  const { lines, ...ending } = await runChild([join(import.meta.dirname, "pack-command.js"), part, ...args], env);
  const text = await readFile(file, "utf8").catch(() => null);
  const report = text === null ? null : marked(parseJson(text), origin);
  // A file of bench or compare alone may stand in bench/results/, as that of the whole pack may.
  if (report !== null) await writeAtomically(file, `${JSON.stringify(report, null, 2)}\n`);
  return { part, ...ending, seconds: (performance.now() - start) / 1000, report, lines };
}

/** Runs this Node; what it says is shown as it comes, and kept. */
async function runChild(args: readonly string[], env: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [...args], { env, stdio: ["ignore", "pipe", "inherit"] });
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, pass);
  const end = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal }));
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    console.log(line);
    lines.push(line);
  }
  const ending = await end;
  for (const signal of signals) process.off(signal, pass);
  return { ...ending, lines };
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof UsageError) {
    console.error(`${error.message}\nAll flags: ./run.sh --help`);
    return USAGE_EXIT_CODE;
  }
  console.error(error instanceof VleError ? error.message : error);
  return 1;
});
