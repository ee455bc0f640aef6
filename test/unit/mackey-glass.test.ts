import { describe, expect, it } from "vitest";
import { SpecError } from "../../src/errors.ts";
import {
  mackeyGlassData,
  mackeyGlassSeries,
  nrmse,
  persistence,
  type MackeyGlassOptions,
} from "../../src/tasks/mackey-glass.ts";

/**
 * x at 17, 34, 100, 200 and 300 from numpy's Chebyshev series, interval by interval of one delay: there x is an integral of
 * what is known already. Degrees 100, 300 and 500 agree to 5e-15 up to time 200 and to 6e-15 at 300.
 */
const TIMES = [17, 34, 100, 200, 300];
const CONSTANT = [0.9078608560458789, 1.2835939744355487, 1.0500205070525117, 0.9426105151651272, 1.003969448501628];
const SINE = [1.1092302834315186, 1.086072168485369, 0.7240787658574831, 0.7844479080641074, 0.7372003828229645];
const sine = (time: number): number => 1 + 0.3 * Math.sin((2 * Math.PI * time) / 20);

function errors(history: (time: number) => number, expected: readonly number[], stepsPerUnit = 10): number[] {
  const found = mackeyGlassSeries({ units: 300, stepsPerUnit, history });
  return expected.map((value, i) => Math.abs((found[TIMES[i] ?? 0] ?? NaN) - value));
}

describe("the equation", () => {
  it("stays at its fixed point: 0.2 / 2 = 0.1", () => {
    const values = mackeyGlassSeries({ units: 500, history: () => 1 });
    expect(values).toHaveLength(501);
    expect(Math.max(...values.map((x) => Math.abs(x - 1)))).toBeLessThan(1e-14);
  });

  it("is an exponential for as long as a constant history lasts", () => {
    const level = (0.2 * 0.5) / (1 + 0.5 ** 10) / 0.1;
    const found = mackeyGlassSeries({ units: 17, history: () => 0.5 });
    const wrong = found.map((x, time) => Math.abs(x - (level + (0.5 - level) * Math.exp(-0.1 * time))));
    expect(Math.max(...wrong)).toBeLessThan(2e-11);
  });

  it("has the values of another method", () => {
    expect(Math.max(...errors(() => 0.5, CONSTANT))).toBeLessThan(3e-9);
    expect(Math.max(...errors(sine, SINE))).toBeLessThan(7e-9);
  });

  it.each([
    ["a constant history, which starts with a kink", () => 0.5, CONSTANT],
    ["a sine", sine, SINE],
  ])("is of fourth order: %s", (_, history, expected) => {
    const [coarse, fine, finest] = [5, 10, 20].map((steps) => Math.max(...errors(history, expected, steps)));
    // Half the step, a sixteenth of the error.
    for (const ratio of [(coarse ?? 0) / (fine ?? 0), (fine ?? 0) / (finest ?? 0)]) {
      expect(ratio).toBeGreaterThan(15.8);
      expect(ratio).toBeLessThan(16.2);
    }
  });
});

it("is the same to the bit in every engine: after 5000 units, in the chaos, as in Python", () => {
  // The same products, sums and quotients in CPython 3, whose numbers are those of IEEE 754, too.
  const values = mackeyGlassSeries({ units: 5000, history: (time) => 1.2 + time / 100 });
  expect([values[1000], values[5000]]).toEqual([0.9400792733612229, 0.8446594499329069]);
});

describe("the sequences", () => {
  const data = mackeyGlassData();

  it("have the shape that all tasks have", () => {
    const { train, validation, test } = data;
    expect([train, validation, test].map((part) => part?.count)).toEqual([64, 16, 16]);
    expect([train.frames, train.channels, train.inputs.length]).toEqual([200, 1, 12_800]);
    expect(train.answers).toMatchObject({ kind: "values", outputs: 1 });
    expect(data.classes).toBeNull();
  });

  it.each([1, 6])("tell what comes %i units later, across sequences", (ahead) => {
    const { inputs, answers } = mackeyGlassData({ ahead, train: 3, frames: 50 }).train;
    const targets = answers.kind === "values" ? answers.targets : new Float32Array();
    expect(targets).toHaveLength(150);
    expect(targets.subarray(0, 150 - ahead)).toEqual(inputs.subarray(ahead));
  });

  it("have mean 0 and deviation 1 where they train, and nearly so elsewhere", () => {
    const figures = [data.train, data.validation ?? data.test, data.test].map(({ inputs }) => {
      const mean = inputs.reduce((sum, x) => sum + x, 0) / inputs.length;
      return [mean, Math.sqrt(inputs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / inputs.length)];
    });
    expect(figures[0]?.[0]).toBeCloseTo(0, 6);
    expect(figures[0]?.[1]).toBeCloseTo(1, 6);
    for (const [mean = NaN, deviation = NaN] of figures.slice(1)) {
      expect(Math.abs(mean)).toBeLessThan(0.1);
      expect(Math.abs(deviation - 1)).toBeLessThan(0.1);
    }
  });

  it("are the same for the same seed, and others for another and in other parts", () => {
    const short = { train: 2, validation: 0, test: 1 };
    expect(mackeyGlassData({ ...short, seed: 0 })).toEqual(mackeyGlassData(short));
    const other = mackeyGlassData({ seed: 1 });
    const starts = [data.train, data.test, data.validation ?? data.test, other.train].map(({ inputs }) => inputs[0]);
    expect(new Set(starts).size).toBe(4);
    expect(mackeyGlassData({ validation: 0 }).validation).toBeNull();
  });
});

describe("figures", () => {
  it("of a prediction: 0 where it is right, 1 for the mean", () => {
    expect(nrmse([1, 2, 3], [1, 2, 3])).toBe(0);
    expect(nrmse([2, 2, 2], [1, 2, 3])).toBeCloseTo(1, 12);
    expect(nrmse([0, 0, 4, 4], [0, 2, 2, 4])).toBeCloseTo(1, 12);
  });

  it("of no change: small one unit ahead, large six ahead", () => {
    const [near, far] = [1, 6].map((ahead) => persistence(mackeyGlassData({ ahead }).test));
    expect(near).toBeCloseTo(0.146, 2);
    expect(far).toBeCloseTo(0.82, 2);
  });
});

describe("refuses", () => {
  it.each<[MackeyGlassOptions, string]>([
    [{ ahead: 0 }, "mackeyGlass.ahead is 0, but must be an integer from 1 to 1000."],
    [{ frames: 2.5 }, "mackeyGlass.frames is 2.5, but must be an integer from 1 to 100000."],
    [{ seed: -1 }, `mackeyGlass.seed is -1, but must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}.`],
    [{ frame: 3 } as MackeyGlassOptions, 'mackeyGlass.frame is not a known field. Did you mean "frames"?'],
    [
      { train: 100_000, frames: 100_000 },
      "mackeyGlass would have 100000 sequences of 100000 frames of 1 channels: 40000000000 bytes, but at most 1073741824; ask for fewer.",
    ],
  ])("%j", (options, message) => {
    expect(() => mackeyGlassData(options)).toThrow(SpecError);
    expect(() => mackeyGlassData(options)).toThrow(message);
  });

  it("a step that is no part of a unit", () => {
    expect(() => mackeyGlassSeries({ units: 5, stepsPerUnit: 0.5, history: () => 1 })).toThrow(
      "mackeyGlass.stepsPerUnit is 0.5, but must be an integer from 1 to 10000.",
    );
  });
});
