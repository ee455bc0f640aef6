import digitsUrl from "digits.bin?url";
import { DataError } from "../index.ts";
import { parseDigits, type Digits } from "../tasks/digits.ts";

/** @throws DataError if the server does not have the digits, or something else in their place. */
export async function fetchDigits(): Promise<Digits> {
  const response = await fetch(digitsUrl);
  if (!response.ok) {
    throw new DataError("digits", `cannot be loaded: the server answered ${response.status} for ${response.url}.`);
  }
  return parseDigits(new Uint8Array(await response.arrayBuffer()));
}
