/** Names of classes, of numbers and of texts. */

import { DataError } from "../errors.ts";
import { quote, refuse } from "./refusal.ts";

/** "0", "1" ... up to the largest label of all parts. */
export function classNames(parts: readonly (Int32Array | null)[]): readonly string[] {
  const most = parts.reduce((largest, labels) => labels?.reduce((a, b) => Math.max(a, b), largest) ?? largest, -1);
  return Array.from({ length: most + 1 }, (_, index) => String(index));
}

/**
 * The names that the caller gives to numbered classes, or `found`.
 * @throws DataError for a name twice, and for fewer names than classes.
 */
export function checkClasses(
  found: readonly string[],
  given: readonly string[] | undefined,
  file: string,
): readonly string[] {
  if (given === undefined) return found;
  checkNames(given);
  if (given.length >= found.length) return given;
  throw refuse(
    file,
    "labels",
    `up to ${found.length - 1}`,
    `below ${given.length}, the number of classes`,
    "name all classes",
  );
}

/** @throws DataError for no name, and for a name twice. */
export function checkNames(given: readonly string[]): void {
  const seen = new Set<string>();
  const twice = given.find((name) => seen.size === seen.add(name).size);
  if (given.length === 0) throw new DataError("classes", "are none; name one or more, or leave them out.");
  if (twice !== undefined) throw new DataError("classes", `have ${quote(twice)} twice; name each once.`);
}
