/**
 * Loads src/cli/<command>.ts through Vite, so that Node runs the same TypeScript and the same `?raw` shaders as a page
 * does, and calls its `main(args, signal)`, which resolves to the exit code. Started by scripts/run.mjs.
 *
 * Ctrl-C aborts `signal`; a command that has not ended `grace` milliseconds later, or at a second Ctrl-C, is ended.
 */

import { createServer, createServerModuleRunner } from "vite";
import { root } from "./modules.mjs";

/** @typedef {{ main(args: readonly string[], signal: AbortSignal): Promise<number> }} Command */

const interrupted = 130;
const grace = 6000;
// A terminal and npm both pass a Ctrl-C on, so it arrives more than once.
const sameKeyPress = 300;

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
  const server = await createServer({
    root,
    appType: "custom",
    logLevel: "warn",
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  });
  const runner = createServerModuleRunner(server.environments.ssr, { hmr: false });
  const module = /** @type {Command} */ (await runner.import(`/src/cli/${command}.ts`));
  return module.main(args, stopping.signal);
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
