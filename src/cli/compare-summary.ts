/** What `npm run compare -- --json` writes. */

import { availableParallelism, cpus, release } from "node:os";
import type { Finished } from "../../bench/compare/compare.ts";
import type { Ratio } from "../../bench/compare/gates.ts";
import { BETA, ETA, TAU_M, TAU_R } from "../../bench/compare/problem.ts";
import { version } from "../../package.json";
import type { AdapterFacts } from "../device.ts";
import { COMPARED, type CompareReport } from "./results-files.ts";

/** What is known besides what was measured. */
export interface ComparisonFacts {
  /** ISO 8601, when it began. */
  readonly date: string;
  /** See `commitOf`. */
  readonly commit: string | null;
  readonly adapter: AdapterFacts;
  readonly method: { readonly samples: number; readonly sampleMilliseconds: number };
}

export function summaryOf(
  finished: readonly Finished[],
  { date, commit, adapter, method }: ComparisonFacts,
): CompareReport {
  const report = {
    schema: COMPARED,
    version,
    date,
    commit,
    finished: new Date().toISOString(),
    adapter,
    host: {
      name: `Node ${process.version} with the npm package webgpu`,
      system: `${process.platform} ${process.arch} ${release()}`,
      processor: cpus()[0]?.model ?? "",
      threads: availableParallelism(),
    },
    network: { kind: "recurrent", activation: "tanh", dt: 1, tauM: TAU_M, tauR: TAU_R, beta: BETA, eta: ETA },
    method,
    cases: finished.flatMap(casesOf),
    ratios: byGoal(finished.flatMap(({ ratios }) => ratios)),
  } as const;
  return report;
}

function byGoal(ratios: readonly Ratio[]): Record<string, Ratio[]> {
  const goals = [...new Set(ratios.map(({ goal }) => goal))];
  return Object.fromEntries(goals.map((goal) => [goal, ratios.filter((ratio) => ratio.goal === goal)]));
}

function casesOf({ measured, size, synapses, batch, entries, effect, busy, repeated }: Finished) {
  return entries.map(({ engine, family, work, verdict, reason, agreement, rates, calls }) => ({
    name: `${measured}, ${size} neurons, batch ${batch}`,
    engine,
    family,
    work,
    neurons: size,
    synapses,
    batch,
    rule: work === "step" ? "local" : null,
    stepsPerSecond: rates,
    verdict,
    reason,
    error: agreement,
    effectOfLearning: effect,
    callsPerStep: calls,
    busy,
    repeated,
  }));
}
