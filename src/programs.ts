/** Which dispatches make a step, and a window, in which order. Pure. */

import { Dispatches, inShard, plain, sourceTraces, type Dispatch, type DispatchOf, type Manner } from "./dispatches.ts";
import { quadsOf, shardName, type Layout, type PlanOptions } from "./layout.ts";
import type { Network } from "./spec.ts";
import { blockRanges, networkLimits, networkTiles } from "./tables.ts";
import type { Cut, TileRange } from "./tiles.ts";

export type { Dispatch, DispatchOf } from "./dispatches.ts";

/** A run of K steps: `start`, then K times `step`, with `join` between two of them, then `end`. */
export interface Program {
  readonly start: readonly Dispatch[];
  readonly step: readonly Dispatch[];
  readonly join: readonly Dispatch[];
  readonly end: readonly Dispatch[];
}

/** Deferred updates of weights: what does those of `steps` steps at once. */
export interface Deferred {
  readonly steps: number;
  readonly update: readonly Dispatch[];
  /** Where the errors of the steps stand in the state, one row behind the other, in quads; rows of zeros update nothing. */
  readonly errors: readonly { readonly first: number; readonly row: number }[];
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
  /** Null where every step of `learning` updates all that it learns. */
  readonly deferred: Deferred | null;
  /** For a small network in place of the others: dispatches of 1, 2, 4 ... steps, or, if it learns by windows, windows. */
  readonly network: { readonly learning: readonly Dispatch[]; readonly frozen: readonly Dispatch[] } | null;
}

/** Dispatches that fill the parameters, one for each shard. */
export function initializers(network: Network, layout: Layout): DispatchOf<"initialize">[] {
  const ranges = blockRanges(network, layout);
  return layout.shards.map(({ parameters }, shard) => ({
    kernel: "initialize",
    label: inShard("initialize", shard),
    buffers: { blocks: "blocks", parameters: shardName("parameters", shard), clock: "clock" },
    constants: {},
    workgroups: [Math.min(Math.ceil(parameters / 64), 4096), 1],
    ...(ranges.length > 1 && { tiles: ranges[shard] as TileRange }),
  }));
}

export function planPrograms(network: Network, options: PlanOptions, layout: Layout, work: Cut): Programs {
  const schedules = new Schedules(network, options, layout, work);
  const frozen = schedules.program(false, plain);
  const learning = work.learns && !work.needs.isAdjoint ? schedules.program(true, plain) : frozen;
  return {
    frozen,
    learning,
    window: work.needs.isAdjoint && work.learns ? schedules.window() : null,
    deferred: layout.deferredSteps > 1 ? schedules.deferred() : null,
    network: fitsTables(network, layout, work) ? schedules.inOneWorkgroup() : null,
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

class Schedules {
  private readonly network: Network;
  private readonly layout: Layout;
  private readonly work: Cut;
  private readonly make: Dispatches;

  constructor(network: Network, options: PlanOptions, layout: Layout, work: Cut) {
    this.network = network;
    this.layout = layout;
    this.work = work;
    this.make = new Dispatches(network, options, layout, work);
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
      gradient: this.make.gradient(this.layout.segments?.steps ?? 1, true),
      lastGradient: this.make.gradient(this.layout.segments?.last ?? 1, false),
      apply: this.make.apply(),
    };
  }

  deferred(): Deferred {
    const { network, layout } = this;
    const errors = network.populations.flatMap(({ name, size }) => {
      const first = layout.inner.get(`keptErrors/${name}`);
      return first === undefined ? [] : [{ first, row: quadsOf(size) }];
    });
    return { steps: layout.deferredSteps, update: this.make.learnPairs(), errors };
  }

  // ---- a network in one workgroup ---------------------------------------------------------------------------

  inOneWorkgroup(): Programs["network"] {
    const frozen = this.make.networks(false);
    return { frozen, learning: this.work.learns ? this.make.networks(true) : frozen };
  }

  // ---- schedules --------------------------------------------------------------------------------------------

  private jacobi(learns: boolean, manner: Manner): Program {
    const [range] = this.work.neurons.ranges;
    const start = [this.make.neurons("begin", { load: true, begin: true }, range, manner)];
    const step = this.jacobiSynapses(learns);
    const inner = { ...manner, segmentStart: 0 } as const;
    const finish = this.make.neurons("finish", { finish: true }, range, inner);
    const learnsTau = learns && this.work.tauTiles.length > 0;
    // A derivative is known once its step is finished, and the next one begins with the time constants that it leaves.
    const after = [...this.make.traced(1), ...this.make.energies(manner), ...(learnsTau ? [this.make.learnTau()] : [])];
    if (after.length === 0) {
      const fused = this.make.neurons("", { load: true, finish: true, begin: true }, range, inner);
      return { start, step, join: [fused], end: [finish] };
    }
    const begin =
      manner.segmentStart === 0 ? start : [this.make.neurons("begin", { load: true, begin: true }, range, inner)];
    return { start, step, join: [finish, ...after, ...begin], end: [finish, ...after] };
  }

  private jacobiSynapses(learns: boolean): Dispatch[] {
    const { work } = this;
    if (work.isOnePass) return this.make.synapses(learns && work.learnsSynapses);
    // Without errors there is nothing to propagate back.
    return [...this.make.propagate("propagate", 0, 1), ...this.make.traced(0), ...(learns ? this.make.learn() : [])];
  }

  private sweep(learns: boolean, manner: Manner): Program {
    const { work } = this;
    const { levels } = work;
    const up = Array.from({ length: levels }, (_, level) => level);
    const inner = { ...manner, segmentStart: 0 } as const;
    const forward = up.flatMap((level) => [
      ...this.make.propagate(`propagate up ${level}`, level, level === 0 ? 1 : 0),
      this.make.neurons(`finish ${level}`, { finish: true }, work.neurons.ranges[level], inner),
    ]);
    const load = (own: Manner): Dispatch => this.make.neurons("load", { load: true }, undefined, own);
    const step = [
      ...forward,
      ...this.sweepBack(manner),
      ...this.sourceTraces(manner),
      ...this.make.energies(manner),
      ...this.make.traced(0),
      ...this.make.traced(1),
      ...(learns ? this.make.learn() : []),
      ...(learns && work.tauTiles.length > 0 ? [this.make.learnTau()] : []),
    ];
    return { start: [load(manner)], step, join: [load(inner)], end: [] };
  }

  /** Errors and costs, level by level down. */
  private sweepBack(manner: Manner): Dispatch[] {
    const { work, network } = this;
    const { needs, levels, neurons } = work;
    const down = Array.from({ length: levels }, (_, index) => levels - 1 - index);
    const begun = down.flatMap((level) => {
      const hasCost = !manner.isBare && network.populations.some((each) => each.level === level && each.cost !== null);
      if (!needs.isOnline && !hasCost) return [];
      const begin = this.make.neurons(`begin ${level}`, { begin: true }, neurons.ranges[level], manner);
      return needs.isOnline ? [begin, ...this.make.propagate(`propagate down ${level}`, levels + level, 0)] : [begin];
    });
    return needs.isOnline ? [...begun, ...this.make.propagate("propagate back", 2 * levels, 0)] : begun;
  }

  private sourceTraces(manner: Manner): Dispatch[] {
    if ((this.make.traces & sourceTraces) === 0 || manner.isBare) return [];
    return [
      this.make.neurons("traces of sources", { finish: true }, this.work.neurons.ranges[this.work.levels], manner),
    ];
  }

  // ---- the way back through a window ------------------------------------------------------------------------

  private back(): Dispatch[] {
    const { levels, neurons } = this.work;
    const down = Array.from({ length: levels }, (_, index) => levels - 1 - index);
    const lowered = down.flatMap((level) => [
      this.make.reverse(level, neurons.ranges[level]),
      ...this.make.propagate(`propagate down ${level}`, levels + level, 0),
    ]);
    // The last dispatch of a step counts it down.
    return [
      ...lowered,
      ...this.make.energies(plain, true),
      ...this.make.propagate("propagate back", 2 * levels, 2 ** 32 - 1),
    ];
  }
}
