/** Data to learn from out of files of the user: their own parts, or a seeded split into three. */

import { DataError } from "../errors.ts";
import { openDataset, type DataFile, type Dataset, type DatasetOptions, type DatasetSource } from "../io/dataset.ts";
import { toFloat32 } from "../io/array.ts";
import { createRandom } from "../random.ts";
import type { Answers, Samples, TaskData } from "./samples.ts";

export interface FileDataOptions extends DatasetOptions {
  /** Of the split where files have no parts. Default 0. */
  readonly splitSeed?: number;
}

/** Keeps the split apart from other draws of the same seed. */
const SPLIT_STREAM = 0x73706c74;
/** Of samples that are in no part: these train, so many are for validation, the rest is for the test. */
const TRAIN_SHARE = 0.8;
const VALIDATION_SHARE = 0.1;

/**
 * Opens files as one data set. Without parts of their own the samples are shuffled, and 80 % train, 10 % validate and 10 %
 * test; without a test part the validation part is the test.
 * @throws DataError for what is wrong with the files, for too few samples, or if no part trains.
 */
export function fileData(files: readonly DataFile[], { splitSeed = 0, ...options }: FileDataOptions = {}): TaskData {
  const source = openDataset(files, options);
  const names = source.description.parts.map(({ name }) => name);
  if (names.includes("all")) return split(source, splitSeed);
  const test = names.includes("test") ? "test" : "validation";
  if (!names.includes("train") || !names.includes(test)) {
    const cure = 'give a part "train" and a part "test" or "validation", or files without parts, which are split';
    throw new DataError("files", `have the parts ${names.join(", ")}; ${cure}.`);
  }
  return {
    train: samplesOf(source, source.read({ part: "train" })),
    validation:
      test === "test" && names.includes("validation") ? samplesOf(source, source.read({ part: "validation" })) : null,
    test: samplesOf(source, source.read({ part: test })),
    classes: source.description.classes,
  };
}

function split(source: DatasetSource, seed: number): TaskData {
  const all = samplesOf(source, source.read());
  const trained = Math.floor(TRAIN_SHARE * all.count);
  const validated = Math.floor(VALIDATION_SHARE * all.count);
  const order = createRandom(seed, SPLIT_STREAM).permutation(all.count);
  const part = (from: number, to: number): Samples => chosen(all, order.subarray(from, to));
  if (validated === 0) {
    throw new DataError(
      "files",
      `have ${all.count} samples without parts; 10 or more can be split. Give more, or parts.`,
    );
  }
  return {
    train: part(0, trained),
    validation: part(trained, trained + validated),
    test: part(trained + validated, all.count),
    classes: source.description.classes,
  };
}

function samplesOf({ description }: DatasetSource, { inputs, labels, targets }: Dataset): Samples {
  const { steps: frames, channels, targetShape } = description;
  const count = inputs.shape[0] ?? 0;
  const size = { count, frames, channels, inputs: toFloat32(inputs, "inputs") };
  if (labels !== null) return { ...size, answers: { kind: "class", labels } };
  const outputs = targetShape?.at(-1) ?? 1;
  const values = targets === null ? new Float32Array() : toFloat32(targets, "targets");
  const isPerFrame = targetShape?.length === 2;
  return {
    ...size,
    answers: { kind: "values", outputs, targets: isPerFrame ? values : repeated(values, outputs, frames) },
  };
}

/** One answer for a sample is its answer at every frame. */
function repeated(values: Float32Array, outputs: number, frames: number): Float32Array {
  const result = new Float32Array(values.length * frames);
  for (let at = 0; at < result.length; at += outputs) {
    const sample = Math.floor(at / (outputs * frames));
    result.set(values.subarray(sample * outputs, (sample + 1) * outputs), at);
  }
  return result;
}

function chosen(samples: Samples, order: Uint32Array): Samples {
  const { inputs, answers, frames, channels } = samples;
  const count = order.length;
  return {
    ...samples,
    count,
    inputs: rows(inputs, frames * channels, order),
    answers: chosenAnswers(answers, order, frames),
  };
}

function chosenAnswers(answers: Answers, order: Uint32Array, frames: number): Answers {
  switch (answers.kind) {
    case "class":
      return { kind: "class", labels: rows(answers.labels, 1, order) };
    case "classes":
      return { kind: "classes", labels: rows(answers.labels, frames, order) };
    case "values":
      return { ...answers, targets: rows(answers.targets, frames * answers.outputs, order) };
  }
}

function rows<Values extends Float32Array | Int32Array>(values: Values, length: number, order: Uint32Array): Values {
  const result = (
    values instanceof Float32Array ? new Float32Array(order.length * length) : new Int32Array(order.length * length)
  ) as Values;
  order.forEach((sample, place) => {
    result.set(values.subarray(sample * length, (sample + 1) * length), place * length);
  });
  return result;
}
