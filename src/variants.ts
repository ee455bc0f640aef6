/**
 * The ways of cutting the work of a plan among which a device may choose, and what tells one choice from another. Pure.
 */

import { checksum } from "./checksum.ts";
import { tunings, type Tuning } from "./layout.ts";
import { describePlan, type Plan } from "./plan.ts";
import { fields, name as readName, number, positive } from "./spec/read.ts";
import { mostLanes } from "./tiles.ts";

/** What was chosen, as plain data that may be kept as JSON. */
export interface TuningChoice {
  /** Of the variant: "default", or in words what it does. */
  readonly name: string;
  /** Its steps a second over those of the default. */
  readonly gain: number;
  /** For the option `tuning` of `createSimulator`. */
  readonly tuning: Tuning;
}

/** Where choices are kept between runs, a Map for example. Keys tell adapter, network, and all that shapes the work. */
export interface TuningStore {
  /** What was kept there. Anything else, or what this device cannot run, counts as nothing. */
  get(key: string): unknown;
  set(key: string, choice: TuningChoice): unknown;
}

export interface Variant {
  readonly name: string;
  readonly tuning: Tuning;
  /** Of the best of a few samples. */
  readonly stepsPerSecond: number;
}

/** A choice, and how it came about. */
export interface Tuned extends TuningChoice {
  readonly key: string;
  /** Whether it came from the store; then nothing was tried. */
  readonly isStored: boolean;
  /** What was tried, the default first. */
  readonly variants: readonly Variant[];
  /** Names of variants for which there was no time left, or which the device would not run. */
  readonly untried: readonly string[];
  readonly milliseconds: number;
}

export const defaultName = "default";

/** Counts up when variants or kernels change, so that stores forget what is old. */
const generation = 5;

interface Adapter {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
}

/** @param plan that of the default. @param given fields of the tuning that are not to be chosen. */
export function tuningKey(adapter: Adapter, plan: Plan, subgroupSize: number, given: Partial<Tuning>): string {
  const { network, batch, replicas, learning, programs } = plan;
  const { vendor, architecture, description } = adapter;
  const sizes = network.projections.map(({ pre, post }) => `${pre}>${post}`).join(" ");
  const rule = [network.schedule, learning.errors, learning.traces, learning.optimizer.kind].join(" ");
  const settled = Object.entries(given)
    .map(([field, value]) => `${field} ${value}`)
    .sort()
    .join(" ");
  // What shapes the work besides, such as records and parts of weights, shows in the dispatches and buffers of the default.
  const rest = checksum(new TextEncoder().encode(describePlan(plan))).toString(16);
  return [
    generation,
    [vendor, architecture, description].join(" "),
    sizes,
    `batch ${batch}`,
    `replicas ${replicas}`,
    `${rule} ${learning.window}`,
    programs.network === null ? "steps apart" : "steps fused",
    `subgroups ${subgroupSize}`,
    settled,
    rest,
  ].join("|");
}

/** What was kept, if it is a whole choice that agrees with the given fields. Whether values are valid, a plan tells. */
export function readChoice(kept: unknown, given: Partial<Tuning>): TuningChoice | null {
  try {
    const { name, gain, tuning } = fields(kept, "kept", ["name", "gain", "tuning"]);
    const names = Object.keys(tunings.gpu) as (keyof Tuning)[];
    const whole = fields(tuning, "kept.tuning", names);
    const isWhole = names.every(
      (field) => whole[field] !== undefined && (given[field] ?? whole[field]) === whole[field],
    );
    if (!isWhole) return null;
    return {
      name: readName(name, "kept.name"),
      gain: number(gain, "kept.gain", positive),
      tuning: { ...(whole as Tuning) },
    };
  } catch {
    return null;
  }
}

export interface Change {
  readonly name: string;
  readonly change: Partial<Tuning>;
}

/** Other ways than the plan's, those first that gain most where they gain, in case that time runs out. */
export function changesOf(plan: Plan, subgroupSize: number, given: Partial<Tuning>): Change[] {
  return Object.entries(allChanges(plan, subgroupSize))
    .map(([name, change]) => ({ name, change }))
    .filter(({ change }) =>
      (Object.keys(change) as (keyof Tuning)[]).every((field) => (given[field] ?? change[field]) === change[field]),
    );
}

function allChanges(
  { batch, tuning, programs }: Plan,
  subgroupSize: number,
): Readonly<Record<string, Partial<Tuning>>> {
  if (programs.network !== null) {
    return {
      [tuning.networkOnePass ? "products and update of the network apart" : "network in one pass"]: {
        networkOnePass: !tuning.networkOnePass,
      },
      "network in its buffers": { networkMemory: 0 },
      // What every device has.
      "network in the memory of its workgroup": { networkMemory: 16384, networkLanes: 1 },
      "network on 128 invocations": { networkWidth: 128 },
      "network on 32 invocations": { networkWidth: 32 },
    };
  }
  const apart = { onePassBatch: 0 } as const;
  if (batch === 1) {
    return {
      [programs.deferred === null ? "updates of 16 steps at once" : "updates in every step"]:
        programs.deferred === null ? { deferredSteps: 16, deferredProducts: 0 } : { deferredSteps: 1 },
      "4 quads of columns": { columnQuads: 4 },
      [tuning.sharedCurrents ? "currents apart" : "currents behind a barrier"]: tuning.sharedCurrents
        ? { sharedCurrents: false, tileWidth: 8, tileSets: 4096, tileRows: 64 }
        : { sharedCurrents: true, tileWidth: 64, tileSets: 1, tileRows: 16 },
      "16 rows a tile": { tileRows: 4 },
      "1 quad of columns": { columnQuads: 1 },
      "products and update apart": apart,
    };
  }
  const wide = (wideLanes: number, wideOutputs: number) =>
    ({ ...apart, wideBatch: 1, wideWidth: 64, wideLanes, wideOutputs, sharers: 0 }) as const;
  const shared = (sharers: 4 | 8, wideOutputs: number) =>
    sharers > subgroupSize
      ? {}
      : { ...wide(16, wideOutputs), sharers, ...(tuning.sharers > 0 && { wideWidth: tuning.wideWidth }) };
  const onePass = { onePassBatch: mostLanes };
  return {
    "products shared by 4 of a subgroup, 2 quads": shared(4, 2),
    "products shared by 8 of a subgroup, 1 quad": shared(8, 1),
    ...(batch <= mostLanes && { "one pass": onePass }),
    "wide products, 8 rows by 2 quads": wide(8, 2),
    "wide products, 16 rows by 1 quad": wide(16, 1),
    ...(batch <= mostLanes && { "one pass, 2 quads": { ...onePass, batchColumnQuads: 2 } }),
    "narrow products": { ...apart, wideBatch: 65537 },
  };
}
