/**
 * From a network to a pure list of buffers and dispatches: every byte and every workgroup is known here, before
 * anything is allocated. Knows the kernels' table layouts, and nothing of devices.
 */

import { DeviceError } from "./errors.ts";
import type { BindingName, KernelName } from "./kernels.ts";
import { layOut, traceQuantities, type BufferName, type Place, type PlanOptions, type PlannedTrace } from "./layout.ts";
import type { Learning, Network } from "./spec.ts";
import {
  activations,
  blockTable,
  costs,
  clockWords,
  populationTable,
  projectionTable,
  tileTable,
  timeConstants,
} from "./tables.ts";
import { cut } from "./tiles.ts";

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
const maxElements = 2 ** 32;
/**
 * Lays out `network` for `batch` rows.
 * @throws SpecError if a record names something that does not exist.
 * @throws DeviceError LIMIT_EXCEEDED if an index would not fit 32 bits.
 */
export function planNetwork(network: Network, options: PlanOptions): Plan {
  const { batch, learning } = options;
  const layout = layOut(network, options);
  const work = cut(network, options);
  const { neuronTiles, synapseTiles, learnTiles } = work;
  const isBatched = batch > 1;
  const moments = { sgd: 0, momentum: 1, adam: 2, accumulate: 1 }[learning.optimizer.kind];
  const momentBytes = (order: number): number => (work.learns && moments >= order ? layout.parameters * 16 : 16);

  const table = (name: BufferName, purpose: string, content: ArrayBuffer): PlannedBuffer => ({
    name,
    purpose,
    content,
    bytes: content.byteLength,
  });
  const zeros = (name: BufferName, purpose: string, bytes: number): PlannedBuffer => ({
    name,
    purpose,
    bytes: Math.max(bytes, 16),
  });
  const buffers: PlannedBuffer[] = [
    zeros("parameters", "weights, then biases", layout.parameters * 16),
    zeros("first_moment", "optimiser", momentBytes(1)),
    zeros("second_moment", "optimiser", momentBytes(2)),
    zeros("state", "error, potential, low-passed error, slope, rate, costs", layout.state * 16),
    zeros("partial_sums", "currents and feedback, per tile", work.partialSums * 16),
    zeros("frames", `input and target of ${layout.frameCapacity} steps`, layout.frames * 16),
    zeros("record", `traces of ${layout.recordRows} steps`, layout.record * 16),
    table("time_constants", "tau_m, tau_r per neuron", timeConstants(network)),
    table("populations", "table", populationTable(network, batch, work, layout)),
    table("projections", "table", projectionTable(network, layout)),
    table("neuron_tiles", `table of ${neuronTiles.length} workgroups`, tileTable(neuronTiles)),
    table("synapse_tiles", `table of ${synapseTiles.length} workgroups`, tileTable(synapseTiles)),
    ...(isBatched ? [table("learn_tiles", `table of ${learnTiles.length} workgroups`, tileTable(learnTiles))] : []),
    table("blocks", "table of initial values", blockTable(network, layout)),
    table("clock", "step, updates, fault", clockWords()),
    zeros("params", "constants of a run", 48),
  ];
  checkIndices(buffers);

  const fold = (tiles: readonly unknown[]): readonly [number, number] => foldWorkgroups(tiles.length);
  const neurons = (label: string, finish: number, begin: number): DispatchOf<"neurons"> => ({
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
      FINISH: finish,
      BEGIN: begin,
      ERRORS: { none: 0, local: 1, instantaneous: 2 }[learning.errors],
      FIELD: layout.field,
      BATCH: batch,
      ...contentBits(network, options),
      HAS_WIDE_ROWS: Number(work.hasWideRows),
    },
    workgroups: fold(neuronTiles),
  });
  const shared = { params: "params", clock: "clock", projections: "projections", state: "state" } as const;
  const plastic = {
    ...shared,
    parameters: "parameters",
    first_moment: "first_moment",
    second_moment: "second_moment",
  } as const;
  const optimizer = { sgd: 0, momentum: 1, adam: 2, accumulate: 3 }[learning.optimizer.kind];
  const single = (learns: boolean): DispatchOf<"synapses"> => ({
    kernel: "synapses",
    label: learns ? "synapses" : "synapses frozen",
    buffers: { ...plastic, tiles: "synapse_tiles", partial_sums: "partial_sums" },
    constants: { LEARN: Number(learns), OPTIMIZER: optimizer, ...work.synapseShape },
    workgroups: fold(synapseTiles),
  });
  const products: DispatchOf<"propagate"> = {
    kernel: "propagate",
    label: "propagate",
    buffers: { ...shared, parameters: "parameters", tiles: "synapse_tiles", partial_sums: "partial_sums" },
    constants: { BATCH: batch },
    workgroups: fold(synapseTiles),
  };
  const update: DispatchOf<"learn"> = {
    kernel: "learn",
    label: "learn",
    buffers: { ...plastic, tiles: "learn_tiles" },
    constants: { BATCH: batch, OPTIMIZER: optimizer },
    workgroups: fold(learnTiles),
  };
  const frozen = [isBatched ? products : single(false)];
  const learningStep = isBatched ? [products, update] : [single(true)];
  return {
    network,
    learning,
    batch,
    buffers,
    bytes: buffers.reduce((sum, buffer) => sum + buffer.bytes, 0),
    initialize: {
      kernel: "initialize",
      label: "initialize",
      buffers: { blocks: "blocks", parameters: "parameters" },
      constants: {},
      workgroups: [Math.min(Math.ceil(layout.parameters / 64), 4096), 1],
    },
    begin: neurons("neurons begin", 0, 1),
    neurons: neurons("neurons", 1, 1),
    finish: neurons("neurons finish", 1, 0),
    synapses: { learning: work.learns ? learningStep : frozen, frozen },
    places: layout.places,
    frameCapacity: layout.frameCapacity,
    traces: layout.traces,
    recordRows: layout.recordRows,
    costs: layout.costs,
  };
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

function checkIndices(buffers: readonly PlannedBuffer[]): void {
  for (const { name, bytes } of buffers) {
    if (bytes / 16 >= maxElements) {
      throw new DeviceError(
        "LIMIT_EXCEEDED",
        `The buffer "${name}" needs ${bytes / 16} quads; places are 32-bit, so ${maxElements} is the end. Use a smaller network or batch.`,
        { details: { buffer: name, needed: bytes, limit: maxElements * 16 } },
      );
    }
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
