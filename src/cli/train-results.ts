/** What a training over epochs came to: its summary as plain data, and as a table for people. */

import type { AdapterFacts } from "../device.ts";
import type { Experiment } from "../tasks/experiments.ts";
import { divergenceSentence, type Divergence } from "../train/divergence.ts";
import type { SeedResult, TrainingState } from "../train/training-state.ts";
import { duration, percent, table, whole } from "./format.ts";

export const TRAINING_SCHEMA = "vle-webgpu/training/1";

export interface TrainingSummary {
  readonly schema: string;
  readonly adapter: Pick<AdapterFacts, "vendor" | "architecture" | "description" | "software">;
  readonly experiment: string;
  readonly rule: string;
  /** Mean and deviation (of a population) of the test over seeds; of the accuracy, or of the NRMSE where answers are values. */
  readonly test: { readonly figure: "accuracy" | "nrmse"; readonly mean: number; readonly deviation: number };
  /** For each seed that has ended; `confusion` is [class][answer], in a row. */
  readonly results: readonly SeedResult[];
  /** Seeds that went no further, and are in no mean. */
  readonly diverged: readonly Divergence[];
  readonly throughput: {
    readonly neurons: number;
    readonly synapses: number;
    /** Training and tests, of all seeds that go side by side. */
    readonly stepsPerSecond: number;
  };
  readonly seconds: number;
  readonly files: readonly string[];
}

export function summarizeTraining(
  { name, rule, network, seeds }: Experiment,
  { vendor, architecture, description, software }: AdapterFacts,
  { results, diverged, seconds, groups }: TrainingState,
  files: readonly string[],
): TrainingSummary {
  const sizes = new Map([...network.sources, ...network.populations].map((each) => [each.name, each.size]));
  const sizeOf = (group: string): number => sizes.get(group) ?? 0;
  const isOfClasses = results[0]?.test.accuracy !== null;
  const figures = results.map(({ test }) => (isOfClasses ? test.accuracy : test.nrmse) ?? NaN);
  const mean = figures.reduce((sum, value) => sum + value, 0) / figures.length;
  const variance = figures.reduce((sum, value) => sum + (value - mean) ** 2, 0) / figures.length;
  // Seeds of a group go together.
  const stepsOf = (seed: number): number => results.find((each) => each.seed === seed)?.steps ?? 0;
  const steps = groups.reduce((sum, seeds) => sum + Math.max(...seeds.map(stepsOf)), 0);
  return {
    schema: TRAINING_SCHEMA,
    adapter: { vendor, architecture, description, software },
    experiment: name,
    rule,
    test: { figure: isOfClasses ? "accuracy" : "nrmse", mean, deviation: Math.sqrt(variance) },
    results,
    diverged,
    throughput: {
      neurons: seeds.length * network.populations.reduce((sum, { size }) => sum + size, 0),
      synapses: seeds.length * network.projections.reduce((sum, { from, to }) => sum + sizeOf(from) * sizeOf(to), 0),
      stepsPerSecond: steps / seconds,
    },
    seconds,
    files,
  };
}

export function trainingLines({ results, diverged, test, throughput, seconds }: TrainingSummary): string[] {
  const isOfClasses = test.figure === "accuracy";
  const figure = (value: number | null): string =>
    value === null ? "-" : isOfClasses ? percent(value, 1) : value.toPrecision(3);
  const [part] = results.map(({ best }) => best.part);
  const name = isOfClasses ? "accuracy" : "NRMSE";
  const head = [
    "seed",
    "epochs",
    "steps",
    "train loss",
    "test loss",
    `test ${name}`,
    `best ${part ?? ""} ${name}`,
    "in epoch",
  ];
  const rows = results.map((result) => [
    String(result.seed),
    `${result.epochs}${result.isStoppedEarly ? " (early stop)" : ""}`,
    whole(result.steps),
    result.trainLoss.toPrecision(4),
    result.test.loss.toPrecision(4),
    figure(isOfClasses ? result.test.accuracy : result.test.nrmse),
    figure(result.best.score),
    String(result.best.epoch),
  ]);
  for (const { seed, epoch, step } of diverged) {
    rows.push([String(seed), `diverged in ${epoch}`, whole(step), "-", "-", "-", "-", "-"]);
  }
  const several = `Test ${name}: ${figure(test.mean)} +- ${figure(test.deviation)} (mean and deviation over ${results.length} seeds)`;
  const { stepsPerSecond, synapses } = throughput;
  return [
    ...table(head, rows),
    "",
    ...(results.length > 1 ? [several] : []),
    ...diverged.map(divergenceSentence),
    `Time: ${duration(seconds)}, tests included; ${whole(stepsPerSecond)} training steps/s of ${whole(synapses)} synapses`,
  ];
}
