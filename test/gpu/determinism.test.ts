/** The same adapter, seed, network and data give the same bits, however a run is cut into chunks. */

import { describe, expect, it } from "vitest";
import { createSimulator } from "../../src/index.ts";
import { biasStream, initialize } from "../../src/random.ts";
import type { Metrics, RunOptions } from "../../src/run.ts";
import { resolveNetwork, type NetworkSpec } from "../../src/spec.ts";
import { contentsOf, expectSameBits, metricsOf, tiny, tinyData } from "./networks.ts";
import { useLazyDevice } from "./shared-device.ts";
import { betweenOf } from "./twin.ts";

const device = useLazyDevice();
const steps = 300;

const record = [
  { population: "hidden", quantity: "rate" },
  { population: "output", quantity: "error" },
] as const;

/** What a run leaves behind, besides times. */
async function outcomeOf(batch: number, how: Partial<RunOptions>) {
  using sim = await createSimulator(tiny, { device: device(), batch, seed: 11, record });
  const metrics = await metricsOf(sim, { steps, ...tinyData(40, batch), ...how });
  return { contents: await contentsOf(sim), metrics };
}

const joined = (metrics: readonly Metrics[], trace: number): number[] =>
  metrics.flatMap(({ traces }) => [...(traces[trace] ?? [])]);

describe.each([1, 5])("batch %i", (batch) => {
  it("gives the same bits twice", async () => {
    const [first, second] = [await outcomeOf(batch, { every: 100 }), await outcomeOf(batch, { every: 100 })];
    expect(first.contents.length).toBeGreaterThan(100);
    expect(first.contents.some((value) => value !== 0 && Number.isFinite(value))).toBe(true);
    expectSameBits(second.contents, first.contents);
    expect(second.metrics.map(({ loss }) => loss)).toEqual(first.metrics.map(({ loss }) => loss));
    expect(second.metrics.map(({ traces }) => traces)).toEqual(first.metrics.map(({ traces }) => traces));
  });

  it("gives the same bits in small and in large chunks", async () => {
    const whole = await outcomeOf(batch, { chunkMilliseconds: 100 });
    for (const how of [{ chunkMilliseconds: 0.01 }, { chunkMilliseconds: 1, every: 7 }, { every: 150 }]) {
      const cut = await outcomeOf(batch, how);
      expectSameBits(cut.contents, whole.contents);
      for (const trace of [0, 1]) expect(joined(cut.metrics, trace)).toEqual(joined(whole.metrics, trace));
    }
  });

  it("gives the same losses at the same metrics, whatever the chunks", async () => {
    const [large, small] = [
      await outcomeOf(batch, { every: 100, chunkMilliseconds: 100 }),
      await outcomeOf(batch, { every: 100, chunkMilliseconds: 0.01 }),
    ];
    expect(small.metrics.map(({ loss, step, steps }) => ({ loss, step, steps }))).toEqual(
      large.metrics.map(({ loss, step, steps }) => ({ loss, step, steps })),
    );
  });

  it("gives the same bits in two runs as in one", async () => {
    const data = tinyData(40, batch);
    using sim = await createSimulator(tiny, { device: device(), batch, seed: 11, record });
    // The frames start over with every run, so the first one ends with the data.
    await metricsOf(sim, { steps: 120, ...data });
    await metricsOf(sim, { steps: 180, ...data });
    expect(sim.step).toBe(300);
    expectSameBits(await contentsOf(sim), (await outcomeOf(batch, {})).contents);
  });
});

describe("initial parameters", () => {
  const neurons = { tauM: 1, tauR: 1, activation: "tanh" } as const;
  const spec: NetworkSpec = {
    dt: 0.1,
    sources: [{ name: "input", size: 67 }],
    populations: [
      { ...neurons, name: "hidden", size: 130 },
      { ...neurons, name: "fixed", size: 3, bias: { init: { kind: "constant", value: 0.3 } } },
      { ...neurons, name: "bare", size: 5, bias: false },
    ],
    projections: [
      { from: "input", to: "hidden" },
      { from: "hidden", to: "hidden", init: { kind: "uniform", scale: 0.5 } },
      { from: "hidden", to: "fixed", init: { kind: "constant", value: -0.7 } },
      { from: "fixed", to: "bare" },
    ],
  };

  it.each([0, 7, 2 ** 32, Number.MAX_SAFE_INTEGER])(
    "are those of the host, bit for bit, from seed %i",
    async (seed) => {
      const network = resolveNetwork(spec);
      using sim = await createSimulator(spec, { device: device(), seed });
      for (const [stream, projection] of network.projections.entries()) {
        const { init, pre, post } = projection;
        const expected = initialize(init, seed, stream, pre * post);
        expectSameBits(await sim.read("weight", betweenOf(network, projection)), expected);
      }
      for (const [position, { name, bias, size }] of network.populations.entries()) {
        const expected = initialize(bias.init, seed, biasStream(network, position), size);
        expectSameBits(await sim.read("bias", name), expected);
      }
    },
  );

  it("start beside states and moments of 0", async () => {
    using sim = await createSimulator(tiny, { device: device() });
    const quantities = ["potential", "rate", "slope", "error", "lowPassedError"] as const;
    for (const quantity of quantities) expect(await sim.read(quantity, "hidden")).toEqual(new Float32Array(6));
    for (const moment of ["firstMoment", "secondMoment"] as const) {
      expect(await sim.read(moment, { from: "input", to: "hidden" })).toEqual(new Float32Array(30));
      expect(await sim.read(moment, "hidden")).toEqual(new Float32Array(6));
    }
  });
});

describe("reset", () => {
  it("brings states and steps back to the start, and keeps parameters, moments and the count of updates", async () => {
    const data = tinyData(40);
    using sim = await createSimulator(tiny, { device: device(), seed: 11 });
    await metricsOf(sim, { steps: 50, ...data });
    const weights = await sim.read("weight", { from: "input", to: "hidden" });
    const moments = await sim.read("secondMoment", { from: "input", to: "hidden" });
    sim.reset();
    expect(sim.step).toBe(0);
    for (const quantity of ["potential", "rate", "slope", "error", "lowPassedError"] as const) {
      expect(await sim.read(quantity, "hidden")).toEqual(new Float32Array(6));
    }
    expect(await sim.read("rate", "input")).toEqual(new Float32Array(5));
    expectSameBits(await sim.read("weight", { from: "input", to: "hidden" }), weights);
    expectSameBits(await sim.read("secondMoment", { from: "input", to: "hidden" }), moments);
    // Without learning, all that is left of the past is in the parameters.
    using other = await createSimulator(tiny, { device: device(), seed: 12 });
    for (const [from, to] of [
      ["input", "hidden"],
      ["hidden", "output"],
    ] as const) {
      other.write("weight", { from, to }, await sim.read("weight", { from, to }));
      other.write("bias", to, await sim.read("bias", to));
    }
    for (const each of [sim, other]) await metricsOf(each, { steps: 30, ...data, learn: false });
    for (const quantity of ["potential", "error", "rate"] as const) {
      expectSameBits(await sim.read(quantity, "output"), await other.read(quantity, "output"));
    }
  });
});

describe("eta", () => {
  const learning = (eta: number) => ({ optimizer: { kind: "sgd", eta } }) as const;

  it("of a run takes the place of the optimiser's, from then on", async () => {
    const data = tinyData(40);
    using told = await createSimulator(tiny, { device: device(), seed: 5, learning: learning(0.5) });
    using made = await createSimulator(tiny, { device: device(), seed: 5, learning: learning(0.01) });
    await metricsOf(told, { steps: 40, ...data, eta: 0.01 });
    await metricsOf(told, { steps: 40, ...data });
    await metricsOf(made, { steps: 80, ...data });
    const weights = await made.read("weight", { from: "input", to: "hidden" });
    expectSameBits(await told.read("weight", { from: "input", to: "hidden" }), weights);
    await metricsOf(told, { steps: 40, ...data, eta: 0 });
    expectSameBits(await told.read("weight", { from: "input", to: "hidden" }), weights);
  });
});
