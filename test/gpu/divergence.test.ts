/** What is not finite is found, with step and population, and is gone when it has been written over. */

import { describe, expect, it } from "vitest";
import { createSimulator, DivergedError, layered, type Simulator } from "../../src/index.ts";
import { expectSameBits, metricsOf, numbers, tiny, tinyData } from "./networks.ts";
import { useLazyDevice } from "./shared-device.ts";
import { rejection } from "./watched.ts";

const device = useLazyDevice();
const notFinite = [NaN, Infinity, -Infinity];
const learning = { optimizer: { kind: "momentum", eta: 0.01 } } as const;

const make = (batch = 1, frameBytes = 2 ** 20): Promise<Simulator> =>
  createSimulator(tiny, { device: device(), seed: 6, batch, learning, frameBytes });

async function expectDivergence(run: Promise<unknown>, step: number, population: string): Promise<void> {
  const error = await rejection(run);
  expect(error).toBeInstanceOf(DivergedError);
  expect(error).toMatchObject({ code: "DIVERGED", details: { step, population } });
  expect((error as Error).message).toContain(`Step ${step}: a value of population "${population}"`);
}

/** Values with one of them replaced. */
function spoilt(values: Float32Array, index: number, value: number): Float32Array {
  const copy = values.slice();
  copy[index] = value;
  return copy;
}

describe.each(notFinite)("%f", (value) => {
  it.each([1, 3])("in a weight is found in the population that it enters, batch %i", async (batch) => {
    using sim = await make(batch);
    const between = { from: "hidden", to: "output" };
    await metricsOf(sim, { steps: 10, ...tinyData(10, batch) });
    sim.write("weight", between, spoilt(await sim.read("weight", between), 17, value));
    await expectDivergence(metricsOf(sim, { steps: 30, ...tinyData(10, batch) }), 10, "output");
  });

  it("in a state is found at once", async () => {
    using sim = await make();
    sim.write("potential", "hidden", spoilt(new Float32Array(6), 5, value));
    await expectDivergence(metricsOf(sim, { steps: 5, ...tinyData(5) }), 0, "hidden");
    sim.reset();
    sim.write("lowPassedError", "output", spoilt(new Float32Array(3), 0, value));
    await expectDivergence(metricsOf(sim, { steps: 5, ...tinyData(5), learn: false }), 0, "output");
  });

  it.each([1, 3])("in an input is found at its step, batch %i", async (batch) => {
    using sim = await make(batch);
    const { input, target } = tinyData(20, batch);
    const frame = 5 * batch;
    const broken = { input: spoilt(input, 7 * frame + frame - 1, value), target };
    await expectDivergence(metricsOf(sim, { steps: 20, ...broken }), 7, "hidden");
  });

  it("in a target is found at its step", async () => {
    using sim = await make();
    const { input, target } = tinyData(20);
    const broken = { input, target: spoilt(target, 11 * 3 + 1, value) };
    await expectDivergence(metricsOf(sim, { steps: 20, ...broken }), 11, "output");
  });
});

describe("a divergence", () => {
  it("is named by the step since the start, in a later run and in frames that are streamed", async () => {
    using sim = await make(1, 1024);
    expect(sim.plan.frameCapacity).toBeLessThan(40);
    const { input, target } = tinyData(400);
    await metricsOf(sim, { steps: 50, input, target });
    const broken = { input: spoilt(input, 300 * 5, NaN), target };
    await expectDivergence(metricsOf(sim, { steps: 400, every: 400, ...broken }), 350, "hidden");
  });

  it("is found in a run without traces and metrics within the run", async () => {
    using sim = await make();
    const { input, target } = tinyData(3000);
    const broken = { input: spoilt(input, 1000 * 5, NaN), target };
    await expectDivergence(metricsOf(sim, { steps: 3000, ...broken }), 1000, "hidden");
    // Soon after it happened.
    expect(sim.step).toBeLessThan(3000);
  });

  it("of the learning itself is found", async () => {
    using sim = await createSimulator(tiny, {
      device: device(),
      learning: { optimizer: { kind: "sgd", eta: 1e6 } },
    });
    expect(await rejection(metricsOf(sim, { steps: 200, ...tinyData(20) }))).toMatchObject({ code: "DIVERGED" });
  });

  it.each([1, 3])("leaves nothing behind once states are reset and parameters are written, batch %i", async (batch) => {
    const data = tinyData(20, batch);
    using fresh = await make(batch);
    using sim = await make(batch);
    const places = [
      { from: "input", to: "hidden" },
      { from: "hidden", to: "output" },
    ] as const;
    const sound = new Map<string, Float32Array>();
    for (const between of places) sound.set(between.to, await sim.read("weight", between));
    const biases = new Map<string, Float32Array>();
    for (const { to } of places) biases.set(to, await sim.read("bias", to));
    const input = spoilt(data.input, 4, NaN);
    await expectDivergence(metricsOf(sim, { steps: 20, ...data, input }), 0, "hidden");
    sim.reset();
    for (const between of places) {
      const weights = sound.get(between.to) ?? new Float32Array(0);
      sim.write("weight", between, weights);
      sim.write("bias", between.to, biases.get(between.to) ?? new Float32Array(0));
      sim.write("firstMoment", between, new Float32Array(weights.length));
      sim.write("firstMoment", between.to, new Float32Array(between.to === "hidden" ? 6 : 3));
    }
    for (const each of [fresh, sim]) await metricsOf(each, { steps: 20, ...data });
    for (const between of places) {
      expectSameBits(await sim.read("weight", between), await fresh.read("weight", between));
      expectSameBits(await sim.read("potential", between.to), await fresh.read("potential", between.to));
    }
  });
});

describe("what is finite", () => {
  it("is not taken for a divergence where dt is long: padding is bounded like the neurons", async () => {
    // In milliseconds, say. Five neurons leave three places of padding.
    const slow = layered({
      dt: 4,
      input: 5,
      hidden: [{ size: 5, tauM: 10, tauR: 10, activation: "tanh" }],
      output: { size: 3, tauM: 10, tauR: 10, activation: "linear" },
      cost: { kind: "squared-error" },
    });
    for (const batch of [1, 2]) {
      using sim = await createSimulator(slow, { device: device(), batch });
      const data = { input: numbers(40 * 5 * batch), target: numbers(40 * 3 * batch) };
      const [metrics] = await metricsOf(sim, { steps: 400, ...data, learn: false });
      expect(metrics?.loss).toBeLessThan(100);
    }
  });

  it("may be as large as f32 goes", async () => {
    using sim = await make();
    sim.write("potential", "hidden", new Float32Array(6).fill(1e38));
    await metricsOf(sim, { steps: 3, ...tinyData(3), learn: false });
    // 1e38 (1 - dt / tauM)^3
    expect((await sim.read("potential", "hidden"))[0]).toBeCloseTo(0.729e38, -33);
  });
});
