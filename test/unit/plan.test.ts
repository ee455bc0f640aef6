/** What is planned: the table that people read, the limits, and what is refused before anything is allocated. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DeviceError, SpecError } from "../../src/errors.ts";
import { layOut, type PlanOptions } from "../../src/layout.ts";
import { needsOf } from "../../src/needs.ts";
import { checkLimits, describePlan, planNetwork, requiredLimits, type Plan } from "../../src/plan.ts";
import { layered, resolveLearning, resolveNetwork, type Network, type NetworkSpec } from "../../src/spec.ts";
import { tileBytes } from "../../src/tables.ts";
import { defaults, dispatchesOf, plan, refusal } from "./planning.ts";

const neurons = { tauM: 1, tauR: 1, activation: "tanh" } as const;

/** Three layers that need padding, two costs of a batch row, and a trace. */
const threeLayers = layered({
  dt: 0.2,
  input: 28,
  hidden: [
    { ...neurons, size: 65 },
    { ...neurons, size: 64 },
  ],
  output: { ...neurons, size: 10, activation: "linear" },
  cost: { kind: "cross-entropy" },
});
const oneTrace = { record: [{ population: "output", quantity: "rate" }] } as const;

/** One block of weights. */
const block = (pre: number, post: number): NetworkSpec =>
  layered({ dt: 1, input: pre, hidden: [], output: { ...neurons, size: post } });

describe("describePlan", () => {
  it("lists buffers and dispatches of a batch of 1", () => {
    expect(describePlan(plan(threeLayers, oneTrace))).toMatchInlineSnapshot(`
      "network  input(28) | hidden1(65) hidden2(64) output(10)
      schedule jacobi
      batch    1

      buffer               bytes  purpose
      parameters           31232  weights, biases, time constants
      first_moment         31232  optimiser
      second_moment        31232  optimiser
      state                 5632  error, potential, low-passed error, slope, rate, costs
      partial_sums          2496  currents and feedback, per tile
      frames               65536  input and target of 512 steps
      record               49152  traces of 1024 steps
      populations            704  table
      projections            192  table
      neuron_tiles           128  table of 4 workgroups
      synapse_tiles          320  table of 10 workgroups
      blocks                 192  table of initial values
      clock                   48  step, updates, fault
      params                  96  constants of a run
      total               218192

      when            dispatch               workgroups  constants
      once            initialize                   31x1
      start of a run  neurons begin                 4x1  LOAD=1 FINISH=0 BEGIN=1 SEGMENT_START=0 WIDTH=64 TARGET_LAG=0 STEP_COSTS=0 ACTIVATIONS=3 COSTS=2 HAS_WIDE_ROWS=0 ERRORS=1 TRAJECTORY=0 DERIVATIVE=0 PREVIOUS=0 POWERS=0 TOP_DOWN=0 IS_ALIGNED=0 KEEPS_TARGET=0 TRACES=0 BEGIN_TRACES=0
      every step      synapses                     10x1  LEARN=1 FEEDBACK=1 OPTIMIZER=2 WIDTH=17 QUADS=1 SHARED=1 ADVANCE=1 ROWS=16
      between steps   neurons                       4x1  LOAD=1 FINISH=1 BEGIN=1 SEGMENT_START=0 WIDTH=64 TARGET_LAG=0 STEP_COSTS=0 ACTIVATIONS=3 COSTS=2 HAS_WIDE_ROWS=0 ERRORS=1 TRAJECTORY=0 DERIVATIVE=0 PREVIOUS=0 POWERS=0 TOP_DOWN=0 IS_ALIGNED=0 KEEPS_TARGET=0 TRACES=1 BEGIN_TRACES=0
      end of a run    neurons finish                4x1  LOAD=0 FINISH=1 BEGIN=0 SEGMENT_START=0 WIDTH=64 TARGET_LAG=0 STEP_COSTS=0 ACTIVATIONS=3 COSTS=2 HAS_WIDE_ROWS=0 ERRORS=1 TRAJECTORY=0 DERIVATIVE=0 PREVIOUS=0 POWERS=0 TOP_DOWN=0 IS_ALIGNED=0 KEEPS_TARGET=0 TRACES=1 BEGIN_TRACES=0"
    `);
  });

  it("lists buffers and dispatches of a batch of 20", () => {
    expect(describePlan(plan(threeLayers, { ...oneTrace, batch: 20 }))).toMatchInlineSnapshot(`
      "network  input(28) | hidden1(65) hidden2(64) output(10)
      schedule jacobi
      batch    20

      buffer               bytes  purpose
      parameters           31232  weights, biases, time constants
      first_moment         31232  optimiser
      second_moment        31232  optimiser
      state                62208  error, potential, low-passed error, slope, rate, costs
      partial_sums         22080  currents and feedback, per tile
      frames               65024  input and target of 28 steps
      record              983040  traces of 1024 steps
      populations            704  table
      projections            192  table
      neuron_tiles           480  table of 15 workgroups
      synapse_tiles          160  table of 5 workgroups
      learn_tiles            128  table of 4 workgroups
      blocks                 192  table of initial values
      clock                   48  step, updates, fault
      params                  96  constants of a run
      total              1228048

      when            dispatch               workgroups  constants
      once            initialize                   31x1
      start of a run  neurons begin                15x1  LOAD=1 FINISH=0 BEGIN=1 SEGMENT_START=0 WIDTH=64 TARGET_LAG=0 STEP_COSTS=0 ACTIVATIONS=3 COSTS=2 HAS_WIDE_ROWS=0 ERRORS=1 TRAJECTORY=0 DERIVATIVE=0 PREVIOUS=0 POWERS=0 TOP_DOWN=0 IS_ALIGNED=0 KEEPS_TARGET=0 TRACES=0 BEGIN_TRACES=0
      every step      propagate                     5x1  BATCH=20 WIDTH=64 ADVANCE=1 LANES=8 OUTPUTS=2 BY_LANES=0
      every step      learn                         4x1  BATCH=20 OPTIMIZER=2 BY_ROWS=0
      between steps   neurons                      15x1  LOAD=1 FINISH=1 BEGIN=1 SEGMENT_START=0 WIDTH=64 TARGET_LAG=0 STEP_COSTS=0 ACTIVATIONS=3 COSTS=2 HAS_WIDE_ROWS=0 ERRORS=1 TRAJECTORY=0 DERIVATIVE=0 PREVIOUS=0 POWERS=0 TOP_DOWN=0 IS_ALIGNED=0 KEEPS_TARGET=0 TRACES=1 BEGIN_TRACES=0
      end of a run    neurons finish               15x1  LOAD=0 FINISH=1 BEGIN=0 SEGMENT_START=0 WIDTH=64 TARGET_LAG=0 STEP_COSTS=0 ACTIVATIONS=3 COSTS=2 HAS_WIDE_ROWS=0 ERRORS=1 TRAJECTORY=0 DERIVATIVE=0 PREVIOUS=0 POWERS=0 TOP_DOWN=0 IS_ALIGNED=0 KEEPS_TARGET=0 TRACES=1 BEGIN_TRACES=0"
    `);
  });

  it("adds up to the bytes of the plan", () => {
    const { buffers, bytes } = plan(threeLayers, { batch: 3 });
    expect(buffers.reduce((sum, buffer) => sum + buffer.bytes, 0)).toBe(bytes);
    for (const { content, bytes } of buffers) expect(content?.byteLength ?? bytes).toBe(bytes);
  });
});

describe("dispatches of a step", () => {
  const labels = ({ programs: { learning, frozen } }: Plan): readonly (readonly string[])[] =>
    [learning, frozen].map(({ step }) => step.map(({ label }) => label));

  it("are as many for any depth", () => {
    for (const depth of [0, 2, 7]) {
      const hidden = Array.from({ length: depth }, () => ({ ...neurons, size: 5 }));
      const deep = layered({ dt: 0.1, input: 3, hidden, output: { ...neurons, size: 2 } });
      expect(labels(plan(deep))).toEqual([["synapses"], ["synapses frozen"]]);
      expect(labels(plan(deep, { batch: 16 }))).toEqual([["synapses"], ["synapses frozen"]]);
      expect(labels(plan(deep, { batch: 17 }))).toEqual([["propagate", "learn"], ["propagate"]]);
    }
  });

  it("leave out the learning where nothing can learn", () => {
    const fixed = layered({
      dt: 0.1,
      input: 3,
      hidden: [],
      output: { ...neurons, size: 2, plastic: false, bias: false },
    });
    expect(labels(plan(fixed))).toEqual([["synapses frozen"], ["synapses frozen"]]);
    expect(labels(plan(fixed, { batch: 17 }))).toEqual([["propagate"], ["propagate"]]);
    const withoutErrors = { learning: resolveLearning({ errors: "none" }) };
    expect(labels(plan(block(3, 2), withoutErrors))).toEqual([["synapses frozen"], ["synapses frozen"]]);
    expect(labels(plan(block(3, 2), { ...withoutErrors, batch: 17 }))).toEqual([["propagate"], ["propagate"]]);
  });

  it("bind a planned buffer to every binding of their kernels", () => {
    for (const batch of [1, 2, 17]) {
      const planned = plan(threeLayers, { batch });
      const names: readonly string[] = planned.buffers.map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      const dispatches = dispatchesOf(planned);
      expect(dispatches.length).toBeGreaterThan(4);
      for (const { buffers } of dispatches) expect(names).toEqual(expect.arrayContaining(Object.values(buffers)));
    }
  });

  it("keep moments only for the optimiser that has them", () => {
    const kept = (kind: "sgd" | "momentum" | "adam" | "accumulate"): boolean[] => {
      const optimizer = kind === "accumulate" ? { kind } : { kind, eta: 0.1 };
      const { buffers } = plan(block(30, 20), { learning: resolveLearning({ optimizer }) });
      const bytesOf = (name: string): number => buffers.find((buffer) => buffer.name === name)?.bytes ?? NaN;
      return ["first_moment", "second_moment"].map((name) => bytesOf(name) === bytesOf("parameters"));
    };
    expect(kept("sgd")).toEqual([false, false]);
    expect(kept("momentum")).toEqual([true, false]);
    expect(kept("accumulate")).toEqual([true, false]);
    expect(kept("adam")).toEqual([true, true]);
  });
});

describe("feedback", () => {
  /** Only the readout learns. */
  const readout = layered({
    dt: 0.1,
    input: 8,
    hidden: [
      { ...neurons, size: 40, plastic: false, bias: { plastic: false } },
      { ...neurons, size: 40, plastic: false, bias: { plastic: false } },
    ],
    output: { ...neurons, size: 4 },
    cost: { kind: "squared-error" },
  });
  const tilesOf = (spec: NetworkSpec, options: Partial<PlanOptions>): number[] => {
    const { buffers, programs } = plan(spec, options);
    const tiles = buffers.find(({ name }) => name === "synapse_tiles");
    const words = new Uint32Array(tiles?.content ?? new ArrayBuffer(0));
    expect(words.length / 8).toBe(programs.frozen.step[0]?.workgroups[0]);
    return [...words];
  };
  const partialSums = ({ buffers }: Plan): number => buffers.find(({ name }) => name === "partial_sums")?.bytes ?? NaN;

  it("is not planned where nobody needs it", () => {
    // Currents and biases of 10 + 10 + 1 quads.
    expect(partialSums(plan(readout))).toBe(16 * 42);
    const ofSingle = tilesOf(readout, {});
    expect(ofSingle.filter((_, word) => word % 8 === 6).every((feedback) => feedback === 0xffffffff)).toBe(true);
    const ofBatch = tilesOf(readout, { batch: 20 });
    expect(ofBatch.filter((_, word) => word % 8 === 7).every((flags) => (flags & 1) === 1)).toBe(true);
  });

  it("is planned where it is recorded", () => {
    const recorded = plan(readout, { record: [{ population: "hidden2", quantity: "feedback" }] });
    // One tile of 4 rows sends to 10 quads.
    expect(partialSums(recorded)).toBe(16 * (42 + 10));
    const ofSource = plan(readout, { record: [{ population: "input", quantity: "feedback" }] });
    // The error of hidden1 needs all feedback above it: 3 tiles of 16 rows over 10 quads, 1 over 10, and 3 over 2.
    expect(partialSums(ofSource)).toBe(16 * (42 + 10 + 30 + 6));
  });
});

describe("grids", () => {
  const cases: readonly [what: string, spec: NetworkSpec, options: Partial<PlanOptions>][] = [
    ["synapses of 2^30 weights", block(2 ** 15, 2 ** 15), {}],
    ["learn of 2^32 weights", block(2 ** 16, 2 ** 16), { batch: 17 }],
    [
      "neurons of 65,537 wide softmax rows",
      layered({
        dt: 1,
        input: 1,
        hidden: [],
        output: { ...neurons, size: 68 },
        cost: { kind: "cross-entropy" },
      }),
      { batch: 65537 },
    ],
  ];

  it.each(cases)("of more than 65,535 workgroups are folded: %s", (_, spec, options) => {
    const planned = plan(spec, options);
    const tilesOf = (name: string): number =>
      (planned.buffers.find((buffer) => buffer.name === name)?.bytes ?? NaN) / tileBytes;
    const { start, step } = planned.programs.learning;
    const tables = [...start, ...step].map(({ workgroups, buffers }) => ({
      tiles: tilesOf(new Map<string, string>(Object.entries(buffers)).get("tiles") ?? ""),
      workgroups,
    }));
    expect(tables.some(({ tiles }) => tiles > 65535)).toBe(true);
    for (const { tiles, workgroups } of tables) {
      const [columns, rows] = workgroups;
      expect(Math.max(columns, rows)).toBeLessThanOrEqual(65535);
      // Every tile has a workgroup, and fewer than a column's worth of them have none.
      expect(columns * rows).toBeGreaterThanOrEqual(tiles);
      expect(columns * rows - tiles).toBeLessThan(rows);
    }
  });
});

describe("sizes", () => {
  const size = fc.oneof(
    fc.integer({ min: 1, max: 2 ** 24 }),
    fc.constantFrom(...[16, 20, 23, 24].flatMap((power) => [2 ** power - 1, 2 ** power])),
    fc.constantFrom(65535, 65537, 3, 4, 5),
  );

  /** As `resolveNetwork` gives it, without the time constants, which have no place. */
  const network = (sizes: readonly number[], isClass: boolean): Network => ({
    dt: 1,
    schedule: "jacobi",
    targetDelay: 0,
    sources: [{ name: "input", size: sizes[0] ?? 1 }],
    populations: sizes.slice(1).map((size, i) => ({
      name: `population${i}`,
      size,
      tauM: new Float64Array(0),
      tauR: new Float64Array(0),
      activation: "tanh",
      plasticTauM: false,
      plasticTauR: false,
      level: 0,
      gamma: 0,
      bias: { plastic: true, init: { kind: "constant", value: 0 } },
      cost: { kind: isClass ? "cross-entropy" : "squared-error", beta: 1 },
    })),
    projections: sizes.slice(1).map((post, i) => ({
      from: Math.max(i - 1, 0),
      fromSource: i === 0,
      to: i,
      pre: sizes[i] ?? 1,
      post,
      plastic: true,
      delay: i === 0 ? 0 : 1,
      init: { kind: "constant", value: 0 },
      name: `population${i}`,
    })),
  });

  it("are exact up to the largest networks and batches", () => {
    const quads = (size: number): bigint => (BigInt(size) + 3n) / 4n;
    const aligned = (quads: bigint): bigint => ((quads + 15n) / 16n) * 16n;
    const sum = (values: readonly bigint[]): bigint => values.reduce((a, b) => a + b, 0n);
    fc.assert(
      fc.property(
        fc.array(size, { minLength: 2, maxLength: 5 }),
        fc.constantFrom(1, 2, 5, 65535, 65536),
        fc.boolean(),
        (sizes, batch, isClass) => {
          // Sizes matter to classes of traces alone, which there are none of.
          const needs = needsOf(
            network(
              sizes.map(() => 1),
              isClass,
            ),
            defaults.learning,
          );
          const layout = layOut(network(sizes, isClass), { ...defaults, batch }, needs);
          const rows = BigInt(batch);
          const states = sizes.map((size) => aligned(rows * quads(size)));
          const field = sum(states.slice(1));
          expect(BigInt(layout.field)).toBe(field);
          // Five fields, the rates of the source, and costs of every population.
          expect(BigInt(layout.state)).toBe(6n * field + (states[0] ?? 0n));
          const weights = sizes.slice(1).map((post, i) => aligned(quads(post) * 4n * quads(sizes[i] ?? 1)));
          // Biases and both time constants.
          const perNeuron = sizes.slice(1).map((size) => 3n * aligned(quads(size)));
          expect(BigInt(layout.parameters)).toBe(sum([...weights, ...perNeuron]));
          const frame = sum([
            rows * quads(sizes[0] ?? 1),
            ...sizes.slice(1).map((size) => (isClass ? quads(batch) : rows * quads(size))),
          ]);
          const capacity = BigInt(layout.frameCapacity);
          expect(capacity === 1n || capacity * frame * 16n <= 65536n).toBe(true);
          expect(BigInt(layout.frames) >= capacity * frame).toBe(true);
        },
      ),
      { numRuns: 1000, seed: 2 },
    );
  });

  it("have a place of their own for every name", () => {
    const spec: NetworkSpec = {
      dt: 1,
      sources: [
        { name: "a", size: 3 },
        { name: "weight", size: 5 },
      ],
      populations: [
        { ...neurons, name: "A", size: 7 },
        { ...neurons, name: "a b", size: 9 },
        { ...neurons, name: "constructor", size: 11 },
      ],
      projections: [
        { from: "weight", to: "A" },
        { from: "a", to: "a b" },
        { from: "a", to: "A" },
        { from: "A", to: "constructor" },
      ],
    };
    const { places } = plan(spec);
    const shapes = [...places.values()]
      .filter(({ buffer }) => buffer === "first_moment")
      .map(({ rows, columns }) => `${rows}x${columns}`);
    // Four blocks of weights, three of biases, and two time constants of each of three populations.
    const perNeuron = ["1x11", "1x7", "1x9"].flatMap((shape) => [shape, shape, shape]);
    expect(shapes.toSorted()).toEqual(["11x7", ...perNeuron, "7x3", "7x5", "9x3"]);
  });
});

describe("limits", () => {
  const generous = { maxBufferSize: 2 ** 40, maxStorageBufferBindingSize: 2 ** 40 };
  const grid = { maxComputeWorkgroupsPerDimension: 65535, maxComputeWorkgroupStorageSize: 16384 };

  it("of what a device must allow are those of the largest buffer", () => {
    const planned = plan(block(1000, 1000));
    const bytes = 1000 * 1000 * 4;
    const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupsPerDimension } = requiredLimits(planned);
    // Weights, biases, and what aligns and pads them.
    expect(maxBufferSize).toBeGreaterThanOrEqual(bytes + 4000);
    expect(maxBufferSize).toBeLessThan(bytes + 4 * 4000 + 2 * 256);
    expect(maxStorageBufferBindingSize).toBe(maxBufferSize);
    expect(maxComputeWorkgroupsPerDimension).toBe(65535);
    expect(() => checkLimits(planned, requiredLimits(planned))).not.toThrow();
  });

  it("are refused with the bytes, the limit and a cure", () => {
    const planned = plan(block(1000, 1000));
    const error = refusal(() => checkLimits(planned, { ...generous, ...grid, maxStorageBufferBindingSize: 1e6 }));
    expect(error).toBeInstanceOf(DeviceError);
    const needed = requiredLimits(planned).maxBufferSize;
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", details: { buffer: "parameters", needed, limit: 1e6 } });
    expect((error as DeviceError).message).toBe(
      `The buffer "parameters" (weights, biases, time constants) needs ${needed} bytes; this device allows 1000000. ` +
        "At most 250000 synapses fit, for example one block of 500 by as many neurons.",
    );
  });

  it("hold for the memory of a workgroup, whose user may keep a network in its buffers", () => {
    const tuning = { ...defaults.tuning, networkMemory: 2 ** 16, networkProducts: 2 ** 14 };
    const planned = plan(block(64, 64), { fuseSteps: true, tuning });
    const needed = requiredLimits(planned).maxComputeWorkgroupStorageSize;
    expect(planned.workgroupBytes).toBe(needed);
    // Weights and both moments of Adam; states, currents and time constants are less than a third beside them.
    expect(needed).toBeGreaterThan(3 * 4 * 64 * 64);
    expect(needed).toBeLessThan(4 * 4 * 64 * 64);
    expect(() => checkLimits(planned, { ...generous, ...grid, maxComputeWorkgroupStorageSize: needed })).not.toThrow();
    const error = refusal(() => checkLimits(planned, { ...generous, ...grid }));
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", details: { needed, limit: 16384 } });
    expect((error as DeviceError).message).toBe(
      `A network in one workgroup needs ${needed} bytes of its memory; this device allows 16384. ` +
        "Lower networkMemory of the tuning, so that it stays in its buffers.",
    );
    expect(
      plan(block(64, 64), { fuseSteps: true, tuning: { ...tuning, networkMemory: needed - 1 } }).workgroupBytes,
    ).toBe(0);
    expect(plan(block(64, 64), { fuseSteps: true, tuning: { ...tuning, networkProducts: 4095 } }).workgroupBytes).toBe(
      0,
    );
  });

  it("name the cure that helps: frameBytes, or batch and neurons", () => {
    const wide = layered({ dt: 1, input: 1, hidden: [], output: { ...neurons, size: 5000 } });
    const messageOf = (spec: NetworkSpec, maxBufferSize: number, options: Partial<PlanOptions>): string =>
      (refusal(() => checkLimits(plan(spec, options), { ...generous, ...grid, maxBufferSize })) as DeviceError).message;
    expect(messageOf(block(4, 4), 30_000, { frameBytes: 2 ** 20 })).toBe(
      'The buffer "frames" (input and target of 4096 steps) needs 65536 bytes; this device allows 30000. Lower frameBytes.',
    );
    expect(messageOf(wide, 200_000, { batch: 2 })).toMatch(
      /^The buffer "state".*At batch 2 about \d+ percent of it would fit: use a smaller batch or fewer neurons\.$/,
    );
  });

  it("hold, or say which does not, for any network and any device", () => {
    const limit = fc.integer({ min: 64, max: 2 ** 20 });
    const arbitrary = [fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 }), limit, limit] as const;
    fc.assert(
      fc.property(...arbitrary, fc.constantFrom(1, 7), (pre, post, maxBufferSize, maxBinding, batch) => {
        const planned = plan(block(pre, post), { batch });
        const limits = { maxBufferSize, maxStorageBufferBindingSize: maxBinding, ...grid };
        const limit = Math.min(maxBufferSize, maxBinding);
        const over = planned.buffers.filter(({ bytes }) => bytes > limit);
        if (over.length === 0) {
          expect(() => checkLimits(planned, limits)).not.toThrow();
          return;
        }
        const { code, details } = refusal(() => checkLimits(planned, limits)) as DeviceError;
        expect(code).toBe("LIMIT_EXCEEDED");
        expect(details["limit"]).toBe(limit);
        expect(over.some(({ name, bytes }) => name === details["buffer"] && bytes === details["needed"])).toBe(true);
      }),
      { numRuns: 300, seed: 3 },
    );
  });

  it("of 32-bit places are refused at once", () => {
    const spec = resolveNetwork(block(2 ** 17, 2 ** 17));
    const started = performance.now();
    const error = refusal(() => planNetwork(spec, defaults));
    const milliseconds = performance.now() - started;
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", details: { buffer: "parameters", limit: 2 ** 36 } });
    expect((error as DeviceError).message).toContain("Use a smaller network or batch.");
    // A plan of what fits lists at most some ten thousand tiles. Listing the tiles of what does not fit takes a
    // thousand times as long and as much memory, and ends in a crash for networks that are larger still.
    expect(milliseconds).toBeLessThan(100);
  });
});

describe("record", () => {
  const record = (population: string, quantity: "rate" | "error" | "feedback") => () =>
    plan(threeLayers, { record: [{ population, quantity }] });

  it("refuses a population that does not exist, and names those that do", () => {
    const error = refusal(record("hidden", "rate"));
    expect(error).toBeInstanceOf(SpecError);
    expect((error as SpecError).message).toBe(
      'record names "hidden", which does not exist. There are "hidden1", "hidden2", "output", "input".',
    );
  });

  it("refuses what a source does not have", () => {
    expect(record("input", "rate")).not.toThrow();
    expect(record("input", "feedback")).not.toThrow();
    const error = refusal(record("input", "error"));
    expect(error).toMatchObject({ code: "SPEC_INVALID" });
    expect((error as SpecError).message).toBe(
      'record asks for "error" of the source "input", which has rate and feedback only.',
    );
  });

  it("refuses a trace that is asked for twice, which would come back empty", () => {
    const twice = [
      { population: "output", quantity: "rate" },
      { population: "output", quantity: "rate" },
    ] as const;
    expect(refusal(() => plan(threeLayers, { record: twice }))).toMatchObject({ code: "SPEC_INVALID" });
  });

  it("holds at most 1024 steps and 4 MiB", () => {
    const rowsOf = (size: number, batch: number): number =>
      plan(block(1, size), { batch, record: [{ population: "output", quantity: "rate" }] }).recordRows;
    expect(rowsOf(8, 1)).toBe(1024);
    expect(rowsOf(1024, 2)).toBe(512);
    expect(rowsOf(2 ** 20, 4)).toBe(1);
  });
});
