/**
 * Which way of cutting the work is fastest here: tried, timed, and kept by whoever asks.
 */

import { targetOf } from "./device.ts";
import { DataError } from "./errors.ts";
import type { Tuning } from "./layout.ts";
import { describePlan } from "./plan.ts";
import { createSimulator, planOf, type Simulator, type SimulatorOptions } from "./simulator.ts";
import type { NetworkSpec } from "./spec.ts";
import { mostLanes } from "./tiles.ts";

/** Where choices are kept between runs, a Map for example; keys tell adapter, network and batch. */
export interface TuningStore {
  get(key: string): Tuning | undefined;
  set(key: string, tuning: Tuning): unknown;
}

export interface TuneOptions extends Omit<SimulatorOptions, "tuning"> {
  /** Looked at first, and told of what was found. Default: none. */
  readonly store?: TuningStore;
  /** After so many milliseconds no further variant is tried. Default 2000. */
  readonly milliseconds?: number;
}

export interface Variant {
  readonly name: string;
  readonly tuning: Tuning;
  /** Of the best of three samples. */
  readonly stepsPerSecond: number;
}

export interface Tuned {
  /** For the option `tuning` of `createSimulator`. */
  readonly tuning: Tuning;
  readonly key: string;
  /** Whether it came from the store; then nothing was tried. */
  readonly isStored: boolean;
  /** What was tried, the default first. */
  readonly variants: readonly Variant[];
  /** Names of variants for which there was no time left. */
  readonly untried: readonly string[];
  readonly milliseconds: number;
}

/** Counts up when variants or kernels change, so that a store forgets what is old. */
const generation = 4;
const samples = 3;
/** Milliseconds of a sample. */
const sampleLength = 20;

/**
 * Tries the variants of the kernels that the network could use, each for a moment, and returns the fastest. Results of variants
 * differ by rounding: keep the choice where runs must repeat bit for bit.
 * @throws what `createSimulator` throws, DataError for `milliseconds`.
 */
export async function tune(network: NetworkSpec, options: TuneOptions = {}): Promise<Tuned> {
  const { store, milliseconds: limit = 2000, ...own } = options;
  if (!(limit >= 0)) throw new DataError("tune.milliseconds", `must be at least 0; it is ${String(limit)}.`);
  const start = performance.now();
  const elapsed = (): number => performance.now() - start;
  // The default one owns the device that all others borrow.
  const first = await createSimulator(network, own);
  try {
    const key = keyOf(first);
    const stored = store?.get(key);
    if (stored !== undefined) {
      return { tuning: stored, key, isStored: true, variants: [], untried: [], milliseconds: elapsed() };
    }
    const standard = first.plan.tuning;
    const variants: Variant[] = [{ name: "default", tuning: standard, stepsPerSecond: await speedOf(first) }];
    const untried: string[] = [];
    const target = targetOf(first.device, first.device.adapterInfo);
    const plans = new Set([describePlan(first.plan)]);
    for (const [name, change] of Object.entries(changesFor(first, target.subgroupSize))) {
      const tuning = { ...standard, ...change };
      const plan = describePlan(planOf(network, { ...own, tuning }, target));
      // A network, or a rule, may have no use for a change.
      if (plans.has(plan)) continue;
      plans.add(plan);
      if (elapsed() > limit) untried.push(name);
      else variants.push({ name, tuning, stepsPerSecond: await tried(network, own, first.device, tuning) });
      own.signal?.throwIfAborted();
    }
    const best = variants.reduce((a, b) => (b.stepsPerSecond > a.stepsPerSecond ? b : a));
    store?.set(key, best.tuning);
    return { tuning: best.tuning, key, isStored: false, variants, untried, milliseconds: elapsed() };
  } finally {
    first.destroy();
  }
}

/** What matters to the choice: the adapter, and all that shapes the work. */
function keyOf({ adapter, plan: { network, batch, learning } }: Simulator): string {
  const { vendor, architecture, description } = adapter;
  const sizes = network.projections.map(({ pre, post }) => `${pre}>${post}`).join(" ");
  const rule = [network.schedule, learning.errors, learning.traces, learning.optimizer.kind].join(" ");
  return [generation, vendor, architecture, description, sizes, batch, rule].join("|");
}

/** Other ways of cutting the work of this network and batch than that of the default. */
function changesFor(
  { plan: { batch, tuning, programs } }: Simulator,
  subgroupSize: number,
): Readonly<Record<string, Partial<Tuning>>> {
  if (programs.network !== null) {
    return {
      "network in its buffers": { networkMemory: 0 },
      // What every device has.
      "network in the memory of its workgroup": { networkMemory: 16384, networkLanes: 1 },
      "network on 32 invocations": { networkWidth: 32 },
      "network on 128 invocations": { networkWidth: 128 },
    };
  }
  const apart = { onePassBatch: 0 } as const;
  const behindBarrier = tuning.sharedCurrents
    ? { sharedCurrents: false, tileWidth: 8, tileSets: 4096, tileRows: 64 }
    : { sharedCurrents: true, tileWidth: 64, tileSets: 1, tileRows: 16 };
  if (batch === 1) {
    return {
      "1 quad of columns": { columnQuads: 1 },
      "4 quads of columns": { columnQuads: 4 },
      [tuning.sharedCurrents ? "currents apart" : "currents behind a barrier"]: behindBarrier,
      "16 rows a tile": { tileRows: 4 },
      [programs.deferred === null ? "updates of 16 steps at once" : "updates in every step"]:
        programs.deferred === null ? { deferredSteps: 16, deferredProducts: 0 } : { deferredSteps: 1 },
      "products and update apart": apart,
    };
  }
  const wide = (wideLanes: number, wideOutputs: number) =>
    ({ ...apart, wideBatch: 1, wideWidth: 64, wideLanes, wideOutputs, sharers: 0 }) as const;
  const shared = (sharers: 4 | 8, wideOutputs: number) =>
    sharers > subgroupSize
      ? {}
      : { ...wide(16, wideOutputs), sharers, ...(tuning.sharers > 0 && { wideWidth: tuning.wideWidth }) };
  const products = {
    "narrow products": { ...apart, wideBatch: 65537 },
    "wide products, 8 rows by 2 quads": wide(8, 2),
    "wide products, 16 rows by 1 quad": wide(16, 1),
    "products shared by 4 of a subgroup, 2 quads": shared(4, 2),
    "products shared by 8 of a subgroup, 1 quad": shared(8, 1),
  };
  if (batch > mostLanes) return products;
  const onePass = { onePassBatch: mostLanes };
  return { "one pass": onePass, "one pass, 2 quads": { ...onePass, batchColumnQuads: 2 }, ...products };
}

async function tried(
  network: NetworkSpec,
  options: SimulatorOptions,
  device: GPUDevice,
  tuning: Tuning,
): Promise<number> {
  const sim = await createSimulator(network, { ...options, device, tuning });
  try {
    return await speedOf(sim);
  } finally {
    sim.destroy();
  }
}

/** Steps a second of a few samples, the best one: what disturbs them only makes them slower. */
async function speedOf(sim: Simulator): Promise<number> {
  // Whole windows, where there are any.
  const unit = sim.plan.programs.window === null ? 1 : sim.plan.learning.window;
  await timeOf(sim, unit);
  let steps = unit;
  let time = await timeOf(sim, steps);
  while (time < sampleLength / 2 && steps < 4096 * unit) {
    steps *= 2;
    time = await timeOf(sim, steps);
  }
  let best = steps / time;
  for (let sample = 1; sample < samples; sample++) best = Math.max(best, steps / (await timeOf(sim, steps)));
  return best * 1000;
}

async function timeOf(sim: Simulator, steps: number): Promise<number> {
  const { queue } = sim.device;
  const encoder = sim.device.createCommandEncoder({ label: "tune" });
  sim.encode(encoder, { steps });
  const start = performance.now();
  queue.submit([encoder.finish()]);
  await queue.onSubmittedWorkDone();
  return performance.now() - start;
}
