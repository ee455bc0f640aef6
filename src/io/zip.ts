/**
 * The directory of a ZIP, checked as a whole before a byte is inflated: what it declares must lie in the file, without
 * overlap, and be possible. Sizes that lie are found while inflating, before more than a little is allocated.
 */

import { Inflate } from "fflate";
import { crc32 } from "./crc.ts";
import { quote, refuse } from "./refusal.ts";

/** A file in a ZIP. */
export interface ZipEntry {
  readonly name: string;
  /** Bytes when inflated, as declared. */
  readonly size: number;
  /** The first `count` bytes, or all: those are checked against size and checksum. @throws DataError */
  readonly bytes: (count?: number) => Uint8Array;
}

const END = 0x06054b50;
const DIRECTORY = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const DIRECTORY_BYTES = 46;
const LOCAL_BYTES = 30;
const MOST_ENTRIES = 10_000;
/** No byte of deflated data gives more than 258 bytes for 2 bits. */
const MOST_RATIO = 1032;
const SAVE_AGAIN = "save it again with numpy.savez";
const ZIP64 = "of the kind zip64, for files of 4 GiB and more";
const NO_ZIP64 = "read as safetensors, or in parts below 4 GiB";

/**
 * The entries in the order of the directory. Nothing is allocated but the list, of at most 10,000.
 * @throws DataError for whatever contradicts itself, zip64, encryption, other methods than stored and deflated, names
 * that are doubled or lead out of a folder, and data that overlap.
 */
export function readZip(bytes: Uint8Array, file: string): readonly ZipEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = findEnd(view, file);
  const [disk, directoryDisk] = [view.getUint16(end + 4, true), view.getUint16(end + 6, true)];
  const [here, count] = [view.getUint16(end + 8, true), view.getUint16(end + 10, true)];
  const [size, start] = [view.getUint32(end + 12, true), view.getUint32(end + 16, true)];
  if (count === 0xffff || start === 0xffffffff || size === 0xffffffff)
    throw refuse(file, "directory", ZIP64, "a plain ZIP", NO_ZIP64);
  if (disk !== 0 || directoryDisk !== 0 || here !== count)
    throw refuse(file, "directory", "in several parts", "in one file", SAVE_AGAIN);
  if (count > MOST_ENTRIES)
    throw refuse(file, "directory", `of ${count} entries`, `of at most ${MOST_ENTRIES}`, SAVE_AGAIN);
  if (start + size !== end)
    throw refuse(file, "directory", `from ${start} to ${start + size}`, `one that ends at ${end}`, SAVE_AGAIN);
  const entries = readDirectory({ view, bytes, file }, start, end, count);
  checkNames(entries, file);
  checkOverlap(entries, start, file);
  return entries;
}

/** The end record stands last, before a comment that it tells the length of. */
function findEnd(view: DataView, file: string): number {
  const last = view.byteLength - END_BYTES;
  for (let at = last; at >= Math.max(0, last - 0xffff); at--) {
    if (view.getUint32(at, true) === END && view.getUint16(at + 20, true) === last - at) return at;
  }
  throw refuse(file, "end record", "missing", "at the end of the file", SAVE_AGAIN);
}

interface Zip {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly file: string;
}

/** An entry, and the bytes of the file that are its own. */
interface Located extends ZipEntry {
  readonly from: number;
  readonly to: number;
}

function readDirectory(zip: Zip, start: number, end: number, count: number): Located[] {
  const entries: Located[] = [];
  let at = start;
  while (entries.length < count) {
    const isHere = at + DIRECTORY_BYTES <= end && zip.view.getUint32(at, true) === DIRECTORY;
    const next = isHere ? at + DIRECTORY_BYTES + lengthOf(zip.view, at + 28, 3) : Infinity;
    if (next > end) throw refuse(zip.file, `entry ${entries.length}`, "cut off", `one of ${count}`, SAVE_AGAIN);
    entries.push(readEntry(zip, at));
    at = next;
  }
  if (at !== end) throw refuse(zip.file, "directory", `${end - at} bytes longer`, `of ${count} entries`, SAVE_AGAIN);
  return entries;
}

/** Sum of `count` neighbouring lengths of 16 bits: of name, extra field and comment. */
function lengthOf(view: DataView, at: number, count: number): number {
  let sum = 0;
  for (let each = 0; each < count; each++) sum += view.getUint16(at + 2 * each, true);
  return sum;
}

function readEntry(zip: Zip, at: number): Located {
  const { view, bytes, file } = zip;
  const nameBytes = bytes.subarray(at + DIRECTORY_BYTES, at + DIRECTORY_BYTES + view.getUint16(at + 28, true));
  const name = new TextDecoder().decode(nameBytes);
  const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
  const checksum = view.getUint32(at + 16, true);
  const [packed, size, local] = [
    view.getUint32(at + 20, true),
    view.getUint32(at + 24, true),
    view.getUint32(at + 42, true),
  ];
  const field = quote(name);
  if ([packed, size, local].includes(0xffffffff)) throw refuse(file, field, ZIP64, "a plain entry", NO_ZIP64);
  if ((flags & 0x41) !== 0) throw refuse(file, field, "encrypted", "open", "save it without a password");
  if (method !== 0 && method !== 8)
    throw refuse(file, field, `packed by method ${method}`, "stored (0) or deflated (8)", SAVE_AGAIN);
  if (method === 0 ? packed !== size : size > packed * MOST_RATIO) {
    throw refuse(
      file,
      field,
      `${size} bytes from ${packed}`,
      method === 0 ? "as many" : `at most ${MOST_RATIO} times as many`,
      SAVE_AGAIN,
    );
  }
  const from = dataOf(zip, local, nameBytes, field);
  if (from + packed > bytes.length)
    throw refuse(file, field, `${packed} bytes from ${from} on`, `in a file of ${bytes.length}`, SAVE_AGAIN);
  const data = bytes.subarray(from, from + packed);
  const read = (count = size): Uint8Array => {
    const all = method === 0 ? data.subarray(0, count) : inflate(data, size, Math.min(count, size), file, field);
    if (count >= size && crc32(all) !== checksum)
      throw refuse(file, field, "changed", "what its checksum says", SAVE_AGAIN);
    return all;
  };
  return { name, size, bytes: read, from: local, to: from + packed };
}

/** Where the data of an entry start: behind its local header, which repeats the name. Its sizes may be left open. */
function dataOf({ view, bytes, file }: Zip, local: number, name: Uint8Array, field: string): number {
  const from = local + LOCAL_BYTES;
  const isHere = from <= bytes.length && view.getUint32(local, true) === LOCAL;
  const here = isHere ? bytes.subarray(from, from + view.getUint16(local + 26, true)) : new Uint8Array(0);
  if (isHere && here.length === name.length && here.every((byte, i) => byte === name[i]))
    return from + lengthOf(view, local + 26, 2);
  throw refuse(file, field, `not at ${local}`, "where the directory says", SAVE_AGAIN);
}

function checkNames(entries: readonly ZipEntry[], file: string): void {
  const names = new Set<string>();
  for (const { name } of entries) {
    if (/^[/\\]|^[a-z]:|(^|[/\\])\.\.([/\\]|$)|\0/i.test(name)) {
      throw refuse(file, "entry", quote(name), "a name within the archive", "rename it, and do not unpack this file");
    }
    if (names.has(name)) throw refuse(file, "entry", `${quote(name)} twice`, "there once", SAVE_AGAIN);
    names.add(name);
  }
}

function checkOverlap(entries: readonly Located[], end: number, file: string): void {
  const inOrder = entries.toSorted((a, b) => a.from - b.from);
  for (const [index, { name, to }] of inOrder.entries()) {
    const next = inOrder[index + 1]?.from ?? end;
    if (to > next)
      throw refuse(file, quote(name), `up to ${to}`, `at most up to ${next}, where others start`, SAVE_AGAIN);
  }
}

// ---- inflating ------------------------------------------------------------------------------------------------

/** Of packed data, what is inflated at once: no more than what is still expected can come of, but for 256 bytes. */
const LEAST_CHUNK = 256;
const MOST_CHUNK = 2 ** 16;

/** The first `count` bytes; where that is all of `size`, there must be no more. */
function inflate(data: Uint8Array, size: number, count: number, file: string, field: string): Uint8Array {
  const result = new Uint8Array(count);
  let length = 0;
  const stream = new Inflate((part) => {
    result.set(part.subarray(0, Math.max(0, count - length)), Math.min(length, count));
    length += part.length;
  });
  const isOpen = (): boolean => (count < size ? length < count : length <= size);
  try {
    for (let at = 0; at < data.length && isOpen();) {
      const end = at + Math.min(MOST_CHUNK, Math.max(LEAST_CHUNK, Math.floor((count - length) / MOST_RATIO)));
      stream.push(data.subarray(at, end), end >= data.length);
      at = end;
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refuse(file, field, `not deflated data (${reason})`, "as numpy.savez_compressed writes them", SAVE_AGAIN);
  }
  const isWhole = count < size ? length >= count : length === size;
  if (isWhole) return result;
  throw refuse(
    file,
    field,
    length > size ? "longer" : `${length} bytes`,
    `the ${size} bytes that are declared`,
    SAVE_AGAIN,
  );
}
