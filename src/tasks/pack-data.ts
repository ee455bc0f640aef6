/** Data to learn from as bytes, to hand them from one process to another: a .npz that NumPy reads as well. */

import type { NumericArray } from "../io/array.ts";
import { readNpz, writeNpz } from "../io/npz.ts";
import type { Answers, Samples, TaskData } from "./samples.ts";

const PARTS = ["train", "validation", "test"] as const;
/** As much as the machine has: these bytes are ours. */
const ALL = { maxBytes: Number.MAX_SAFE_INTEGER };

export function packTaskData(data: TaskData): Uint8Array {
  const arrays = new Map<string, NumericArray>();
  for (const part of PARTS) {
    const samples = data[part];
    if (samples === null) continue;
    for (const [name, array] of arraysOf(part, samples)) arrays.set(name, array);
  }
  const classes = new TextEncoder().encode(JSON.stringify(data.classes));
  arrays.set("classes", { shape: [classes.length], dtype: "uint8", data: classes });
  return writeNpz(arrays);
}

function arraysOf(
  part: Part,
  { count, frames, channels, inputs, answers }: Samples,
): ReadonlyMap<string, NumericArray> {
  return new Map<string, NumericArray>([
    [`${part}/inputs`, { shape: [count, frames, channels], dtype: "float32", data: inputs }],
    [`${part}/${answers.kind}`, arrayOf(answers, count, frames)],
  ]);
}

function arrayOf(answers: Answers, count: number, frames: number): NumericArray {
  if (answers.kind === "values") {
    return { shape: [count, frames, answers.outputs], dtype: "float32", data: answers.targets };
  }
  const shape = answers.kind === "class" ? [count] : [count, frames];
  return { shape, dtype: "int32", data: answers.labels };
}

/** One part alone. */
export function packSamples(samples: Samples): Uint8Array {
  return writeNpz(arraysOf("train", samples));
}

/** What `packTaskData` gave; how to redraw does not travel. */
export function unpackTaskData(bytes: Uint8Array): TaskData {
  const arrays = readNpz(bytes, ALL);
  const [train, test] = [samplesOf(arrays, "train"), samplesOf(arrays, "test")] as [Samples, Samples];
  const classes = JSON.parse(new TextDecoder().decode(arrays.get("classes")?.data)) as TaskData["classes"];
  return { train, validation: samplesOf(arrays, "validation"), test, classes };
}

/** What `packSamples` gave. */
export function unpackSamples(bytes: Uint8Array): Samples {
  return samplesOf(readNpz(bytes, ALL), "train") as Samples;
}

type Part = (typeof PARTS)[number];

function samplesOf(arrays: ReadonlyMap<string, NumericArray>, part: Part): Samples | null {
  const inputs = arrays.get(`${part}/inputs`);
  if (inputs === undefined) return null;
  const [count = 0, frames = 0, channels = 0] = inputs.shape;
  return { count, frames, channels, inputs: inputs.data as Float32Array, answers: answersOf(arrays, part) };
}

function answersOf(arrays: ReadonlyMap<string, NumericArray>, part: Part): Answers {
  for (const kind of ["class", "classes"] as const) {
    const labels = arrays.get(`${part}/${kind}`);
    if (labels !== undefined) return { kind, labels: labels.data as Int32Array };
  }
  const targets = arrays.get(`${part}/values`);
  return { kind: "values", outputs: targets?.shape[2] ?? 1, targets: targets?.data as Float32Array };
}
