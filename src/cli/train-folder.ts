/** The folder of a training over epochs: what it keeps so that the run can go on, whenever it was ended. */

import { readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { AdapterFacts } from "../device.ts";
import { VleError } from "../errors.ts";
import type { Experiment } from "../tasks/experiments.ts";
import { readExperiment } from "../tasks/read-experiment.ts";
import type { EpochEvent } from "../train/epochs.ts";
import { parseEpochs, unpackCheckpoint, type EpochRow } from "../train/training-state.ts";
import { HOST_KINDS, type HostKind } from "./host.ts";
import { shownPath, UsageError } from "./options.ts";
import { openRunFolder, type RunFolder } from "./run-folder.ts";
import type { TrainingSummary } from "./train-results.ts";

export const TRAIN_CONFIG_SCHEMA = "vle-webgpu/train-config/1";
const FOLDER = "checkpoints";
const ENDING = ".ckpt";
/** Checkpoints that are kept besides the best: should the newest be torn, the one before it is whole. */
const KEPT = 2;

export interface TrainConfig {
  readonly schema: string;
  readonly version: string;
  readonly started: string;
  readonly host: HostKind;
  readonly adapter: AdapterFacts;
  /** Where data were read, and what came of it; null: the task makes them. */
  readonly data: { readonly path: string; readonly checksum: number } | null;
  readonly experiment: Experiment;
}

/** Keeps a checkpoint, drops the older ones. */
export async function keepCheckpoint(folder: RunFolder, event: EpochEvent & { kind: "checkpoint" }): Promise<void> {
  await folder.write(`${FOLDER}/${event.name}${ENDING}`, event.bytes);
  if (event.best !== null) await folder.write(`${FOLDER}/${event.best}${ENDING}`, event.bytes);
  for (const name of (await namesIn(folder)).slice(KEPT)) await rm(join(folder.path, FOLDER, name), { force: true });
}

/** Of the places of a run, newest first; the best ones are not among them. */
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
  const summary = JSON.parse(await read("summary.json")) as TrainingSummary;
  return { config, rows: parseEpochs(await read("metrics.csv")), summary };
}

async function readConfig(path: string): Promise<TrainConfig> {
  const refuse = (problem: string): UsageError =>
    new UsageError(`--resume: ${path} ${problem}; name the folder of a run of npm run train.`);
  const text = await readFile(join(path, "config.json"), "utf8").catch(() => null);
  if (text === null) throw refuse("has no config.json");
  try {
    const config = JSON.parse(text) as TrainConfig;
    if (config.schema !== TRAIN_CONFIG_SCHEMA)
      throw refuse(`has a config.json that is not of the form ${TRAIN_CONFIG_SCHEMA}`);
    const host = HOST_KINDS.find((kind) => kind === config.host) ?? "chrome";
    return { ...config, host, experiment: readExperiment(config.experiment) };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw refuse(`has a config.json that cannot be read (${error instanceof Error ? error.message : String(error)})`);
  }
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
      console.log(`${shownPath(join(folder.path, FOLDER, name))} is not whole and is left aside.`);
    }
  }
  return null;
}
