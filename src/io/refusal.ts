/** What all readers share: how a file is refused, how its texts are shown, how much may be allocated for it. */

import { DataError } from "../errors.ts";

/** Bytes that one call may allocate for what it reads, unless `maxBytes` says otherwise: 1 GiB. */
export const DEFAULT_MAX_BYTES = 2 ** 30;

export interface ReadOptions {
  /** Name of the file, for messages. Default: what the format is usually called, like "array.npy". */
  readonly file?: string;
  /** Bytes that the result may take, checked before anything of that size is allocated. Default 1 GiB. */
  readonly maxBytes?: number;
}

/** Where a reader is: in which file, and how much it may allocate. */
export interface Source {
  readonly file: string;
  readonly maxBytes: number;
}

/**
 * Fills in the defaults.
 * @throws DataError for a cap that is not a number of bytes.
 */
export function sourceOf({ file, maxBytes = DEFAULT_MAX_BYTES }: ReadOptions, usual: string): Source {
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 0) {
    throw new DataError("maxBytes", `is ${String(maxBytes)}, but must be a whole number of bytes, 0 or above.`);
  }
  return { file: file === undefined ? usual : plain(file), maxBytes };
}

/** What is wrong with a field of a file: "FILE: FIELD is FOUND, but must be EXPECTED; CURE." */
export function refuse(file: string, field: string, found: string, expected: string, cure: string): DataError {
  return new DataError(`${file}: ${field}`, `is ${found}, but must be ${expected}; ${cure}.`, { file, field });
}

/** @throws DataError if `bytes` are more than the caller allows. Called before they are allocated. */
export function checkCap({ file, maxBytes }: Source, field: string, bytes: number): void {
  if (bytes <= maxBytes) return;
  throw refuse(file, field, `${bytes} bytes when read`, `at most ${maxBytes}`, "read less of it, or raise maxBytes");
}

/** A text of a file as part of a sentence, in quotes. */
export function quote(text: string): string {
  return JSON.stringify(plain(text));
}

const SHOWN = 60;

/** The same without quotes: short, and without characters that change how the sentence looks. */
export function plain(text: string): string {
  const short = text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text;
  // Controls, and what turns or hides text.
  return short.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|\p{Cs}/gu, "?");
}
