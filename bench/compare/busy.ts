/** How much else the machine has to do. */

import { cpus } from "node:os";
import { setTimeout } from "node:timers/promises";

/** Part of all processors that is in use for half a second in which this process waits, from 0 to 1. */
export async function busyShare(): Promise<number> {
  const before = times();
  await setTimeout(500);
  const after = times();
  const total = after.total - before.total;
  return total > 0 ? 1 - (after.idle - before.idle) / total : 0;
}

function times(): { readonly idle: number; readonly total: number } {
  const all = cpus().map(({ times: each }) => each);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return { idle: sum(all.map(({ idle }) => idle)), total: sum(all.flatMap((each) => Object.values(each))) };
}
