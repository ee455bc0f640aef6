/**
 * From a network to a pure list of buffers and dispatches: every byte and every workgroup is known here, before
 * anything is allocated. Knows the kernels' table layouts, and nothing of devices.
 */

import { DeviceError } from "./errors.ts";
import {
  fieldIndex,
  layOut,
  localLayout,
  momentsOf,
  quadsOf,
  shardName,
  type BufferName,
  type Layout,
  type Place,
  type PlanOptions,
  type PlannedEnergy,
  type PlannedTrace,
  type Shard,
  type ShardedName,
  type Strides,
  type Tuning,
} from "./layout.ts";
import { needsOf } from "./needs.ts";
import { initializers, planPrograms, type Dispatch, type DispatchOf, type Programs } from "./programs.ts";
import { warningsOf, type Learning, type Network } from "./spec.ts";
import {
  blockTable,
  clockTable,
  filled,
  initialValues,
  networkLimits,
  networkTiles,
  paramsBytes,
  populationTable,
  populationWords,
  projectionTable,
  tileBytes,
  tileTable,
  timesTable,
  traceTable,
  type Replica,
} from "./tables.ts";
import { cut, type Cut, type Tile } from "./tiles.ts";
import type { Segments } from "./trajectory.ts";

export type { BufferName, Place, PlanOptions } from "./layout.ts";
export type { Deferred, Dispatch, Program } from "./programs.ts";

export interface PlannedBuffer {
  readonly name: BufferName;
  readonly bytes: number;
  readonly purpose: string;
  /** Content of a table; the other buffers start as zeros. */
  readonly content?: ArrayBuffer;
  /** Whether it is bound as a uniform. Default false. */
  readonly isUniform?: boolean;
}

export interface Plan {
  readonly network: Network;
  readonly learning: Learning;
  readonly batch: number;
  /** How the work was cut. */
  readonly tuning: Tuning;
  /** Networks side by side, and quads from one to the next. */
  readonly replicas: number;
  readonly strides: Strides;
  /** Overrides of every dispatch. */
  readonly overrides: Readonly<Record<string, number>>;
  /** Bytes that a buffer of weights may have. */
  readonly bindingBytes: number;
  /** Memory of a workgroup that a small network takes; 0: none. */
  readonly workgroupBytes: number;
  readonly buffers: readonly PlannedBuffer[];
  readonly bytes: number;
  /** Fill the parameters, once, shard by shard. */
  readonly initialize: readonly DispatchOf<"initialize">[];
  readonly programs: Programs;
  /** How a window of adjoint errors is cut; null for other errors. */
  readonly segments: Segments | null;
  /** Quads between two fields of the state, and place of the gradients of a window behind the first moments. */
  readonly field: number;
  readonly gradients: number;
  /** What a checkpoint keeps of the state, and the size of one, in quads. */
  readonly checkpoint: { readonly first: number; readonly count: number; readonly stride: number };
  /** Stretches of the state that are zero when a window turns back, in quads. */
  readonly windowSums: readonly { readonly first: number; readonly count: number }[];
  /** Moments that the optimiser keeps. */
  readonly moments: number;
  /** What parameters start as that are neither random nor all equal, by key of their place. */
  readonly initialValues: ReadonlyMap<string, Float32Array>;
  /** Sentences about a network that is valid and may still disappoint. */
  readonly warnings: readonly string[];
  /** By "rate/hidden", "weight/hidden/output", "input/name", "target/name" ... */
  readonly places: ReadonlyMap<string, Place>;
  /** Frames of input and target that the frame buffer holds. */
  readonly frameCapacity: number;
  readonly traces: readonly PlannedTrace[];
  readonly energies: readonly PlannedEnergy[];
  /** Steps that the record buffer holds. */
  readonly recordRows: number;
  /** Where the running costs of a network stand in the state: first quad and number; those of the next stand behind them. */
  readonly costs: { readonly first: number; readonly count: number };
}

/** What a device must allow. Names are those of GPUSupportedLimits. */
export type Limits = {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxComputeWorkgroupsPerDimension: number;
  readonly maxComputeWorkgroupStorageSize: number;
};

const maxWorkgroupsPerDimension = 65535;
/** Memory of a workgroup that every device has, which is as much as other kernels than `network_local` use. */
const leastWorkgroupBytes = 16384;
const mostQuads = 2 ** 32;
/**
 * Lays out `network` for `batch` rows.
 * @throws SpecError if a record names something that does not exist, or twice.
 * @throws DeviceError LIMIT_EXCEEDED if a place would not fit 32 bits.
 */
export function planNetwork(network: Network, options: PlanOptions): Plan {
  const needs = needsOf(network, options.learning, options.energies.length > 0);
  const layout = layOut(network, options, needs);
  // Before any tile is listed: the list for what does not fit would not fit either.
  const { parameters, state, frames, record, checkpoints } = layout;
  checkPlaces({ parameters, state, frames, record, checkpoints });
  const work = cut(network, options, needs, layout);
  checkPlaces({ partial_sums: options.replicas * work.partialSums });
  const programs = planPrograms(network, options, layout, work);
  const buffers = planBuffers(network, options, layout, work, programs.network !== null);
  const potential = fieldIndex(layout, "potential") * layout.field;
  return {
    network,
    learning: options.learning,
    batch: options.batch,
    tuning: options.tuning,
    replicas: options.replicas,
    strides: layout.strides,
    overrides: overridesOf(options.replicas, layout.strides, work.partialSums),
    bindingBytes: options.bindingBytes,
    workgroupBytes: programs.network === null ? 0 : (work.local?.bytes ?? 0),
    buffers,
    bytes: buffers.reduce((sum, buffer) => sum + buffer.bytes, 0),
    initialize: initializers(network, layout),
    programs,
    segments: layout.segments,
    field: layout.field,
    gradients: layout.gradients,
    checkpoint: { first: potential, count: 3 * layout.field, stride: layout.checkpoint },
    windowSums: windowSums(layout),
    moments: work.learns ? momentsOf(options.learning) : 0,
    initialValues: initialValues(network, needs, layout),
    warnings: warningsOf(network),
    places: layout.places,
    frameCapacity: layout.frameCapacity,
    traces: layout.traces,
    energies: layout.energies,
    recordRows: layout.recordRows,
    costs: layout.costs,
  };
}

/** Quads from a place of a network to that of the next; 0 where they share it. */
export function strideOf({ strides, costs }: Plan, { buffer, first }: Place): number {
  if (buffer === "frames") return 0;
  if (buffer === "record") return strides.window;
  if (buffer === "state") return first < costs.first ? strides.state : strides.costs;
  return strides.parameters;
}

/** A lone network needs none of them. */
function overridesOf(replicas: number, strides: Strides, partialSums: number): Plan["overrides"] {
  if (replicas === 1) return {};
  return {
    REPLICAS: replicas,
    STATE_STRIDE: strides.state,
    COST_STRIDE: strides.costs,
    PARAMETER_STRIDE: strides.parameters,
    SUM_STRIDE: partialSums,
    WINDOW_STRIDE: strides.window,
  };
}

/** The momenta, and the sums of the gradients of time constants. */
function windowSums(layout: Layout): Plan["windowSums"] {
  const fields = ["lowPassedError", "tauMSum", "tauRSum"].map((name) => layout.fields.indexOf(name));
  return fields.filter((index) => index >= 0).map((index) => ({ first: index * layout.field, count: layout.field }));
}

function planBuffers(
  network: Network,
  options: PlanOptions,
  layout: Layout,
  work: Cut,
  isSmall: boolean,
): PlannedBuffer[] {
  const { batch, learning } = options;
  const moments = work.learns ? momentsOf(learning) : 0;
  const { shards } = layout;
  const momentQuads = (order: number): number => (moments >= order ? layout.moments : 0);
  const further = (name: ShardedName, purpose: string, quads: keyof Shard, isKept = true): PlannedBuffer[] =>
    isKept
      ? shards.slice(1).map((shard, index) => zeros(shardName(name, index + 1), `${purpose}, shard`, shard[quads]))
      : [];
  const gradientQuads = work.learns && layout.segments !== null ? layout.moments : 0;
  const zeros = (name: BufferName, purpose: string, quads: number): PlannedBuffer => ({
    name,
    purpose,
    // No buffer may be empty.
    bytes: Math.max(quads, 1) * 16,
  });
  const table = (name: BufferName, purpose: string, content: ArrayBuffer): PlannedBuffer => ({
    name,
    purpose,
    content,
    bytes: content.byteLength,
  });
  const tiles = (name: BufferName, list: readonly Tile[]): PlannedBuffer[] =>
    list.length === 0 ? [] : [table(name, `table of ${list.length} workgroups`, tileTable(list))];
  const kept = layout.segments === null ? "" : `, ${layout.segments.steps} steps of a window`;
  return [
    zeros("parameters", "weights, biases, time constants", layout.parameters),
    ...further("parameters", "weights", "parameters"),
    zeros(
      "first_moment",
      gradientQuads > 0 ? "optimiser, gradient of a window" : "optimiser",
      momentQuads(1) + gradientQuads,
    ),
    ...further("first_moment", "optimiser", "moments", moments >= 1),
    zeros("second_moment", "optimiser", momentQuads(2)),
    ...further("second_moment", "optimiser", "moments", moments >= 2),
    zeros("state", "error, potential, low-passed error, slope, rate, costs", layout.state),
    zeros("partial_sums", "currents and feedback, per tile", options.replicas * work.partialSums),
    zeros("frames", `input and target of ${layout.frameCapacity} steps`, layout.frames),
    zeros("record", `traces of ${layout.recordRows} steps${kept}`, layout.record),
    ...(layout.checkpoints > 0 ? [zeros("checkpoints", "states inside a window", layout.checkpoints)] : []),
    table("populations", "table", populationTable(network, batch, work, layout)),
    table("projections", "table", projectionTable(network, batch, work, layout)),
    ...(layout.deferredSteps > 1
      ? [table("deferred_projections", "table", projectionTable(network, batch, work, layout, true))]
      : []),
    ...(layout.synapticTraces.length > 0 ? [table("traced", "table of traces", traceTable(network, layout))] : []),
    ...tiles("neuron_tiles", work.neurons.tiles),
    ...tiles("synapse_tiles", work.synapses.tiles),
    ...tiles("learn_tiles", work.learnTiles),
    ...(layout.synapticTraces.length > 0 ? tiles("trace_tiles", work.traces.tiles) : []),
    ...tiles("tau_tiles", work.tauTiles),
    ...tiles("apply_tiles", work.applyTiles),
    ...(isSmall ? networkBuffers(network, batch, layout, work, table) : []),
    table("blocks", "table of initial values", blockTable(network, layout)),
    table("clock", "step, updates, fault", clockTable(alone(options.replicas))),
    { ...zeros("params", "constants of a run", Math.ceil(paramsBytes / 16)), isUniform: true },
  ];
}

const alone = (replicas: number): Replica[] => Array.from({ length: replicas }, () => ({ seed: 0, etaScale: 1 }));

/** The tables of a network in one workgroup, which are uniforms. */
function networkBuffers(
  network: Network,
  batch: number,
  layout: Layout,
  work: Cut,
  table: (name: BufferName, purpose: string, content: ArrayBuffer) => PlannedBuffer,
): PlannedBuffer[] {
  const { tiles, ranges } = networkTiles(work);
  const seen = work.local === null ? layout : localLayout(layout);
  const { populations, projections, traces, tiles: mostTiles } = networkLimits;
  const uniform = (name: BufferName, content: ArrayBuffer): PlannedBuffer => ({
    ...table(name, "table of a network in one workgroup", content),
    isUniform: true,
  });
  return [
    uniform(
      "network_populations",
      filled(populationTable(network, batch, work, seen), populations, populationWords * 4),
    ),
    uniform("network_projections", filled(projectionTable(network, batch, work, layout), projections, 64)),
    uniform("network_traces", filled(traceTable(network, layout), traces, 48)),
    uniform("network_tiles", filled(tileTable(tiles), mostTiles, tileBytes)),
    uniform("ranges", ranges),
    uniform("times", timesTable()),
  ];
}

// ---- limits -------------------------------------------------------------------------------------------------

function checkPlaces(buffers: Readonly<Record<string, number>>): void {
  for (const [name, quads] of Object.entries(buffers)) {
    if (quads < mostQuads) continue;
    throw new DeviceError(
      "LIMIT_EXCEEDED",
      `The buffer "${name}" needs ${quads} quads; places are 32-bit, so ${mostQuads} is the end. Use a smaller network or batch.`,
      { details: { buffer: name, needed: quads * 16, limit: mostQuads * 16 } },
    );
  }
}

/** What `requestDevice` must be asked for to hold `plan`. */
export function requiredLimits(plan: Plan): Limits {
  const largest = Math.max(...plan.buffers.map(({ bytes }) => bytes));
  return {
    maxBufferSize: largest,
    maxStorageBufferBindingSize: largest,
    maxComputeWorkgroupsPerDimension: maxWorkgroupsPerDimension,
    maxComputeWorkgroupStorageSize: Math.max(leastWorkgroupBytes, plan.workgroupBytes),
  };
}

/** How many networks of a plan would fit; Infinity if it is not they that are too many. */
function fittingReplicas({ buffers, replicas }: Plan, limit: number): number {
  const own = buffers.filter(({ name, content }) => (content === undefined && name !== "frames") || name === "clock");
  const most = Math.min(...own.map(({ bytes }) => Math.floor((limit / bytes) * replicas)));
  return most >= replicas ? Infinity : most;
}

function checkWorkgroup({ workgroupBytes }: Plan, limit: number): void {
  // A host may leave out limits that it has not raised.
  if (!(workgroupBytes > limit)) return;
  throw new DeviceError(
    "LIMIT_EXCEEDED",
    `A network in one workgroup needs ${workgroupBytes} bytes of its memory; this device allows ${limit}. ` +
      "Lower networkMemory of the tuning, so that it stays in its buffers.",
    { details: { needed: workgroupBytes, limit } },
  );
}

/**
 * Refuses a plan that a device cannot hold, before anything is allocated.
 * @throws DeviceError LIMIT_EXCEEDED with the bytes needed, the limit and the largest size that fits.
 */
export function checkLimits(plan: Plan, limits: Limits): void {
  checkWorkgroup(plan, limits.maxComputeWorkgroupStorageSize);
  const limit = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  const fitting = fittingReplicas(plan, limit);
  for (const { name, bytes, purpose } of plan.buffers) {
    if (bytes <= limit) continue;
    const cure =
      fitting >= 1 && fitting < plan.replicas
        ? `Of ${plan.replicas} replicas at most ${fitting} fit: lower options.replicas.`
        : name === "parameters" || name.endsWith("moment")
          ? mostSynapses(plan, limit)
          : name === "frames"
            ? "Lower frameBytes."
            : `At batch ${plan.batch} about ${Math.floor((limit / bytes) * 100)} percent of it would fit: use a smaller batch or fewer neurons.`;
    throw new DeviceError(
      "LIMIT_EXCEEDED",
      `The buffer "${name}" (${purpose}) needs ${bytes} bytes; this device allows ${limit}. ${cure}`,
      { details: { buffer: name, needed: bytes, limit } },
    );
  }
}

/** The largest network whose weights fit, where they cannot be cut by rows. */
function mostSynapses({ network, learning, segments, moments }: Plan, limit: number): string {
  const widest = Math.max(...network.projections.map(({ pre }) => quadsOf(pre)));
  if (segments === null && widest * 64 > limit) {
    const copies = learning.feedback === "random" ? 2 : 1;
    return `Four rows of weights are the least that a buffer holds: at most ${4 * Math.floor(limit / 64 / copies)} neurons may project.`;
  }
  // The gradients of a window stand behind the first moments.
  const most = Math.floor(limit / 4 / (segments !== null && moments >= 1 ? 2 : 1));
  const fits = `t most ${most} synapses fit, for example one block of ${Math.floor(Math.sqrt(most))} by as many neurons.`;
  return segments === null ? `A${fits}` : `With adjoint errors all weights stand in one buffer: a${fits}`;
}

// ---- reading aloud ------------------------------------------------------------------------------------------

/** The plan as a table: buffers with bytes, dispatches with workgroups. */
export function describePlan(plan: Plan): string {
  const { network, segments, learning } = plan;
  const { learning: program, window, deferred, network: fused } = plan.programs;
  const several = (when: string, dispatches: readonly Dispatch[]) => dispatches.map((each) => [when, each] as const);
  const parts = [
    ...several("start of a run", program.start),
    ...several("every step", program.step),
    ...several("between steps", program.join),
    ...several("end of a run", program.end),
    ...several(`${deferred?.steps ?? 1} steps`, deferred?.update ?? []),
    ...several("every step back", window?.back ?? []),
    ...several("every segment", window?.gradient ?? []),
    ...several("every window", window?.apply ?? []),
  ];
  const steps = [
    ...several("once", plan.initialize),
    ...(fused === null ? parts : several(window === null ? "2^n steps" : "2^n windows", fused.learning)),
  ];
  const lines = [
    `network  ${network.sources.map(({ name, size }) => `${name}(${size})`).join(" ")} | ` +
      network.populations.map(({ name, size }) => `${name}(${size})`).join(" "),
    `schedule ${network.schedule}`,
    `batch    ${plan.batch}`,
    ...(plan.replicas === 1 ? [] : [`replicas ${plan.replicas}, each of them a workgroup in every one below`]),
    ...(segments === null ? [] : [describeSegments(learning.window, segments)]),
    ...plan.warnings.map((warning) => `warning  ${warning}`),
    "",
    "buffer               bytes  purpose",
    ...plan.buffers.map(({ name, bytes, purpose }) => `${name.padEnd(14)}${String(bytes).padStart(12)}  ${purpose}`),
    `${"total".padEnd(14)}${String(plan.bytes).padStart(12)}`,
    "",
    "when            dispatch               workgroups  constants",
    ...steps.map(
      ([when, { label, workgroups, constants }]) =>
        `${when.padEnd(16)}${label.padEnd(23)}${workgroups.join("x").padStart(10)}  ` +
        Object.entries(constants)
          .map(([name, value]) => `${name}=${value}`)
          .join(" "),
    ),
  ];
  return lines.map((line) => line.trimEnd()).join("\n");
}

function describeSegments(window: number, { steps, count, recomputation }: Segments): string {
  const cut = count === 1 ? "kept whole" : `in ${count} segments of ${steps} or fewer`;
  return `window   ${window} steps, ${cut}; every step is computed ${recomputation.toFixed(2)} times forward`;
}
