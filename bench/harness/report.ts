/** Results for people and for spreadsheets. Pure. */

import { adapterName, table, whole } from "../../src/cli/format.ts";
import type { BenchDevice } from "./device.ts";
import type { Gate, RatioPart } from "./ratios.ts";
import type { Bandwidth, BenchReport, BenchResult, CaseResult } from "./result.ts";
import type { Spread } from "./statistics.ts";

export const SOFTWARE_LABEL = "SOFTWARE ADAPTER: these figures compare variants, they are no benchmark of a GPU.";

/** Three figures: 0.0712, 7.12, 712, 71,200. */
export function figure(value: number | null): string {
  if (value === null || Number.isNaN(value)) return "-";
  if (Math.abs(value) >= 100) return whole(Number(value.toPrecision(3)));
  if (value !== 0 && Math.abs(value) < 1e-3) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

const scaled = (value: number | null, unit: number): string => figure(value === null ? null : value / unit);

function spreadCells(spread: Spread | null): [median: string, mad: string] {
  if (spread === null) return ["-", ""];
  return [figure(spread.median), `${((100 * spread.mad) / spread.median).toFixed(1)} %`];
}

function bytes(value: number): string {
  return value >= 2 ** 30 ? `${figure(value / 2 ** 30)} GiB` : `${figure(value / 2 ** 20)} MiB`;
}

// ---- lines for people ---------------------------------------------------------------------------------------

export function adapterLine({ adapter, kind, limits, features }: Omit<BenchDevice, "device">): string {
  const [least, most] = adapter.subgroupSizes ?? [];
  const facts = [
    kind === "gpu" ? "GPU" : kind,
    ...(least === undefined ? [] : [`subgroups ${least === most ? least : `${least} to ${String(most)}`}`]),
    `buffers to ${bytes(limits["maxBufferSize"] ?? NaN)}`,
    `bindings to ${bytes(limits["maxStorageBufferBindingSize"] ?? NaN)}`,
    features.includes("timestamp-query") ? "timestamps" : "no timestamps",
  ];
  return `${adapterName(adapter)} (${facts.join(", ")})`;
}

export function deviceLines({ denominators }: Pick<BenchResult, "denominators">): string[] {
  const { flops, dispatchSeconds, submitSeconds, roundTripSeconds, bandwidths } = denominators;
  const rows = [
    ["f32 arithmetic", `${scaled(flops, 1e9)} GFLOP/s`],
    ["dispatch that waits for the one before it", `${scaled(dispatchSeconds, 1e-6)} us`],
    ["submit", `${scaled(submitSeconds, 1e-6)} us`],
    ["submit and its answer", `${scaled(roundTripSeconds, 1e-6)} us`],
  ];
  const memory = bandwidths.map((each) => [
    each.group,
    bytes(each.footprint),
    ...([each.inPlace, each.copy, each.read] as const).map((spread) => scaled(spread?.median ?? null, 1e9)),
  ]);
  return [
    ...table(["what the device can do", ""], rows),
    ...(memory.length === 0
      ? []
      : ["", ...table(["GB/s over the weights of", "size", "in place", "copy", "read"], memory)]),
  ];
}

const caseHead = ["case", "steps/s", "+-", "updates/s", "GB/s", "GFLOP/s", "GPU us/step", "off by", ""];

/** Cells of a row for each case, beneath `caseHead`. */
export function caseCells(each: CaseResult): string[] {
  const { name, status, stepsPerSecond, learning, kernels, check } = each;
  const gpuSeconds = kernels?.reduce((sum, { secondsPerStep }) => sum + secondsPerStep, 0) ?? null;
  return [
    name,
    ...spreadCells(stepsPerSecond),
    learning ? figure(each.synapticUpdatesPerSecond) : "-",
    scaled(each.bytesPerSecond, 1e9),
    scaled(each.flops, 1e9),
    scaled(gpuSeconds, 1e-6),
    check?.error?.toExponential(0) ?? "-",
    status === "measured" ? "ok" : status === "failed" ? "FAILED" : status,
  ];
}

export { caseHead };

export function caseLines(cases: readonly CaseResult[]): string[] {
  const told = reasonLines(cases);
  return [...table(caseHead, cases.map(caseCells)), ...(told.length === 0 ? [] : ["", ...told])];
}

/** Why cases were not measured; those with the same reason share a line. */
export function reasonLines(cases: readonly CaseResult[]): string[] {
  const names = new Map<string, string[]>();
  for (const { name, reason } of cases) {
    if (reason !== null) names.set(reason, [...(names.get(reason) ?? []), name]);
  }
  return Array.from(names, ([reason, all]) => `${all.join("; ")}: ${reason}`);
}

/** Where the time of a step goes, of the cases that have timestamps; kernels of less than a fiftieth are left out. */
export function kernelLines(cases: readonly CaseResult[]): string[] {
  const timed = cases.flatMap(({ name, kernels }) => (kernels === null ? [] : [{ name, kernels }]));
  if (timed.length === 0) return [];
  const width = Math.max(...timed.map(({ name }) => name.length));
  const lines = timed.map(({ name, kernels }) => {
    const whole = kernels.reduce((sum, { secondsPerStep }) => sum + secondsPerStep, 0);
    const most = kernels.filter(({ secondsPerStep }) => secondsPerStep > whole / 50);
    const texts = most.map(({ kernel, secondsPerStep }) => `${kernel} ${scaled(secondsPerStep, 1e-6)}`);
    return `${name.padEnd(width)}  ${texts.join(", ")}`;
  });
  return ["GPU us/step by kernel, each in a pass of its own", ...lines];
}

export function gateText(gate: Gate | null): string {
  if (gate === null) return "report";
  return gate.least === undefined ? `<= ${String(gate.most)}` : `>= ${gate.least}`;
}

export const verdictText = ({ ok }: Pick<RatioPart, "ok">): string => (ok === null ? "" : ok ? "ok" : "FAIL");

export function ratioLines({ ratios }: Pick<BenchResult, "ratios">): string[] {
  const all = Object.entries(ratios);
  const rows = all.flatMap(([name, { title, parts }]) =>
    parts.map((part, i) => [
      i === 0 ? `${name} ${title}` : "",
      part.at,
      figure(part.value),
      gateText(part.gate),
      verdictText(part),
    ]),
  );
  const missing = all.flatMap(([name, { title, reason }]) => (reason === null ? [] : [`${name} ${title}: ${reason}`]));
  const formulas = all
    .filter(([, { parts }]) => parts.length > 0)
    .map(([name, { formula }]) => `${name.padEnd(4)}${formula}`);
  return [...table(["ratio", "at", "value", "gate", ""], rows), "", ...formulas, ...missing];
}

/** One sentence on what holds and what does not. */
export function closingLine({ cases, ratios }: Pick<BenchResult, "cases" | "ratios">): string {
  const parts = Object.entries(ratios).flatMap(([name, ratio]) => ratio.parts.map((part) => ({ name, ...part })));
  const gated = parts.filter(({ ok }) => ok !== null);
  const missed = gated.filter(({ ok }) => ok === false).map(({ name, at }) => `${name} (${at})`);
  const failed = cases.filter(({ status }) => status === "failed").map(({ name }) => name);
  const gates = `${gated.length - missed.length} of ${gated.length} gates hold`;
  return [
    missed.length === 0 ? `${gates}.` : `${gates}; missed: ${missed.join(", ")}.`,
    ...(failed.length === 0 ? [] : [`WRONG NUMBERS in ${failed.join(", ")}.`]),
  ].join(" ");
}

// ---- for spreadsheets ---------------------------------------------------------------------------------------

const columns: Readonly<Record<string, (each: CaseResult) => string | number | boolean | null>> = {
  name: ({ name }) => name,
  shape: ({ shape }) => shape,
  neurons: ({ neurons }) => neurons,
  synapses: ({ synapses }) => synapses,
  blocks: ({ blocks }) => blocks,
  batch: ({ batch }) => batch,
  replicas: ({ replicas }) => replicas,
  rule: ({ rule }) => rule,
  optimizer: ({ optimizer }) => optimizer,
  learning: ({ learning }) => learning,
  variant: ({ variant }) => variant,
  status: ({ status }) => status,
  stepsPerSecond: ({ stepsPerSecond }) => stepsPerSecond?.median ?? null,
  mad: ({ stepsPerSecond }) => stepsPerSecond?.mad ?? null,
  min: ({ stepsPerSecond }) => stepsPerSecond?.min ?? null,
  samples: ({ samples }) => samples.length,
  synapticUpdatesPerSecond: ({ synapticUpdatesPerSecond }) => synapticUpdatesPerSecond,
  bytesPerSecond: ({ bytesPerSecond }) => bytesPerSecond,
  flops: ({ flops }) => flops,
  error: ({ check }) => check?.error ?? null,
  reason: ({ reason }) => reason,
};

/** A head and a line for each case. */
export function csvOf({ cases }: Pick<BenchReport, "cases">): string {
  const lines = cases.map((each) => Object.values(columns).map((value) => csvCell(value(each))));
  return [Object.keys(columns), ...lines].map((cells) => `${cells.join(",")}\n`).join("");
}

function csvCell(value: string | number | boolean | null): string {
  const text = value === null ? "" : String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Of a bandwidth, for the page. */
export function bandwidthText({ inPlace, copy, read }: Bandwidth): string {
  return [inPlace, copy, read].map((spread) => scaled(spread?.median ?? null, 1e9)).join(" / ");
}
