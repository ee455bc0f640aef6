/** A device whose steps take known times; the pacer sees nothing but those. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Pacer } from "../../src/pacer.ts";

/** Chunks of a run on a device that needs `millisecondsPerStep(chunk)`, as [steps, milliseconds]. */
function chunksOf(pacer: Pacer, count: number, millisecondsPerStep: (chunk: number) => number): [number, number][] {
  return Array.from({ length: count }, (_, chunk) => {
    const steps = pacer.next();
    const milliseconds = steps * millisecondsPerStep(chunk);
    pacer.observe(steps, milliseconds);
    return [steps, milliseconds];
  });
}

describe("Pacer", () => {
  it("starts small and grows to the target", () => {
    const chunks = chunksOf(new Pacer(50), 8, () => 0.1);
    expect(chunks.map(([steps]) => steps)).toEqual([4, 16, 64, 256, 500, 500, 500, 500]);
  });

  it("aims at the target, and at 100 ms at most", () => {
    const settled = (target: number): number => chunksOf(new Pacer(target), 12, () => 0.25).at(-1)?.[1] ?? NaN;
    expect(settled(12)).toBe(12);
    expect(settled(100)).toBe(100);
    expect(settled(5000)).toBe(100);
  });

  it("does at least one step, however slow the device", () => {
    for (const target of [50, 1, 0, -1]) {
      const chunks = chunksOf(new Pacer(target), 5, () => 700);
      expect(chunks.slice(1).map(([steps]) => steps)).toEqual([1, 1, 1, 1]);
    }
  });

  it("follows a kernel that becomes ten times slower at once, and stays below 100 ms from then on", () => {
    const slowFrom = 6;
    const chunks = chunksOf(new Pacer(50), 12, (chunk) => (chunk < slowFrom ? 0.1 : 1));
    const stepsOf = (chunk: number): number => chunks[chunk]?.[0] ?? NaN;
    expect(stepsOf(slowFrom)).toBe(500);
    expect(stepsOf(slowFrom + 1)).toBeLessThanOrEqual(stepsOf(slowFrom) / 2);
    expect(stepsOf(slowFrom + 1)).toBe(50);
    for (const [, milliseconds] of chunks.slice(slowFrom + 1)) expect(milliseconds).toBeLessThanOrEqual(50);
  });

  it("recovers from one slow chunk by and by", () => {
    const steps = chunksOf(new Pacer(50), 40, (chunk) => (chunk === 6 ? 1 : 0.1)).map(([steps]) => steps);
    expect(steps[7]).toBe(50);
    for (let chunk = 8; chunk < 40; chunk++) expect(steps[chunk]).toBeGreaterThanOrEqual(steps[chunk - 1] ?? NaN);
    // Believed by a third each time: within a percent of its former size after 33 chunks.
    expect(steps.at(-1)).toBeGreaterThanOrEqual(495);
  });

  it("plans no more than a first chunk before it has seen one, since several are in flight", () => {
    const pacer = new Pacer(50);
    const unseen = [pacer.next(), pacer.next(), pacer.next()];
    expect(Math.max(...unseen)).toBeLessThanOrEqual(4);
  });

  it("never plans above 100 ms of what it knows", () => {
    const perStep = fc.double({ min: 1e-4, max: 200, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(perStep, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 1000 }),
        (times, target) => {
          const pacer = new Pacer(target);
          let known = 0;
          for (const time of times) {
            const steps = pacer.next();
            expect(Number.isInteger(steps)).toBe(true);
            expect(steps).toBeGreaterThanOrEqual(1);
            if (known > 0 && steps > 1) expect(steps * known).toBeLessThanOrEqual(100 * (1 + 1e-9));
            pacer.observe(steps, steps * time);
            // It may expect more than it saw last, never less.
            known = time;
          }
        },
      ),
      { seed: 5 },
    );
  });
});
