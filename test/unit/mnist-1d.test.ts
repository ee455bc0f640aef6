import { describe, expect, test } from "vitest";
import { SpecError } from "../../src/errors.ts";
import { createMnist1d, mnist1dCurve, type Mnist1d, type Mnist1dOptions } from "../../src/tasks/mnist-1d.ts";

/**
 * The frozen file of the data set's authors is known by its figures of eight decimals; figures in full come from
 * another program, NumPy and SciPy after the same description. Sums and logarithms of the two differ in their last
 * bits: values below 6, of 5000 samples, by less than 3e-14.
 */
const PRINTED = 5.01e-9;
const FULL = 1e-12;

function expectNear(values: Iterable<number | undefined>, expected: readonly number[], tolerance: number): void {
  const found = [...values];
  expect(found).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(Math.abs((found[i] ?? NaN) - value)).toBeLessThan(tolerance);
}

function meanSize(values: Float64Array): number {
  return values.reduce((sum, value) => sum + Math.abs(value), 0) / values.length;
}

function countsOf(labels: Uint8Array): number[] {
  const counts = new Array<number>(10).fill(0);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}

/** They do not depend on the length of samples. */
function expectLabels({ train, test: held }: Mnist1d): void {
  expect([train.count, held.count]).toEqual([4000, 1000]);
  expect([train.labels.length, held.labels.length]).toEqual([4000, 1000]);
  expect([...train.labels.subarray(0, 20)]).toEqual([2, 6, 4, 5, 6, 6, 6, 0, 3, 1, 6, 9, 4, 3, 4, 5, 1, 9, 0, 3]);
  expect([...held.labels.subarray(0, 10)]).toEqual([2, 6, 3, 9, 4, 3, 1, 9, 5, 2]);
  const trained = [398, 396, 411, 394, 394, 402, 401, 404, 402, 398];
  expect(countsOf(train.labels)).toEqual(trained);
  expect(countsOf(held.labels)).toEqual(trained.map((count) => 500 - count));
}

describe("P21: MNIST-1D", () => {
  test("the curve of digit 0", () => {
    // Figures of five and six decimals.
    const start = [0, 0.23694, 0.355409, 0.414644, 0.473879];
    expectNear(mnist1dCurve(0).subarray(0, 5), start, 5.01e-7);
    const half = [
      0, 0.23693955110363696, 0.35540932665545544, 0.4146442144313647, 0.4738791022072739, 0.4738791022072739,
    ];
    expectNear(mnist1dCurve(0), [...half, ...half.toReversed()], FULL);
  });

  test("every curve starts at 0 and has a deviation of 1 / 6", () => {
    for (let digit = 0; digit < 10; digit++) {
      const curve = mnist1dCurve(digit);
      const mean = curve.reduce((sum, value) => sum + value, 0) / 12;
      const variance = curve.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 12;
      expect(curve[0]).toBe(0);
      expectNear([Math.sqrt(variance)], [1 / 6], FULL);
    }
  });

  test("40 values a sample, the default", () => {
    const data = createMnist1d();
    const { train, test: held } = data;
    expectLabels(data);
    expect([data.length, train.values.length, held.values.length]).toEqual([40, 160_000, 40_000]);
    const start = [-0.33200567, -0.47191037, -0.77869708, -1.00974083, -0.88235257, 0.10393481];
    expectNear(train.values.subarray(0, 6), start, PRINTED);
    expectNear(held.values.subarray(-40, -36), [-0.51932871, -0.69872276, -1.28103769, -2.16101485], PRINTED);
    expectNear([data.mean, data.deviation], [-0.00550751, 0.15467803], PRINTED);
    expectNear([data.mean, data.deviation], [-0.0055075064312771795, 0.15467803420593054], FULL);
    expectNear([train.values[0], train.values[39]], [-0.33200566736939013, -0.8901663884753127], FULL);
    expectNear([held.values.at(-40), held.values.at(-1)], [-0.5193287078205188, 1.1931518368352758], FULL);
    expectNear([meanSize(train.values), meanSize(held.values)], [0.7396143444199934, 0.7494469385216602], FULL);
  });

  test("360 values a sample", () => {
    const data = createMnist1d({ length: 360 });
    const { train, test: held } = data;
    expectLabels(data);
    expect([data.length, train.values.length, held.values.length]).toEqual([360, 1_440_000, 360_000]);
    const start = [-0.33216206, -0.30999689, -0.28783173, -0.26566657];
    expectNear(train.values.subarray(0, 4), start, PRINTED);
    expectNear(train.values.subarray(357, 360), [-0.83333022, -0.86276058, -0.89219095], PRINTED);
    expectNear([data.mean, data.deviation], [-0.00565471, 0.15416205], PRINTED);
    expectNear([data.mean, data.deviation], [-0.005654705915268672, 0.15416205222113807], FULL);
    const sets = [train.values, held.values];
    const least = Math.min(...sets.map((values) => values.reduce((a, b) => Math.min(a, b))));
    const most = Math.max(...sets.map((values) => values.reduce((a, b) => Math.max(a, b))));
    // Figures of seven decimals.
    expectNear([least, most], [-5.4968039, 4.6676372], 5.01e-8);
    expectNear([least, most], [-5.496803908473267, 4.667637241147109], FULL);
    expectNear([train.values[0], train.values[359]], [-0.33216205773182206, -0.8921909485498104], FULL);
    expectNear([held.values.at(-360), held.values.at(-1)], [-0.5201120703386578, 1.1981001644290619], FULL);
    expectNear([meanSize(train.values), meanSize(held.values)], [0.7381514475367166, 0.747497704369687], FULL);
  });

  test("another length, number of samples and seed", () => {
    const { train, test: held, ...whole } = createMnist1d({ length: 50, samples: 100, seed: 7 });
    expect(whole.length).toBe(50);
    expectNear([whole.mean, whole.deviation], [-0.007724663815951123, 0.1528878215965714], FULL);
    const labels = [9, 6, 9, 6, 2, 8, 5, 9, 3, 8, 7, 8, 6, 9, 5, 3, 6, 5, 5, 2];
    expect([...train.labels.subarray(0, 20)]).toEqual(labels);
    expect(countsOf(Uint8Array.of(...train.labels, ...held.labels))).toEqual(new Array<number>(10).fill(10));
    const start = [-0.46589089726003335, -0.4010541602014412, -0.29875126170893307];
    expectNear([...train.values.subarray(0, 3), held.values.at(-1)], [...start, 0.14225261421922206], FULL);
    expectNear([meanSize(train.values)], [0.7331725108758126], FULL);
  });
});

describe("MNIST-1D refuses", () => {
  test.each<[Mnist1dOptions, string]>([
    [{ length: 1 }, "mnist1d.length is 1; expected an integer of at least 2."],
    [{ length: 40.5 }, "mnist1d.length is 40.5; expected an integer of at least 2."],
    [{ samples: 0 }, "mnist1d.samples is 0; expected a multiple of 10 of at least 10."],
    [{ samples: 4999 }, "mnist1d.samples is 4999; expected a multiple of 10 of at least 10."],
    [{ seed: 2 ** 32 }, "seed is 4294967296, but must be an integer from 0 to 4294967295."],
  ])("%j", (options, message) => {
    expect(() => createMnist1d(options)).toThrow(SpecError);
    expect(() => createMnist1d(options)).toThrow(message);
  });

  test.each([-1, 10, 0.5])("digit %d", (digit) => {
    expect(() => mnist1dCurve(digit)).toThrow(`digit is ${digit}; expected an integer from 0 to 9.`);
  });
});
