/** What the tests of readers and writers share: fixtures, sentences, damaged files, and the memory that reading takes. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect } from "vitest";
import { DataError } from "../../src/errors.ts";
import { toFloat32, type NumericArray } from "../../src/io/array.ts";

const folder = join(import.meta.dirname, "../fixtures/io");

export function fixture(name: string): Uint8Array {
  // Off a multiple of 8, as a part of a larger file may be.
  const bytes = readFileSync(join(folder, name));
  return new Uint8Array([0, ...bytes]).subarray(1);
}

interface Golden {
  readonly shape: readonly number[];
  readonly values: readonly string[];
}

/** What NumPy says stands in the fixtures. */
export const golden = JSON.parse(readFileSync(join(folder, "golden.json"), "utf8")) as Readonly<Record<string, Golden>>;

/** An array as golden.json has it: bigints and f64 exactly. */
export function told({ shape, dtype, data }: NumericArray): Golden {
  const texts = Array.from(data as ArrayLike<number | bigint>, (value) => {
    if (dtype === "bool") return value === 1 ? "True" : "False";
    return String(value);
  });
  return { shape, values: texts };
}

/** The same numbers, whatever their texts: Python writes 0.0 and 1e-05. */
export function sameNumbers(found: Golden, expected: Golden | undefined): void {
  expect(found.shape).toEqual(expected?.shape);
  const exact = (text: string): unknown =>
    /^-?\d+$/.test(text) ? BigInt(text) : /^[TF]/.test(text) ? text : Number(text);
  const normal = (text: string): string => (/^-?\d+\.0$/.test(text) ? text.slice(0, -2) : text);
  expect(found.values.map((text) => exact(normal(text)))).toEqual(expected?.values.map((text) => exact(normal(text))));
}

export function f32(...shape: number[]): (...values: number[]) => NumericArray {
  return (...values) => ({ shape, dtype: "float32", data: Float32Array.from(values) });
}

export const numbers = (array: NumericArray | undefined): number[] =>
  array === undefined ? [] : [...toFloat32(array)];

/** The sentence of the DataError that `run` throws; other errors pass. */
export function sentence(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof DataError) return error.message;
    throw error;
  }
  return "no error";
}

export const ascii = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

export function joined(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** The bytes with those from `at` on replaced. */
export function patched(bytes: Uint8Array, at: number, replacement: Uint8Array | readonly number[]): Uint8Array {
  const result = bytes.slice();
  result.set(replacement, at);
  return result;
}

// ---- damage ---------------------------------------------------------------------------------------------------

const INTERESTING = [0, 1, 0x20, 0x22, 0x2c, 0x7f, 0x80, 0xff];

/** Copies of the files with bytes changed, cut out, doubled or cut off. */
export function damaged(files: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const byte = fc.oneof(fc.constantFrom(...INTERESTING), fc.integer({ min: 0, max: 255 }));
  const change = fc.tuple(fc.constantFrom("set", "set", "set", "set4", "cut", "double", "end"), place, byte);
  return fc.tuple(fc.constantFrom(...files), fc.array(change, { minLength: 1, maxLength: 4 })).map(([file, changes]) =>
    changes.reduce((bytes, [kind, where, value]) => {
      if (bytes.length < 4) return bytes;
      const at = Math.floor(where * (bytes.length - 3));
      if (kind === "set") return patched(bytes, at, [value]);
      if (kind === "set4") return patched(bytes, at, [value, value, value, value]);
      if (kind === "cut") return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + (value % 16)));
      if (kind === "double") return joined(bytes.subarray(0, at), bytes.subarray(Math.max(0, at - value)));
      return bytes.slice(0, at);
    }, file),
  );
}

/** Of typed arrays up to this size and of the test itself, nothing can be said. */
const SLACK = 2 ** 17;

/**
 * Reads damaged files: each is read or refused with a DataError of one sentence, and the buffers that this takes are
 * at most `most(bytes of the file)`. A collection of garbage in between makes the figure smaller, never larger.
 */
export function fuzz(
  files: readonly Uint8Array[],
  read: (bytes: Uint8Array) => unknown,
  { runs = 2000, most = (bytes: number) => 4 * bytes } = {},
): { readonly read: number; readonly refused: number } {
  const counts = { read: 0, refused: 0 };
  const prototype = Object.getOwnPropertyNames(Object.prototype);
  fc.assert(
    fc.property(damaged(files), (bytes) => {
      const before = process.memoryUsage().arrayBuffers;
      const message = sentence(() => read(bytes));
      const taken = process.memoryUsage().arrayBuffers - before;
      expect(taken).toBeLessThanOrEqual(most(bytes.length) + SLACK);
      counts[message === "no error" ? "read" : "refused"] += 1;
      if (message !== "no error") expect(message).toMatch(/^[^\n]+\.$/);
    }),
    { numRuns: runs, seed: 7 },
  );
  // No name of a file ends in a prototype.
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(prototype);
  return counts;
}
