/** NumPy's .npz: a ZIP of .npy files, each named by its array. */

import { zipSync } from "fflate";
import { dtypes, heldBytes, type ArrayEntry, type NumericArray } from "./array.ts";
import { npyHeaderEnd, readNpyFrom, readNpyPrologue, writeNpy, type NpyPrologue } from "./npy.ts";
import { checkCap, quote, refuse, sourceOf, type ReadOptions, type Source } from "./refusal.ts";
import { readZip, type ZipEntry } from "./zip.ts";

/**
 * The arrays of a file that `numpy.savez` or `numpy.savez_compressed` wrote, by name: shapes and types are known, nothing
 * else is inflated before `read`. No zip64: files of 4 GiB and more are refused.
 * @throws DataError, also if all arrays together are declared larger than the cap.
 */
export function openNpz(bytes: Uint8Array, options: ReadOptions = {}): ReadonlyMap<string, ArrayEntry> {
  const source = sourceOf(options, "arrays.npz");
  const entries = readZip(bytes, source.file);
  checkCap(
    source,
    "entries",
    entries.reduce((sum, { size }) => sum + size, 0),
  );
  const arrays = new Map(entries.map((entry) => [arrayName(entry, source), openEntry(entry, source)] as const));
  const held = [...arrays.values()].reduce((sum, { shape, dtype }) => sum + heldBytes(dtype, product(shape)), 0);
  checkCap(source, "arrays", held);
  return arrays;
}

/** Reads all arrays. Takes their bytes, and for the largest twice as much while it is read. @throws DataError */
export function readNpz(bytes: Uint8Array, options: ReadOptions = {}): ReadonlyMap<string, NumericArray> {
  return new Map([...openNpz(bytes, options)].map(([name, entry]) => [name, entry.read()]));
}

function product(shape: readonly number[]): number {
  return shape.reduce((count, length) => count * length, 1);
}

function arrayName({ name }: ZipEntry, { file }: Source): string {
  if (name.endsWith(".npy")) return name.slice(0, -4);
  throw refuse(file, "entry", quote(name), "a .npy", "write only arrays into it");
}

function openEntry(entry: ZipEntry, source: Source): ArrayEntry {
  // The sentence names the array within the file.
  const inner = { ...source, file: `${source.file}: ${quote(entry.name)}` };
  const { shape, dtype } = peek(entry, inner.file);
  return { shape, dtype, read: () => readNpyFrom(entry.bytes(), inner) };
}

/** With it most entries are inflated once before they are read. */
const USUAL_HEADER = 256;

function peek(entry: ZipEntry, file: string): NpyPrologue {
  const first = entry.bytes(USUAL_HEADER);
  const end = npyHeaderEnd(first, file);
  const prologue = readNpyPrologue(end > first.length ? entry.bytes(end) : first, file);
  if (prologue.size === entry.size) return prologue;
  const expected = `${prologue.size - end}, for its shape of ${prologue.dtype}`;
  throw refuse(file, "data", `${entry.size - end} bytes`, expected, "save it again with numpy.savez");
}

// ---- writing --------------------------------------------------------------------------------------------------

export interface NpzWriteOptions {
  /** Whether to deflate, as `numpy.savez_compressed` does. Default false: weights hardly become smaller. */
  readonly compressed?: boolean;
}

/** The largest file without zip64. */
const LARGEST = 2 ** 32 - 1;
const EARLIEST = "1980-01-01T00:00:00";

/**
 * A file that `numpy.load` reads; the same arrays give the same bytes. Names may have slashes.
 * @throws DataError for an array that is not one, a name that a ZIP does not allow, more than 10,000 arrays or 4 GiB.
 */
export function writeNpz(arrays: ReadonlyMap<string, NumericArray>, options: NpzWriteOptions = {}): Uint8Array {
  const size = [...arrays].reduce((sum, [, { dtype, shape }]) => sum + product(shape) * dtypes[dtype].bytes + 256, 0);
  if (size > LARGEST)
    throw refuse("npz", "arrays", `${size} bytes`, "below 4 GiB, as zip64 is not written", "write .safetensors");
  const level = options.compressed === true ? 6 : 0;
  const files = Object.create(null) as Record<string, Uint8Array>;
  for (const [name, array] of arrays) files[`${name}.npy`] = writeNpy(array, quote(name));
  // A ZIP has times of its place; the earliest is the same everywhere.
  const bytes = zipSync(files, { level, mtime: new Date(EARLIEST) });
  readZip(bytes, "npz");
  return bytes;
}
