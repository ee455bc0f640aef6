/**
 * The one type of arrays that files are read to and written from, its conversion from and to bytes, and its views as
 * numbers. Elements are in C order: those of the last axis are neighbours.
 */

import { DataError } from "../errors.ts";
import { checkCap, refuse, type Source } from "./refusal.ts";

export type NumericData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

/** Types of elements. `float16` and `bfloat16` are held as f32, which has all their values; `bool` as bytes 0 and 1. */
export const dtypes = {
  float16: { bytes: 2, holder: Float32Array },
  bfloat16: { bytes: 2, holder: Float32Array },
  float32: { bytes: 4, holder: Float32Array },
  float64: { bytes: 8, holder: Float64Array },
  int8: { bytes: 1, holder: Int8Array },
  int16: { bytes: 2, holder: Int16Array },
  int32: { bytes: 4, holder: Int32Array },
  int64: { bytes: 8, holder: BigInt64Array },
  uint8: { bytes: 1, holder: Uint8Array },
  uint16: { bytes: 2, holder: Uint16Array },
  uint32: { bytes: 4, holder: Uint32Array },
  uint64: { bytes: 8, holder: BigUint64Array },
  bool: { bytes: 1, holder: Uint8Array },
} as const;

export type DType = keyof typeof dtypes;

/** A dense array. `data` is the holder of `dtype` in `dtypes`, of as many elements as `shape` has; a scalar has shape []. */
export interface NumericArray {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: NumericData;
}

/** An array in a file that is not read yet. */
export interface ArrayEntry {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** @throws DataError */
  read(): NumericArray;
}

const MOST_AXES = 64;

/**
 * Elements of an array of this shape. An empty axis makes them 0, however long the others are.
 * @throws DataError for more than 64 axes, a length that is not a whole number, or a product above 2^53.
 */
export function elementsOf(shape: readonly number[], file: string, field: string): number {
  const cure = "write the array again";
  if (shape.length > MOST_AXES) throw refuse(file, field, `of ${shape.length} axes`, `of at most ${MOST_AXES}`, cure);
  let count = 1;
  for (const [axis, length] of shape.entries()) {
    const isLength = Number.isSafeInteger(length) && length >= 0;
    if (!isLength) throw refuse(file, `${field}[${axis}]`, String(length), "a whole number from 0 to 2^53 - 1", cure);
    count *= length;
  }
  if (!Number.isSafeInteger(count)) throw refuse(file, field, `${count} elements`, "at most 2^53 - 1", cure);
  return count;
}

/** "[2, 3]" */
export function showShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

/** Bytes that an array takes in memory. */
export function heldBytes(dtype: DType, elements: number): number {
  return elements * dtypes[dtype].holder.BYTES_PER_ELEMENT;
}

// ---- bytes ----------------------------------------------------------------------------------------------------

const hostIsLittle = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * The elements that `bytes` hold; they are copied.
 * @param bytes as many as the elements need.
 * @throws DataError for more than the cap, and for a bool that is neither 0 nor 1.
 */
export function decode(bytes: Uint8Array, dtype: DType, isLittle: boolean, source: Source, field: string): NumericData {
  const size = dtypes[dtype].bytes;
  checkCap(source, field, heldBytes(dtype, bytes.length / size));
  if (dtype === "bool") checkBooleans(bytes, source.file, field);
  // A copy, as views of larger elements must start at a multiple of their size.
  // Not `slice`, which copies nothing of a Buffer of Node.
  const copy = new Uint8Array(bytes);
  if (size > 1 && isLittle !== hostIsLittle) swap(copy, size);
  if (dtype === "float16") return widen(copy, float16Bits);
  if (dtype === "bfloat16") return widen(copy, (bits) => bits << 16);
  return new dtypes[dtype].holder(copy.buffer);
}

/** The elements as little-endian bytes. */
export function encode({ dtype, data }: NumericArray): Uint8Array {
  const narrow = dtype === "float16" ? toFloat16 : dtype === "bfloat16" ? toBfloat16 : undefined;
  const held = narrow === undefined ? data : narrowed(data as Float32Array, narrow);
  const bytes = new Uint8Array(held.buffer, held.byteOffset, held.byteLength).slice();
  if (!hostIsLittle) swap(bytes, dtypes[dtype].bytes);
  return bytes;
}

function checkBooleans(bytes: Uint8Array, file: string, field: string): void {
  const at = bytes.findIndex((value) => value > 1);
  if (at >= 0)
    throw refuse(file, `${field}[${at}]`, `${bytes[at]}`, "0 or 1, as it is a bool", "write the array again");
}

/** Reverses each group of `size` bytes in place. */
function swap(bytes: Uint8Array, size: number): void {
  for (let from = 0; from < bytes.length; from += size) bytes.subarray(from, from + size).reverse();
}

/** @param toBits the bits of the f32 that has the value. */
function widen(bytes: Uint8Array, toBits: (half: number) => number): Float32Array {
  const halves = new Uint16Array(bytes.buffer);
  const bits = new Uint32Array(halves.length);
  // Loops, as `from` with a function makes a list of all elements first.
  for (let i = 0; i < bits.length; i++) bits[i] = toBits(halves[i] ?? 0);
  return new Float32Array(bits.buffer);
}

function narrowed(values: Float32Array, toHalf: (value: number) => number): Uint16Array {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < halves.length; i++) halves[i] = toHalf(values[i] ?? 0);
  return halves;
}

function float16Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // Below the normal numbers of f16, among those of f32.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 1023) << 13);
}

function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0;
}

/** To nearest, ties to even, as IEEE 754 has it. */
function toFloat16(value: number): number {
  const sign = Object.is(value, -0) || value < 0 ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 0x7e00;
  // Half a step above the largest value.
  if (size >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(Math.max(size, 2 ** -24))));
  const steps = roundToEven(size / 2 ** (exponent - 10));
  // A carry into the exponent, and numbers below the normal ones, come out right by addition.
  return sign | (exponent === -14 ? steps : ((exponent + 14) << 10) + steps);
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

function toBfloat16(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  const bits = bitsOf(value);
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

// ---- numbers --------------------------------------------------------------------------------------------------

/**
 * The elements as f32, rounded to nearest; the array's own data where they are f32.
 * @param name of the array, for messages.
 * @throws DataError for a finite value too large for f32, and for a 64-bit integer beyond 2^53.
 */
export function toFloat32({ dtype, data }: NumericArray, name = "array"): Float32Array {
  if (data instanceof Float32Array) return data;
  const values = new Float32Array(data.length);
  for (let i = 0; i < values.length; i++) {
    const value = numberAt(data, i, name);
    values[i] = value;
    if (Number.isFinite(value) && !Number.isFinite(values[i])) {
      throw new DataError(`${name}[${i}]`, `is ${value} (${dtype}), too large for f32; scale the values down.`);
    }
  }
  return values;
}

/**
 * The elements as whole numbers from 0 to `most`.
 * @throws DataError naming the element that is none.
 */
export function toIndices({ data }: NumericArray, most: number, name = "array"): Int32Array {
  return Int32Array.from({ length: data.length }, (_, i) => {
    const value = numberAt(data, i, name);
    if (Number.isInteger(value) && value >= 0 && value <= most) return value;
    throw new DataError(`${name}[${i}]`, `is ${value}, but must be a whole number from 0 to ${most}; renumber it.`);
  });
}

function numberAt(data: NumericData, index: number, name: string): number {
  const value = data[index] ?? NaN;
  if (typeof value === "number") return value;
  const number = Number(value);
  if (Math.abs(number) <= 2 ** 53 && BigInt(number) === value) return number;
  throw new DataError(`${name}[${index}]`, `is ${value}, but must be within +-2^53 to be exact; use smaller numbers.`);
}

// ---- what is written ------------------------------------------------------------------------------------------

/** @throws DataError if data and type, or data and shape, do not belong together. */
export function checkArray({ shape, dtype, data }: NumericArray, name: string): void {
  const kind = Object.hasOwn(dtypes, dtype) ? dtypes[dtype] : undefined;
  const known = Object.keys(dtypes).join(", ");
  if (kind === undefined) throw new DataError(`${name}.dtype`, `is ${dtype}, but must be one of ${known}.`);
  if (!(data instanceof kind.holder)) {
    throw new DataError(`${name}.data`, `must be a ${kind.holder.name}, as its dtype is ${dtype}.`);
  }
  const elements = elementsOf(shape, name, "shape");
  if (data.length === elements) return;
  const found = `${data.length} elements, but the shape ${showShape(shape)} has ${elements}`;
  throw new DataError(`${name}.data`, `has ${found}; correct the shape.`);
}
