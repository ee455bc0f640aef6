/** Which dispatches make a step, and a window, in which order. Pure. */

import type { BindingName, KernelName } from "./kernels.ts";
import { fieldIndex, traceQuantities, type BufferName, type Layout, type PlanOptions } from "./layout.ts";
import type { Network } from "./spec.ts";
import { activations, costs, networkLimits, networkTiles, timesPowers } from "./tables.ts";
import { propagateWidth, type Cut, type Groups, type TileRange } from "./tiles.ts";

export interface DispatchOf<K extends KernelName> {
  readonly kernel: K;
  readonly label: string;
  readonly buffers: Readonly<Record<BindingName<K>, BufferName>>;
  readonly constants: Readonly<Record<string, number>>;
  readonly workgroups: readonly [number, number];
  /** The part of its table of tiles that is bound. Default: all. */
  readonly tiles?: TileRange;
  /** Of `network`: the power of two of steps, or windows, that it does. */
  readonly power?: number;
}

/** One dispatch; its buffers are named by the bindings of its kernel. */
export type Dispatch = { [K in KernelName]: DispatchOf<K> }[KernelName];

/** A run of K steps: `start`, then K times `step`, with `join` between two of them, then `end`. */
export interface Program {
  readonly start: readonly Dispatch[];
  readonly step: readonly Dispatch[];
  readonly join: readonly Dispatch[];
  readonly end: readonly Dispatch[];
}

/** A window of adjoint errors. */
export interface WindowPrograms {
  /** Forward through its first segment and through the later ones, which differ in their start. */
  readonly first: Program;
  readonly forward: Program;
  /** Forward again, without costs and traces. */
  readonly again: Program;
  /** One step back. */
  readonly back: readonly Dispatch[];
  /** Adds the gradient of a segment; starts with that of the last, which may be shorter. */
  readonly gradient: readonly Dispatch[];
  readonly lastGradient: readonly Dispatch[];
  /** Updates the parameters. */
  readonly apply: readonly Dispatch[];
}

export interface Programs {
  readonly frozen: Program;
  /** The same as `frozen` where nothing learns, or learns by windows. */
  readonly learning: Program;
  readonly window: WindowPrograms | null;
  /** For a small network in place of the others: dispatches of 1, 2, 4 ... steps, or, if it learns by windows, windows. */
  readonly network: { readonly learning: readonly Dispatch[]; readonly frozen: readonly Dispatch[] } | null;
}

const maxWorkgroupsPerDimension = 65535;

export function foldWorkgroups(count: number): readonly [number, number] {
  const rows = Math.ceil(count / maxWorkgroupsPerDimension);
  return [Math.max(Math.ceil(count / rows), 1), Math.max(rows, 1)];
}

export function planPrograms(network: Network, options: PlanOptions, layout: Layout, work: Cut): Programs {
  const maker = new Maker(network, options, layout, work);
  const frozen = maker.program(false, plain);
  const learning = work.learns && !work.needs.isAdjoint ? maker.program(true, plain) : frozen;
  return {
    frozen,
    learning,
    window: work.needs.isAdjoint && work.learns ? maker.window() : null,
    network: fitsTables(network, layout, work) ? maker.inOneWorkgroup() : null,
  };
}

/** Whether a small network fits the tables of `network`. */
function fitsTables({ populations, sources, projections }: Network, layout: Layout, work: Cut): boolean {
  const limits = networkLimits;
  return (
    work.isSmall &&
    populations.length + sources.length <= limits.populations &&
    projections.length <= limits.projections &&
    layout.synapticTraces.length <= limits.traces &&
    work.levels <= limits.levels &&
    networkTiles(work).tiles.length <= limits.tiles
  );
}

/** How a program differs from the plain one. */
interface Manner {
  readonly suffix: string;
  /** Whether a window keeps the steps, and whether the start of the program starts a segment or a window. */
  readonly keeps: boolean;
  readonly segmentStart: 0 | 1 | 2;
  /** Without costs, traces and targets kept. */
  readonly isBare: boolean;
}

const plain: Manner = { suffix: "", keeps: false, segmentStart: 0, isBare: false };

/** Traces that are known when errors are: error, low-passed error, feedback, top-down signal. */
const errorTraces = 298;
/** Those of sources: rate and feedback. */
const sourceTraces = 33;

/** Which parts of a step a dispatch of `neurons` does. */
interface Parts {
  readonly load?: boolean;
  readonly finish?: boolean;
  readonly begin?: boolean;
}

class Maker {
  private readonly network: Network;
  private readonly options: PlanOptions;
  private readonly layout: Layout;
  private readonly work: Cut;
  private readonly traces: number;

  constructor(network: Network, options: PlanOptions, layout: Layout, work: Cut) {
    this.network = network;
    this.options = options;
    this.layout = layout;
    this.work = work;
    this.traces = or(options.record.map(({ quantity }) => 1 << traceQuantities.indexOf(quantity)));
  }

  program(learns: boolean, manner: Manner): Program {
    return this.work.needs.isSweep ? this.sweep(learns, manner) : this.jacobi(learns, manner);
  }

  window(): WindowPrograms {
    const forward = { suffix: " forward", keeps: true, isBare: false } as const;
    const count = this.layout.segments?.count ?? 1;
    const first = this.program(false, { ...forward, segmentStart: 2 });
    return {
      first,
      forward: count === 1 ? first : this.program(false, { ...forward, segmentStart: 1 }),
      again:
        count === 1 ? first : this.program(false, { suffix: " again", keeps: true, segmentStart: 1, isBare: true }),
      back: this.back(),
      gradient: this.gradient(this.layout.segments?.steps ?? 1, true),
      lastGradient: this.gradient(this.layout.segments?.last ?? 1, false),
      apply: this.apply(),
    };
  }

  // ---- a network in one workgroup ---------------------------------------------------------------------------

  inOneWorkgroup(): Programs["network"] {
    const frozen = this.networks(false);
    return { frozen, learning: this.work.learns ? this.networks(true) : frozen };
  }

  private networks(learns: boolean): DispatchOf<"network">[] {
    const { layout, options, network, work } = this;
    const { needs } = work;
    const keeps = needs.isAdjoint && learns;
    const constants = {
      ...this.neuronConstants(keeps),
      ...this.reversalConstants(),
      ...this.tauConstants(),
      TRACES: this.traces & (needs.isSweep ? ~errorTraces | sourceTraces : ~0),
      BEGIN_TRACES: needs.isSweep ? this.traces & errorTraces : 0,
      KEEPS_TARGET: network.targetDelay,
      WIDTH: options.tuning.networkWidth,
      IS_SWEEP: Number(needs.isSweep),
      UPDATES: Number(learns),
      LEARNS_SYNAPSES: Number(work.learnsSynapses),
      LEARNS_TAU: Number(work.tauTiles.length > 0),
      IS_TRACED: Number(needs.isTraced),
      IS_ADJOINT: Number(needs.isAdjoint),
      LEVELS: work.levels,
      GRADIENT: layout.gradients,
      STEPS: options.learning.window,
      CONTINUES: 0,
      MATCHED: Number(needs.isTraced),
      OPTIMIZER: this.optimizer,
    };
    return Array.from({ length: timesPowers }, (_, power) => ({
      kernel: "network",
      label: `network ${learns ? "" : "frozen "}${2 ** power}`,
      buffers: networkBuffers,
      constants,
      workgroups: [1, 1],
      power,
    }));
  }

  // ---- schedules --------------------------------------------------------------------------------------------

  private jacobi(learns: boolean, manner: Manner): Program {
    const [range] = this.work.neurons.ranges;
    const start = [this.neurons("begin", { load: true, begin: true }, range, manner)];
    const step = this.jacobiSynapses(learns);
    const inner = { ...manner, segmentStart: 0 } as const;
    const finish = this.neurons("finish", { finish: true }, range, inner);
    const learnsTau = learns && this.work.tauTiles.length > 0;
    // A derivative is known once its step is finished, and the next one begins with the time constants that it leaves.
    const after = [...this.traced(1), ...(learnsTau ? [this.learnTau()] : [])];
    if (after.length === 0) {
      const fused = this.neurons("", { load: true, finish: true, begin: true }, range, inner);
      return { start, step, join: [fused], end: [finish] };
    }
    const begin =
      manner.segmentStart === 0 ? start : [this.neurons("begin", { load: true, begin: true }, range, inner)];
    return { start, step, join: [finish, ...after, ...begin], end: [finish, ...after] };
  }

  private jacobiSynapses(learns: boolean): Dispatch[] {
    const { work } = this;
    if (work.isOnePass) return [this.synapses(learns && work.learnsSynapses)];
    // Without errors there is nothing to propagate back.
    const [range] = work.synapses.ranges;
    return [this.propagate("propagate", range, 1), ...this.traced(0), ...(learns ? this.learn() : [])];
  }

  private sweep(learns: boolean, manner: Manner): Program {
    const { work } = this;
    const { levels } = work;
    const up = Array.from({ length: levels }, (_, level) => level);
    const inner = { ...manner, segmentStart: 0 } as const;
    const forward = up.flatMap((level) => [
      this.propagate(`propagate up ${level}`, work.synapses.ranges[level], level === 0 ? 1 : 0),
      this.neurons(`finish ${level}`, { finish: true }, work.neurons.ranges[level], inner),
    ]);
    const load = (own: Manner): Dispatch => this.neurons("load", { load: true }, undefined, own);
    const step = [
      ...forward,
      ...this.sweepBack(manner),
      ...this.sourceTraces(manner),
      ...this.traced(0),
      ...this.traced(1),
      ...(learns ? this.learn() : []),
      ...(learns && work.tauTiles.length > 0 ? [this.learnTau()] : []),
    ];
    return { start: [load(manner)], step, join: [load(inner)], end: [] };
  }

  /** Errors and costs, level by level down. */
  private sweepBack(manner: Manner): Dispatch[] {
    const { work, network } = this;
    const { needs, levels, synapses, neurons } = work;
    const down = Array.from({ length: levels }, (_, index) => levels - 1 - index);
    const begun = down.flatMap((level) => {
      const hasCost = !manner.isBare && network.populations.some((each) => each.level === level && each.cost !== null);
      if (!needs.isOnline && !hasCost) return [];
      const begin = this.neurons(`begin ${level}`, { begin: true }, neurons.ranges[level], manner);
      return needs.isOnline
        ? [begin, ...this.feedBack(`propagate down ${level}`, synapses.ranges[levels + level])]
        : [begin];
    });
    return needs.isOnline ? [...begun, ...this.feedBack("propagate back", synapses.ranges[2 * levels])] : begun;
  }

  private sourceTraces(manner: Manner): Dispatch[] {
    if ((this.traces & sourceTraces) === 0 || manner.isBare) return [];
    return [this.neurons("traces of sources", { finish: true }, this.work.neurons.ranges[this.work.levels], manner)];
  }

  private feedBack(label: string, range: TileRange | undefined): Dispatch[] {
    return range === undefined || range.count === 0 ? [] : [this.propagate(label, range, 0)];
  }

  // ---- the way back through a window ------------------------------------------------------------------------

  private back(): Dispatch[] {
    const { levels, synapses, neurons } = this.work;
    const down = Array.from({ length: levels }, (_, index) => levels - 1 - index);
    const lowered = down.flatMap((level) => [
      this.reverse(level, neurons.ranges[level]),
      ...this.feedBack(`propagate down ${level}`, synapses.ranges[levels + level]),
    ]);
    // The last dispatch of a step counts it down.
    return [...lowered, this.propagate("propagate back", synapses.ranges[2 * levels], 2 ** 32 - 1)];
  }

  private reverse(level: number, range: TileRange | undefined): DispatchOf<"reverse"> {
    return {
      kernel: "reverse",
      label: `reverse ${level}`,
      buffers: neuronBuffers,
      constants: { ...this.populationConstants(), KEEPS_TARGET: 0, ...this.reversalConstants() },
      ...this.tiles(this.work.neurons, range),
    };
  }

  private reversalConstants(): Readonly<Record<string, number>> {
    const { layout, options, work } = this;
    return {
      WINDOW: options.learning.window,
      COST_LAG: Number(!work.needs.isSweep),
      HAS_DERIVATIVES: Number(work.needs.sumsTau),
      TAU_SUMS: fieldIndex(layout, "tauMSum"),
      POTENTIAL_GRADIENT: fieldIndex(layout, "potentialGradient"),
    };
  }

  private gradient(steps: number, continues: boolean): Dispatch[] {
    const { layout, options, work } = this;
    if (work.learnTiles.length === 0) return [];
    return [
      {
        kernel: "gradient",
        label: `gradient of ${steps}`,
        buffers: {
          params: "params",
          clock: "clock",
          projections: "projections",
          tiles: "learn_tiles",
          record: "record",
          first_moment: "first_moment",
        },
        constants: { BATCH: options.batch, STEPS: steps, GRADIENT: layout.gradients, CONTINUES: Number(continues) },
        workgroups: foldWorkgroups(work.learnTiles.length),
      },
    ];
  }

  private apply(): Dispatch[] {
    const { options, layout, work } = this;
    return [
      {
        kernel: "apply",
        label: "apply",
        buffers: { ...plasticBuffers, tiles: "apply_tiles", state: "state" },
        constants: { BATCH: options.batch, GRADIENT: layout.gradients, OPTIMIZER: this.optimizer },
        workgroups: foldWorkgroups(work.applyTiles.length),
      },
    ];
  }

  // ---- dispatches -------------------------------------------------------------------------------------------

  private neurons(
    name: string,
    { load = false, finish = false, begin = false }: Parts,
    range: TileRange | undefined,
    { suffix, keeps, segmentStart, isBare }: Manner,
  ): DispatchOf<"neurons"> {
    const { network, work } = this;
    const traces = isBare ? 0 : this.traces;
    return {
      kernel: "neurons",
      label: `neurons ${name}`.trim() + suffix,
      buffers: neuronBuffers,
      constants: {
        LOAD: Number(load),
        FINISH: Number(finish),
        BEGIN: Number(begin),
        SEGMENT_START: segmentStart,
        ...this.neuronConstants(keeps),
        ...(isBare && { COSTS: 0 }),
        KEEPS_TARGET: Number(network.targetDelay === 1 && !isBare),
        TRACES: finish ? traces & this.tracesOfFinish(range) : 0,
        BEGIN_TRACES: work.needs.isSweep && begin ? traces & errorTraces : 0,
      },
      ...this.tiles(work.neurons, range),
    };
  }

  private neuronConstants(keeps: boolean): Readonly<Record<string, number>> {
    const { layout, options, work } = this;
    const trajectory = work.needs.sumsTau ? 2 : 1;
    return {
      ...this.populationConstants(),
      ERRORS: { none: 0, local: 1, instantaneous: 2, adjoint: 0 }[options.learning.errors],
      TRAJECTORY: keeps ? trajectory : 0,
      DERIVATIVE: fieldIndex(layout, "potentialDerivative"),
      PREVIOUS: fieldIndex(layout, "previousRate"),
      POWERS: fieldIndex(layout, "topDownPower"),
      TOP_DOWN: fieldIndex(layout, "topDown"),
      IS_ALIGNED: Number(work.needs.distances !== null),
    };
  }

  /** In a sweep errors are not there yet, and sources have a dispatch of their own at the end. */
  private tracesOfFinish(range: TileRange | undefined): number {
    const { needs, neurons, levels } = this.work;
    if (!needs.isSweep) return ~0;
    return range === neurons.ranges[levels] ? sourceTraces : ~errorTraces;
  }

  private populationConstants(): Readonly<Record<string, number>> {
    const { populations } = this.network;
    return {
      FIELD: this.layout.field,
      BATCH: this.options.batch,
      SEGMENT: this.layout.segments?.steps ?? 1,
      TARGET_LAG: this.network.targetDelay,
      ACTIVATIONS: or(populations.map(({ activation }) => activations[activation])),
      COSTS: or(populations.map(({ cost }) => (cost === null ? 0 : costs[cost.kind]))),
      HAS_WIDE_ROWS: Number(this.work.hasWideRows),
    };
  }

  private get optimizer(): number {
    return { sgd: 0, momentum: 1, adam: 2, accumulate: 3 }[this.options.learning.optimizer.kind];
  }

  private synapses(learns: boolean): DispatchOf<"synapses"> {
    return {
      kernel: "synapses",
      label: learns ? "synapses" : "synapses frozen",
      buffers: { ...plasticBuffers, ...synapseBuffers, tiles: "synapse_tiles", partial_sums: "partial_sums" },
      constants: { LEARN: Number(learns), OPTIMIZER: this.optimizer, ...this.work.synapseShape },
      workgroups: foldWorkgroups(this.work.synapses.tiles.length),
    };
  }

  private propagate(label: string, range: TileRange | undefined, advance: number): DispatchOf<"propagate"> {
    return {
      kernel: "propagate",
      label,
      buffers: { ...synapseBuffers, parameters: "parameters", tiles: "synapse_tiles", partial_sums: "partial_sums" },
      constants: { BATCH: this.options.batch, WIDTH: propagateWidth, ADVANCE: advance },
      ...this.tiles(this.work.synapses, range),
    };
  }

  private learn(): Dispatch[] {
    if (!this.work.learnsSynapses) return [];
    return [
      {
        kernel: "learn",
        label: "learn",
        buffers: { ...plasticBuffers, ...synapseBuffers, tiles: "learn_tiles" },
        constants: { BATCH: this.options.batch, MATCHED: Number(this.work.needs.isTraced), OPTIMIZER: this.optimizer },
        workgroups: foldWorkgroups(this.work.learnTiles.length),
      },
    ];
  }

  private learnTau(): DispatchOf<"learn_time_constants"> {
    const { layout, options } = this;
    return {
      kernel: "learn_time_constants",
      label: "learn_time_constants",
      buffers: { ...plasticBuffers, tiles: "tau_tiles", state: "state" },
      constants: { BATCH: options.batch, FIELD: layout.field, ...this.tauConstants(), OPTIMIZER: this.optimizer },
      workgroups: foldWorkgroups(this.work.tauTiles.length),
    };
  }

  private tauConstants(): Readonly<Record<string, number>> {
    const { layout } = this;
    const { isMatched, learnsTauM } = this.work.needs;
    return {
      TOP_DOWN: fieldIndex(layout, "topDown"),
      DERIVATIVE: fieldIndex(layout, "potentialDerivative"),
      TAU_SIGNAL: fieldIndex(layout, isMatched ? "topDown" : "error"),
      TAU_TRACE: fieldIndex(layout, isMatched && learnsTauM ? "derivativeTrace" : "potentialDerivative"),
    };
  }

  /** Group 0: what is known before the step is finished; group 1: what is not. */
  private traced(group: 0 | 1): DispatchOf<"traces">[] {
    const range = this.work.traces.ranges[group];
    if (range === undefined || range.count === 0) return [];
    return [
      {
        kernel: "traces",
        label: group === 0 ? "traces" : "traces of derivatives",
        buffers: {
          params: "params",
          clock: "clock",
          traced: "traced",
          tiles: "trace_tiles",
          parameters: "parameters",
          state: "state",
        },
        constants: { IS_ALIGNED: Number(this.work.needs.distances !== null) },
        ...this.tiles(this.work.traces, range),
      },
    ];
  }

  /** A range of a table of tiles; without one, all. */
  private tiles({ tiles }: Groups, range: TileRange | undefined): Pick<Dispatch, "workgroups" | "tiles"> {
    const isAll = range === undefined || (range.first === 0 && range.count === tiles.length);
    if (isAll) return { workgroups: foldWorkgroups(tiles.length) };
    // A binding may not be empty; a tile that does nothing is there for it.
    const count = Math.max(range.count, 1);
    return { workgroups: foldWorkgroups(count), tiles: { first: range.first, count } };
  }
}

const or = (bits: readonly number[]): number => bits.reduce((all, bit) => all | bit, 0);

const neuronBuffers = {
  params: "params",
  clock: "clock",
  populations: "populations",
  tiles: "neuron_tiles",
  parameters: "parameters",
  partial_sums: "partial_sums",
  frames: "frames",
  state: "state",
  record: "record",
} as const;

const networkBuffers = {
  params: "params",
  clock: "clock",
  state: "state",
  partial_sums: "partial_sums",
  record: "record",
  frames: "frames",
  parameters: "parameters",
  first_moment: "first_moment",
  second_moment: "second_moment",
  populations: "network_populations",
  projections: "network_projections",
  traced: "network_traces",
  tiles: "network_tiles",
  ranges: "ranges",
  times: "times",
} as const;

const synapseBuffers = { params: "params", clock: "clock", projections: "projections", state: "state" } as const;

const plasticBuffers = {
  params: "params",
  clock: "clock",
  parameters: "parameters",
  first_moment: "first_moment",
  second_moment: "second_moment",
} as const;
