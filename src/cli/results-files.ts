/** Results that are kept in bench/results: what such a file must be before a figure of it counts. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Ratio } from "../../bench/compare/gates.ts";
import { kindOf } from "../../bench/harness/device.ts";
import { BENCH_SCHEMA, type BenchReport, type CaseResult } from "../../bench/harness/result.ts";
import type { AdapterFacts } from "../device.ts";
import { adapterName } from "./format.ts";
import { PACK_SCHEMA } from "./pack-results.ts";

/** What `npm run compare -- --json` writes, as far as it is read here. */
export interface CompareReport {
  readonly schema: typeof COMPARED;
  readonly version: string;
  /** When it began, and of which sources; files that are older lack both. */
  readonly date?: string;
  readonly commit?: string | null;
  readonly finished: string;
  readonly adapter: AdapterFacts;
  readonly host: { readonly name: string };
  readonly cases: readonly {
    readonly name: string;
    readonly engine: string;
    readonly verdict: string;
    /** Part of the machine that others used. */
    readonly busy?: number;
  }[];
  readonly ratios: Readonly<Record<string, readonly Ratio[]>>;
}

export type ResultFile =
  | { readonly name: string; readonly kind: "bench"; readonly report: BenchReport }
  | { readonly name: string; readonly kind: "compare"; readonly report: CompareReport };

export interface Results {
  /** The oldest first. */
  readonly files: readonly ResultFile[];
  /** What is wrong, a sentence each. */
  readonly problems: readonly string[];
}

export const COMPARED = "vle-webgpu/compare/1";
const NAME = /^(\d{4}-\d{2}-\d{2})-([a-z0-9.-]+?)-(node|chrome)(?:-(compare|pack))?(?:-\d+)?\.json$/;
const NAMED_LIKE = "2026-11-24-lavapipe-25.0.7-node.json, or ...-node-compare-2.json or ...-node-pack.json";
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|warp|basic render/i;

type Fields = Readonly<Record<string, "string" | "number" | "boolean" | "object">>;
const common: Fields = { version: "string", adapter: "object", cases: "object", ratios: "object" };
const fields: Readonly<Record<string, Fields>> = {
  [BENCH_SCHEMA]: {
    ...common,
    date: "string",
    host: "string",
    kind: "string",
    quick: "boolean",
    seconds: "number",
    denominators: "object",
  },
  [COMPARED]: { ...common, finished: "string", host: "object" },
};

export async function readResults(folder: string): Promise<Results> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json")).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  const read = names.flatMap((name, i) => readResult(name, texts[i] ?? ""));
  const files = read.filter((each) => typeof each !== "string").sort((a, b) => (timeOf(a) < timeOf(b) ? -1 : 1));
  return { files, problems: [...read.filter((each) => typeof each === "string"), ...sameRuns(files)] };
}

/** What a file holds, one run or, of a pack, two; each is that run, or a sentence on what is wrong with it. */
export function readResult(name: string, text: string): readonly (ResultFile | string)[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [`${name} is not JSON.`];
  }
  const found = schemaOf(value) === PACK_SCHEMA ? readPack(name, value as PackReport) : [readRun(name, value)];
  return found.map((each) => (typeof each === "string" ? `${name}: ${each}` : each));
}

/** What `./run.sh --json` of the pack writes, as far as it is read here. */
interface PackReport {
  readonly date?: unknown;
  /** As the commands write them; null where a part was not asked for. */
  readonly bench?: unknown;
  readonly compare?: unknown;
  readonly verify?: { readonly checks?: readonly { recording: string; check: string; holds: boolean }[] } | null;
}

function readPack(name: string, { date, bench, compare, verify }: PackReport): (ResultFile | string)[] {
  if (typeof date !== "string") return ["date must be a string."];
  const runs = [bench ?? null, compare ?? null].filter((run) => run !== null);
  if (runs.length === 0) return ["it holds no run of bench and none of compare."];
  const strays = verify?.checks?.find(({ holds }) => !holds);
  if (strays !== undefined) return [`${strays.check} strays from the recording ${strays.recording}.`];
  return runs.map((run) => readRun(name, run, date));
}

/** @param packed when the pack that holds it began. */
function readRun(name: string, value: unknown, packed?: string): ResultFile | string {
  const problem = shapeProblem(value) ?? endlessProblem(value);
  if (problem !== null) return problem;
  const kind = schemaOf(value) === BENCH_SCHEMA ? "bench" : "compare";
  const file = { name, kind, report: value } as ResultFile;
  return nameProblem(file, packed) ?? labelProblem(file) ?? figuresProblem(file) ?? file;
}

const schemaOf = (value: unknown): unknown => (value as { readonly schema?: unknown } | null)?.schema;

/** A run that is kept in a file of its own and in that of a pack would count twice. */
function sameRuns(files: readonly ResultFile[]): string[] {
  const keyOf = (file: ResultFile): string => [file.kind, timeOf(file), adapterName(file.report.adapter)].join("|");
  return files.flatMap((file, i) => {
    const same = files.slice(0, i).find((other) => keyOf(other) === keyOf(file));
    return same === undefined ? [] : [`${file.name} and ${same.name} hold the same run of ${file.kind}.`];
  });
}

// ---- what may be wrong --------------------------------------------------------------------------------------

function shapeProblem(value: unknown): string | null {
  if (typeof value !== "object" || value === null) return "it is no object.";
  const all = value as Readonly<Record<string, unknown>>;
  const schema = String(all["schema"]);
  const wanted = fields[schema];
  const known = [...Object.keys(fields), PACK_SCHEMA].join(", ");
  if (wanted === undefined) return `its schema is "${schema}"; known are ${known}.`;
  const wrong = Object.entries(wanted).find(([field, type]) => typeof all[field] !== type || all[field] === null);
  if (wrong !== undefined) return `${wrong[0]} must be a ${wrong[1]}.`;
  if (!["string", "undefined"].includes(typeof all["date"])) return "date must be a string.";
  return Array.isArray(all["cases"]) && all["cases"].length > 0 ? null : "cases must be a list of at least one.";
}

/** JSON has no Infinity, but 1e999 is read as one. */
function endlessProblem(value: unknown, path = ""): string | null {
  if (typeof value === "number") return Number.isFinite(value) ? null : `${path} is not finite.`;
  if (typeof value !== "object" || value === null) return null;
  for (const [key, inner] of Object.entries(value)) {
    const found = endlessProblem(inner, path === "" ? key : `${path}.${key}`);
    if (found !== null) return found;
  }
  return null;
}

const timeOf = ({ kind, report }: ResultFile): string =>
  kind === "bench" ? report.date : (report.date ?? report.finished);

export const dateOf = (file: ResultFile): string => timeOf(file).slice(0, 10);

export const hostOf = ({ kind, report }: ResultFile): string => (kind === "bench" ? report.host : report.host.name);

function nameProblem(file: ResultFile, packed: string | undefined): string | null {
  const [, date = "", driver = "", host = "", kind = "bench"] = NAME.exec(file.name) ?? [];
  if (date === "") return `its name must be like ${NAMED_LIKE}.`;
  const measured = packed?.slice(0, 10) ?? dateOf(file);
  if (date !== measured) return `it was measured on ${measured}, and its name says ${date}.`;
  if ((host === "node") !== hostOf(file).startsWith("Node")) return `it was measured in ${hostOf(file)}.`;
  const wanted = packed === undefined ? file.kind : "pack";
  if (kind !== wanted) return `it is a file of ${wanted}; its name says another.`;
  const { adapter } = file.report;
  const missing = versionsIn(driver).filter((version) => !adapter.description.includes(version));
  const [version] = missing;
  if (version !== undefined) return `its adapter, ${adapterName(adapter)}, has no version ${version}.`;
  const own = kindOf(adapter);
  return own === "gpu" || driver.includes(own) ? null : `its adapter is of the kind ${own}; the name must say so.`;
}

const versionsIn = (text: string): string[] => text.match(/\d+(?:\.\d+)+/g) ?? [];

/** A software adapter must be called one, or its figures would stand at the head. */
function labelProblem({ kind, report }: ResultFile): string | null {
  const { vendor, architecture, description, software } = report.adapter;
  if (typeof software !== "boolean") return "adapter.software must say whether it is a software adapter.";
  if (!software && SOFTWARE.test(`${vendor} ${architecture} ${description}`)) {
    return `its adapter, ${adapterName(report.adapter)}, is a software adapter and is not called one.`;
  }
  if (kind === "bench" && report.kind !== kindOf(report.adapter)) return `its kind is "${report.kind}".`;
  return null;
}

function figuresProblem(file: ResultFile): string | null {
  if (file.kind === "compare") {
    const wrong = file.report.cases.find(({ verdict }) => verdict === "disagrees");
    return wrong === undefined ? null : `${wrong.engine} disagrees (${wrong.name}).`;
  }
  const { report } = file;
  if (report.only !== null) return `it has the cases with "${report.only}" only.`;
  const failed = report.cases.find(({ status }) => status === "failed");
  if (failed !== undefined) return `${failed.name} has wrong numbers.`;
  if (report.ratios["G18"]?.ok === false) return "two equal runs differ, or their numbers are wrong (G18).";
  const incomplete = report.cases.find((each) => each.status === "measured" && !isComplete(each));
  return incomplete === undefined ? null : `${incomplete.name} is called measured and lacks a figure or its check.`;
}

function isComplete({ stepsPerSecond, flops, check, checksum }: CaseResult): boolean {
  const isPositive = (stepsPerSecond?.median ?? 0) > 0 && (flops ?? 0) > 0;
  return isPositive && check?.ok === true && typeof checksum === "number";
}

// ---- runs that belong together ------------------------------------------------------------------------------

/** Runs of one adapter in one host. */
export interface Setting {
  readonly adapter: AdapterFacts;
  readonly host: string;
  readonly benches: readonly (ResultFile & { readonly kind: "bench" })[];
  readonly comparisons: readonly (ResultFile & { readonly kind: "compare" })[];
}

/** GPUs first, then by name. */
export function settingsOf(files: readonly ResultFile[]): Setting[] {
  const keyOf = (file: ResultFile): string =>
    [file.report.adapter.software ? 1 : 0, adapterName(file.report.adapter), hostOf(file)].join("|");
  const keys = [...new Set(files.map(keyOf))].sort();
  return keys.map((key) => {
    const own = files.filter((file) => keyOf(file) === key);
    const [first] = own as [ResultFile];
    return {
      adapter: first.report.adapter,
      host: hostOf(first),
      benches: own.filter((file) => file.kind === "bench"),
      comparisons: own.filter((file) => file.kind === "compare"),
    };
  });
}
