/**
 * How the work of a step is cut into workgroups, and where their partial sums stand. Pure.
 */

import { networkShape, quadsOf, type Layout, type PlanOptions, type Tuning } from "./layout.ts";
import type { Needs } from "./needs.ts";
import { carriesBias, errorPaths, type ErrorPaths } from "./paths.ts";
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

/** A stretch of a table of tiles. */
export interface TileRange {
  readonly first: number;
  readonly count: number;
}

/** Tiles in groups that are dispatched apart or together. */
export interface Groups {
  readonly tiles: readonly Tile[];
  readonly ranges: readonly TileRange[];
}

export interface Cut extends ErrorPaths {
  readonly needs: Needs;
  readonly currents: readonly Parts[];
  readonly feedback: readonly Parts[];
  readonly sourceFeedback: readonly Parts[];
  readonly partialSums: number;
  /** In a sweep a group for each level, then one for the sources; else one for all. */
  readonly neurons: Groups;
  /**
   * Of one pass, and of jacobi without adjoint errors, one group. Else first the products forward into each level; then those
   * back out of each level without delay; then those with delay.
   */
  readonly synapses: Groups;
  readonly levels: number;
  readonly learnTiles: readonly Tile[];
  /** Of synaptic traces that are filtered before the weights learn, and of those that need the derivatives of the step. */
  readonly traces: Groups;
  readonly tauTiles: readonly Tile[];
  readonly applyTiles: readonly Tile[];
  readonly isOnePass: boolean;
  /** Whether `propagate_wide` and `learn_wide` take the place of `propagate` and `learn`. */
  readonly isWide: boolean;
  readonly learnsWide: boolean;
  /** Overrides of `propagate` and `propagate_wide`. */
  readonly productShape: { readonly WIDTH: number; readonly LANES: number; readonly OUTPUTS: number };
  /** Whether one workgroup takes the whole network. */
  readonly isSmall: boolean;
  readonly hasWideRows: boolean;
  /** Overrides of `synapses` and `synapses_batch`, and the rows of the tallest tile. */
  readonly synapseShape: {
    readonly WIDTH: number;
    readonly QUADS: number;
    readonly SHARED: number;
    readonly rows: number;
  };
}

/** Sizes of the kernels' tiles: invocations of a workgroup, and rows or quads of W. */
const neuronTile = { width: 64, wideRow: 16 };
/** Quads of rows of a tile of one pass, at least. */
const leastRows = 4;
/** Memory of a workgroup: 16 KiB. */
const workgroupQuads = 1024;
/** Batch rows that `synapses_batch` can take. */
export const mostLanes = 16;
/** Quads that `propagate` sums up at a time, and invocations of a workgroup of `learn`. */
const batched = { stretch: 128, learnWidth: 64 };
const mostRounds = 16;
const neuronFlags = { narrowRows: 1, wideRow: 2 };
const propagateFlags = { forward: 1, withBias: 2 };

export function cut(network: Network, options: PlanOptions, needs: Needs, layout: Layout): Cut {
  const { batch, tuning } = options;
  const paths = errorPaths(network, options);
  const isSmall = isSmallNetwork(network, options, layout);
  const isOnePass = batch <= Math.min(tuning.onePassBatch, mostLanes) && needs.allowsOnePass && !isSmall;
  const isWide = batch >= tuning.wideBatch && !isSmall;
  // Traces and the gradient of a window go by pairs of quads.
  const learnsWide = isWide && !needs.isTraced && !needs.isAdjoint;
  const productShape = isWide
    ? { WIDTH: tuning.wideWidth, LANES: tuning.wideLanes, OUTPUTS: tuning.wideOutputs }
    : { WIDTH: 32, LANES: 4, OUTPUTS: 1 };
  const cutter = isOnePass ? onePassCutter(network, batch, tuning) : batchedCutter(batch, productShape);
  const levels = Math.max(...network.populations.map(({ level }) => level)) + 1;
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
    needs,
    levels,
    isOnePass,
    isWide,
    learnsWide,
    productShape,
    isSmall,
    currents: network.populations.map(({ size }, node) => takeCurrents(node, size)),
    feedback: network.populations.map(({ size }, node) => takeFeedback(node, false, size)),
    sourceFeedback: network.sources.map(({ size }, node) => takeFeedback(node, true, size)),
    partialSums: slots.end,
    neurons: neuronGroups(network, options, needs, levels, isSmall),
    synapses: synapseGroups(network, needs, levels, (index) => cutter.tiles(jobOf(index))),
    learnTiles: isOnePass ? [] : learnTiles(network, tuning, paths, learnsWide ? 2 : 1),
    traces: traceGroups(layout, tuning),
    tauTiles: tauTiles(network, needs, layout, tuning),
    applyTiles: needs.isAdjoint ? applyTiles(network, needs, layout, tuning) : [],
    hasWideRows: network.populations.some(hasWideRows),
    synapseShape: cutter.shape,
  };
}

/** Few products in a step, no row of a softmax that needs a workgroup of its own, and a window that is kept whole. */
function isSmallNetwork(
  network: Network,
  { batch, tuning, fuseSteps, energies }: PlanOptions,
  { segments }: Layout,
): boolean {
  const products = network.projections.reduce((sum, { pre, post }) => sum + batch * pre * post, 0);
  const isWhole = segments === null || segments.count === 1;
  const isPlain = fuseSteps && energies.length === 0;
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

/** Bindings start at multiples of 256 bytes, which is so many tiles. */
const tileAlignment = 8;

/** One group behind the other; tiles that do nothing fill the gaps. */
function joined(groups: readonly (readonly Tile[])[]): Groups {
  const tiles: Tile[] = [];
  const ranges = groups.map((group) => {
    while (tiles.length % tileAlignment !== 0) tiles.push(blank);
    const first = tiles.length;
    // No binding may be empty.
    tiles.push(...(group.length > 0 ? group : [blank]));
    return { first, count: group.length };
  });
  return { tiles, ranges };
}

function neuronGroups(
  network: Network,
  options: PlanOptions,
  { isSweep }: Needs,
  levels: number,
  isSmall: boolean,
): Groups {
  const { populations, sources } = network;
  const tilesOf = neuronTiler(network, options, isSmall ? networkShape(options).width : neuronTile.width);
  const own = populations.map((node, block) => ({ level: node.level, tiles: tilesOf(node, block) }));
  const given = sources.flatMap((node, index) => tilesOf(node, populations.length + index));
  if (!isSweep) return joined([[...own.flatMap(({ tiles }) => tiles), ...given]]);
  const byLevel = Array.from({ length: levels }, (_, level) =>
    own.filter((each) => each.level === level).flatMap(({ tiles }) => tiles),
  );
  return joined([...byLevel, given]);
}

function neuronTiler(
  network: Network,
  { batch, tuning }: PlanOptions,
  width: number,
): (node: Population | Source, block: number) => Tile[] {
  const nodes = [...network.populations, ...network.sources];
  const total = nodes.reduce((sum, { size }) => sum + quadsOf(size) * batch, 0);
  const stretch = stretchOf(total, neuronTile.width, tuning);
  return (node, block) => {
    const quads = quadsOf(node.size);
    if (hasWideRows(node)) {
      return cutInto(batch * quads, quads, (row, rows) => ({ ...blank, block, row, rows, flags: neuronFlags.wideRow }));
    }
    if (needsRows(node)) {
      const flags = neuronFlags.narrowRows;
      // One row for each invocation.
      return cutInto(batch, Math.min(width, neuronTile.width), (row, rows) => ({ ...blank, block, row, rows, flags }));
    }
    return cutInto(batch * quads, stretch, (row, rows) => ({ ...blank, block, row, rows }));
  };
}

function synapseGroups(
  { projections, populations }: Network,
  { isSweep, isAdjoint }: Needs,
  levels: number,
  tilesOf: (index: number) => Tile[],
): Groups {
  const all = projections.map((projection, index) => {
    const tiles = tilesOf(index);
    const isForward = ({ flags }: Tile): boolean => (flags & propagateFlags.forward) !== 0;
    return {
      level: populations[projection.to]?.level ?? 0,
      isDelayed: projection.delay === 1,
      tiles,
      forward: tiles.filter(isForward),
      backward: tiles.filter((tile) => !isForward(tile)),
    };
  });
  if (!isSweep && !isAdjoint) return joined([all.flatMap(({ tiles }) => tiles)]);
  const perLevel = (tilesAt: (each: (typeof all)[number]) => readonly Tile[]): Tile[][] =>
    Array.from({ length: levels }, (_, level) => all.flatMap((each) => (each.level === level ? tilesAt(each) : [])));
  return joined([
    ...perLevel(({ forward }) => forward),
    ...perLevel(({ backward, isDelayed }) => (isDelayed ? [] : backward)),
    all.flatMap(({ backward, isDelayed }) => (isDelayed ? backward : [])),
  ]);
}

function traceGroups({ synapticTraces }: Layout, tuning: Tuning): Groups {
  const total = synapticTraces.reduce((sum, { count }) => sum + count, 0);
  const stretch = stretchOf(total, neuronTile.width, tuning);
  const tilesOf = (needsDerivatives: boolean): Tile[] =>
    synapticTraces.flatMap(({ kind, count }, block) =>
      (kind === "derivatives") === needsDerivatives
        ? cutInto(count, stretch, (row, rows) => ({ ...blank, block, row, rows }))
        : [],
    );
  return joined([tilesOf(false), tilesOf(true)]);
}

/** The quads of every population whose time constants learn in each step. */
function tauTiles({ populations }: Network, { isOnline }: Needs, layout: Layout, tuning: Tuning): Tile[] {
  if (!isOnline) return [];
  const stretch = stretchOf(1, neuronTile.width, tuning);
  return populations.flatMap(({ name, size, plasticTauM, plasticTauR }, block) => {
    const flags = Number(plasticTauM) + 2 * Number(plasticTauR);
    const columns = quadsOf(size);
    const column = firstOf(layout, `error/${name}`);
    const places = { current: firstOf(layout, `tauM/${name}`), feedback: firstOf(layout, `tauR/${name}`) };
    if (flags === 0) return [];
    return cutInto(columns, stretch, (row, rows) => ({ block, row, rows, column, columns, ...places, flags }));
  });
}

const applyFlags = { tauM: 1, tauR: 2, learns: 4 };

/** Every block of parameters that has a gradient. */
function applyTiles(network: Network, { sumsTau }: Needs, layout: Layout, tuning: Tuning): Tile[] {
  const stretch = stretchOf(layout.moments, neuronTile.width, tuning);
  const block = (key: string, flags: number, more: Partial<Tile> = {}): Tile[] => {
    const place = layout.places.get(key);
    const quads = place === undefined ? 0 : (place.rows + place.paddingRows) * quadsOf(place.columns);
    const current = place?.first ?? none;
    return cutInto(quads, stretch, (row, rows) => ({ ...blank, row, rows, current, ...more, flags }));
  };
  const weights = network.projections.flatMap(({ plastic, name }) =>
    plastic ? block(`weight/${name.replace(" -> ", "/")}`, applyFlags.learns) : [],
  );
  const neurons = network.populations.flatMap(({ name, size, bias, plasticTauM, plasticTauR }) => {
    const ofBias = bias.plastic ? block(`bias/${name}`, applyFlags.learns) : [];
    if (!sumsTau) return ofBias;
    const ofTau = (key: "tauM" | "tauR", isPlastic: boolean): Tile[] =>
      block(`${key}/${name}`, applyFlags[key] + (isPlastic ? applyFlags.learns : 0), {
        column: firstOf(layout, `${key}Sum/${name}`),
        columns: quadsOf(size),
      });
    return [...ofBias, ...ofTau("tauM", plasticTauM), ...ofTau("tauR", plasticTauR)];
  });
  return [...weights, ...neurons];
}

const firstOf = (layout: Layout, key: string): number => layout.places.get(key)?.first ?? none;

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

/** Tiles of `synapses` and `synapses_batch`: rectangles of W. */
function onePassCutter({ projections }: Network, batch: number, tuning: Tuning): Cutter {
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
  // Where currents are not shared, every invocation with a column writes a part.
  const partsOfTile = (columns: number): number => (sharedCurrents ? 1 : Math.min(width, columns));
  const columnParts = ({ pre }: Job): number =>
    cutInto(pre, columnsPerTile, (_, columns) => partsOfTile(columns)).reduce((sum, parts) => sum + parts, 0);
  return {
    shape: {
      WIDTH: width,
      QUADS: columnQuads,
      SHARED: Number(sharedCurrents),
      rows: Math.max(...projections.map(({ pre, post }) => rowsOf(quadsOf(pre), quadsOf(post)))) * 4,
    },
    currentParts: (job) => columnParts(job) + Number(job.hasBias),
    feedbackParts: ({ pre, post }) => stretches(post, rowsOf(pre, post)),
    tiles(job) {
      const { index, pre, post, current, feedback } = job;
      const biases = job.hasBias ? current + columnParts(job) * batch * post : none;
      return cutInto(post, rowsOf(pre, post), (row, rows, rowPart) =>
        cutInto(pre, columnsPerTile, (column, columns, columnPart) => ({
          block: index,
          row: row * 4,
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

/** Tiles of `propagate` and `propagate_wide`: invocations that each keep some quads of outputs for some batch rows. */
function batchedCutter(batch: number, { WIDTH: width, LANES, OUTPUTS }: Cut["productShape"]): Cutter {
  const lanes = Math.ceil(batch / LANES);
  const { stretch } = batched;
  return {
    shape: { WIDTH: 1, QUADS: 1, SHARED: 0, rows: 4 },
    currentParts: ({ pre }) => stretches(pre, stretch),
    feedbackParts: ({ post }) => stretches(post, stretch),
    tiles({ index, pre, post, hasBias, current, feedback }) {
      const forward = cutInto(Math.ceil(post / OUTPUTS) * lanes, width, (row, rows) =>
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
      const backward = cutInto(Math.ceil(pre / OUTPUTS) * lanes, width, (column, columns) =>
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

/** Tiles of `learn` and `learn_wide`: pairs of a quad of rows and one of columns, or blocks of `side` by `side` such pairs. */
function learnTiles(network: Network, tuning: Tuning, { learnsWeight, learnsBias }: ErrorPaths, side: 1 | 2): Tile[] {
  const blocksOf = (size: number): number => Math.ceil(quadsOf(size) / side);
  const total = network.projections.reduce((sum, { pre, post }) => sum + blocksOf(pre) * blocksOf(post), 0);
  const stretch = stretchOf(total, batched.learnWidth, tuning);
  return network.projections.flatMap((projection, block) => {
    if (learnsWeight[block] !== true && learnsBias[block] !== true) return [];
    // Where only the biases learn, one column does.
    const columns = learnsWeight[block] === true ? blocksOf(projection.pre) : 1;
    const pairs = blocksOf(projection.post) * columns;
    return cutInto(pairs, stretch, (row, rows) => ({ ...blank, block, row, rows, columns }));
  });
}
