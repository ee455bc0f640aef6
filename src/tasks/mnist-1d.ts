/**
 * MNIST-1D: ten short curves, one for each digit, made hard to tell apart by padding, scaling, rotation, noise and
 * shear. Greydanus and Kobak, arXiv 2011.14439 (their code: Apache-2.0); the curves are theirs, the rest is an
 * independent implementation from the description, which gives the samples of their published file, to rounding. With
 * `length` 360 it is the variant on which Generalized Latent Equilibrium was tested.
 */

import { SpecError } from "../errors.ts";
import { createNumpyRandom, type NumpyRandom } from "./numpy-random.ts";

export const MNIST_1D_CLASSES = 10;

/** Heights of the curves, [digit][point]. */
const CURVES: readonly (readonly number[])[] = [
  [5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5],
  [5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5],
  [5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5],
  [5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5],
  [5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5],
  [5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5],
  [5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5],
  [5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5],
  [5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5],
  [5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5],
];
const CURVE_SHRINK = 6;

/** Zeros appended to a curve: at least the first, at most the second. */
const PADDING = [36, 60] as const;
/** Points of a curve and the most padding: the length at which samples are made. */
const POINTS = 12 + PADDING[1];
/** Keeps zeros of a curve apart from the zeros of its padding, which alone become noise. */
const NUDGE = 1e-8;
const SCALE = 0.4;
const MAX_ROTATION = 48;
const SMOOTH_NOISE = 0.25;
const WHITE_NOISE = 0.02;
const SHEAR = 0.75;
/** Of the Gaussian that smooths noise, in points. */
const SMOOTHING = 2;
const SMOOTHING_RADIUS = 4 * SMOOTHING;

/** Part of the shuffled samples that trains. */
const TRAIN_SHARE = 0.8;

export interface Mnist1dOptions {
  /** Values of a sample, at least 2. Default 40; the published code of Generalized Latent Equilibrium takes 360. */
  readonly length?: number;
  /** Training and test samples together, a multiple of the ten classes. Default 5000. */
  readonly samples?: number;
  /** Integer from 0 to 2^32 - 1. Default 42. */
  readonly seed?: number;
}

export interface Mnist1dSet {
  readonly count: number;
  /** [sample][length], in random order of the classes. */
  readonly values: Float64Array;
  /** Class of each sample, 0 to 9. */
  readonly labels: Uint8Array;
}

export interface Mnist1d {
  readonly length: number;
  /** The first 80 % of the samples. */
  readonly train: Mnist1dSet;
  /** The rest. */
  readonly test: Mnist1dSet;
  /** Mean and deviation of all values, of both sets, before they were brought to 0 and 1. */
  readonly mean: number;
  readonly deviation: number;
}

/**
 * Makes the data set, the same one for the same options. Labels, order and distortions do not depend on `length`. All
 * classes are equally frequent in both sets together, not in each.
 *
 * @throws SpecError if `length`, `samples` or `seed` is not valid.
 */
export function createMnist1d({ length = 40, samples = 5000, seed = 42 }: Mnist1dOptions = {}): Mnist1d {
  requireMultiple("mnist1d.length", length, 1, 2);
  requireMultiple("mnist1d.samples", samples, MNIST_1D_CLASSES, MNIST_1D_CLASSES);
  const random = createNumpyRandom(seed);
  const distorted = distortedCurves(samples, random);
  const values = new Float64Array(samples * length);
  const labels = new Uint8Array(samples);
  for (const [place, sample] of random.permutation(samples).entries()) {
    resample(row(distorted, sample, POINTS), row(values, place, length));
    labels[place] = classOf(sample, samples);
  }
  const { mean, deviation } = standardize(values, length);
  const trained = Math.floor(TRAIN_SHARE * samples);
  const part = (start: number, end: number): Mnist1dSet => ({
    count: end - start,
    values: values.subarray(start * length, end * length),
    labels: labels.subarray(start, end),
  });
  return { length, train: part(0, trained), test: part(trained, samples), mean, deviation };
}

/** The curve of a digit, 12 values: of one variance for all digits, starting at 0. @throws SpecError unless 0 to 9. */
export function mnist1dCurve(digit: number): Float64Array {
  const curve = CURVES[digit];
  if (curve === undefined) throw new SpecError("digit", `is ${digit}; expected an integer from 0 to 9.`);
  const scaled = Float64Array.from(curve);
  standardize(scaled, scaled.length);
  const first = scaled[0] ?? 0;
  return scaled.map((value) => (value - first) / CURVE_SHRINK);
}

// ---- distortions --------------------------------------------------------------------------------------------

/** All samples in the order of their classes, [sample][POINTS]. */
function distortedCurves(samples: number, random: NumpyRandom): Float64Array {
  const curves = CURVES.map((_, digit) => mnist1dCurve(digit).map((value) => value + NUDGE));
  const kernel = gaussianKernel();
  const distorted = new Float64Array(samples * POINTS);
  for (let sample = 0; sample < samples; sample++) {
    const curve = curves[classOf(sample, samples)] ?? new Float64Array();
    distort(curve, kernel, random, row(distorted, sample, POINTS));
  }
  return distorted;
}

/** The order of the draws is part of the data set. */
function distort(curve: Float64Array, kernel: Float64Array, random: NumpyRandom, out: Float64Array): void {
  const [least, most] = PADDING;
  const padded = new Float64Array(curve.length + least + Math.floor(random.uniform() * (most - least + 1)));
  padded.set(curve);
  resample(padded, out);
  const scale = 1 + SCALE * (random.uniform() - 0.5);
  for (let i = 0; i < POINTS; i++) out[i] = (out[i] ?? 0) * scale;
  rotateRight(out, random.integer(MAX_ROTATION));
  // Smooth noise is drawn for all points, and used for those of the padding.
  const smooth = smoothed(gaussians(SMOOTH_NOISE, random), kernel);
  const white = gaussians(WHITE_NOISE, random);
  const slope = SHEAR * (random.uniform() - 0.5);
  for (let i = 0; i < POINTS; i++) {
    const value = out[i] === 0 ? smooth[i] : out[i];
    out[i] = (value ?? 0) + (white[i] ?? 0) - slope * (i / (POINTS - 1) - 0.5);
  }
}

function gaussians(deviation: number, random: NumpyRandom): Float64Array {
  const values = new Float64Array(POINTS);
  for (let i = 0; i < POINTS; i++) values[i] = deviation * random.gaussian();
  return values;
}

function rotateRight(values: Float64Array, places: number): void {
  const end = values.slice(values.length - places);
  values.copyWithin(places, 0);
  values.set(end);
}

/** Weights at the distances -SMOOTHING_RADIUS to SMOOTHING_RADIUS; their sum is 1. */
function gaussianKernel(): Float64Array {
  const weights = Float64Array.from({ length: 2 * SMOOTHING_RADIUS + 1 }, (_, i) =>
    Math.exp(-((i - SMOOTHING_RADIUS) ** 2) / (2 * SMOOTHING ** 2)),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Convolution; beyond an end the values go on as in a mirror there. */
function smoothed(values: Float64Array, kernel: Float64Array): Float64Array {
  const out = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    let sum = 0;
    for (let k = 0; k < kernel.length; k++) {
      sum += (kernel[k] ?? 0) * (values[mirrored(i + k - SMOOTHING_RADIUS, values.length)] ?? 0);
    }
    out[i] = sum;
  }
  return out;
}

function mirrored(index: number, length: number): number {
  if (index < 0) return -1 - index;
  return index < length ? index : 2 * length - 1 - index;
}

// ---- whole signals ------------------------------------------------------------------------------------------

/** Fills `out` by linear interpolation, end on end. Where a point falls on one of `values` it is that, exactly. */
function resample(values: Float64Array, out: Float64Array): void {
  for (let i = 0; i < out.length; i++) {
    // Multiplied before it is divided: a whole number comes out whole, and padding stays exactly zero.
    const at = (i * (values.length - 1)) / (out.length - 1);
    const left = Math.floor(at);
    const value = values[left] ?? 0;
    out[i] = value + (at - left) * ((values[left + 1] ?? value) - value);
  }
}

/** Brings the mean to 0 and the deviation, that of a population, to 1; gives what they were. */
function standardize(values: Float64Array, length: number): { mean: number; deviation: number } {
  const mean = meanOf(values, length, (value) => value);
  const deviation = Math.sqrt(meanOf(values, length, (value) => (value - mean) ** 2));
  for (let i = 0; i < values.length; i++) values[i] = ((values[i] ?? 0) - mean) / deviation;
  return { mean, deviation };
}

/** Summed row by row: rounding errors stay small however many rows there are. */
function meanOf(values: Float64Array, length: number, of: (value: number) => number): number {
  let sum = 0;
  for (let start = 0; start < values.length; start += length) {
    let part = 0;
    for (let i = start; i < start + length; i++) part += of(values[i] ?? 0);
    sum += part;
  }
  return sum / values.length;
}

/** Of a sample before samples are shuffled. */
function classOf(sample: number, samples: number): number {
  return Math.floor((sample * MNIST_1D_CLASSES) / samples);
}

function row(values: Float64Array, index: number, length: number): Float64Array {
  return values.subarray(index * length, (index + 1) * length);
}

function requireMultiple(path: string, value: number, of: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least && value % of === 0) return;
  const expected = of === 1 ? "an integer" : `a multiple of ${of}`;
  throw new SpecError(path, `is ${value}; expected ${expected} of at least ${least}.`, { value, of, least });
}
