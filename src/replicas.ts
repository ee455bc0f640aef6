/**
 * Networks of equal shape side by side: what each has of its own, and which of them a call is about. Pure.
 */

import { DataError, SpecError } from "./errors.ts";
import { strideOf, type Place, type Plan } from "./plan.ts";
import { integerRange, list, nonNegative, number } from "./spec/read.ts";
import type { Replica } from "./tables.ts";

export interface ReplicaOptions {
  /** Seed of the initial parameters, a whole number from 0 to 2^53 - 1; replica r has `seed` + r. Default 0. */
  readonly seed?: number;
  /** The seed of every replica, in place of `seed`. */
  readonly seeds?: readonly number[];
  /** Factors of the learning rate, one for each replica. Default 1. */
  readonly etaScales?: readonly number[];
}

/** Chooses a network where there are several. */
export interface ReplicaChoice {
  /** From 0. Default: all. */
  readonly replica?: number;
}

const seedRange = integerRange(0, Number.MAX_SAFE_INTEGER);

/** @throws SpecError */
export function resolveReplicas({ seed, seeds, etaScales }: ReplicaOptions, count: number): Replica[] {
  if (seed !== undefined && seeds !== undefined) {
    throw new SpecError("options.seeds", "is given beside options.seed. Give one of them.");
  }
  const first = number(seed ?? 0, "options.seed", seedRange);
  if (first + count - 1 > Number.MAX_SAFE_INTEGER) {
    const last = `the last of ${count} replicas would have a seed above 2^53 - 1`;
    throw new SpecError("options.seed", `is ${first}: ${last}. Give a smaller one, or seeds.`);
  }
  const all = seeds === undefined ? null : oneEach("seeds", seeds, count, seedRange);
  const scales = etaScales === undefined ? null : oneEach("etaScales", etaScales, count, nonNegative);
  return Array.from({ length: count }, (_, r) => ({ seed: all?.[r] ?? first + r, etaScale: scales?.[r] ?? 1 }));
}

function oneEach(key: string, values: unknown, count: number, range: Parameters<typeof number>[2]): number[] {
  const path = `options.${key}`;
  const read = list(values, path, (value, at) => number(value, at, range));
  if (read.length === count) return read;
  throw new SpecError(path, `has ${read.length} entries for ${count} replicas. Give one for each.`, {
    found: read.length,
    expected: count,
  });
}

/** Factors of the learning rate for a run. @throws DataError */
export function checkScales({ replicas }: Plan, scales: readonly number[]): Float32Array {
  if (!Array.isArray(scales) || scales.length !== replicas) {
    throw new DataError("run.etaScales", `must be an array of ${replicas} numbers, one for each replica.`);
  }
  const at = scales.findIndex((scale) => !(Number.isFinite(scale) && scale >= 0));
  if (at < 0) return Float32Array.from(scales);
  throw new DataError(`run.etaScales[${at}]`, `must be a finite number of at least 0; it is ${String(scales[at])}.`);
}

/**
 * The networks that a call is about, by number.
 * @param call as "read" or "write".
 * @throws DataError if there is no such replica, or the place is common to all.
 */
export function chosenReplicas(plan: Plan, place: Place, call: string, { replica }: ReplicaChoice): readonly number[] {
  const isCommon = strideOf(plan, place) === 0;
  if (replica === undefined) return Array.from({ length: isCommon ? 1 : plan.replicas }, (_, index) => index);
  const path = `${call}.replica`;
  if (!(Number.isSafeInteger(replica) && replica >= 0 && replica < plan.replicas)) {
    throw new DataError(path, `must be a whole number from 0 to ${plan.replicas - 1}; it is ${String(replica)}.`);
  }
  if (!isCommon) return [replica];
  throw new DataError(path, `is ${replica}, but input and target are common to all replicas. Leave it out.`);
}
