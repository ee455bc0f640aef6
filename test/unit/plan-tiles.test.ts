/** Every weight, output and neuron is worked on exactly once, whatever the graph. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { layOut, quadsOf, traceQuantities, type PlanOptions, type RecordSpec } from "../../src/layout.ts";
import { resolveLearning, resolveNetwork, type Network, type NetworkSpec, type Projection } from "../../src/spec.ts";
import { carriesBias } from "../../src/paths.ts";
import { cut, none, type Cut, type Parts, type Tile } from "../../src/tiles.ts";

// ---- random graphs ------------------------------------------------------------------------------------------

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
  /** Where its first projection comes from. */
  from: index,
});

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
    errors: fc.constantFrom("local" as const, "instantaneous" as const, "none" as const),
    record: fc.array(fc.tuple(index, fc.constantFrom(...traceQuantities)), { maxLength: 2 }),
    batch,
    tuning: fc.record({
      workgroups: fc.constantFrom(8, 256),
      sharedCurrents: fc.boolean(),
      columnQuads: fc.integer({ min: 1, max: 4 }),
    }),
  })
  .map(({ sources, populations, more, plastic, errors, record, batch, tuning }) => {
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
    const spec: NetworkSpec = {
      dt: 0.1,
      sources: sources.map((size, i) => ({ name: pick(sourceNames, i), size })),
      populations: populations.map(({ size, cost, gamma, plasticBias }, i) => ({
        name: pick(names, i),
        size,
        tauM: 1,
        tauR: 1,
        activation: "tanh",
        gamma,
        bias: { plastic: plasticBias },
        ...(cost !== undefined && size > 1 && { cost: { kind: cost } }),
      })),
      projections: [...unique.values()].map((ends, i) => ({ ...ends, plastic: plastic[i % 9] === true })),
    };
    const wanted = record.map(([at, quantity]): RecordSpec => ({ population: pick(names, at), quantity }));
    const key = ({ population, quantity }: RecordSpec): string => `${quantity}/${population}`;
    const recorded = [...new Map(wanted.map((entry) => [key(entry), entry])).values()];
    const options: PlanOptions = {
      batch,
      tuning,
      record: recorded,
      learning: resolveLearning({ errors }),
      energies: [], trajectoryBytes: 2 ** 26, frameBytes: 4096,
    };
    return { network: resolveNetwork(spec), options };
  });

/** A fixed start: the same graphs every time. */
const sample = { numRuns: 60, seed: 1 };

function forEveryGraph(hold: (network: Network, work: Cut, options: PlanOptions) => void): void {
  fc.assert(
    fc.property(graph, ({ network, options }) => hold(network, cut(network, options), options)),
    sample,
  );
}

// ---- what the kernels do with a tile ------------------------------------------------------------------------

const range = (first: number, length: number): number[] => Array.from({ length }, (_, i) => first + i);

/** Counts how often each of `length` elements is touched. */
class Counts {
  private readonly counts: Uint8Array;
  constructor(length: number) {
    this.counts = new Uint8Array(length);
  }
  add(index: number): void {
    if (!(index >= 0 && index < this.counts.length)) throw new Error(`${index} is outside of ${this.counts.length}`);
    this.counts[index] = (this.counts[index] ?? 0) + 1;
  }
  /** How often, without repeats: [1] if each is touched once. */
  get kinds(): number[] {
    return [...new Set(this.counts)];
  }
}

interface Write {
  readonly kind: "current" | "feedback" | "bias";
  readonly place: number;
  /** Quad of outputs, first batch row of it, and the quads of the other side that are summed. */
  readonly output: number;
  readonly lane: number;
  readonly summed: readonly number[];
}

/** The partial sums that a workgroup of `synapses` writes. */
function writesOfSynapses(tile: Tile, post: number, { WIDTH, SHARED }: Cut["synapseShape"]): Write[] {
  const outputs = range(tile.row / 4, quadsOf(tile.rows));
  const inputs = range(tile.column, tile.columns);
  // An invocation keeps every WIDTH-th column.
  const invocations = range(0, Math.min(WIDTH, tile.columns));
  const columnsOf = (local: number): number[] => inputs.filter((_, offset) => offset % WIDTH === local);
  const currents = outputs.flatMap((output): Omit<Write, "kind">[] =>
    SHARED === 1
      ? [{ place: tile.current + output, output, lane: 0, summed: inputs }]
      : invocations.map((local) => ({
          place: tile.current + local * post + output,
          output,
          lane: 0,
          summed: columnsOf(local),
        })),
  );
  const feedback = tile.feedback === none ? [] : inputs;
  const biases = tile.flags === none ? [] : outputs;
  return [
    ...currents.map((write) => ({ ...write, kind: "current" as const })),
    ...feedback.map((output) => ({
      kind: "feedback" as const,
      place: tile.feedback + output,
      output,
      lane: 0,
      summed: outputs,
    })),
    ...biases.map((output) => ({ kind: "bias" as const, place: tile.flags + output, output, lane: 0, summed: [] })),
  ];
}

/** The partial sums that a workgroup of `propagate` writes; biases are added to what it writes anyway. */
function writesOfPropagate(tile: Tile, pre: number, post: number, batch: number): Write[] {
  const isForward = (tile.flags & 1) !== 0;
  const outputs = isForward ? post : pre;
  const items = isForward ? range(tile.row, tile.rows) : range(tile.column, tile.columns);
  return items.flatMap((item) => {
    const output = item % outputs;
    const first = Math.floor(item / outputs) * 4;
    return range(first, Math.min(4, batch - first)).map((lane) => ({
      kind: isForward ? ("current" as const) : ("feedback" as const),
      place: tile.current + lane * outputs + output,
      output,
      lane,
      summed: isForward ? range(tile.column, tile.columns) : range(tile.row, tile.rows),
    }));
  });
}

function writesOf(tile: Tile, network: Network, work: Cut, batch: number): Write[] {
  const { pre, post } = projectionOf(network, tile);
  return batch === 1
    ? writesOfSynapses(tile, quadsOf(post), work.synapseShape)
    : writesOfPropagate(tile, quadsOf(pre), quadsOf(post), batch);
}

function projectionOf(network: Network, { block }: Tile): Projection {
  const projection = network.projections[block];
  if (projection === undefined) throw new Error(`There is no projection ${block}.`);
  return projection;
}

interface Stretch extends Parts {
  readonly size: number;
}

const stretchesOf = (network: Network, work: Cut, kind: "currents" | "feedback" | "sourceFeedback"): Stretch[] =>
  (kind === "sourceFeedback" ? network.sources : network.populations).map(({ size }, i) => ({
    ...(work[kind][i] ?? { first: NaN, parts: NaN }),
    size,
  }));

describe("synapses and propagate", () => {
  it("write every partial sum exactly once, and the neurons read all of them", () => {
    forEveryGraph((network, work, { batch }) => {
      const read = new Counts(work.partialSums);
      for (const kind of ["currents", "feedback", "sourceFeedback"] as const) {
        for (const { first, parts, size } of stretchesOf(network, work, kind)) {
          for (const place of range(first, parts * quadsOf(size) * batch)) read.add(place);
        }
      }
      const written = new Counts(work.partialSums);
      for (const tile of work.synapseTiles) {
        for (const { place } of writesOf(tile, network, work, batch)) written.add(place);
      }
      expect(read.kinds).toEqual([1]);
      expect(written.kinds).toEqual([1]);
    });
  });

  it("write into the partial sums of the population that the projection enters, or leaves", () => {
    forEveryGraph((network, work, { batch }) => {
      for (const tile of work.synapseTiles) {
        const { from, fromSource, to, pre, post } = projectionOf(network, tile);
        const astray = writesOf(tile, network, work, batch).filter(({ kind, place, output, lane }) => {
          const isBack = kind === "feedback";
          const parts = isBack ? work[fromSource ? "sourceFeedback" : "feedback"][from] : work.currents[to];
          const stride = quadsOf(isBack ? pre : post) * batch;
          const offset = place - (parts?.first ?? NaN);
          // Where it stands in its stretch is where sum_parts looks for it.
          const isInPlace = offset % stride === lane * quadsOf(isBack ? pre : post) + output;
          return !(isInPlace && offset / stride < (parts?.parts ?? NaN));
        });
        expect(astray).toEqual([]);
      }
    });
  });

  it("sum over every input of every output, in stretches that do not overlap", () => {
    forEveryGraph((network, work, { batch }) => {
      network.projections.forEach((projection, block) => {
        const [pre, post] = [quadsOf(projection.pre), quadsOf(projection.post)];
        const tiles = work.synapseTiles.filter((tile) => tile.block === block);
        const writes = tiles.flatMap((tile) => writesOf(tile, network, work, batch));
        for (const kind of ["current", "feedback"] as const) {
          const ours = writes.filter((write) => write.kind === kind);
          if (kind === "feedback" && ours.length === 0) continue;
          const [outputs, inputs] = kind === "current" ? [post, pre] : [pre, post];
          // Lanes are alike: one of a group of four stands for it.
          const products = new Counts(Math.ceil(batch / 4) * outputs * inputs);
          for (const { output, lane, summed } of ours) {
            if (lane % 4 !== 0) continue;
            for (const input of summed) products.add(((lane / 4) * outputs + output) * inputs + input);
          }
          expect(products.kinds).toEqual([1]);
        }
      });
    });
  });

  it("add the biases of a population once, with its first projection", () => {
    forEveryGraph((network, work, { batch }) => {
      network.populations.forEach(({ size }, population) => {
        const added = new Counts(quadsOf(size) * batch);
        for (const tile of work.synapseTiles) {
          if (projectionOf(network, tile).to !== population) continue;
          const writes = writesOf(tile, network, work, batch);
          const isAdded = batch > 1 && (tile.flags & 2) !== 0;
          for (const { kind, output, lane } of writes) {
            if (kind === "bias" || (kind === "current" && isAdded)) added.add(lane * quadsOf(size) + output);
          }
          if (isAdded || writes.some(({ kind }) => kind === "bias")) {
            expect(carriesBias(network, tile.block)).toBe(true);
          }
        }
        expect(added.kinds).toEqual([1]);
      });
    });
  });

  it("keep within a workgroup and its memory", () => {
    forEveryGraph((_, { synapseTiles, synapseShape }, { batch }) => {
      const { ROWS, WIDTH, QUADS, SHARED } = synapseShape;
      expect(ROWS % 4).toBe(0);
      expect(SHARED * (ROWS / 4) * WIDTH * 16).toBeLessThanOrEqual(16384);
      expect(WIDTH).toBeLessThanOrEqual(256);
      const tooLarge = synapseTiles.filter(({ row, rows, columns, flags }) =>
        batch === 1
          ? row % 4 !== 0 || rows > ROWS || columns > WIDTH * QUADS
          : ((flags & 1) !== 0 ? rows : columns) > 32,
      );
      expect(tooLarge).toEqual([]);
    });
  });
});

describe("learning", () => {
  it("updates every plastic weight and bias exactly once", () => {
    forEveryGraph((network, work, { batch }) => {
      if (batch === 1) return;
      network.projections.forEach((projection, block) => {
        const [pre, post] = [quadsOf(projection.pre), quadsOf(projection.post)];
        const weights = new Counts(pre * post);
        const biases = new Counts(post);
        for (const tile of work.learnTiles.filter((candidate) => candidate.block === block)) {
          // Sixteen rounds of 64 invocations.
          expect(tile.rows).toBeLessThanOrEqual(16 * 64);
          for (const item of range(tile.row, tile.rows)) {
            const [row, column] = [Math.floor(item / tile.columns), item % tile.columns];
            if (projection.plastic) weights.add(row * pre + column);
            // Biases go by the same numbers, a quad of rows each.
            if (item < post) biases.add(item);
          }
        }
        const learnsBias = carriesBias(network, block) && network.populations[projection.to]?.bias.plastic === true;
        expect(weights.kinds).toEqual([projection.plastic ? 1 : 0]);
        expect(biases.kinds).toEqual([projection.plastic || learnsBias ? 1 : 0]);
      });
    });
  });

  it("of a batch of 1 passes every weight once", () => {
    forEveryGraph((network, work, { batch }) => {
      if (batch > 1) return;
      network.projections.forEach(({ pre, post }, block) => {
        const weights = new Counts(quadsOf(post) * quadsOf(pre));
        for (const { row, rows, column, columns } of work.synapseTiles.filter((tile) => tile.block === block)) {
          for (const i of range(row / 4, rows / 4)) {
            for (const j of range(column, columns)) weights.add(i * quadsOf(pre) + j);
          }
        }
        expect(weights.kinds).toEqual([1]);
      });
    });
  });
});

describe("neurons", () => {
  it("are each integrated exactly once", () => {
    forEveryGraph((network, work, { batch }) => {
      [...network.populations, ...network.sources].forEach(({ size }, block) => {
        const quads = quadsOf(size);
        const neurons = new Counts(quads * batch);
        for (const { row, rows, flags } of work.neuronTiles.filter((tile) => tile.block === block)) {
          if (flags === 1) {
            expect(rows).toBeLessThanOrEqual(64);
            for (const quad of range(row * quads, rows * quads)) neurons.add(quad);
          } else {
            for (const quad of range(row, rows)) neurons.add(quad);
          }
        }
        expect(neurons.kinds).toEqual([1]);
      });
    });
  });

  it("of a softmax are seen by one invocation or one workgroup", () => {
    forEveryGraph((network, work) => {
      for (const { block, row, rows, flags } of work.neuronTiles) {
        const population = network.populations[block];
        const isSoftmax = population?.cost?.kind === "cross-entropy";
        expect(flags > 0).toBe(isSoftmax);
        if (population === undefined || flags !== 2) continue;
        const quads = quadsOf(population.size);
        expect([row % quads, rows, work.hasWideRows]).toEqual([0, quads, true]);
      }
    });
  });
});

describe("errors", () => {
  it("are computed for whoever learns, feels or records them, for whoever these project to, and for nobody else", () => {
    forEveryGraph((network, work, { batch, learning, record }) => {
      const reachable = (from: number): Set<number> => {
        const seen = new Set([from]);
        for (const population of seen) {
          for (const { from, fromSource, to } of network.projections) {
            if (!fromSource && from === population) seen.add(to);
          }
        }
        return seen;
      };
      const recordsOf = (name: string | undefined, quantities: readonly string[]): boolean =>
        record.some(({ population, quantity }) => population === name && quantities.includes(quantity));
      const needs = network.populations.flatMap(({ name, gamma, bias }, population) => {
        const enters = network.projections.filter(({ to }) => to === population);
        const feeds = enters.some(
          ({ from, fromSource }) => !fromSource && recordsOf(network.populations[from]?.name, ["feedback"]),
        );
        const isNeeded =
          gamma !== 0 ||
          bias.plastic ||
          enters.some(({ plastic }) => plastic) ||
          recordsOf(name, ["error", "lowPassedError", "feedback"]) ||
          feeds;
        return isNeeded ? [...reachable(population)] : [];
      });
      const wanted = network.populations.map((_, i) => learning.errors !== "none" && needs.includes(i));
      expect(work.hasError).toEqual(wanted);
      const returning = work.synapseTiles.filter(({ feedback, flags }) =>
        batch === 1 ? feedback !== none : (flags & 1) === 0,
      );
      const receivers = returning.flatMap(({ block }) => {
        const { from = NaN, fromSource = false } = network.projections[block] ?? {};
        return fromSource ? [] : [from];
      });
      expect(receivers.filter((population) => wanted[population] !== true)).toEqual([]);
    });
  });
});

describe("places", () => {
  it("do not overlap, start at multiples of 256 bytes and lie inside of their buffers", () => {
    forEveryGraph((network, _, options) => {
      const layout = layOut(network, options);
      const ends: Record<string, number> = {
        parameters: layout.parameters,
        first_moment: layout.parameters,
        second_moment: layout.parameters,
        state: layout.state,
        frames: layout.frames,
      };
      for (const [buffer, bufferEnd] of Object.entries(ends)) {
        const places = [...layout.places.values()].filter((place) => place.buffer === buffer);
        let end = 0;
        for (const { first, rows, columns } of places.toSorted((a, b) => a.first - b.first)) {
          expect(first % 16).toBe(0);
          expect(first).toBeGreaterThanOrEqual(end);
          end = first + rows * quadsOf(columns);
        }
        expect(end).toBeLessThanOrEqual(bufferEnd);
      }
    });
  });

  it("of traces do not overlap and fill the record", () => {
    forEveryGraph((network, _, options) => {
      const { traces, recordRows, record } = layOut(network, options);
      let end = 0;
      for (const { first, rowSize } of traces) {
        expect(first).toBe(end);
        end += rowSize * recordRows;
      }
      expect(end).toBe(record);
    });
  });
});
