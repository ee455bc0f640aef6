/** Hugging Face's .safetensors: a length, a JSON header, and the elements, little-endian and in C order. */

import { checkArray, decode, dtypes, elementsOf, encode, heldBytes, showShape } from "./array.ts";
import type { ArrayEntry, DType, NumericArray } from "./array.ts";
import { parseJsonObject, type JsonObject, type JsonValue } from "./json.ts";
import { checkCap, quote, refuse, sourceOf, type ReadOptions, type Source } from "./refusal.ts";

const TYPES: ReadonlyMap<string, DType> = new Map([
  ["F64", "float64"],
  ["F32", "float32"],
  ["F16", "float16"],
  ["BF16", "bfloat16"],
  ["I64", "int64"],
  ["I32", "int32"],
  ["I16", "int16"],
  ["I8", "int8"],
  ["U64", "uint64"],
  ["U32", "uint32"],
  ["U16", "uint16"],
  ["U8", "uint8"],
  ["BOOL", "bool"],
]);

/** As the format has it. */
const LONGEST_HEADER = 100_000_000;
const PREFIX = 8;
const SAVE_AGAIN = "save it again with safetensors";
const METADATA = "__metadata__";

export interface Safetensors<Array = ArrayEntry> {
  /** By name, in the order of the header. */
  readonly arrays: ReadonlyMap<string, Array>;
  /** Texts of the file's maker, like a format or a network. */
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * The arrays of a file: names, shapes and types, which are checked as a whole; elements are read by `read`.
 * @throws DataError for a header longer than 100 MB or the cap, a name twice, an unknown type, data that lie outside the
 * file, overlap or leave holes, and a length that is not that of shape and type.
 */
export function openSafetensors(bytes: Uint8Array, options: ReadOptions = {}): Safetensors {
  const source = sourceOf(options, "arrays.safetensors");
  const { header, start } = readHeader(bytes, source);
  const arrays = new Map<string, ArrayEntry>();
  const spans: Span[] = [];
  let held = 0;
  for (const [name, value] of header) {
    if (name === METADATA) continue;
    const { shape, dtype, from, to } = readTensor(value, name, bytes.length - start, source);
    spans.push({ name, from, to });
    held += heldBytes(dtype, (to - from) / dtypes[dtype].bytes);
    const data = bytes.subarray(start + from, start + to);
    arrays.set(name, {
      shape,
      dtype,
      read: () => ({ shape, dtype, data: decode(data, dtype, true, source, quote(name)) }),
    });
  }
  checkSpans(spans, bytes.length - start, source.file);
  checkCap(source, "arrays", held);
  return { arrays, metadata: readMetadata(header.get(METADATA), source.file) };
}

/** Reads all arrays. Takes at most twice the file. @throws DataError */
export function readSafetensors(bytes: Uint8Array, options: ReadOptions = {}): Safetensors<NumericArray> {
  const { arrays, metadata } = openSafetensors(bytes, options);
  return { arrays: new Map([...arrays].map(([name, entry]) => [name, entry.read()])), metadata };
}

function readHeader(bytes: Uint8Array, source: Source): { readonly header: JsonObject; readonly start: number } {
  const { file } = source;
  if (bytes.length < PREFIX) throw refuse(file, "header length", "cut off", "8 bytes", SAVE_AGAIN);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, PREFIX).getBigUint64(0, true));
  const most = Math.min(LONGEST_HEADER, bytes.length - PREFIX);
  if (length > most) throw refuse(file, "header length", `${length}`, `at most ${most}`, SAVE_AGAIN);
  checkCap(source, "header", length);
  const text = decodeUtf8(bytes.subarray(PREFIX, PREFIX + length), file);
  return { header: parseJsonObject(text, file, "header"), start: PREFIX + length };
}

function decodeUtf8(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refuse(file, "header", "not UTF-8", "UTF-8", SAVE_AGAIN);
  }
}

interface Span {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

interface Tensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** From the end of the header. */
  readonly from: number;
  readonly to: number;
}

function readTensor(value: JsonValue, name: string, size: number, { file }: Source): Tensor {
  const at = quote(name);
  const fail = (field: string, found: string, expected: string): Error =>
    refuse(file, `${at}${field}`, found, expected, SAVE_AGAIN);
  if (!(value instanceof Map)) throw fail("", "no object", "an object of dtype, shape and data_offsets");
  const { dtype: code, shape, data_offsets: offsets } = Object.fromEntries(value as JsonObject);
  if (value.size > 3) throw fail("", `of ${value.size} fields`, "of dtype, shape and data_offsets alone");
  const dtype = typeof code === "string" ? TYPES.get(code) : undefined;
  if (dtype === undefined) throw fail(".dtype", show(code), `one of ${[...TYPES.keys()].join(", ")}`);
  if (!isNumbers(shape)) throw fail(".shape", show(shape), "a list of numbers");
  const bytes = elementsOf(shape, file, `${at}.shape`) * dtypes[dtype].bytes;
  if (!isNumbers(offsets) || offsets.length !== 2) throw fail(".data_offsets", show(offsets), "two numbers");
  const [from = NaN, to = NaN] = offsets;
  const isInside = Number.isSafeInteger(from) && Number.isSafeInteger(to) && 0 <= from && from <= to && to <= size;
  if (!isInside) throw fail(".data_offsets", showShape(offsets), `in order within the ${size} bytes behind the header`);
  if (to - from !== bytes) {
    throw fail(".data_offsets", `of ${to - from} bytes`, `${bytes}, for the shape ${showShape(shape)} of ${dtype}`);
  }
  return { shape, dtype, from, to };
}

function isNumbers(value: JsonValue | undefined): value is readonly number[] {
  return Array.isArray(value) && value.every((each) => typeof each === "number");
}

function show(value: JsonValue | undefined): string {
  if (value === undefined) return "missing";
  if (typeof value === "string") return quote(value);
  return typeof value === "object" && value !== null ? "a list or an object" : String(value);
}

/** Together the arrays must be all bytes behind the header, each once. */
function checkSpans(spans: readonly Span[], size: number, file: string): void {
  let end = 0;
  for (const { name, from, to } of spans.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    if (from !== end) {
      const found = from < end ? `from ${from} on, over another that ends at ${end}` : `from ${from} on, behind a hole`;
      throw refuse(file, `${quote(name)}.data_offsets`, found, `from ${end} on`, SAVE_AGAIN);
    }
    end = to;
  }
  if (end !== size) throw refuse(file, "data", `${size} bytes`, `${end}, as the header has arrays for`, SAVE_AGAIN);
}

function readMetadata(value: JsonValue | undefined, file: string): ReadonlyMap<string, string> {
  if (value === undefined) return new Map();
  const isTexts = value instanceof Map && [...(value as JsonObject).values()].every((each) => typeof each === "string");
  if (!isTexts) throw refuse(file, METADATA, "something else", "an object of texts", SAVE_AGAIN);
  return value as ReadonlyMap<string, string>;
}

// ---- writing --------------------------------------------------------------------------------------------------

/** Elements of the largest type lie at a multiple of their size, if larger types come first. */
const ALIGNMENT = 8;

/**
 * A file that `safetensors` reads: larger types first, then by name, as its own writer has them.
 * @throws DataError for an array that is not one, and for the name "__metadata__".
 */
export function writeSafetensors(
  arrays: ReadonlyMap<string, NumericArray>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array {
  for (const [name, array] of arrays) checkArray(array, quote(name));
  if (arrays.has(METADATA)) throw refuse("safetensors", "name", quote(METADATA), "another one", "rename the array");
  const codes = new Map([...TYPES].map(([code, dtype]) => [dtype, code]));
  const inOrder = [...arrays].sort(
    ([a, { dtype: x }], [b, { dtype: y }]) => dtypes[y].bytes - dtypes[x].bytes || (a < b ? -1 : 1),
  );
  let end = 0;
  const tensors = inOrder.map(([name, { dtype, shape }]) => {
    const from = end;
    end += elementsOf(shape, name, "shape") * dtypes[dtype].bytes;
    return [name, { dtype: codes.get(dtype), shape, data_offsets: [from, end] }] as const;
  });
  const header = writeHeader(metadata, tensors);
  const bytes = new Uint8Array(PREFIX + header.length + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, PREFIX);
  let at = PREFIX + header.length;
  for (const [, array] of inOrder) {
    const data = encode(array);
    bytes.set(data, at);
    at += data.length;
  }
  return bytes;
}

/** Filled with spaces, so that the elements start at a multiple of 8. */
function writeHeader(
  metadata: ReadonlyMap<string, string>,
  tensors: readonly (readonly [string, object])[],
): Uint8Array {
  // By hand, as an object cannot have every name.
  const fields = [...(metadata.size > 0 ? [[METADATA, Object.fromEntries(metadata)] as const] : []), ...tensors];
  const text = `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${JSON.stringify(field)}`).join(",")}}`;
  const bytes = new TextEncoder().encode(text);
  const padded = new Uint8Array(Math.ceil(bytes.length / ALIGNMENT) * ALIGNMENT).fill(0x20);
  padded.set(bytes);
  return padded;
}
