/** The folder in which a run is kept. A file in it is there as a whole or not at all. */

import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export interface RunFolder {
  readonly path: string;
  /** Names of the files written so far. */
  readonly files: readonly string[];
  write(name: string, content: string | Uint8Array): Promise<void>;
}

/** Makes `parent`/`name`-`time`, with a number at its end if there is such a folder already. */
export async function createRunFolder(parent: string, name: string, time: Date): Promise<RunFolder> {
  await mkdir(parent, { recursive: true });
  return folderAt(await makeNew(join(parent, `${name}-${stampOf(time)}`)), []);
}

/** A folder that was made before, with the files that are in it. */
export async function openRunFolder(path: string): Promise<RunFolder> {
  const entries = await readdir(path, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile() && !entry.name.endsWith(".part")).map(({ name }) => name);
  return folderAt(path, names.sort());
}

function folderAt(path: string, files: string[]): RunFolder {
  return {
    path,
    files,
    async write(name, content) {
      await writeAtomically(join(path, name), content);
      if (!files.includes(name)) files.push(name);
    },
  };
}

/** Renaming is atomic: whoever reads the file sees the old content or the new one, even after a crash. */
export async function writeAtomically(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.part`;
  try {
    await writeFile(draft, content);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

async function makeNew(path: string, number = 1): Promise<string> {
  const candidate = number === 1 ? path : `${path}-${number}`;
  try {
    await mkdir(candidate);
    return candidate;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    return makeNew(path, number + 1);
  }
}

/** Local time as 20260131-235959: sorts by time and is a file name everywhere. */
function stampOf(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("");
  return `${day}-${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join("")}`;
}
