/**
 * Which way of cutting the work is fastest here: tried, timed, and kept by whoever asks.
 */

import { Fate, type Acquired } from "./device.ts";
import { DataError, SpecError, VleError } from "./errors.ts";
import type { Tuning } from "./layout.ts";
import { findDevice, openSimulator } from "./open.ts";
import { checkLimits, describePlan, type Plan } from "./plan.ts";
import { isReason, planOf, type Simulator, type SimulatorOptions } from "./simulator.ts";
import type { NetworkSpec } from "./spec.ts";
import { show } from "./spec/read.ts";
import {
  changesOf,
  defaultName,
  readChoice,
  tuningKey,
  type Tuned,
  type TuningStore,
  type Variant,
} from "./variants.ts";

export interface TuneOptions extends Omit<SimulatorOptions, "tunings"> {
  /** Looked at first, and told of what was found. Default: none. */
  readonly store?: TuningStore;
  /** After so many milliseconds no further variant is tried. Default 500. */
  readonly milliseconds?: number;
}

/** Noise must not change a choice: what is chosen over the default is so much faster. */
const leastGain = 1.05;
const usualMilliseconds = 500;
const samples = 3;
/** Milliseconds of a sample. */
const sampleLength = 20;
/** A network one of whose steps takes more than this part of the time is not tuned. */
const largestPart = 0.1;

/**
 * Tries the variants of the kernels that the network could use, each for a moment, and returns the fastest. Fields of `tuning`
 * that are given stay as they are. Results of variants differ by rounding: keep the choice where runs must repeat bit for bit.
 * @throws what `createSimulator` throws, DataError for `milliseconds`.
 */
export async function tune(network: NetworkSpec, options: TuneOptions = {}): Promise<Tuned> {
  const { store, milliseconds = usualMilliseconds, ...own } = options;
  if (!(milliseconds >= 0)) {
    throw new DataError("tune.milliseconds", `must be at least 0; it is ${String(milliseconds)}.`);
  }
  if (store !== undefined) requireStore(store, "tune.store");
  const acquired = await findDevice(network, own);
  try {
    return (await choose(network, own, acquired, store, milliseconds)).tuned;
  } finally {
    if (acquired.isOwn) acquired.device.destroy();
  }
}

/** @throws SpecError */
export function requireStore(store: unknown, path: string): void {
  const { get, set } = (store ?? {}) as Partial<Record<keyof TuningStore, unknown>>;
  if (typeof get === "function" && typeof set === "function") return;
  throw new SpecError(path, `is ${show(store)}; it must have the methods get and set, as a Map has.`, {});
}

export interface Chosen {
  readonly tuned: Tuned;
  readonly plan: Plan;
  /** Those that were tried. While they are held, what was compiled for them is not compiled again. */
  readonly held: readonly Simulator[];
}

/**
 * On a device that stays what it is. One network at a time is there.
 * @throws what the default throws, the reason of the signal, DeviceError DEVICE_LOST.
 */
export async function choose(
  network: NetworkSpec,
  options: SimulatorOptions,
  acquired: Acquired,
  store: TuningStore | undefined,
  milliseconds = usualMilliseconds,
): Promise<Chosen> {
  const start = performance.now();
  const { facts, plan, target, device } = acquired;
  const { tuning: given = {} } = options;
  const key = tuningKey(facts, plan, target.subgroupSize, given);
  const planWith = (tuning: Tuning): Plan | null => {
    try {
      const planned = planOf(network, { ...options, tuning }, target);
      checkLimits(planned, device.limits);
      return planned;
    } catch (error) {
      if (error instanceof VleError) return null;
      throw error;
    }
  };
  const nothing = { key, isStored: false, variants: [], untried: [] } as const;
  const kept = readChoice(store?.get(key), given);
  const known = kept && planWith(kept.tuning);
  if (kept !== null && known !== null) {
    const tuned = { ...nothing, ...kept, isStored: true, milliseconds: performance.now() - start };
    return { tuned, plan: known, held: [] };
  }
  const found: Candidate[] = [];
  const seen = new Set([describePlan(plan)]);
  for (const { name, change } of changesOf(plan, target.subgroupSize, given)) {
    const planned = planWith({ ...plan.tuning, ...change });
    // A network, or a rule, may have no use for a change.
    const text = planned === null ? "" : describePlan(planned);
    if (planned === null || seen.has(text)) continue;
    seen.add(text);
    found.push({ name, plan: planned });
  }
  const standard: Candidate = { name: defaultName, plan };
  const fate = new Fate(device);
  const trials = new Trials(options, acquired, milliseconds, fate);
  const best = found.length === 0 ? { ...standard, gain: 1 } : await trials.best(standard, found);
  const choice = { name: best.name, gain: best.gain, tuning: best.plan.tuning };
  // What a lost device seems to do at once must not be kept.
  await fate.check();
  if (found.length > 0) store?.set(key, choice);
  const { variants, untried, held } = trials;
  const tuned = { ...nothing, ...choice, variants, untried, milliseconds: performance.now() - start };
  return { tuned, plan: best.plan, held };
}

interface Candidate {
  readonly name: string;
  readonly plan: Plan;
}

class Trials {
  readonly variants: Variant[] = [];
  readonly untried: string[] = [];
  readonly held: Simulator[] = [];
  private readonly options: SimulatorOptions;
  private readonly acquired: Acquired;
  private readonly milliseconds: number;
  private readonly fate: Fate;
  /** Milliseconds that it took to compile and measure one, at most so far. */
  private cost = 0;

  constructor(options: SimulatorOptions, acquired: Acquired, milliseconds: number, fate: Fate) {
    this.options = options;
    this.acquired = acquired;
    this.milliseconds = milliseconds;
    this.fate = fate;
  }

  async best(standard: Candidate, others: readonly Candidate[]): Promise<Candidate & { readonly gain: number }> {
    // What the default takes to compile would be spent in any case.
    let start = performance.now();
    let usual = await this.measured(standard.plan, 0);
    start += this.cost;
    const found = new Map<Candidate, number>();
    for (const other of others) {
      const elapsed = performance.now() - start;
      // Each may take as long as one before; where that is long, as where a processor compiles, few are tried or none.
      const isLate = elapsed > this.milliseconds || elapsed + this.cost > 2 * this.milliseconds;
      const speed = isLate || this.isTooSlow(other.plan, usual) ? null : await this.tried(other.plan, usual / 2);
      if (speed === null) this.untried.push(other.name);
      else found.set(other, speed);
    }
    // What wins is measured once more, as is the default, which may have met a device at rest: of these the worse counts for the
    // one, the better for the other.
    const confirmed = new Set<Candidate>();
    let fastest = fastestOf(standard, found, usual * leastGain);
    while (fastest !== standard && !confirmed.has(fastest)) {
      if (confirmed.size > 0 && performance.now() - start > 2 * this.milliseconds) {
        fastest = standard;
        break;
      }
      usual = Math.max(usual, (await this.tried(standard.plan, 0)) ?? 0);
      const again = (await this.tried(fastest.plan, usual / 2)) ?? 0;
      found.set(fastest, Math.min(found.get(fastest) ?? 0, again));
      confirmed.add(fastest);
      fastest = fastestOf(standard, found, usual * leastGain);
    }
    const gain = fastest === standard ? 1 : (found.get(fastest) ?? 0) / usual;
    for (const [{ name, plan }, stepsPerSecond] of [[standard, usual] as const, ...found]) {
      this.variants.push({ name, tuning: plan.tuning, stepsPerSecond });
    }
    return { ...fastest, gain };
  }

  private isTooSlow(plan: Plan, speed: number): boolean {
    return (unitOf(plan) / speed) * 1000 > this.milliseconds * largestPart;
  }

  /** Null: the device would not run it. */
  private async tried(plan: Plan, least: number): Promise<number | null> {
    this.options.signal?.throwIfAborted();
    try {
      return await this.measured(plan, least);
    } catch (error) {
      if (error instanceof VleError && (error.code === "OUT_OF_MEMORY" || error.code === "SHADER_COMPILE")) return null;
      throw error;
    }
  }

  private async measured(plan: Plan, least: number): Promise<number> {
    const { options, fate } = this;
    const start = performance.now();
    const sim = await openSimulator({ ...this.acquired, plan, isOwn: false }, options);
    this.held.push(sim);
    try {
      return await this.speedOf(sim, least);
    } catch (error) {
      throw error instanceof VleError || isReason(error, options.signal) ? error : await fate.explain(error);
    } finally {
      sim.destroy();
      this.cost = Math.max(this.cost, performance.now() - start);
    }
  }

  /**
   * Steps a second of a few samples, the best one: what disturbs them only makes them slower.
   * @param least what is slower than that is looked at no longer.
   */
  private async speedOf(sim: Simulator, least: number): Promise<number> {
    const unit = unitOf(sim.plan);
    const time = async (count: number): Promise<number> => {
      this.options.signal?.throwIfAborted();
      return timeOf(sim, count);
    };
    // A driver may compile only now.
    const first = await time(unit);
    if (first > this.milliseconds) return (unit / first) * 1000;
    let steps = unit;
    let taken = await time(steps);
    while (taken < sampleLength / 2 && steps < 4096 * unit) {
      steps *= 2;
      taken = await time(steps);
    }
    let best = steps / taken;
    const isHopeless = best * 1000 < least || this.isTooSlow(sim.plan, best * 1000);
    for (let sample = 1; sample < samples && !isHopeless; sample++) best = Math.max(best, steps / (await time(steps)));
    return best * 1000;
  }
}

/** The default, if nothing is at least so fast. */
function fastestOf(standard: Candidate, found: ReadonlyMap<Candidate, number>, least: number): Candidate {
  let [fastest, best] = [standard, 0];
  for (const [other, speed] of found) if (speed >= least && speed > best) [fastest, best] = [other, speed];
  return fastest;
}

/** Steps that are timed together at the least: whole windows, and updates with all that wait for them. */
function unitOf({ programs, learning }: Plan): number {
  return programs.window === null ? (programs.deferred?.steps ?? 1) : learning.window;
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
