/**
 * How the work of a step is cut into workgroups, and where their partial sums stand. Pure.
 */

import { quadsOf, type PlanOptions, type Tuning } from "./layout.ts";
import { carriesBias, errorPaths, learnsBlock, type ErrorPaths } from "./paths.ts";
import type { Network, Population, Source } from "./spec.ts";

/** What one workgroup does; the kernels say how they read the fields. */
export interface Tile {
  readonly block: number;
  readonly row: number;
  readonly rows: number;
  readonly column: number;
  readonly columns: number;
  readonly current: number;
  readonly feedback: number;
  readonly flags: number;
}

/** Stands for "there is none" in every table. */
export const none = 0xffffffff;

/** Partial sums of one population: `parts` stretches of [batch][neurons] from quad `first`. */
export interface Parts {
  readonly first: number;
  readonly parts: number;
}

export interface Cut extends ErrorPaths {
  readonly currents: readonly Parts[];
  readonly feedback: readonly Parts[];
  readonly sourceFeedback: readonly Parts[];
  readonly partialSums: number;
  readonly neuronTiles: readonly Tile[];
  readonly synapseTiles: readonly Tile[];
  readonly learnTiles: readonly Tile[];
  readonly hasWideRows: boolean;
  /** Overrides of `synapses`. */
  readonly synapseShape: {
    readonly WIDTH: number;
    readonly QUADS: number;
    readonly ROWS: number;
    readonly SHARED: number;
  };
}

/** Sizes of the kernels' tiles: invocations of a workgroup, and rows or quads of W. */
const neuronTile = { width: 64, wideRow: 16 };
const single = { sharedWidth: 64, ownWidth: 16, rows: 16, tallRows: 64, tallFrom: 2 ** 20 };
const batched = { width: 32, stretch: 128, learnWidth: 64 };
const mostRounds = 16;
const neuronFlags = { narrowRows: 1, wideRow: 2 };
const propagateFlags = { forward: 1, withBias: 2 };

export function cut(network: Network, options: PlanOptions): Cut {
  const { batch, tuning } = options;
  const paths = errorPaths(network, options);
  const cutter = batch === 1 ? singleCutter(network, tuning) : batchedCutter(batch);
  const slots = new Slots();
  const indices = network.projections.map((_, index) => index);
  const takeCurrents = (to: number, size: number): Parts => {
    const into = indices.filter((index) => network.projections[index]?.to === to);
    return slots.take("current", into, (index) => cutter.currentParts(jobOf(index)), quadsOf(size) * batch);
  };
  const takeFeedback = (from: number, fromSource: boolean, size: number): Parts => {
    const outOf = indices.filter((index) => {
      const projection = network.projections[index];
      return paths.returns[index] === true && projection?.from === from && projection.fromSource === fromSource;
    });
    return slots.take("feedback", outOf, (index) => cutter.feedbackParts(jobOf(index)), quadsOf(size) * batch);
  };
  const jobOf = (index: number): Job => {
    const { pre = 0, post = 0 } = network.projections[index] ?? {};
    return {
      index,
      pre: quadsOf(pre),
      post: quadsOf(post),
      hasBias: carriesBias(network, index),
      current: slots.firstOf("current", index),
      feedback: slots.firstOf("feedback", index),
    };
  };
  return {
    ...paths,
    currents: network.populations.map(({ size }, node) => takeCurrents(node, size)),
    feedback: network.populations.map(({ size }, node) => takeFeedback(node, false, size)),
    sourceFeedback: network.sources.map(({ size }, node) => takeFeedback(node, true, size)),
    partialSums: slots.end,
    neuronTiles: neuronTiles(network, options),
    synapseTiles: indices.flatMap((index) => cutter.tiles(jobOf(index))),
    learnTiles: batch === 1 ? [] : learnTiles(network, tuning),
    hasWideRows: network.populations.some(hasWideRows),
    synapseShape: cutter.shape,
  };
}

// ---- partial sums -------------------------------------------------------------------------------------------

/** Gives every population one row of stretches, and tells where each projection's own ones begin. */
class Slots {
  end = 0;
  private readonly firsts = new Map<string, number>();

  take(kind: string, projections: readonly number[], partsOf: (index: number) => number, stride: number): Parts {
    const first = this.end;
    for (const index of projections) {
      this.firsts.set(`${kind}/${index}`, this.end);
      this.end += partsOf(index) * stride;
    }
    return { first, parts: stride === 0 ? 0 : (this.end - first) / stride };
  }

  firstOf(kind: string, index: number): number {
    return this.firsts.get(`${kind}/${index}`) ?? none;
  }
}

// ---- tiles --------------------------------------------------------------------------------------------------

const stretches = (length: number, grain: number): number => Math.ceil(length / grain);

/** Calls `make` for every stretch of `length` with its first element, length and number. */
function cutInto<T>(length: number, grain: number, make: (first: number, length: number, part: number) => T): T[] {
  return Array.from({ length: stretches(length, grain) }, (_, part) =>
    make(part * grain, Math.min(grain, length - part * grain), part),
  );
}

/** What a workgroup does: one round for each invocation, more once there are workgroups enough to fill the device. */
function stretchOf(total: number, width: number, { workgroups }: Tuning): number {
  return width * Math.min(Math.ceil(total / width / workgroups), mostRounds);
}

const blank: Tile = { block: 0, row: 0, rows: 0, column: 0, columns: 0, current: none, feedback: none, flags: 0 };

/** Softmax needs a whole batch row: in one invocation if it is short, else in one workgroup. */
const needsRows = (node: Population | Source): boolean => "cost" in node && node.cost?.kind === "cross-entropy";
const hasWideRows = (node: Population | Source): boolean => needsRows(node) && quadsOf(node.size) > neuronTile.wideRow;

function neuronTiles(network: Network, { batch, tuning }: PlanOptions): Tile[] {
  const nodes = [...network.populations, ...network.sources];
  const total = nodes.reduce((sum, { size }) => sum + quadsOf(size) * batch, 0);
  const stretch = stretchOf(total, neuronTile.width, tuning);
  return nodes.flatMap((node, block) => {
    const quads = quadsOf(node.size);
    if (hasWideRows(node)) {
      return cutInto(batch * quads, quads, (row, rows) => ({ ...blank, block, row, rows, flags: neuronFlags.wideRow }));
    }
    if (needsRows(node)) {
      const flags = neuronFlags.narrowRows;
      return cutInto(batch, neuronTile.width, (row, rows) => ({ ...blank, block, row, rows, flags }));
    }
    return cutInto(batch * quads, stretch, (row, rows) => ({ ...blank, block, row, rows }));
  });
}

/** One projection, sizes and places in quads. */
interface Job {
  readonly index: number;
  readonly pre: number;
  readonly post: number;
  readonly hasBias: boolean;
  /** Places of its partial sums; before they are known, and where there are none, `none`. */
  readonly current: number;
  readonly feedback: number;
}

/** How the two products with a W are cut: how many partial sums they give, and the tiles. */
interface Cutter {
  readonly shape: Cut["synapseShape"];
  currentParts(job: Job): number;
  feedbackParts(job: Job): number;
  tiles(job: Job): Tile[];
}

/** Tiles of `synapses`: rectangles of W. */
function singleCutter({ projections }: Network, { sharedCurrents, columnQuads }: Tuning): Cutter {
  const widest = Math.max(...projections.map(({ pre }) => quadsOf(pre)));
  const limit = sharedCurrents ? single.sharedWidth : single.ownWidth;
  const width = Math.min(Math.ceil(widest / columnQuads), limit);
  const columnsPerTile = width * columnQuads;
  const rowsOf = ({ pre, post }: Job): number =>
    quadsOf(pre * post * 16 >= single.tallFrom ? single.tallRows : single.rows);
  // Where currents are not shared, every invocation with a column writes a part.
  const partsOfTile = (columns: number): number => (sharedCurrents ? 1 : Math.min(width, columns));
  const columnParts = ({ pre }: Job): number =>
    cutInto(pre, columnsPerTile, (_, columns) => partsOfTile(columns)).reduce((sum, parts) => sum + parts, 0);
  return {
    shape: {
      WIDTH: width,
      QUADS: columnQuads,
      ROWS:
        Math.max(...projections.map(({ pre, post }) => rowsOf({ ...noJob, pre: quadsOf(pre), post: quadsOf(post) }))) *
        4,
      SHARED: Number(sharedCurrents),
    },
    currentParts: (job) => columnParts(job) + Number(job.hasBias),
    feedbackParts: (job) => stretches(job.post, rowsOf(job)),
    tiles(job) {
      const { index, pre, post, current, feedback } = job;
      const biases = job.hasBias ? current + columnParts(job) * post : none;
      return cutInto(post, rowsOf(job), (row, rows, rowPart) =>
        cutInto(pre, columnsPerTile, (column, columns, columnPart) => ({
          block: index,
          row: row * 4,
          rows: rows * 4,
          column,
          columns,
          current: current + columnPart * partsOfTile(columnsPerTile) * post,
          feedback: feedback === none ? none : feedback + rowPart * pre,
          flags: column === 0 ? biases : none,
        })),
      ).flat();
    },
  };
}

const noJob: Job = { index: 0, pre: 0, post: 0, hasBias: false, current: none, feedback: none };

/** Tiles of `propagate`: invocations that each keep a quad of outputs for four batch rows. */
function batchedCutter(batch: number): Cutter {
  const lanes = Math.ceil(batch / 4);
  const { width, stretch } = batched;
  return {
    shape: { WIDTH: 1, QUADS: 1, ROWS: 4, SHARED: 0 },
    currentParts: ({ pre }) => stretches(pre, stretch),
    feedbackParts: ({ post }) => stretches(post, stretch),
    tiles({ index, pre, post, hasBias, current, feedback }) {
      const forward = cutInto(post * lanes, width, (row, rows) =>
        cutInto(pre, stretch, (column, columns, part) => ({
          ...blank,
          block: index,
          row,
          rows,
          column,
          columns,
          current: current + part * post * batch,
          flags: propagateFlags.forward + (hasBias && part === 0 ? propagateFlags.withBias : 0),
        })),
      ).flat();
      if (feedback === none) return forward;
      const backward = cutInto(pre * lanes, width, (column, columns) =>
        cutInto(post, stretch, (row, rows, part) => ({
          ...blank,
          block: index,
          row,
          rows,
          column,
          columns,
          current: feedback + part * pre * batch,
        })),
      ).flat();
      return [...forward, ...backward];
    },
  };
}

function learnTiles(network: Network, tuning: Tuning): Tile[] {
  const total = network.projections.reduce((sum, { pre, post }) => sum + quadsOf(pre) * quadsOf(post), 0);
  const stretch = stretchOf(total, batched.learnWidth, tuning);
  return network.projections.flatMap((projection, block) => {
    if (!learnsBlock(network, block)) return [];
    // Where only the biases learn, one column does.
    const columns = projection.plastic ? quadsOf(projection.pre) : 1;
    const pairs = quadsOf(projection.post) * columns;
    return cutInto(pairs, stretch, (row, rows) => ({ ...blank, block, row, rows, columns }));
  });
}
