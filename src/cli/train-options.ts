/** Flags of `npm run train`: a new training, or one that goes on. */

import { readFile, readdir, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { VleError } from "../errors.ts";
import type { DataFile } from "../io/dataset.ts";
import { experiments, trainingNamed, type Experiment } from "../tasks/experiments.ts";
import { RULES } from "../tasks/presets.ts";
import { parseExperiment, readExperiment } from "../tasks/read-experiment.ts";
import type { SoundFolder } from "../tasks/sound-folder.ts";
import { FILES, isFolderTask } from "../tasks/tasks.ts";
import type { KernelChoice } from "../train/kernels.ts";
import { HOST_KINDS, type HostKind } from "./host.ts";
import { KERNELS_HELP, readKernels } from "./kept-tunings.ts";
import { pathOf, readChoice, readFlags, readOutputs, readWholeNumber, requireFile, UsageError } from "./options.ts";

export interface TrainOptions {
  readonly what: NewTraining | { readonly resume: string };
  /** Undefined: Chrome, or where the run began; and the other one where that has no WebGPU. */
  readonly host: HostKind | undefined;
  /** Of a new training; one that goes on has those that it began with. */
  readonly kernels: KernelChoice;
  readonly checkpointSeconds: number;
  /** Where the summary is written, too. */
  readonly json: string | undefined;
}

export interface NewTraining {
  readonly experiment: Experiment;
  /** File or folder of the user; null: the task makes its data. */
  readonly data: string | null;
  /** Where the run folder is made. */
  readonly out: string;
}

const NAMES = [
  "preset",
  "spec",
  "resume",
  "data",
  "epochs",
  "seeds",
  "rule",
  "host",
  "kernels",
  "checkpoint",
  "out",
  "json",
];
export const CHECKPOINT_SECONDS = 30;

/**
 * @returns null if the user asks for help.
 * @throws UsageError
 */
export async function readTrainOptions(args: readonly string[]): Promise<TrainOptions | null> {
  const { values, positionals, wantsHelp } = readFlags(args, NAMES);
  if (wantsHelp) return null;
  const [stray] = positionals;
  if (stray !== undefined) throw new UsageError(`"${stray}" is not a flag; npm run train takes flags only.`);
  const json = values["json"] === undefined ? undefined : pathOf(values["json"]);
  if (json !== undefined) await requireFile("--json", json);
  return {
    what: values["resume"] === undefined ? await readNew(values) : readResume(values),
    host: readChoice("--host", values["host"], HOST_KINDS),
    kernels: readKernels(values["kernels"]),
    checkpointSeconds: readWholeNumber("--checkpoint", values["checkpoint"], 0) ?? CHECKPOINT_SECONDS,
    json,
  };
}

export function trainHelp(): string {
  const width = Math.max(...experiments.map(({ name }) => name.length));
  const list = experiments.map(({ name, title, epochs, seeds }) => {
    return `    ${name.padEnd(width)}  ${title}; ${epochs} epochs, ${seeds.length === 1 ? "1 seed" : `${seeds.length} seeds`}`;
  });
  return `npm run train -- --preset NAME | --spec FILE.json | --resume DIR [flags]

Trains a network over epochs of a data set, tests it after each, and keeps all that it takes to go on.

  --preset NAME    one of
${list.join("\n")}
  --spec FILE      an experiment of your own as JSON, see docs/training.md
  --resume DIR     goes on with the run in this folder, to the same bits as if it had never been stopped
  --data PATH      a file or folder of data in place of the task's: .npz, .safetensors, .npy, .csv, folders of .wav; the
                   folder of the data set for spoken-digits and gsc
  --epochs N       how often the training samples are gone through
  --seeds 1,2,3    of the initial parameters; all networks train side by side
  --rule RULE      ${RULES.map(flagNameOf).join(", ")}
  --host HOST      ${HOST_KINDS.join(" or ")}; default chrome, and node where Chrome has no WebGPU
  --kernels K      ${KERNELS_HELP}
  --checkpoint N   seconds between checkpoints within an epoch; default ${CHECKPOINT_SECONDS}
  --out DIR        where the folder of the run is made; default runs
  --json FILE      writes the summary there, too
  --help           this text`;
}

/** What a run needs to know besides what it trains. */
export type RunOptions = Pick<TrainOptions, "host" | "kernels" | "checkpointSeconds" | "json">;

type Values = Readonly<Record<string, string | undefined>>;

function readResume(values: Values): { readonly resume: string } {
  const stray = ["preset", "spec", "data", "epochs", "seeds", "rule", "kernels", "out"].find(
    (name) => values[name] !== undefined,
  );
  if (stray === undefined) return { resume: pathOf(values["resume"] ?? "") };
  throw new UsageError(`--${stray} and --resume exclude each other: a run goes on as it began. Leave one of them out.`);
}

async function readNew(values: Values): Promise<NewTraining> {
  const { preset, spec, data } = values;
  if ((preset === undefined) === (spec === undefined)) {
    const names = experiments.map(({ name }) => name).join(", ");
    throw new UsageError(
      preset === undefined
        ? `Say what to train: --preset NAME (${names}), --spec FILE.json, or --resume DIR.`
        : "--preset and --spec exclude each other; leave one of them out.",
    );
  }
  const read = spec === undefined ? asUsage("--", () => trainingNamed(preset ?? "")) : await readSpec(pathOf(spec));
  const experiment = asUsage("", () => readExperiment({ ...read, ...readChanges(values, read) }));
  requireData(experiment, data);
  const { out } = await readOutputs({ out: values["out"] });
  return { experiment, data: data === undefined ? null : pathOf(data), out };
}

/** @throws UsageError where the data of a task can only come from what the user names, and nothing is named. */
export function requireData({ name, task }: Experiment, data: string | undefined): void {
  if (data !== undefined) return;
  if (task.name === FILES) throw new UsageError('The task of this experiment is "files": name them with --data PATH.');
  if (isFolderTask(task)) {
    throw new UsageError(
      `${name} learns from the recordings of a folder, which is not part of this: name it with --data DIR.`,
    );
  }
}

/** What flags say in place of the experiment. */
function readChanges(values: Values, { window, task }: Experiment): Partial<Experiment> {
  const epochs = readWholeNumber("--epochs", values["epochs"], 1);
  const named = readChoice("--rule", values["rule"], RULES.map(flagNameOf));
  const rule = RULES.find((each) => named !== undefined && flagNameOf(each) === named);
  const seeds = values["seeds"]?.split(",").map((seed) => readWholeNumber("--seeds", seed.trim(), 0) ?? 0);
  return {
    ...(epochs !== undefined && { epochs }),
    ...(rule !== undefined && { rule, window: rule === "exact" ? window : null }),
    ...(seeds !== undefined && { seeds }),
    ...(values["data"] !== undefined && !isFolderTask(task) && { task: { name: FILES } }),
  };
}

/** As it is written without quotes. */
export function flagNameOf(rule: string): string {
  return rule.replaceAll(" ", "-");
}

async function readSpec(path: string): Promise<Experiment> {
  const content = await readFile(path, "utf8").catch((error: unknown) => {
    throw new UsageError(`--spec: ${path} cannot be read (${reasonOf(error)}).`);
  });
  return asUsage("", () => parseExperiment(content, path));
}

/** What is wrong with what the user gave, as a UsageError that begins with `before`. */
export function asUsage<T>(before: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof VleError) throw new UsageError(`${before}${error.message}`);
    throw error;
  }
}

/** A file, or all files of a folder. @throws UsageError */
export async function readDataFiles(path: string): Promise<DataFile[]> {
  try {
    const isFolder = (await stat(path)).isDirectory();
    if (!isFolder) return [{ path: path.replaceAll("\\", "/"), bytes: await readFile(path) }];
    const entries = await readdir(path, { withFileTypes: true, recursive: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    return await Promise.all(
      files.sort().map(async (file) => {
        return { path: relative(path, file).replaceAll("\\", "/"), bytes: await readFile(file) };
      }),
    );
  } catch (error) {
    throw new UsageError(`--data: ${path} cannot be read (${reasonOf(error)}).`);
  }
}

/** All paths of a folder, whose files are read as they are asked for. @throws UsageError */
export async function openDataFolder(path: string): Promise<SoundFolder> {
  try {
    const entries = await readdir(path, { withFileTypes: true, recursive: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const paths = files.map((file) => relative(path, file).replaceAll("\\", "/"));
    return { paths, read: (name) => readFile(join(path, name)) };
  } catch (error) {
    throw new UsageError(`--data: ${path} is no folder that can be read (${reasonOf(error)}).`);
  }
}

export function reasonOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
