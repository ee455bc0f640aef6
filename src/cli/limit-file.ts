/** A study on disk: its plan and all results so far in one file, so that one that was stopped goes on where it was. */

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../errors.ts";
import {
  STUDY_RULES,
  studyConditionName,
  weightAtArrival,
  type StudyPlan,
  type StudyResult,
} from "../tasks/limit-study.ts";

export const STUDY_FILE = "study.json";
const SCHEMA = "vle-webgpu/limit-study/1";
/** Larger ones were not written by this command. */
const MOST_BYTES = 2 ** 26;

export interface Study {
  readonly plan: StudyPlan;
  readonly results: readonly StudyResult[];
}

export function studyText({ plan, results }: Study): string {
  return `${JSON.stringify({ schema: SCHEMA, plan, results }, null, 2)}\n`;
}

/**
 * Reads the study of a run folder.
 *
 * @throws DataError if there is none, or if it is not what this command writes.
 */
export async function readStudy(folder: string): Promise<Study> {
  const path = join(folder, STUDY_FILE);
  const found = await stat(path).catch(() => null);
  if (!found?.isFile() || found.size > MOST_BYTES) {
    throw new DataError(path, "is no study; name the run folder of one, in which there is a study.json.");
  }
  return parseStudy(await readFile(path, "utf8"), path);
}

/** @throws DataError naming the file and the first thing that is wrong in it. */
export function parseStudy(text: string, path: string): Study {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new DataError(path, "is not JSON.");
  }
  const schema = isRecord(value) ? value["schema"] : undefined;
  if (!isRecord(value) || schema !== SCHEMA) {
    throw new DataError(path, `has the schema ${String(schema)}; expected "${SCHEMA}".`);
  }
  const { plan, results } = value;
  if (!isPlan(plan)) throw new DataError(`${path}: plan`, "is not that of a study.");
  if (!Array.isArray(results)) throw new DataError(`${path}: results`, "are not a list.");
  const wrong = results.findIndex((result) => !isResult(result));
  if (wrong >= 0) throw new DataError(`${path}: results[${wrong}]`, "is not a result of a study.");
  return { plan, results: results as StudyResult[] };
}

/** One line a training, for spreadsheets. */
export function studyCsv(results: readonly StudyResult[]): string {
  const head = "condition,rule,schedule,delay,crossfade,weightAtArrival,eta,seed,steps,validation,test,seconds,adapter";
  const lines = results.map((result) => {
    const { rule, schedule, delay, crossfade, eta, seed, steps, validation, test, seconds, adapter } = result;
    const weight = Number(weightAtArrival(result).toFixed(6));
    const setting = [studyConditionName(result), rule, schedule, delay, crossfade, weight];
    const quoted = `"${adapter.replaceAll('"', '""')}"`;
    return [...setting, eta, seed, steps, validation, test, Number(seconds.toFixed(1)), quoted].join(",");
  });
  return [head, ...lines, ""].join("\n");
}

function isPlan(value: unknown): value is StudyPlan {
  if (!isRecord(value)) return false;
  const { conditions, seeds, steps, tune } = value;
  return (
    Array.isArray(conditions) &&
    conditions.every(isCondition) &&
    Array.isArray(seeds) &&
    seeds.every(isCount) &&
    isCount(steps) &&
    typeof tune === "boolean"
  );
}

function isResult(value: unknown): value is StudyResult {
  if (!isRecord(value) || !isCondition(value)) return false;
  const fields: Readonly<Record<string, unknown>> = value;
  const { eta, seed, steps, validation, test, seconds, adapter } = fields;
  const numbers = [eta, seconds].every((each) => typeof each === "number" && each > 0);
  const parts = [validation, test].every((each) => typeof each === "number" && each >= 0 && each <= 1);
  return numbers && parts && isCount(seed) && isCount(steps) && typeof adapter === "string";
}

function isCondition(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { rule, schedule, delay, crossfade } = value;
  const isKnown = STUDY_RULES.some((each) => each === rule) && (schedule === "jacobi" || schedule === "sweep");
  return isKnown && isCount(delay) && isCount(crossfade);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
