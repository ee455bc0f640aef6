/** From samples to the frames that a simulator takes: which samples when, and what is shown at every step. Pure. */

import { SpecError } from "../errors.ts";
import { stretch } from "../io/log-mel.ts";
import { createRandom } from "../random.ts";
import { outputOf, stepsOf, type Experiment } from "../tasks/experiments.ts";
import type { Samples, TaskData } from "../tasks/samples.ts";

/** Keeps the order of samples apart from other draws of the same seed; epoch e takes the stream e behind it. */
const ORDER_STREAM = 0x6f726472;
/** What a block should not exceed: steps, for how far apart its ends are; bytes of frames. */
const BLOCK_STEPS = 2048;
const BLOCK_BYTES = 16 * 2 ** 20;
/** A submit ends where something comes back, so that should be rare beside them. */
const CHUNK_STEPS = 256;

/** The sizes that an experiment and its data agree on. */
export interface Shape {
  /** Of a sample. */
  readonly frames: number;
  readonly steps: number;
  /** First step at which answers are compared. */
  readonly comparedFrom: number;
  readonly channels: number;
  readonly outputs: number;
  /** Of the cost: a class a step, or a value for each output. */
  readonly targetsAre: "classes" | "values";
  readonly beta: number;
  readonly batch: number;
  /** Whole batches of an epoch; samples that are left are not shown in it. */
  readonly batches: number;
  /** Batches that are run in one go, and those of them that come back at a time. */
  readonly block: number;
  readonly chunk: number;
}

/** Samples one after the other in each row of a batch, as frames. */
export interface Piece {
  /** [step][batch][channel] */
  readonly input: Float32Array;
  /** [step][batch], or [step][batch][output]; null where nothing is compared on the device. */
  readonly target: Float32Array | null;
  readonly steps: number;
  /** [batch in the block][row], positions of samples. */
  readonly samples: Uint32Array;
  /** How many of them count; the rest fill the last batch. */
  readonly counted: number;
}

/** @throws SpecError where the experiment does not fit its data. */
export function shapeOf(experiment: Experiment, { train, validation, test }: TaskData): Shape {
  const { network, batch, comparedSteps, state, window, rule } = experiment;
  const { frames, channels, answers } = train;
  const steps = stepsOf(experiment, frames);
  for (const other of [validation, test]) {
    if (other === null || (other.frames === frames && other.channels === channels)) continue;
    const problem = `has samples of ${frames} frames to train and of ${other.frames} to test; make them equally long.`;
    throw new SpecError("task", problem);
  }
  const [source] = network.sources;
  if (source?.size !== channels) {
    const cure = `set the size of the input to ${channels}, or choose other data`;
    throw new SpecError(
      "experiment.network.sources[0].size",
      `is ${source?.size ?? 0}, but samples have ${channels} channels: ${cure}.`,
    );
  }
  const output = network.populations.find(({ name }) => name === outputOf(experiment));
  const size = output?.size ?? 0;
  const least = answers.kind === "values" ? answers.outputs : 1 + largest(answers.labels);
  if (answers.kind === "values" ? size !== least : size < least) {
    const what = answers.kind === "values" ? "values to be told" : "classes";
    throw new SpecError(
      `experiment.network: the population "${output?.name ?? ""}"`,
      `has ${size} neurons, but there are ${least} ${what}: set its size to ${least}.`,
    );
  }
  const targetsAre = output?.cost?.kind === "cross-entropy" ? "classes" : "values";
  if (answers.kind === "values" && targetsAre === "classes") {
    const problem = `is "cross-entropy", but answers are values; use "squared-error".`;
    throw new SpecError("experiment.network: the kind of the cost", problem);
  }
  if (comparedSteps !== null && comparedSteps > steps) {
    throw new SpecError(
      "experiment.comparedSteps",
      `is ${comparedSteps}, but a sample has ${steps} steps; lower it, or leave it out.`,
    );
  }
  const hasGaps = comparedSteps !== null || (answers.kind === "classes" && answers.labels.includes(-1));
  if (hasGaps && targetsAre === "values") {
    const cure =
      'a squared error is taken at every step. Leave comparedSteps out, or use a cost of the kind "cross-entropy"';
    throw new SpecError("experiment.comparedSteps", `leaves out steps, but ${cure}.`);
  }
  if (rule === "exact" && steps % (window ?? steps) !== 0) {
    throw new SpecError(
      "experiment.window",
      `is ${window ?? 0}, but a sample has ${steps} steps, which must be whole windows.`,
    );
  }
  if (train.count < batch) {
    throw new SpecError("experiment.batch", `is ${batch}, but only ${train.count} samples train; lower it.`, {
      value: batch,
    });
  }
  const row = (channels + (targetsAre === "classes" ? 1 : size)) * 4 * batch;
  // States that are reset are so between two runs.
  const most = state !== "carried" ? 1 : Math.max(1, Math.floor(Math.min(BLOCK_STEPS, BLOCK_BYTES / row) / steps));
  const chunk = Math.min(most, Math.ceil(CHUNK_STEPS / steps));
  return {
    frames,
    steps,
    comparedFrom: steps - (comparedSteps ?? steps),
    channels,
    outputs: size,
    targetsAre,
    beta: output?.cost?.beta ?? 1,
    batch,
    batches: Math.floor(train.count / batch),
    block: Math.floor(most / chunk) * chunk,
    chunk,
  };
}

function largest(labels: Int32Array): number {
  let most = -1;
  for (const label of labels) if (label > most) most = label;
  return most;
}

/** The samples of an epoch in their order, a function of seed and epoch alone: nothing need be remembered to go on. */
export function orderOf(shuffle: number, epoch: number, count: number): Uint32Array {
  return createRandom(shuffle, ORDER_STREAM + epoch).permutation(count);
}

/** Shows samples that train, `order` being whole batches. */
export function trainingPiece(experiment: Experiment, shape: Shape, samples: Samples, order: Uint32Array): Piece {
  return pieceOf(experiment, shape, samples, order, order.length);
}

/** All samples of a part in their order, in pieces; the last batch is filled with the first sample, which does not count. */
export function* testPieces(experiment: Experiment, shape: Shape, samples: Samples): Generator<Piece> {
  const { batch, block } = shape;
  for (let first = 0; first < samples.count; first += batch * block) {
    const counted = Math.min(batch * block, samples.count - first);
    const order = new Uint32Array(Math.ceil(counted / batch) * batch);
    for (let place = 0; place < counted; place++) order[place] = first + place;
    yield { ...pieceOf(experiment, shape, samples, order, counted), target: null };
  }
}

function pieceOf(experiment: Experiment, shape: Shape, samples: Samples, order: Uint32Array, counted: number): Piece {
  const { batch, steps, channels } = shape;
  const total = (order.length / batch) * steps;
  const width = shape.targetsAre === "classes" ? 1 : shape.outputs;
  const input = new Float32Array(total * batch * channels);
  const target = new Float32Array(total * batch * width);
  order.forEach((sample, place) => {
    const first = Math.floor(place / batch) * steps;
    const row = place % batch;
    const shown = shownAt(experiment, samples.inputs, sample, samples.frames, channels);
    const wanted = targetsOf(experiment, shape, samples, sample);
    for (let step = 0; step < steps; step++) {
      const at = (first + step) * batch + row;
      copy(shown, step * channels, input, at * channels, channels);
      copy(wanted, step * width, target, at * width, width);
    }
  });
  return { input, target, steps: total, samples: order, counted };
}

function copy(from: Float32Array, start: number, to: Float32Array, place: number, count: number): void {
  for (let i = 0; i < count; i++) to[place + i] = from[start + i] ?? 0;
}

/** The frames of a sample as its steps, [step][channel]. */
function shownAt(
  { presentation: { stepsPerFrame, interpolation } }: Experiment,
  values: Float32Array,
  sample: number,
  frames: number,
  channels: number,
): Float32Array {
  const own = values.subarray(sample * frames * channels, (sample + 1) * frames * channels);
  if (stepsPerFrame === 1) return own;
  if (interpolation === "linear") return stretch(own, channels, stepsPerFrame);
  const held = new Float32Array(own.length * stepsPerFrame);
  for (let step = 0; step < frames * stepsPerFrame; step++) {
    copy(own, Math.floor(step / stepsPerFrame) * channels, held, step * channels, channels);
  }
  return held;
}

/** What the cost compares a sample with: [step], or [step][output]. */
function targetsOf(experiment: Experiment, shape: Shape, samples: Samples, sample: number): Float32Array {
  const { outputs, targetsAre } = shape;
  const labels = labelsOf(experiment, shape, samples, sample);
  if (labels === null) return valuesOf(experiment, shape, samples, sample);
  if (targetsAre === "classes") return Float32Array.from(labels);
  return Float32Array.from({ length: labels.length * outputs }, (_, i) => {
    return Number(i % outputs === labels[Math.floor(i / outputs)]);
  });
}

/** The class of a sample at every step, -1 where nothing is compared; null where answers are values. */
export function labelsOf(
  { presentation: { stepsPerFrame } }: Experiment,
  { steps, comparedFrom }: Shape,
  { answers, frames }: Samples,
  sample: number,
): Int32Array | null {
  if (answers.kind === "values") return null;
  const { kind, labels } = answers;
  return Int32Array.from({ length: steps }, (_, step) => {
    if (step < comparedFrom) return -1;
    return labels[kind === "class" ? sample : sample * frames + Math.floor(step / stepsPerFrame)] ?? -1;
  });
}

/** The values to be told at every step, [step][output]; empty where answers are classes. */
export function valuesOf(experiment: Experiment, shape: Shape, samples: Samples, sample: number): Float32Array {
  const { answers, frames } = samples;
  if (answers.kind !== "values") return new Float32Array();
  return shownAt(experiment, answers.targets, sample, frames, shape.outputs);
}
