/** How a window of adjoint errors is cut into segments, so that what is kept of it fits a budget. Pure. */

import { SpecError } from "./errors.ts";

export interface Segments {
  /** Steps of every segment but the last, which may be shorter. */
  readonly steps: number;
  readonly count: number;
  /** Steps of the last segment. */
  readonly last: number;
  /** Steps computed forward, per step of the window: 1 if it is kept whole, below 2 else. */
  readonly recomputation: number;
}

/** Quads that are kept of each step, once per segment and of each start of a segment. */
export interface Kept {
  readonly perStep: number;
  readonly perSegment: number;
  readonly perCheckpoint: number;
}

/** Checkpoints of a window: the start of every segment but a lone one, and the end. */
export const checkpointsOf = (count: number): number => (count === 1 ? 1 : count + 1);

/**
 * The fewest segments that fit, all about equally long.
 *
 * @param bytes budget for the trajectory and the checkpoints together.
 * @throws SpecError if no cut fits.
 */
export function cutWindow(window: number, kept: Kept, bytes: number): Segments {
  const needed = (steps: number): number => {
    const count = Math.ceil(window / steps);
    return 16 * (kept.perStep * steps + kept.perSegment + kept.perCheckpoint * checkpointsOf(count));
  };
  let least = { steps: window, bytes: needed(window) };
  for (let count = 1; count <= window; count++) {
    const steps = Math.ceil(window / count);
    if (needed(steps) <= bytes) return segmentsOf(window, steps);
    if (needed(steps) < least.bytes) least = { steps, bytes: needed(steps) };
  }
  throw new SpecError(
    "options.trajectoryBytes",
    `is ${bytes}, too little for a window of ${window} steps: cut as well as can be, into segments of ${least.steps} steps, ` +
      `it needs ${least.bytes}. Raise it, or lower learning.window or options.batch.`,
    { bytes, needed: least.bytes },
  );
}

function segmentsOf(window: number, steps: number): Segments {
  const count = Math.ceil(window / steps);
  const last = window - (count - 1) * steps;
  return { steps, count, last, recomputation: (2 * window - last) / window };
}

/** Steps `from` to `to` of a run of `steps` steps. */
export interface Piece {
  readonly from: number;
  readonly to: number;
  readonly steps: number;
}

/** `steps` steps in pieces of at most `grain`. */
export function piecesOf(steps: number, grain: number): Piece[] {
  return Array.from({ length: Math.ceil(steps / grain) }, (_, index) => ({
    from: index * grain,
    to: Math.min((index + 1) * grain, steps),
    steps,
  }));
}
