/** The bench: denominators, cases, probes, ratios. Runs in Node and in a page alike. */

import { DeviceError, SpecError, VleError, type Simulator } from "../../src/index.ts";
import {
  caseName,
  groups as allGroups,
  learns,
  networkOf,
  REPLICAS,
  synapsesOf,
  type Group,
  type VariantName,
} from "./cases.ts";
import { allFinite, expectedOf, hasReference, outcomeOf, verdictOf, type Values, type Verdict } from "./check.ts";
import { contest, type Method } from "./contest.ts";
import { COPY, IN_PLACE, measureDenominators, openPasses, READ, type Passes } from "./denominators.ts";
import { openDevice, type BenchDevice } from "./device.ts";
import {
  probeExactness,
  probeFirstStep,
  probeHostLoop,
  probeRecording,
  type ProbeContext,
  type Probes,
} from "./probes.ts";
import { profile, type KernelTime } from "./profile.ts";
import { ratiosOf, type GroupFigures, type Memory } from "./ratios.ts";
import type { Bandwidth, BenchResult, CaseResult } from "./result.ts";
import { spreadOf } from "./statistics.ts";
import { openSubject, type Simulators, type Subject } from "./subject.ts";

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
  return only === null || name.includes(only);
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
    const denominators = await measureDenominators(device, signal);
    const outcomes: GroupOutcome[] = [];
    for (const group of chosen) {
      await begin(group.name);
      const outcome = await measureGroup(opened, group, method);
      outcomes.push(outcome);
      await report({ kind: "measured", cases: outcome.cases });
    }
    const probed: { -readonly [Key in keyof Probes]: Probes[Key] } = {
      hostLoop: null,
      recording: null,
      exactness: null,
      firstStep: null,
    };
    for (const [name, key] of chosenProbes) {
      await begin(name);
      Object.assign(probed, { [key]: await probeFunctions[key]({ gpu, device, method }) });
    }
    return {
      ...facts,
      quick,
      only,
      seconds: (performance.now() - start) / 1000,
      denominators: { ...denominators, bandwidths: outcomes.flatMap(({ bandwidth }) => bandwidth ?? []) },
      cases: outcomes.flatMap(({ cases }) => cases),
      ratios: ratiosOf({ kind: facts.kind, denominators, groups: outcomes, probes: probed }),
    };
  } finally {
    device.destroy();
  }
}

interface GroupOutcome extends GroupFigures {
  readonly cases: readonly CaseResult[];
  readonly bandwidth: Bandwidth | null;
}

/** A variant that takes part, or why it does not. */
interface Entry {
  readonly variant: VariantName;
  readonly subject: Subject | null;
  readonly status: CaseResult["status"];
  readonly reason: string | null;
  readonly verdict: Verdict | null;
}

async function measureGroup(opened: BenchDevice, group: Group, method: Method): Promise<GroupOutcome> {
  const { device } = opened;
  const simulators: Simulators = new Map();
  let passes: Passes | null = null;
  try {
    const entries = await openEntries(opened, group, simulators, method.signal);
    const subjects = entries.flatMap(({ subject, status }) =>
      subject !== null && status === "measured" ? [subject] : [],
    );
    const [first] = subjects;
    if (group.withPasses && first !== undefined) passes = await openPasses(device, weightsOf(first.sim));
    const contestants = [...subjects.map(({ contestant }) => contestant), ...(passes?.contestants ?? [])];
    const rates = await contest(contestants, method);
    const cases: CaseResult[] = [];
    for (const entry of entries) cases.push(await resultOf(group, entry, rates));
    // What has gone wrong since the check has no figures.
    const sound = Object.fromEntries(
      Object.entries(rates).filter(([name]) => cases.every((c) => c.variant !== name || c.status === "measured")),
    );
    return {
      group,
      rates: sound,
      memory: first === undefined ? null : memoryOf(first.sim),
      cases,
      bandwidth: passes === null ? null : bandwidthOf(group, rates, passes),
    };
  } finally {
    passes?.destroy();
    for (const sim of simulators.values()) sim.destroy();
  }
}

/** Opens and checks the variants; those that share a simulator with learning ones are checked before it has learnt. */
async function openEntries(
  opened: BenchDevice,
  group: Group,
  simulators: Simulators,
  signal: AbortSignal | undefined,
): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  let other: Values | null = null;
  const order = [...group.variants].sort((a, b) => Number(learns(a)) - Number(learns(b)));
  for (const variant of order) {
    signal?.throwIfAborted();
    const found = await openEntry(opened, group, variant, simulators);
    if (found instanceof Error) {
      entries.push({ variant, subject: null, ...refusalOf(found), verdict: null });
      continue;
    }
    const values = await outcomeOf(found.sim, group, variant);
    const isCompared = hasReference(group);
    const expected: Values | null = isCompared ? expectedOf(group, variant) : other;
    const verdict = verdictOf(values, expected, isCompared ? "reference" : "variants");
    other ??= values;
    const [status, reason] = verdict.ok ? (["measured", null] as const) : (["failed", verdict.sentence] as const);
    entries.push({ variant, subject: found, status, reason, verdict });
  }
  return group.variants.flatMap((variant) => entries.filter((entry) => entry.variant === variant));
}

/** An error that concerns this case only is the result. */
async function openEntry(
  { device, adapter }: BenchDevice,
  group: Group,
  variant: VariantName,
  simulators: Simulators,
): Promise<Subject | Error> {
  try {
    return await openSubject(device, group, variant, adapter.software, simulators);
  } catch (error) {
    const isGone = error instanceof DeviceError && error.code === "DEVICE_LOST";
    if (error instanceof VleError && !isGone) return error;
    throw error;
  }
}

function refusalOf(error: Error): Pick<Entry, "status" | "reason"> {
  if (error instanceof DeviceError) return { status: "refused", reason: error.message };
  // The option of a variant that this version does not have.
  if (error instanceof SpecError) return { status: "skipped", reason: `this version refuses it: ${error.message}` };
  return { status: "failed", reason: error.message };
}

/** The memory of the weights of the first projection; there is no other one where passes are measured. */
function weightsOf(sim: Simulator): { buffer: GPUBuffer; offset: number; size: number } {
  const [path = ""] = [...sim.plan.places.keys()].filter((key) => key.startsWith("weight/"));
  const [, from = "", to = ""] = path.split("/");
  const { buffer, offset, size } = sim.buffer("weight", { from, to });
  return { buffer, offset, size };
}

function memoryOf({ plan }: Simulator): Memory {
  const bytesOf = (wanted: string): number => plan.buffers.find(({ name }) => name === wanted)?.bytes ?? 0;
  const synapses = plan.network.projections.reduce((sum, { pre, post }) => sum + pre * post, 0);
  return { total: plan.bytes, weights: 4 * synapses, state: bytesOf("state") };
}

function bandwidthOf(
  { name, shape }: Group,
  rates: Readonly<Record<string, readonly number[]>>,
  { bytes }: Passes,
): Bandwidth {
  const spread = (pass: string) => {
    const samples = rates[pass];
    return samples === undefined ? null : spreadOf(samples.map((rate) => rate * (bytes[pass] ?? NaN)));
  };
  return {
    group: name,
    footprint: 4 * synapsesOf(shape),
    inPlace: spread(IN_PLACE),
    copy: spread(COPY),
    read: spread(READ),
  };
}

// ---- rows ---------------------------------------------------------------------------------------------------

const profileSteps = 8;

async function resultOf(
  group: Group,
  entry: Entry,
  rates: Readonly<Record<string, readonly number[]>>,
): Promise<CaseResult> {
  const { variant, subject } = entry;
  const samples = rates[variant] ?? [];
  const batch = variant === "single" ? 1 : group.batch;
  const replicas = variant === "replicas" ? REPLICAS : 1;
  const synapses = synapsesOf(group.shape) * replicas;
  const end = subject === null || samples.length === 0 ? null : await endOf(subject.sim, learns(variant));
  const isFinite = end?.checksum !== null;
  const spread = samples.length === 0 || !isFinite ? null : spreadOf(samples);
  const rate = spread?.median ?? null;
  const of = (factor: number): number | null => (rate === null ? null : rate * factor);
  return {
    name: caseName(group, variant),
    shape: group.shape.kind,
    neurons: networkOf(group.shape).populations.reduce((sum, { size }) => sum + size, 0) * replicas,
    synapses,
    blocks: group.shape.blocks,
    batch,
    replicas,
    rule: "local",
    learning: learns(variant),
    optimizer: group.optimizer,
    variant,
    status: isFinite ? entry.status : "failed",
    reason: isFinite ? entry.reason : "a rate is not finite after the timings",
    check: entry.verdict,
    checksum: end?.checksum ?? null,
    dispatchesPerStep: subject === null ? null : dispatchesOf(subject.sim, learns(variant)),
    stepsPerSecond: spread,
    synapticUpdatesPerSecond: of(synapses),
    bytesPerSecond: of(synapses * (learns(variant) ? 8 : 4)),
    flops: of(synapses * batch * (learns(variant) ? 6 : 4)),
    kernels: end?.kernels ?? null,
    samples,
  };
}

/** Sum of all rates, null if one is not finite; and the times of the kernels. */
async function endOf(
  sim: Simulator,
  learn: boolean,
): Promise<{ readonly checksum: number | null; readonly kernels: readonly KernelTime[] | null }> {
  let checksum = 0;
  for (const { name } of sim.plan.network.populations) {
    const rates = await sim.read("rate", name);
    if (!allFinite(rates)) return { checksum: null, kernels: null };
    checksum += rates.reduce((sum, rate) => sum + rate, 0);
  }
  return { checksum, kernels: await profile(sim, profileSteps, learn) };
}

function dispatchesOf({ plan: { programs } }: Simulator, learn: boolean): number | null {
  if (programs.network !== null) return null;
  const { step, join } = learn ? programs.learning : programs.frozen;
  return step.length + join.length;
}
