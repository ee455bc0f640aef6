/**
 * The bytes of the tables that the kernels read; the layouts are those of the structs in shaders/. Pure.
 */

import {
  classesIn,
  pathOf,
  quadsOf,
  slopeSlots,
  stateFields,
  targetQuads,
  traceQuantities,
  type Layout,
} from "./layout.ts";
import type { Needs } from "./needs.ts";
import { biasStream, feedbackStream } from "./random.ts";
import { PLASTIC_TAU_STEPS, type Init, type Learning, type Network, type Projection } from "./spec.ts";
import type { Segments } from "./trajectory.ts";
import { none, propagateFlags, type Cut, type Groups, type Parts, type Tile, type TileRange } from "./tiles.ts";

/** Bits of the activation functions and of the costs. */
export const activations = { linear: 1, tanh: 2, sigmoid: 4, "hard-sigmoid": 8, relu: 16, softplus: 32 } as const;
export const costs = { "squared-error": 1, "cross-entropy": 2 } as const;

/** Writes rows of 32-bit words, some of them floats. */
class Rows {
  private readonly view: DataView;
  private at = 0;
  constructor(words: number) {
    this.view = new DataView(new ArrayBuffer(Math.max(words, 4) * 4));
  }
  u32(...values: readonly number[]): this {
    for (const value of values) {
      this.view.setUint32(this.at, value, true);
      this.at += 4;
    }
    return this;
  }
  f32(value: number): this {
    this.view.setFloat32(this.at, value, true);
    this.at += 4;
    return this;
  }
  /** Goes on at word `at`. */
  seek(at: number): this {
    this.at = at * 4;
    return this;
  }
  get bytes(): ArrayBuffer {
    return this.view.buffer as ArrayBuffer;
  }
}

const firstOf = (layout: Layout, key: string): number => layout.places.get(key)?.first ?? none;

/** Words of struct Recorded of common/population.wgsl. */
export const populationWords = 44;

/** struct Recorded of common/population.wgsl: populations, then sources. */
export function populationTable(network: Network, batch: number, cut: Cut, layout: Layout): ArrayBuffer {
  const rows = new Rows((network.populations.length + network.sources.length) * populationWords);
  const rateField = stateFields.indexOf("rate") * layout.field;
  const nothing: Parts = { first: 0, parts: 0 };
  const inner = (key: string): number => layout.inner.get(key) ?? none;
  network.populations.forEach(({ name, size, activation, gamma, cost }, index) => {
    const current = cut.currents[index] ?? nothing;
    const feedback = cut.feedback[index] ?? nothing;
    rows
      .u32(size, quadsOf(size), firstOf(layout, `rate/${name}`) - rateField, 0, activations[activation])
      .u32(current.first, current.parts, feedback.first, feedback.parts)
      .u32(firstOf(layout, `tauM/${name}`), firstOf(layout, `tauR/${name}`))
      .f32(gamma)
      .f32(cost?.beta ?? 0)
      .u32(cost === null ? 0 : costs[cost.kind], firstOf(layout, `cost/${name}`), firstOf(layout, `target/${name}`))
      .u32(cost === null ? 0 : targetQuads(cost.kind, size, batch), Number(cut.hasError[index] ?? false))
      .u32(inner(`keptTarget/${name}`), inner(`slopes/${name}`), slopeSlots(cut.needs.distances?.[index] ?? 0))
      .u32(inner(`trajectory/${name}`), inner(`derivatives/${name}`), inner(`adjoints/${name}`))
      .u32(inner(`keptRates/${name}`), inner(`keptErrors/${name}`))
      .u32(...dotPlaces(cut.currentDots[index]), ...dotPlaces(cut.feedbackDots[index]), 0, 0)
      .u32(...tracePlaces(layout, name));
  });
  network.sources.forEach(({ name, size }, index) => {
    const feedback = cut.sourceFeedback[index] ?? nothing;
    rows
      .u32(size, quadsOf(size), firstOf(layout, `rate/${name}`) - rateField, 1, 0)
      .u32(0, 0, feedback.first, feedback.parts, 0, 0, 0, 0)
      .u32(0, none, firstOf(layout, `input/${name}`), quadsOf(size) * batch, 0)
      .u32(none, none, 0, inner(`trajectory/${name}`), none, none)
      .u32(inner(`keptRates/${name}`), none)
      .u32(...dotPlaces(undefined), ...dotPlaces(cut.sourceDots[index]), 0, 0)
      .u32(...tracePlaces(layout, name));
  });
  return rows.bytes;
}

/** Place and number of the parts. */
const dotPlaces = (dots: Parts | undefined): [number, number] => [dots?.first ?? 0, dots?.parts ?? 0];

/** Padded to whole quads. */
const tracePlaces = (layout: Layout, name: string): number[] =>
  Array.from({ length: quadsOf(traceQuantities.length) * 4 }, (_, index) => {
    const quantity = traceQuantities[index];
    return layout.traces.find((trace) => trace.population === name && trace.quantity === quantity)?.first ?? none;
  });

/**
 * struct Projection of common/projections.wgsl, one for each block. With `ofPairs` that of deferred updates: rates and errors
 * are those of the pairs, and only weights learn.
 */
export function projectionTable(
  network: Network,
  batch: number,
  cut: Cut,
  layout: Layout,
  ofPairs = false,
): ArrayBuffer {
  const rows = new Rows(cut.blocks.length * 16);
  const inner = (key: string): number => layout.inner.get(key) ?? none;
  const { isSweep, isMatched, isAdjoint } = cut.needs;
  for (const block of cut.blocks) {
    const { projection: index, shard, hasWeights, biases } = block;
    const projection = network.projections[index] as Projection;
    const path = pathOf(network, projection);
    const [from, to] = path;
    const key = path.join("/");
    const isDelayed = !projection.fromSource && projection.delay === 1;
    const hasBias = biases === "here" || !hasWeights;
    // The trajectory of a population starts with its rates before the segment.
    const ownRow = projection.fromSource || isDelayed ? 0 : batch * quadsOf(projection.pre);
    const kept = [inner(`keptRates/${from}`), inner(`keptErrors/${to}`)] as const;
    const rate = firstOf(layout, `${isSweep && isDelayed ? "previousRate" : "rate"}/${from}`);
    const learnsBias = hasBias && !ofPairs && cut.learnsBias[index] === true;
    rows
      .u32(quadsOf(projection.pre), quadsOf(projection.post), block.weight)
      .u32(hasBias ? firstOf(layout, `bias/${to}`) : none)
      .u32(...(ofPairs ? kept : [rate, firstOf(layout, `error/${to}`)]))
      .u32(Number(hasWeights && cut.learnsWeight[index]) + 2 * Number(learnsBias))
      .u32(block.backward)
      .u32(
        firstOf(layout, `${isMatched ? "topDown" : "error"}/${to}`),
        inner(`traces/${key}`),
        inner(`biasTraces/${to}`),
      )
      .u32(firstOf(layout, `${classesIn(shard)}/${to}`))
      .u32(isAdjoint ? inner(`trajectory/${from}`) + ownRow : none, inner(`adjoints/${to}`), ...kept);
  }
  return rows.bytes;
}

/** struct Trace of traces.wgsl. */
export function traceTable({ populations }: Network, layout: Layout): ArrayBuffer {
  const rows = new Rows(layout.synapticTraces.length * 12);
  const kinds = { rates: 0, ones: 1, derivatives: 2 } as const;
  for (const { kind, isFiltered, signal, population, neuron, z, x, ring, slots, count, row } of layout.synapticTraces) {
    const { name } = populations[population] ?? { name: "" };
    const [tauM, tauR] = [firstOf(layout, `tauM/${name}`), firstOf(layout, `tauR/${name}`)];
    const isField = kind === "derivatives";
    rows
      .u32(firstOf(layout, signal))
      .u32(isField ? firstOf(layout, `derivativeTraceState/${name}`) : z)
      .u32(isField ? firstOf(layout, `derivativeTrace/${name}`) : x)
      .u32(ring, slots, count, row, kinds[kind] + (isFiltered ? 0 : 4))
      .u32(...(kind === "rates" ? [tauM * 4 + neuron, tauR * 4 + neuron] : [tauM, tauR]), 0, 0);
  }
  return rows.bytes;
}

/** Size of struct Tile. */
export const tileBytes = 32;

/** struct Tile of common/grid.wgsl. */
export function tileTable(tiles: readonly Tile[]): ArrayBuffer {
  const rows = new Rows(tiles.length * 8);
  for (const { block, row, rows: height, column, columns, current, feedback, flags } of tiles) {
    rows.u32(block, row, height, column, columns, current, feedback, flags);
  }
  return rows.bytes;
}

/** What parameters start as where no random number and no constant will do: time constants, and classes of traces. */
export function initialValues(
  network: Network,
  { classes, isTraced }: Needs,
  { shards }: Layout,
): ReadonlyMap<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  network.populations.forEach(({ name, tauM, tauR }, index) => {
    values.set(`tauM/${name}`, Float32Array.from(tauM));
    values.set(`tauR/${name}`, Float32Array.from(tauR));
    if (!isTraced) return;
    const own = Float32Array.from(classes[index]?.of ?? []);
    shards.forEach((_, shard) => values.set(`${classesIn(shard)}/${name}`, own));
  });
  return values;
}

/** A block of parameters that `initialize` fills; `start` are the quads of values before it in its stream. */
interface Filled {
  readonly first: number;
  readonly count: number;
  readonly columns: number;
  readonly stream: number;
  readonly init: Init;
  readonly start: number;
}

/** Per shard; the streams of random numbers are numbered like the blocks. */
function filledBlocks(network: Network, { places, shards, stretches }: Layout): Filled[][] {
  const blocks = shards.map((): Filled[] => []);
  network.projections.forEach((projection, index) => {
    const { post, pre, init } = projection;
    const hasFeedback = places.has(`feedbackWeight/${pathOf(network, projection).join("/")}`);
    for (const { shard, row, rows, first, backward } of stretches[index] ?? []) {
      const start = row * pre;
      const own = { count: Math.min(rows * 4, post - row * 4) * pre, columns: pre, init, start };
      blocks[shard]?.push({ ...own, first, stream: index });
      if (hasFeedback) blocks[shard]?.push({ ...own, first: backward, stream: feedbackStream(network, index) });
    }
  });
  network.populations.forEach(({ name, size, bias: { init } }, index) => {
    const first = places.get(`bias/${name}`)?.first ?? none;
    blocks[0]?.push({ first, count: size, columns: size, stream: biasStream(network, index), init, start: 0 });
  });
  return blocks;
}

/** struct Block of initialize.wgsl. Blocks without values fill the gaps between shards. */
export function blockTable(network: Network, layout: Layout): ArrayBuffer {
  const ranges = blockRanges(network, layout);
  const rows = new Rows(ranges.reduce((end, { first, count }) => Math.max(end, first + count), 0) * 8);
  filledBlocks(network, layout).forEach((blocks, shard) => {
    rows.seek((ranges[shard]?.first ?? 0) * 8);
    for (const { first, count, columns, stream, init, start } of blocks) {
      const isUniform = init.kind === "uniform";
      rows
        .u32(first, count, columns, stream, Number(isUniform))
        .f32(isUniform ? init.bound : init.value)
        .u32(start, 0);
    }
  });
  return rows.bytes;
}

/** Where the blocks of each shard stand in their table; bindings start at multiples of 8 rows. */
export function blockRanges(network: Network, layout: Layout): TileRange[] {
  let end = 0;
  return filledBlocks(network, layout).map(({ length: count }) => {
    const first = Math.ceil(end / 8) * 8;
    end = first + count;
    return { first, count };
  });
}

/** Size of struct Params of common/params.wgsl. */
export const paramsBytes = 84;

/** What is constant over a run; the clock does the rest on the device. */
export interface RunConstants {
  eta: number;
  frameOrigin: number;
  inputFrames: number;
  targetFrames: number;
  recordOrigin: number;
}

/** What struct Params takes from a plan. */
interface Constants {
  readonly network: Network;
  readonly learning: Learning;
  readonly batch: number;
  readonly recordRows: number;
  readonly segments: Segments | null;
  readonly field: number;
  readonly gradients: number;
}

/** struct Params. */
export function paramsTable(
  { network: { dt }, learning, batch, recordRows, segments, field, gradients }: Constants,
  { eta, frameOrigin, inputFrames, targetFrames, recordOrigin }: RunConstants,
): ArrayBuffer {
  const { beta1, beta2, epsilon } = learning.optimizer;
  const words = new ArrayBuffer(paramsBytes);
  const logOf = (beta: number): number => (beta > 0 ? Math.log(beta) : 0);
  new Float32Array(words).set([dt, eta, beta1, beta2, logOf(beta1), logOf(beta2), 1 - beta1, 1 - beta2, epsilon]);
  new Uint32Array(words, 36).set([frameOrigin, inputFrames, targetFrames, recordOrigin, Math.max(recordRows, 1)]);
  new Float32Array(words, 56).set([PLASTIC_TAU_STEPS * dt]);
  const { steps, last } = segments ?? { steps: 1, last: 1 };
  new Uint32Array(words, 60).set([field, batch, learning.window, steps, last, gradients]);
  return words;
}

/** Size of struct Clock of common/params.wgsl, and places of words in it, in bytes. */
export const clockBytes = 48;
export const clockPlaces = { step: 0, fault: 12, etaScale: 20, nextPair: 32 } as const;

/** What a network has of its own besides its parameters. */
export interface Replica {
  readonly seed: number;
  /** Factor of the learning rate. */
  readonly etaScale: number;
}

/** A struct Clock for each: step 0, no updates, no fault, no window. */
export function clockTable(replicas: readonly Replica[]): ArrayBuffer {
  const rows = new Rows((replicas.length * clockBytes) / 4);
  for (const { seed, etaScale } of replicas) {
    rows
      .u32(0, 0, 0, none, 0)
      .f32(etaScale)
      .u32(seed % 2 ** 32, Math.floor(seed / 2 ** 32))
      .u32(0, 0, 0, 0);
  }
  return rows.bytes;
}

// ---- a network in one workgroup -----------------------------------------------------------------------------

/** Rows of the tables of network.wgsl, which are uniforms of fixed size. */
export const networkLimits = { populations: 16, projections: 32, traces: 128, tiles: 512, levels: 8 } as const;

/** A table with as many rows as a uniform has. */
export function filled(table: ArrayBuffer, rows: number, rowBytes: number): ArrayBuffer {
  const bytes = new Uint8Array(rows * rowBytes);
  bytes.set(new Uint8Array(table).subarray(0, bytes.length));
  return bytes.buffer;
}

/** The tiles of all parts of a step in one table, and the table of their ranges. */
export function networkTiles(work: Cut): { readonly tiles: readonly Tile[]; readonly ranges: ArrayBuffer } {
  const { levels, needs, neurons, synapses, traces } = work;
  const tiles: Tile[] = [];
  const rows = new Map<number, TileRange>();
  const add = (row: number, part: readonly Tile[]): void => {
    rows.set(row, { first: tiles.length, count: part.length });
    tiles.push(...part);
  };
  const cutOut = (groups: Groups, index: number): readonly Tile[] => {
    const { first, count } = groups.ranges[index] ?? { first: 0, count: 0 };
    return groups.tiles.slice(first, first + count);
  };
  const hasGroups = synapses.ranges.length > 1;
  // Tiles of one pass go both ways.
  const isForward = ({ flags }: Tile): boolean => work.isOnePass || (flags & propagateFlags.forward) !== 0;
  const firstNeuron = tiles.length;
  for (let level = 0; level < levels; level++) add(level, cutOut(neurons, level));
  add(24, needs.isSweep ? cutOut(neurons, levels) : []);
  rows.set(31, { first: firstNeuron, count: tiles.length - firstNeuron });
  for (let level = 0; level < levels; level++) {
    const up = cutOut(synapses, level);
    add(networkLimits.levels + level, up.filter(isForward));
    // Where levels do nothing of their own, products of both directions are one group.
    const down = hasGroups ? cutOut(synapses, levels + level) : up.filter((tile) => !isForward(tile));
    add(2 * networkLimits.levels + level, down);
  }
  add(25, hasGroups ? cutOut(synapses, 2 * levels) : []);
  add(26, cutOut(traces, 0));
  add(27, cutOut(traces, 1));
  add(28, work.learnTiles);
  add(29, work.tauTiles);
  add(30, work.applyTiles);
  const table = new Rows(32 * 4);
  for (let row = 0; row < 32; row++) {
    const { first, count } = rows.get(row) ?? { first: 0, count: 0 };
    table.u32(first, count, 0, 0);
  }
  return { tiles, ranges: table.bytes };
}

/** How many powers of two there are of steps, or windows, in one dispatch; uniforms start at multiples of 256 bytes. */
export const timesPowers = 11;
export const timesStride = 256;

export function timesTable(): ArrayBuffer {
  const words = new Uint32Array((timesPowers * timesStride) / 4);
  for (let power = 0; power < timesPowers; power++) words[(power * timesStride) / 4] = 2 ** power;
  return words.buffer;
}
