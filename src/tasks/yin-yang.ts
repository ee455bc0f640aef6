/**
 * Yin-Yang: points in a disk, to be told apart by whether they lie in the yin, the yang or one of the two dots of the
 * symbol. Kriener, Göltz and Petrovici, arXiv 2102.08211 (their code: MIT); an independent implementation from the
 * description, which gives the same points. The inputs do not change in time.
 */

import { SpecError } from "../errors.ts";
import { createNumpyRandom, type NumpyRandom } from "./numpy-random.ts";

/** x, y, 1 - x and 1 - y: the mirrored values make up for neurons without a bias. */
export const YIN_YANG_FEATURES = 4;
export const YIN_YANG_CLASSES = 3;

/** The three sets that publications use. */
export const YIN_YANG_SETS = {
  train: { samples: 5000, seed: 42 },
  validation: { samples: 1000, seed: 41 },
  test: { samples: 1000, seed: 40 },
} as const satisfies Readonly<Record<string, YinYangOptions>>;

/** Radius of the disk, whose centre is (RADIUS, RADIUS), and of a dot. */
const RADIUS = 0.5;
const DOT_RADIUS = 0.1;

const YANG = 0;
const YIN = 1;
const DOT = 2;

export interface YinYangOptions {
  /** Default 5000. */
  readonly samples?: number;
  /** Integer from 0 to 2^32 - 1. Default 42. */
  readonly seed?: number;
}

export interface YinYangSet {
  readonly count: number;
  /** [sample][YIN_YANG_FEATURES], 0 to 1. */
  readonly features: Float64Array;
  /** Class of each sample: 0 yang, 1 yin, 2 dot. */
  readonly labels: Uint8Array;
}

/**
 * Draws a set, the same one for the same options; a smaller set is the start of a larger one. The class of a sample is
 * drawn first, so the classes are about equally frequent, then points until one lies in it.
 *
 * @throws SpecError if `samples` is not a positive integer or `seed` is out of range.
 */
export function createYinYang({ samples = 5000, seed = 42 }: YinYangOptions = {}): YinYangSet {
  if (!Number.isSafeInteger(samples) || samples < 1) {
    throw new SpecError("yinYang.samples", `is ${samples}; expected an integer of at least 1.`, { value: samples });
  }
  const random = createNumpyRandom(seed);
  const features = new Float64Array(samples * YIN_YANG_FEATURES);
  const labels = new Uint8Array(samples);
  for (let sample = 0; sample < samples; sample++) {
    const label = random.integer(YIN_YANG_CLASSES);
    const [x, y] = pointOf(label, random);
    features.set([x, y, 1 - x, 1 - y], sample * YIN_YANG_FEATURES);
    labels[sample] = label;
  }
  return { count: samples, features, labels };
}

function pointOf(label: number, random: NumpyRandom): readonly [number, number] {
  for (;;) {
    const x = random.uniform() * 2 * RADIUS;
    const y = random.uniform() * 2 * RADIUS;
    if (distance(x, y, RADIUS) <= RADIUS && yinYangClass(x, y) === label) return [x, y];
  }
}

/** Class of a point of the disk: 0 yang, 1 yin, 2 dot. */
export function yinYangClass(x: number, y: number): number {
  const right = distance(x, y, 1.5 * RADIUS);
  const left = distance(x, y, 0.5 * RADIUS);
  if (right < DOT_RADIUS || left < DOT_RADIUS) return DOT;
  const isYin =
    right <= DOT_RADIUS || (left > DOT_RADIUS && left <= 0.5 * RADIUS) || (y > RADIUS && right > 0.5 * RADIUS);
  return isYin ? YIN : YANG;
}

/** To a point at `centre` on the horizontal diameter. */
function distance(x: number, y: number, centre: number): number {
  return Math.sqrt((x - centre) ** 2 + (y - RADIUS) ** 2);
}
