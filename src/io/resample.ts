/**
 * Sound at another sample rate: each new sample is a weighted sum of those around it, with the weights of a low-pass filter
 * (a sinc in a window of Kaiser and Schafer, 1980), of which a ratio of whole numbers needs as many sets as new samples there
 * are before old and new ones fall together again. What is above half the lower rate does not come back as other tones.
 */

import { DataError } from "../errors.ts";
import type { Wav } from "./wav.ts";

/** A sound [sample] at the rate it has, as one at the new rate, which starts at the same moment. All sums are f64. */
export type Resampler = (samples: Float32Array) => Float32Array;

/** Zeros of the sinc on each side. More make the way from what passes to what is stopped shorter. */
const ZEROS = 64;
/** What is stopped is 1e-5 as high or lower (100 dB), and what passes is changed by as little. */
const ATTENUATION = 100;
const BETA = 0.1102 * (ATTENUATION - 8.7);
/** From pass to stop, in parts of the lower rate; Kaiser's rule. */
const TRANSITION = (ATTENUATION - 7.95) / (14.36 * 2 * ZEROS);
/** The middle of that way, in parts of half the lower rate, which is where it ends: what passes ends at 0.9. */
const CUTOFF = 1 - TRANSITION;

const HIGHEST_RATE = 768_000;
/** Of all sets together: 32 MiB. */
const MOST_WEIGHTS = 2 ** 22;

/**
 * Prepares the weights; what it returns may be called for any number of sounds. Beyond its ends a sound is taken for silence.
 * Frequencies up to 0.9 of half the lower rate keep their height to 2e-5; those above half the lower rate leave 1e-5.
 *
 * @param from Hz, a whole number.
 * @param to Hz, a whole number.
 * @throws DataError for a rate out of range, and for two that have no common divisor large enough.
 */
export function createResampler(from: number, to: number): Resampler {
  checkRate("from", from);
  checkRate("to", to);
  const divisor = greatestCommonDivisor(from, to);
  const [up, down] = [to / divisor, from / divisor];
  if (up === 1 && down === 1) return (samples) => samples.slice();
  const half = reach(up, down);
  const count = 2 * half * up;
  if (count > MOST_WEIGHTS) {
    const found = `${from} and ${to} Hz take ${count} weights, but at most ${MOST_WEIGHTS} are made`;
    throw new DataError("rates", `${found}; choose two with a larger common divisor.`, { from, to });
  }
  const phases = weightsOfPhases(up, down);
  return (samples) => {
    const result = new Float32Array(resampledLength(samples.length, from, to));
    for (let i = 0; i < result.length; i++) {
      const before = Math.floor((i * down) / up);
      const weights = phases[(i * down) % up] ?? new Float64Array();
      result[i] = weightedSum(samples, before - half + 1, weights);
    }
    return result;
  };
}

/**
 * What makes sounds of one rate of those in files, whatever rates they have; weights are made once for each.
 *
 * @param name Of the rate, for messages.
 * @throws DataError for a rate out of range; what it gives throws as above.
 */
export function createWavResampler(sampleRate: number, name = "sampleRate"): (wav: Wav) => Wav {
  checkRate(name, sampleRate);
  const resamplers = new Map<number, Resampler>();
  return (wav) => {
    if (wav.sampleRate === sampleRate) return wav;
    const resampler = resamplers.get(wav.sampleRate) ?? createResampler(wav.sampleRate, sampleRate);
    resamplers.set(wav.sampleRate, resampler);
    const frames = resampledLength(wav.frames, wav.sampleRate, sampleRate);
    return { ...wav, sampleRate, frames, read: () => resampler(wav.read()) };
  };
}

/** Samples of a sound of so many samples at the new rate: all that lie before its end. */
export function resampledLength(samples: number, from: number, to: number): number {
  return Math.ceil((samples * to) / from);
}

function checkRate(name: string, rate: number): void {
  if (Number.isInteger(rate) && rate >= 1 && rate <= HIGHEST_RATE) return;
  throw new DataError(name, `is ${rate} Hz, but must be a whole number from 1 to ${HIGHEST_RATE}.`);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Samples on each side that a new one is made of: zeros of the sinc are as far apart as samples of the lower rate. */
function reach(up: number, down: number): number {
  return Math.ceil((ZEROS * Math.max(up, down)) / up);
}

/** For each distance of a new sample from the sample before it, in parts 1 / `up`: weights of the samples around. */
function weightsOfPhases(up: number, down: number): Float64Array[] {
  const half = reach(up, down);
  /** Of the lower rate, in parts of the rate there is. */
  const scale = Math.min(1, up / down);
  return Array.from({ length: up }, (_, phase) => {
    const weights = Float64Array.from({ length: 2 * half }, (_, k) => {
      const distance = (k - half + 1 - phase / up) * scale;
      return sinc(CUTOFF * distance) * kaiser(distance / ZEROS);
    });
    // So that a constant stays what it is, whatever the phase.
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight) => weight / sum);
  });
}

function weightedSum(samples: Float32Array, first: number, weights: Float64Array): number {
  const start = Math.max(0, -first);
  const end = Math.min(weights.length, samples.length - first);
  let sum = 0;
  for (let k = start; k < end; k++) sum += (weights[k] ?? 0) * (samples[first + k] ?? 0);
  return sum;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** 1 in the middle, 0 at -1 and 1 and beyond; not divided by its height, which the sum of the weights takes care of. */
function kaiser(x: number): number {
  return Math.abs(x) >= 1 ? 0 : bessel(BETA * Math.sqrt(1 - x * x));
}

/** Modified Bessel function of the first kind and order 0, by its series. */
function bessel(x: number): number {
  const square = (x / 2) ** 2;
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * Number.EPSILON; k++) {
    term *= square / (k * k);
    sum += term;
  }
  return sum;
}
