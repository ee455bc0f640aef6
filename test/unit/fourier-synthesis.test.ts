import { describe, expect, it } from "vitest";
import { SpecError } from "../../src/errors.ts";
import {
  createFourierSynthesis,
  fourierSynthesisData,
  type FourierSynthesisOptions,
} from "../../src/tasks/fourier-synthesis.ts";

describe("Fourier synthesis", () => {
  const run = createFourierSynthesis();

  it("has fifty sines of 10 to 500 Hz, and 120,000 steps of which two thirds are learnt", () => {
    expect([run.dt, run.steps, run.learned]).toEqual([0.005, 120_000, 80_000]);
    expect([run.frequencies.length, run.frequencies[0], run.frequencies[49]]).toEqual([50, 10, 500]);
  });

  it("has sines of height 1 that start at 0", () => {
    // 10 Hz: a quarter of its 20,000 steps; 500 Hz has 400.
    expect(run.inputs(0, 1)).toEqual(new Float32Array(50));
    expect(run.inputs(5000, 1)[0]).toBe(1);
    expect(run.inputs(100, 1)[49]).toBe(1);
    expect(run.inputs(300, 1)[49]).toBe(-1);
    const late = run.inputs(119_999, 1);
    const error = late.map((value, k) => Math.abs(value - Math.sin(2 * Math.PI * 10 * (k + 1) * 119_999 * 5e-6)));
    expect(Math.max(...error)).toBeLessThan(1e-7);
  });

  it("has a target that rises from -1 to 1 in each of twelve periods of 50 ms", () => {
    const targets = run.targets(0, 120_000);
    expect([targets[0], targets[2500], targets[5000], targets[7500]]).toEqual([-1, -0.5, 0, 0.5]);
    const starts = [...targets.keys()].filter((step) => targets[step] === -1);
    expect(starts).toEqual(Array.from({ length: 12 }, (_, period) => 10_000 * period));
    expect(Math.max(...targets)).toBe(Math.fround(1 - 2 / 10_000));
  });

  it("is the same in pieces", () => {
    expect([...run.inputs(10, 3), ...run.inputs(13, 4)]).toEqual([...run.inputs(10, 7)]);
    expect([...run.targets(9999, 1), ...run.targets(10_000, 1)]).toEqual([...run.targets(9999, 2)]);
  });

  it("is one sequence that is learnt and one behind it", () => {
    const { train, validation, test, classes } = fourierSynthesisData();
    expect([train.count, train.frames, train.channels, test.count, test.frames]).toEqual([1, 80_000, 50, 1, 40_000]);
    expect([train.inputs.length, validation, classes]).toEqual([4_000_000, null, null]);
    expect(test.inputs.subarray(0, 50)).toEqual(run.inputs(80_000, 1));
    const targets = test.answers.kind === "values" ? test.answers.targets : new Float32Array();
    expect(targets).toHaveLength(40_000);
    expect(targets.subarray(0, 9)).toEqual(run.targets(80_000, 9));
  });

  it("takes other sizes", () => {
    const { train, test } = fourierSynthesisData({ dt: 0.5, steps: 300, sines: 2, period: 100 });
    expect([train.frames, test.frames, train.channels]).toEqual([200, 100, 2]);
    expect([train.inputs[2 * 50], test.answers.kind === "values" && test.answers.targets[50]]).toEqual([1, -0.5]);
  });
});

describe("refuses", () => {
  it.each<[FourierSynthesisOptions, string]>([
    [{ dt: 0 }, "fourierSynthesis.dt is 0, but must be a number from 0.000001 to 1000000."],
    [{ steps: 10, learned: 10 }, "fourierSynthesis.learned is 10, but must be an integer from 1 to 9."],
    [{ sines: 0 }, "fourierSynthesis.sines is 0, but must be an integer from 1 to 1000."],
    [{ tau: 1 } as FourierSynthesisOptions, "fourierSynthesis.tau is not a known field."],
  ])("%j", (options, message) => {
    expect(() => createFourierSynthesis(options)).toThrow(SpecError);
    expect(() => createFourierSynthesis(options)).toThrow(message);
  });

  it("steps outside the run", () => {
    const { inputs, targets } = createFourierSynthesis();
    const message = "fourierSynthesis.steps from 119999, 2 of them, are not among the 120000; ask for fewer.";
    expect(() => inputs(119_999, 2)).toThrow(message);
    expect(() => targets(119_999, 2)).toThrow(message);
  });
});
