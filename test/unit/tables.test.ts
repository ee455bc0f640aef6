/** Holds the tables that the host writes to the structs that the shaders declare. */

import { describe, expect, it } from "vitest";
import { Engine } from "../../src/engine.ts";
import { layOut, quadsOf, traceQuantities, type Layout, type PlanOptions } from "../../src/layout.ts";
import { needsOf } from "../../src/needs.ts";
import { resolveLearning, resolveNetwork, type Network } from "../../src/spec.ts";
import {
  blockTable,
  clockBytes,
  clockPlaces,
  clockTable,
  paramsBytes,
  populationTable,
  projectionTable,
  tileBytes,
  tileTable,
  traceTable,
  type RunConstants,
} from "../../src/tables.ts";
import { cut, none, type Cut, type Tile } from "../../src/tiles.ts";
import { defaults } from "./planning.ts";
import { decode, decodeAll, offsetsOf, struct } from "./reflection.ts";

const network = resolveNetwork({
  dt: 0.125,
  sources: [
    { name: "eye", size: 7 },
    { name: "ear", size: 4 },
  ],
  populations: [
    { name: "hidden", size: 9, tauM: 1, tauR: 0.5, activation: "tanh", gamma: 0.25 },
    {
      name: "output",
      size: 5,
      tauM: 1,
      tauR: 1,
      activation: "softplus",
      bias: { plastic: false, init: { kind: "constant", value: 0.75 } },
      cost: { kind: "cross-entropy", beta: 0.5 },
    },
  ],
  projections: [
    { from: "eye", to: "hidden" },
    { from: "hidden", to: "output", plastic: false },
    { from: "ear", to: "output", init: { kind: "constant", value: 2 } },
  ],
});
const options: PlanOptions = {
  ...defaults,
  batch: 6,
  learning: resolveLearning({ optimizer: { kind: "adam", eta: 0.25, beta1: 0.5, beta2: 0.75, epsilon: 0.0625 } }),
  record: [
    { population: "hidden", quantity: "slope" },
    { population: "eye", quantity: "feedback" },
  ],
  frameBytes: 4096,
};

/** What is planned for a network, and where its places and those that only kernels know begin, in quads. */
class Planned {
  readonly network: Network;
  readonly options: PlanOptions;
  readonly layout: Layout;
  readonly work: Cut;

  constructor(network: Network, options: PlanOptions) {
    const needs = needsOf(network, options.learning);
    this.network = network;
    this.options = options;
    this.layout = layOut(network, options, needs);
    this.work = cut(network, options, needs, this.layout);
  }

  first(key: string): number {
    return found(this.layout.places.get(key)?.first, key);
  }

  inner(key: string): number {
    return found(this.layout.inner.get(key), key);
  }

  populations(): Record<string, number>[] {
    const { network, options, layout, work } = this;
    return decodeAll(populationTable(network, options.batch, work, layout), "neurons", "Recorded");
  }

  projections(ofPairs = false): Record<string, number>[] {
    const { network, options, layout, work } = this;
    return decodeAll(projectionTable(network, options.batch, work, layout, ofPairs), "synapses", "Projection");
  }

  traces(): Record<string, number>[] {
    return decodeAll(traceTable(this.network, this.layout), "traces", "Trace");
  }
}

const withInner = (planned: Planned) => ({
  layout: planned.layout,
  work: planned.work,
  inner: (key: string): number => planned.inner(key),
  populations: planned.populations(),
  projections: planned.projections(),
  pairs: planned.projections(true),
});

function found(first: number | undefined, key: string): number {
  if (first === undefined) throw new Error(`There is no place "${key}".`);
  return first;
}

const cost = { kind: "cross-entropy" } as const;
const planned = new Planned(network, options);
const { layout, work } = planned;
const first = (key: string): number => planned.first(key);

describe("struct Params", () => {
  /** Has the engine write its constants into `words`. */
  function written(constants: RunConstants): { bytes: ArrayBuffer; offset: number } {
    const writes: { bytes: ArrayBuffer; offset: number }[] = [];
    const writeBuffer = (_: unknown, offset: number, bytes: ArrayBuffer): void => {
      writes.push({ bytes, offset });
    };
    const stub = {
      plan: {
        ...{ network, learning: { ...options.learning, window: 70 }, batch: 12, recordRows: 11 },
        ...{ segments: { steps: 30, last: 10, count: 3, recomputation: 1.5 }, field: 13, gradients: 14 },
      },
      device: { queue: { writeBuffer } },
      buffer: () => null,
    };
    Object.assign(Object.create(Engine.prototype) as Engine, stub).writeConstants(constants);
    const [write, ...more] = writes;
    if (write === undefined || more.length > 0) throw new Error(`There were ${writes.length} writes, not one.`);
    return write;
  }

  it("is what the engine writes", () => {
    const run = { eta: 3, frameOrigin: 5, inputFrames: 6, targetFrames: 7, recordOrigin: 8 };
    const { bytes, offset } = written(run);
    expect(offset).toBe(0);
    expect(bytes.byteLength).toBe(struct("neurons", "Params").size);
    expect(bytes.byteLength).toBe(paramsBytes);
    expect(paramsBytes).toBe(84);
    expect(decode(bytes, "neurons", "Params", 0)).toEqual({
      dt: 0.125,
      eta: 3,
      beta1: 0.5,
      beta2: 0.75,
      log_beta1: Math.fround(Math.log(0.5)),
      log_beta2: Math.fround(Math.log(0.75)),
      complement1: 0.5,
      complement2: 0.25,
      epsilon: 0.0625,
      frame_origin: 5,
      input_frames: 6,
      target_frames: 7,
      record_origin: 8,
      record_rows: 11,
      // Ten steps.
      least_tau: 1.25,
      field: 13,
      batch: 12,
      window: 70,
      segment: 30,
      last_segment: 10,
      gradients: 14,
    });
  });
});

describe("struct Clock", () => {
  it("is step, updates, update, fault, which starts as none, window, and what is its network's own", () => {
    const { size } = struct("neurons", "Clock");
    expect([...offsetsOf("neurons", "Clock")]).toEqual([
      ["step", 0],
      ["updates", 4],
      ["update", 8],
      ["fault", 12],
      ["window", 16],
      ["eta_scale", 20],
      ["seed", 24],
      ["next_pair", 32],
      ["lacking", 36],
      ["pair", 40],
      ["unused", 44],
    ]);
    expect(clockPlaces).toEqual({ step: 0, fault: 12, etaScale: 20, nextPair: 32 });
    expect(size).toBe(clockBytes);
    const table = clockTable([
      { seed: 7, etaScale: 1 },
      { seed: 3 * 2 ** 32 + 5, etaScale: 0.5 },
    ]);
    expect([...new Uint32Array(table)]).toEqual([
      ...[0, 0, 0, none, 0, 0x3f800000, 7, 0, 0, 0, 0, 0],
      ...[0, 0, 0, none, 0, 0x3f000000, 5, 3, 0, 0, 0, 0],
    ]);
  });
});

describe("struct Tile", () => {
  it("is what the table of tiles holds", () => {
    const tile = (start: number): Tile => ({
      block: start,
      row: start + 1,
      rows: start + 2,
      column: start + 3,
      columns: start + 4,
      current: start + 5,
      feedback: start + 6,
      flags: start + 7,
    });
    const tiles = [tile(10), tile(20)];
    const bytes = tileTable(tiles);
    expect(struct("neurons", "Tile").size).toBe(tileBytes);
    expect(bytes.byteLength).toBe(tiles.length * tileBytes);
    expect(decodeAll(bytes, "neurons", "Tile")).toEqual(tiles);
  });
});

/** Of a projection whose rule needs no traces. */
const nowhere = { traces: none, bias_traces: none, classes: none };

/** The same groups as a sweep with a loop on one population and one over both, and all that is ours. */
const matched = new Planned(
  resolveNetwork({
    dt: 0.125,
    schedule: "sweep",
    sources: [{ name: "eye", size: 7 }],
    populations: [
      { name: "hidden", size: 9, tauM: [1, 2, 1], tauR: 0.5, activation: "tanh" },
      { name: "output", size: 5, tauM: 2, tauR: 1, activation: "linear", plasticTauM: true, cost },
    ],
    projections: [
      { from: "eye", to: "hidden" },
      { from: "hidden", to: "output" },
      { from: "hidden", to: "hidden" },
      { from: "output", to: "hidden", recurrent: true },
    ],
  }),
  { ...options, record: [], learning: resolveLearning({ traces: "matched", feedback: "random" }) },
);

/** A stack in which what meets an error waits for it, and targets for the rates that they are compared with. */
const aligned = new Planned(
  resolveNetwork({
    dt: 0.125,
    targetDelay: 1,
    sources: [{ name: "eye", size: 7 }],
    populations: [
      { name: "hidden", size: 9, tauM: 1, tauR: 0.5, activation: "tanh" },
      { name: "output", size: 5, tauM: 2, tauR: 1, activation: "linear", cost },
    ],
    projections: [
      { from: "eye", to: "hidden" },
      { from: "hidden", to: "output" },
    ],
  }),
  { ...options, record: [], learning: resolveLearning({ lagAligned: true }) },
);

/** Windows of exact errors, in either order. */
const windowOf = (schedule: "jacobi" | "sweep"): Planned =>
  new Planned(
    resolveNetwork({
      dt: 0.125,
      schedule,
      sources: [{ name: "eye", size: 7 }],
      populations: [
        { name: "hidden", size: 9, tauM: 2, tauR: 1.25, activation: "tanh", plasticTauR: true },
        { name: "output", size: 5, tauM: 2, tauR: 1, activation: "linear", cost },
      ],
      projections: [
        { from: "eye", to: "hidden" },
        { from: "hidden", to: "output" },
        { from: "hidden", to: "hidden" },
      ],
    }),
    // Adjoint errors have no feedback in a step.
    { ...options, record: options.record.slice(0, 1), learning: resolveLearning({ errors: "adjoint", window: 4 }) },
  );

describe("struct Projection", () => {
  it("is what the table of projections holds", () => {
    const noWindow = { trajectory: none, adjoints: none, kept_rates: none, kept_errors: none };
    // Weights learn: 1, biases learn: 2.
    expect(planned.projections()).toEqual([
      {
        pre: 2,
        post: 3,
        weight: first("weight/eye/hidden"),
        bias: first("bias/hidden"),
        rate: first("rate/eye"),
        error: first("error/hidden"),
        flags: 3,
        feedback_weight: first("weight/eye/hidden"),
        ...nowhere,
        signal: first("error/hidden"),
        ...noWindow,
      },
      {
        pre: 3,
        post: 2,
        weight: first("weight/hidden/output"),
        bias: first("bias/output"),
        rate: first("rate/hidden"),
        error: first("error/output"),
        flags: 0,
        feedback_weight: first("weight/hidden/output"),
        ...nowhere,
        signal: first("error/output"),
        ...noWindow,
      },
      {
        pre: 1,
        post: 2,
        weight: first("weight/ear/output"),
        bias: none,
        rate: first("rate/ear"),
        error: first("error/output"),
        flags: 1,
        feedback_weight: first("weight/ear/output"),
        ...nowhere,
        signal: first("error/output"),
        ...noWindow,
      },
    ]);
  });

  it("tells a sweep whose rates are those of the step before, and where errors and traces go", () => {
    const ruleOf = (from: string, to: string) => ({
      weight: matched.first(`weight/${from}/${to}`),
      feedback_weight: matched.first(`feedbackWeight/${from}/${to}`),
      error: matched.first(`error/${to}`),
      signal: matched.first(`topDown/${to}`),
      traces: matched.inner(`traces/${from}/${to}`),
      bias_traces: matched.inner(`biasTraces/${to}`),
      classes: matched.first(`traceClass/${to}`),
    });
    const rows = matched.projections();
    expect(rows).toMatchObject([
      { rate: matched.first("rate/eye"), ...ruleOf("eye", "hidden") },
      { rate: matched.first("rate/hidden"), ...ruleOf("hidden", "output") },
      { rate: matched.first("previousRate/hidden"), ...ruleOf("hidden", "hidden") },
      { rate: matched.first("previousRate/output"), ...ruleOf("output", "hidden") },
    ]);
    for (const { weight, feedback_weight } of rows) expect(weight).not.toBe(feedback_weight);
  });

  it("tells a window the rates that entered, from its first step on", () => {
    for (const schedule of ["jacobi", "sweep"] as const) {
      const window = windowOf(schedule);
      const hidden = window.inner("trajectory/hidden");
      // In jacobi the rates of the step before enter, with which the trajectory of a population starts.
      const now = schedule === "jacobi" ? hidden : hidden + options.batch * quadsOf(9);
      expect(window.projections()).toMatchObject([
        { trajectory: window.inner("trajectory/eye"), adjoints: window.inner("adjoints/hidden") },
        { trajectory: now, adjoints: window.inner("adjoints/output") },
        { trajectory: hidden, adjoints: window.inner("adjoints/hidden") },
      ]);
    }
  });
});

describe("struct Trace", () => {
  /** As the shader numbers them. */
  const kinds = { rates: 0, ones: 1, derivatives: 2, unfiltered: 4 };

  it("is what the table of traces holds: one for each class of a projection, then those of the neurons", () => {
    const [rowOfEye, rowOfHidden, rowOfOutput] = [quadsOf(7), quadsOf(9), quadsOf(5)];
    const noRing = { ring: 0, slots: 0 };
    const rates = (from: string, to: string, signal: string, row: number, index: number, neuron: number) => ({
      signal: matched.first(signal),
      x: matched.inner(`traces/${from}/${to}`) + index * options.batch * row,
      ...noRing,
      count: options.batch * row,
      row,
      kind: kinds.rates,
      // Of the neuron that stands for its class, counted in values.
      tau_m: matched.first(`tauM/${to}`) * 4 + neuron,
      tau_r: matched.first(`tauR/${to}`) * 4 + neuron,
    });
    const ones = (to: string, row: number) => ({
      x: matched.inner(`biasTraces/${to}`),
      ...noRing,
      count: row,
      row,
      kind: kinds.ones,
      tau_m: matched.first(`tauM/${to}`),
      tau_r: matched.first(`tauR/${to}`),
    });
    // Neurons 0 to 2 and 6 to 8 of hidden have one tauM, 3 to 5 the other; those of output learn theirs.
    const two = [0, 3].map((neuron, index) => [index, neuron] as const);
    const five = [0, 1, 2, 3, 4].map((neuron) => [neuron, neuron] as const);
    expect(matched.traces()).toMatchObject([
      ...two.map(([index, neuron]) => rates("eye", "hidden", "rate/eye", rowOfEye, index, neuron)),
      ...five.map(([index, neuron]) => rates("hidden", "output", "rate/hidden", rowOfHidden, index, neuron)),
      ...two.map(([index, neuron]) => rates("hidden", "hidden", "previousRate/hidden", rowOfHidden, index, neuron)),
      ...two.map(([index, neuron]) => rates("output", "hidden", "previousRate/output", rowOfOutput, index, neuron)),
      ones("hidden", rowOfHidden),
      ones("output", rowOfOutput),
      {
        ...ones("output", rowOfOutput),
        signal: matched.first("potentialDerivative/output"),
        z: matched.first("derivativeTraceState/output"),
        x: matched.first("derivativeTrace/output"),
        count: options.batch * rowOfOutput,
        kind: kinds.derivatives,
      },
    ]);
  });

  it("has a ring where it waits for an error: two steps for each projection below the cost, and one", () => {
    const { batch } = options;
    const [eyes, hidden] = aligned.traces();
    const unfiltered = { z: 0, kind: kinds.rates + kinds.unfiltered };
    expect(eyes).toMatchObject({ ...unfiltered, slots: 3, count: batch * 2, signal: aligned.first("rate/eye") });
    expect(hidden).toMatchObject({ ...unfiltered, slots: 1, count: batch * 3, signal: aligned.first("rate/hidden") });
    // The ring of all its slots is free of everything that follows it.
    expect(hidden?.["x"]).toBeGreaterThanOrEqual((eyes?.["ring"] ?? NaN) + 3 * batch * 2);
  });
});

describe("struct Recorded", () => {
  const bytes = populationTable(network, options.batch, work, layout);
  const { size } = struct("neurons", "Recorded");
  const rows = planned.populations();
  const ratesOfPopulations = first("rate/hidden") - first("error/hidden");

  it("has as many rows as there are populations and sources", () => {
    expect(size).toBe(44 * 4);
    expect(bytes.byteLength).toBe(4 * size);
  });

  it("is what the table of populations holds", () => {
    const [current, feedback] = [work.currents, work.feedback];
    const plain = {
      kept_target: none,
      slopes: none,
      slope_slots: 0,
      trajectory: none,
      derivatives: none,
      adjoints: none,
      kept_rates: none,
      kept_errors: none,
      current_dot_parts: 0,
      feedback_dot_parts: 0,
    };
    expect(rows[0]).toMatchObject({
      size: 9,
      row: 3,
      first: first("error/hidden"),
      is_source: 0,
      activation: 2,
      current: current[0]?.first,
      current_parts: current[0]?.parts,
      feedback: feedback[0]?.first,
      feedback_parts: feedback[0]?.parts,
      tau_m: first("tauM/hidden"),
      tau_r: first("tauR/hidden"),
      gamma: 0.25,
      beta: 0,
      cost: 0,
      has_error: 1,
      ...plain,
    });
    expect(rows[1]).toMatchObject({
      size: 5,
      row: 2,
      first: first("error/output"),
      is_source: 0,
      activation: 32,
      current: current[1]?.first,
      current_parts: current[1]?.parts,
      tau_m: first("tauM/output"),
      tau_r: first("tauR/output"),
      gamma: 0,
      beta: 0.5,
      cost: 2,
      cost_sum: first("cost/output"),
      frame: first("target/output"),
      // A class for each of six batch rows.
      frame_size: 2,
      has_error: 1,
      ...plain,
    });
    expect(rows[2]).toMatchObject({
      size: 7,
      row: 2,
      first: first("rate/eye") - ratesOfPopulations,
      is_source: 1,
      feedback: work.sourceFeedback[0]?.first,
      feedback_parts: work.sourceFeedback[0]?.parts,
      cost: 0,
      frame: first("input/eye"),
      frame_size: 12,
      has_error: 0,
      ...plain,
    });
    expect(rows[3]).toMatchObject({
      size: 4,
      row: 1,
      first: first("rate/ear") - ratesOfPopulations,
      is_source: 1,
      frame: first("input/ear"),
      frame_size: 6,
      ...plain,
    });
  });

  it("tells where targets and slopes wait", () => {
    const [hidden, output, eye] = aligned.populations();
    expect(hidden).toMatchObject({ kept_target: none, slopes: aligned.inner("slopes/hidden"), slope_slots: 3 });
    // Its error lags behind nothing.
    expect(output).toMatchObject({ kept_target: aligned.inner("keptTarget/output"), slopes: none, slope_slots: 0 });
    expect(eye).toMatchObject({ kept_target: none, slopes: none, slope_slots: 0 });
  });

  it("tells what a window keeps, of sources their input alone", () => {
    const window = windowOf("sweep");
    const kept = (name: string) => ({
      trajectory: window.inner(`trajectory/${name}`),
      derivatives: window.inner(`derivatives/${name}`),
      adjoints: window.inner(`adjoints/${name}`),
    });
    expect(window.populations()).toMatchObject([
      kept("hidden"),
      kept("output"),
      { trajectory: window.inner("trajectory/eye"), derivatives: none, adjoints: none },
    ]);
  });

  it("tells what deferred updates keep, and where their products stand", () => {
    const tuning = { ...options.tuning, onePassBatch: 1, deferredSteps: 8 };
    const learning = resolveLearning({ optimizer: { kind: "sgd", eta: 1 } });
    const { layout, work, inner, ...deferring } = withInner(
      new Planned(network, { ...options, batch: 1, tuning, learning }),
    );
    const [hidden, output, eye, ear] = deferring.populations;
    // What projects with weights that are fixed keeps no rates, and what they end at no errors.
    expect(layout.deferredSteps).toBe(8);
    const plastic = network.projections.map(({ plastic }) => plastic);
    expect(plastic).toEqual([true, false, true]);
    expect(hidden).toMatchObject({ kept_rates: none, kept_errors: inner("keptErrors/hidden"), current_dot_parts: 1 });
    expect(output).toMatchObject({ kept_rates: none, kept_errors: inner("keptErrors/output"), current_dot_parts: 1 });
    expect(eye).toMatchObject({ kept_rates: inner("keptRates/eye"), kept_errors: none, current_dot_parts: 0 });
    expect(ear).toMatchObject({ kept_rates: inner("keptRates/ear"), kept_errors: none });
    expect(hidden).toMatchObject({ current_dots: work.currentDots[0]?.first });
    expect(output).toMatchObject({ current_dots: work.currentDots[1]?.first });
    expect(deferring.projections[0]).toMatchObject({
      kept_rates: inner("keptRates/eye"),
      kept_errors: inner("keptErrors/hidden"),
    });
    // The table of the updates: the pairs are what it learns from, and biases do not wait.
    expect(deferring.pairs[0]).toMatchObject({
      rate: inner("keptRates/eye"),
      error: inner("keptErrors/hidden"),
      flags: 1,
    });
  });

  it("gives the places of the traces in the order of the quantities", () => {
    const offset = offsetsOf("neurons", "Recorded").get("places") ?? NaN;
    // Whole quads of places; behind the last quantity there is none.
    const length = quadsOf(traceQuantities.length) * 4;
    const placesOf = (row: number): number[] => [...new Uint32Array(bytes, row * size + offset, length)];
    const placesWith = (quantity: string, place: number | undefined): (number | undefined)[] =>
      Array.from({ length }, (_, index) => (traceQuantities[index] === quantity ? place : none));
    expect(offset + 4 * length).toBe(size);
    expect(placesOf(0)).toEqual(placesWith("slope", layout.traces[0]?.first));
    expect(placesOf(1)).toEqual(placesWith("", none));
    expect(placesOf(2)).toEqual(placesWith("feedback", layout.traces[1]?.first));
  });
});

describe("struct Block", () => {
  const uniform = (fanIn: number) => ({ kind: 1, value: Math.fround(1 / Math.sqrt(fanIn)) });

  it("is what the table of initial values holds", () => {
    const bytes = blockTable(network, layout);
    expect(struct("initialize", "Block").size).toBe(32);
    expect(decodeAll(bytes, "initialize", "Block")).toMatchObject([
      { first: first("weight/eye/hidden"), count: 63, columns: 7, stream: 0, ...uniform(7) },
      { first: first("weight/hidden/output"), count: 45, columns: 9, stream: 1, ...uniform(9) },
      { first: first("weight/ear/output"), count: 20, columns: 4, stream: 2, kind: 0, value: 2 },
      { first: first("bias/hidden"), count: 9, columns: 9, stream: 3, ...uniform(7) },
      { first: first("bias/output"), count: 5, columns: 5, stream: 4, kind: 0, value: 0.75 },
    ]);
  });

  it("has another stream of numbers for the weights that carry errors back", () => {
    const blocks = decodeAll(blockTable(matched.network, matched.layout), "initialize", "Block");
    const sizes = { "eye/hidden": [9, 7], "hidden/output": [5, 9], "hidden/hidden": [9, 9], "output/hidden": [9, 5] };
    // Streams of weights and biases are numbered as without them, and theirs come after those.
    const weights = Object.entries(sizes).flatMap(([path, [post = 0, pre = 0]], index) => [
      { first: matched.first(`weight/${path}`), stream: index, count: post * pre, columns: pre, ...uniform(pre) },
      { first: matched.first(`feedbackWeight/${path}`), stream: 6 + index, count: post * pre, columns: pre },
    ]);
    expect(blocks).toMatchObject([
      ...weights,
      { first: matched.first("bias/hidden"), count: 9, stream: 4 },
      { first: matched.first("bias/output"), count: 5, stream: 5 },
    ]);
  });
});
