/**
 * "Name the previous digit": every lane shows one random digit after another, and at every moment the network should
 * name the digit before the one it sees. Only a network that remembers can do it.
 */

import { DataError, SpecError } from "../errors.ts";
import { createRandom } from "../random.ts";
import { DIGIT_PIXELS, type DigitSet } from "./digits.ts";

/** Keeps these draws apart from other uses of the same seed. */
const RANDOM_STREAM = 0x64696769;

export interface DigitStreamOptions {
  readonly images: DigitSet;
  /** Independent sequences side by side; one batch row each. */
  readonly lanes: number;
  readonly seed: number;
  /** Steps for which a digit is shown. Default 20. */
  readonly period?: number;
  /** Steps over which a digit fades into the next; 0 is a hard switch. Default 8. */
  readonly fade?: number;
  /** Steps from the first of a digit until it is to be named, which it is for a period. Default: the period. */
  readonly delay?: number;
}

/** A piece of the stream. The arrays are used again by the next piece. */
export interface Presentations {
  readonly frames: number;
  /** [frame][lane][pixel] */
  readonly input: Float32Array;
  /** Class to name at every step, [frame][lane], by default that of the previous digit; -1 before there is one. */
  readonly target: Float32Array;
  /** The same once for each presentation, as it is from step `delay` mod `period` of it on, [presentation][lane]. */
  readonly labels: Int8Array;
}

export interface DigitStream {
  /** Continues the stream by so many digits in every lane. */
  next(presentations: number): Presentations;
}

/**
 * Starts a stream, the same one for the same images, lanes and seed. Every lane draws an image, with replacement, for
 * each presentation. Step k of a presentation shows (1 - w) previous + w current with w = min(1, (k + 1) / fade);
 * the first digits fade in from blank paper and have no target. `delay` changes what is to be named, not what is shown.
 *
 * @throws SpecError if `lanes`, `period`, `fade` or `delay` is not valid.
 */
export function createDigitStream({
  images,
  lanes,
  seed,
  period = 20,
  fade = 8,
  delay = period,
}: DigitStreamOptions): DigitStream {
  requireInteger("stream.images.count", images.count, 1);
  requireInteger("stream.lanes", lanes, 1);
  requireInteger("stream.period", period, 1);
  requireInteger("stream.fade", fade, 0);
  requireInteger("stream.delay", delay, 0);
  const random = createRandom(seed, RANDOM_STREAM);
  const frameSize = lanes * DIGIT_PIXELS;
  let previous = new Float32Array(frameSize);
  let current = new Float32Array(frameSize);
  // Classes of the latest digits, the newest first, back to the one that is due.
  const shown = Array.from({ length: Math.floor(delay / period) + 1 }, () => new Int8Array(lanes).fill(-1));
  const due = new Int8Array(lanes).fill(-1);
  const offset = delay % period;
  let piece = allocate(0, lanes, period);

  function draw(): void {
    [previous, current] = [current, previous];
    const classes = shown.pop() ?? new Int8Array(lanes);
    shown.unshift(classes);
    for (let lane = 0; lane < lanes; lane++) {
      const image = random.integer(images.count);
      const pixels = images.pixels.subarray(image * DIGIT_PIXELS, (image + 1) * DIGIT_PIXELS);
      current.set(pixels, lane * DIGIT_PIXELS);
      classes[lane] = images.labels[image] ?? -1;
    }
  }

  function show(input: Float32Array): void {
    const blended = Math.min(Math.max(fade - 1, 0), period);
    for (let k = 0; k < blended; k++) {
      blend(input.subarray(k * frameSize, (k + 1) * frameSize), previous, current, (k + 1) / fade);
    }
    for (let k = blended; k < period; k++) input.set(current, k * frameSize);
  }

  return {
    next(presentations) {
      requireInteger("presentations", presentations, 1);
      if (piece.frames !== presentations * period) piece = allocate(presentations, lanes, period);
      const { input, target, labels } = piece;
      for (let p = 0; p < presentations; p++) {
        draw();
        show(input.subarray(p * period * frameSize, (p + 1) * period * frameSize));
        for (let k = 0; k < period; k++) {
          if (k === offset) due.set(shown.at(-1) ?? due);
          target.set(due, (p * period + k) * lanes);
        }
        labels.set(due, p * lanes);
      }
      return piece;
    },
  };
}

export interface WindowShape {
  readonly lanes: number;
  readonly classes: number;
  /** Steps of a window: one presentation. */
  readonly period: number;
  /** Leading windows that are not counted. Default 0. */
  readonly skip?: number;
  /** Steps of a presentation before its window begins: `delay` mod `period` of the stream. Default 0. */
  readonly offset?: number;
}

export interface Score {
  readonly correct: number;
  readonly counted: number;
}

/**
 * Reads the network's answers: its output rates (logits) summed over every window, and the largest sum wins. With an
 * offset the last window is not whole, and does not count.
 *
 * @param rates output rate after each step, [step][lane][class], from the first step of a presentation on.
 * @param labels right answers, [presentation][lane]; windows labelled -1 are not counted.
 * @throws DataError if the two do not cover the same presentations.
 */
export function scoreWindows(rates: Float32Array, labels: Int8Array, shape: WindowShape): Score {
  const { lanes, classes, period, skip = 0, offset = 0 } = shape;
  const windows = labels.length / lanes;
  const expected = windows * period * lanes * classes;
  if (rates.length !== expected) {
    throw new DataError("rates", `have ${rates.length} values; expected ${expected} for ${windows} presentations.`, {
      found: rates.length,
      expected,
    });
  }
  let correct = 0;
  let counted = 0;
  const sums = new Float64Array(classes);
  for (let window = skip; window < windows - (offset > 0 ? 1 : 0); window++) {
    for (let lane = 0; lane < lanes; lane++) {
      const label = labels[window * lanes + lane] ?? -1;
      if (label < 0) continue;
      sums.fill(0);
      for (let k = 0; k < period; k++) {
        const at = ((window * period + offset + k) * lanes + lane) * classes;
        for (let c = 0; c < classes; c++) sums[c] = (sums[c] ?? 0) + (rates[at + c] ?? 0);
      }
      counted++;
      if (largest(sums) === label) correct++;
    }
  }
  return { correct, counted };
}

function allocate(presentations: number, lanes: number, period: number): Presentations {
  const frames = presentations * period;
  return {
    frames,
    input: new Float32Array(frames * lanes * DIGIT_PIXELS),
    target: new Float32Array(frames * lanes),
    labels: new Int8Array(presentations * lanes),
  };
}

function blend(out: Float32Array, previous: Float32Array, current: Float32Array, weight: number): void {
  const rest = 1 - weight;
  for (let i = 0; i < out.length; i++) out[i] = rest * (previous[i] ?? 0) + weight * (current[i] ?? 0);
}

/** Position of the largest value; the first of equals. */
function largest(values: Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}

function requireInteger(path: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new SpecError(path, `is ${value}; expected an integer of at least ${least}.`, { value, least });
}
