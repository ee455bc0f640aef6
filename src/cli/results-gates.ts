/** Goals, gates and what runs of one adapter came to, as rows of tables; and why a gate is missed where that is known. */

import { kindOf } from "../../bench/harness/device.ts";
import { figure, gateText } from "../../bench/harness/report.ts";
import type { Gate } from "../../bench/harness/ratios.ts";
import type { Setting } from "./results-files.ts";

/** A ratio in every run; null in one that lacks it. */
export interface GateRow {
  readonly goal: string;
  readonly title: string;
  readonly at: string;
  readonly gate: Gate | null;
  readonly values: readonly (number | null)[];
  /** Of each run; null where there is no gate. */
  readonly holds: readonly (boolean | null)[];
}

/** In the order of the goals. */
export function benchGates({ benches }: Setting): GateRow[] {
  const runs = benches.map(({ report }) => report.ratios);
  const goals = [...new Set(runs.flatMap((run) => Object.keys(run)))].sort(byNumber);
  return goals.flatMap((goal) => {
    const parts = runs.map((run) => run[goal]?.parts ?? []);
    const title = runs.map((run) => run[goal]?.title).find((each) => each !== undefined) ?? "";
    return [...new Set(parts.flat().map(({ at }) => at))].map((at) => {
      const found = parts.map((own) => own.find((part) => part.at === at));
      return {
        goal,
        title,
        at,
        gate: found.find((part) => part !== undefined)?.gate ?? null,
        values: found.map((part) => part?.value ?? null),
        holds: found.map((part) => part?.ok ?? null),
      };
    });
  });
}

/** The same of ratios to other engines; the title is the peer. */
export function compareGates({ comparisons }: Setting): GateRow[] {
  const runs = comparisons.map(({ report }) => Object.values(report.ratios).flat());
  const keyOf = ({ goal, peer, measured, neurons, batch }: (typeof runs)[number][number]): string =>
    [goal, peer.replace(/ \d.*/, ""), measured, neurons, batch].join("|");
  return [...new Set(runs.flat().map(keyOf))].flatMap((key) => {
    const found = runs.map((run) => run.find((ratio) => keyOf(ratio) === key));
    const first = found.find((ratio) => ratio !== undefined);
    if (first === undefined) return [];
    const { goal, measured, neurons, batch, gate } = first;
    const peers = [...new Set(found.flatMap((ratio) => ratio?.peer ?? []))];
    return {
      goal,
      title: peers.join(" or "),
      at: `${measured}, ${neurons}${batch > 1 ? `, batch ${batch}` : ""}`,
      gate: gate === null ? null : { least: gate },
      values: found.map((ratio) => ratio?.value ?? null),
      holds: found.map((ratio) => ratio?.holds ?? null),
    };
  });
}

const byNumber = (a: string, b: string): number => Number(a.slice(1)) - Number(b.slice(1));

/** "yes" if it holds in every run that has it, "no" if in none, else in how many. */
export function verdictOf({ holds }: Pick<GateRow, "holds">): string {
  const known = holds.filter((each) => each !== null);
  const held = known.filter(Boolean).length;
  if (known.length === 0) return "";
  return held === known.length ? "yes" : held === 0 ? "**no**" : `**in ${held} of ${known.length} runs**`;
}

export function gateCells(row: GateRow): string[] {
  return [row.goal, row.title, row.at, gateText(row.gate), ...row.values.map(figure), verdictOf(row)];
}

// ---- why ----------------------------------------------------------------------------------------------------

type Reason = (adapter: Setting["adapter"]) => string;

const NOT_KNOWN = "no reason is known";
const onGpu = "the gate for GPUs was a prediction, made without one";

/** What is known of a gate that is missed. Mechanisms, and no figures: those are in the tables. */
const reasons: Readonly<Record<string, Reason>> = {
  G4: (adapter) =>
    kindOf(adapter) === "swiftshader"
      ? "PyTorch's products use the widest vectors that the processor has, and SwiftShader's code has four lanes in each"
      : adapter.software
        ? NOT_KNOWN
        : onGpu,
  G5: ({ software }) =>
    software
      ? "a step has six operations for each weight where the pass that it is set against has one, and writes partial " +
        "sums besides; two simulators of one large network may differ by a third, depending on where their memory lies"
      : onGpu,
  G7: ({ software }) =>
    software
      ? "two simulators of one network may differ in speed, large ones by a third, depending on where their memory lies"
      : onGpu,
  G10: (adapter) =>
    kindOf(adapter) === "swiftshader"
      ? "a workgroup runs on one core, and two dispatches use all"
      : adapter.software
        ? NOT_KNOWN
        : onGpu,
  G11: ({ software }) =>
    software
      ? "the ceiling is measured on multiply-adds in registers alone; the products load besides, and the update goes " +
        "over all weights once more"
      : onGpu,
  G15: ({ software }) =>
    software
      ? "the host, which a report wakes, and the adapter share the cores, and what else the machine does hits one of the " +
        "two runs that are compared"
      : NOT_KNOWN,
  G16: ({ software }) =>
    software
      ? "a chunk is sized by those before it; where others take a core away in the middle of one, it becomes longer than " +
        "it was planned"
      : NOT_KNOWN,
};

/** A line for each goal of which a run misses a gate. */
export function missedLines(rows: readonly GateRow[], { adapter }: Pick<Setting, "adapter">): string[] {
  const missed = rows.filter(({ holds }) => holds.includes(false));
  return [...new Set(missed.map(({ goal }) => goal))].map((goal) => {
    const places = missed.filter((row) => row.goal === goal).map(({ at }) => at);
    return `- **${goal}** at ${places.join("; ")}: ${reasons[goal]?.(adapter) ?? NOT_KNOWN}.`;
  });
}
