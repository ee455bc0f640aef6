/**
 * The equation of Mackey and Glass (Science 197, 1977), x' = 0.2 x(t - 17) / (1 + x(t - 17)^10) - 0.1 x: a chaotic curve,
 * to be predicted. It is a benchmark of ours: no publication about latent equilibrium has it. What a prediction is worth
 * is told beside `persistence`, the prediction that nothing changes.
 */

import { createRandom } from "../random.ts";
import type { Samples, TaskData } from "./samples.ts";
import { checkSize, meanAndDeviation, readOptions } from "./task-options.ts";

const TASK = "mackeyGlass";
/** Keeps these draws apart from other uses of the same seed; the parts take this stream and the two behind it. */
const RANDOM_STREAM = 0x6d676c73;

const GAIN = 0.2;
const DECAY = 0.1;
/** Units of time. */
const DELAY = 17;
const LONGEST_DELAY = 1000;
const MOST_UNITS = 2 ** 29;

export interface MackeyGlassSeries {
  /** Units of time behind time 0: the series has one value more. */
  readonly units: number;
  /** Whole units of time. Default 17, where the curve is mildly chaotic; at 30 it is strongly so. */
  readonly delay?: number;
  /** Steps of the integration for each unit. Default 10, dt = 0.1. */
  readonly stepsPerUnit?: number;
  /** x at times from -delay to 0. */
  readonly history: (time: number) => number;
}

/**
 * x at times 0, 1, ..., `units`, by the classical Runge-Kutta method of fourth order. Its middle stages need the delayed
 * value halfway between two steps: the cubic through both values and slopes there (Hermite's), whose error is of fourth
 * order, too. The delay is a whole number of steps, so kinks, which the start of the history sends through the curve, fall
 * on steps and cost no order. Times before 0 are asked of the history itself.
 *
 * @throws SpecError for a number that is no whole one or out of range.
 */
export function mackeyGlassSeries({ history, ...options }: MackeyGlassSeries): Float64Array {
  const read = readOptions(options, TASK, ["units", "delay", "stepsPerUnit"]);
  const units = read.integer("units", 1, MOST_UNITS, 1);
  const delay = read.integer("delay", 1, LONGEST_DELAY, DELAY);
  const stepsPerUnit = read.integer("stepsPerUnit", 1, 10_000, 10);
  const dt = 1 / stepsPerUnit;
  const lag = delay * stepsPerUnit;
  // Of the last delay only, by step modulo their length.
  const values = new Float64Array(lag + 1);
  // Just behind each step, whose slope at time 0 differs from the history's.
  const slopes = new Float64Array(lag + 1);
  const kept = (ring: Float64Array, step: number): number => ring[step % ring.length] ?? 0;
  const delayed = (step: number): number => (step < lag ? history((step - lag) * dt) : kept(values, step - lag));
  const delayedBehind = (step: number): number => {
    const at = step - lag;
    if (at < 0) return history((at + 0.5) * dt);
    const middle = (kept(values, at) + kept(values, at + 1)) / 2;
    return middle + ((kept(slopes, at) - kept(slopes, at + 1)) * dt) / 8;
  };
  const series = new Float64Array(units + 1);
  let x = history(0);
  let k1 = slope(x, delayed(0));
  for (let step = 0; ; step++) {
    values[step % values.length] = x;
    slopes[step % slopes.length] = k1;
    if (step % stepsPerUnit === 0) series[step / stepsPerUnit] = x;
    if (step === units * stepsPerUnit) return series;
    const middle = delayedBehind(step);
    const next = delayed(step + 1);
    const k2 = slope(x + (dt / 2) * k1, middle);
    const k3 = slope(x + (dt / 2) * k2, middle);
    const k4 = slope(x + dt * k3, next);
    x += (dt / 6) * (k1 + 2 * k2 + 2 * k3 + k4);
    k1 = slope(x, next);
  }
}

/** By products, sums and quotients alone: powers and sines differ in last bits between engines, and chaos shows them. */
function slope(x: number, delayed: number): number {
  const square = delayed * delayed;
  const fourth = square * square;
  return (GAIN * delayed) / (1 + fourth * fourth * square) - DECAY * x;
}

// ---- sequences ----------------------------------------------------------------------------------------------

export interface MackeyGlassOptions {
  /** Sequences of each part. Default 64, 16 and 16. */
  readonly train?: number;
  readonly validation?: number;
  readonly test?: number;
  /** Units of time of a sequence, a frame for each. Default 200. */
  readonly frames?: number;
  /** How far ahead the target lies, in units; usual are 1 and 6. Default 6. */
  readonly ahead?: number;
  /** As above. Default 17. */
  readonly delay?: number;
  /** Units that are left out, while the curve comes near its attractor. Default 1000. */
  readonly transient?: number;
  /** Default 0. */
  readonly seed?: number;
}

/**
 * Sequences of one channel with targets of one output, `ahead` units later. Each part is one curve of its own random
 * history, cut into sequences that follow each other; it is the same to the bit in every engine. Mean and deviation of the
 * inputs that train become 0 and 1, and all parts are measured by the same two.
 *
 * @throws SpecError for an option that is not valid.
 */
export function mackeyGlassData(options: MackeyGlassOptions = {}): TaskData {
  const read = readOptions(options, TASK, [
    "train",
    "validation",
    "test",
    "frames",
    "ahead",
    "delay",
    "transient",
    "seed",
  ]);
  const counts = {
    train: read.integer("train", 1, 100_000, 64),
    validation: read.integer("validation", 0, 100_000, 16),
    test: read.integer("test", 1, 100_000, 16),
  };
  const frames = read.integer("frames", 1, 100_000, 200);
  const ahead = read.integer("ahead", 1, 1000, 6);
  const delay = read.integer("delay", 1, LONGEST_DELAY, DELAY);
  const transient = read.integer("transient", 0, 100_000, 1000);
  const seed = read.integer("seed", 0, Number.MAX_SAFE_INTEGER, 0);

  const curve = (count: number, part: number): Float64Array => {
    const units = transient + count * frames + ahead - 1;
    return mackeyGlassSeries({ units, delay, history: randomHistory(seed, part, delay) }).subarray(transient);
  };
  for (const count of Object.values(counts)) checkSize(TASK, count, frames, 1);
  const trained = curve(counts.train, 0);
  const scale = meanAndDeviation(trained.subarray(0, counts.train * frames));
  const cut = (values: Float64Array, count: number): Samples => {
    const scaled = Float32Array.from(values, (value) => (value - scale.mean) / scale.deviation);
    const [inputs, targets] = [scaled.slice(0, count * frames), scaled.slice(ahead, ahead + count * frames)];
    return { count, frames, channels: 1, inputs, answers: { kind: "values", outputs: 1, targets } };
  };
  return {
    train: cut(trained, counts.train),
    validation: counts.validation === 0 ? null : cut(curve(counts.validation, 1), counts.validation),
    test: cut(curve(counts.test, 2), counts.test),
    classes: null,
  };
}

/** A parabola of random level, slope and bend, somewhere between 0.2 and 1.8. The reason is that of `slope`. */
function randomHistory(seed: number, part: number, delay: number): (time: number) => number {
  const random = createRandom(seed, RANDOM_STREAM + part);
  const level = 0.8 + 0.4 * random.uniform();
  const tilt = 0.6 * (random.uniform() - 0.5);
  const bend = 2.4 * (random.uniform() - 0.5);
  return (time) => {
    const share = time / delay;
    return level + share * (tilt + bend * (1 + share));
  };
}

// ---- figures ------------------------------------------------------------------------------------------------

/**
 * Root of the mean squared error, over the deviation of the targets: 1 is what their mean would get. The arrays are of the
 * same length.
 */
export function nrmse(predictions: ArrayLike<number>, targets: ArrayLike<number>): number {
  let squares = 0;
  for (let i = 0; i < targets.length; i++) squares += ((predictions[i] ?? NaN) - (targets[i] ?? NaN)) ** 2;
  return Math.sqrt(squares / targets.length) / meanAndDeviation(targets).deviation;
}

/** The `nrmse` of a prediction that nothing changes: the input of a frame as its output. Not a number for classes. */
export function persistence({ inputs, answers }: Samples): number {
  return answers.kind === "values" ? nrmse(inputs, answers.targets) : NaN;
}
