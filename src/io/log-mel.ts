/**
 * Sound as a log-mel spectrogram, and what is done with one before a network hears it. With the settings of `speechFrontEnd` it is
 * the front end of published results on Google Speech Commands: 1024 points, hop 400, 32 mels, log2(power + 1e-9) at 16 kHz,
 * each sound standardised, 20 steps for each frame by linear interpolation. What they do not tell is as in torchaudio's
 * MelSpectrogram and torch: a periodic Hann window, centred frames of a sound that is reflected at its ends, power 2,
 * triangles of HTK mels without normalisation, the deviation over n - 1, interpolation without aligned corners.
 */

import FFT from "fft.js";
import { DataError } from "../errors.ts";
import type { NumericArray } from "./array.ts";

export interface MelSettings {
  /** Hz. */
  readonly sampleRate: number;
  /** Points of a transform, a power of two from 4 to 65,536. Default 1024. */
  readonly fftSize?: number;
  /** Samples from a frame to the next. Default 400. */
  readonly hop?: number;
  /** Samples of the window, in the middle of the points. Default `fftSize`. */
  readonly windowLength?: number;
  /** Bands. Default 32. */
  readonly mels?: number;
  /** Hz where the lowest band begins and the highest ends. Default 0 and half the sample rate. */
  readonly low?: number;
  readonly high?: number;
  /** Added to the power before its logarithm to base 2 is taken. Default 1e-9. */
  readonly floor?: number;
}

type Settings = Required<MelSettings>;

/** The front end of published results on Google Speech Commands; `stretch` is the factor of `stretch`. */
export const speechFrontEnd = { mel: { sampleRate: 16_000 }, stretch: 20 } as const;

/** A sound [sample] to log2 of its power [frame][mel], as f32; all sums are f64. */
export type LogMel = (samples: Float32Array) => NumericArray;

/**
 * Prepares window, bands and transform; what it returns may be called for any number of sounds.
 * @throws DataError for a setting out of range. What it returns throws for a sound of `fftSize` / 2 samples or fewer.
 */
export function createLogMel(settings: MelSettings): LogMel {
  const full = resolve(settings);
  const { fftSize, hop, mels, floor } = full;
  const window = hann(full);
  const bands = melBands(full);
  const fft = new FFT(fftSize);
  return (samples) => {
    const frames = melFrames(samples.length, full);
    const data = new Float32Array(frames * mels);
    const points = new Float64Array(fftSize);
    const spectrum = new Float64Array(2 * fftSize);
    for (let frame = 0; frame < frames; frame++) {
      const first = frame * hop - fftSize / 2;
      for (let i = 0; i < fftSize; i++) points[i] = reflected(samples, first + i) * (window[i] ?? 0);
      fft.realTransform(spectrum, points);
      for (const [mel, band] of bands.entries()) data[frame * mels + mel] = Math.log2(powerIn(band, spectrum) + floor);
    }
    return { shape: [frames, mels], dtype: "float32", data };
  };
}

/**
 * Frames of a sound of so many samples: 1 + samples / hop, rounded down.
 * @throws DataError for a sound too short to be reflected.
 */
export function melFrames(
  samples: number,
  { fftSize = 1024, hop = 400 }: Pick<MelSettings, "fftSize" | "hop">,
): number {
  if (samples > fftSize / 2) return 1 + Math.floor(samples / hop);
  throw new DataError(
    "samples",
    `are ${samples}, but must be more than ${fftSize / 2}, half of fftSize; lower it, or pad the sound.`,
  );
}

function resolve(settings: MelSettings): Settings {
  const { sampleRate, fftSize = 1024, hop = 400, windowLength = fftSize, mels = 32 } = settings;
  const { low = 0, high = sampleRate / 2, floor = 1e-9 } = settings;
  const check = (name: string, value: number, holds: boolean, expected: string): void => {
    if (!holds) throw new DataError(name, `is ${value}, but must be ${expected}.`);
  };
  const whole = (value: number, most: number): boolean => Number.isInteger(value) && value >= 1 && value <= most;
  check("sampleRate", sampleRate, sampleRate > 0 && sampleRate <= 1e6, "a number of Hz, at most 1,000,000");
  const isPower = whole(fftSize, 65_536) && fftSize >= 4 && Number.isInteger(Math.log2(fftSize));
  check("fftSize", fftSize, isPower, "a power of two from 4 to 65,536");
  check("hop", hop, whole(hop, 1e6), "a whole number from 1 to 1,000,000");
  check("windowLength", windowLength, whole(windowLength, fftSize), `a whole number from 1 to fftSize (${fftSize})`);
  check("mels", mels, whole(mels, 4096), "a whole number from 1 to 4096");
  check("low", low, low >= 0 && low < high, `0 Hz or more, below high (${high})`);
  check("high", high, high <= sampleRate / 2, `at most half the sample rate (${sampleRate / 2} Hz)`);
  check("floor", floor, floor > 0 && Number.isFinite(floor), "above 0");
  return { sampleRate, fftSize, hop, windowLength, mels, low, high, floor };
}

/** [point], periodic: the point behind the last would be the first again. */
function hann({ fftSize, windowLength }: Settings): Float64Array {
  const window = new Float64Array(fftSize);
  const start = Math.floor((fftSize - windowLength) / 2);
  for (let i = 0; i < windowLength; i++) window[start + i] = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / windowLength);
  return window;
}

/** The sample at a place that may lie before or behind the sound: mirrored at its end, which is not repeated. */
function reflected(samples: Float32Array, at: number): number {
  const last = samples.length - 1;
  return samples[at < 0 ? -at : at > last ? 2 * last - at : at] ?? 0;
}

/** Weights of the bins from `first` on. */
interface Band {
  readonly first: number;
  readonly weights: Float64Array;
}

const toMel = (hertz: number): number => 2595 * Math.log10(1 + hertz / 700);
const toHertz = (mel: number): number => 700 * (10 ** (mel / 2595) - 1);

/** Triangles over bins, between points at equal distances in mel. */
function melBands({ sampleRate, fftSize, mels, low, high }: Settings): Band[] {
  const bins = fftSize / 2 + 1;
  // torchaudio rounds half an odd sample rate down.
  const width = Math.floor(sampleRate / 2) / (bins - 1);
  const step = (toMel(high) - toMel(low)) / (mels + 1);
  const corner = (index: number): number => toHertz(toMel(low) + index * step);
  return Array.from({ length: mels }, (_, mel) => {
    const [a, b, c] = [corner(mel), corner(mel + 1), corner(mel + 2)];
    const first = Math.max(0, Math.ceil(a / width));
    const last = Math.min(bins - 1, Math.floor(c / width));
    const weights = Float64Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => {
      const hertz = (first + i) * width;
      return Math.max(0, Math.min((hertz - a) / (b - a), (c - hertz) / (c - b)));
    });
    return { first, weights };
  });
}

/** @param spectrum [bin][real, imaginary] */
function powerIn({ first, weights }: Band, spectrum: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) {
    const [re, im] = [spectrum[2 * (first + i)] ?? 0, spectrum[2 * (first + i) + 1] ?? 0];
    sum += (weights[i] ?? 0) * (re * re + im * im);
  }
  return sum;
}

// ---- what follows ---------------------------------------------------------------------------------------------

/** Less the mean of all values, over their standard deviation (over n - 1). A sound that is one value becomes zeros. */
export function standardize(values: Float32Array): Float32Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / (values.length - 1));
  return values.map((value) => (deviation > 0 ? (value - mean) / deviation : 0));
}

/**
 * Each step becomes `factor` steps, between whose middles values change linearly.
 * @param values [step][channel]
 * @returns [step * factor][channel]
 */
export function stretch(values: Float32Array, channels: number, factor: number): Float32Array {
  const last = values.length / channels - 1;
  const result = new Float32Array(values.length * factor);
  for (let step = 0; step < (last + 1) * factor; step++) {
    const at = Math.min(last, Math.max(0, (step + 0.5) / factor - 0.5));
    const below = Math.floor(at);
    const above = Math.min(last, below + 1);
    for (let channel = 0; channel < channels; channel++) {
      const [a, b] = [values[below * channels + channel] ?? 0, values[above * channels + channel] ?? 0];
      result[step * channels + channel] = a + (b - a) * (at - below);
    }
  }
  return result;
}
