/** Weights that do not fit one binding are cut by rows into several buffers, the shards. */

import type { Network } from "../spec.ts";
import { alignment, quadsOf, type Stretch } from "./types.ts";

/** All sizes in quads. */
export interface Room {
  /** What one buffer may hold. */
  readonly limit: number;
  /** Weights kept beside each other: 2 where other weights carry errors back. */
  readonly copies: number;
  /** What stands in the first buffer, and in each of the others, besides weights. */
  readonly inFirst: number;
  readonly inOthers: number;
}

/** From so many quads of rows on a cut is at a multiple of a tall tile of `tunings.gpu`, so that no sum changes there. */
const tallFrom = 128;
const grain = 16;

export const aligned = (quads: number): number => Math.ceil(quads / alignment) * alignment;

/** Per projection: each stretch of quads of rows and its shard. Shards are filled one after the other. */
export type Shares = readonly (readonly Pick<Stretch, "shard" | "row" | "rows">[])[];

/** One shard if all fits, or if cutting does not help: four rows are the least that a shard holds. */
export function shareOut({ projections }: Network, { limit, copies, inFirst, inOthers }: Room): Shares {
  const shapes = projections.map(({ pre, post }) => ({ perRow: 4 * quadsOf(pre), post: quadsOf(post) }));
  const total = shapes.reduce((sum, { perRow, post }) => sum + copies * aligned(perRow * post), inFirst);
  const least = Math.max(...shapes.map(({ perRow }) => copies * aligned(perRow)));
  if (total <= limit || inFirst > limit || inOthers + least > limit) {
    return shapes.map(({ post }) => [{ shard: 0, row: 0, rows: post }]);
  }
  let shard = 0;
  let free = limit - inFirst;
  const fitting = (perRow: number): number => {
    const rows = Math.floor((Math.floor(free / copies / alignment) * alignment) / perRow);
    return rows < tallFrom ? rows : Math.floor(rows / grain) * grain;
  };
  return shapes.map(({ perRow, post }) => {
    const stretches: { shard: number; row: number; rows: number }[] = [];
    for (let row = 0; ;) {
      const rows = Math.min(fitting(perRow), post - row);
      if (rows > 0) stretches.push({ shard, row, rows });
      free -= copies * aligned(perRow * rows);
      row += rows;
      if (row === post) break;
      shard += 1;
      free = limit - inOthers;
    }
    return stretches;
  });
}
