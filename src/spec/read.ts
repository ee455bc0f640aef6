/**
 * Reads plain data that nobody has checked, field by field. Only own properties count, so nothing is ever looked up
 * in a prototype; every refusal is a `SpecError` that names the field, its value, what it must be, and the cure.
 */

import { SpecError } from "../errors.ts";

export type Fields<Key extends string> = Readonly<Partial<Record<Key, unknown>>>;

interface Range {
  readonly description: string;
  readonly holds: (value: number) => boolean;
}

// Every number ends in an f32 on the GPU: what overflows or is flushed to zero there is refused here.
const LARGEST = 3.4028234663852886e38;
const SMALLEST = 2 ** -126;

export const finite: Range = { description: "a finite number", holds: (x) => Math.abs(x) <= LARGEST };
export const positive: Range = {
  description: "a finite number above 0 (at least 1.2e-38)",
  holds: (x) => x >= SMALLEST && x <= LARGEST,
};
export const nonNegative: Range = { description: "a finite number, 0 or above", holds: (x) => x >= 0 && x <= LARGEST };
export const fraction: Range = { description: "a number from 0 to below 1", holds: (x) => x >= 0 && x < 1 };

export function integerRange(min: number, max: number): Range {
  return {
    description: `an integer from ${min} to ${max}`,
    holds: (x) => Number.isSafeInteger(x) && x >= min && x <= max,
  };
}

/** The own fields of an object, in an object without prototype. Refuses fields that are not in `known`. */
export function fields<Key extends string>(value: unknown, path: string, known: readonly Key[]): Fields<Key> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrong(path === "" ? "network" : path, value, `an object with the fields ${known.join(", ")}`);
  }
  const result = Object.create(null) as Partial<Record<Key, unknown>>;
  for (const [key, field] of Object.entries<unknown>({ ...value })) {
    const own = known.find((candidate) => candidate === key);
    if (own === undefined) throw unknownField(path, key, known);
    result[own] = field;
  }
  return result;
}

/** Reads every entry of an array, holes included, in order. */
export function list<T>(value: unknown, path: string, read: (entry: unknown, path: string) => T): T[] {
  if (!Array.isArray(value)) throw wrong(path, value, "an array");
  const result: T[] = [];
  for (const [index, entry] of (value as readonly unknown[]).entries()) result.push(read(entry, at(path, index)));
  return result;
}

export function number(value: unknown, path: string, range: Range): number {
  if (typeof value !== "number" || !range.holds(value)) throw wrong(path, value, range.description);
  return value;
}

export function boolean(value: unknown, path: string): boolean {
  if (typeof value !== "boolean") throw wrong(path, value, "true or false");
  return value;
}

export function oneOf<Option extends string>(value: unknown, path: string, options: readonly Option[]): Option {
  const option = options.find((candidate) => candidate === value);
  if (option !== undefined) return option;
  const hint = typeof value === "string" ? suggestion(value, options) : "";
  throw wrong(path, value, `one of ${options.map((each) => `"${each}"`).join(", ")}`, hint);
}

/** A name that is safe as a label, a key and a file name part: 1 to 64 characters, no slash, no control. */
export function name(value: unknown, path: string): string {
  if (typeof value !== "string" || value.length === 0 || value.length > 64 || /[/\p{Cc}\u2028\u2029]/u.test(value)) {
    throw wrong(path, value, "a text of 1 to 64 characters without slashes and control characters");
  }
  // `{ __proto__: data }` sets a prototype instead of a field, so data could never be given under this name.
  if (value === "__proto__") throw wrong(path, value, "another name");
  return value;
}

export function at(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  return path === "" ? key : `${path}.${key}`;
}

export function wrong(path: string, value: unknown, expected: string, hint = ""): SpecError {
  const found = value === undefined ? "is missing; it" : `is ${show(value)}, but`;
  return new SpecError(path, `${found} must be ${expected}.${hint}`);
}

/** A value in a few characters, whatever it is and however large. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(clip(value, 40));
  if (Array.isArray(value)) return `an array of length ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  return clip(String(value), 40);
}

/** " Did you mean ...?" with the nearest of `options`, or nothing if none is near. */
export function suggestion(given: string, options: readonly string[]): string {
  if (given.length > 64) return "";
  const wanted = bare(given);
  let nearest = "";
  let least = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const option of options) {
    const distance = editDistance(wanted, bare(option));
    if (distance < least) [nearest, least] = [option, distance];
  }
  return nearest === "" ? "" : ` Did you mean "${nearest}"?`;
}

function unknownField(path: string, key: string, known: readonly string[]): SpecError {
  const shown = clip(key, 64).replace(/[\p{Cc}\u2028\u2029]/gu, "?");
  const hint = suggestion(key, known) || ` Known fields: ${known.join(", ")}.`;
  return new SpecError(at(path, shown), `is not a known field.${hint}`);
}

/** Spelling without what is most often got wrong: case, underscores, hyphens. */
function bare(word: string): string {
  return word.toLowerCase().replace(/[_-]/g, "");
}

function clip(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}...` : text;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of Array.from(a).entries()) {
    const next = [i + 1];
    for (const [j, other] of Array.from(b).entries()) {
      const replace = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replace, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
