/** What a layout is made of, and what it is made from. */

import type { Learning, Network, Projection } from "../spec.ts";
import type { Segments } from "../trajectory.ts";

/** Fields of the state that there always are, in the order of their places; each holds [batch][neurons] of every population. */
export const stateFields = ["error", "lowPassedError", "potential", "slope", "rate"] as const;
/** Those that are kept only where something needs them. */
export const extraFields = [
  "topDown",
  "potentialDerivative",
  "previousRate",
  "derivativeTrace",
  "derivativeTraceState",
  "topDownPower",
  "errorPower",
  "tauMSum",
  "tauRSum",
  "potentialGradient",
] as const;
export type StateQuantity = (typeof stateFields)[number] | "topDown" | "potentialDerivative";
/**
 * Of the last window of adjoint errors: the gradient with respect to the potentials at its start, [batch][neurons], and, if
 * the window is kept whole, the adjoint of every step, [step][batch][neurons].
 */
export type WindowQuantity = "potentialGradient" | "adjoint";

/** In the order of the kernel's record places. */
export const traceQuantities = [
  "rate",
  "error",
  "potential",
  "lowPassedError",
  "slope",
  "feedback",
  "current",
  "potentialDerivative",
  "topDown",
] as const;
/** What can be recorded at every step: the state, and three quantities that live only inside a step. */
export type TraceQuantity = (typeof traceQuantities)[number];

export interface RecordSpec {
  /** Name of a population, or of a source for "rate" and "feedback". */
  readonly population: string;
  readonly quantity: TraceQuantity;
}

/** Of the whole network in a step, [batch] (docs/theory.md, "Energy"). */
export const energyQuantities = ["mismatch", "cost", "energy", "action", "conserved"] as const;
export type EnergyQuantity = (typeof energyQuantities)[number];

export interface PlanOptions {
  readonly batch: number;
  /** Networks of this shape side by side. */
  readonly replicas: number;
  readonly learning: Learning;
  readonly record: readonly RecordSpec[];
  readonly energies: readonly EnergyQuantity[];
  /** Bytes for what a window of adjoint errors keeps on the device. */
  readonly trajectoryBytes: number;
  /** Whether a small network does many steps in one dispatch. */
  readonly fuseSteps: boolean;
  /** Bytes for the frames of input and target; null: as suits the weights. */
  readonly frameBytes: number | null;
  /** Bytes that one buffer may have; weights that do not fit are cut by rows into several. */
  readonly bindingBytes: number;
  readonly tuning: Tuning;
}

/** How work is cut; the results differ by rounding only. */
export interface Tuning {
  /** Workgroups that keep the device busy. */
  readonly workgroups: number;
  /**
   * Largest batch for which one pass over the weights does all that synapses do, up to 16; 0: never, both products and the
   * update are kernels of their own.
   */
  readonly onePassBatch: number;
  /** Whether the invocations of a workgroup of `synapses` add up their currents, behind a barrier. */
  readonly sharedCurrents: boolean;
  /**
   * Invocations of a workgroup of `synapses`, 1 to 64, and the quads of columns that each has at a time: 1 to 4 in a batch of 1,
   * 1 or 2 in larger ones.
   */
  readonly tileWidth: number;
  readonly columnQuads: number;
  readonly batchColumnQuads: number;
  /** Most columns of a tile of `synapses`, in times of all its invocations' quads, and most rows, in quads from 4 to 64. */
  readonly tileSets: number;
  readonly tileRows: number;
  /** Invocations of a workgroup of `neurons` and `reverse`, a power of two up to 64. */
  readonly neuronWidth: number;
  /**
   * Steps whose updates of weights are done at once, 1 or a multiple of 4 up to 64, in a batch of 1 with plain gradient steps;
   * and the least number of synapses for which they are.
   */
  readonly deferredSteps: number;
  readonly deferredProducts: number;
  /**
   * Smallest batch for which `propagate_wide` and `learn_wide` are used where one pass cannot be; invocations of a workgroup of
   * `propagate_wide`, and the batch rows (4, 8, 12, 16) and quads of outputs (1, 2) of each.
   */
  readonly wideBatch: number;
  readonly wideWidth: number;
  readonly wideLanes: number;
  readonly wideOutputs: number;
  /**
   * Invocations of a subgroup that load for each other, 4 or 8, in `propagate_subgroup` and `learn_subgroup`, which then stand
   * in the place of the wide kernels; 0: none. The device must have the feature "subgroups", and none of fewer.
   */
  readonly sharers: 0 | 4 | 8;
  /**
   * Largest number of products of a step, batch rows times synapses, for which one workgroup takes the whole network and does
   * many steps in a dispatch; and its invocations, a power of two.
   */
  readonly networkProducts: number;
  readonly networkWidth: number;
  /** Whether such a network with a batch of 1 passes once over its weights in a step of jacobi. */
  readonly networkOnePass: boolean;
  /** Replicas of such a network that share the invocations of a workgroup, a power of two. At least one is for each. */
  readonly networkLanes: number;
  /**
   * Bytes of the memory of a workgroup in which such a network is kept while a dispatch lasts: weights, moments, states, all if
   * they fit, else none. Not in windows of adjoint errors, nor where replicas share a workgroup. Every device has 16,384.
   */
  readonly networkMemory: number;
}

/**
 * An adapter that runs on a CPU has few cores, pays for every workgroup, loses its optimiser to a barrier, and takes seconds to
 * compile what keeps many batch rows in an invocation.
 */
export const tunings = {
  gpu: {
    workgroups: 256,
    onePassBatch: 16,
    sharedCurrents: true,
    tileWidth: 64,
    columnQuads: 1,
    batchColumnQuads: 1,
    tileSets: 1,
    tileRows: 16,
    neuronWidth: 64,
    deferredSteps: 1,
    deferredProducts: 0,
    wideBatch: 17,
    wideWidth: 64,
    wideLanes: 8,
    wideOutputs: 2,
    sharers: 0,
    networkProducts: 4096,
    networkWidth: 64,
    networkOnePass: false,
    networkLanes: 1,
    networkMemory: 16384,
  },
  cpu: {
    workgroups: 4,
    onePassBatch: 4,
    sharedCurrents: false,
    tileWidth: 8,
    columnQuads: 1,
    batchColumnQuads: 1,
    tileSets: 4096,
    tileRows: 64,
    neuronWidth: 8,
    deferredSteps: 1,
    deferredProducts: 0,
    wideBatch: 64,
    wideWidth: 32,
    wideLanes: 16,
    wideOutputs: 2,
    sharers: 0,
    networkProducts: 4096,
    networkWidth: 4,
    networkOnePass: true,
    networkLanes: 4,
    networkMemory: 16384,
  },
} as const satisfies Record<string, Tuning>;

/** What a plan has to know of the device that it is for. */
export interface Target {
  readonly software: boolean;
  /** Bytes that one binding may have. */
  readonly bindingBytes: number;
  /** Invocations of the smallest subgroup there may be; 0 where subgroups are not there. */
  readonly subgroupSize: number;
}

/**
 * The tuning where none is asked for. Where more invocations share a load, each needs fewer outputs to make it worth its cost.
 * Measured on vectors of 4 (SwiftShader) and 8 lanes (lavapipe): with 4, more columns and fewer updates win from 256 neurons on,
 * with 8 they lose.
 */
export function tuningFor({ software, subgroupSize }: Pick<Target, "software" | "subgroupSize">): Tuning {
  if (!software) return tunings.gpu;
  if (subgroupSize < 4) return tunings.cpu;
  const sharing = { wideBatch: tunings.cpu.onePassBatch + 1, wideWidth: 8 } as const;
  if (subgroupSize >= 8) {
    return { ...tunings.cpu, ...sharing, sharers: 8, wideOutputs: 1, networkWidth: 8, networkLanes: 8 };
  }
  const deferral = { columnQuads: 4, deferredSteps: 16, deferredProducts: 2 ** 16 } as const;
  return { ...tunings.cpu, ...sharing, ...deferral, sharers: 4, wideOutputs: 2 };
}

/** Networks in a workgroup that takes whole ones, as many as leave none over, and the invocations of each. */
export function networkShape({ replicas, tuning }: PlanOptions): { readonly lanes: number; readonly width: number } {
  let lanes = tuning.networkLanes;
  while (replicas % lanes !== 0) lanes /= 2;
  return { lanes, width: Math.max(tuning.networkWidth / lanes, 1) };
}
/** What weights and their moments stand in. */
export type ShardedName = "parameters" | "first_moment" | "second_moment";

export type BufferName =
  | "params"
  | "clock"
  | "populations"
  | "projections"
  | "deferred_projections"
  | "traced"
  | "neuron_tiles"
  | "synapse_tiles"
  | "learn_tiles"
  | "trace_tiles"
  | "tau_tiles"
  | "apply_tiles"
  | "blocks"
  | "checkpoints"
  | "network_populations"
  | "network_projections"
  | "network_traces"
  | "network_tiles"
  | "ranges"
  | "times"
  | "partial_sums"
  | "frames"
  | "state"
  | "record"
  | ShardedName
  | `${ShardedName}.${number}`;

/** Name of the buffer of a shard; the first one has the plain name. */
export const shardName = (name: ShardedName, shard: number): BufferName => (shard === 0 ? name : `${name}.${shard}`);

/** Rows in a buffer, each padded to whole quads. */
export interface Place {
  readonly buffer: BufferName;
  /** In quads. */
  readonly first: number;
  readonly rows: number;
  /** Rows of zeros behind them. */
  readonly paddingRows: number;
  /** Values in a row, without padding. */
  readonly columns: number;
  /** What stands behind the last value of a row: 0, or that value again. Default 0. */
  readonly padding?: "last";
  /** What rows and columns count: "batch" and "neurons", "post" and "pre", "frames" and "values". */
  readonly axes: readonly [rows: string, columns: string];
  /** Of a W that is cut, its stretches of rows one after the other; the fields above are then those of the first one's start. */
  readonly parts?: readonly Place[];
}

/** The stretches of rows of a place, each in one buffer; most places have one. */
export const partsOf = (place: Place): readonly Place[] => place.parts ?? [place];

/** Rows of a W that stand in one shard. */
export interface Stretch {
  readonly shard: number;
  /** First row and number of rows, in quads. */
  readonly row: number;
  readonly rows: number;
  /** Places of the first row of the weights, and of those that carry errors back, which may be the same. */
  readonly first: number;
  readonly backward: number;
}

/** Quads of a shard: of its parameters, and of those with moments. */
export interface Shard {
  readonly parameters: number;
  readonly moments: number;
}

/** Quads that hold a row of `count` values. */
export const quadsOf = (count: number): number => Math.ceil(count / 4);

/** Quads that a place takes. */
export const sizeOf = ({ rows, columns }: Place): number => rows * quadsOf(columns);

export interface PlannedTrace extends RecordSpec {
  /** Place in the record, and quads of one step of all networks. */
  readonly first: number;
  readonly rowSize: number;
  /** Neurons. */
  readonly columns: number;
}

export interface PlannedEnergy {
  readonly quantity: EnergyQuantity;
  readonly first: number;
  readonly rowSize: number;
}

/** Bound buffers must start at multiples of 256 bytes, so every block does; in quads. */
export const alignment = 16;
export const recordBytes = 4 * 2 ** 20;
export const maxRecordRows = 1024;
export const maxFrames = 4096;

/** Hands out consecutive aligned stretches of quads. */
export class Allocator {
  end: number;
  constructor(start = 0) {
    this.end = start;
  }
  take(quads: number): number {
    const first = this.end;
    this.end += Math.ceil(quads / alignment) * alignment;
    return first;
  }
}

/** A synaptic trace, or that of a population's biases or derivatives; places in quads of the state. */
export interface PlannedSynapticTrace {
  readonly kind: "rates" | "ones" | "derivatives";
  readonly isFiltered: boolean;
  /** Key of the place of its signal. */
  readonly signal: string;
  /** Projection, or population of "ones" and "derivatives". */
  readonly block: number;
  /** Population whose time constants filter it, and the neuron of "rates" that stands for its class. */
  readonly population: number;
  readonly neuron: number;
  readonly z: number;
  readonly x: number;
  readonly ring: number;
  readonly slots: number;
  /** Quads of all batch rows, and of one. */
  readonly count: number;
  readonly row: number;
}

/**
 * Quads from a network to the next: of the state; of the running costs, which stand behind all states; of parameters and
 * moments; of what a window keeps in the record. Traces and energies stand step by step, network by network. Frames are
 * common.
 */
export interface Strides {
  readonly state: number;
  readonly costs: number;
  readonly parameters: number;
  readonly window: number;
}

/** All sizes in quads. */
export interface Layout {
  readonly strides: Strides;
  /** One field of the state, and the states and running costs of all networks. */
  readonly field: number;
  readonly fields: readonly string[];
  readonly state: number;
  /** Of all parameters, moments and gradients of the first shard; and the place of the gradients of a window behind the moments. */
  readonly parameters: number;
  readonly moments: number;
  readonly gradients: number;
  /** Most networks have one; the two sizes above are those of the first. */
  readonly shards: readonly Shard[];
  /** Per projection, from its first row to its last. */
  readonly stretches: readonly (readonly Stretch[])[];
  readonly frames: number;
  readonly record: number;
  /** Of one checkpoint and of all. */
  readonly checkpoint: number;
  readonly checkpoints: number;
  /** By "rate/hidden", "weight/hidden/output" ... */
  readonly places: ReadonlyMap<string, Place>;
  /** Other places, in quads, that only kernels know. */
  readonly inner: ReadonlyMap<string, number>;
  readonly synapticTraces: readonly PlannedSynapticTrace[];
  /** Steps whose updates of weights are done at once; 1: each step updates. */
  readonly deferredSteps: number;
  readonly frameCapacity: number;
  readonly traces: readonly PlannedTrace[];
  readonly recordRows: number;
  readonly costs: { readonly first: number; readonly count: number };
  /** Recorded energies: place in the record, and quads of one step. */
  readonly energies: readonly PlannedEnergy[];
  /** Null unless errors are adjoint. */
  readonly segments: Segments | null;
}

export type Places = Map<string, Place>;

export interface Books {
  readonly places: Places;
  readonly inner: Map<string, number>;
}

/** Names of both ends; joined by "/" they key the places of a projection. */
export function pathOf(network: Network, projection: Projection): [from: string, to: string] {
  const from = (projection.fromSource ? network.sources : network.populations)[projection.from];
  return [from?.name ?? "", network.populations[projection.to]?.name ?? ""];
}
