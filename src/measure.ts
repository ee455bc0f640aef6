/**
 * How fast a simulator runs: repeated runs, median and spread.
 */

import { DataError } from "./errors.ts";
import type { SignalData } from "./frames.ts";
import type { Simulator } from "./simulator.ts";

export interface MeasureOptions {
  /** Steps per sample. */
  readonly steps: number;
  /** Samples; one more is run first and not counted. Default 10. */
  readonly repeats?: number;
  /** As of `run`; left out: what the buffers hold. */
  readonly input?: SignalData;
  readonly target?: SignalData;
  readonly learn?: boolean;
  readonly signal?: AbortSignal;
}

export interface Figures {
  readonly stepsPerSecond: { readonly median: number; readonly mad: number; readonly min: number };
  /** Synapses times steps, of all replicas: one update serves all batch rows. */
  readonly synapticUpdatesPerSecond: number;
  /** Neurons times batch rows times steps, of all replicas. */
  readonly neuronUpdatesPerSecond: number;
  readonly samples: readonly number[];
}

/** @throws what `run` throws, DataError for `repeats`. */
export async function measure(sim: Simulator, options: MeasureOptions): Promise<Figures> {
  const { repeats = 10, ...runOptions } = options;
  if (!(Number.isSafeInteger(repeats) && repeats >= 1)) {
    throw new DataError("measure.repeats", `must be a whole number of at least 1; it is ${String(repeats)}.`);
  }
  const samples: number[] = [];
  for (let sample = 0; sample <= repeats; sample++) {
    for await (const metrics of sim.run(runOptions)) {
      if (sample > 0) samples.push(metrics.stepsPerSecond);
    }
  }
  const middle = median(samples);
  const { network, batch, replicas } = sim.plan;
  const synapses = network.projections.reduce((sum, { pre, post }) => sum + pre * post, 0);
  const neurons = network.populations.reduce((sum, { size }) => sum + size, 0);
  return {
    stepsPerSecond: {
      median: middle,
      mad: median(samples.map((value) => Math.abs(value - middle))),
      min: Math.min(...samples),
    },
    synapticUpdatesPerSecond: middle * synapses * replicas,
    neuronUpdatesPerSecond: middle * neurons * batch * replicas,
    samples,
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[half] ?? NaN) : ((sorted[half - 1] ?? NaN) + (sorted[half] ?? NaN)) / 2;
}
