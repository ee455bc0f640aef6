/** Looks whether an archive of a pack works, in a folder of its own and with an empty environment. */

import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { driverEnvironment, readFindings } from "../../scripts/setup.mjs";
import { FOLDER } from "./pack-folder.ts";
import { packHelp } from "./pack-options.ts";

/**
 * Unpacks `archive`, asks run.sh for help, loads every peer, and where setup found an adapter computes on it.
 *
 * @throws Error with what went wrong.
 */
export async function checkArchive(archive: string, say: (line: string) => void): Promise<void> {
  const parent = await mkdtemp(join(tmpdir(), "vle-pack-"));
  try {
    const { status } = spawnSync("tar", ["xzf", archive], { cwd: parent, stdio: "inherit" });
    const folder = join(parent, FOLDER);
    if (status !== 0 || !existsSync(folder)) throw new Error(`tar does not unpack ${archive}.`);
    const findings = readFindings();
    const isKnown = findings !== null && findings.node !== null;
    for (const check of [...withoutAdapter(folder), ...(isKnown ? onAdapter(folder, parent) : [])]) {
      const { code, output } = await run(check, driverEnvironment(findings));
      const wrong = check.wrongIf(output, code);
      if (wrong) throw new Error(`The archive does not work: ${check.what}, exit code ${String(code)}.\n${output}`);
      say(`${check.what}: works`);
    }
    if (!isKnown) say("Nothing was computed, as no adapter is known here; npm run setup looks for one.");
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
}

interface Check {
  readonly what: string;
  readonly cwd: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly wrongIf: (output: string, code: number | null) => boolean;
}

function withoutAdapter(folder: string): Check[] {
  return [
    {
      what: "./run.sh --help",
      cwd: folder,
      command: "./run.sh",
      args: ["--help"],
      wrongIf: (output) => output.trim() !== packHelp().trim(),
    },
    {
      what: "loading every peer",
      cwd: join(folder, "bench/compare"),
      command: join(folder, "runtime/node"),
      args: ["--input-type=module", "-e", LOAD_PEERS],
      wrongIf: (_, code) => code !== 0,
    },
  ];
}

/** Seconds on a software adapter. */
function onAdapter(folder: string, parent: string): Check[] {
  const json = join(parent, "out.json");
  return [
    {
      what: "./run.sh --quick --only verify",
      cwd: folder,
      command: "./run.sh",
      args: ["--quick", "--only", "verify", "--json", json],
      wrongIf: (_, code) => code !== 0 || !existsSync(json),
    },
    {
      // It loads the rest of its files when it is first used.
      what: "a step in ONNX Runtime",
      cwd: folder,
      command: join(folder, "runtime/node"),
      args: ["src/cli/pack-command.js", "compare", "--quick", "--sizes", "32", "--only", "ort"],
      // A gate that is missed while the machine packs is nothing.
      wrongIf: (output) => !output.includes("every engine that runs agrees") || /^ort does not run/m.test(output),
    },
  ];
}

const LOAD_PEERS = `
  Object.defineProperty(globalThis, "self", { value: globalThis });
  await import("core-js/actual/iterator/index.js");
  const names = ["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-webgpu", "@jax-js/jax", "onnxruntime-web/webgpu"];
  const [tf] = await Promise.all(names.map((name) => import(name)));
  if (typeof tf.setBackend !== "function") throw new Error("TensorFlow.js has no setBackend");
  process.exit(0);`;

/** Nothing of this process's environment is passed on, but for the driver. */
function run({ command, args, cwd }: Check, env: Readonly<Record<string, string>>) {
  const child = spawn(command, [...args], { cwd, env: { ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const texts: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => texts.push(text.toString()));
  return new Promise<{ code: number | null; output: string }>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output: texts.join("") }));
  });
}
