/** What the tasks share: how options are checked, how much may be made of them, and normal random numbers. */

import { SpecError } from "../errors.ts";
import type { Random } from "../random.ts";
import { boolean, fields, integerRange, number, oneOf } from "../spec/read.ts";

/** Bytes that the inputs of one part may take: 1 GiB, as readers of files have it. */
const MOST_BYTES = 2 ** 30;
const MOST_SAMPLES = 1e6;

/** Ranges of numbers that are read off options, and how a refusal calls them. */
interface Range {
  readonly description: string;
  readonly holds: (value: number) => boolean;
}

/** From `least` to `most`, both of them allowed. */
export function between(least: number, most: number): Range {
  return { description: `a number from ${least} to ${most}`, holds: (value) => value >= least && value <= most };
}

function multiples(of: number, least: number): Range {
  return {
    description: `a multiple of ${of} from ${least} to ${MOST_SAMPLES}`,
    holds: (value) => value % of === 0 && value >= least && value <= MOST_SAMPLES,
  };
}

export interface OptionReader<Key extends string> {
  /** A whole number from `least` to `most`. */
  integer(key: Key, least: number, most: number, fallback: number): number;
  /** A multiple of `of` from `least` to 1,000,000. */
  multiple(key: Key, of: number, least: number, fallback: number): number;
  number(key: Key, range: Range, fallback: number): number;
  boolean(key: Key, fallback: boolean): boolean;
  oneOf<Option extends string>(key: Key, options: readonly Option[], fallback: Option): Option;
}

/**
 * Reads the options of a task, which may come from a command line or a link.
 *
 * @param task Name before the dot in refusals.
 * @throws SpecError for a field that is not in `known`; what it gives throws for values that are not valid.
 */
export function readOptions<Key extends string>(
  options: unknown,
  task: string,
  known: readonly Key[],
): OptionReader<Key> {
  const given = fields(options, task, known);
  const value = (key: Key, fallback: unknown): unknown => (given[key] === undefined ? fallback : given[key]);
  const path = (key: Key): string => `${task}.${key}`;
  return {
    integer: (key, least, most, fallback) => number(value(key, fallback), path(key), integerRange(least, most)),
    multiple: (key, of, least, fallback) => number(value(key, fallback), path(key), multiples(of, least)),
    number: (key, range, fallback) => number(value(key, fallback), path(key), range),
    boolean: (key, fallback) => boolean(value(key, fallback), path(key)),
    oneOf: (key, options, fallback) => oneOf(value(key, fallback), path(key), options),
  };
}

/** The inputs of `count` sequences. @throws SpecError for more than any machine should be asked for. */
export function allocateInputs(task: string, count: number, frames: number, channels: number): Float32Array {
  checkSize(task, count, frames, channels);
  return new Float32Array(count * frames * channels);
}

/** @throws SpecError if the inputs of so many sequences would take more than 1 GiB. */
export function checkSize(task: string, count: number, frames: number, channels: number): void {
  const bytes = 4 * count * frames * channels;
  if (bytes <= MOST_BYTES) return;
  const sizes = `${count} sequences of ${frames} frames of ${channels} channels`;
  throw new SpecError(task, `would have ${sizes}: ${bytes} bytes, but at most ${MOST_BYTES}; ask for fewer.`, {
    value: bytes,
    most: MOST_BYTES,
  });
}

/** Of mean 0 and deviation 1 (Box and Muller 1958), from two uniform numbers; the second that they give is not used. */
export function gaussian(random: Random): number {
  // 1 - u is never 0.
  return Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
}

/** Of so many numbers, that of a population. */
export function meanAndDeviation(values: ArrayLike<number>): { readonly mean: number; readonly deviation: number } {
  const { length } = values;
  let sum = 0;
  for (let i = 0; i < length; i++) sum += values[i] ?? 0;
  const mean = sum / length;
  let squares = 0;
  for (let i = 0; i < length; i++) squares += ((values[i] ?? 0) - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / length) };
}
