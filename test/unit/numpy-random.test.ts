import { describe, expect, test } from "vitest";
import { SpecError } from "../../src/errors.ts";
import { createNumpyRandom, type NumpyRandom } from "../../src/tasks/numpy-random.ts";

/** Numbers to compare with are NumPy's own (`numpy.random.RandomState`), printed in full. */

type Draw = (random: NumpyRandom) => number;

const word: Draw = (random) => random.word();
const uniform: Draw = (random) => random.uniform();
const gaussian: Draw = (random) => random.gaussian();
const below =
  (n: number): Draw =>
  (random) =>
    random.integer(n);

function times(count: number, draw: Draw, random: NumpyRandom): number[] {
  return Array.from({ length: count }, () => draw(random));
}

/** Logarithm and root of two hosts differ by a few of their last bits, 2.2e-16 each; the values are below 4. */
const LAST_BITS = 4e-15;

describe("P21: the random numbers of NumPy", () => {
  test("words of seed 42", () => {
    expect(times(3, word, createNumpyRandom(42))).toEqual([1608637542, 3421126067, 4083286876]);
  });

  test("the 10,000th word of the generator's usual seed is the one that the C++ standard demands", () => {
    expect(times(10_000, word, createNumpyRandom(5489)).at(-1)).toBe(4123659995);
  });

  test("the largest seed", () => {
    expect(times(3, word, createNumpyRandom(2 ** 32 - 1))).toEqual([419326371, 479346978, 3918654476]);
  });

  test("uniform numbers, bit for bit", () => {
    expect(times(3, uniform, createNumpyRandom(42))).toEqual([
      0.3745401188473625, 0.9507143064099162, 0.7319939418114051,
    ]);
    expect(times(3, uniform, createNumpyRandom(0))).toEqual([
      0.5488135039273248, 0.7151893663724195, 0.6027633760716439,
    ]);
  });

  test("gaussian numbers", () => {
    const values = times(4, gaussian, createNumpyRandom(42));
    const expected = [0.4967141530112327, -0.13826430117118466, 0.6476885381006925, 1.5230298564080254];
    for (const [i, value] of values.entries()) expect(Math.abs(value - (expected[i] ?? NaN))).toBeLessThan(LAST_BITS);
  });

  test("100,000 gaussian numbers: the last of them, their mean and their mean square", () => {
    const values = times(100_000, gaussian, createNumpyRandom(7));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const square = values.reduce((sum, value) => sum + value ** 2, 0) / values.length;
    expect(Math.abs((values.at(-1) ?? NaN) - 0.492573295122291)).toBeLessThan(LAST_BITS);
    // Sums of 100,000 values, in another order than NumPy's: about sqrt(1e5) roundings of 1e-16.
    expect(Math.abs(mean + 0.0028877495208153134)).toBeLessThan(1e-13);
    expect(Math.abs(square - 0.9902982951827579)).toBeLessThan(1e-12);
  });

  test("draws of all kinds in turn: the second of a pair of gaussian numbers waits", () => {
    const random = createNumpyRandom(7);
    const draws = [gaussian, uniform, below(48), gaussian, gaussian, below(1), gaussian, below(1000003)];
    const drawn = draws.map((draw) => draw(random));
    const expected = [
      1.690525703800356, 0.9779895119966027, 14, -0.4659373705408328, -0.38546850747456957, 0, -0.220251441403682,
      784938,
    ];
    for (const [i, value] of drawn.entries()) expect(Math.abs(value - (expected[i] ?? NaN))).toBeLessThan(LAST_BITS);
    expect([...random.permutation(12)]).toEqual([1, 5, 2, 3, 11, 9, 0, 4, 6, 7, 8, 10]);
    expect(uniform(random)).toBe(0.9095935277196137);
  });

  test("integers below 48, below 2^31 + 1 and below 2^32", () => {
    const random = createNumpyRandom(7);
    expect(times(12, below(48), random)).toEqual([47, 4, 25, 3, 19, 23, 39, 28, 14, 23, 8, 25]);
    expect(times(4, below(2 ** 31 + 1), random)).toEqual([309457262, 1801189930, 1152936666, 68334472]);
    expect(times(2, below(2 ** 32), random)).toEqual([2146978983, 2266732518]);
  });

  test("one number is no draw, and one thing is in order", () => {
    const random = createNumpyRandom(42);
    expect(random.integer(1)).toBe(0);
    expect([...random.permutation(1)]).toEqual([0]);
    expect(random.word()).toBe(1608637542);
  });
});

describe("the random numbers of NumPy refuse", () => {
  test.each([-1, 0.5, NaN, 2 ** 32])("seed %d", (seed) => {
    expect(() => createNumpyRandom(seed)).toThrow(SpecError);
    expect(() => createNumpyRandom(seed)).toThrow(`seed is ${seed}, but must be an integer from 0 to 4294967295.`);
  });

  test.each([0, 1.5, NaN, 2 ** 32 + 1])("n of %d", (n) => {
    const random = createNumpyRandom(1);
    expect(() => random.integer(n)).toThrow(SpecError);
    expect(() => random.permutation(n)).toThrow(`n is ${n}, but must be an integer from 1 to 4294967296.`);
  });
});
