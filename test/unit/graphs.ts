/** Random networks of any topology, with every rule, and what is planned for them. */

import fc from "fast-check";
import { layOut, traceQuantities, type Layout, type PlanOptions, type RecordSpec } from "../../src/layout.ts";
import { needsOf } from "../../src/needs.ts";
import { resolveLearning, resolveNetwork, type LearningSpec, type Network, type NetworkSpec } from "../../src/spec.ts";
import { defaults } from "./planning.ts";
import { cut, type Cut, type Groups, type Tile } from "../../src/tiles.ts";

/** Both sides of a quad, of a workgroup, and of the stretches that make a partial sum. */
const size = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 20 }) },
  { weight: 2, arbitrary: fc.constantFrom(31, 63, 64, 65, 127, 128, 129, 255, 256, 257) },
  { weight: 1, arbitrary: fc.constantFrom(511, 512, 513) },
);
const batch = fc.oneof(fc.constantFrom(1, 1, 1, 2, 3, 4, 5, 20), fc.constantFrom(63, 64, 65, 200));
const cost = fc.constantFrom(undefined, "squared-error" as const, "cross-entropy" as const);
const index = fc.nat(100);

const population = fc.record({
  size,
  cost,
  gamma: fc.constantFrom(0, 0, 0.5),
  plasticBias: fc.boolean(),
  plasticTauM: fc.constantFrom(false, false, true),
  plasticTauR: fc.constantFrom(false, false, true),
  tauM: fc.constantFrom([1], [1, 2], [1, 2, 4]),
  /** Where its first projection comes from. */
  from: index,
});

/** The published rules twice, for they have the most ways of cutting. */
const learning = fc.constantFrom<LearningSpec>(
  {},
  {},
  { errors: "instantaneous" },
  { errors: "none" },
  { feedback: "random", gain: "corrected" },
  { feedback: "none" },
  { traces: "matched", optimizer: { kind: "sgd", eta: 0.1 } },
  { traces: "matched", optimizer: { kind: "momentum", eta: 0.1 } },
  { errors: "adjoint", window: 3 },
  { errors: "adjoint", window: 3, optimizer: { kind: "sgd", eta: 0.1 } },
  { errors: "adjoint", window: 2, optimizer: { kind: "accumulate" } },
);

interface Case {
  readonly network: Network;
  readonly options: PlanOptions;
}

const graph: fc.Arbitrary<Case> = fc
  .record({
    sources: fc.array(size, { minLength: 1, maxLength: 3 }),
    populations: fc.array(population, { minLength: 1, maxLength: 4 }),
    more: fc.array(fc.tuple(index, index), { maxLength: 5 }),
    plastic: fc.array(fc.boolean(), { minLength: 9, maxLength: 9 }),
    schedule: fc.constantFrom("jacobi" as const, "jacobi" as const, "sweep" as const),
    targetDelay: fc.constantFrom(0 as const, 1 as const),
    learning,
    record: fc.array(fc.tuple(index, fc.constantFrom(...traceQuantities)), { maxLength: 2 }),
    batch,
    fuseSteps: fc.constantFrom(false, false, true),
    tuning: fc.record({
      workgroups: fc.constantFrom(8, 256),
      onePassBatch: fc.constantFrom(0, 2, 16),
      sharedCurrents: fc.boolean(),
      tileWidth: fc.constantFrom(1, 8, 64),
      columnQuads: fc.integer({ min: 1, max: 4 }),
      batchColumnQuads: fc.integer({ min: 1, max: 2 }),
      tileSets: fc.constantFrom(1, 2, 4096),
      tileRows: fc.constantFrom(4, 16, 64),
      wideBatch: fc.constantFrom(1, 65537),
      wideWidth: fc.constantFrom(4, 64),
      wideLanes: fc.constantFrom(4, 8, 16),
      wideOutputs: fc.integer({ min: 1, max: 2 }),
      networkProducts: fc.constant(2 ** 20),
      networkWidth: fc.constantFrom(1, 64),
      networkLanes: fc.constantFrom(1, 4),
    }),
    bindingBytes: fc.constantFrom(Infinity, Infinity, 2 ** 13, 2 ** 15),
    deferral: fc.record({ deferredSteps: fc.constantFrom(1, 4, 16), deferredProducts: fc.constantFrom(0, 1000) }),
    memory: fc.record({ networkMemory: fc.constantFrom(0, 2 ** 20) }),
    sharing: fc.record({ sharers: fc.constantFrom<0 | 4>(0, 4), neuronWidth: fc.constantFrom(4, 64) }),
    passing: fc.record({ networkOnePass: fc.boolean() }),
  })
  .map((given) => {
    const { sources, populations, more, plastic, schedule, targetDelay, learning, record, ...rest } = given;
    const { deferral, memory, sharing, passing, ...others } = rest;
    const sourceNames = sources.map((_, i) => `source${i}`);
    const names = populations.map((_, i) => `population${i}`);
    const all = [...sourceNames, ...names];
    const pick = (list: readonly string[], at: number): string => list[at % list.length] ?? "";
    // Recurrence, skips and projections onto itself are among these.
    const pairs = [
      ...populations.map(({ from }, i) => [pick(all, from), pick(names, i)] as const),
      ...more.map(([from, to]) => [pick(all, from), pick(names, to)] as const),
    ];
    const unique = new Map(pairs.map(([from, to]) => [`${from} ${to}`, { from, to }]));
    const isMatched = learning.traces === "matched";
    const spec: NetworkSpec = {
      dt: 0.1,
      schedule,
      targetDelay: schedule === "sweep" ? 0 : targetDelay,
      sources: sources.map((size, i) => ({ name: pick(sourceNames, i), size })),
      populations: populations.map(({ size, cost, gamma, plasticBias, plasticTauM, plasticTauR, tauM }, i) => ({
        name: pick(names, i),
        size,
        tauM: tauM.slice(0, size),
        tauR: 1,
        activation: "tanh",
        gamma,
        // Each of them has traces of its own, of which there are 16 at most.
        plasticTauM: plasticTauM && (!isMatched || size <= 16),
        plasticTauR: plasticTauR && (!isMatched || size <= 16),
        bias: { plastic: plasticBias },
        ...(cost !== undefined && size > 1 && { cost: { kind: cost } }),
      })),
      projections: [...unique.values()].map(({ from, to }, i) => ({
        from,
        to,
        plastic: plastic[i % 9] === true,
        // What goes back or stays where it is would be a circle in a sweep.
        ...(names.includes(from) && names.indexOf(from) >= names.indexOf(to) && { recurrent: true }),
      })),
    };
    // Adjoint errors are not there in a step.
    const isAdjoint = learning.errors === "adjoint";
    const ofErrors = ["error", "lowPassedError", "feedback", "topDown"];
    const wanted = record.map(([at, quantity]): RecordSpec => {
      const population = pick([...names, ...names, ...sourceNames], at);
      if (sourceNames.includes(population)) return { population, quantity: isAdjoint ? "rate" : "feedback" };
      return { population, quantity: isAdjoint && ofErrors.includes(quantity) ? "rate" : quantity };
    });
    const key = ({ population, quantity }: RecordSpec): string => `${quantity}/${population}`;
    const recorded = [...new Map(wanted.map((entry) => [key(entry), entry])).values()];
    const options: PlanOptions = {
      ...defaults,
      ...others,
      tuning: { ...others.tuning, ...deferral, ...memory, ...sharing, ...passing },
      record: recorded,
      learning: resolveLearning(learning),
      trajectoryBytes: 2 ** 28,
      frameBytes: 4096,
    };
    return { network: resolveNetwork(spec), options };
  });

export interface Planned extends Case {
  readonly layout: Layout;
  readonly work: Cut;
}

export function planned(network: Network, options: PlanOptions): Planned {
  const needs = needsOf(network, options.learning);
  const layout = layOut(network, options, needs);
  return { network, options, layout, work: cut(network, options, needs, layout) };
}

/** A fixed start: the same graphs every time. */
export function forEveryGraph(hold: (planned: Planned) => void, numRuns = 80): void {
  fc.assert(
    fc.property(graph, ({ network, options }) => hold(planned(network, options))),
    { numRuns, seed: 1 },
  );
}

// ---- tiles --------------------------------------------------------------------------------------------------

export function groupOf({ tiles, ranges }: Groups, index: number): Tile[] {
  const { first, count } = ranges[index] ?? { first: NaN, count: NaN };
  return tiles.slice(first, first + count);
}

/** The tiles of every group, without those that fill the gaps between them. */
export const tilesOf = (groups: Groups): Tile[] => groups.ranges.flatMap((_, index) => groupOf(groups, index));

// ---- counting -----------------------------------------------------------------------------------------------

export const range = (first: number, length: number): number[] => Array.from({ length }, (_, i) => first + i);

/** Counts how often each of `length` elements is touched. */
export class Counts {
  private readonly counts: Uint8Array;
  constructor(length: number) {
    this.counts = new Uint8Array(length);
  }
  add(index: number): void {
    if (!(index >= 0 && index < this.counts.length)) throw new Error(`${index} is outside of ${this.counts.length}`);
    this.counts[index] = (this.counts[index] ?? 0) + 1;
  }
  isLike({ counts }: Counts): boolean {
    return counts.length === this.counts.length && counts.every((count, index) => count === this.counts[index]);
  }
  /** How often, without repeats: [1] if each is touched once. */
  get kinds(): number[] {
    return [...new Set(this.counts)];
  }
}
