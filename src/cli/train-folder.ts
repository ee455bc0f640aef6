/** The folder of a training over epochs: what it keeps so that the run can go on, whenever it was ended. */

import { readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { AdapterFacts } from "../device.ts";
import { DataError, VleError } from "../errors.ts";
import type { Tuning } from "../layout.ts";
import { resolvePlanning } from "../options.ts";
import { fields, name as readName, number, positive, show } from "../spec/read.ts";
import type { Experiment } from "../tasks/experiments.ts";
import { readExperiment } from "../tasks/read-experiment.ts";
import type { EpochEvent } from "../train/epochs.ts";
import type { TuningChoice } from "../variants.ts";
import { parseEpochs, unpackCheckpoint, type EpochRow } from "../train/training-state.ts";
import { HOST_KINDS, type HostKind } from "./host.ts";
import { shownPath, UsageError } from "./options.ts";
import { openRunFolder, type RunFolder } from "./run-folder.ts";
import { TRAINING_SCHEMA, type TrainingSummary } from "./train-results.ts";

export const TRAIN_CONFIG_SCHEMA = "vle-webgpu/train-config/1";
const FOLDER = "checkpoints";
const ENDING = ".ckpt";
/** Checkpoints that are kept: should the newest be torn, the one before it is whole. */
const KEPT = 2;

export interface TrainConfig {
  readonly schema: string;
  readonly version: string;
  readonly started: string;
  readonly host: HostKind;
  readonly adapter: AdapterFacts;
  /** Those of the simulators that train; null, and not there in older runs: the default ones. */
  readonly kernels: TuningChoice | null;
  /** Where data were read, and what came of it; null: the task makes them. */
  readonly data: { readonly path: string; readonly checksum: number } | null;
  readonly experiment: Experiment;
}

/** Keeps a checkpoint, drops the older ones. */
export async function keepCheckpoint(folder: RunFolder, event: EpochEvent & { kind: "checkpoint" }): Promise<void> {
  await folder.write(`${FOLDER}/${event.name}${ENDING}`, event.bytes);
  for (const name of (await namesIn(folder)).slice(KEPT)) await rm(join(folder.path, FOLDER, name), { force: true });
}

/** Of the places of a run, newest first. */
async function namesIn({ path }: RunFolder): Promise<string[]> {
  const all = await readdir(join(path, FOLDER)).catch(() => []);
  return all
    .filter((name) => /^[\d-]+\.ckpt$/.test(name))
    .sort()
    .reverse();
}

export interface Resumed {
  readonly folder: RunFolder;
  readonly config: TrainConfig;
  /** The newest checkpoint that is whole; null: there is none, so the run begins anew. */
  readonly checkpoint: Uint8Array | null;
  readonly isFinished: boolean;
}

/** @throws UsageError where there is no run to go on with. */
export async function openTraining(path: string): Promise<Resumed> {
  const config = await readConfig(path);
  const folder = await openRunFolder(path);
  await dropTornFiles(path);
  return {
    folder,
    config,
    checkpoint: await newestCheckpoint(folder),
    isFinished: folder.files.includes("summary.json"),
  };
}

/** What a finished run left behind. */
export interface FinishedRun {
  readonly config: TrainConfig;
  readonly rows: readonly EpochRow[];
  readonly summary: TrainingSummary;
}

/** @throws UsageError unless it is the folder of a training that has ended. */
export async function readFinishedRun(path: string): Promise<FinishedRun> {
  const config = await readConfig(path);
  const read = (name: string): Promise<string> => {
    return readFile(join(path, name), "utf8").catch(() => {
      throw new UsageError(`${path} has no ${name}: the run has not ended. Go on with it first.`);
    });
  };
  try {
    const summary = parseSummary(await read("summary.json"));
    return { config, rows: parseEpochs(await read("metrics.csv")), summary };
  } catch (error) {
    throw error instanceof VleError ? new UsageError(`${path}: ${error.message}`) : error;
  }
}

/** Whether this program wrote it is told by its schema. @throws DataError */
function parseSummary(text: string): TrainingSummary {
  const summary = parseObject(text) as Partial<TrainingSummary> | null;
  // Older ones do not say which seeds diverged: runs in which one did had no summary.
  if (summary?.schema === TRAINING_SCHEMA) return { diverged: [], ...summary } as unknown as TrainingSummary;
  const found = summary === null ? "not an object of JSON" : `of the form ${show(summary.schema)}`;
  throw new DataError("summary.json", `is ${found}, but must be of the form "${TRAINING_SCHEMA}".`);
}

function parseObject(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

async function readConfig(path: string): Promise<TrainConfig> {
  const refuse = (problem: string): UsageError =>
    new UsageError(`--resume: ${path} ${problem}; name the folder of a run of npm run train.`);
  const text = await readFile(join(path, "config.json"), "utf8").catch(() => null);
  if (text === null) throw refuse("has no config.json");
  const config = parseObject(text) as Partial<TrainConfig> | null;
  if (config === null) throw refuse("has a config.json that is not an object of JSON");
  const { schema, data = null, kernels = null } = config;
  if (schema !== TRAIN_CONFIG_SCHEMA)
    throw refuse(`has a config.json of the form ${show(schema)}, not "${TRAIN_CONFIG_SCHEMA}"`);
  const isData = data === null || (typeof data.path === "string" && Number.isSafeInteger(data.checksum));
  if (!isData) throw refuse(`has a config.json whose data are ${show(data)}, not null or a path and a checksum`);
  const host = HOST_KINDS.find((kind) => kind === config.host) ?? "chrome";
  try {
    return {
      ...(config as TrainConfig),
      data,
      kernels: readKernels(kernels),
      host,
      experiment: readExperiment(config.experiment),
    };
  } catch (error) {
    if (!(error instanceof VleError)) throw error;
    throw refuse(`has a config.json that cannot be read (${error.message.replace(/\.$/, "")})`);
  }
}

/** Fields that there were not yet when it was written are those of the device. @throws SpecError */
function readKernels(value: unknown): TuningChoice | null {
  if (value === null) return null;
  const { name, gain, tuning } = fields(value, "kernels", ["name", "gain", "tuning"]);
  resolvePlanning({ tuning: tuning as Tuning });
  return {
    name: readName(name, "kernels.name"),
    gain: number(gain, "kernels.gain", positive),
    tuning: tuning as Tuning,
  };
}

/** What was being written when the run was killed. */
async function dropTornFiles(path: string): Promise<void> {
  for (const folder of [path, join(path, FOLDER)]) {
    const names = await readdir(folder).catch(() => []);
    for (const name of names.filter((each) => each.endsWith(".part"))) await rm(join(folder, name), { force: true });
  }
}

async function newestCheckpoint(folder: RunFolder): Promise<Uint8Array | null> {
  for (const name of await namesIn(folder)) {
    const bytes = await readFile(join(folder.path, FOLDER, name));
    try {
      unpackCheckpoint(bytes);
      return bytes;
    } catch (error) {
      if (!(error instanceof VleError)) throw error;
      console.log(`${shownPath(join(folder.path, FOLDER, name))} is left aside: ${error.message}`);
    }
  }
  return null;
}
