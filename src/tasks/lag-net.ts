/**
 * A teacher to learn from: the small net of two fast and two lagging neurons, and the one that they answer through, of the
 * LagNet experiment (see teacher-student.ts). Sequences of three tones, each from a moment of its own, and what the teacher
 * answers from rest.
 */

import { createRandom } from "../random.ts";
import type { Samples, TaskData } from "./samples.ts";
import { allocateInputs, readOptions } from "./task-options.ts";
import { threeTones } from "./teacher-student.ts";

const TASK = "lagNet";
/** Keeps these draws apart from other uses of the same seed; the test takes the stream behind it. */
const RANDOM_STREAM = 0x6c61676e;
const DT = 0.01;
/** Moments at which sequences begin are below this one. */
const LATEST = 1000;

export interface LagNetOptions {
  /** Samples of each part. Default 40 and 8. */
  readonly train?: number;
  readonly test?: number;
  /** Steps of a sample, 0.01 of the teacher's time constant each. Default 1000. */
  readonly frames?: number;
  /** Default 0. */
  readonly seed?: number;
}

/** Makes the data set, the same one for the same options. @throws SpecError for an option that is not valid. */
export function lagNetData(options: LagNetOptions = {}): TaskData {
  const read = readOptions(options, TASK, ["train", "test", "frames", "seed"]);
  const frames = read.integer("frames", 1, 1e6, 1000);
  const seed = read.integer("seed", 0, Number.MAX_SAFE_INTEGER, 0);
  const part = (count: number, stream: number): Samples => {
    const random = createRandom(seed, RANDOM_STREAM + stream);
    const inputs = allocateInputs(TASK, count, frames, 1);
    const targets = new Float32Array(inputs.length);
    for (let sample = 0; sample < count; sample++) {
      const begin = LATEST * random.uniform();
      const shown = inputs.subarray(sample * frames, (sample + 1) * frames);
      shown.forEach((_, frame) => (shown[frame] = threeTones(begin + frame * DT)));
      targets.set(teacherAnswers(shown), sample * frames);
    }
    return { count, frames, channels: 1, inputs, answers: { kind: "values", outputs: 1, targets } };
  };
  return {
    train: part(read.integer("train", 1, 1e5, 40), 0),
    validation: null,
    test: part(read.integer("test", 1, 1e5, 8), 1),
    classes: null,
  };
}

/** tauM is 1 and dt what a step adds of a derivative; a neuron is its weights and how far it looks ahead. */
interface Neuron {
  readonly weights: readonly number[];
  readonly tauR: number;
}

const LAYERS: readonly (readonly Neuron[])[] = [
  [
    { weights: [-0.5], tauR: 1 },
    { weights: [1], tauR: 0.1 },
  ],
  [
    { weights: [0.5, 0], tauR: 1 },
    { weights: [0, 1], tauR: 0.1 },
  ],
  [{ weights: [0.5, 1], tauR: 1 }],
];

/** The output of the teacher, from rest, in the published order: every layer reads what the one below said a step ago. */
export function teacherAnswers(input: ArrayLike<number>): Float32Array {
  const potentials = LAYERS.map((layer) => layer.map(() => 0));
  let rates = LAYERS.map((layer) => layer.map(() => 0));
  return Float32Array.from(input, (value) => {
    rates = LAYERS.map((layer, depth) => {
      const below = depth === 0 ? [value] : (rates[depth - 1] ?? []);
      return layer.map(({ weights, tauR }, neuron) => {
        const sum = weights.reduce((total, weight, i) => total + weight * (below[i] ?? 0), 0);
        const potential = potentials[depth]?.[neuron] ?? 0;
        const slope = sum - potential;
        const own = potentials[depth];
        if (own) own[neuron] = potential + DT * slope;
        const ahead = potential + tauR * slope;
        return depth === LAYERS.length - 1 ? ahead : Math.tanh(ahead);
      });
    });
    return rates.at(-1)?.[0] ?? 0;
  });
}
