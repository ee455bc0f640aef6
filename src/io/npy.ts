/** NumPy's .npy: a magic text, a version, a header that is a Python literal, and the elements. */

import { checkArray, decode, dtypes, elementsOf, encode, showShape, type DType, type NumericArray } from "./array.ts";
import { parseNpyHeader, type NpyHeader } from "./npy-header.ts";
import { refuse, sourceOf, type ReadOptions, type Source } from "./refusal.ts";

const MAGIC = "\x93NUMPY";
const SAVE_AGAIN = "save it again with numpy.save";

/** What stands before the elements. */
export interface NpyPrologue extends NpyHeader {
  readonly elements: number;
  /** Where the elements start. */
  readonly start: number;
  /** Bytes of the whole file. */
  readonly size: number;
}

/**
 * Reads a file that `numpy.save` wrote: versions 1 to 3, either byte order, C or Fortran order; f2 f4 f8, i1 to i8, u1 to
 * u8, b1. The result is in C order and takes at most twice the file, twice more while Fortran order is turned.
 * @throws DataError naming file, field, what was found, what was expected and the cure.
 */
export function readNpy(bytes: Uint8Array, options: ReadOptions = {}): NumericArray {
  return readNpyFrom(bytes, sourceOf(options, "array.npy"));
}

/** @throws DataError */
export function readNpyFrom(bytes: Uint8Array, source: Source): NumericArray {
  const { shape, dtype, isLittle, isFortran, start, size, elements } = readNpyPrologue(bytes, source.file);
  if (bytes.length !== size) {
    const expected = `${size - start}, for the shape ${showShape(shape)} of ${dtype}`;
    throw refuse(source.file, "data", `${bytes.length - start} bytes`, expected, SAVE_AGAIN);
  }
  const data = decode(bytes.subarray(start), dtype, isLittle, source, "data");
  const isTurned = isFortran && shape.length > 1 && elements > 0;
  return { shape, dtype, data: isTurned ? fromFortran(data, shape) : data };
}

/**
 * @param bytes at least the first of the file: as many as `npyHeaderEnd` tells.
 * @throws DataError
 */
export function readNpyPrologue(bytes: Uint8Array, file: string): NpyPrologue {
  const start = npyHeaderEnd(bytes, file);
  if (bytes.length < start)
    throw refuse(file, "header", `cut off after ${bytes.length} bytes`, `${start} long`, SAVE_AGAIN);
  const header = parseNpyHeader(latin1(bytes.subarray(bytes[6] === 1 ? 10 : 12, start)), file);
  const elements = elementsOf(header.shape, file, "shape");
  const size = start + elements * dtypes[header.dtype].bytes;
  return { ...header, elements, start, size };
}

/** Headers of the types that are read have some 100 bytes, with 64 axes 1300. */
const LONGEST_HEADER = 65_536;

/** Bytes before `npyHeaderEnd` can tell. */
const NPY_PREFIX = 12;

/**
 * Where the elements start.
 * @throws DataError if the file is none, or its header is longer than the file.
 */
export function npyHeaderEnd(bytes: Uint8Array, file: string): number {
  const magic = latin1(bytes.subarray(0, MAGIC.length));
  const shown = JSON.stringify(magic.replace(/[^ -~]/g, "?"));
  if (magic !== MAGIC) throw refuse(file, "magic", shown, '"?NUMPY" (the first byte is 0x93)', SAVE_AGAIN);
  if (bytes.length < NPY_PREFIX) throw refuse(file, "header", "cut off", "complete", SAVE_AGAIN);
  const [major = 0, minor = 0] = bytes.subarray(6);
  if (major < 1 || major > 3 || minor !== 0)
    throw refuse(file, "version", `${major}.${minor}`, "1.0, 2.0 or 3.0", SAVE_AGAIN);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > LONGEST_HEADER)
    throw refuse(file, "header length", `${length}`, `at most ${LONGEST_HEADER}`, SAVE_AGAIN);
  return (major === 1 ? 10 : 12) + length;
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** Turns [first axis fastest] into [last axis fastest]. */
function fromFortran<Data extends NumericArray["data"]>(data: Data, shape: readonly number[]): Data {
  const turned = data.slice() as Data;
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, length) => product * length, 1));
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < data.length; to++) {
    turned[to] = data[from] as number;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const stride = strides[axis] ?? 0;
      const next = (index[axis] ?? 0) + 1;
      from += stride;
      index[axis] = next;
      if (next < (shape[axis] ?? 0)) break;
      from -= next * stride;
      index[axis] = 0;
    }
  }
  return turned;
}

// ---- writing --------------------------------------------------------------------------------------------------

const DESCRIPTIONS: Readonly<Record<Exclude<DType, "bfloat16">, string>> = {
  float16: "<f2",
  float32: "<f4",
  float64: "<f8",
  int8: "|i1",
  int16: "<i2",
  int32: "<i4",
  int64: "<i8",
  uint8: "|u1",
  uint16: "<u2",
  uint32: "<u4",
  uint64: "<u8",
  bool: "|b1",
};

/**
 * The bytes that `numpy.save` writes: version 1, little-endian, C order.
 * @param name of the array, for messages.
 * @throws DataError if shape, type and data do not fit together, and for bfloat16, which the format does not have.
 */
export function writeNpy(array: NumericArray, name = "array"): Uint8Array {
  checkArray(array, name);
  const { dtype, shape } = array;
  if (dtype === "bfloat16") {
    throw refuse(name, "dtype", "bfloat16", "a type that .npy has", "write float32, or .safetensors");
  }
  const tuple = shape.length === 1 ? `(${shape.join()},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${DESCRIPTIONS[dtype]}', 'fortran_order': False, 'shape': ${tuple}, }`;
  // NumPy leaves room for a first axis of 21 digits, then fills up to the next multiple of 64.
  const room = shape.length === 0 ? 0 : 21 - String(shape[0]).length;
  const start = Math.floor((10 + text.length + room + 1) / 64) * 64 + 64;
  const body = encode(array);
  const bytes = new Uint8Array(start + body.length).fill(0x20, 0, start);
  bytes.set(Uint8Array.from(`${MAGIC}\x01\0`, (letter) => letter.charCodeAt(0)));
  new DataView(bytes.buffer).setUint16(8, start - 10, true);
  bytes.set(new TextEncoder().encode(text), 10);
  bytes[start - 1] = 0x0a;
  bytes.set(body, start);
  return bytes;
}
