/** What there is to learn, by name. A new task is one more line of `makers`, and a function of its options. */

import { SpecError } from "../errors.ts";
import { suggestion } from "../spec/read.ts";
import { copyRecallData } from "./copy-recall.ts";
import { delayedXorData } from "./delayed-xor.ts";
import { digitRowsData } from "./digit-rows.ts";
import type { Digits } from "./digits.ts";
import { lagNetData } from "./lag-net.ts";
import { mackeyGlassData } from "./mackey-glass.ts";
import { createMnist1d, MNIST_1D_CLASSES, type Mnist1dOptions, type Mnist1dSet } from "./mnist-1d.ts";
import type { Samples, TaskData } from "./samples.ts";
import type { SoundFolder } from "./sound-folder.ts";
import { speechCommandsData, type SpeechCommandsOptions } from "./speech-commands.ts";
import { spokenDigitsData, type SpokenDigitsOptions } from "./spoken-digits.ts";
import { readOptions } from "./task-options.ts";
import { createYinYang, YIN_YANG_FEATURES, YIN_YANG_SETS, type YinYangSet } from "./yin-yang.ts";

/** Names a task, and what is special about it. */
export interface TaskSpec {
  /** One of `TASKS`, of `FOLDER_TASKS`, `DIGIT_ROWS`, or `FILES`. */
  readonly name: string;
  /** As its maker takes them, without the folder; of `FILES`, those of `fileData`. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** The task whose data come from files that the user names. */
export const FILES = "files";

/** The task whose images come from a package, so that a page cannot make it of its options alone. */
export const DIGIT_ROWS = "digit-rows";

type Maker = (options: Readonly<Record<string, unknown>>) => TaskData;

const makers: Readonly<Record<string, Maker>> = {
  "mnist-1d": mnist1dData,
  "yin-yang": yinYangData,
  "delayed-xor": delayedXorData,
  "copy-recall": copyRecallData,
  "mackey-glass": mackeyGlassData,
  "lag-net": lagNetData,
};

export const TASKS: readonly string[] = Object.keys(makers);

/** Options that nobody has checked, and the folder; the makers check both. */
type FolderMaker = (options: { readonly folder: SoundFolder }) => Promise<TaskData>;

const folderMakers: Readonly<Record<string, FolderMaker>> = {
  "spoken-digits": (options: SpokenDigitsOptions) => spokenDigitsData(options),
  "speech-commands": (options: SpeechCommandsOptions) => speechCommandsData(options),
};

/** Tasks whose recordings are in a folder that the user names. */
export const FOLDER_TASKS: readonly string[] = Object.keys(folderMakers);

export function isFolderTask({ name }: TaskSpec): boolean {
  return Object.hasOwn(folderMakers, name);
}

/**
 * Makes the data of a task, the same for the same options.
 * @throws SpecError for a name that there is not, for a task that needs a folder or images, and for options that are not valid.
 */
export function taskData({ name, options = {} }: TaskSpec): TaskData {
  const maker = Object.hasOwn(makers, name) ? makers[name] : undefined;
  if (maker !== undefined) return maker(options);
  if (isFolderTask({ name })) {
    throw new SpecError("task.name", `is "${name}", whose recordings are in a folder; name it, as with --data DIR.`);
  }
  if (name === DIGIT_ROWS) throw new SpecError("task.name", `is "${name}", which needs the images of the digits.`);
  const names = [...TASKS, ...FOLDER_TASKS, DIGIT_ROWS, FILES];
  throw new SpecError(
    "task.name",
    `is ${JSON.stringify(name)}; there are: ${names.join(", ")}.${suggestion(name, names)}`,
  );
}

/** The data of `DIGIT_ROWS`. @throws SpecError for options that are not valid. */
export function digitTaskData({ options = {} }: TaskSpec, digits: Digits): TaskData {
  return digitRowsData(options, digits);
}

/**
 * Reads the data of a task whose recordings are in `folder`.
 * @throws SpecError for another task, and for options that are not valid; DataError for what is wrong with the folder.
 */
export async function folderTaskData({ name, options = {} }: TaskSpec, folder: SoundFolder): Promise<TaskData> {
  const maker = Object.hasOwn(folderMakers, name) ? folderMakers[name] : undefined;
  if (maker === undefined) throw new SpecError("task.name", `is "${name}", which takes no folder.`);
  if ("folder" in options) {
    throw new SpecError("task.options.folder", "is not for a file; name the folder as data, as with --data DIR.");
  }
  return maker({ ...options, folder });
}

/** Curves of the ten digits; one channel, a value a frame. There is no validation part: the published code has none. */
export function mnist1dData(options: Readonly<Record<string, unknown>> = {}): TaskData {
  const read = readOptions(options, "mnist1d", ["length", "samples", "seed"]);
  const given: Required<Mnist1dOptions> = {
    length: read.integer("length", 2, 100_000, 40),
    samples: read.multiple("samples", MNIST_1D_CLASSES, MNIST_1D_CLASSES, 5000),
    seed: read.integer("seed", 0, 2 ** 32 - 1, 42),
  };
  const { train, test } = createMnist1d(given);
  const samplesOf = ({ count, values, labels }: Mnist1dSet): Samples => ({
    count,
    frames: given.length,
    channels: 1,
    inputs: Float32Array.from(values),
    answers: { kind: "class", labels: Int32Array.from(labels) },
  });
  return {
    train: samplesOf(train),
    validation: null,
    test: samplesOf(test),
    classes: Array.from({ length: MNIST_1D_CLASSES }, (_, digit) => String(digit)),
  };
}

/** Points in the plane; one frame, as they do not change in time. `samples` and `seed` are those of the training part. */
export function yinYangData(options: Readonly<Record<string, unknown>> = {}): TaskData {
  const read = readOptions(options, "yinYang", ["samples", "seed"]);
  const train = {
    samples: read.integer("samples", 1, 1e6, YIN_YANG_SETS.train.samples),
    seed: read.integer("seed", 0, 2 ** 32 - 1, YIN_YANG_SETS.train.seed),
  };
  const samplesOf = ({ count, features, labels }: YinYangSet): Samples => ({
    count,
    frames: 1,
    channels: YIN_YANG_FEATURES,
    inputs: Float32Array.from(features),
    answers: { kind: "class", labels: Int32Array.from(labels) },
  });
  return {
    train: samplesOf(createYinYang(train)),
    validation: samplesOf(createYinYang(YIN_YANG_SETS.validation)),
    test: samplesOf(createYinYang(YIN_YANG_SETS.test)),
    classes: ["yang", "yin", "dot"],
  };
}
