/**
 * Where the published rule stops on "name the previous digit", as plain data: the conditions of the study, the network and
 * learning of each, and what the rule of temporal support (ours) predicts for it.
 */

import { SpecError } from "../errors.ts";
import type { LearningSpec, NetworkSpec, ScheduleKind } from "../spec.ts";
import { previousDigit, setupOf, type Schedule } from "./presets.ts";

/**
 * What learns, and from what: the rules of presets, and two with the lags of the jacobi order taken out. What is not the
 * paper's is named so by `STUDY_RULE_NAMES`.
 */
export type StudyRule =
  "local" | "aligned" | "matched" | "matched-aligned" | "instantaneous" | "read-out-only" | "exact";

export const STUDY_RULES: readonly StudyRule[] = [
  "local",
  "aligned",
  "matched",
  "matched-aligned",
  "instantaneous",
  "read-out-only",
  "exact",
];

export const STUDY_RULE_NAMES: Readonly<Record<StudyRule, string>> = {
  local: "local (published)",
  aligned: "local, aligned (ours)",
  matched: "matched traces (ours)",
  "matched-aligned": "matched, aligned (ours)",
  instantaneous: "instantaneous",
  "read-out-only": "read-out only",
  exact: "exact adjoint",
};

export interface StudyCondition {
  readonly rule: StudyRule;
  readonly schedule: ScheduleKind;
  /** Steps from the first of a digit until it is to be named. */
  readonly delay: number;
  /** Steps over which a digit fades into the next; 0: hard switches. */
  readonly crossfade: number;
}

/** One training: a condition, a start, a learning rate. */
export interface StudyTask extends StudyCondition {
  /** Of the initial parameters, and of the order in which digits are shown. */
  readonly seed: number;
  readonly eta: number;
}

export interface StudyResult extends StudyTask {
  readonly steps: number;
  /** Part of the answers that are right on images that did not train, by which a learning rate is chosen. */
  readonly validation: number;
  /** The same on images that nothing was chosen by. */
  readonly test: number;
  readonly seconds: number;
  /** What it ran on. */
  readonly adapter: string;
}

/** What a study does; plain data. */
export interface StudyPlan {
  readonly conditions: readonly StudyCondition[];
  readonly seeds: readonly number[];
  /** Steps of each training. */
  readonly steps: number;
  /** Whether the first seed tries all learning rates of a rule, and the best one on validation images goes on. */
  readonly tune: boolean;
}

/** The preset whose network, optimiser and test are used. */
export const STUDIED = previousDigit;
export const PERIOD = STUDIED.period;
/** Of the images that the preset trains with; the others of them validate. */
export const TRAIN_SHARE = 0.8;
/** The validation stream has a seed of its own beside that of the test. */
export const VALIDATION_SEED = 2;
/** Steps of a training must be whole windows of the exact rule. */
export const STUDY_UNIT = STUDIED.adjoint.window;
/** Projections from the input to the output. */
const DEPTH = STUDIED.network.projections.length;

/** Learning rates that a rule may have, the one without tuning first. */
export function etasOf(rule: StudyRule): readonly number[] {
  return rule === "exact" ? [1e-2, 5e-3, 2e-2] : [2e-3, 1e-3, 5e-4];
}

// ---- the conditions -----------------------------------------------------------------------------------------

const CROSSFADES = [0, 3, 6, 8, 10, 14] as const;
const COMPARED: readonly StudyRule[] = ["local", "matched", "instantaneous", "read-out-only"];

/** Settings that tell the rule of temporal support from others, such as how long a digit and its name overlap. */
const SUPPORT: readonly StudyCondition[] = [
  ...at(["local"], 14, [0]),
  ...at(["local"], 17, [0]),
  ...at(["local"], 25, [8]),
  ...at(["local"], 30, [10]),
  ...at(["local"], 17, [0], "sweep"),
  ...at(["local"], 20, [0, 3], "sweep"),
  ...at(["local"], 25, [8], "sweep"),
  ...at(["local"], 30, [10], "sweep"),
];

/** What a study can be asked for by one word. */
export const STUDY_SETS = {
  quick: [
    ...at(["local", "matched", "read-out-only"], PERIOD, [0, 8]),
    ...at(["local"], 17, [0]),
    ...at(["local"], PERIOD, [3], "sweep"),
  ],
  main: [
    ...at(COMPARED, PERIOD, [0, 8]),
    ...at(["exact"], PERIOD, [0, 8]),
    ...at(["matched-aligned"], PERIOD, [0]),
    ...at(COMPARED, 25, [10]),
    ...at(["local"], 17, [0]),
    ...at(["local"], PERIOD, [0, 3], "sweep"),
    ...at(COMPARED, PERIOD, [3, 6]),
    ...at(["local"], 25, [8]),
    ...at(["local"], 25, [8], "sweep"),
    ...at(["local"], 30, [10]),
    ...at(["local"], 30, [10], "sweep"),
    ...at(COMPARED, PERIOD, [10, 14]),
  ],
  full: [
    ...at(STUDY_RULES, PERIOD, CROSSFADES),
    ...at(STUDY_RULES, 25, [0, 10]),
    ...SUPPORT,
    ...at(["matched"], 30, [10]),
    ...at(["matched"], PERIOD, [0], "sweep"),
  ],
} as const satisfies Readonly<Record<string, readonly StudyCondition[]>>;

export type StudySet = keyof typeof STUDY_SETS;

function at(
  rules: readonly StudyRule[],
  delay: number,
  crossfades: readonly number[],
  schedule: ScheduleKind = "jacobi",
): StudyCondition[] {
  return crossfades.flatMap((crossfade) => rules.map((rule) => ({ rule, schedule, delay, crossfade })));
}

/** As it is written and read: local:20/8, or sweep:local:20/3. No two have one name. */
export function studyConditionName({ rule, schedule, delay, crossfade }: StudyCondition): string {
  return `${schedule === "sweep" ? "sweep:" : ""}${rule}:${delay}/${crossfade}`;
}

/**
 * Reads such a name.
 *
 * @throws SpecError that shows how a name is written.
 */
export function studyConditionNamed(name: string): StudyCondition {
  const found = /^(sweep:|jacobi:)?([a-z-]+):(\d{1,3})\/(\d{1,3})$/.exec(name);
  const rule = STUDY_RULES.find((each) => each === found?.[2]);
  const [delay, crossfade] = [Number(found?.[3]), Number(found?.[4])];
  const schedule = found?.[1] === "sweep:" ? "sweep" : "jacobi";
  const isAligned = rule === "aligned" || rule === "matched-aligned";
  if (rule && crossfade <= PERIOD && delay <= 2 * PERIOD && !(isAligned && schedule === "sweep")) {
    return { rule, schedule, delay, crossfade };
  }
  const written = `RULE:DELAY/CROSSFADE or sweep:RULE:DELAY/CROSSFADE, such as local:20/8 or sweep:local:20/3`;
  const limits = `delay up to ${2 * PERIOD}, crossfade up to ${PERIOD}, nothing aligned in a sweep`;
  throw new SpecError(
    "condition",
    `is ${JSON.stringify(name)}; expected ${written} (${limits}). Rules: ${STUDY_RULES.join(", ")}.`,
    { value: name },
  );
}

// ---- what is trained ----------------------------------------------------------------------------------------

export interface StudySetup {
  readonly network: NetworkSpec;
  readonly learning: LearningSpec;
  readonly schedule: Schedule;
}

export function studySetupOf({ rule, schedule: order, eta }: Omit<StudyTask, "delay" | "crossfade">): StudySetup {
  const { network, learning, schedule } = rulesSetup(rule);
  return { network: { ...network, schedule: order }, learning, schedule: { ...schedule, eta } };
}

function rulesSetup(rule: StudyRule): StudySetup {
  switch (rule) {
    case "aligned":
      return aligned(setupOf(STUDIED, "local"));
    case "matched":
      return setupOf(STUDIED, "matched traces");
    case "matched-aligned":
      return aligned(setupOf(STUDIED, "matched traces"));
    case "read-out-only":
      return setupOf(STUDIED, "read-out only");
    case "local":
    case "instantaneous":
    case "exact":
      return setupOf(STUDIED, rule);
  }
}

function aligned(setup: StudySetup): StudySetup {
  return { ...setup, learning: { ...setup.learning, lagAligned: true } };
}

// ---- what is predicted --------------------------------------------------------------------------------------

/**
 * Weight in the input of the digit that an error is about, at the moment that the weights of the input pair with the
 * error: 1 while it is shown, 0 when it is gone. The error arises when the name that is due changes. In jacobi it takes a
 * step for every projection that it comes down, and aligned rates are older by those steps, there and back.
 */
export function weightAtArrival({ rule, schedule, delay, crossfade }: StudyCondition): number {
  const down = DEPTH - 1;
  const isAligned = rule === "aligned" || rule === "matched-aligned";
  const step = schedule === "sweep" ? delay : delay + down - (isAligned ? 2 * down + 1 : 0);
  return weightOf(step, crossfade);
}

/** Weight of a digit in the input, so many steps after its first. */
function weightOf(step: number, crossfade: number): number {
  const risen = (k: number): number => (k < 0 ? 0 : crossfade === 0 ? 1 : Math.min(1, (k + 1) / crossfade));
  return risen(step) - risen(step - PERIOD);
}
