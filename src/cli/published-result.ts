/** What a published training came to here: as plain data, and as tables for people. */

import type { Experiment } from "../tasks/experiments.ts";
import { RULE_NAMES } from "../tasks/presets.ts";
import {
  comparisonsOf,
  otherTestTakes,
  protocolOf,
  type Comparison,
  type Protocol,
  type RuleRun,
  type TrainingReproduction,
} from "../tasks/reproductions.ts";
import { divergenceSentence } from "../train/divergence.ts";
import type { EpochRow } from "../train/training-state.ts";
import { percent, table } from "./format.ts";
import type { FinishedRun } from "./train-folder.ts";
import type { TrainingSummary } from "./train-results.ts";

export const PUBLISHED_SCHEMA = "vle-webgpu/published-training/1";

/** A line of a learning curve. */
interface CurvePoint {
  readonly epoch: number;
  readonly seed: number;
  readonly accuracy: number | null;
  readonly trainAccuracy: number | null;
  readonly loss: number;
  readonly eta: number;
}

export interface PublishedResult {
  readonly schema: string;
  readonly name: string;
  readonly version: string;
  readonly started: string;
  readonly adapter: TrainingSummary["adapter"];
  readonly protocol: Protocol;
  readonly epochs: number;
  readonly seeds: readonly number[];
  readonly departures: readonly string[];
  readonly rules: readonly {
    readonly rule: RuleRun["rule"];
    readonly test: TrainingSummary["test"];
    readonly seconds: number;
    readonly rows: readonly CurvePoint[];
  }[];
  readonly comparisons: readonly Comparison[];
}

/** @param runs of the same experiment, each by another rule; one at least. */
export function publishedResult(
  reproduction: TrainingReproduction,
  runs: readonly FinishedRun[],
  notes: readonly string[],
): PublishedResult {
  const [first] = runs;
  if (first === undefined) throw new RangeError("No run to compare.");
  const { version, started, experiment } = first.config;
  const protocol = protocolOf(reproduction, experiment);
  return {
    schema: PUBLISHED_SCHEMA,
    name: reproduction.name,
    version,
    started,
    adapter: first.summary.adapter,
    protocol,
    epochs: experiment.epochs,
    seeds: experiment.seeds,
    departures: [...notes, ...runs.flatMap(divergenceNotes), ...reproduction.departures],
    rules: runs.map(({ config, summary, ...run }) => ({
      rule: config.experiment.rule,
      test: summary.test,
      seconds: summary.seconds,
      rows: endedRows({ summary, ...run }).map(({ epoch, seed, accuracy, trainAccuracy, loss, eta }) => {
        return { epoch, seed, accuracy, trainAccuracy, loss, eta };
      }),
    })),
    comparisons: runs.flatMap(({ config, summary, ...run }) => {
      const { rule } = config.experiment;
      const rows = endedRows({ summary, ...run });
      return comparisonsOf(reproduction, config.experiment, protocol, { rule, rows, test: summary.test });
    }),
  };
}

/** Of the seeds that came to their end: one that diverged would be in the means of its first epochs alone. */
function endedRows({ summary, rows }: Pick<FinishedRun, "summary" | "rows">): readonly EpochRow[] {
  return rows.filter(({ seed }) => summary.results.some((result) => result.seed === seed));
}

function divergenceNotes({ config, summary }: FinishedRun): string[] {
  const rule = RULE_NAMES[config.experiment.rule];
  return summary.diverged.map((each) => `With ${rule}: ${divergenceSentence(each)} It is in no figure.`);
}

/** How a run departs by its lengths and rates. */
export function notesOf(reproduction: TrainingReproduction, run: Experiment): string[] {
  const { experiment: published } = reproduction;
  const { epochs, seeds, schedule } = run;
  const isAnnealed = JSON.stringify(schedule) !== JSON.stringify(published.schedule) && schedule.kind === "step";
  const isShort = !isAnnealed && epochs < published.epochs;
  const few = published.seeds.length - seeds.length;
  const after = schedule.kind === "step" ? schedule.after : 0;
  const course = `The rate is halved in every epoch after the first ${after}, in place of waiting for plateaus: ${epochs} epochs, not ${published.epochs}.`;
  return [
    ...(isAnnealed ? [course] : []),
    ...(isShort ? [`${epochs} of ${published.epochs} epochs: the start of the course.`] : []),
    ...(few > 0 ? [`${seeds.length} of ${published.seeds.length} seeds; all with --seeds all.`] : []),
    ...dataNotes(reproduction, run),
  ];
}

function dataNotes(reproduction: TrainingReproduction, run: Experiment): string[] {
  const [first, last] = otherTestTakes(reproduction, run) ?? [];
  if (first !== undefined && last !== undefined) {
    const stand = `Takes ${first} to ${last} of each speaker and digit stand in for the published test part, takes 0 to 4`;
    return [`${stand}; all other recordings of the folder train.`];
  }
  return JSON.stringify(run.task) === JSON.stringify(reproduction.experiment.task) ? [] : ["Fewer samples to train."];
}

export function publishedLines({ comparisons, rules, departures, name }: PublishedResult): string[] {
  const ends = rules.map(({ rule, test, rows }) => {
    const last = Math.max(...rows.map(({ epoch }) => epoch));
    return [
      RULE_NAMES[rule],
      String(last),
      `${percent(test.mean, 1)}${spreadOf(rows.length > last ? test.deviation : null)}`,
    ];
  });
  const rows = comparisons.map(({ rule, epoch, ours, oursDeviation, known, deviation, range, isInside }) => [
    RULE_NAMES[rule],
    String(epoch),
    `${percent(ours, 1)}${spreadOf(oursDeviation)}`,
    percent(known, 1),
    deviation === null ? "-" : percent(deviation, 1),
    range.map((bound) => percent(bound)).join(" to "),
    isInside ? "inside" : "OUTSIDE",
  ]);
  const sources = [...new Set(comparisons.map(({ source }) => source))];
  const outside = comparisons.filter(({ isInside }) => !isInside).length;
  const sum = outside === 0 ? "All figures are inside." : `${outside} of ${comparisons.length} figures are OUTSIDE.`;
  return [
    ...table(["rule", "epochs", "test accuracy"], ends),
    "",
    ...(rows.length > 0
      ? [...table(["rule", "epoch", "ours", "published", "spread", "range", ""], rows), "", sum]
      : [`No figure is known of such a run of ${name}.`]),
    ...sources.map((source) => `published: ${source}`),
    "",
    ...departures.map((sentence) => `* ${sentence}`),
  ];
}

function spreadOf(deviation: number | null): string {
  return deviation === null ? "" : ` +- ${percent(deviation, 1)}`;
}
