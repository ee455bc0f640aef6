/** Every dispatch of a plan: its kernel, buffers, overrides and workgroups. Pure. */

import {
  localBuffers,
  networkBuffers,
  neuronBuffers,
  plasticBuffers,
  plasticBuffersIn,
  synapseBuffers,
  type PlasticBuffers,
} from "./dispatches/buffers.ts";
import { energyDispatch, stepCosts } from "./dispatches/energies.ts";
import { foldWorkgroups, type Dispatch, type DispatchOf, type Manner } from "./dispatches/dispatch.ts";
import {
  fieldIndex,
  momentsOf,
  networkShape,
  shardName,
  traceQuantities,
  type Layout,
  type LocalNetwork,
  type PlanOptions,
} from "./layout.ts";
import type { Network } from "./spec.ts";
import { activations, costs, timesPowers } from "./tables.ts";
import type { Cut, Groups, TileRange } from "./tiles.ts";

export { plain, type Dispatch, type DispatchOf, type Manner } from "./dispatches/dispatch.ts";

type NetworkDispatch = DispatchOf<"network"> | DispatchOf<"network_local">;

/** Traces that are known when errors are: error, low-passed error, feedback, top-down signal. */
const errorTraces = 298;
/** Those of sources: rate and feedback. */
export const sourceTraces = 33;

/** Which parts of a step a dispatch of `neurons` does. */
interface Parts {
  readonly load?: boolean;
  readonly finish?: boolean;
  readonly begin?: boolean;
}

export class Dispatches {
  private readonly network: Network;
  private readonly options: PlanOptions;
  private readonly layout: Layout;
  private readonly work: Cut;
  /** A bit for each quantity that is recorded of any population. */
  readonly traces: number;

  constructor(network: Network, options: PlanOptions, layout: Layout, work: Cut) {
    this.network = network;
    this.options = options;
    this.layout = layout;
    this.work = work;
    this.traces = or(options.record.map(({ quantity }) => 1 << traceQuantities.indexOf(quantity)));
  }

  neurons(
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
        WIDTH: this.options.tuning.neuronWidth,
        ...this.neuronConstants(keeps),
        ...(isBare && { COSTS: 0 }),
        KEEPS_TARGET: Number(network.targetDelay === 1 && !isBare),
        TRACES: finish ? traces & this.tracesOfFinish(range) : 0,
        BEGIN_TRACES: work.needs.isSweep && begin ? traces & errorTraces : 0,
      },
      ...this.tiles(work.neurons, range),
    };
  }

  reverse(level: number, range: TileRange | undefined): DispatchOf<"reverse"> {
    return {
      kernel: "reverse",
      label: `reverse ${level}`,
      buffers: neuronBuffers,
      constants: {
        WIDTH: this.options.tuning.neuronWidth,
        ...this.populationConstants(),
        KEEPS_TARGET: 0,
        ...this.reversalConstants(),
      },
      ...this.tiles(this.work.neurons, range),
    };
  }

  /** One for each shard; the first counts the step. */
  synapses(learns: boolean): Dispatch[] {
    const { work, options } = this;
    const { batch } = options;
    const { rows: ROWS, ...shape } = work.synapseShape;
    const returns = Number(work.returns.includes(true));
    const constants = {
      LEARN: Number(learns),
      FEEDBACK: returns,
      OPTIMIZER: this.optimizer,
      ...this.deferral,
      ...shape,
    };
    return work.synapses.ranges.map((range, shard): Dispatch => {
      const common = {
        label: inShard(learns ? "synapses" : "synapses frozen", shard),
        buffers: {
          ...this.plasticBuffers(shard),
          ...synapseBuffers,
          tiles: "synapse_tiles",
          partial_sums: "partial_sums",
        },
        ...this.tiles(work.synapses, range),
      } as const;
      const counted = { ...constants, ADVANCE: Number(shard === 0) };
      return batch === 1
        ? { ...common, kernel: "synapses", constants: { ...counted, ROWS } }
        : { ...common, kernel: "synapses_batch", constants: { ...counted, BATCH: batch, LANES: batch } };
    });
  }

  /** Of a group of tiles of synapses: one for each shard with tiles in it, and one that counts the step. */
  propagate(label: string, group: number, advance: number): Dispatch[] {
    const { synapses, productShape, isWide } = this.work;
    const { ranges } = synapses;
    const { WIDTH, LANES, OUTPUTS, BY_LANES, SHARERS } = productShape;
    const { shards } = this.layout;
    return shards.flatMap((_, shard): Dispatch[] => {
      const range = ranges[(shard * ranges.length) / shards.length + group];
      const counts = shard === 0 ? advance : 0;
      if (counts === 0 && (range === undefined || range.count === 0)) return [];
      const common = {
        label: inShard(label, shard),
        buffers: {
          ...synapseBuffers,
          parameters: shardName("parameters", shard),
          tiles: "synapse_tiles",
          partial_sums: "partial_sums",
        },
        ...this.tiles(synapses, range),
      } as const;
      const constants = { BATCH: this.options.batch, WIDTH, ADVANCE: counts };
      if (!isWide) return [{ ...common, kernel: "propagate", constants }];
      const wide = { ...constants, LANES, OUTPUTS };
      return [
        SHARERS > 0
          ? { ...common, kernel: "propagate_subgroup", constants: { ...wide, SHARERS } }
          : { ...common, kernel: "propagate_wide", constants: { ...wide, BY_LANES } },
      ];
    });
  }

  /** Group 0: what is known before the step is finished; group 1: what is not. */
  traced(group: 0 | 1): DispatchOf<"traces">[] {
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

  learn(): Dispatch[] {
    const { options, work } = this;
    if (!work.learnsSynapses) return [];
    const constants = { BATCH: options.batch, OPTIMIZER: this.optimizer };
    return this.learnBy("learn", constants, "projections");
  }

  /** Deferred updates: the steps are what batch rows are otherwise. */
  learnPairs(): Dispatch[] {
    const constants = { BATCH: this.layout.deferredSteps, OPTIMIZER: this.optimizer, MEAN: 0 };
    return this.learnBy(`learn ${this.layout.deferredSteps} steps`, constants, "deferred_projections");
  }

  private learnBy(
    label: string,
    constants: Readonly<Record<string, number>>,
    projections: "projections" | "deferred_projections",
  ): Dispatch[] {
    const { work } = this;
    const shape = work.learnShape;
    return work.learnRanges.flatMap((range, shard): Dispatch[] => {
      if (range.count === 0) return [];
      const common = {
        label: inShard(label, shard),
        buffers: { ...this.plasticBuffers(shard), ...synapseBuffers, projections, tiles: "learn_tiles" },
        ...this.tiles({ tiles: work.learnTiles, ranges: work.learnRanges }, range),
      } as const;
      switch (shape.kernel) {
        case "learn":
          return [{ ...common, kernel: "learn", constants: { ...constants, MATCHED: Number(work.needs.isTraced) } }];
        case "learn_wide":
          return [{ ...common, kernel: "learn_wide", constants: { ...constants, BY_ROWS: Number(shape.isByRows) } }];
        case "learn_subgroup": {
          const { kernel, ...overrides } = shape;
          return [{ ...common, kernel, constants: { ...constants, ...overrides } }];
        }
      }
    });
  }

  learnTau(): DispatchOf<"learn_time_constants"> {
    return {
      kernel: "learn_time_constants",
      label: "learn_time_constants",
      buffers: { ...plasticBuffers, tiles: "tau_tiles", state: "state" },
      constants: { ...this.tauConstants(), OPTIMIZER: this.optimizer },
      workgroups: foldWorkgroups(this.work.tauTiles.length),
    };
  }

  gradient(steps: number, continues: boolean): Dispatch[] {
    const { work } = this;
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
        constants: { CONTINUES: Number(continues) },
        workgroups: foldWorkgroups(work.learnTiles.length),
      },
    ];
  }

  apply(): Dispatch[] {
    const { work } = this;
    return [
      {
        kernel: "apply",
        label: "apply",
        buffers: { ...plasticBuffers, tiles: "apply_tiles", state: "state" },
        constants: { OPTIMIZER: this.optimizer },
        workgroups: foldWorkgroups(work.applyTiles.length),
      },
    ];
  }

  /** Of a step forward, or of one back through a window, which is the one that has errors there. */
  energies(manner: Manner, isBack = false): DispatchOf<"energies">[] {
    if (this.options.energies.length === 0 || manner.keeps) return [];
    return [energyDispatch(this.network, this.options, this.layout, this.work, isBack)];
  }

  networks(learns: boolean): NetworkDispatch[] {
    const { options, network, work } = this;
    const { needs } = work;
    const keeps = needs.isAdjoint && learns;
    const { width, lanes } = networkShape(options);
    const constants = {
      ...this.neuronConstants(keeps),
      ...this.reversalConstants(),
      ...this.tauConstants(),
      TRACES: this.traces & (needs.isSweep ? ~errorTraces | sourceTraces : ~0),
      BEGIN_TRACES: needs.isSweep ? this.traces & errorTraces : 0,
      KEEPS_TARGET: network.targetDelay,
      WIDTH: width,
      IS_SWEEP: Number(needs.isSweep),
      UPDATES: Number(learns),
      LEARNS_SYNAPSES: Number(work.learnsSynapses),
      LEARNS_TAU: Number(work.tauTiles.length > 0),
      IS_TRACED: Number(needs.isTraced),
      IS_ADJOINT: Number(needs.isAdjoint),
      ...this.passing(learns),
      LEVELS: work.levels,
      SUMS: work.partialSums,
      BATCH: options.batch,
      CONTINUES: 0,
      MATCHED: Number(needs.isTraced),
      OPTIMIZER: this.optimizer,
    };
    const own = { LANES: lanes, INVOCATIONS: width * lanes };
    return Array.from({ length: timesPowers }, (_, power): NetworkDispatch => {
      const common = {
        label: `network ${learns ? "" : "frozen "}${2 ** power}`,
        workgroups: [1, 1],
        power,
      } as const;
      return work.local === null
        ? { ...common, kernel: "network", buffers: networkBuffers, constants: { ...constants, ...own }, lanes }
        : {
            ...common,
            kernel: "network_local",
            buffers: localBuffers,
            constants: { ...constants, ...this.localConstants(work.local) },
          };
    });
  }

  /** Whether a network passes once over its weights, and what it does then. */
  private passing(learns: boolean): Readonly<Record<string, number>> {
    const { synapseShape, isOnePass, learnsSynapses, returns } = this.work;
    const { QUADS, SHARED } = synapseShape;
    return {
      IS_ONE_PASS: Number(isOnePass),
      LEARN: Number(learns && learnsSynapses),
      FEEDBACK: Number(returns.includes(true)),
      QUADS,
      SHARED,
      ROWS: 4,
    };
  }

  private localConstants(local: LocalNetwork): Readonly<Record<string, number>> {
    const strides = { STATE_STRIDE: 0, COST_STRIDE: 0, PARAMETER_STRIDE: 0, SUM_STRIDE: 0 };
    return {
      // Each network has a memory of its own.
      ...(this.options.replicas > 1 && strides),
      STATES: local.states,
      RUNNING_COSTS: local.costs,
      PARAMETERS: local.parameters,
      FIRST_MOMENTS: local.firstMoments,
      SECOND_MOMENTS: local.secondMoments,
      STORED_COSTS: this.layout.costs.first,
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
      ...this.deferral,
    };
  }

  /** Nothing where every step updates. */
  private get deferral(): Readonly<Record<string, number>> {
    const { deferredSteps } = this.layout;
    return deferredSteps === 1 ? {} : { DEFERRED: deferredSteps };
  }

  private populationConstants(): Readonly<Record<string, number>> {
    const { populations } = this.network;
    return {
      TARGET_LAG: this.network.targetDelay,
      STEP_COSTS: this.options.energies.length > 0 ? stepCosts(this.options, this.layout) : 0,
      ACTIVATIONS: or(populations.map(({ activation }) => activations[activation])),
      COSTS: or(populations.map(({ cost }) => (cost === null ? 0 : costs[cost.kind]))),
      HAS_WIDE_ROWS: Number(this.work.hasWideRows),
    };
  }

  private reversalConstants(): Readonly<Record<string, number>> {
    const { layout, work } = this;
    return {
      COST_LAG: Number(!work.needs.isSweep),
      HAS_DERIVATIVES: Number(work.needs.sumsTau),
      TAU_SUMS: fieldIndex(layout, "tauMSum"),
      TOP_DOWN: fieldIndex(layout, "topDown"),
      DERIVATIVE: fieldIndex(layout, "potentialDerivative"),
      POTENTIAL_GRADIENT: fieldIndex(layout, "potentialGradient"),
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

  /** In a sweep errors are not there yet, and sources have a dispatch of their own at the end. */
  private tracesOfFinish(range: TileRange | undefined): number {
    const { needs, neurons, levels } = this.work;
    if (!needs.isSweep) return ~0;
    return range === neurons.ranges[levels] ? sourceTraces : ~errorTraces;
  }

  private plasticBuffers(shard: number): PlasticBuffers {
    return plasticBuffersIn(shard, this.work.learns ? momentsOf(this.options.learning) : 0);
  }

  private get optimizer(): number {
    return { sgd: 0, momentum: 1, adam: 2, accumulate: 3 }[this.options.learning.optimizer.kind];
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

export const inShard = (label: string, shard: number): string => (shard === 0 ? label : `${label} shard ${shard}`);

const or = (bits: readonly number[]): number => bits.reduce((all, bit) => all | bit, 0);
