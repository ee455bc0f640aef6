/** One group: its variants are opened, checked, timed in turns, and become rows. */

import { DeviceError, SpecError, VleError, type Simulator } from "../../src/index.ts";
import {
  caseName,
  learns,
  networkOf,
  operationsOf,
  REPLICAS,
  synapsesOf,
  type Group,
  type VariantName,
} from "./cases.ts";
import { allFinite, expectedOf, hasReference, outcomeOf, verdictOf, type Values, type Verdict } from "./check.ts";
import { contest, type Method } from "./contest.ts";
import type { Yardstick, Yardsticks } from "./denominators.ts";
import type { BenchDevice } from "./device.ts";
import { COPY, IN_PLACE, openPasses, READ, type Passes, type Stretch } from "./passes.ts";
import { profile, type KernelTime } from "./profile.ts";
import type { GroupFigures, Memory } from "./ratios.ts";
import type { Bandwidth, CaseResult } from "./result.ts";
import { spreadOf } from "./statistics.ts";
import { openSubject, type Simulators, type Subject } from "./subject.ts";

export interface GroupOutcome extends GroupFigures {
  readonly cases: readonly CaseResult[];
  readonly bandwidth: Bandwidth | null;
}

/** What limits a large batch is arithmetic, and what limits a small network is dispatches. */
function yardsticksOf({ batch, shape }: Group, { arithmetic, dispatches }: Yardsticks): readonly Yardstick[] {
  return [...(batch >= 64 ? [arithmetic] : []), ...(shape.size <= 64 ? [dispatches] : [])];
}

/** A variant that takes part, or why it does not. */
interface Entry {
  readonly variant: VariantName;
  readonly subject: Subject | null;
  readonly status: CaseResult["status"];
  readonly reason: string | null;
  readonly verdict: Verdict | null;
}

/** Rejects if the device is lost; what a group or one of its variants cannot do is in its rows. */
export async function measureGroup(
  opened: BenchDevice,
  group: Group,
  method: Method,
  yardsticks: Yardsticks,
): Promise<GroupOutcome> {
  try {
    return await measureVariants(opened, group, method, yardsticks);
  } catch (error) {
    if (!concernsOneCase(error)) throw error;
    const cases: CaseResult[] = [];
    for (const variant of group.variants) {
      const entry = { variant, subject: null, ...refusalOf(error), verdict: null };
      cases.push(await resultOf(group, entry, {}));
    }
    return { group, rates: {}, memory: null, defers: false, cases, bandwidth: null };
  }
}

/** After the loss of a device nothing else can be measured. */
function concernsOneCase(error: unknown): error is VleError {
  return error instanceof VleError && error.code !== "DEVICE_LOST";
}

async function measureVariants(
  opened: BenchDevice,
  group: Group,
  method: Method,
  yardsticks: Yardsticks,
): Promise<GroupOutcome> {
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
    const against = subjects.length === 0 ? [] : yardsticksOf(group, yardsticks);
    const contestants = [...subjects, ...against].map(({ contestant }) => contestant);
    const rates = { ...(await contest([...contestants, ...(passes?.contestants ?? [])], method)) };
    for (const { contestant, perTime } of against) {
      rates[contestant.name] = (rates[contestant.name] ?? []).map((rate) => rate * perTime);
    }
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
      defers: first !== undefined && first.sim.plan.programs.deferred !== null,
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
  { device }: BenchDevice,
  group: Group,
  variant: VariantName,
  simulators: Simulators,
): Promise<Subject | Error> {
  try {
    return await openSubject(device, group, variant, simulators);
  } catch (error) {
    if (concernsOneCase(error)) return error;
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
function weightsOf(sim: Simulator): readonly Stretch[] {
  const [path = ""] = [...sim.plan.places.keys()].filter((key) => key.startsWith("weight/"));
  const [, from = "", to = ""] = path.split("/");
  return sim.buffers("weight", { from, to }).map(({ buffer, offset, size }) => ({ buffer, offset, size }));
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

/** As many as deferred updates wait for. */
const profileSteps = 16;

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
    flops: of(batch * operationsOf(group.shape, synapses, learns(variant))),
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
