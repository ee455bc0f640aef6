/**
 * `npm run reproduce -- NAME` for published trainings over epochs: each rule is a run of `npm run train` in a folder of its own;
 * the folder of the first gets the comparison with what was published, too.
 */

import { join } from "node:path";
import type { Experiment } from "../tasks/experiments.ts";
import { RULE_NAMES } from "../tasks/presets.ts";
import { shownPath, UsageError } from "./options.ts";
import { publishedFigure } from "./published-figure.ts";
import type { PublishedOptions } from "./published-options.ts";
import { notesOf, publishedLines, publishedResult } from "./published-result.ts";
import { writeAtomically } from "./run-folder.ts";
import { begin, goOn, trainBegun, type Begun } from "./train.ts";
import { openTraining, readFinishedRun, type FinishedRun } from "./train-folder.ts";

const INTERRUPTED = 130;
export const RESULT_FILE = "reproduction.json";
export const FIGURE_FILE = "reproduction.svg";

/** @returns the exit code: 0 only if every figure that is known is inside its range. */
export async function runPublished(options: PublishedOptions, signal: AbortSignal): Promise<number> {
  const { reproduction, json: copy } = options;
  const resumed = await resumedRuns(options);
  const [first] = resumed;
  const experiment = first?.experiment ?? options.experiment;
  for (const note of notesOf(reproduction, experiment)) console.log(note);
  const rules = [...new Set([...resumed.map((run) => run.experiment.rule), ...options.rules])];
  const paths: string[] = [];
  for (const rule of rules) {
    const run = resumed.find((each) => each.experiment.rule === rule);
    const path = await pathAfter(run, { ...experiment, rule }, options, signal);
    if (path === null) {
      tellHowItGoesOn(options, [...paths, ...(run ? [run.path] : [])]);
      return INTERRUPTED;
    }
    paths.push(path);
  }
  const runs: FinishedRun[] = [];
  for (const path of paths) runs.push(await readFinishedRun(path));
  const result = publishedResult(reproduction, runs, notesOf(reproduction, experiment));
  const text = `${JSON.stringify(result, null, 2)}\n`;
  const folder = paths[0] ?? "";
  await writeAtomically(join(folder, RESULT_FILE), text);
  await writeAtomically(join(folder, FIGURE_FILE), publishedFigure(reproduction, result));
  if (copy !== undefined) await writeAtomically(copy, text);
  console.log(["", `${reproduction.name}, ours beside what is known`, "", ...publishedLines(result)].join("\n"));
  console.log(`\nComparison: ${shownPath(join(folder, RESULT_FILE))}, ${FIGURE_FILE}`);
  return result.comparisons.every(({ isInside }) => isInside) ? 0 : 1;
}

interface ResumedRun {
  readonly path: string;
  readonly experiment: Experiment;
  readonly isFinished: boolean;
}

/** @throws UsageError for a folder of another experiment, or two of one rule. */
async function resumedRuns({ resumed, reproduction }: PublishedOptions): Promise<ResumedRun[]> {
  const runs: ResumedRun[] = [];
  for (const path of resumed) {
    const { config, isFinished } = await openTraining(path);
    const { experiment } = config;
    const [other] = runs;
    if (JSON.stringify(experiment.network) !== JSON.stringify(reproduction.experiment.network)) {
      throw new UsageError(`--resume: ${path} is a run of ${experiment.name}, not of ${reproduction.name}.`);
    }
    if (other && comparable(other.experiment) !== comparable(experiment)) {
      throw new UsageError(`--resume: ${path} and ${other.path} differ in more than their rules.`);
    }
    if (runs.some((run) => run.experiment.rule === experiment.rule)) {
      throw new UsageError(`--resume: two of the runs are of the rule "${experiment.rule}"; name one of each.`);
    }
    runs.push({ path, experiment, isFinished });
  }
  return runs;
}

/** All but the rule, the name and what is told to people. */
function comparable({ task, schedule, batch, epochs, seeds, shuffle, optimizer }: Experiment): string {
  return JSON.stringify({ task, schedule, batch, epochs, seeds, shuffle, optimizer });
}

/** The folder of a run once it has ended; null if the user stopped it. */
async function pathAfter(
  run: ResumedRun | undefined,
  experiment: Experiment,
  options: PublishedOptions,
  signal: AbortSignal,
): Promise<string | null> {
  if (run?.isFinished === true) {
    console.log(`${RULE_NAMES[experiment.rule]}: the finished run in ${shownPath(run.path)}`);
    return run.path;
  }
  const { data, out, host, checkpointSeconds } = options;
  const begun: Begun | null = run ? await goOn(run.path) : await begin({ experiment, data, out });
  if (begun === null) return run?.path ?? null;
  const ended = await trainBegun(begun, { host, kernels: "default", checkpointSeconds, json: undefined }, signal);
  return ended?.path ?? null;
}

function tellHowItGoesOn({ reproduction }: PublishedOptions, done: readonly string[]): void {
  const folders = done.map(shownPath).join(",");
  const before = folders === "" ? "" : `${folders},`;
  console.log(`Or, with the comparison: npm run reproduce -- ${reproduction.name} --resume ${before}FOLDER`);
}
