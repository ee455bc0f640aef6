/** How much else the machine has to do. */

import { cpus } from "node:os";
import { setTimeout } from "node:timers/promises";

/** Milliseconds of a look. */
const look = 500;
const mostLooks = 120;
/** Part of one processor that a process at rest may use. */
const atRest = 0.05;

/**
 * Waits until this process does nothing, at most a minute. What an engine has loaded goes on being compiled on other threads:
 * V8 optimises the megabytes of ONNX Runtime's WebAssembly for half a minute, and would take a core from whoever is timed.
 *
 * @returns whether it came to rest.
 */
export async function comeToRest(signal?: AbortSignal): Promise<boolean> {
  for (let looks = 0; looks < mostLooks; looks++) {
    const before = process.cpuUsage();
    await setTimeout(look);
    signal?.throwIfAborted();
    const { user, system } = process.cpuUsage(before);
    if ((user + system) / 1000 < atRest * look) return true;
  }
  return false;
}

/** Part of all processors that is in use while this process waits for a moment, from 0 to 1. */
export async function busyShare(): Promise<number> {
  const before = times();
  await setTimeout(look);
  const after = times();
  const total = after.total - before.total;
  return total > 0 ? 1 - (after.idle - before.idle) / total : 0;
}

function times(): { readonly idle: number; readonly total: number } {
  const all = cpus().map(({ times: each }) => each);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return { idle: sum(all.map(({ idle }) => idle)), total: sum(all.flatMap((each) => Object.values(each))) };
}
