/**
 * Random numbers by counting (Philox 4x32-10): the n-th number of a stream is a function of seed, stream and n alone,
 * so any order of evaluation, on the host or on the GPU, gives the same bits.
 */

import { SpecError } from "./errors.ts";
import type { Init, Network } from "./spec.ts";

export type Quad = readonly [number, number, number, number];

const MULTIPLIER = [0xd2511f53, 0xcd9e8d57] as const;
const WEYL = [0x9e3779b9, 0xbb67ae85] as const;

/** Ten rounds of Philox 4x32: four unsigned 32-bit words from a counter and a key of such words. */
export function philox(counter: Quad, key: readonly [number, number]): Quad {
  let [a, b, c, d] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(MULTIPLIER[0], a);
    const low0 = Math.imul(MULTIPLIER[0], a);
    const high1 = multiplyHigh(MULTIPLIER[1], c);
    const low1 = Math.imul(MULTIPLIER[1], c);
    [a, b, c, d] = [(high1 ^ b ^ k0) >>> 0, low1 >>> 0, (high0 ^ d ^ k1) >>> 0, low0 >>> 0];
    k0 = (k0 + WEYL[0]) >>> 0;
    k1 = (k1 + WEYL[1]) >>> 0;
  }
  return [a, b, c, d];
}

/** Upper 32 bits of the product of two unsigned 32-bit numbers, from 16-bit halves as WGSL has to do it. */
function multiplyHigh(x: number, y: number): number {
  const [x0, x1, y0, y1] = [x & 0xffff, x >>> 16, y & 0xffff, y >>> 16];
  const middle = x1 * y0 + Math.floor((x0 * y0) / 0x10000);
  const carry = x0 * y1 + (middle % 0x10000);
  return (x1 * y1 + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

// ---- initial parameters -------------------------------------------------------------------------------------

/** The last word of the counter keeps the numbers of parameters and those of `createRandom` apart. */
const PARAMETERS = 0;
const HOST = 1;

/** Stream of the biases of the population at `position`; the weights of projection p take stream p. */
export function biasStream(network: Network, position: number): number {
  return network.projections.length + position;
}

/** Stream of the fixed random weights that carry errors back through projection `position`. */
export function feedbackStream(network: Network, position: number): number {
  return network.projections.length + network.populations.length + position;
}

/** The `index`-th number of a parameter stream, in [0, 1), a multiple of 2^-24. */
export function uniformParameter(seed: number, stream: number, index: number): number {
  const words = block(seed, stream, Math.floor(index / 4), PARAMETERS);
  return ((words[index % 4] as number) >>> 8) * 2 ** -24;
}

/**
 * `count` initial values of a parameter block, the very bits that the GPU makes: (2 f - 1) is exact in f32, so one
 * rounding of its product with the f32 bound is what f32 arithmetic gives.
 *
 * @param seed Integer from 0 to 2^53 - 1.
 * @throws SpecError if it is not.
 */
export function initialize(init: Init, seed: number, stream: number, count: number): Float32Array {
  checkSeed(seed);
  const values = new Float32Array(count);
  if (init.kind === "constant") return values.fill(init.value);
  const bound = Math.fround(init.bound);
  for (let start = 0; start < count; start += 4) {
    for (const [offset, word] of block(seed, stream, start / 4, PARAMETERS).entries()) {
      if (start + offset < count) values[start + offset] = (2 * (word >>> 8) * 2 ** -24 - 1) * bound;
    }
  }
  return values;
}

/** Four words: `position` counts blocks, up to 2^53. */
function block(seed: number, stream: number, position: number, use: number): Quad {
  return philox([low(position), high(position), stream, use], [low(seed), high(seed)]);
}

function low(value: number): number {
  return value >>> 0;
}

function high(value: number): number {
  return Math.floor(value / 2 ** 32);
}

/** @throws SpecError unless `seed` is an integer from 0 to 2^53 - 1. */
export function checkSeed(seed: number): void {
  if (Number.isSafeInteger(seed) && seed >= 0) return;
  throw new SpecError("seed", `is ${seed}, but must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}.`);
}

// ---- numbers for tasks --------------------------------------------------------------------------------------

/** A sequence of random numbers that starts anew with every call of `createRandom`. */
export interface Random {
  /** In [0, 1), with 53 random bits. */
  uniform(): number;
  /** From 0 to n - 1, each equally likely; n from 1 to 2^32. @throws SpecError for another n. */
  integer(n: number): number;
  /** The numbers 0 to n - 1 in random order. */
  permutation(n: number): Uint32Array;
}

/** @throws SpecError unless `seed` is an integer from 0 to 2^53 - 1. */
export function createRandom(seed: number, stream = 0): Random {
  checkSeed(seed);
  let drawn = 0;
  let words: Quad = [0, 0, 0, 0];

  const word = (): number => {
    const place = drawn % 4;
    if (place === 0) words = block(seed, stream, drawn / 4, HOST);
    drawn += 1;
    return words[place] as number;
  };

  const integer = (n: number): number => {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) {
      throw new SpecError("n", `is ${n}, but must be an integer from 1 to ${2 ** 32}.`);
    }
    // Words in the incomplete last run of n would favour small remainders, so they are drawn again.
    const limit = 2 ** 32 - (2 ** 32 % n);
    let candidate = word();
    while (candidate >= limit) candidate = word();
    return candidate % n;
  };

  return {
    uniform: () => ((word() >>> 5) * 2 ** 26 + (word() >>> 6)) / 2 ** 53,
    integer,
    permutation: (n) => {
      const order = Uint32Array.from({ length: n }, (_, i) => i);
      for (let last = n - 1; last > 0; last--) {
        const other = integer(last + 1);
        const kept = order[last] ?? 0;
        order[last] = order[other] ?? 0;
        order[other] = kept;
      }
      return order;
    },
  };
}
