/** Where a training over epochs stands, as plain data, and as the bytes of a checkpoint. */

import { DataError } from "../errors.ts";
import { crc32 } from "../io/crc.ts";
import { show } from "../spec/read.ts";
import type { Divergence } from "./divergence.ts";
import type { Score, Tally } from "./scores.ts";
import { noPlateau, type Best, type Plateau } from "./rates.ts";

/** A line of metrics.csv. */
export interface EpochRow {
  /** From 1. */
  readonly epoch: number;
  readonly seed: number;
  /** Trained so far. */
  readonly steps: number;
  /** Over the epoch, while the parameters changed. */
  readonly trainLoss: number;
  readonly trainAccuracy: number | null;
  /** The part of the data that was looked at after the epoch. */
  readonly part: "validation" | "test";
  readonly loss: number;
  readonly accuracy: number | null;
  readonly nrmse: number | null;
  /** Learning rate at the end of the epoch. */
  readonly eta: number;
  /** Since the start, without pauses; of all seeds that train side by side. */
  readonly seconds: number;
}

/** What a seed has come to when its training has ended. */
export interface SeedResult {
  readonly seed: number;
  readonly epochs: number;
  readonly steps: number;
  readonly isStoppedEarly: boolean;
  readonly trainLoss: number;
  /** With the parameters of the end. */
  readonly test: Score;
  readonly best: Best & { readonly part: EpochRow["part"] };
  /** Decisions of the test by [class][answer], in a row. */
  readonly confusion: readonly number[];
}

/** What is remembered of a seed while it trains. */
export interface Course {
  readonly seed: number;
  plateau: Plateau;
  best: Best | null;
  /** Epoch after which it has stopped, from 0; null: it trains. */
  stoppedAfter: number | null;
  /** Of the epoch that is going on. */
  tally: Tally;
  /** Of the last evaluation. */
  evaluated: Tally | null;
}

/** It is the same for the same experiment and place, besides seconds. */
export interface TrainingState {
  readonly schema: string;
  /** What is trained: the experiment with its seeds and lengths, as JSON. */
  readonly experiment: string;
  /** Seeds that train side by side, one group after the other. */
  groups: number[][];
  group: number;
  /** Of the group, from 0. */
  epoch: number;
  /** Batches of the epoch that are done. */
  batch: number;
  /** Steps that the group has trained. */
  steps: number;
  seconds: number;
  courses: Course[];
  readonly rows: EpochRow[];
  /** Of seeds that have ended. */
  readonly results: SeedResult[];
  /** Seeds that go no further; they have no result. */
  readonly diverged: Divergence[];
}

export const STATE_SCHEMA = "vle-webgpu/training-state/2";

export function createCourse(seed: number, tally: Tally): Course {
  return { seed, plateau: noPlateau, best: null, stoppedAfter: null, tally, evaluated: null };
}

/** Starts the bytes; behind it the length of the state's JSON and the checksum of all that follows, 32 bits each. */
const MAGIC = "VLETRAIN";
const PROLOGUE = 16;

/** One file holds both, so that it is there as a whole or not at all. @param snapshot of the simulator of the group. */
export function packCheckpoint(state: TrainingState, snapshot: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode(JSON.stringify(state));
  const bytes = new Uint8Array(PROLOGUE + head.length + snapshot.length);
  bytes.set(new TextEncoder().encode(MAGIC));
  bytes.set(head, PROLOGUE);
  bytes.set(snapshot, PROLOGUE + head.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, head.length, true);
  view.setUint32(12, crc32(bytes.subarray(PROLOGUE)), true);
  return bytes;
}

export interface Checkpoint {
  readonly state: TrainingState;
  readonly snapshot: Uint8Array;
}

/** @throws DataError for bytes that are not a whole checkpoint. */
export function unpackCheckpoint(bytes: Uint8Array): Checkpoint {
  const refuse = (problem: string): DataError =>
    new DataError("checkpoint", `${problem}; go on from an older one, or start again.`);
  const isOne = new TextDecoder().decode(bytes.subarray(0, MAGIC.length)) === MAGIC;
  if (!isOne || bytes.length < PROLOGUE) throw refuse("does not begin like one");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = view.getUint32(8, true);
  const rest = bytes.subarray(PROLOGUE);
  if (length > rest.length || crc32(rest) !== view.getUint32(12, true)) throw refuse("is cut or was changed since");
  const state = parseState(new TextDecoder().decode(rest.subarray(0, length)));
  if (state === null) throw refuse("has a state that is not an object of JSON");
  if (state.schema !== STATE_SCHEMA) throw refuse(`is of the form ${show(state.schema)}, not ${STATE_SCHEMA}`);
  // A state of this form that its checksum vouches for is as it was packed, unless its maker was another program.
  const wrong = KINDS.find(([key, holds]) => !holds(state[key]));
  if (wrong !== undefined) throw refuse(`has ${show(state[wrong[0]])} for ${wrong[0]}, which is not ${wrong[2]}`);
  return { state: state as TrainingState, snapshot: new Uint8Array(rest.subarray(length)) };
}

function parseState(text: string): Partial<TrainingState> | null {
  try {
    const state: unknown = JSON.parse(text);
    return typeof state === "object" ? state : null;
  } catch {
    return null;
  }
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
const KINDS: readonly (readonly [keyof TrainingState, (value: unknown) => boolean, string])[] = [
  ["experiment", (value) => typeof value === "string", "a text"],
  ...(["groups", "courses", "rows", "results", "diverged"] as const).map(
    (key) => [key, Array.isArray, "a list"] as const,
  ),
  ...(["group", "epoch", "batch", "steps"] as const).map((key) => [key, isCount, "a whole number from 0 on"] as const),
  ["seconds", Number.isFinite, "a number"],
];

const COLUMNS = [
  "epoch",
  "seed",
  "steps",
  "trainLoss",
  "trainAccuracy",
  "part",
  "loss",
  "accuracy",
  "nrmse",
  "eta",
  "seconds",
] as const satisfies readonly (keyof EpochRow)[];

/** Those that a row may lack. */
const OPTIONAL: ReadonlySet<string> = new Set(["trainAccuracy", "accuracy", "nrmse"]);

/** The rows of what `epochsCsv` gave, without those of seeds that diverged. @throws DataError for another file. */
export function parseEpochs(csv: string): EpochRow[] {
  const [head, ...lines] = csv.trim().split("\n");
  if (head !== COLUMNS.join(",")) throw new DataError("metrics.csv", "is not that of a training over epochs.");
  return lines.flatMap((line, index) => {
    const cells = line.split(",");
    const refuse = (what: string, found: string, expected: string): DataError =>
      new DataError(`metrics.csv: line ${index + 2}${what}`, `is ${found}, but must be ${expected}.`);
    if (cells.length !== COLUMNS.length) throw refuse("", `${cells.length} fields`, `${COLUMNS.length}, as in line 1`);
    const row = Object.fromEntries(COLUMNS.map((column, i) => [column, cells[i] ?? ""]));
    // Only of seeds that diverged.
    if (row["part"] === "") return [];
    const entries = COLUMNS.map((column) => {
      const cell = row[column] ?? "";
      if (column === "part") return [column, cell] as const;
      if (cell === "" && OPTIONAL.has(column)) return [column, null] as const;
      const isNumber = cell !== "" && (cell === "NaN" || !Number.isNaN(Number(cell)));
      if (!isNumber) throw refuse(`, ${column}`, show(cell), "a number");
      return [column, Number(cell)] as const;
    });
    const read: unknown = Object.fromEntries(entries);
    return [read as EpochRow];
  });
}

/**
 * metrics.csv: a line for each epoch and seed, full precision; a figure that there is not is left empty. Seeds that
 * diverged have a last line each, of the epoch and the step in which they did, with losses of NaN.
 */
export function epochsCsv(rows: readonly EpochRow[], diverged: readonly Divergence[] = []): string {
  const lines = rows.map((row) => COLUMNS.map((column) => row[column] ?? "").join(","));
  const ends = diverged.map(({ seed, epoch, step }) => {
    const row: Partial<EpochRow> = { seed, epoch, steps: step, trainLoss: NaN, loss: NaN };
    return COLUMNS.map((column) => row[column] ?? "").join(",");
  });
  return [COLUMNS.join(","), ...lines, ...ends, ""].join("\n");
}
