/**
 * How the work of a step is cut into workgroups, and where their partial sums stand. Pure.
 */

import { blocksOf, type Block } from "./blocks.ts";
import {
  localNetwork,
  networkShape,
  quadsOf,
  type Layout,
  type LocalNetwork,
  type PlanOptions,
  type Tuning,
} from "./layout.ts";
import type { Needs } from "./needs.ts";
import { errorPaths, type ErrorPaths } from "./paths.ts";
import type { Network } from "./spec.ts";
import {
  batchedCutter,
  learnGroups,
  narrowLearning,
  narrowShape,
  propagateFlags,
  wideLearning,
  wideShape,
  type LearnShape,
  type ProductShape,
} from "./tiles/batched.ts";
import type { Cutter, Job, SynapseShape } from "./tiles/cutter.ts";
import { applyTiles, hasWideRows, neuronGroups, tauTiles, traceGroups } from "./tiles/neurons.ts";
import { pairsOf, weightsOnly } from "./tiles/pairs.ts";
import {
  blank,
  cutInto,
  joined,
  none,
  stretches,
  type Groups,
  type Parts,
  type Tile,
  type TileRange,
} from "./tiles/tile.ts";

export { propagateFlags } from "./tiles/batched.ts";
export { none, type Groups, type Parts, type Tile, type TileRange } from "./tiles/tile.ts";

export interface Cut extends ErrorPaths {
  readonly needs: Needs;
  /** What the tiles of synapses number by `block`. */
  readonly blocks: readonly Block[];
  readonly currents: readonly Parts[];
  readonly feedback: readonly Parts[];
  readonly sourceFeedback: readonly Parts[];
  /** Of deferred updates: products of pairs, those for the currents of populations and for feedback to them and to sources. */
  readonly currentDots: readonly Parts[];
  readonly feedbackDots: readonly Parts[];
  readonly sourceDots: readonly Parts[];
  readonly partialSums: number;
  /** In a sweep a group for each level, then one for the sources; else one for all. */
  readonly neurons: Groups;
  /**
   * Of one pass, and of jacobi without adjoint errors, one group. Else first the products forward into each level; then those
   * back out of each level without delay; then those with delay. Each shard has as many groups, one shard behind the other.
   */
  readonly synapses: Groups;
  readonly levels: number;
  readonly learnTiles: readonly Tile[];
  /** Those of each shard. */
  readonly learnRanges: readonly TileRange[];
  /** Of synaptic traces that are filtered before the weights learn, and of those that need the derivatives of the step. */
  readonly traces: Groups;
  readonly tauTiles: readonly Tile[];
  readonly applyTiles: readonly Tile[];
  readonly isOnePass: boolean;
  /** Whether a wide sibling takes the place of `propagate`. */
  readonly isWide: boolean;
  /** Overrides of `propagate` and its siblings. */
  readonly productShape: ProductShape;
  /** Which of `learn` and its siblings, and its overrides. */
  readonly learnShape: LearnShape;
  /** Whether one workgroup takes the whole network, and what it keeps in its memory. */
  readonly isSmall: boolean;
  readonly local: LocalNetwork | null;
  readonly hasWideRows: boolean;
  /** Overrides of `synapses` and `synapses_batch`, and the rows of the tallest tile. */
  readonly synapseShape: SynapseShape;
}

/** Quads of rows of a tile of one pass, at least. */
const leastRows = 4;
/** Memory of a workgroup: 16 KiB. */
const workgroupQuads = 1024;
/** Batch rows that `synapses_batch` can take. */
export const mostLanes = 16;

export function cut(network: Network, options: PlanOptions, needs: Needs, layout: Layout): Cut {
  const { batch, tuning } = options;
  const paths = errorPaths(network, options);
  const isSmall = isSmallNetwork(network, options, layout);
  const mostOfOnePass = isSmall ? Number(tuning.networkOnePass) : Math.min(tuning.onePassBatch, mostLanes);
  const isOnePass = batch <= mostOfOnePass && needs.allowsOnePass;
  // Weights that are cut may start anywhere.
  const isWide = batch >= tuning.wideBatch && !isSmall && layout.shards.length === 1;
  // Traces and the gradient of a window go by pairs of quads.
  const isOneBuffer = layout.shards.length === 1;
  const learnsWide = layout.deferredSteps > 1 ? isOneBuffer : isWide && !needs.isTraced && !needs.isAdjoint;
  const productShape = isWide ? wideShape(network.projections, paths.returns, options) : narrowShape;
  const passed = isSmall ? wholeTiles(network, options) : onePassTiles(network, batch, tuning);
  const cutter = isOnePass ? onePassCutter(passed, batch) : batchedCutter(batch, productShape);
  const levels = Math.max(...network.populations.map(({ level }) => level)) + 1;
  const slots = new Slots();
  const blocks = blocksOf(network, layout);
  const indices = blocks.map((_, index) => index);
  const projectionOf = (index: number): number => blocks[index]?.projection ?? -1;
  const isFirst = (index: number): boolean => projectionOf(index - 1) !== projectionOf(index);
  const takeCurrents = (to: number, size: number): Parts => {
    // All blocks of a projection write into the same parts, each its own rows.
    const into = indices.filter((index) => isFirst(index) && network.projections[projectionOf(index)]?.to === to);
    return slots.take("current", into, (index) => cutter.currentParts(jobOf(index)), quadsOf(size) * batch);
  };
  const takeFeedback = (from: number, fromSource: boolean, size: number): Parts => {
    const outOf = indices.filter((index) => {
      const projection = network.projections[projectionOf(index)];
      const isFrom = projection?.from === from && projection.fromSource === fromSource;
      return isFrom && paths.returns[projectionOf(index)] === true && blocks[index]?.hasWeights === true;
    });
    return slots.take("feedback", outOf, (index) => cutter.feedbackParts(jobOf(index)), quadsOf(size) * batch);
  };
  const jobOf = (index: number): Job => {
    const block = blocks[index] as Block;
    const { pre = 0, post = 0 } = network.projections[block.projection] ?? {};
    return {
      ...block,
      index,
      pre: quadsOf(pre),
      post: quadsOf(post),
      current: slots.firstOf(
        "current",
        blocks.findIndex(({ projection }) => projection === block.projection),
      ),
      feedback: slots.firstOf("feedback", index),
    };
  };
  const isDeferred = layout.deferredSteps > 1;
  const pairs = pairsOf(network, paths, layout, slots);
  const learnShape = learnsWide ? wideLearning(network.projections, tuning) : narrowLearning;
  const learning =
    isOnePass && !isDeferred
      ? joined([])
      : learnGroups(network, blocks, tuning, isDeferred ? weightsOnly(paths) : paths, layout, learnShape);
  const currents = network.populations.map(({ size }, node) => takeCurrents(node, size));
  const feedback = network.populations.map(({ size }, node) => takeFeedback(node, false, size));
  const sourceFeedback = network.sources.map(({ size }, node) => takeFeedback(node, true, size));
  return {
    ...paths,
    needs,
    blocks,
    levels,
    isOnePass,
    isWide,
    productShape,
    learnShape,
    isSmall,
    local: isSmall ? localNetwork(options, layout, needs, paths.learns, slots.end) : null,
    currents,
    feedback,
    sourceFeedback,
    currentDots: pairs.currents,
    feedbackDots: pairs.feedback,
    sourceDots: pairs.sources,
    partialSums: slots.end,
    neurons: neuronGroups(network, options, needs, levels, isSmall),
    synapses: synapseGroups(network, blocks, layout, needs, levels, (index) => [
      ...cutter.tiles(jobOf(index)),
      ...pairs.tiles(blocks, index),
    ]),
    learnTiles: learning.tiles,
    learnRanges: learning.ranges,
    traces: traceGroups(layout, tuning),
    tauTiles: tauTiles(network, needs, layout, tuning),
    applyTiles: needs.isAdjoint ? applyTiles(network, needs, layout, tuning) : [],
    hasWideRows: network.populations.some(hasWideRows),
    synapseShape: cutter.shape,
  };
}

/** Few products in a step, all weights in one buffer, no row of a softmax that needs a workgroup of its own, and a window that is kept whole. */
function isSmallNetwork(
  network: Network,
  { batch, tuning, fuseSteps, energies }: PlanOptions,
  { segments, shards }: Layout,
): boolean {
  const products = network.projections.reduce((sum, { pre, post }) => sum + batch * pre * post, 0);
  const isWhole = segments === null || segments.count === 1;
  const isPlain = fuseSteps && energies.length === 0 && shards.length === 1;
  return isPlain && products <= tuning.networkProducts && isWhole && !network.populations.some(hasWideRows);
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

function synapseGroups(
  { projections, populations }: Network,
  blocks: readonly Block[],
  { shards }: Layout,
  { isSweep, isAdjoint }: Needs,
  levels: number,
  tilesOf: (index: number) => Tile[],
): Groups {
  const every = blocks.map(({ shard, projection }, index) => {
    const { to = 0, delay } = projections[projection] ?? {};
    const tiles = tilesOf(index);
    const isForward = ({ flags }: Tile): boolean => (flags & propagateFlags.forward) !== 0;
    return {
      shard,
      level: populations[to]?.level ?? 0,
      isDelayed: delay === 1,
      tiles,
      forward: tiles.filter(isForward),
      backward: tiles.filter((tile) => !isForward(tile)),
    };
  });
  const groupsOf = (all: typeof every): Tile[][] => {
    if (!isSweep && !isAdjoint) return [all.flatMap(({ tiles }) => tiles)];
    const perLevel = (tilesAt: (each: (typeof all)[number]) => readonly Tile[]): Tile[][] =>
      Array.from({ length: levels }, (_, level) => all.flatMap((each) => (each.level === level ? tilesAt(each) : [])));
    return [
      ...perLevel(({ forward }) => forward),
      ...perLevel(({ backward, isDelayed }) => (isDelayed ? [] : backward)),
      all.flatMap(({ backward, isDelayed }) => (isDelayed ? backward : [])),
    ];
  };
  return joined(shards.flatMap((_, shard) => groupsOf(every.filter((each) => each.shard === shard))));
}

/** How tall and wide tiles of one pass are, and what the invocations of a workgroup do. */
interface PassShape {
  readonly width: number;
  readonly columnQuads: number;
  readonly sharedCurrents: boolean;
  readonly columnsPerTile: number;
  readonly mostRows: number;
  /** Quads of rows of a tile of a W of `pre` by `post` quads. */
  readonly rowsOf: (pre: number, post: number) => number;
}

/** Tiles of `synapses` and `synapses_batch`: rectangles of W. */
function onePassTiles({ projections }: Network, batch: number, tuning: Tuning): PassShape {
  const { sharedCurrents, tileWidth, tileSets, tileRows, workgroups } = tuning;
  const columnQuads = batch === 1 ? tuning.columnQuads : tuning.batchColumnQuads;
  const widest = Math.max(...projections.map(({ pre }) => quadsOf(pre)));
  const width = Math.min(Math.ceil(widest / columnQuads), tileWidth);
  const columnsPerTile = width * columnQuads * tileSets;
  // What a workgroup keeps of all rows of a tile must fit its memory.
  const mostRows = sharedCurrents && batch === 1 ? Math.min(tileRows, Math.floor(workgroupQuads / width)) : tileRows;
  // As tall as leaves two tiles for each workgroup that keeps the device busy.
  const rowsOf = (pre: number, post: number): number => {
    const rows = Math.ceil((post * stretches(pre, columnsPerTile)) / (2 * workgroups));
    return Math.min(Math.max(rows, leastRows), mostRows);
  };
  const tallest = Math.max(...projections.map(({ pre, post }) => rowsOf(quadsOf(pre), quadsOf(post))));
  return { width, columnQuads, sharedCurrents, columnsPerTile, mostRows: tallest, rowsOf };
}

/** Those of a network in one workgroup: every W is one. */
function wholeTiles({ projections }: Network, options: PlanOptions): PassShape {
  const most = (side: "pre" | "post"): number => Math.max(...projections.map((each) => quadsOf(each[side])));
  return {
    width: networkShape(options).width,
    columnQuads: 1,
    sharedCurrents: false,
    columnsPerTile: most("pre"),
    mostRows: most("post"),
    rowsOf: (_, post) => post,
  };
}

function onePassCutter(
  { width, columnQuads, sharedCurrents, columnsPerTile, mostRows, rowsOf }: PassShape,
  batch: number,
): Cutter {
  // Where currents are not shared, every invocation with a column writes a part.
  const partsOfTile = (columns: number): number => (sharedCurrents ? 1 : Math.min(width, columns));
  const columnParts = ({ pre }: Job): number =>
    cutInto(pre, columnsPerTile, (_, columns) => partsOfTile(columns)).reduce((sum, parts) => sum + parts, 0);
  return {
    shape: {
      WIDTH: width,
      QUADS: columnQuads,
      SHARED: Number(sharedCurrents),
      rows: mostRows * 4,
    },
    currentParts: (job) => columnParts(job) + Number(job.biases !== "elsewhere"),
    feedbackParts: ({ pre, post, rows }) => stretches(rows, rowsOf(pre, post)),
    tiles(job) {
      const { index: block, pre, post, current, feedback } = job;
      const part = current + columnParts(job) * batch * post;
      if (!job.hasWeights) {
        return cutInto(job.rows, rowsOf(pre, post), (row, rows) => ({
          ...blank,
          block,
          row: row * 4,
          rows: rows * 4,
          flags: part,
        }));
      }
      const biases = job.biases === "here" ? part : none;
      return cutInto(job.rows, rowsOf(pre, post), (row, rows, rowPart) =>
        cutInto(pre, columnsPerTile, (column, columns, columnPart) => ({
          block,
          row: (job.row + row) * 4,
          rows: rows * 4,
          column,
          columns,
          current: current + columnPart * partsOfTile(columnsPerTile) * batch * post,
          feedback: feedback === none ? none : feedback + rowPart * batch * pre,
          flags: column === 0 ? biases : none,
        })),
      ).flat();
    },
  };
}
