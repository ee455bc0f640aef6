import { DataError } from "../errors.ts";
import type { Population } from "../spec.ts";

/** Values of one step: an array if there is one group they can belong to, else arrays by the group's name. */
export type Frame = ArrayLike<number> | Readonly<Record<string, ArrayLike<number>>>;

interface Group {
  readonly name: string;
}

/** Copies a frame of input, [batch][neurons] per source, into the sources' rates. */
export function readInput(frame: Frame, sources: readonly (Group & { readonly rate: Float64Array })[]): void {
  const given = byName("input", frame, sources);
  for (const { name, rate } of sources) {
    const values = given.get(name);
    if (values === undefined) throw new DataError("input", `has no values for the source "${name}". Add them.`);
    checkLength(`input of "${name}"`, values, rate.length);
    rate.set(values);
  }
}

/** Targets by population: [batch][neurons] for squared error, [batch] class indices for cross-entropy. */
export function readTarget(
  frame: Frame | null,
  populations: readonly Population[],
  batch: number,
): ReadonlyMap<string, Float64Array> {
  const targets = new Map<string, Float64Array>();
  if (frame === null) return targets;
  const withCost = populations.filter(({ cost }) => cost !== null);
  const given = byName("target", frame, withCost);
  for (const { name, size, cost } of withCost) {
    const values = given.get(name);
    if (values === undefined) continue;
    const isClass = cost?.kind === "cross-entropy";
    checkLength(`target of "${name}"`, values, isClass ? batch : batch * size);
    const target = Float64Array.from(values);
    if (isClass) checkClasses(name, target, size);
    targets.set(name, target);
  }
  return targets;
}

export function checkLength(what: string, values: ArrayLike<number>, expected: number): void {
  if (values.length === expected) return;
  throw new DataError(what, `has ${values.length} values, but must have ${expected}.`);
}

function byName(what: string, frame: Frame, groups: readonly Group[]): ReadonlyMap<string, ArrayLike<number>> {
  const names = groups.map(({ name }) => name);
  if (!isArray(frame)) {
    const stranger = Object.keys(frame).find((name) => !names.includes(name));
    if (stranger === undefined) return new Map(Object.entries(frame));
    throw new DataError(what, `names ${JSON.stringify(stranger)}, but may only name ${list(names)}.`);
  }
  const [only, ...others] = names;
  if (only !== undefined && others.length === 0) return new Map([[only, frame]]);
  throw new DataError(
    what,
    `is one array, but there are ${names.length} groups it could belong to: give arrays by name.`,
  );
}

function isArray(frame: Frame): frame is ArrayLike<number> {
  return typeof frame["length"] === "number";
}

function list(names: readonly string[]): string {
  return names.length === 0 ? "nothing" : names.map((name) => JSON.stringify(name)).join(", ");
}

function checkClasses(name: string, classes: Float64Array, size: number): void {
  const wrong = classes.find((each) => !Number.isInteger(each) || each < -1 || each >= size);
  if (wrong === undefined) return;
  throw new DataError(`target of "${name}"`, `holds ${wrong}, but a class is an integer from 0 to ${size - 1}, or -1.`);
}
