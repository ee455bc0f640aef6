/** What a comparison came to, in lines for people. */

import { pairedRatio } from "../../bench/harness/statistics.ts";
import { TOLERANCE } from "../../bench/compare/twin.ts";
import type { Calls } from "../../bench/compare/calls.ts";
import type { Finished } from "../../bench/compare/compare.ts";
import type { Entry, Rates } from "../../bench/compare/contest.ts";
import type { Ratio, Shape } from "../../bench/compare/gates.ts";
import { PUBLISHED } from "../../bench/compare/published.ts";
import { percent, table, whole } from "./format.ts";

/** Part of the machine that may be in use by others. */
const BUSY = 0.2;

/** A row for each engine of a contest. */
export function contestLines(finished: Finished): string[] {
  const { measured, size, batch, entries, effect, busy, repeated } = finished;
  const mine = entries.find(({ family }) => family === "ours")?.rates;
  const rows = entries.map((entry) => [
    entry.engine,
    ...ratesOf(entry),
    ratioOf(mine, entry),
    ...(measured === "product" ? [gigaflops(entry, size, batch)] : []),
    ...(measured === "MNIST-1D step" ? [hoursOfTraining(entry)] : []),
    verdictOf(entry),
  ]);
  const own = { product: ["GFLOP/s"], "MNIST-1D step": ["hours of training"], step: [], "batched step": [] };
  const head = ["", "steps/s", "+-", "ours / it", ...own[measured], "error"];
  return [
    titleOf(finished) + (repeated ? " (measured twice, as a gate was missed; this is the second time)" : ""),
    ...(effect === null
      ? []
      : [`Learning moved rates by ${small(effect.rate)} and weights by ${small(effect.weight)} in the check.`]),
    ...(busy > BUSY
      ? [`Other work takes ${percent(busy)} of the machine: rates and ratios are not to be trusted.`]
      : []),
    "",
    ...table(head, rows),
  ];
}

function titleOf({ measured, size, synapses, batch }: Shape): string {
  if (measured === "product") {
    return `Products [${batch}][${size}] x [${size}][${size}]: ours is a whole step of a frozen network, a peer's the product alone`;
  }
  const shape = `${whole(size)} neurons, ${whole(synapses)} synapses, batch ${batch}`;
  return measured === "MNIST-1D step" ? `The network published for MNIST-1D, ${shape}` : shape;
}

function ratesOf({ rates }: Entry): [median: string, mad: string] {
  return rates === null ? ["-", "-"] : [figure(rates.median), figure(rates.mad)];
}

function ratioOf(mine: Rates | null | undefined, { rates }: Entry): string {
  return !mine || rates === null ? "-" : pairedRatio(mine.samples, rates.samples).toFixed(2);
}

/** Of all steps of the published training, tests not counted. */
function hoursOfTraining({ rates }: Entry): string {
  return rates === null ? "-" : figure(PUBLISHED.trainingSteps / rates.median / 3600);
}

/** One product is 2 B N^2. */
function gigaflops({ rates }: Entry, size: number, batch: number): string {
  return rates === null ? "-" : ((rates.median * 2 * batch * size ** 2) / 1e9).toFixed(2);
}

function verdictOf({ verdict, reason, agreement }: Entry): string {
  if (verdict === "does not run") return `does not run: ${reason ?? ""}`;
  const error = small(Math.max(agreement?.rate ?? NaN, agreement?.weight ?? NaN));
  return verdict === "agrees" ? error : `${error}, more than ${TOLERANCE}: DISAGREES, gives no ratio`;
}

/** What each engine asks of WebGPU in a step. */
export function callLines(entries: readonly Entry[]): string[] {
  const kinds: readonly (keyof Calls)[] = ["dispatches", "submits", "bindGroups", "bufferWrites", "buffers"];
  const rows = entries.flatMap(({ engine, calls, family }) =>
    calls === null || family === "torch" ? [] : [[engine, ...kinds.map((kind) => count(calls[kind]))]],
  );
  const head = ["Calls per step", "dispatches", "submits", "bind groups", "buffer writes", "buffers made"];
  return rows.length === 0 ? [] : table(head, rows);
}

function count(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}

export function ratioLines(ratios: readonly Ratio[]): string[] {
  const rows = ratios.map(({ goal, formula, value, gate, holds }) => [
    `${goal}  ${formula}`,
    value.toFixed(2),
    gate === null ? "-" : `>= ${gate}`,
    holds === null ? "" : holds ? "ok" : "FAIL",
  ]);
  return table(["goal", "ratio", "gate", ""], rows);
}

/** Peers of which no way of writing the step runs, a line for each contest: without them nothing is compared. */
export function absentLines(finished: readonly Finished[]): string[] {
  return finished.flatMap(({ entries, measured, size }) =>
    [...new Set(entries.map(({ family }) => family))].flatMap((family) => {
      const own = entries.filter((entry) => entry.family === family);
      return own.every(({ verdict }) => verdict === "does not run")
        ? [`${family} does not run (${measured}, ${size} neurons): ${own[0]?.reason ?? ""}`]
        : [];
    }),
  );
}

/** Three figures. */
function figure(value: number): string {
  return value >= 100 ? whole(value) : value.toPrecision(3);
}

function small(value: number): string {
  return value.toExponential(1);
}
