/** Published trainings that `npm run reproduce` runs again: what is trained, by which rules, and how it departs. */

import { SpecError } from "../errors.ts";
import { suggestion } from "../spec/read.ts";
import type { Experiment } from "./experiments.ts";
import { mnist1d, mnist1d42k, mnist1dStatic, yinYang } from "./experiments-digits.ts";
import { speechCommands, spokenDigits } from "./experiments-speech.ts";
import type { Rule } from "./presets.ts";
import {
  CURVE_15K,
  CURVE_42K,
  CURVE_GSC,
  CURVE_STATIC,
  ENDS_15K,
  ENDS_SPOKEN,
  ENDS_YIN_YANG,
  type KnownEnd,
  type PublishedCurve,
} from "./published-figures.ts";
import type { Takes } from "./spoken-digits.ts";

export interface TrainingReproduction {
  readonly name: string;
  readonly experiment: Experiment;
  /** Trained one after the other unless one is asked for. */
  readonly rules: readonly Rule[];
  readonly curve: PublishedCurve | null;
  readonly ends: readonly KnownEnd[];
  /** Whether it may be annealed in few epochs. */
  readonly canAnneal: boolean;
  /** What is changed for a run of minutes. */
  readonly quick: Partial<Experiment>;
  readonly quickRules: readonly Rule[];
  /** Where this is not what was published, in sentences. */
  readonly departures: readonly string[];
}

const TESTED_IN_PLACE =
  "Tests go through the networks that train, in batches of their size; the published code tests in one batch of 1,000.";
const OWN_DRAWS =
  "Initial weights and the order of samples are drawn by our generator: a seed is not the published seed's network.";
const COMMON = [TESTED_IN_PLACE, OWN_DRAWS];

/** The published course of the rate waits for plateaus; this one is over in so many epochs. */
export const ANNEAL_EPOCHS = 20;

export const trainingReproductions: readonly TrainingReproduction[] = [
  {
    name: "mnist1d-15k",
    experiment: mnist1d,
    rules: ["local", "instantaneous"],
    curve: CURVE_15K,
    ends: ENDS_15K,
    canAnneal: true,
    quick: { epochs: 5 },
    quickRules: ["local"],
    departures: COMMON,
  },
  {
    name: "mnist1d-42k",
    experiment: mnist1d42k,
    rules: ["local"],
    curve: CURVE_42K,
    ends: [],
    canAnneal: true,
    quick: { epochs: 2 },
    quickRules: ["local"],
    departures: [
      ...COMMON,
      "The 90 neurons of a layer, 30 of them fast, are inferred from the number of weights and the published rate.",
    ],
  },
  {
    name: "mnist1d-static",
    experiment: mnist1dStatic,
    rules: ["local"],
    curve: CURVE_STATIC,
    ends: [],
    canAnneal: true,
    quick: { epochs: 5 },
    quickRules: ["local"],
    departures: [...COMMON, "The net of lags begins anew in tests, too: with every batch of them."],
  },
  {
    name: "yinyang",
    experiment: yinYang,
    rules: ["local"],
    curve: null,
    ends: ENDS_YIN_YANG,
    canAnneal: false,
    quick: {},
    quickRules: ["local"],
    departures: [
      "No training of this rule on Yin-Yang is published with its settings: they are ours, and the figure beside them is that " +
        "of artificial neurons.",
      "After each epoch the validation part is told; at the end ours is the test part.",
    ],
  },
  {
    name: "spoken-digits",
    experiment: { ...spokenDigits, seeds: [1, 2, 3] },
    rules: ["local", "matched traces", "instantaneous", "read-out only"],
    curve: null,
    ends: ENDS_SPOKEN,
    canAnneal: false,
    quick: { epochs: 2 },
    quickRules: ["local", "read-out only"],
    departures: [
      "It is an experiment of ours. Local errors, matched traces and instantaneous errors are equally good here: no advantage " +
        "is claimed of any.",
      "The other figures are of tests from rest; here states go on from training.",
    ],
  },
  {
    name: "gsc",
    experiment: speechCommands,
    rules: ["local"],
    curve: CURVE_GSC,
    ends: [],
    canAnneal: false,
    quick: { epochs: 1, task: { name: "speech-commands", options: { draws: 512 } } },
    quickRules: ["local"],
    departures: [
      OWN_DRAWS,
      "Validation and test go through the networks that train, in batches of 256.",
      "Silence is a second of background noise; a sound is shifted before noise is added, at a ratio to the second heard.",
    ],
  },
];

export const TRAINING_NAMES: readonly string[] = trainingReproductions.map(({ name }) => name);

/** @throws SpecError that lists the names there are. */
export function trainingReproductionNamed(name: string): TrainingReproduction {
  const found = trainingReproductions.find((each) => each.name === name);
  if (found !== undefined) return found;
  const problem = `is ${JSON.stringify(name)}; there are: ${TRAINING_NAMES.join(", ")}.${suggestion(name, TRAINING_NAMES)}`;
  throw new SpecError("experiment", problem);
}

/** How a run follows what was published; "other test part": with takes of recordings that stand in for the published ones. */
export type Protocol = "published" | "other test part" | "annealed" | "quick";

/** The same rate for two fifths of the epochs, then halved every epoch: in 20 it comes near what 150 come to. */
export function annealed(experiment: Experiment, epochs: number): Experiment {
  const after = Math.max(1, Math.round(0.4 * epochs));
  return { ...experiment, epochs, schedule: { kind: "step", factor: 0.5, after, every: 1 } };
}

/** The first and the last take that test in place of the published ones; null: the published ones do. */
export function otherTestTakes({ experiment }: TrainingReproduction, { task }: Experiment): Takes | null {
  const { testTakes, ...rest } = task.options ?? {};
  if (testTakes === undefined || experiment.task.name !== task.name) return null;
  return isSame(rest, experiment.task.options ?? {}) ? (testTakes as Takes) : null;
}

/** Of an experiment that may have other epochs, seeds and another rule. */
export function protocolOf(reproduction: TrainingReproduction, run: Experiment): Protocol {
  const { experiment } = reproduction;
  const same = (key: "network" | "task" | "schedule" | "batch"): boolean => isSame(run[key], experiment[key]);
  const hasOtherTest = otherTestTakes(reproduction, run) !== null;
  if (!same("network") || !same("batch") || !(same("task") || hasOtherTest)) return "quick";
  if (!same("schedule")) return "annealed";
  return hasOtherTest ? "other test part" : "published";
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** A figure of ours beside one that is known. */
export interface Comparison {
  readonly rule: Rule;
  readonly epoch: number;
  readonly ours: number;
  /** Of several seeds; null for one. */
  readonly oursDeviation: number | null;
  readonly known: number;
  readonly deviation: number | null;
  readonly range: readonly [least: number, most: number];
  readonly isInside: boolean;
  readonly source: string;
}

/** What a rule came to: a row an epoch and seed, of the validation part where there is one. */
export interface RuleRun {
  readonly rule: Rule;
  readonly rows: readonly { readonly epoch: number; readonly seed: number; readonly accuracy: number | null }[];
  /** Mean and deviation of the test part at the end. Left out: that of the rows. */
  readonly test?: { readonly mean: number; readonly deviation: number };
}

/** Mean and deviation over seeds after an epoch; null if there is none. */
export function accuracyAt(
  { rows }: Pick<RuleRun, "rows">,
  epoch: number,
): { readonly mean: number; readonly deviation: number; readonly seeds: number } | null {
  const values = rows.filter((row) => row.epoch === epoch).flatMap(({ accuracy }) => accuracy ?? []);
  if (values.length === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance), seeds: values.length };
}

/**
 * Sets a run beside what is known: the published curve where rates are still the same, and ends of the same length. Inside is
 * what is within two published deviations, or in the range of a figure without one.
 */
export function comparisonsOf(
  { curve, ends, experiment }: TrainingReproduction,
  run: Experiment,
  protocol: Protocol,
  { rule, rows, test }: RuleRun,
): Comparison[] {
  const last = Math.max(0, ...rows.map(({ epoch }) => epoch));
  const compare = (
    epoch: number,
    known: Pick<Comparison, "known" | "deviation" | "range" | "source">,
    end?: RuleRun["test"],
  ): Comparison[] => {
    const shown = accuracyAt({ rows }, epoch);
    if (shown === null) return [];
    const ours = { ...shown, ...end };
    const [least, most] = known.range;
    const isInside = ours.mean >= least && ours.mean <= most;
    return [
      { rule, epoch, ours: ours.mean, oursDeviation: ours.seeds > 1 ? ours.deviation : null, ...known, isInside },
    ];
  };
  if (protocol === "quick") return [];
  const sameUntil = run.schedule.kind === "step" ? run.schedule.after : Infinity;
  const ofCurve = (rule === experiment.rule ? (curve?.points ?? []) : []).filter(({ epoch }) => epoch <= sameUntil);
  return [
    ...ofCurve.flatMap(({ epoch, mean, deviation }) => {
      const range = [mean - 2 * deviation, mean + 2 * deviation] as const;
      return compare(epoch, { known: mean, deviation, range, source: "published, ten seeds" });
    }),
    ...ends
      .filter((end) => end.rule === rule && end.epochs === last)
      .filter((end) => end.isAnnealed === (protocol === "annealed"))
      .flatMap(({ value, range, source }) => compare(last, { known: value, deviation: null, range, source }, test)),
  ];
}
