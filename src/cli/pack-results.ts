/** In the pack: what its one file holds. */

import { readFile } from "node:fs/promises";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import type { Adapter } from "../../scripts/compute-once.mjs";
import { version } from "../../package.json";
import type { PackPart } from "./pack-options.ts";

export const PACK_SCHEMA = "vle-webgpu/pack/1";

/** Exit code of a command that its user stopped. */
export const INTERRUPTED = 130;

/** How a part ended, and what it wrote. */
export interface Ended {
  readonly part: PackPart;
  readonly code: number | null;
  readonly signal: string | null;
  readonly seconds: number;
  /** Its own JSON file; null where it wrote none. */
  readonly report: unknown;
  /** Of its standard output. */
  readonly lines: readonly string[];
}

/** What was packed. */
export interface PackFacts {
  readonly version: string;
  /** Of the working tree, with "+" behind it if there were changes; null without git. */
  readonly commit: string | null;
  readonly packed: string;
  readonly node: string;
  readonly webgpu: string;
}

export interface Origin {
  /** ISO 8601, when it began. */
  readonly date: string;
  readonly quick: boolean;
  readonly pack: PackFacts;
  readonly host: Readonly<Record<string, string | number | null>>;
  readonly adapter: Adapter;
}

/** The content of the file. A part that was not asked for, or wrote nothing, is null. */
export function resultsOf({ date, quick, pack, host, adapter }: Origin, ended: readonly Ended[]): object {
  const reportOf = (part: PackPart): unknown => ended.find((each) => each.part === part)?.report ?? null;
  const verified = ended.find(({ part }) => part === "verify");
  return {
    schema: PACK_SCHEMA,
    version,
    date,
    quick,
    pack,
    host,
    adapter,
    holds: ended.every(({ code }) => code === 0),
    parts: ended.map(({ part, code, signal, seconds }) => ({ part, holds: code === 0, code, signal, seconds })),
    bench: reportOf("bench"),
    compare: reportOf("compare"),
    verify: verified === undefined ? null : { checks: checksOf(verified.lines) },
  };
}

/** What bench or compare wrote, marked as of a pack. */
export function marked(report: unknown, { pack, host }: Pick<Origin, "pack" | "host">): unknown {
  if (typeof report !== "object" || report === null) return null;
  // There is no git here, or that of another project.
  return { ...report, commit: pack.commit, pack: { ...pack, host } };
}

/** The lines NAME CHECK MAX-ERROR TOLERANCE ok|FAIL of verify. */
export function checksOf(lines: readonly string[]): object[] {
  return lines.flatMap((line) => {
    const [, recording, check, error, tolerance, verdict] = /^(\S+) (.+) (\S+) (\S+) (ok|FAIL)$/.exec(line) ?? [];
    return verdict === undefined
      ? []
      : [{ recording, check, error: Number(error), tolerance: Number(tolerance), holds: verdict === "ok" }];
  });
}

/** For people. */
export function endingOf({ code, signal }: Ended): string {
  if (signal !== null) return `ENDED by ${signal}`;
  if (code === INTERRUPTED) return "was stopped";
  return code === 0 ? "holds" : `DOES NOT HOLD, exit code ${String(code)}, see above`;
}

/** Of this machine, as far as it tells. */
export async function hostFacts(env: NodeJS.ProcessEnv): Promise<Origin["host"]> {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return {
    name: `bench pack with Node ${process.version}`,
    system: `${process.platform} ${process.arch} ${release()}`,
    distribution: /^PRETTY_NAME="?(.*?)"?$/m.exec(await textOf("/etc/os-release"))?.[1] ?? null,
    glibc: header.glibcVersionRuntime ?? null,
    processor: cpus()[0]?.model ?? null,
    threads: availableParallelism(),
    memoryBytes: totalmem(),
    nvidiaDriver: /^NVRM version: *(.*)$/m.exec(await textOf("/proc/driver/nvidia/version"))?.[1] ?? null,
    vulkanDriver: env["VK_DRIVER_FILES"] ?? env["VK_ICD_FILENAMES"] ?? null,
  };
}

async function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
