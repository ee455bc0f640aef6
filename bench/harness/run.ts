/** The bench: denominators, cases, probes, ratios. Runs in Node and in a page alike. */

import { groups as allGroups, type Group } from "./cases.ts";
import type { Method } from "./contest.ts";
import { measureDenominators, openYardsticks, type Yardsticks } from "./denominators.ts";
import { openDevice, type BenchDevice } from "./device.ts";
import { measureGroup, type GroupOutcome } from "./group.ts";
import {
  probeExactness,
  probeFirstStep,
  probeHostLoop,
  probeRecording,
  type ProbeContext,
  type Probes,
} from "./probes.ts";
import { ratiosOf } from "./ratios.ts";
import type { BenchResult, CaseResult } from "./result.ts";

export interface BenchRequest {
  /** Fewer and shorter samples, and no very large networks. */
  readonly quick: boolean;
  /** Only what has this in its name; null: everything. */
  readonly only: string | null;
}

export type BenchEvent =
  | { readonly kind: "opened"; readonly device: Omit<BenchDevice, "device"> }
  | { readonly kind: "begins"; readonly name: string; readonly index: number; readonly count: number }
  | { readonly kind: "measured"; readonly cases: readonly CaseResult[] };

export interface BenchContext {
  /** Where adapters come from. */
  readonly gpu: GPU | undefined;
  readonly report: (event: BenchEvent) => void | Promise<void>;
  readonly signal?: AbortSignal | undefined;
  /** What there is to measure. Default: all. */
  readonly groups?: readonly Group[];
}

const probes = {
  "host loop": "hostLoop",
  recording: "recording",
  exactness: "exactness",
  "first step": "firstStep",
} as const satisfies Readonly<Record<string, keyof Probes>>;

const probeFunctions = {
  hostLoop: probeHostLoop,
  recording: probeRecording,
  exactness: probeExactness,
  firstStep: probeFirstStep,
} as const satisfies { readonly [Key in keyof Probes]: (context: ProbeContext) => Promise<Probes[Key]> };

/** Names of groups and probes, for --only. */
export function namesOf(quick: boolean): readonly string[] {
  return [...allGroups.filter(({ isQuick }) => isQuick || !quick).map(({ name }) => name), ...Object.keys(probes)];
}

/** Whether something of this name is asked for. */
export function isMeant(name: string, only: string | null): boolean {
  return only === null || name.toLowerCase().includes(only.toLowerCase());
}

/**
 * Runs the bench.
 *
 * @throws DeviceError NO_ADAPTER or DEVICE_LOST, or the reason of the signal. What one case cannot do is in its result.
 */
export async function runBench(request: BenchRequest, context: BenchContext): Promise<BenchResult> {
  const { quick, only } = request;
  const { gpu, report, signal, groups = allGroups } = context;
  const start = performance.now();
  const opened = await openDevice(gpu);
  const { device, ...facts } = opened;
  let yardsticks: Yardsticks | null = null;
  try {
    await report({ kind: "opened", device: facts });
    const method: Method = { samples: quick ? 5 : 7, sampleMilliseconds: quick ? 100 : 200, signal };
    const chosen = groups.filter(({ name, isQuick }) => (isQuick || !quick) && isMeant(name, only));
    const chosenProbes = Object.entries(probes).filter(([name]) => isMeant(name, only));
    const count = 1 + chosen.length + chosenProbes.length;
    let index = 0;
    const begin = async (name: string): Promise<void> => {
      signal?.throwIfAborted();
      await report({ kind: "begins", name, index: index++, count });
    };

    await begin("device");
    const sticks = (yardsticks = await openYardsticks(device));
    const denominators = await measureDenominators(device, sticks, signal);
    const outcomes: GroupOutcome[] = [];
    for (const group of chosen) {
      await begin(group.name);
      const outcome = await bestOfTwo(
        () => measureGroup(opened, group, method, sticks),
        (found) => missedGates(ratiosOf({ kind: facts.kind, groups: [found], probes: noProbes })),
      );
      outcomes.push(outcome);
      await report({ kind: "measured", cases: outcome.cases });
    }
    const probed = { ...noProbes };
    for (const [name, key] of chosenProbes) {
      await begin(name);
      const found = await bestOfTwo(
        async () => ({ [key]: await probeFunctions[key]({ gpu, device, method }) }),
        (one) => missedGates(ratiosOf({ kind: facts.kind, groups: [], probes: { ...noProbes, ...one } })),
      );
      Object.assign(probed, found);
    }
    return {
      ...facts,
      quick,
      only,
      seconds: (performance.now() - start) / 1000,
      denominators: { ...denominators, bandwidths: outcomes.flatMap(({ bandwidth }) => bandwidth ?? []) },
      cases: outcomes.flatMap(({ cases }) => cases),
      ratios: ratiosOf({ kind: facts.kind, groups: outcomes, probes: probed }),
    };
  } finally {
    yardsticks?.destroy();
    device.destroy();
  }
}

const noProbes: Probes = { hostLoop: null, recording: null, exactness: null, firstStep: null };

/** Gates on times that are missed; a second look at a number that is wrong would not make it right. */
function missedGates(ratios: BenchResult["ratios"]): number {
  const timed = Object.values(ratios).filter(({ isExact }) => !isExact);
  return timed.flatMap(({ parts }) => parts).filter(({ ok }) => ok === false).length;
}

/** What misses a gate is measured again, as another program may have been busy; the better one of the two counts. */
async function bestOfTwo<T>(measure: () => Promise<T>, missed: (found: T) => number): Promise<T> {
  const first = await measure();
  const missedFirst = missed(first);
  if (missedFirst === 0) return first;
  const second = await measure();
  return missed(second) <= missedFirst ? second : first;
}
