/**
 * The bytes of the tables that the kernels read; the layouts are those of the structs in shaders/. Pure.
 */

import { pathOf, quadsOf, stateFields, traceQuantities, type Layout } from "./layout.ts";
import type { Init, Network } from "./spec.ts";
import { carriesBias, learnsBias } from "./paths.ts";
import { none, type Cut, type Parts, type Tile } from "./tiles.ts";

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
  get bytes(): ArrayBuffer {
    return this.view.buffer as ArrayBuffer;
  }
}

const firstOf = (layout: Layout, key: string): number => layout.places.get(key)?.first ?? none;

/** struct Recorded of neurons.wgsl: populations, then sources. */
export function populationTable(network: Network, batch: number, cut: Cut, layout: Layout): ArrayBuffer {
  const rows = new Rows((network.populations.length + network.sources.length) * 26);
  const rateField = stateFields.indexOf("rate") * layout.field;
  const nothing: Parts = { first: 0, parts: 0 };
  const tauR = network.populations.reduce((sum, { size }) => sum + quadsOf(size), 0);
  let tau = 0;
  network.populations.forEach(({ name, size, activation, gamma, cost }, index) => {
    const current = cut.currents[index] ?? nothing;
    const feedback = cut.feedback[index] ?? nothing;
    const places = tracePlaces(layout, name);
    rows
      .u32(size, quadsOf(size), firstOf(layout, `rate/${name}`) - rateField, 0, activations[activation])
      .u32(current.first, current.parts, feedback.first, feedback.parts, tau, tauR + tau)
      .f32(gamma)
      .f32(cost?.beta ?? 0)
      .u32(cost === null ? 0 : costs[cost.kind], firstOf(layout, `cost/${name}`), firstOf(layout, `target/${name}`))
      .u32(cost?.kind === "cross-entropy" ? quadsOf(batch) : quadsOf(size) * batch)
      .u32(Number(cut.hasError[index] ?? false), ...places);
    tau += quadsOf(size);
  });
  network.sources.forEach(({ name, size }, index) => {
    const feedback = cut.sourceFeedback[index] ?? nothing;
    const places = tracePlaces(layout, name);
    rows
      .u32(size, quadsOf(size), firstOf(layout, `rate/${name}`) - rateField, 1, 0)
      .u32(0, 0, feedback.first, feedback.parts, 0, 0)
      .f32(0)
      .f32(0)
      .u32(0, none, firstOf(layout, `input/${name}`), quadsOf(size) * batch)
      .u32(0, ...places);
  });
  return rows.bytes;
}

const tracePlaces = (layout: Layout, name: string): number[] =>
  traceQuantities.map(
    (quantity) =>
      layout.traces.find((trace) => trace.population === name && trace.quantity === quantity)?.first ?? none,
  );

/** struct Projection of common/projections.wgsl. */
export function projectionTable(network: Network, layout: Layout): ArrayBuffer {
  const rows = new Rows(network.projections.length * 7);
  network.projections.forEach((projection, index) => {
    const [from, to] = pathOf(network, projection);
    const bias = carriesBias(network, index) ? firstOf(layout, `bias/${to}`) : none;
    rows
      .u32(quadsOf(projection.pre), quadsOf(projection.post), firstOf(layout, `weight/${from}/${to}`), bias)
      .u32(firstOf(layout, `rate/${from}`), firstOf(layout, `error/${to}`))
      .u32(Number(projection.plastic) + 2 * Number(learnsBias(network, index)));
  });
  return rows.bytes;
}

/** struct Tile of common/grid.wgsl. */
export function tileTable(tiles: readonly Tile[]): ArrayBuffer {
  const rows = new Rows(tiles.length * 8);
  for (const { block, row, rows: height, column, columns, current, feedback, flags } of tiles) {
    rows.u32(block, row, height, column, columns, current, feedback, flags);
  }
  return rows.bytes;
}

/** tau_m of every neuron, then tau_r, each population padded to whole quads with its last, so that padding is as stable. */
export function timeConstants({ populations }: Network): ArrayBuffer {
  const rows = new Rows(populations.reduce((sum, { size }) => sum + quadsOf(size), 0) * 8);
  for (const which of ["tauM", "tauR"] as const) {
    for (const population of populations) {
      const values = population[which];
      for (let i = 0; i < quadsOf(population.size) * 4; i++) rows.f32(values[Math.min(i, values.length - 1)] ?? 1);
    }
  }
  return rows.bytes;
}

/** struct Block of initialize.wgsl; the streams of random numbers are numbered like the blocks. */
export function blockTable(network: Network, layout: Layout): ArrayBuffer {
  const rows = new Rows((network.projections.length + network.populations.length) * 8);
  const block = (first: number, count: number, columns: number, stream: number, init: Init): void => {
    const value = init.kind === "uniform" ? init.bound : init.value;
    rows
      .u32(first, count, columns, stream, Number(init.kind === "uniform"))
      .f32(value)
      .u32(0, 0);
  };
  network.projections.forEach((projection, index) => {
    const path = pathOf(network, projection).join("/");
    const { post, pre, init } = projection;
    block(firstOf(layout, `weight/${path}`), post * pre, pre, index, init);
  });
  network.populations.forEach(({ name, size, bias }, index) => {
    block(firstOf(layout, `bias/${name}`), size, size, network.projections.length + index, bias.init);
  });
  return rows.bytes;
}

/** Size of struct Params of common/params.wgsl. */
export const paramsBytes = 56;

/** struct Clock: step 0, no updates, no fault. */
export function clockWords(): ArrayBuffer {
  return new Rows(4).u32(0, 0, 0, none).bytes;
}
