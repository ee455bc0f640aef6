/** `npm run bench:pack`: bench, compare and verify for a server that has nothing, in one archive. */

import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { ensurePeers } from "../../bench/compare/peers.ts";
import { root } from "../../scripts/modules.mjs";
import { version } from "../../package.json";
import { commitOf } from "./commit.ts";
import { table } from "./format.ts";
import { pathOf, readFlags, shownPath, USAGE_EXIT_CODE, UsageError } from "./options.ts";
import {
  compressedBytes,
  LARGEST,
  megabytes,
  packPart,
  requireSmall,
  writeArchive,
  type PackedPart,
} from "./pack-archive.ts";
import { checkArchive } from "./pack-check.ts";
import { FOLDER, makeFolder, versionOfDawn } from "./pack-folder.ts";
import type { PackFacts } from "./pack-results.ts";

/** @returns the exit code: 0 only if the archive is made and works. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const out = readOut(args);
    if (out === null) console.log(HELP);
    else await pack(out);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\nAll flags: npm run bench:pack -- --help`);
    return USAGE_EXIT_CODE;
  }
}

const HELP = `npm run bench:pack -- [flags]

Makes the folder ${FOLDER} and an archive of it, smaller than ${megabytes(LARGEST)}: bench, compare and verify with all that they
need, this machine's Node included, for a Linux server on x64 without Node, browser or network. The archive is unpacked
and tried.

  --out DIR   where both are made; default runs/pack
  --help      this text`;

/** @returns null if the user asks for help. */
export function readOut(
  args: readonly string[],
  { platform, arch }: Pick<NodeJS.Process, "platform" | "arch"> = process,
): string | null {
  const { values, positionals, wantsHelp } = readFlags(args, ["out"]);
  if (wantsHelp) return null;
  const [stray] = positionals;
  if (stray !== undefined) throw new UsageError(`"${stray}" is not a flag; npm run bench:pack takes flags only.`);
  if (platform !== "linux" || arch !== "x64") {
    throw new UsageError(
      `A pack holds the Node that makes it, so it is made on Linux x64, not on ${platform} ${arch}.`,
    );
  }
  return values["out"] === undefined ? join(root, "runs", "pack") : pathOf(values["out"]);
}

async function pack(out: string): Promise<void> {
  requireWhole(process.config.variables);
  ensurePeers();
  await mkdir(out, { recursive: true });
  await clear(out);
  const time = new Date();
  const files = await makeFolder(out, await factsOf(time));
  const parts = await Promise.all(
    Object.entries(files).map(([name, own]) => packPart(name, { parent: out, folder: FOLDER, time }, own)),
  );
  for (const line of partLines(parts)) console.log(line);
  const archive = join(out, `${FOLDER}.tar.gz`);
  const draft = `${archive}.part`;
  try {
    requireSmall(parts);
    await writeArchive(draft, parts);
    await checkArchive(draft, console.log);
    await rename(draft, archive);
  } catch (error) {
    await rm(draft, { force: true });
    await rm(join(out, FOLDER), { recursive: true, force: true });
    throw error;
  }
  console.log(`Folder:  ${shownPath(join(out, FOLDER))}\nArchive: ${shownPath(archive)}`);
}

/**
 * @param variables how Node was built.
 * @throws UsageError if it has parts of its own outside of its program, as that of Debian has.
 */
export function requireWhole(variables: object): void {
  const outside = Object.entries(variables).filter(([name, value]) => name.startsWith("node_shared") && value === true);
  if (outside.length === 0) return;
  throw new UsageError(
    `This Node needs libraries that a server may not have (${outside.map(([name]) => name).join(", ")}). ` +
      "Pack with one that is whole, such as those of nodejs.org.",
  );
}

/** Removes an earlier pack. A folder of the same name that is none stays. */
async function clear(out: string): Promise<void> {
  const folder = join(out, FOLDER);
  if (existsSync(folder) && !existsSync(join(folder, "pack.json"))) {
    throw new UsageError(`${folder} is there and no pack; name another folder with --out.`);
  }
  await rm(folder, { recursive: true, force: true });
  await rm(`${folder}.tar.gz`, { force: true });
}

export function partLines(parts: readonly PackedPart[]): string[] {
  const rows = [...parts]
    .sort((a, b) => b.compressed.length - a.compressed.length)
    .map(({ name, files, bytes, compressed }) => [name, String(files), megabytes(bytes), megabytes(compressed.length)]);
  const sum = (of: (part: PackedPart) => number): number => parts.reduce((total, part) => total + of(part), 0);
  const total = ["together", String(sum(({ files }) => files)), megabytes(sum(({ bytes }) => bytes))];
  return table(["part", "files", "folder", "archive"], [...rows, [...total, megabytes(compressedBytes(parts))]]);
}

async function factsOf(time: Date): Promise<PackFacts> {
  return {
    version,
    commit: await commitOf(),
    packed: time.toISOString(),
    node: process.version,
    webgpu: await versionOfDawn(),
  };
}
