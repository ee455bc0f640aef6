/** Every weight, output and neuron is worked on exactly once, whatever the graph and the rule. */

import { describe, expect, it } from "vitest";
import { quadsOf } from "../../src/layout.ts";
import { carriesBias } from "../../src/paths.ts";
import type { Network, Projection } from "../../src/spec.ts";
import { none, type Cut, type Parts, type Tile } from "../../src/tiles.ts";
import { Counts, forEveryGraph, range, tilesOf, type Planned } from "./graphs.ts";

// ---- what the kernels do with a tile ------------------------------------------------------------------------

interface Write {
  readonly kind: "current" | "feedback" | "bias";
  readonly place: number;
  /** Quad of outputs, first batch row of it, and the quads of the other side that are summed. */
  readonly output: number;
  readonly lane: number;
  readonly summed: readonly number[];
}

/** The partial sums that a workgroup of `synapses` or `synapses_batch` writes. */
function writesOfSynapses(
  tile: Tile,
  { pre, post }: Readonly<Record<"pre" | "post", number>>,
  batch: number,
  { WIDTH, SHARED }: Cut["synapseShape"],
): Write[] {
  const outputs = range(tile.row / 4, quadsOf(tile.rows));
  const inputs = range(tile.column, tile.columns);
  // An invocation keeps every WIDTH-th column.
  const invocations = range(0, Math.min(WIDTH, tile.columns));
  const columnsOf = (local: number): number[] => inputs.filter((_, offset) => offset % WIDTH === local);
  return range(0, batch).flatMap((lane) => {
    const currents = outputs.flatMap((output): Omit<Write, "kind">[] =>
      SHARED === 1
        ? [{ place: tile.current + lane * post + output, output, lane, summed: inputs }]
        : invocations.map((local) => ({
            place: tile.current + (local * batch + lane) * post + output,
            output,
            lane,
            summed: columnsOf(local),
          })),
    );
    const feedback = tile.feedback === none ? [] : inputs;
    const biases = tile.flags === none ? [] : outputs;
    return [
      ...currents.map((write) => ({ ...write, kind: "current" as const })),
      ...feedback.map((output) => ({
        kind: "feedback" as const,
        place: tile.feedback + lane * pre + output,
        output,
        lane,
        summed: outputs,
      })),
      ...biases.map((output) => ({
        kind: "bias" as const,
        place: tile.flags + lane * post + output,
        output,
        lane,
        summed: [],
      })),
    ];
  });
}

/** The partial sums that a workgroup of `propagate` or `propagate_wide` writes; biases are added to what it writes anyway. */
function writesOfPropagate(
  tile: Tile,
  { pre, post }: Readonly<Record<"pre" | "post", number>>,
  batch: number,
  { LANES, OUTPUTS }: Cut["productShape"],
): Write[] {
  const isForward = (tile.flags & 1) !== 0;
  const outputs = isForward ? post : pre;
  const groups = Math.ceil(outputs / OUTPUTS);
  const items = isForward ? range(tile.row, tile.rows) : range(tile.column, tile.columns);
  const summed = isForward ? range(tile.column, tile.columns) : range(tile.row, tile.rows);
  return items.flatMap((item) => {
    const first = Math.floor(item / groups) * LANES;
    const own = (item % groups) * OUTPUTS;
    return range(first, Math.min(LANES, batch - first)).flatMap((lane) =>
      range(own, Math.min(OUTPUTS, outputs - own)).map((output) => ({
        kind: isForward ? ("current" as const) : ("feedback" as const),
        place: tile.current + lane * outputs + output,
        output,
        lane,
        summed,
      })),
    );
  });
}

function writesOf(tile: Tile, { network, work, options }: Planned): Write[] {
  const projection = projectionOf(network, work, tile);
  const sizes = { pre: quadsOf(projection.pre), post: quadsOf(projection.post) };
  return work.isOnePass
    ? writesOfSynapses(tile, sizes, options.batch, work.synapseShape)
    : writesOfPropagate(tile, sizes, options.batch, work.productShape);
}

function projectionOf(network: Network, work: Cut, tile: Tile): Projection {
  const projection = network.projections[indexOf(work, tile)];
  if (projection === undefined) throw new Error(`Block ${tile.block} is of no projection.`);
  return projection;
}

/** A projection has several blocks if its weights are cut into shards. */
const indexOf = ({ blocks }: Cut, { block }: Tile): number => blocks[block]?.projection ?? NaN;

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
    forEveryGraph((planned) => {
      const {
        network,
        work,
        options: { batch },
      } = planned;
      const read = new Counts(work.partialSums);
      for (const kind of ["currents", "feedback", "sourceFeedback"] as const) {
        for (const { first, parts, size } of stretchesOf(network, work, kind)) {
          for (const place of range(first, parts * quadsOf(size) * batch)) read.add(place);
        }
      }
      const written = new Counts(work.partialSums);
      for (const tile of tilesOf(work.synapses)) {
        for (const { place } of writesOf(tile, planned)) written.add(place);
      }
      expect(read.kinds).toEqual([1]);
      expect(written.kinds).toEqual([1]);
    });
  });

  it("write into the partial sums of the population that the projection enters, or leaves", () => {
    forEveryGraph((planned) => {
      const {
        network,
        work,
        options: { batch },
      } = planned;
      for (const tile of tilesOf(work.synapses)) {
        const { from, fromSource, to, pre, post } = projectionOf(network, work, tile);
        const astray = writesOf(tile, planned).filter(({ kind, place, output, lane }) => {
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
    forEveryGraph((planned) => {
      const {
        network,
        work,
        options: { batch },
      } = planned;
      network.projections.forEach((projection, block) => {
        const [pre, post] = [quadsOf(projection.pre), quadsOf(projection.post)];
        const tiles = tilesOf(work.synapses).filter((tile) => indexOf(work, tile) === block);
        const writes = tiles.flatMap((tile) => writesOf(tile, planned));
        for (const kind of ["current", "feedback"] as const) {
          const ours = writes.filter((write) => write.kind === kind);
          const [outputs, inputs] = kind === "current" ? [post, pre] : [pre, post];
          const isWanted = kind === "current" || work.returns[block] === true;
          // Lanes are alike: one of a group of four stands for it.
          const products = new Counts(Math.ceil(batch / 4) * outputs * inputs);
          for (const { output, lane, summed } of ours) {
            if (lane % 4 !== 0) continue;
            for (const input of summed) products.add(((lane / 4) * outputs + output) * inputs + input);
          }
          expect(products.kinds).toEqual([Number(isWanted)]);
        }
      });
    });
  });

  it("add the biases of a population once, with its first projection", () => {
    forEveryGraph((planned) => {
      const {
        network,
        work,
        options: { batch },
      } = planned;
      network.populations.forEach(({ size }, population) => {
        const added = new Counts(quadsOf(size) * batch);
        for (const tile of tilesOf(work.synapses)) {
          if (projectionOf(network, work, tile).to !== population) continue;
          const writes = writesOf(tile, planned);
          const isAdded = !work.isOnePass && (tile.flags & 2) !== 0;
          for (const { kind, output, lane } of writes) {
            if (kind === "bias" || (kind === "current" && isAdded)) added.add(lane * quadsOf(size) + output);
          }
          if (isAdded || writes.some(({ kind }) => kind === "bias")) {
            expect(carriesBias(network, indexOf(work, tile))).toBe(true);
          }
        }
        expect(added.kinds).toEqual([1]);
      });
    });
  });

  it("keep within a workgroup and its memory", () => {
    forEveryGraph(({ work, options: { batch, tuning } }) => {
      const { rows: tallest, WIDTH, QUADS, SHARED } = work.synapseShape;
      // A network in one workgroup has no more tiles than W.
      const columnsAtMost = work.isSmall ? Infinity : WIDTH * QUADS * tuning.tileSets;
      expect(tallest % 4).toBe(0);
      // One batch row keeps all currents of a tile, several keep those of four rows at a time.
      const quads = batch === 1 ? tallest / 4 : batch;
      expect(work.isOnePass ? SHARED * quads * WIDTH * 16 : 0).toBeLessThanOrEqual(16384);
      expect(WIDTH).toBeLessThanOrEqual(256);
      const tooLarge = tilesOf(work.synapses).filter(({ row, rows, columns, flags }) =>
        work.isOnePass
          ? row % 4 !== 0 || rows > tallest || columns > columnsAtMost
          : ((flags & 1) !== 0 ? rows : columns) > work.productShape.WIDTH,
      );
      expect(tooLarge).toEqual([]);
    });
  });
});

describe("learning", () => {
  it("updates every plastic weight and bias exactly once", () => {
    forEveryGraph(({ network, work, options }) => {
      if (work.isOnePass) return;
      const { errors, optimizer } = options.learning;
      // A window that only measures gradients measures all of them.
      const measuresAll = errors === "adjoint" && optimizer.kind === "accumulate";
      network.projections.forEach((projection, block) => {
        const [pre, post] = [quadsOf(projection.pre), quadsOf(projection.post)];
        const weights = new Counts(pre * post);
        const biases = new Counts(post);
        const learnsWeight = projection.plastic || measuresAll;
        const isPlastic = network.populations[projection.to]?.bias.plastic === true;
        const learnsBias = carriesBias(network, block) && (isPlastic || measuresAll);
        const { learnShape } = work;
        const side = "side" in learnShape ? learnShape.side : NaN;
        for (const tile of work.learnTiles.filter((candidate) => indexOf(work, candidate) === block)) {
          // Sixteen rounds of 64 invocations.
          expect(tile.rows).toBeLessThanOrEqual(16 * 64);
          const { biases: ofBlock, hasWeights = true } = work.blocks[tile.block] ?? {};
          const hasBiases = ofBlock === "here" || !hasWeights;
          if (learnShape.kernel === "learn_subgroup") {
            expect(tile.rows).toBeLessThanOrEqual(4);
            expect(tile.columns).toBeLessThanOrEqual(learnShape.WIDTH * learnShape.OUTPUTS);
            const columns = hasWeights && learnsWeight ? range(tile.column, tile.columns) : [];
            for (const i of range(tile.row, tile.rows)) {
              for (const j of columns) weights.add(i * pre + j);
              if (hasBiases && learnsBias && tile.column === 0) biases.add(i);
            }
            continue;
          }
          for (const item of range(tile.row, tile.rows)) {
            const [row, column] = [Math.floor(item / tile.columns) * side, (item % tile.columns) * side];
            const rows = range(row, Math.min(side, post - row));
            for (const i of hasWeights && learnsWeight ? rows : []) {
              for (const j of range(column, Math.min(side, pre - column))) weights.add(i * pre + j);
            }
            if (!hasBiases || !learnsBias) continue;
            // Biases go by the same numbers, a quad of rows each; or with the first block of their rows.
            if (side === 1 && item < post) biases.add(item);
            if (side === 2 && column === 0) for (const i of rows) biases.add(i);
          }
        }
        expect(weights.kinds).toEqual([Number(learnsWeight)]);
        expect(biases.kinds).toEqual([Number(learnsBias)]);
      });
    });
  });

  it("in one pass visits every weight once, and needs no other tiles", () => {
    forEveryGraph(({ network, work }) => {
      if (!work.isOnePass) return;
      expect(work.learnTiles).toEqual([]);
      network.projections.forEach(({ pre, post }, block) => {
        const weights = new Counts(quadsOf(post) * quadsOf(pre));
        for (const { row, rows, column, columns } of tilesOf(work.synapses).filter(
          (tile) => indexOf(work, tile) === block,
        )) {
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
    forEveryGraph((planned) => {
      const {
        network,
        work,
        options: { batch },
      } = planned;
      [...network.populations, ...network.sources].forEach(({ size }, block) => {
        const quads = quadsOf(size);
        const neurons = new Counts(quads * batch);
        for (const { row, rows, flags } of tilesOf(work.neurons).filter((tile) => tile.block === block)) {
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
    forEveryGraph(({ network, work }) => {
      for (const { block, row, rows, flags } of tilesOf(work.neurons)) {
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
