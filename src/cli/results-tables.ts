/** The results that are kept in bench/results as Markdown: all of them for docs/performance.md, GPUs only for README.md. */

import type { BenchReport, CaseResult } from "../../bench/harness/result.ts";
import { figure, SOFTWARE_LABEL } from "../../bench/harness/report.ts";
import { adapterName, duration } from "./format.ts";
import { dateOf, settingsOf, type CompareReport, type ResultFile, type Setting } from "./results-files.ts";
import { benchGates, compareGates, gateCells, missedLines } from "./results-gates.ts";
import { bytesOfStep, flopsOf, partOfRoof, roofsOf, sizeText } from "./roofline.ts";

const MARKS = ["<!-- results -->", "<!-- /results -->"] as const;

/** Puts `content` between the two marks; null where the page has no marks, or only one. */
export function withResults(page: string, content: string): string | null {
  const [begin, end] = [page.indexOf(MARKS[0]), page.indexOf(MARKS[1])];
  if (begin < 0 || end < begin) return null;
  return `${page.slice(0, begin + MARKS[0].length)}\n\n${content}\n\n${page.slice(end)}`;
}

export const hasMarks = (page: string): boolean => MARKS.some((mark) => page.includes(mark));

/** A table whose columns are as wide as Prettier makes them; the first `texts` columns are aligned left, the others right. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[], texts = 1): string {
  const lines = [head, ...rows].map((cells) => cells.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, column) => Math.max(3, ...lines.map((cells) => cells[column]?.length ?? 0)));
  const pad = (cell: string, column: number): string =>
    column < texts ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  const rule = widths.map((width, column) => (column < texts ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  const [first = [], ...others] = lines.map((cells) => head.map((_, column) => pad(cells[column] ?? "", column)));
  return [first, rule, ...others].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

// ---- for the page on performance ----------------------------------------------------------------------------

/** What stands between the marks of docs/performance.md. */
export function performanceBlock(files: readonly ResultFile[]): string {
  const settings = settingsOf(files);
  if (settings.length === 0) return "No results are kept in [bench/results](../bench/results) yet.";
  const figures = figured(files);
  const picture = figures.length === 0 ? [] : [`![${altText(figures)}](roofline.svg)`];
  const parts = [...picture, ...settings.flatMap(settingParts)];
  return parts.join("\n\n");
}

/** The newest run of each adapter that the picture shows: GPUs, and software adapters only where there is no GPU. */
export function figured(files: readonly ResultFile[]): BenchReport[] {
  const newest = settingsOf(files).flatMap(({ benches }) => benches.at(-1)?.report ?? []);
  const gpus = newest.filter(({ adapter }) => !adapter.software);
  return gpus.length > 0 ? gpus : newest;
}

function altText(reports: readonly BenchReport[]): string {
  const names = reports.map(({ adapter }) => adapterName(adapter) + (adapter.software ? " (software)" : ""));
  return `Rooflines of ${names.join(" and ")}: operations a second of learning steps over operations a byte, beneath the measured bandwidth and arithmetic.`;
}

function settingParts(setting: Setting): string[] {
  const { adapter, host, benches, comparisons } = setting;
  const label = adapter.software ? [`**${SOFTWARE_LABEL}**`] : [];
  return [
    `### ${adapterName(adapter)}`,
    ...label,
    `Host: ${host}.`,
    ...(benches.length === 0 ? [] : benchParts(setting)),
    ...(comparisons.length === 0 ? [] : compareParts(setting)),
  ];
}

function benchParts(setting: Setting): string[] {
  const { benches } = setting;
  const reports = benches.map(({ report }) => report);
  const gates = benchGates(setting);
  const missed = missedLines(gates, setting);
  return [
    runList(benches, ({ commit, quick, seconds }) => [
      ...commitFact(commit),
      `${duration(seconds)} minutes`,
      ...(quick ? ["quick"] : []),
    ]),
    "What the device can do:",
    deviceTable(reports),
    "Cases. What is beyond steps/s is of the last run: updates of synapses a second, GB/s of weights and state as a step " +
      "must move them at least, and the part of the roofline: the lower of arithmetic and in-place bandwidth over memory of " +
      "that size (of the faster of the sizes around it).",
    caseTable(reports),
    "Gates, all of ratios within a run:",
    markdownTable(["goal", "", "at", "gate", ...runHeads(benches.length), "holds"], gates.map(gateCells), 4),
    ...(missed.length === 0 ? ["Every gate holds."] : ["Why gates are missed:", missed.join("\n")]),
  ];
}

const runHeads = (count: number): string[] =>
  count === 1 ? ["value"] : Array.from({ length: count }, (_, i) => `run ${i + 1}`);

/** "1. 2026-11-24, commit ..." */
function runList<File extends ResultFile>(files: readonly File[], facts: (report: File["report"]) => string[]): string {
  const lines = files.map((file, i) => {
    const about = [dateOf(file), ...facts(file.report)].join(", ");
    return `${i + 1}. [${file.name}](../bench/results/${file.name}): ${about}`;
  });
  return `Runs:\n\n${lines.join("\n")}`;
}

function deviceTable(reports: readonly BenchReport[]): string {
  const of = (name: string, value: (report: BenchReport) => number | null): string[] => [
    name,
    ...reports.map((report) => figure(value(report))),
  ];
  const footprints = new Set(reports.flatMap(({ denominators }) => denominators.bandwidths.map((b) => b.footprint)));
  const memory = [...footprints].map((footprint) => [
    `in place / copy / read of ${sizeText(footprint)}, GB/s`,
    ...reports.map(({ denominators }) => {
      const found = denominators.bandwidths.find((each) => each.footprint === footprint);
      const spreads = [found?.inPlace, found?.copy, found?.read];
      return spreads.map((spread) => (spread ? figure(spread.median / 1e9) : "-")).join(" / ");
    }),
  ]);
  return markdownTable(
    ["", ...runHeads(reports.length)],
    [
      of("f32 multiply-adds, GFLOP/s", ({ denominators }) => denominators.flops / 1e9),
      of("ridge, flop per byte", (report) => roofsOf(report)?.ridge ?? null),
      of("dispatch that waits for the one before it, µs", ({ denominators }) => denominators.dispatchSeconds * 1e6),
      of("submit, µs", ({ denominators }) => denominators.submitSeconds * 1e6),
      of("submit and its answer, µs", ({ denominators }) => denominators.roundTripSeconds * 1e6),
      ...memory,
    ],
  );
}

/** A row for each network and batch: the library's choice of kernels, and the same frozen. */
function caseTable(reports: readonly BenchReport[]): string {
  const runs = reports.map(({ cases }) => new Map(cases.map((each) => [each.name, each])));
  const names = [...new Set(reports.flatMap(({ cases }) => cases.filter(isShown).map(({ name }) => name)))];
  const rows = names.map((name) => {
    const all = runs.map((run) => run.get(name));
    const last = all.findLast((each) => each !== undefined);
    return [
      name,
      byRun(all.map(stepsOf)),
      byRun(all.map(madOf)),
      ...beyondSteps(reports, last),
      byRun(runs.map((run) => stepsOf(run.get(`${name}, frozen`)))),
    ];
  });
  const head = [
    "case",
    "steps/s",
    "MAD, %",
    "million updates/s",
    "GB/s",
    "GFLOP/s",
    "of the roof, %",
    "frozen, steps/s",
  ];
  return markdownTable(head, rows);
}

/** "748 / 741"; one dash where there is nothing. */
const byRun = (cells: readonly string[]): string => (cells.every((cell) => cell === "-") ? "-" : cells.join(" / "));

/** The first variant of each network, which has no name of its own, and those that are not in the gates G6 and G7. */
const isShown = ({ name, variant, status }: CaseResult): boolean =>
  (!name.includes(", ") || variant === "fused" || variant === "replicas") && status === "measured";

const stepsOf = (each: CaseResult | undefined): string => figure(each?.stepsPerSecond?.median ?? null);

function madOf(each: CaseResult | undefined): string {
  const spread = each?.stepsPerSecond ?? null;
  return spread === null ? "-" : ((100 * spread.mad) / spread.median).toFixed(1);
}

function beyondSteps(reports: readonly BenchReport[], each: CaseResult | undefined): string[] {
  const report = reports.findLast(({ cases }) => each !== undefined && cases.includes(each));
  const perSecond = each?.stepsPerSecond?.median;
  if (each === undefined || report === undefined || perSecond === undefined) return ["-", "-", "-", "-"];
  // Many steps in a dispatch need not come back to memory, so bytes and the roof say nothing of them.
  const isFused = each.dispatchesPerStep === null;
  const part = isFused ? null : partOfRoof(report, each);
  const flops = flopsOf(each);
  return [
    figure(each.synapticUpdatesPerSecond === null ? null : each.synapticUpdatesPerSecond / 1e6),
    isFused ? "-" : figure((bytesOfStep(each) * perSecond) / 1e9),
    figure(flops === null ? null : flops / 1e9),
    part === null ? "-" : (100 * part).toFixed(0),
  ];
}

function compareParts(setting: Setting): string[] {
  const { comparisons } = setting;
  const gates = compareGates(setting);
  const missed = missedLines(gates, setting);
  const busiest = Math.max(0, ...comparisons.flatMap(({ report }) => report.cases.map(({ busy = 0 }) => busy)));
  return [
    "Beside other engines (`npm run compare`), the same step on the same adapter:",
    runList(comparisons, comparisonFacts),
    markdownTable(
      ["goal", "ours over", "at", "gate", ...runHeads(comparisons.length), "holds"],
      gates.map(gateCells),
      4,
    ),
    ...(busiest > 0.2 ? [`Other work took up to ${Math.round(100 * busiest)} % of the machine in a case.`] : []),
    ...(missed.length === 0 ? [] : ["Why gates are missed:", missed.join("\n")]),
  ];
}

const commitFact = (commit: string | null): string[] => (commit === null ? [] : [`commit ${commit}`]);

/** As of a run of bench, as far as the file has them. */
function comparisonFacts({ version, date, commit = null, finished }: CompareReport): string[] {
  const seconds = date === undefined ? null : (Date.parse(finished) - Date.parse(date)) / 1000;
  return [
    ...(commit === null ? [`version ${version}`] : commitFact(commit)),
    ...(seconds === null ? [] : [`${duration(seconds)} minutes`]),
  ];
}

// ---- for the first page -------------------------------------------------------------------------------------

/** The largest networks of each GPU; null without one, as software adapters never stand at the head. */
export function readmeBlock(files: readonly ResultFile[]): string | null {
  const gpus = figured(files).filter(({ adapter }) => !adapter.software);
  if (gpus.length === 0) return null;
  const rows = gpus.flatMap(({ adapter, date, cases }) =>
    cases
      .filter((each) => isShown(each) && shownFirst.includes(each.name))
      .map((each) => [
        `${adapterName(adapter)}, ${date.slice(0, 10)}`,
        each.name,
        stepsOf(each),
        figure(each.synapticUpdatesPerSecond),
      ]),
  );
  const table = markdownTable(["adapter", "network that learns in every step", "steps/s", "updates/s"], rows, 2);
  return `${table}\n\nHow it was measured, and the limits: [performance](docs/performance.md).`;
}

const shownFirst = ["recurrent 1024", "recurrent 8192", "recurrent 1024 batch 64"];
