/**
 * Which errors are worth computing, and how the work of a step is cut into workgroups. Pure.
 */

import { quadsOf, type PlanOptions } from "./layout.ts";
import type { Network, Population, Projection, Source } from "./spec.ts";

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

export interface Cut {
  /** Whether anything learns at all. */
  readonly learns: boolean;
  /** Per population: whether an error is computed. */
  readonly hasError: readonly boolean[];
  readonly currents: readonly Parts[];
  readonly feedback: readonly Parts[];
  readonly sourceFeedback: readonly Parts[];
  readonly partialSums: number;
  readonly neuronTiles: readonly Tile[];
  readonly synapseTiles: readonly Tile[];
  readonly learnTiles: readonly Tile[];
  readonly hasWideRows: boolean;
  /** Invocations of a workgroup of `synapses`, and rows of its tallest tile (whole quads). */
  readonly synapseWidth: number;
  readonly synapseRows: number;
}

/** Sizes of the kernels' tiles: invocations of a workgroup, and rows or quads of W. */
const neuronTile = { width: 64, wideRow: 16, mostRounds: 16 };
const single = { maxWidth: 64, rows: 16, tallRows: 64, tallFrom: 2 ** 20 };
const batched = { width: 32, stretch: 128, learnWidth: 64 };
const neuronFlags = { narrowRows: 1, wideRow: 2 };
const propagateFlags = { forward: 1, withBias: 2 };

export function cut(network: Network, options: PlanOptions): Cut {
  const { batch } = options;
  const hasError = populationsWithError(network, options);
  const returns = network.projections.map((projection) => returnsFeedback(network, projection, hasError, options));
  const synapseWidth = Math.min(Math.max(...network.projections.map(({ pre }) => quadsOf(pre))), single.maxWidth);
  const grains = network.projections.map((projection) => grainOf(projection, batch, synapseWidth));
  const slots = new Slots();
  const partsOf = (index: number, side: "rows" | "columns"): number => {
    const { pre = 0, post = 0 } = network.projections[index] ?? {};
    return stretches(quadsOf(side === "columns" ? pre : post), grains[index]?.[side] ?? 1);
  };
  const columnsOf = (index: number): number => partsOf(index, "columns");
  const rowsOf = (index: number): number => partsOf(index, "rows");
  const all = network.projections.map((_, index) => index);
  const into = (population: number): number[] => all.filter((index) => network.projections[index]?.to === population);
  const outOf = (node: number, isSource: boolean): number[] =>
    all.filter((index) => {
      const projection = network.projections[index];
      return returns[index] === true && projection?.from === node && projection.fromSource === isSource;
    });
  const currents = network.populations.map(({ size }, node) =>
    slots.take("current", into(node), columnsOf, quadsOf(size) * batch),
  );
  const feedback = network.populations.map(({ size }, node) =>
    slots.take("feedback", outOf(node, false), rowsOf, quadsOf(size) * batch),
  );
  const sourceFeedback = network.sources.map(({ size }, node) =>
    slots.take("feedback", outOf(node, true), rowsOf, quadsOf(size) * batch),
  );
  const cutSynapses = batch === 1 ? singleTiles : propagateTiles;
  return {
    learns: options.learning.errors !== "none" && network.projections.some((_, index) => learnsBlock(network, index)),
    hasError,
    currents,
    feedback,
    sourceFeedback,
    partialSums: slots.end,
    neuronTiles: neuronTiles(network, options),
    synapseTiles: network.projections.flatMap((projection, index) =>
      cutSynapses({
        projection,
        index,
        batch,
        hasBias: carriesBias(network, index),
        grain: grains[index] ?? { rows: 1, columns: 1 },
        current: slots.firstOf("current", index),
        feedback: slots.firstOf("feedback", index),
      }),
    ),
    learnTiles: batch === 1 ? [] : learnTiles(network),
    hasWideRows: network.populations.some(hasWideRows),
    synapseWidth,
    synapseRows: Math.max(...grains.map(({ rows }) => rows)) * 4,
  };
}

// ---- which errors -------------------------------------------------------------------------------------------

/** The biases of a population learn and are added with its first projection. */
export function carriesBias(network: Network, index: number): boolean {
  const to = network.projections[index]?.to;
  return network.projections.findIndex((projection) => projection.to === to) === index;
}

export function learnsBias(network: Network, index: number): boolean {
  const population = network.populations[network.projections[index]?.to ?? -1];
  return carriesBias(network, index) && population?.bias.plastic === true;
}

function learnsBlock(network: Network, index: number): boolean {
  return network.projections[index]?.plastic === true || learnsBias(network, index);
}

/** An error is computed where something learns from it, feels it or records it, and wherever it comes from. */
function populationsWithError(network: Network, { learning, record }: PlanOptions): boolean[] {
  const hasError = network.populations.map((population, index) => {
    if (learning.errors === "none") return false;
    const into = network.projections.filter((projection) => projection.to === index);
    const isRecorded = record.some(
      (entry) =>
        entry.population === population.name && ["error", "lowPassedError", "feedback"].includes(entry.quantity),
    );
    const feedsRecord = network.projections.some(
      (projection) => projection.to === index && record.some((entry) => recordsFeedbackOf(network, projection, entry)),
    );
    return (
      population.gamma !== 0 ||
      population.bias.plastic ||
      into.some((projection) => projection.plastic) ||
      isRecorded ||
      feedsRecord
    );
  });
  // Errors come from above: whoever needs one needs those of every population it projects to.
  for (let changed = true; changed;) {
    changed = false;
    for (const { from, fromSource, to } of network.projections) {
      if (fromSource || hasError[from] !== true || hasError[to] === true) continue;
      hasError[to] = true;
      changed = true;
    }
  }
  return hasError;
}

function recordsFeedbackOf(network: Network, projection: Projection, entry: PlanOptions["record"][number]): boolean {
  const from = (projection.fromSource ? network.sources : network.populations)[projection.from];
  return entry.quantity === "feedback" && entry.population === from?.name;
}

function returnsFeedback(
  network: Network,
  projection: Projection,
  hasError: readonly boolean[],
  { learning, record }: PlanOptions,
): boolean {
  if (learning.errors === "none") return false;
  const isFelt = !projection.fromSource && hasError[projection.from] === true;
  return isFelt || record.some((entry) => recordsFeedbackOf(network, projection, entry));
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

/** The stretch of W, in quads, that one partial sum covers: `columns` for a current, `rows` for a feedback. */
interface Grain {
  readonly rows: number;
  readonly columns: number;
}

function grainOf({ pre, post }: Projection, batch: number, width: number): Grain {
  if (batch > 1) return { rows: batched.stretch, columns: batched.stretch };
  return { rows: quadsOf(pre * post >= single.tallFrom ? single.tallRows : single.rows), columns: width };
}

const stretches = (length: number, grain: number): number => Math.ceil(length / grain);

/** Calls `make` for every stretch of `length` with its first element, length and number. */
function cutInto<T>(length: number, grain: number, make: (first: number, length: number, part: number) => T): T[] {
  return Array.from({ length: stretches(length, grain) }, (_, part) =>
    make(part * grain, Math.min(grain, length - part * grain), part),
  );
}

const blank: Tile = { block: 0, row: 0, rows: 0, column: 0, columns: 0, current: none, feedback: none, flags: 0 };

/** Softmax needs a whole batch row: in one invocation if it is short, else in one workgroup. */
const needsRows = (node: Population | Source): boolean => "cost" in node && node.cost?.kind === "cross-entropy";
const hasWideRows = (node: Population | Source): boolean => needsRows(node) && quadsOf(node.size) > neuronTile.wideRow;

function neuronTiles(network: Network, { batch, workgroups }: PlanOptions): Tile[] {
  const nodes = [...network.populations, ...network.sources];
  const total = nodes.reduce((sum, { size }) => sum + quadsOf(size) * batch, 0);
  // One round of quads for each invocation, more once there are workgroups enough to fill a device.
  const rounds = Math.ceil(total / neuronTile.width / workgroups);
  const stretch = neuronTile.width * Math.min(rounds, neuronTile.mostRounds);
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

interface Job {
  readonly projection: Projection;
  readonly index: number;
  readonly batch: number;
  readonly hasBias: boolean;
  readonly grain: Grain;
  readonly current: number;
  readonly feedback: number;
}

function singleTiles({ projection, index, grain, current, feedback }: Job): Tile[] {
  const { pre, post } = projection;
  return cutInto(post, grain.rows * 4, (row, rows, rowPart) =>
    cutInto(quadsOf(pre), grain.columns, (column, columns, columnPart) => ({
      block: index,
      row,
      rows,
      column,
      columns,
      current: current + columnPart * quadsOf(post),
      feedback: feedback === none ? none : feedback + rowPart * quadsOf(pre),
      flags: 0,
    })),
  ).flat();
}

function propagateTiles({ projection, index, batch, hasBias, grain, current, feedback }: Job): Tile[] {
  const pre = quadsOf(projection.pre);
  const post = quadsOf(projection.post);
  const lanes = Math.ceil(batch / 4);
  const forward = cutInto(post * lanes, batched.width, (row, rows) =>
    cutInto(pre, grain.columns, (column, columns, part) => ({
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
  const backward = cutInto(pre * lanes, batched.width, (column, columns) =>
    cutInto(post, grain.rows, (row, rows, part) => ({
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
}

function learnTiles(network: Network): Tile[] {
  return network.projections.flatMap((projection, block) => {
    if (!learnsBlock(network, block)) return [];
    // Where only the biases learn, one column does.
    const columns = projection.plastic ? quadsOf(projection.pre) : 1;
    const pairs = quadsOf(projection.post) * columns;
    return cutInto(pairs, batched.learnWidth, (row, rows) => ({ ...blank, block, row, rows, columns }));
  });
}
