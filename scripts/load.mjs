/**
 * Bundles src/cli/<command>.ts by Vite, so that Node runs the same TypeScript and the same `?raw` shaders as a page does,
 * and calls its `main(args, signal)`, which resolves to the exit code. Started by scripts/run.mjs. The bundle is kept, and
 * made anew where a file that is in it, this one or a package has changed.
 *
 * Ctrl-C aborts `signal`; a command that has not ended `grace` milliseconds later, or at a second Ctrl-C, is ended.
 */

import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseJson, root } from "./modules.mjs";

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
  const file = join(folder, `${command}.mjs`);
  if (!isCurrent(file)) {
    mkdirSync(folder, { recursive: true });
    // Renaming is atomic: another process never reads half of it.
    const draft = join(folder, `${command}-${process.pid}.mjs`);
    writeFileSync(draft, await bundle(command));
    renameSync(draft, file);
  }
  // Traces of errors name the sources.
  process.setSourceMapsEnabled(true);
  const loading = /** @type {Promise<Command>} */ (import(pathToFileURL(file).href));
  return (await loading).main(args, stopping.signal);
}

/**
 * Whether the files that its last line names are as they were.
 * @param {string} bundled
 */
function isCurrent(bundled) {
  try {
    const text = readFileSync(bundled, "utf8");
    const states = /** @type {Record<string, string>} */ (parseJson(text.slice(text.lastIndexOf("\n//") + 3)));
    return Object.entries(states).every(([file, state]) => stateOf(file) === state);
  } catch {
    return false;
  }
}

/**
 * @param {string} file
 * @param {number} [before] milliseconds; what has changed since then is never current.
 */
function stateOf(file, before = Infinity) {
  const { mtimeMs, size } = statSync(file);
  return mtimeMs < before ? `${mtimeMs} ${size}` : "";
}

/**
 * One module with all of ours in it. Packages stay outside, and so do scripts: they know the project by where they are.
 * @param {string} command
 * @returns {Promise<string>}
 */
async function bundle(command) {
  const began = Date.now();
  /** @type {string[]} */
  let files = [];
  const { build } = await import("vite");
  const built = await build({
    root,
    configFile: false,
    logLevel: "warn",
    plugins: [
      { name: "outside", enforce: "pre", resolveId: outside },
      {
        name: "files",
        buildEnd() {
          // Also of those modules of which the bundle has nothing in the end.
          files = [...this.getModuleIds()].map((id) => id.split("?")[0] ?? "").filter((file) => isAbsolute(file));
        },
      },
    ],
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
  const all = [...files, fileURLToPath(import.meta.url), join(root, "node_modules/.package-lock.json")];
  const states = Object.fromEntries(all.map((file) => [file, stateOf(file, began)]));
  return `${output[0].code}\n//${JSON.stringify(states)}`;
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
