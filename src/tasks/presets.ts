/** Ready-made experiments as plain data, and the network and learning of each rule that an experiment compares. */

import { SpecError } from "../errors.ts";
import {
  type InitSpec,
  layered,
  type LayerSpec,
  type LearningSpec,
  type NetworkSpec,
  type OptimizerSpec,
} from "../spec.ts";
import { DIGIT_CLASSES, DIGIT_PIXELS } from "./digits.ts";

/**
 * What learns, and from what. "local": the published rule. "matched traces" (ours): its errors, but synapses remember
 * what they passed on. "read-out only": the output's weights and biases learn, all others stay random. "exact": the
 * adjoint over windows, truncated backpropagation through time.
 */
export type Rule = "local" | "matched traces" | "instantaneous" | "read-out only" | "exact";

export const RULES: readonly Rule[] = ["local", "matched traces", "instantaneous", "read-out only", "exact"];

/** What a rule is called wherever it is shown: what is not the paper's says so. */
export const RULE_NAMES: Readonly<Record<Rule, string>> = {
  local: "local",
  "matched traces": "matched traces (ours)",
  instantaneous: "instantaneous",
  "read-out only": "read-out only",
  exact: "exact adjoint",
};

/** One of the trainings that a run compares. */
export interface Condition {
  readonly rule: Rule;
  /** Steps over which a digit fades into the next; 0: hard switches. */
  readonly crossfade: number;
}

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

/** How the exact rule learns: one update a window. */
export interface AdjointSetup {
  /** Steps: whole presentations, and a divisor of a block. */
  readonly window: number;
  /** In place of the schedule's. */
  readonly eta: number;
}

/** Bounds of a fraction, both included. */
export type Band = readonly [least: number, most: number];

/** The test accuracies that a correct simulator reaches in a run of this length; no band where none was measured. */
export interface Expectation {
  readonly crossfade: number;
  readonly steps: number;
  readonly bands: Readonly<Partial<Record<Rule, Band>>>;
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
  readonly adjoint: AdjointSetup;
  /** Steps of a presentation. */
  readonly period: number;
  /** Presentations between two progress reports. */
  readonly block: number;
  /** What a run compares unless it is asked for something else. */
  readonly conditions: readonly Condition[];
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
/** Rules whose test accuracy tells them apart. */
const COMPARED: readonly Rule[] = ["local", "matched traces", "instantaneous", "read-out only"];

/**
 * Name the previous digit: the default experiment, with digits that fade into one another, where errors must look ahead
 * to train the hidden layers well, and with hard switches, where synapses must remember as well.
 * The bands hold what three seeds or more reached, widened by about three standard errors of a test (1,800 answers).
 */
export const previousDigit: Preset = {
  name: "previous-digit",
  title: "Name the previous digit",
  sentence:
    "A stream of handwritten digits goes by, and at every moment the network names the digit before the one it sees.",
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
  adjoint: { window: 40, eta: 1e-2 },
  period: 20,
  block: 20,
  conditions: [...conditionsOf(COMPARED, [8]), ...conditionsOf(["local", "matched traces"], [0])],
  evaluation: { lanes: 200, presentations: 12, skip: 3, seed: 1 },
  budgets: { software: 16_000, hardware: 60_000 },
  expectations: [
    {
      crossfade: 8,
      steps: 4_000,
      bands: { local: [0.75, 0.83], instantaneous: [0.42, 0.62], "read-out only": [0.55, 0.66] },
    },
    {
      crossfade: 8,
      steps: 8_000,
      bands: { local: [0.77, 0.85], instantaneous: [0.42, 0.61], "read-out only": [0.6, 0.7] },
    },
    {
      crossfade: 8,
      steps: 16_000,
      bands: {
        local: [0.79, 0.85],
        "matched traces": [0.81, 0.87],
        instantaneous: [0.42, 0.65],
        "read-out only": [0.64, 0.72],
        exact: [0.79, 0.86],
      },
    },
    {
      crossfade: 8,
      steps: 60_000,
      bands: { local: [0.83, 0.9], instantaneous: [0.42, 0.65], "read-out only": [0.69, 0.77] },
    },
    {
      crossfade: 0,
      steps: 16_000,
      bands: {
        local: [0.1, 0.3],
        "matched traces": [0.8, 0.85],
        instantaneous: [0.27, 0.4],
        "read-out only": [0.6, 0.66],
        exact: [0.78, 0.85],
      },
    },
    { crossfade: 0, steps: 60_000, bands: { "matched traces": [0.81, 0.88] } },
  ],
};

/** The same with hard switches alone: a digit is gone when its error arrives. */
export const previousDigitHard: Preset = {
  ...previousDigit,
  name: "previous-digit-hard",
  title: "Name the previous digit after hard switches",
  conditions: conditionsOf(RULES, [0]),
};

export const presets: readonly Preset[] = [previousDigit, previousDigitHard];

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

/** Every rule at every crossfade, one crossfade after the other. */
export function conditionsOf(rules: readonly Rule[], crossfades: readonly number[]): Condition[] {
  return crossfades.flatMap((crossfade) => rules.map((rule) => ({ rule, crossfade })));
}

/** The crossfades of some conditions, each once, in their order. */
export function crossfadesOf(conditions: readonly Condition[]): number[] {
  return [...new Set(conditions.map(({ crossfade }) => crossfade))];
}

/** The rules of some conditions, each once, in the order of `RULES`. */
export function rulesOf(conditions: readonly Condition[]): Rule[] {
  return RULES.filter((rule) => conditions.some((condition) => condition.rule === rule));
}

/** What a crossfade is called wherever it is shown. */
export function crossfadeName(crossfade: number): string {
  return crossfade === 0 ? "hard switches" : `crossfade ${crossfade}`;
}

/** What a condition is called: no two have one name. */
export function conditionName({ rule, crossfade }: Condition): string {
  return `${RULE_NAMES[rule]}, ${crossfadeName(crossfade)}`;
}

/** What the steps of a run must be a multiple of: whole presentations, and whole windows where the exact rule learns. */
export function stepUnit(preset: Preset, conditions: readonly Condition[]): number {
  return conditions.some(({ rule }) => rule === "exact") ? preset.adjoint.window : preset.period;
}

export interface RuleSetup {
  readonly network: NetworkSpec;
  readonly learning: LearningSpec;
  readonly schedule: Schedule;
}

/** The network, the learning and the learning rates with which a rule trains a preset. */
export function setupOf(preset: Preset, rule: Rule): RuleSetup {
  const { network, optimizer, schedule, adjoint } = preset;
  switch (rule) {
    case "local":
      return { network, schedule, learning: { errors: "local", optimizer } };
    case "matched traces":
      return { network, schedule, learning: { errors: "local", traces: "matched", optimizer } };
    case "instantaneous":
      return { network, schedule, learning: { errors: "instantaneous", optimizer } };
    case "read-out only":
      return { network: withReadOutOnly(network), schedule, learning: { errors: "local", optimizer } };
    case "exact": {
      const { window, eta } = adjoint;
      return { network, schedule: { ...schedule, eta }, learning: { errors: "adjoint", window, optimizer } };
    }
  }
}

/** The network with every weight and bias fixed that does not end in the output, and time constants likewise. */
export function withReadOutOnly(network: NetworkSpec, output = OUTPUT): NetworkSpec {
  return {
    ...network,
    populations: network.populations.map((population) => {
      if (population.name === output) return population;
      const { bias, plasticTauM, plasticTauR } = population;
      return {
        ...population,
        ...(bias !== false && { bias: { ...bias, plastic: false } }),
        ...(plasticTauM === true && { plasticTauM: false }),
        ...(plasticTauR === true && { plasticTauR: false }),
      };
    }),
    projections: network.projections.map((projection) =>
      projection.to === output ? projection : { ...projection, plastic: false },
    ),
  };
}

/** The accuracy band of a condition for a run of exactly so many steps; undefined where none was measured. */
export function bandOf({ expectations }: Preset, { rule, crossfade }: Condition, steps: number): Band | undefined {
  return expectations.find((known) => known.crossfade === crossfade && known.steps === steps)?.bands[rule];
}

export function within([least, most]: Band, value: number): boolean {
  return value >= least && value <= most;
}

function repeat(value: number, count: number): number[] {
  return Array.from({ length: count }, () => value);
}
