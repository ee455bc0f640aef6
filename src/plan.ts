/**
 * From a network to a pure list of buffers and dispatches: every byte and every workgroup is known here, before
 * anything is allocated. Knows the kernels' table layouts, and nothing of devices.
 */

import { DeviceError } from "./errors.ts";
import type { BindingName, KernelName } from "./kernels.ts";
import {
  layOut,
  traceQuantities,
  type BufferName,
  type Layout,
  type Place,
  type PlanOptions,
  type PlannedTrace,
} from "./layout.ts";
import type { Learning, Network } from "./spec.ts";
import {
  paramsBytes,
  activations,
  blockTable,
  costs,
  clockWords,
  populationTable,
  projectionTable,
  tileTable,
  timeConstants,
} from "./tables.ts";
import { cut, type Cut, type Tile } from "./tiles.ts";

export type { BufferName, Place, PlanOptions } from "./layout.ts";

export interface PlannedBuffer {
  readonly name: BufferName;
  readonly bytes: number;
  readonly purpose: string;
  /** Content of a table; the other buffers start as zeros. */
  readonly content?: ArrayBuffer;
}

interface DispatchOf<K extends KernelName> {
  readonly kernel: K;
  readonly label: string;
  readonly buffers: Readonly<Record<BindingName<K>, BufferName>>;
  readonly constants: Readonly<Record<string, number>>;
  readonly workgroups: readonly [number, number];
}

/** One dispatch; its buffers are named by the bindings of its kernel. */
export type Dispatch = { [K in KernelName]: DispatchOf<K> }[KernelName];

export interface Plan {
  readonly network: Network;
  readonly learning: Learning;
  readonly batch: number;
  readonly buffers: readonly PlannedBuffer[];
  readonly bytes: number;
  /** Fills the parameters, once. */
  readonly initialize: Dispatch;
  /** A run of K steps is begin, then K times (synapses, neurons) with the last neurons replaced by finish. */
  readonly begin: Dispatch;
  readonly neurons: Dispatch;
  readonly finish: Dispatch;
  /** One step of the synapses with and without learning: one dispatch for a batch of 1, at most two for more. */
  readonly synapses: { readonly learning: readonly Dispatch[]; readonly frozen: readonly Dispatch[] };
  /** By "rate/hidden", "weight/hidden/output", "input/name", "target/name" ... */
  readonly places: ReadonlyMap<string, Place>;
  /** Frames of input and target that the frame buffer holds. */
  readonly frameCapacity: number;
  readonly traces: readonly PlannedTrace[];
  /** Steps that the record buffer holds. */
  readonly recordRows: number;
  /** Where the running costs stand in the state: first element and number. */
  readonly costs: { readonly first: number; readonly count: number };
}

/** What a device must allow. Names are those of GPUSupportedLimits. */
export type Limits = {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxComputeWorkgroupsPerDimension: number;
};

const maxWorkgroupsPerDimension = 65535;
const mostQuads = 2 ** 32;
/**
 * Lays out `network` for `batch` rows.
 * @throws SpecError if a record names something that does not exist, or twice.
 * @throws DeviceError LIMIT_EXCEEDED if a place would not fit 32 bits.
 */
export function planNetwork(network: Network, options: PlanOptions): Plan {
  const layout = layOut(network, options);
  // Before any tile is listed: the list for what does not fit would not fit either.
  const { parameters, state, frames, record } = layout;
  checkPlaces({ parameters, state, frames, record });
  const work = cut(network, options);
  checkPlaces({ partial_sums: work.partialSums });
  const buffers = planBuffers(network, options, layout, work);
  return {
    network,
    learning: options.learning,
    batch: options.batch,
    buffers,
    bytes: buffers.reduce((sum, buffer) => sum + buffer.bytes, 0),
    initialize: {
      kernel: "initialize",
      label: "initialize",
      buffers: { blocks: "blocks", parameters: "parameters" },
      constants: {},
      workgroups: [Math.min(Math.ceil(layout.parameters / 64), 4096), 1],
    },
    ...planNeurons(network, options, layout, work),
    synapses: planSynapses(options, work),
    places: layout.places,
    frameCapacity: layout.frameCapacity,
    traces: layout.traces,
    recordRows: layout.recordRows,
    costs: layout.costs,
  };
}

function planBuffers(network: Network, options: PlanOptions, layout: Layout, work: Cut): PlannedBuffer[] {
  const { batch, learning } = options;
  const { neuronTiles, synapseTiles, learnTiles } = work;
  const moments = { sgd: 0, momentum: 1, adam: 2, accumulate: 1 }[learning.optimizer.kind];
  const momentQuads = (order: number): number => (work.learns && moments >= order ? layout.parameters : 0);
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
  const tiles = (name: BufferName, list: readonly Tile[]): PlannedBuffer =>
    table(name, `table of ${list.length} workgroups`, tileTable(list));
  return [
    zeros("parameters", "weights, then biases", layout.parameters),
    zeros("first_moment", "optimiser", momentQuads(1)),
    zeros("second_moment", "optimiser", momentQuads(2)),
    zeros("state", "error, potential, low-passed error, slope, rate, costs", layout.state),
    zeros("partial_sums", "currents and feedback, per tile", work.partialSums),
    zeros("frames", `input and target of ${layout.frameCapacity} steps`, layout.frames),
    zeros("record", `traces of ${layout.recordRows} steps`, layout.record),
    table("time_constants", "tau_m, tau_r per neuron", timeConstants(network)),
    table("populations", "table", populationTable(network, batch, work, layout)),
    table("projections", "table", projectionTable(network, layout)),
    tiles("neuron_tiles", neuronTiles),
    tiles("synapse_tiles", synapseTiles),
    ...(batch > 1 ? [tiles("learn_tiles", learnTiles)] : []),
    table("blocks", "table of initial values", blockTable(network, layout)),
    table("clock", "step, updates, fault", clockWords()),
    zeros("params", "constants of a run", Math.ceil(paramsBytes / 16)),
  ];
}

type NeuronDispatches = Pick<Plan, "begin" | "neurons" | "finish">;

function planNeurons(network: Network, options: PlanOptions, layout: Layout, work: Cut): NeuronDispatches {
  const neurons = (label: string, finish: boolean, begin: boolean): DispatchOf<"neurons"> => ({
    kernel: "neurons",
    label,
    buffers: {
      params: "params",
      clock: "clock",
      populations: "populations",
      tiles: "neuron_tiles",
      time_constants: "time_constants",
      partial_sums: "partial_sums",
      frames: "frames",
      state: "state",
      record: "record",
    },
    constants: {
      FINISH: Number(finish),
      BEGIN: Number(begin),
      ERRORS: { none: 0, local: 1, instantaneous: 2, adjoint: 0 }[options.learning.errors],
      FIELD: layout.field,
      BATCH: options.batch,
      ...contentBits(network, options),
      HAS_WIDE_ROWS: Number(work.hasWideRows),
    },
    workgroups: foldWorkgroups(work.neuronTiles.length),
  });
  return {
    begin: neurons("neurons begin", false, true),
    neurons: neurons("neurons", true, true),
    finish: neurons("neurons finish", true, false),
  };
}

function planSynapses({ batch, learning }: PlanOptions, work: Cut): Plan["synapses"] {
  const shared = { params: "params", clock: "clock", projections: "projections", state: "state" } as const;
  const plastic = {
    ...shared,
    parameters: "parameters",
    first_moment: "first_moment",
    second_moment: "second_moment",
  } as const;
  const OPTIMIZER = { sgd: 0, momentum: 1, adam: 2, accumulate: 3 }[learning.optimizer.kind];
  const workgroups = foldWorkgroups(work.synapseTiles.length);
  if (batch === 1) {
    const single = (learns: boolean): DispatchOf<"synapses"> => ({
      kernel: "synapses",
      label: learns ? "synapses" : "synapses frozen",
      buffers: { ...plastic, tiles: "synapse_tiles", partial_sums: "partial_sums" },
      constants: { LEARN: Number(learns), OPTIMIZER, ...work.synapseShape },
      workgroups,
    });
    const frozen = single(false);
    return { learning: [work.learns ? single(true) : frozen], frozen: [frozen] };
  }
  const propagate: DispatchOf<"propagate"> = {
    kernel: "propagate",
    label: "propagate",
    buffers: { ...shared, parameters: "parameters", tiles: "synapse_tiles", partial_sums: "partial_sums" },
    constants: { BATCH: batch },
    workgroups,
  };
  const learn: DispatchOf<"learn"> = {
    kernel: "learn",
    label: "learn",
    buffers: { ...plastic, tiles: "learn_tiles" },
    constants: { BATCH: batch, OPTIMIZER },
    workgroups: foldWorkgroups(work.learnTiles.length),
  };
  return { learning: work.learns ? [propagate, learn] : [propagate], frozen: [propagate] };
}

/** What the network has, a bit each: the neurons are compiled for no more. */
function contentBits({ populations }: Network, { record }: PlanOptions): Record<string, number> {
  const or = (bits: readonly number[]): number => bits.reduce((all, bit) => all | bit, 0);
  return {
    ACTIVATIONS: or(populations.map(({ activation }) => activations[activation])),
    COSTS: or(populations.map(({ cost }) => (cost === null ? 0 : costs[cost.kind]))),
    TRACES: or(record.map(({ quantity }) => 1 << traceQuantities.indexOf(quantity))),
  };
}

// ---- limits -------------------------------------------------------------------------------------------------

function foldWorkgroups(count: number): readonly [number, number] {
  const rows = Math.ceil(count / maxWorkgroupsPerDimension);
  return [Math.max(Math.ceil(count / rows), 1), Math.max(rows, 1)];
}

function checkPlaces(buffers: Readonly<Partial<Record<BufferName, number>>>): void {
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
  };
}

/**
 * Refuses a plan that a device cannot hold, before anything is allocated.
 * @throws DeviceError LIMIT_EXCEEDED with the bytes needed, the limit and the largest size that fits.
 */
export function checkLimits(plan: Plan, limits: Limits): void {
  const limit = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  for (const { name, bytes, purpose } of plan.buffers) {
    if (bytes <= limit) continue;
    const cure =
      name === "parameters" || name.endsWith("moment")
        ? `At most ${Math.floor(limit / 4)} synapses fit, for example one block of ${Math.floor(Math.sqrt(limit / 4))} by as many neurons.`
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

// ---- reading aloud ------------------------------------------------------------------------------------------

/** The plan as a table: buffers with bytes, dispatches with workgroups. */
export function describePlan(plan: Plan): string {
  const steps = [
    ["once", plan.initialize],
    ["start of a run", plan.begin],
    ...plan.synapses.learning.map((dispatch) => ["every step", dispatch] as const),
    ["every step", plan.neurons],
    ["end of a run", plan.finish],
  ] as const;
  const { network } = plan;
  const lines = [
    `network  ${network.sources.map(({ name, size }) => `${name}(${size})`).join(" ")} | ` +
      network.populations.map(({ name, size }) => `${name}(${size})`).join(" "),
    `batch    ${plan.batch}`,
    "",
    "buffer               bytes  purpose",
    ...plan.buffers.map(({ name, bytes, purpose }) => `${name.padEnd(14)}${String(bytes).padStart(12)}  ${purpose}`),
    `${"total".padEnd(14)}${String(plan.bytes).padStart(12)}`,
    "",
    "when            dispatch         workgroups  constants",
    ...steps.map(
      ([when, { label, workgroups, constants }]) =>
        `${when.padEnd(16)}${label.padEnd(17)}${workgroups.join("x").padStart(10)}  ` +
        Object.entries(constants)
          .map(([name, value]) => `${name}=${value}`)
          .join(" "),
    ),
  ];
  return lines.map((line) => line.trimEnd()).join("\n");
}
