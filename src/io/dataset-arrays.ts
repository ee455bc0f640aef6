/** Data sets as named arrays: fields of a .npz or .safetensors, or .npy files. */

import { showShape, toFloat32, toIndices, type ArrayEntry } from "./array.ts";
import { checkClasses, classNames } from "./dataset-classes.ts";
import type { DataFile, DatasetOptions, OpenedPart, OpenedParts, PartName } from "./dataset.ts";
import { MOST_CLASSES } from "./csv.ts";
import { readNpyPrologue, readNpyFrom } from "./npy.ts";
import { openNpz } from "./npz.ts";
import { plain, quote, refuse, type Source } from "./refusal.ts";
import { openSafetensors } from "./safetensors.ts";

const CURE = "call the arrays inputs (or x) and labels (or y) or targets";

/**
 * Fields inputs or x, with labels, y or targets; for several parts with train, validation or test before or behind, as in
 * x_train.
 * @throws DataError for fields that are missing, doubled, or of other shapes than inputs [samples, steps, channels] or
 * [samples, steps], labels [samples] of whole numbers, targets [samples, outputs] or [samples, steps, outputs].
 */
export function openArrays(
  kind: "npz" | "safetensors" | "npy",
  files: readonly DataFile[],
  options: DatasetOptions,
  source: Source,
): OpenedParts {
  const { arrays, file } = gather(kind, files, source);
  const { parts: found, notes } = sortFields(arrays, file);
  const opened = [...found].map(([name, fields]) => openPart(name, fields, file));
  const [first] = opened;
  if (first === undefined) throw refuse(file, "inputs", "missing", "there", CURE);
  for (const each of opened) {
    const [a, b] = [shapeOf(each), shapeOf(first)];
    if (a !== b) throw refuse(file, `"${each.name}"`, a, `${b}, as "${first.name}"`, "give all parts one shape");
  }
  const labels = opened.map((each) => each.labels);
  return {
    parts: opened,
    steps: first.steps,
    channels: first.channels,
    classes: labels[0] === null ? null : checkClasses(classNames(labels), options.classes, file),
    targetShape: first.targetShape,
    notes,
  };
}

function gather(
  kind: "npz" | "safetensors" | "npy",
  files: readonly DataFile[],
  source: Source,
): { readonly arrays: ReadonlyMap<string, ArrayEntry>; readonly file: string } {
  const [first] = files;
  const path = first?.path ?? "";
  if (kind === "npy") return { arrays: new Map(files.map((file) => openFile(file, source))), file: folderOf(path) };
  if (first === undefined || files.length > 1) {
    throw refuse(source.file, "files", `${files.length} of .${kind}`, "one", "choose one, with all arrays in it");
  }
  const options = { file: path, maxBytes: source.maxBytes };
  return {
    arrays: kind === "npz" ? openNpz(first.bytes, options) : openSafetensors(first.bytes, options).arrays,
    file: plain(path),
  };
}

function folderOf(path: string): string {
  const folder = path.split("/").slice(0, -1).join("/");
  return folder === "" ? "files" : plain(folder);
}

function openFile({ path, bytes }: DataFile, { maxBytes }: Source): readonly [string, ArrayEntry] {
  const name = path.split("/").at(-1) ?? "";
  const file = plain(path);
  const { shape, dtype } = readNpyPrologue(bytes, file);
  return [name.slice(0, -".npy".length), { shape, dtype, read: () => readNpyFrom(bytes, { file, maxBytes }) }];
}

// ---- fields ---------------------------------------------------------------------------------------------------

type Role = "inputs" | "labels" | "targets" | "y";
type Fields = Map<Role, { readonly name: string; readonly entry: ArrayEntry }>;

const ROLES: Readonly<Record<string, Role>> = {
  input: "inputs",
  inputs: "inputs",
  x: "inputs",
  label: "labels",
  labels: "labels",
  target: "targets",
  targets: "targets",
  y: "y",
};
const PARTS: Readonly<Record<string, PartName>> = {
  train: "train",
  training: "train",
  val: "validation",
  valid: "validation",
  validation: "validation",
  test: "test",
  testing: "test",
};
const ORDER: readonly PartName[] = ["all", "train", "validation", "test"];

/** "x_train" is inputs of train, "test-labels" labels of test, "X" inputs of all. */
function roleOf(name: string): { readonly role: Role; readonly part: PartName } | undefined {
  const words = name.toLowerCase().split(/[_-]/);
  const roles = words.filter((word) => Object.hasOwn(ROLES, word));
  const parts = words.filter((word) => Object.hasOwn(PARTS, word));
  const role = ROLES[roles[0] ?? ""];
  if (role === undefined || roles.length > 1 || parts.length > 1 || roles.length + parts.length < words.length)
    return undefined;
  return { role, part: PARTS[parts[0] ?? ""] ?? "all" };
}

function sortFields(
  arrays: ReadonlyMap<string, ArrayEntry>,
  file: string,
): { readonly parts: ReadonlyMap<PartName, Fields>; readonly notes: readonly string[] } {
  const parts = new Map<PartName, Fields>();
  const notes: string[] = [];
  for (const [name, entry] of arrays) {
    const place = roleOf(name);
    if (place === undefined) {
      if (notes.length < 10)
        notes.push(`Array ${quote(name)} ${showShape(entry.shape)} is no part of the data set and left out.`);
      continue;
    }
    const fields = parts.get(place.part) ?? (new Map() as Fields);
    const other = fields.get(place.role);
    if (other !== undefined)
      throw refuse(file, quote(name), `the same as ${quote(other.name)}`, "one of them", "rename one");
    parts.set(place.part, fields.set(place.role, { name, entry }));
  }
  const inOrder = ORDER.flatMap((part) => {
    const fields = parts.get(part);
    return fields === undefined ? [] : [[part, fields] as const];
  });
  return { parts: new Map(inOrder), notes };
}

// ---- parts ----------------------------------------------------------------------------------------------------

interface ArraysPart extends OpenedPart {
  readonly steps: number;
  readonly channels: number;
  readonly targetShape: readonly number[] | null;
}

function shapeOf({ steps, channels, targetShape }: ArraysPart): string {
  return `[${steps}, ${channels}] with ${targetShape === null ? "labels" : `targets ${showShape(targetShape)}`}`;
}

function openPart(name: PartName, fields: Fields, file: string): ArraysPart {
  const inputs = fields.get("inputs");
  const answers = [...fields].filter(([role]) => role !== "inputs");
  const of = name === "all" ? "" : ` of "${name}"`;
  if (inputs === undefined) throw refuse(file, `inputs${of}`, "missing", "there", CURE);
  const [answer] = answers;
  if (answer === undefined || answers.length > 1) {
    throw refuse(file, `labels or targets${of}`, answer === undefined ? "missing" : "both there", "one of them", CURE);
  }
  const { shape } = inputs.entry;
  const [samples = 0, steps = 0, channels = 1] = shape;
  if ((shape.length !== 2 && shape.length !== 3) || samples * steps * channels === 0) {
    const expected = "[samples, steps, channels] or [samples, steps], 1 or more of each";
    throw refuse(file, quote(inputs.name), showShape(shape), expected, "reshape the array");
  }
  const [role, { name: answerName, entry }] = answer;
  const isLabels = role === "labels" || (role === "y" && /int|bool/.test(entry.dtype) && entry.shape.length === 1);
  const place = { file, field: answerName, samples, steps };
  return {
    name,
    file,
    samples,
    steps,
    channels,
    inputs: (first, count) => readRows(inputs.entry, first, count, `${file}: ${inputs.name}`),
    labels: isLabels ? readLabels(entry, place) : null,
    targets: isLabels ? null : (first, count) => readRows(entry, first, count, `${file}: ${answerName}`),
    targetShape: isLabels ? null : targetShapeOf(entry.shape, place),
  };
}

interface AnswerPlace {
  readonly file: string;
  readonly field: string;
  readonly samples: number;
  readonly steps: number;
}

function readLabels(entry: ArrayEntry, { file, field, samples }: AnswerPlace): Int32Array {
  if (entry.shape.length !== 1 || entry.shape[0] !== samples) {
    throw refuse(
      file,
      quote(field),
      showShape(entry.shape),
      `[${samples}], a label for each of the inputs`,
      "reshape the array",
    );
  }
  return toIndices(entry.read(), MOST_CLASSES - 1, `${file}: ${field}`);
}

/** Of a sample. */
function targetShapeOf(shape: readonly number[], { file, field, samples, steps }: AnswerPlace): readonly number[] {
  const [count, ...rest] = shape;
  const isFit = count === samples && (rest.length < 2 || (rest.length === 2 && rest[0] === steps)) && !rest.includes(0);
  if (isFit) return rest.length === 0 ? [1] : rest;
  const expected = `[${samples}, outputs] or [${samples}, ${steps}, outputs]`;
  throw refuse(file, quote(field), showShape(shape), expected, "reshape the array");
}

function readRows(entry: ArrayEntry, first: number, count: number, name: string): Float32Array {
  const array = entry.read();
  const size = array.data.length / (array.shape[0] ?? 1);
  const data = array.data.subarray(first * size, (first + count) * size);
  return toFloat32({ ...array, data }, name);
}
