/** What the ways of cutting the products with a W have in common. Pure. */

import type { Block } from "../blocks.ts";
import type { Tile } from "./tile.ts";

export interface SynapseShape {
  readonly WIDTH: number;
  readonly QUADS: number;
  readonly SHARED: number;
  readonly rows: number;
}

/** One block; sizes and places in quads. */
export interface Job extends Block {
  readonly index: number;
  /** Of the whole projection. */
  readonly pre: number;
  readonly post: number;
  /** Places of its partial sums; before they are known, and where there are none, `none`. */
  readonly current: number;
  readonly feedback: number;
}

/** How the two products with a W are cut: how many partial sums they give, and the tiles. */
export interface Cutter {
  readonly shape: SynapseShape;
  currentParts(job: Job): number;
  feedbackParts(job: Job): number;
  tiles(job: Job): Tile[];
}
