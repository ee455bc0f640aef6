/** `npm run train`: trains an experiment over epochs of its data, shows how it goes, and keeps what it takes to go on. */

import { version } from "../../package.json";
import type { AdapterFacts } from "../device.ts";
import { VleError } from "../errors.ts";
import { crc32 } from "../io/crc.ts";
import { fileData, type FileDataOptions } from "../tasks/file-data.ts";
import { RULE_NAMES } from "../tasks/presets.ts";
import type { TaskData } from "../tasks/samples.ts";
import { DIGIT_ROWS, digitTaskData, FILES, folderTaskData, isFolderTask, taskData } from "../tasks/tasks.ts";
import type { Experiment } from "../tasks/experiments.ts";
import { shapeOf } from "../train/batches.ts";
import type { EpochProgress } from "../train/epoch-pace.ts";
import type { EpochEvent } from "../train/epochs.ts";
import { choiceOf, kernelWords, tunedWords, type KernelsRequest } from "../train/kernels.ts";
import { divergenceSentence, type Divergence } from "../train/divergence.ts";
import { epochsCsv, unpackCheckpoint, type EpochRow, type TrainingState } from "../train/training-state.ts";
import type { Tuned, TuningChoice } from "../variants.ts";
import { loadDigits } from "./digits-data.ts";
import { adapterName, whole } from "./format.ts";
import { withHost, type Host, type HostKind } from "./host.ts";
import { keepTuning, kernelsRequest, tuningsPath } from "./kept-tunings.ts";
import { shownPath, UsageError, withUsage } from "./options.ts";
import { createRunFolder, writeAtomically, type RunFolder } from "./run-folder.ts";
import { confusionFigure, epochCurves, tracesFigure, type Heading } from "./train-figures.ts";
import { keepCheckpoint, openTraining, TRAIN_CONFIG_SCHEMA, type TrainConfig } from "./train-folder.ts";
import {
  asUsage,
  openDataFolder,
  readDataFiles,
  readTrainOptions,
  trainHelp,
  type NewTraining,
  type RunOptions,
  type TrainOptions,
} from "./train-options.ts";
import { createEpochDisplay, type EpochDisplay } from "./train-progress.ts";
import { summarizeTraining, trainingLines } from "./train-results.ts";

const INTERRUPTED = 130;

/** @returns the exit code. */
export function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  return withUsage("train", async () => {
    const options = await readTrainOptions(args);
    if (options === null) {
      console.log(trainHelp());
      return 0;
    }
    const begun = "resume" in options.what ? await goOn(options.what.resume) : await begin(options.what);
    return begun === null ? 0 : train(begun, options, signal);
  });
}

/** What is trained, on what, into which folder. */
export interface Begun {
  readonly experiment: Experiment;
  readonly data: TaskData;
  readonly source: TrainConfig["data"];
  /** Where the folder is made, or the folder of a run that goes on. */
  readonly out: string | { readonly folder: RunFolder; readonly host: HostKind; readonly kernels: TuningChoice | null };
  readonly checkpoint: Uint8Array | null;
}

export async function begin({ experiment, data: path, out }: NewTraining): Promise<Begun> {
  const data = await readData(experiment, path);
  // What does not fit is said before a device is looked for.
  asUsage("", () => shapeOf(experiment, data));
  const source = path === null ? null : { path, checksum: checksumOf(data) };
  return { experiment, data, source, out, checkpoint: null };
}

/** Null if there is nothing left to do. */
export async function goOn(path: string): Promise<Begun | null> {
  const { folder, config, checkpoint, isFinished } = await openTraining(path);
  if (isFinished) {
    console.log(`The run in ${shownPath(path)} is finished: see its summary.json.`);
    return null;
  }
  const { experiment, data: source, host, kernels } = config;
  const data = await readData(experiment, source?.path ?? null);
  if (source !== null && source.checksum !== checksumOf(data)) {
    throw new UsageError(`${source.path} has changed since the run began, so it cannot go on. Start a new one.`);
  }
  return { experiment, data, source, out: { folder, host, kernels }, checkpoint };
}

async function readData({ task }: Experiment, path: string | null): Promise<TaskData> {
  if (path === null && task.name === DIGIT_ROWS) {
    const digits = await loadDigits();
    return asUsage("", () => digitTaskData(task, digits));
  }
  if (path === null) return asUsage("", () => taskData(task));
  if (isFolderTask(task)) {
    const folder = await openDataFolder(path);
    console.log(`\nReading the recordings in ${shownPath(path)} ...`);
    return folderTaskData(task, folder).catch((error: unknown) => {
      throw error instanceof VleError ? new UsageError(`--data: ${error.message}`) : error;
    });
  }
  const options = task.name === FILES ? (task.options as FileDataOptions | undefined) : undefined;
  const files = await readDataFiles(path);
  return asUsage("--data: ", () => fileData(files, options));
}

function checksumOf({ train: { inputs } }: TaskData): number {
  return crc32(new Uint8Array(inputs.buffer, inputs.byteOffset, inputs.byteLength));
}

async function train(begun: Begun, options: TrainOptions, signal: AbortSignal): Promise<number> {
  const ended = await trainBegun(begun, options, signal);
  return ended === null ? INTERRUPTED : Number(ended.diverged > 0);
}

/** Trains, shows how it goes, keeps it in its folder. @returns how many seeds diverged; null if the user stopped it. */
export async function trainBegun(
  begun: Begun,
  options: RunOptions,
  signal: AbortSignal,
): Promise<{ readonly path: string; readonly diverged: number } | null> {
  const { experiment, out } = begun;
  console.log(`\n${experiment.title}${experiment.sentence === "" ? "" : `\n${experiment.sentence}`}\n`);
  const run = new Run(begun, options);
  const own = typeof out === "string" ? undefined : out.host;
  const choice = { asked: options.host ?? own, preferred: "chrome" } as const;
  try {
    await withHost(choice, signal, (host) => run.on(host, signal));
    return { path: run.path, diverged: run.diverged.length };
  } catch (error) {
    const isDiverged = error instanceof VleError && error.code === "DIVERGED";
    run.tellHowItEnded(signal.aborted, isDiverged);
    if (!signal.aborted) throw error;
    return null;
  }
}

/** A run, what is shown of it, and what is kept of it. */
class Run {
  private readonly begun: Begun;
  private readonly options: RunOptions;
  private readonly rows: EpochRow[] = [];
  readonly diverged: Divergence[] = [];
  private adapter: AdapterFacts | undefined;
  private display: EpochDisplay | undefined;
  private folder: RunFolder | undefined;
  private tuned: Tuned | undefined;
  private progress: EpochProgress | undefined;

  constructor(begun: Begun, options: RunOptions) {
    this.begun = begun;
    this.options = options;
    const { out, checkpoint } = begun;
    if (typeof out !== "string") this.folder = out.folder;
    if (checkpoint === null) return;
    const { rows, diverged } = unpackCheckpoint(checkpoint).state;
    this.rows.push(...rows);
    this.diverged.push(...diverged);
  }

  async on(host: Host, signal: AbortSignal): Promise<void> {
    console.log(`Host:    ${host.name}`);
    const { experiment, data, source, checkpoint } = this.begun;
    const { checkpointSeconds } = this.options;
    // What a page can make itself need not be brought there.
    const isMadeThere = source === null && host.kind === "chrome" && experiment.task.name !== DIGIT_ROWS;
    const given = isMadeThere ? null : data;
    try {
      const kernels = await this.kernels();
      const request = { experiment, checkpointSeconds, data: given, checkpoint, kernels };
      const state = await host.trainEpochs(request, async (event) => {
        if (!signal.aborted) await this.hear(event, host);
      });
      this.display?.stop();
      await this.finish(state);
    } finally {
      this.display?.stop();
    }
  }

  private async kernels(): Promise<KernelsRequest> {
    const { out } = this.begun;
    if (typeof out !== "string") return out.kernels;
    return kernelsRequest(this.options.kernels, tuningsPath());
  }

  private async hear(event: EpochEvent, host: Host): Promise<void> {
    switch (event.kind) {
      case "adapter":
        return this.begin(event.adapter, host);
      case "tuned":
        return this.keep(event.tuned);
      case "note":
        console.log(event.text);
        return;
      case "progress":
        this.progress = event.progress;
        this.display?.update(event.progress);
        return;
      case "epoch":
        this.rows.push(...event.rows);
        this.display?.add(event.rows);
        return this.write("metrics.csv", epochsCsv(this.rows, this.diverged));
      case "diverged":
        return this.leaveOut(event.divergence);
      case "checkpoint":
        if (this.folder) await keepCheckpoint(this.folder, event);
        return;
      case "weights":
        return this.write(weightsName(this.begun.experiment, event), event.npz);
      case "traces":
        return this.write("traces.svg", tracesFigure(this.heading(), this.begun.data.classes, event.traces));
    }
  }

  private async keep(tuned: Tuned): Promise<void> {
    this.tuned ??= tuned;
    const problem = tuned.isStored ? null : await keepTuning(tuningsPath(), tuned);
    if (problem !== null) console.log(problem);
  }

  private async leaveOut(divergence: Divergence): Promise<void> {
    this.diverged.push(divergence);
    // Of the last one the command ends with more words.
    const isLast = this.diverged.length === this.begun.experiment.seeds.length;
    if (!isLast) this.display?.say(`${divergenceSentence(divergence)} The other seeds go on without it.`);
    await this.write("metrics.csv", epochsCsv(this.rows, this.diverged));
  }

  private async begin(adapter: AdapterFacts, host: Host): Promise<void> {
    const { experiment, data, source, out, checkpoint } = this.begun;
    const { train, validation, test } = data;
    this.adapter = adapter;
    const slow = adapter.software ? " is a software adapter: right results, but slow" : "";
    const parts = [`${whole(train.count)} to train`, ...(validation ? [`${whole(validation.count)} to validate`] : [])];
    console.log(`Adapter: ${adapterName(adapter)}${slow}`);
    console.log(`Data:    ${experiment.task.name}, samples: ${parts.join(", ")}, ${whole(test.count)} to test`);
    console.log(
      `Rule:    ${RULE_NAMES[experiment.rule]}, ${experiment.epochs} epochs, seeds ${experiment.seeds.join(", ")}`,
    );
    const kept = typeof out === "string" ? null : out.kernels;
    if (this.tuned) console.log(`Kernels: ${tunedWords([this.tuned])}`);
    else if (kept !== null) console.log(`Kernels: ${kernelWords([kept])}; as the run began`);
    if (typeof out === "string") {
      const now = new Date();
      const facts = { version, started: now.toISOString(), host: host.kind, adapter };
      this.folder = await createRunFolder(out, experiment.name, now);
      const kernels = this.tuned ? choiceOf(this.tuned) : null;
      const config: TrainConfig = { schema: TRAIN_CONFIG_SCHEMA, ...facts, kernels, data: source, experiment };
      await this.write("config.json", json(config));
    }
    const from = this.rows.at(-1)?.epoch ?? 0;
    const resumed = checkpoint === null ? "" : `, resumed in epoch ${from + 1}`;
    console.log(`Folder:  ${this.folder ? shownPath(this.folder.path) : ""}${resumed}\n`);
    this.display = createEpochDisplay();
  }

  private async write(name: string, content: string | Uint8Array): Promise<void> {
    await this.folder?.write(name, content);
  }

  private heading(): Heading {
    const { experiment } = this.begun;
    const seeds =
      experiment.seeds.length === 1 ? `seed ${experiment.seeds[0] ?? 0}` : `${experiment.seeds.length} seeds`;
    const subtitle = `${RULE_NAMES[experiment.rule]}, ${seeds}, on ${this.adapter ? adapterName(this.adapter) : ""}`;
    return { title: experiment.title, subtitle };
  }

  /** Of its folder. */
  get path(): string {
    return this.folder?.path ?? "";
  }

  /** A run that diverged would do so again. */
  tellHowItEnded(isStopped: boolean, isDiverged: boolean): void {
    const { folder, progress } = this;
    if (isStopped) {
      const where = progress ? ` in epoch ${progress.epoch} of ${progress.epochs}` : "";
      console.log(`Stopped${where}; nothing else is running.`);
    }
    if (!folder) return;
    const path = shownPath(folder.path);
    console.log(
      isDiverged ? `What was measured so far is in ${path}` : `Go on with: npm run train -- --resume ${path}`,
    );
  }

  private async finish(state: TrainingState): Promise<void> {
    const { folder, adapter, begun } = this;
    const { experiment, data } = begun;
    if (!folder || !adapter) throw new VleError("INTERNAL", "A training ended without a report.");
    await this.write("metrics.csv", epochsCsv(state.rows, state.diverged));
    await this.drawCurves(state, data);
    const files = [...folder.files.filter((name) => !name.startsWith("checkpoints/")), "summary.json"].sort();
    const summary = summarizeTraining(experiment, adapter, state, files);
    const content = json(summary);
    await this.write("summary.json", content);
    const { json: copy } = this.options;
    if (copy !== undefined) await writeAtomically(copy, content);
    console.log(["", ...trainingLines(summary)].join("\n"));
    console.log(`Run folder: ${shownPath(folder.path)} (${summary.files.join(", ")})`);
    if (copy !== undefined) console.log(`Summary:    ${shownPath(copy)}`);
  }

  private async drawCurves({ rows, results }: TrainingState, { classes }: TaskData): Promise<void> {
    const heading = this.heading();
    const part = rows[0]?.part ?? "test";
    const losses = [
      { label: "training", of: (row: EpochRow) => row.trainLoss },
      { label: part, of: (row: EpochRow) => row.loss },
    ];
    await this.write("loss.svg", epochCurves(heading, "loss, mean over compared steps", rows, losses));
    if (classes === null) {
      const errors = [{ label: part, of: (row: EpochRow) => row.nrmse }];
      return this.write("nrmse.svg", epochCurves(heading, "root mean squared error over deviation", rows, errors));
    }
    const accuracies = [
      { label: "training", of: (row: EpochRow) => row.trainAccuracy },
      { label: part, of: (row: EpochRow) => row.accuracy },
    ];
    await this.write("accuracy.svg", epochCurves(heading, "part answered rightly", rows, accuracies, [0, 1]));
    const [first] = results;
    const confusion = (first?.confusion ?? []).map((_, i) =>
      results.reduce((sum, each) => sum + (each.confusion[i] ?? 0), 0),
    );
    await this.write("confusion.svg", confusionFigure(heading, namesOf(confusion, classes), confusion));
  }
}

/** An output may have more neurons than there are classes. */
function namesOf(confusion: readonly number[], classes: readonly string[]): string[] {
  return Array.from({ length: Math.round(Math.sqrt(confusion.length)) }, (_, i) => classes[i] ?? String(i));
}

function weightsName(
  { seeds }: Experiment,
  { seed, of }: Pick<EpochEvent & { kind: "weights" }, "seed" | "of">,
): string {
  return `weights${of === "best" ? "-best" : ""}${seeds.length === 1 ? "" : `-seed-${seed}`}.npz`;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
