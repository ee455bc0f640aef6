import { describe, expect, test } from "vitest";
import { createRandom, initialize, philox, uniformParameter, type Quad } from "../../src/random.ts";

describe("philox", () => {
  // The known answers published with Random123.
  test.each<[string, Quad, readonly [number, number], Quad]>([
    ["zeros", [0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
    [
      "ones",
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      "digits of pi",
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])("known answer: %s", (_, counter, key, expected) => {
    expect(philox(counter, key)).toEqual(expected);
  });
});

describe("initial parameters", () => {
  const init = { kind: "uniform", bound: 0.3 } as const;

  test("are the numbers of their stream, scaled in f32", () => {
    const values = initialize(init, 2 ** 40 + 7, 3, 10);
    for (const [index, value] of values.entries()) {
      const f = uniformParameter(2 ** 40 + 7, 3, index);
      // Each operation rounded to f32, as on the GPU.
      expect(value).toBe(Math.fround(Math.fround(Math.fround(2 * f) - 1) * Math.fround(0.3)));
    }
  });

  test("come from the counter [block, 0, stream, 0] and the seed's low and high words", () => {
    const words = philox([1, 0, 3, 0], [7, 256]);
    expect([4, 5, 6, 7].map((index) => uniformParameter(2 ** 40 + 7, 3, index))).toEqual(
      words.map((word) => (word >>> 8) / 2 ** 24),
    );
  });

  test("beyond 2^34 parameters the block number takes a second word", () => {
    const [word] = philox([5, 1, 0, 0], [0, 0]);
    expect(uniformParameter(0, 0, 4 * (2 ** 32 + 5))).toBe((word >>> 8) / 2 ** 24);
  });

  test("a shorter block is the start of a longer one", () => {
    expect(initialize(init, 1, 0, 5)).toEqual(initialize(init, 1, 0, 9).subarray(0, 5));
  });

  test("seeds and streams differ", () => {
    expect(initialize(init, 1, 0, 4)).not.toEqual(initialize(init, 2, 0, 4));
    expect(initialize(init, 1, 0, 4)).not.toEqual(initialize(init, 1, 1, 4));
    expect(initialize(init, 1, 0, 4)).not.toEqual(initialize(init, 1 + 2 ** 32, 0, 4));
  });

  test("fill the interval evenly", () => {
    const values = initialize({ kind: "uniform", bound: 1 }, 42, 0, 40_000);
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const square = values.reduce((sum, x) => sum + x * x, 0) / values.length;
    // Standard errors are 0.0029 and 0.0015: five of them.
    expect(Math.abs(mean)).toBeLessThan(0.015);
    expect(Math.abs(square - 1 / 3)).toBeLessThan(0.0075);
    expect(values.every((x) => x >= -1 && x < 1)).toBe(true);
  });

  test("a constant is one value", () => {
    expect(initialize({ kind: "constant", value: 0.1 }, 0, 0, 3)).toEqual(Float32Array.of(0.1, 0.1, 0.1));
  });

  test.each([-1, 0.5, NaN, 2 ** 53])("refuse the seed %s", (seed) => {
    const message = `seed is ${seed}, but must be an integer from 0 to 9007199254740991.`;
    expect(() => initialize(init, seed, 0, 1)).toThrow(message);
    expect(() => createRandom(seed)).toThrow(message);
  });
});

describe("createRandom", () => {
  test("starts anew with every call and differs by seed and stream", () => {
    const draw = (seed: number, stream?: number): number[] => {
      const random = createRandom(seed, stream);
      return [random.uniform(), random.uniform(), random.integer(1000), random.uniform()];
    };
    expect(draw(5)).toEqual(draw(5, 0));
    expect(draw(5)).not.toEqual(draw(6));
    expect(draw(5)).not.toEqual(draw(5, 1));
  });

  test("is apart from the parameters of the same seed and stream", () => {
    const [first] = philox([0, 0, 0, 1], [9, 0]);
    expect(createRandom(9).integer(2 ** 32)).toBe(first);
    expect(first >>> 8).not.toBe(uniformParameter(9, 0, 0) * 2 ** 24);
  });

  test("uniform has 53 bits", () => {
    const [a, b] = philox([0, 0, 0, 1], [9, 0]);
    expect(createRandom(9).uniform()).toBe(Number((BigInt(a >>> 5) << 26n) + BigInt(b >>> 6)) / 2 ** 53);
  });

  test("integer is even and redraws what would bias it", () => {
    const random = createRandom(1);
    const n = 3 * 2 ** 30;
    const counts = [0, 0, 0];
    // A plain remainder would put half of the numbers into the first third.
    for (let i = 0; i < 6000; i++) {
      const third = Math.floor(random.integer(n) / 2 ** 30);
      counts[third] = (counts[third] ?? 0) + 1;
    }
    // Standard deviation 36.5: five of them.
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(183);
    expect(createRandom(1).integer(1)).toBe(0);
  });

  test.each([0, -1, 1.5, 2 ** 32 + 1, NaN])("integer refuses the bound %s", (n) => {
    expect(() => createRandom(0).integer(n)).toThrow(`n is ${n}, but must be an integer from 1 to 4294967296.`);
  });

  test("permutation holds every number once, each equally often in each place", () => {
    const random = createRandom(3);
    const sums = [0, 0, 0, 0];
    for (let i = 0; i < 4000; i++) {
      const order = random.permutation(4);
      expect(order.toSorted()).toEqual(Uint32Array.of(0, 1, 2, 3));
      for (const [place, value] of order.entries()) sums[place] = (sums[place] ?? 0) + value;
    }
    // Mean 6000, standard deviation sqrt(4000 * 1.25) = 71: five of them.
    for (const sum of sums) expect(Math.abs(sum - 6000)).toBeLessThan(354);
    expect(random.permutation(0)).toEqual(new Uint32Array(0));
  });
});
