/** What a study came to, as rows of a table and in a few sentences. */

import type { ScheduleKind } from "../spec.ts";
import {
  STUDY_RULE_NAMES,
  STUDY_RULES,
  weightAtArrival,
  type StudyCondition,
  type StudyPlan,
  type StudyRule,
} from "../tasks/limit-study.ts";
import { chosenOf } from "../train/limit-study.ts";
import { table } from "./format.ts";
import type { Study } from "./limit-file.ts";
import { markdownTable } from "./results-tables.ts";

/** A condition over its seeds. */
export interface Outcome extends StudyCondition {
  /** Of the digit that an error is about, in the input when the error arrives there. */
  readonly weight: number;
  readonly eta: number;
  /** Test accuracies, one for each seed that is done. */
  readonly tests: readonly number[];
  readonly mean: number;
}

/** The conditions of which at least one seed is done, in the order of the plan. */
export function outcomesOf({ plan, results }: Study): Outcome[] {
  return plan.conditions.flatMap((condition) => {
    const chosen = chosenOf(plan, condition, results);
    const [first] = chosen;
    if (!first) return [];
    const tests = chosen.map(({ test }) => test);
    const { rule, schedule, delay, crossfade } = condition;
    const setting = { rule, schedule, delay, crossfade };
    return [{ ...setting, weight: weightAtArrival(condition), eta: first.eta, tests, mean: meanOf(tests) }];
  });
}

/** How the published rule does where the digit is gone when its error arrives, and where it is not. */
export interface Separation {
  /** Mean accuracies; null where there is no such condition. */
  readonly bestWithout: number | null;
  readonly worstWith: number | null;
  /** Whether every condition with the digit is better than every one without it; null if one kind is missing. */
  readonly holds: boolean | null;
}

export function separationOf(outcomes: readonly Outcome[]): Separation {
  const published = outcomes.filter(({ rule }) => rule === "local");
  const meansWhere = (isThere: boolean): number[] =>
    published.filter(({ weight }) => weight > 0 === isThere).map(({ mean }) => mean);
  const [without, having] = [meansWhere(false), meansWhere(true)];
  const bestWithout = without.length === 0 ? null : Math.max(...without);
  const worstWith = having.length === 0 ? null : Math.min(...having);
  const holds = bestWithout === null || worstWith === null ? null : worstWith > bestWithout;
  return { bestWithout, worstWith, holds };
}

/** For the terminal. */
export function studyLines(study: Study): string[] {
  const outcomes = outcomesOf(study);
  const { head, rows } = cellsOf(outcomes);
  return [...table(head, rows), "", ...wordsOf(study.plan, outcomes)];
}

/** For a page. */
export function studyMarkdown(study: Study): string {
  const outcomes = outcomesOf(study);
  const { head, rows } = cellsOf(outcomes);
  return `${markdownTable(head, rows, 1)}\n\n${wordsOf(study.plan, outcomes).join("\n")}`;
}

/** What ran, for a subtitle: seeds and steps as they are, and every adapter. */
export function runOf({ plan, results }: Study): string {
  const adapters = [...new Set(results.map(({ adapter }) => adapter))].join(", ");
  const counts = outcomesOf({ plan, results }).map(({ tests }) => tests.length);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const seeds = least === most ? `${most}` : `${least} to ${most}`;
  const steps = plan.steps.toLocaleString("en-US");
  return `${steps} steps, ${seeds} ${most === 1 ? "seed" : "seeds"}, on ${adapters}`;
}

// ---- the table ----------------------------------------------------------------------------------------------

interface Setting {
  readonly schedule: ScheduleKind;
  readonly delay: number;
  readonly crossfade: number;
}

function cellsOf(outcomes: readonly Outcome[]): { head: string[]; rows: string[][] } {
  const rules = STUDY_RULES.filter((rule) => outcomes.some((outcome) => outcome.rule === rule));
  const rows = settingsOf(outcomes).map((setting) => {
    const cells = rules.map((rule) => cellOf(outcomes.find((outcome) => isAt(outcome, setting, rule))));
    return [settingName(setting), weightAtArrival({ ...setting, rule: "local" }).toFixed(2), ...cells];
  });
  return { head: ["order, delay/crossfade", "weight", ...rules.map((rule) => STUDY_RULE_NAMES[rule])], rows };
}

/** Each once: jacobi before sweep, then by delay and crossfade. */
function settingsOf(outcomes: readonly Outcome[]): Setting[] {
  const byName = new Map(outcomes.map((outcome): [string, Setting] => [settingName(outcome), outcome]));
  const rank = ({ schedule, delay, crossfade }: Setting): number =>
    (schedule === "sweep" ? 1e6 : 0) + 1e3 * delay + crossfade;
  return [...byName.values()].sort((a, b) => rank(a) - rank(b));
}

function settingName({ schedule, delay, crossfade }: Setting): string {
  return `${schedule}, ${delay}/${crossfade}`;
}

function isAt(outcome: Outcome, setting: Setting, rule: StudyRule): boolean {
  return outcome.rule === rule && settingName(outcome) === settingName(setting);
}

/** Mean in percent, with the standard deviation of the seeds where there are several. */
function cellOf(outcome: Outcome | undefined): string {
  if (!outcome) return "-";
  const { tests, mean } = outcome;
  if (tests.length === 1) return (100 * mean).toFixed(1);
  const square = tests.reduce((sum, test) => sum + (test - mean) ** 2, 0) / (tests.length - 1);
  return `${(100 * mean).toFixed(1)} ± ${(100 * Math.sqrt(square)).toFixed(1)}`;
}

// ---- sentences ----------------------------------------------------------------------------------------------

function wordsOf({ tune, steps }: StudyPlan, outcomes: readonly Outcome[]): string[] {
  const counts = [...new Set(outcomes.map(({ tests }) => tests.length))].sort((a, b) => a - b);
  const seeds = `${counts.join(" or ")} ${counts.at(-1) === 1 ? "seed" : "seeds"}`;
  const rates = tune ? "learning rates chosen on validation images" : "one learning rate, not tuned";
  const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
  const { bestWithout, worstWith, holds } = separationOf(outcomes);
  const spread = counts.length > 1 && counts[0] === 1 ? "±: deviation; without it: one seed" : "±: deviation";
  const facts = `Test accuracy in percent, chance 10; ${seeds} (${spread}), ${steps.toLocaleString("en-US")} steps, ${rates}.`;
  const weight =
    "weight: of the digit to be named, in the input when its error arrives there, for the rule as published.";
  if (bestWithout === null || worstWith === null) return [facts, weight];
  const sum =
    `Local errors come to at most ${percent(bestWithout)} where that weight is 0, and to at least ` +
    `${percent(worstWith)} where it is above 0: the rule of temporal support ${holds === true ? "holds" : "FAILS"}.`;
  return [facts, weight, sum];
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
