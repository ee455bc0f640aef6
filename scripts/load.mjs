/**
 * Bundles src/cli/<command>.ts by Vite, so that Node runs the same TypeScript and the same `?raw` shaders as a page does,
 * and calls its `main(args, signal)`, which resolves to the exit code. Started by scripts/run.mjs. It is bundled anew each
 * time: that takes a fraction of a second, and nothing can be out of date.
 *
 * Ctrl-C aborts `signal`; a command that has not ended `grace` milliseconds later, or at a second Ctrl-C, is ended.
 */

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "vite";
import { root } from "./modules.mjs";

/** @typedef {{ main(args: readonly string[], signal: AbortSignal): Promise<number> }} Command */

const interrupted = 130;
const grace = 6000;
// A terminal and npm both pass a Ctrl-C on, so it arrives more than once.
const sameKeyPress = 300;
/** Packages that a command names only when it runs are looked for from where its module stands. */
const peers = "bench/compare/node_modules";

const stopping = new AbortController();
let stoppedAt = 0;
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) process.on(signal, stop);

function stop() {
  if (stoppedAt > 0 && performance.now() - stoppedAt > sameKeyPress) process.exit(interrupted);
  if (stoppedAt > 0) return;
  stoppedAt = performance.now();
  setTimeout(() => process.exit(interrupted), grace);
  stopping.abort(new Error("Stopped by the user"));
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<number>}
 */
async function run(command, args) {
  const folder = join(root, command === "compare" ? peers : "node_modules", ".cache/vle-webgpu");
  const file = join(folder, `${command}-${process.pid}.mjs`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, await bundle(command));
  // Traces of errors name the sources.
  process.setSourceMapsEnabled(true);
  const loading = /** @type {Promise<Command>} */ (import(pathToFileURL(file).href));
  const module = await loading.finally(() => {
    rmSync(file);
  });
  return module.main(args, stopping.signal);
}

/**
 * One module with all of ours in it. Packages stay outside, and so do scripts: they know the project by where they are.
 * @param {string} command
 * @returns {Promise<string>}
 */
async function bundle(command) {
  const built = await build({
    root,
    configFile: false,
    logLevel: "warn",
    plugins: [{ name: "outside", enforce: "pre", resolveId: outside }],
    build: {
      ssr: `src/cli/${command}.ts`,
      write: false,
      // Node 20 does not read `await using`.
      target: "es2022",
      minify: false,
      sourcemap: "inline",
      rolldownOptions: { output: { codeSplitting: false } },
    },
  });
  const { output } = /** @type {import("vite").Rolldown.RolldownOutput} */ (built);
  return output[0].code;
}

/**
 * @param {string} id
 * @param {string | undefined} importer
 */
function outside(id, importer) {
  if (importer === undefined || !id.endsWith(".mjs")) return null;
  return { id: new URL(id, pathToFileURL(importer)).href, external: /** @type {const} */ ("absolute") };
}

const [command = "", ...args] = process.argv.slice(2);
const code = await run(command, args).catch((/** @type {unknown} */ error) => {
  if (!stopping.signal.aborted) console.error(explain(error));
  return 1;
});
process.exit(stopping.signal.aborted ? interrupted : code);

/**
 * An error of this project is a sentence for the user; anything else is a bug, and its stack is needed.
 * @param {unknown} error
 */
function explain(error) {
  if (!(error instanceof Error)) return String(error);
  const forUser = "code" in error && "details" in error;
  return forUser ? error.message : error.stack;
}
