/** Results that are kept in bench/results: what such a file must be before a figure of it counts. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Ratio } from "../../bench/compare/gates.ts";
import { kindOf } from "../../bench/harness/device.ts";
import { BENCH_SCHEMA, type BenchReport, type CaseResult } from "../../bench/harness/result.ts";
import type { AdapterFacts } from "../device.ts";
import { adapterName } from "./format.ts";

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
const NAME = /^(\d{4}-\d{2}-\d{2})-([a-z0-9.-]+?)-(node|chrome)(-compare)?(?:-\d+)?\.json$/;
const NAMED_LIKE = "2026-11-24-lavapipe-25.0.7-node.json, or ...-node-compare-2.json";
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
  const read = names.map((name, i) => readResult(name, texts[i] ?? ""));
  return {
    files: read
      .flatMap((each) => (typeof each === "string" ? [] : [each]))
      .sort((a, b) => (timeOf(a) < timeOf(b) ? -1 : 1)),
    problems: read.filter((each) => typeof each === "string"),
  };
}

/** The file, or a sentence on what is wrong with it. */
export function readResult(name: string, text: string): ResultFile | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return `${name} is not JSON.`;
  }
  const problem = shapeProblem(value) ?? endlessProblem(value);
  if (problem !== null) return `${name}: ${problem}`;
  const { schema } = value as { schema: string };
  const file = (
    schema === BENCH_SCHEMA ? { name, kind: "bench", report: value } : { name, kind: "compare", report: value }
  ) as ResultFile;
  const found = nameProblem(file) ?? labelProblem(file) ?? figuresProblem(file);
  return found === null ? file : `${name}: ${found}`;
}

// ---- what may be wrong --------------------------------------------------------------------------------------

function shapeProblem(value: unknown): string | null {
  if (typeof value !== "object" || value === null) return "it is no object.";
  const all = value as Readonly<Record<string, unknown>>;
  const schema = String(all["schema"]);
  const wanted = fields[schema];
  if (wanted === undefined) return `its schema is "${schema}"; known are ${Object.keys(fields).join(" and ")}.`;
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

function nameProblem(file: ResultFile): string | null {
  const [, date = "", driver = "", host = "", compared] = NAME.exec(file.name) ?? [];
  if (date === "") return `its name must be like ${NAMED_LIKE}.`;
  if (date !== dateOf(file)) return `it was measured on ${dateOf(file)}, and its name says ${date}.`;
  if ((host === "node") !== hostOf(file).startsWith("Node")) return `it was measured in ${hostOf(file)}.`;
  if ((compared === undefined) !== (file.kind === "bench"))
    return `it is a file of ${file.kind}; its name says another.`;
  const { adapter } = file.report;
  const missing = versionsIn(driver).filter((version) => !adapter.description.includes(version));
  const [version] = missing;
  if (version !== undefined) return `its adapter, ${adapterName(adapter)}, has no version ${version}.`;
  const kind = kindOf(adapter);
  return kind === "gpu" || driver.includes(kind) ? null : `its adapter is of the kind ${kind}; the name must say so.`;
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
