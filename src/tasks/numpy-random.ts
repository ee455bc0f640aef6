/**
 * The random numbers that NumPy draws after `numpy.random.seed`: data sets that were published as a program and a seed
 * need these very numbers. The Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998) and NumPy's ways of making
 * numbers of its words, an independent implementation from their description. Everything else uses `src/random.ts`.
 */

import { SpecError } from "../errors.ts";

const WORDS = 624;
/** How far ahead the recurrence looks. */
const AHEAD = 397;
const UPPER_BIT = 0x80000000;
const LOWER_BITS = 0x7fffffff;
const TWIST = 0x9908b0df;
const LARGEST_WORD = 2 ** 32 - 1;

/** A generator. Its draws are those of a `numpy.random.RandomState` that is asked for the same in the same order. */
export interface NumpyRandom {
  /** The next 32 bits, 0 to 2^32 - 1. */
  word(): number;
  /** In [0, 1), a multiple of 2^-53, from two words; NumPy's `random_sample`. */
  uniform(): number;
  /**
   * Of mean 0 and deviation 1; NumPy's `randn`. They are made in pairs, and the second of a pair waits for the next
   * call, whatever else is drawn meanwhile. Equal to NumPy's but for the last digits, as logarithms differ in them.
   */
  gaussian(): number;
  /** From 0 to n - 1, each equally likely; NumPy's `randint(n)`. n from 1 to 2^32. @throws SpecError for another n. */
  integer(n: number): number;
  /** The numbers 0 to n - 1 in random order; NumPy's `permutation(n)`. n as above. @throws SpecError for another n. */
  permutation(n: number): Uint32Array;
}

/** @throws SpecError unless `seed` is an integer from 0 to 2^32 - 1. */
export function createNumpyRandom(seed: number): NumpyRandom {
  requireInteger("seed", seed, 0, LARGEST_WORD);
  const state = initialState(seed);
  let position = WORDS;
  let kept: number | undefined;

  const word = (): number => {
    if (position === WORDS) {
      renew(state);
      position = 0;
    }
    return tempered(state[position++] ?? 0);
  };

  const uniform = (): number => ((word() >>> 5) * 2 ** 26 + (word() >>> 6)) / 2 ** 53;

  const gaussian = (): number => {
    if (kept !== undefined) {
      const value = kept;
      kept = undefined;
      return value;
    }
    // The polar method: a point in the unit disk; the second of its two numbers is the first that is given.
    let x = 0;
    let y = 0;
    let square = 0;
    do {
      x = 2 * uniform() - 1;
      y = 2 * uniform() - 1;
      square = x * x + y * y;
    } while (square >= 1 || square === 0);
    const factor = Math.sqrt((-2 * Math.log(square)) / square);
    kept = factor * x;
    return factor * y;
  };

  /** From 0 to `last`: as many low bits of words as `last` has, until they are not above it. */
  const upTo = (last: number): number => {
    if (last === 0) return 0;
    const mask = LARGEST_WORD >>> Math.clz32(last);
    let candidate = (word() & mask) >>> 0;
    while (candidate > last) candidate = (word() & mask) >>> 0;
    return candidate;
  };

  return {
    word,
    uniform,
    gaussian,
    integer: (n) => {
      requireInteger("n", n, 1, 2 ** 32);
      return upTo(n - 1);
    },
    permutation: (n) => {
      requireInteger("n", n, 1, 2 ** 32);
      const order = Uint32Array.from({ length: n }, (_, i) => i);
      for (let last = n - 1; last > 0; last--) {
        const other = upTo(last);
        const moved = order[last] ?? 0;
        order[last] = order[other] ?? 0;
        order[other] = moved;
      }
      return order;
    },
  };
}

/** The words that one number starts with (`init_genrand` of the generator's authors). */
function initialState(seed: number): Uint32Array {
  const state = new Uint32Array(WORDS);
  let word = seed;
  for (let i = 0; i < WORDS; i++) {
    state[i] = word;
    word = Math.imul(1812433253, word ^ (word >>> 30)) + i + 1;
  }
  return state;
}

/** Replaces all words by the next ones. */
function renew(state: Uint32Array): void {
  for (let i = 0; i < WORDS; i++) {
    const joined = ((state[i] ?? 0) & UPPER_BIT) | ((state[(i + 1) % WORDS] ?? 0) & LOWER_BITS);
    const twisted = (joined >>> 1) ^ ((joined & 1) === 1 ? TWIST : 0);
    state[i] = (state[(i + AHEAD) % WORDS] ?? 0) ^ twisted;
  }
}

function tempered(word: number): number {
  let mixed = word ^ (word >>> 11);
  mixed ^= (mixed << 7) & 0x9d2c5680;
  mixed ^= (mixed << 15) & 0xefc60000;
  return (mixed ^ (mixed >>> 18)) >>> 0;
}

function requireInteger(path: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new SpecError(path, `is ${value}, but must be an integer from ${least} to ${most}.`, { value, least, most });
}
