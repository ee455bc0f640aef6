import { describe, expect, it } from "vitest";
import { previousDigit } from "../../src/tasks/presets.ts";
import { createPace } from "../../src/train/pace.ts";
import { etaAt } from "../../src/train/schedule.ts";

describe("the learning rate", () => {
  it("is held for 40 % of the run, then falls exponentially to 2 %", () => {
    const { schedule } = previousDigit;
    expect(etaAt(schedule, 0)).toBe(2e-3);
    expect(etaAt(schedule, 0.4)).toBe(2e-3);
    // Half way through the fall: the square root of 0.02 is 0.1414.
    expect(etaAt(schedule, 0.7)).toBeCloseTo(2.8284e-4, 8);
    expect(etaAt(schedule, 1)).toBeCloseTo(4e-5, 12);
  });
});

describe("the time left", () => {
  it("is exact from the first report on where the pace is steady", () => {
    const pace = createPace(100);
    expect(pace.advance(20, 10)).toBeCloseTo(40, 9);
    expect(pace.advance(40, 20)).toBeCloseTo(20, 9);
    expect(pace.advance(40, 20)).toBeCloseTo(0, 9);
  });

  it("follows a change of pace within some twenty reports", () => {
    const pace = createPace(1000);
    for (let report = 0; report < 30; report++) pace.advance(10, 1);
    let left = 0;
    for (let report = 0; report < 20; report++) left = pace.advance(10, 2);
    // 500 left at 0.2 s each are 100 s; 0.9^20 = 12 % of the old pace still counts.
    expect(left).toBeGreaterThan(90);
    expect(left).toBeLessThan(100);
  });
});
