/**
 * The archive of a pack: a tar file in gzip. Each part is a gzip member of its own, as members one after the other are a
 * gzip file again, so what a part takes of the archive is known to the byte.
 */

import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { constants, gzip } from "node:zlib";
import { promisify } from "node:util";
import { UsageError } from "./options.ts";

export interface PackedPart {
  readonly name: string;
  readonly files: number;
  /** As they lie in the folder. */
  readonly bytes: number;
  /** Of the archive. */
  readonly compressed: Buffer;
}

/** A file of the folder; one that may be run is marked. */
export interface PackFile {
  /** In the folder, with slashes. */
  readonly path: string;
  readonly executable?: boolean;
}

/** Of the archive, in bytes. */
export const LARGEST = 60e6;

const BLOCK = 512;
const LONGEST_NAME = 100;

/** Compresses one part of the folder `parent`/`folder`. */
export async function packPart(
  name: string,
  { parent, folder, time }: { readonly parent: string; readonly folder: string; readonly time: Date },
  files: readonly PackFile[],
): Promise<PackedPart> {
  const contents = await Promise.all(files.map(({ path }) => readFile(join(parent, folder, path))));
  const blocks = files.flatMap(({ path, executable = false }, i) => {
    const content = contents[i] ?? Buffer.alloc(0);
    const header = headerOf(`${folder}/${path}`, { size: content.length, mode: executable ? 0o755 : 0o644, time });
    return [header, content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)];
  });
  const compressed = await compress(Buffer.concat(blocks));
  return { name, files: files.length, bytes: contents.reduce((sum, { length }) => sum + length, 0), compressed };
}

function compress(bytes: Buffer): Promise<Buffer> {
  return promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION });
}

/** The header of a file in the format ustar. */
export function headerOf(path: string, { size, mode, time }: { size: number; mode: number; time: Date }): Buffer {
  const [prefix, name] = splitPath(path);
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, "0")}\0`;
  const fields = [
    name.padEnd(LONGEST_NAME, "\0"),
    octal(mode, 8),
    octal(0, 8),
    octal(0, 8),
    octal(size, 12),
    octal(Math.floor(time.getTime() / 1000), 12),
    " ".repeat(8),
    "0",
    "\0".repeat(100),
    "ustar\x0000",
    "\0".repeat(32 + 32),
    "\0".repeat(8 + 8),
    prefix,
  ].join("");
  const header = Buffer.alloc(BLOCK);
  header.write(fields, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

/** A long path is cut at a slash. */
function splitPath(path: string): readonly [prefix: string, name: string] {
  if (path.length <= LONGEST_NAME) return ["", path];
  const cut = path.indexOf("/", path.length - LONGEST_NAME - 1);
  if (cut < 0 || cut > 155) throw new Error(`${path} is too long for a tar file.`);
  return [path.slice(0, cut), path.slice(cut + 1)];
}

/** @throws UsageError if the parts together are larger than an archive may be. */
export function requireSmall(parts: readonly PackedPart[]): void {
  const total = compressedBytes(parts);
  if (total < LARGEST) return;
  const list = [...parts].sort((a, b) => b.compressed.length - a.compressed.length);
  throw new UsageError(
    `The archive would have ${megabytes(total)} and may have ${megabytes(LARGEST)}; nothing is kept. Its parts: ` +
      `${list.map(({ name, compressed }) => `${name} ${megabytes(compressed.length)}`).join(", ")}.`,
  );
}

export function compressedBytes(parts: readonly PackedPart[]): number {
  return parts.reduce((sum, { compressed }) => sum + compressed.length, 0);
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e6 ? 2 : 1)} MB`;
}

export async function writeArchive(path: string, parts: readonly PackedPart[]): Promise<void> {
  // Two blocks of zeros end a tar file.
  const end = await compress(Buffer.alloc(2 * BLOCK));
  const file = await open(path, "w");
  try {
    for (const bytes of [...parts.map(({ compressed }) => compressed), end]) await file.writeFile(bytes);
  } finally {
    await file.close();
  }
}
