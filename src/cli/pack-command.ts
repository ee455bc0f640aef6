/** In the pack: one of its parts, in a process of its own. `node pack-command.js PART ARGUMENTS` */

import type { PackPart } from "./pack-options.ts";
import { VleError } from "../errors.ts";

interface Command {
  main(args: readonly string[], signal: AbortSignal): Promise<number>;
}

const commands: Readonly<Record<PackPart, () => Promise<Command>>> = {
  bench: () => import("./bench.ts"),
  compare: () => import("./compare.ts"),
  verify: () => import("./verify.ts"),
};

const INTERRUPTED = 130;
const GRACE_MILLISECONDS = 2000;

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (!stopping.signal.aborted) setTimeout(() => process.exit(INTERRUPTED), GRACE_MILLISECONDS);
    stopping.abort(new Error("Stopped by the user"));
  });
}

const [part, ...args] = process.argv.slice(2);
const command = await commands[part as PackPart]();
const code = await command.main(args, stopping.signal).catch((error: unknown) => {
  if (!stopping.signal.aborted) console.error(explain(error));
  return 1;
});
// Devices would keep the process.
process.exit(stopping.signal.aborted ? INTERRUPTED : code);

/** An error of this project is a sentence for the user; anything else is a bug, and its stack is needed. */
function explain(error: unknown): string {
  if (error instanceof VleError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
