/** What a training run leaves behind: its summary, and the curves that lead there. Plain JSON-safe data. */

import type { AdapterFacts } from "../device.ts";
import type { NetworkSpec } from "../spec.ts";
import type { Condition, Preset } from "../tasks/presets.ts";

export const SUMMARY_SCHEMA = "vle-webgpu/summary/1";

/** Part of the run, at its end, over which `finalLoss` is the mean. */
const FINAL_SHARE = 0.1;

export interface CurvePoint {
  /** Steps trained so far; the values cover the block that ends here. */
  readonly step: number;
  /** Cost, mean over batch rows and the steps of the block. */
  readonly loss: number;
  /** Part of the block's presentations answered rightly while it was learnt; null if none had an answer yet. */
  readonly accuracy: number | null;
  /** Training seconds of this condition so far. */
  readonly seconds: number;
}

export interface Curve extends Condition {
  readonly points: readonly CurvePoint[];
}

export interface RuleResult extends Condition {
  /** Presentations seen, over all batch rows. */
  readonly samples: number;
  readonly steps: number;
  /** Mean training cost over the last tenth of the run. */
  readonly finalLoss: number;
  readonly testAccuracy: number;
  /** Wall time of training, without set-up and test. */
  readonly seconds: number;
  readonly stepsPerSecond: number;
}

export interface Throughput {
  readonly neurons: number;
  readonly synapses: number;
  /** Of the first condition, with batch rows side by side in one step. */
  readonly stepsPerSecond: number;
  /** Weights brought up to date per second: synapses x steps per second, however many batch rows each update averages. */
  readonly synapticUpdatesPerSecond: number;
}

export interface Summary {
  readonly schema: string;
  readonly adapter: AdapterFacts;
  readonly preset: string;
  readonly seed: number;
  readonly results: readonly RuleResult[];
  readonly throughput: Throughput;
  /** Names of the files of the run folder; empty where there is none. */
  readonly files: readonly string[];
}

export interface Verdict {
  readonly curve: Curve;
  readonly testAccuracy: number;
}

/** Puts a run's verdicts, at least one, into the form in which they are kept. */
export function summarize(preset: Preset, seed: number, adapter: AdapterFacts, verdicts: readonly Verdict[]): Summary {
  const results = verdicts.map((verdict) => resultOf(preset, verdict));
  const { vendor, architecture, description, software } = adapter;
  return {
    schema: SUMMARY_SCHEMA,
    adapter: { vendor, architecture, description, software },
    preset: preset.name,
    seed,
    results,
    throughput: throughputOf(preset.network, results[0]?.stepsPerSecond ?? 0),
    files: [],
  };
}

/** The curves as a table: one line a condition and block, full precision. */
export function metricsCsv(curves: readonly Curve[]): string {
  const lines = curves.flatMap(({ rule, crossfade, points }) =>
    points.map(({ step, loss, accuracy, seconds }) => {
      return [rule, crossfade, step, loss, accuracy ?? "", seconds].join(",");
    }),
  );
  return ["rule,crossfade,step,loss,trainAccuracy,seconds", ...lines, ""].join("\n");
}

function resultOf(preset: Preset, { curve, testAccuracy }: Verdict): RuleResult {
  const last = curve.points.at(-1) ?? { step: 0, seconds: 0 };
  const { step: steps, seconds } = last;
  const late = curve.points.filter((point) => point.step > (1 - FINAL_SHARE) * steps);
  return {
    rule: curve.rule,
    crossfade: curve.crossfade,
    samples: (steps / preset.period) * preset.batch,
    steps,
    finalLoss: late.reduce((sum, point) => sum + point.loss, 0) / late.length,
    testAccuracy,
    seconds,
    stepsPerSecond: steps / seconds,
  };
}

function throughputOf(network: NetworkSpec, stepsPerSecond: number): Throughput {
  const sizes = new Map([...network.sources, ...network.populations].map(({ name, size }) => [name, size]));
  const sizeOf = (name: string): number => sizes.get(name) ?? 0;
  const neurons = network.populations.reduce((sum, { size }) => sum + size, 0);
  const synapses = network.projections.reduce((sum, { from, to }) => sum + sizeOf(from) * sizeOf(to), 0);
  return { neurons, synapses, stepsPerSecond, synapticUpdatesPerSecond: synapses * stepsPerSecond };
}
