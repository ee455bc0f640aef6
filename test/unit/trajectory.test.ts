/** How a window is cut, so that it fits. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SpecError } from "../../src/errors.ts";
import { checkpointsOf, cutWindow, type Kept } from "../../src/trajectory.ts";
import { refusal } from "./planning.ts";

/** In quads of 16 bytes. */
const kept: Kept = { perStep: 10, perSegment: 3, perCheckpoint: 20 };

/** Bytes of a window that is cut into segments of `steps` steps. */
function bytesOf(window: number, steps: number, { perStep, perSegment, perCheckpoint }: Kept = kept): number {
  const count = Math.ceil(window / steps);
  const checkpoints = count === 1 ? 1 : count + 1;
  return 16 * (perStep * steps + perSegment + perCheckpoint * checkpoints);
}

describe("cutWindow", () => {
  it("keeps a window whole if it fits, to the byte", () => {
    expect(cutWindow(100, kept, bytesOf(100, 100))).toEqual({ steps: 100, count: 1, last: 100, recomputation: 1 });
    expect(cutWindow(100, kept, bytesOf(100, 100) - 1).count).toBe(2);
    expect(cutWindow(1, kept, bytesOf(1, 1))).toEqual({ steps: 1, count: 1, last: 1, recomputation: 1 });
  });

  it("cuts it into the fewest segments that fit, the last of which may be shorter", () => {
    expect(cutWindow(100, kept, bytesOf(100, 50))).toEqual({ steps: 50, count: 2, last: 50, recomputation: 1.5 });
    expect(cutWindow(100, kept, bytesOf(100, 34))).toEqual({ steps: 34, count: 3, last: 32, recomputation: 1.68 });
    expect(cutWindow(100, kept, bytesOf(100, 20))).toEqual({ steps: 20, count: 5, last: 20, recomputation: 1.8 });
  });

  it("computes every step once, and those of all segments but the last twice", () => {
    const sizes = fc.integer({ min: 1, max: 50 });
    const arbitrary = fc.record({ perStep: sizes, perSegment: sizes, perCheckpoint: sizes });
    fc.assert(
      fc.property(arbitrary, fc.integer({ min: 1, max: 300 }), fc.double({ min: 0, max: 1 }), (kept, window, share) => {
        const all = Array.from({ length: window }, (_, index) => Math.ceil(window / (index + 1)));
        const least = Math.min(...all.map((steps) => bytesOf(window, steps, kept)));
        const most = bytesOf(window, window, kept);
        const budget = Math.ceil(least + share * (most - least));
        const { steps, count, last, recomputation } = cutWindow(window, kept, budget);
        expect((count - 1) * steps + last).toBe(window);
        expect(last >= 1 && last <= steps).toBe(true);
        expect(bytesOf(window, steps, kept)).toBeLessThanOrEqual(budget);
        // No cut with fewer segments fits.
        const longer = all.filter((candidate) => Math.ceil(window / candidate) < count);
        expect(longer.filter((candidate) => bytesOf(window, candidate, kept) <= budget)).toEqual([]);
        // Two passes over what a window has, less one over its last segment.
        expect(recomputation * window).toBeCloseTo(count === 1 ? window : 2 * window - last, 6);
        expect(recomputation).toBeLessThan(2);
      }),
      { numRuns: 300, seed: 7 },
    );
  });

  it("refuses a budget that no cut fits, and says what the best one needs", () => {
    // Segments of 17 need 7 checkpoints, those of 15 need 8, which is as much in all.
    const error = refusal(() => cutWindow(100, kept, 1000));
    expect(error).toBeInstanceOf(SpecError);
    const needed = bytesOf(100, 17);
    expect((error as SpecError).message).toBe(
      "options.trajectoryBytes is 1000, too little for a window of 100 steps: cut as well as can be, into segments of " +
        `17 steps, it needs ${needed}. Raise it, or lower learning.window or options.batch.`,
    );
    expect(error).toMatchObject({
      code: "SPEC_INVALID",
      details: { path: "options.trajectoryBytes", bytes: 1000, needed },
    });
    expect(cutWindow(100, kept, needed).steps).toBe(17);
    expect(refusal(() => cutWindow(100, kept, needed - 1))).toMatchObject({ details: { needed } });
  });

  it("is quick for the longest window", () => {
    const started = performance.now();
    refusal(() => cutWindow(2 ** 20, kept, 100));
    // A loop over a million candidates, not one over all steps of each.
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe("checkpointsOf", () => {
  it("are the starts of all segments and the end; of a window that is kept whole, the end", () => {
    expect([1, 2, 3, 10].map(checkpointsOf)).toEqual([1, 3, 4, 11]);
  });
});
