/**
 * Data sets from files as people have them: shapes are told before arrays are made, and samples are read in ranges.
 * Kinds: .npz, .safetensors or .npy with inputs and labels or targets; .csv with a column of labels; folders of .wav.
 */

import { DataError } from "../errors.ts";
import type { NumericArray } from "./array.ts";
import type { Delimiter } from "./csv-scan.ts";
import { openArrays } from "./dataset-arrays.ts";
import { openSounds, type SoundOptions } from "./dataset-sounds.ts";
import { openTables } from "./dataset-tables.ts";
import { quote, refuse, sourceOf, type Source } from "./refusal.ts";

/** A file that the host has read. */
export interface DataFile {
  /** With slashes, from wherever the host likes: "speech/yes/0a7c2a8d_nohash_0.wav". */
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface DatasetOptions {
  /** Bytes that each array of a call may take. Default 1 GiB. */
  readonly maxBytes?: number;
  /**
   * Names of the classes in the order of their labels. Default: texts sorted, numbers up to the largest. Of sounds, those
   * of other words are left out, or are "unknown" if that is one of the classes.
   */
  readonly classes?: readonly string[];
  /** Of .csv: name of the column of labels, or its position from 0. Default: the one called label, class, target or y. */
  readonly label?: string | number;
  /** Of .csv: default ",". */
  readonly delimiter?: Delimiter;
  /** Of .csv: whether the first row has names. Default "detect". */
  readonly header?: boolean | "detect";
  /** Of .csv: channels, neighbours in a row, of which a step is made. Default 1: each column is a step. */
  readonly channels?: number;
  /** Of .wav. */
  readonly sound?: SoundOptions;
}

export type DatasetKind = "npz" | "safetensors" | "npy" | "csv" | "wav";

export interface DatasetDescription {
  readonly kind: DatasetKind;
  /** "all", or those of "train", "validation" and "test" that there are. */
  readonly parts: readonly { readonly name: PartName; readonly samples: number }[];
  readonly steps: number;
  readonly channels: number;
  /** Names of the classes; null where there are targets. */
  readonly classes: readonly string[] | null;
  /** Of a sample: [outputs], or [steps, outputs]; null where there are labels. */
  readonly targetShape: readonly number[] | null;
  /** Bytes of all inputs. */
  readonly inputBytes: number;
  /** Sentences about what was taken for granted or left out. */
  readonly notes: readonly string[];
}

export type PartName = "all" | "train" | "validation" | "test";

/** Samples to read: by default all of the first part. */
export interface SampleRange {
  readonly part?: PartName;
  /** Default 0. */
  readonly first?: number;
  /** Default: all from there on. */
  readonly count?: number;
}

export interface Dataset {
  /** f32 [sample][step][channel], all finite. */
  readonly inputs: NumericArray;
  /** [sample], indices into `classes`. */
  readonly labels: Int32Array | null;
  /** f32 [sample][output] or [sample][step][output], all finite. */
  readonly targets: NumericArray | null;
  readonly classes: readonly string[] | null;
}

export interface DatasetSource {
  readonly description: DatasetDescription;
  /** @throws DataError for a range outside the part, beyond the cap, and for values that are not finite. */
  readonly read: (range?: SampleRange) => Dataset;
}

/** What each kind gives; samples are read by position. */
export interface OpenedParts {
  readonly parts: readonly OpenedPart[];
  readonly steps: number;
  readonly channels: number;
  readonly classes: readonly string[] | null;
  readonly targetShape: readonly number[] | null;
  readonly notes: readonly string[];
}

export interface OpenedPart {
  readonly name: PartName;
  /** Where its inputs are from, for messages. */
  readonly file: string;
  readonly samples: number;
  /** [sample][step][channel] */
  readonly inputs: (first: number, count: number) => Float32Array;
  readonly labels: Int32Array | null;
  readonly targets: ((first: number, count: number) => Float32Array) | null;
}

/**
 * Looks through files and describes what they are together. Files that belong to no data set are left out, with a note.
 * @throws DataError if there is no data set in them or more than one kind, and whatever is wrong with the files.
 */
export function openDataset(files: readonly DataFile[], options: DatasetOptions = {}): DatasetSource {
  const source = sourceOf(options, "data set");
  const { kind, chosen, others } = chooseKind(files);
  const opened = openKind(kind, chosen, others, options, source);
  const { parts, steps, channels, classes, targetShape } = opened;
  const samples = parts.reduce((sum, part) => sum + part.samples, 0);
  const left =
    kind === "wav" ? [] : others.map(({ path }) => `${quote(path)} is no part of the data set and left out.`);
  const description: DatasetDescription = {
    kind,
    parts: parts.map((part) => ({ name: part.name, samples: part.samples })),
    steps,
    channels,
    classes,
    targetShape,
    inputBytes: 4 * samples * steps * channels,
    notes: [...opened.notes, ...left.slice(0, MOST_NOTES)],
  };
  return { description, read: (range = {}) => readRange(opened, range, source) };
}

const MOST_NOTES = 10;
const KINDS = ["npz", "safetensors", "npy", "csv", "wav"] as const;

function chooseKind(files: readonly DataFile[]): { kind: DatasetKind; chosen: DataFile[]; others: DataFile[] } {
  const kindOf = ({ path }: DataFile): DatasetKind | undefined =>
    KINDS.find((kind) => path.toLowerCase().endsWith(`.${kind}`));
  const kinds = [...new Set(files.flatMap((file) => kindOf(file) ?? []))];
  const [kind] = kinds;
  const expected = KINDS.map((each) => `.${each}`).join(", ");
  if (kind === undefined) {
    throw new DataError("files", `have no data set: of ${files.length} none ends with ${expected}; choose such files.`);
  }
  if (kinds.length > 1) {
    throw new DataError(
      "files",
      `are of several kinds (${kinds.map((each) => `.${each}`).join(", ")}); choose one kind.`,
    );
  }
  return {
    kind,
    chosen: files.filter((file) => kindOf(file) === kind),
    others: files.filter((file) => kindOf(file) === undefined),
  };
}

function openKind(
  kind: DatasetKind,
  files: readonly DataFile[],
  others: readonly DataFile[],
  options: DatasetOptions,
  source: Source,
): OpenedParts {
  if (kind === "csv") return openTables(files, options, source);
  if (kind === "wav") return openSounds(files, others, options, source);
  return openArrays(kind, files, options, source);
}

// ---- reading --------------------------------------------------------------------------------------------------

function readRange(opened: OpenedParts, range: SampleRange, source: Source): Dataset {
  const { parts, steps, channels, classes, targetShape } = opened;
  const part = range.part === undefined ? parts[0] : parts.find(({ name }) => name === range.part);
  if (part === undefined) {
    const known = parts.map(({ name }) => `"${name}"`).join(", ");
    throw new DataError("part", `is ${quote(String(range.part))}, but the data set has ${known}; choose one.`);
  }
  const { first = 0, count = part.samples - first } = range;
  const isRange = Number.isInteger(first) && Number.isInteger(count) && first >= 0 && count >= 0;
  if (!isRange || first + count > part.samples) {
    throw new DataError(
      "samples",
      `from ${first}, ${count} of them, are not among the ${part.samples} of "${part.name}"; choose fewer.`,
    );
  }
  const size = count * steps * channels * 4;
  if (size > source.maxBytes) {
    throw new DataError(
      "samples",
      `take ${size} bytes, but maxBytes is ${source.maxBytes}; read a smaller range, or raise it.`,
    );
  }
  const inputs = part.inputs(first, count);
  checkFinite(inputs, [steps, channels], part.file, "inputs", first);
  const targets = part.targets?.(first, count);
  if (targets !== undefined) checkFinite(targets, targetShape ?? [], part.file, "targets", first);
  return {
    inputs: { shape: [count, steps, channels], dtype: "float32", data: inputs },
    labels: part.labels?.slice(first, first + count) ?? null,
    targets: targets === undefined ? null : { shape: [count, ...(targetShape ?? [])], dtype: "float32", data: targets },
    classes,
  };
}

/** @param shape of a sample */
function checkFinite(data: Float32Array, shape: readonly number[], file: string, field: string, first: number): void {
  const at = data.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  const index: number[] = [];
  let rest = at;
  for (const length of shape.toReversed()) {
    index.unshift(rest % length);
    rest = Math.floor(rest / length);
  }
  const place = [first + rest, ...index].map((each) => `[${each}]`).join("");
  throw refuse(
    file,
    `${field}${place}`,
    String(data[at]),
    "a finite number",
    "leave the sample out, or fill the value in",
  );
}
