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
    const { count, frames, channels, inputs, answers } = samples;
    arrays.set(`${part}/inputs`, { shape: [count, frames, channels], dtype: "float32", data: inputs });
    arrays.set(`${part}/${answers.kind}`, arrayOf(answers, count, frames));
  }
  const classes = new TextEncoder().encode(JSON.stringify(data.classes));
  arrays.set("classes", { shape: [classes.length], dtype: "uint8", data: classes });
  return writeNpz(arrays);
}

function arrayOf(answers: Answers, count: number, frames: number): NumericArray {
  if (answers.kind === "values") {
    return { shape: [count, frames, answers.outputs], dtype: "float32", data: answers.targets };
  }
  const shape = answers.kind === "class" ? [count] : [count, frames];
  return { shape, dtype: "int32", data: answers.labels };
}

/** What `packTaskData` gave. */
export function unpackTaskData(bytes: Uint8Array): TaskData {
  const arrays = readNpz(bytes, ALL);
  const samplesOf = (part: (typeof PARTS)[number]): Samples | null => {
    const inputs = arrays.get(`${part}/inputs`);
    if (inputs === undefined) return null;
    const [count = 0, frames = 0, channels = 0] = inputs.shape;
    return { count, frames, channels, inputs: inputs.data as Float32Array, answers: answersOf(arrays, part) };
  };
  const [train, test] = [samplesOf("train"), samplesOf("test")] as [Samples, Samples];
  const classes = JSON.parse(new TextDecoder().decode(arrays.get("classes")?.data)) as TaskData["classes"];
  return { train, validation: samplesOf("validation"), test, classes };
}

function answersOf(arrays: ReadonlyMap<string, NumericArray>, part: string): Answers {
  for (const kind of ["class", "classes"] as const) {
    const labels = arrays.get(`${part}/${kind}`);
    if (labels !== undefined) return { kind, labels: labels.data as Int32Array };
  }
  const targets = arrays.get(`${part}/values`);
  return { kind: "values", outputs: targets?.shape[2] ?? 1, targets: targets?.data as Float32Array };
}
