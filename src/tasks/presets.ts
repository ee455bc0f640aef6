/** Ready-made experiments as plain data, and the network of each rule that an experiment compares. */

import { SpecError } from "../errors.ts";
import { type Errors, type InitSpec, layered, type LayerSpec, type NetworkSpec, type OptimizerSpec } from "../spec.ts";
import { DIGIT_CLASSES, DIGIT_PIXELS } from "./digits.ts";

/** What learns, and from which errors. "read-out only": the output's weights and biases learn, all others stay random. */
export type Rule = "local" | "instantaneous" | "read-out only";

export const RULES: readonly Rule[] = ["local", "instantaneous", "read-out only"];

/** The population of every preset that answers; it has the cost. */
export const OUTPUT = "output";

/** Learning rate over a run: constant, then exponential to a fraction of itself. */
export interface Schedule {
  readonly eta: number;
  /** Part of the run with the full rate. */
  readonly hold: number;
  /** Rate at the end of the run, as a fraction of `eta`. */
  readonly final: number;
}

/** Bounds of a fraction, both included. */
export type Band = readonly [least: number, most: number];

/** The test accuracies that a correct simulator reaches in a run of this length. */
export interface Expectation {
  readonly steps: number;
  readonly bands: Readonly<Record<Rule, Band>>;
}

export interface Evaluation {
  /** Independent test sequences; one batch row each. */
  readonly lanes: number;
  readonly presentations: number;
  /** Leading presentations of every lane that are not counted: the network starts from zero. */
  readonly skip: number;
  /** Seed of the test stream, the same for every rule and run. */
  readonly seed: number;
}

export interface Preset {
  readonly name: string;
  readonly title: string;
  readonly sentence: string;
  /** One source, pixels, and a stack of populations. */
  readonly network: NetworkSpec;
  readonly batch: number;
  readonly optimizer: OptimizerSpec;
  readonly schedule: Schedule;
  /** Steps of a presentation, and of the fade into it. */
  readonly period: number;
  readonly fade: number;
  /** Presentations between two progress reports. */
  readonly block: number;
  readonly evaluation: Evaluation;
  /** Steps of a run: `software` for an adapter that is a processor, `hardware` for a GPU. */
  readonly budgets: Readonly<Record<"software" | "hardware", number>>;
  readonly expectations: readonly Expectation[];
}

const INIT: InitSpec = { kind: "uniform", scale: 1.7 };
/** 21 fast neurons that pass the present on, 43 slow ones that remember for 5 or 10 steps. */
const HIDDEN: LayerSpec = {
  size: 64,
  tauM: [...repeat(10, 21), ...repeat(5, 22), ...repeat(10, 21)],
  tauR: [...repeat(10, 21), ...repeat(1, 22), ...repeat(1, 21)],
  activation: "tanh",
  init: INIT,
  bias: { init: INIT },
};
const ETA = 2e-3;

/**
 * Name the previous digit: the default experiment. Only errors that look ahead train the hidden layers well.
 * The bands hold what three seeds or more reached, widened by about three standard errors of a test (1,800 answers).
 */
export const previousDigit: Preset = {
  name: "previous-digit",
  title: "Name the previous digit",
  sentence:
    "A stream of handwritten digits fades from one into the next, and at every moment the network names the digit before the one it sees.",
  network: layered({
    dt: 1,
    input: DIGIT_PIXELS,
    hidden: [HIDDEN, HIDDEN],
    output: { size: DIGIT_CLASSES, tauM: 10, tauR: 10, activation: "linear", init: INIT, bias: { init: INIT } },
    cost: { kind: "cross-entropy", beta: 1 },
  }),
  batch: 20,
  optimizer: { kind: "adam", eta: ETA, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  schedule: { eta: ETA, hold: 0.4, final: 0.02 },
  period: 20,
  fade: 8,
  block: 20,
  evaluation: { lanes: 200, presentations: 12, skip: 3, seed: 1 },
  budgets: { software: 16_000, hardware: 60_000 },
  expectations: [
    { steps: 4_000, bands: { local: [0.75, 0.83], instantaneous: [0.42, 0.62], "read-out only": [0.55, 0.66] } },
    { steps: 8_000, bands: { local: [0.77, 0.85], instantaneous: [0.42, 0.61], "read-out only": [0.6, 0.7] } },
    { steps: 16_000, bands: { local: [0.79, 0.85], instantaneous: [0.42, 0.65], "read-out only": [0.64, 0.72] } },
    { steps: 60_000, bands: { local: [0.83, 0.9], instantaneous: [0.42, 0.65], "read-out only": [0.69, 0.77] } },
  ],
};

export const presets: readonly Preset[] = [previousDigit];

/**
 * Looks a preset up by its name.
 *
 * @throws SpecError that lists the names there are.
 */
export function presetNamed(name: string): Preset {
  const preset = presets.find((candidate) => candidate.name === name);
  if (preset) return preset;
  const names = presets.map((candidate) => candidate.name).join(", ");
  throw new SpecError("preset", `is ${JSON.stringify(name)}; there are: ${names}.`, { value: name });
}

export interface RuleSetup {
  readonly network: NetworkSpec;
  readonly errors: Errors;
}

/** The network and the errors with which a rule trains a preset. */
export function setupOf(preset: Preset, rule: Rule): RuleSetup {
  switch (rule) {
    case "local":
      return { network: preset.network, errors: "local" };
    case "instantaneous":
      return { network: preset.network, errors: "instantaneous" };
    case "read-out only":
      return { network: withReadOutOnly(preset.network), errors: "local" };
  }
}

/** The network with every weight and bias fixed that does not end in the output. */
function withReadOutOnly(network: NetworkSpec): NetworkSpec {
  return {
    ...network,
    populations: network.populations.map((population) => {
      if (population.name === OUTPUT || population.bias === false) return population;
      return { ...population, bias: { ...population.bias, plastic: false } };
    }),
    projections: network.projections.map((projection) =>
      projection.to === OUTPUT ? projection : { ...projection, plastic: false },
    ),
  };
}

/** The accuracy band of a rule for a run of exactly so many steps; undefined where none was measured. */
export function bandOf(preset: Preset, rule: Rule, steps: number): Band | undefined {
  return preset.expectations.find((expectation) => expectation.steps === steps)?.bands[rule];
}

export function within([least, most]: Band, value: number): boolean {
  return value >= least && value <= most;
}

function repeat(value: number, count: number): number[] {
  return Array.from({ length: count }, () => value);
}
