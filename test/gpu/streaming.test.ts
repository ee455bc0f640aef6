/** Data that does not fit the device at once, and traces that do not fit the record at once. */

import { describe, expect, it } from "vitest";
import { createSimulator, layered, type NetworkSpec, type SimulatorOptions } from "../../src/index.ts";
import { contentsOf, expectSameBits, metricsOf, numbers, tiny, tinyData } from "./networks.ts";
import { useLazyDevice } from "./shared-device.ts";

const device = useLazyDevice();

describe("frames", () => {
  it.each([1, 3])("that are streamed give the same bits as frames that fit, batch %i", async (batch) => {
    const data = tinyData(150, batch);
    const outcome = async (frameBytes: number) => {
      using sim = await createSimulator(tiny, { device: device(), batch, seed: 4, frameBytes });
      const metrics = await metricsOf(sim, { steps: 400, every: 130, ...data });
      return { capacity: sim.plan.frameCapacity, losses: metrics.map(({ loss }) => loss), all: await contentsOf(sim) };
    };
    const [whole, streamed] = [await outcome(2 ** 20), await outcome(2048)];
    expect(whole.capacity).toBeGreaterThan(150);
    expect(streamed.capacity).toBeLessThan(50);
    expect(streamed.losses).toEqual(whole.losses);
    expectSameBits(streamed.all, whole.all);
  });

  const window = { errors: "adjoint", window: 8 } as const;
  it.each<readonly [string, NetworkSpec, SimulatorOptions]>([
    // The last target of a window of frames is compared by the first step of the next.
    ["with a target delay", { ...tiny, targetDelay: 1 }, {}],
    ["in a sweep", { ...tiny, schedule: "sweep" }, {}],
    ["of windows", tiny, { learning: window }],
    ["of windows with a target delay", { ...tiny, targetDelay: 1 }, { learning: window }],
    ["of windows in a sweep", { ...tiny, schedule: "sweep" }, { learning: window }],
  ])("that are streamed give the same bits as frames that fit, %s", async (_, spec, options) => {
    const data = tinyData(150);
    const outcome = async (frameBytes: number) => {
      using sim = await createSimulator(spec, { device: device(), seed: 4, frameBytes, ...options });
      const metrics = await metricsOf(sim, { steps: 400, every: 136, chunkMilliseconds: 3, ...data });
      return { capacity: sim.plan.frameCapacity, losses: metrics.map(({ loss }) => loss), all: await contentsOf(sim) };
    };
    const [whole, streamed] = [await outcome(2 ** 20), await outcome(1000)];
    expect(whole.capacity).toBeGreaterThan(150);
    // Not a multiple of the window.
    expect(streamed.capacity).toBe(20);
    expect(streamed.losses).toEqual(whole.losses);
    expectSameBits(streamed.all, whole.all);
  });

  it("repeat when they end, each signal after its own length", async () => {
    const { input } = tinyData(7);
    const { target } = tinyData(11);
    const outcome = async (times: number) => {
      using sim = await createSimulator(tiny, { device: device(), seed: 4 });
      const repeated = (data: Float32Array, length: number): Float32Array =>
        Float32Array.from({ length: times * length }, (_, i) => data[i % data.length] ?? NaN);
      const whole = { input: repeated(input, 77 * 5), target: repeated(target, 77 * 3) };
      await metricsOf(sim, { steps: 200, ...(times === 0 ? { input, target } : whole) });
      return await contentsOf(sim);
    };
    expectSameBits(await outcome(0), await outcome(3));
  });

  it("stay what they are for a run that is given none", async () => {
    const { input, target } = tinyData(10);
    using sim = await createSimulator(tiny, { device: device(), seed: 4 });
    await metricsOf(sim, { steps: 10, input, target });
    const [metrics] = await metricsOf(sim, { steps: 3 });
    expect(metrics?.loss).toBeGreaterThan(0);
    expect(await sim.read("rate", "input")).toEqual(input.slice(10, 15));
  });

  it("may come without a target, and then there is no cost", async () => {
    const { input, target } = tinyData(10);
    using sim = await createSimulator(tiny, { device: device(), seed: 4 });
    await metricsOf(sim, { steps: 10, input, target });
    const [metrics] = await metricsOf(sim, { steps: 300, input, learn: false });
    expect(metrics?.loss).toBeNaN();
    // What is left of the errors decays with tau_r.
    const errors = await sim.read("error", "output");
    expect(Math.max(...errors.map(Math.abs))).toBeLessThan(1e-6);
  });
});

describe("traces", () => {
  /** One neuron of the source counts the frames. */
  const counter: NetworkSpec = layered({
    dt: 0.1,
    input: 1,
    hidden: [],
    output: { size: 3, tauM: 1, tauR: 1, activation: "linear" },
  });
  const count = (steps: number): number[] => Array.from({ length: steps }, (_, step) => step);

  it.each([700, 1, 1024, 2500])("are complete with a metric every %i steps", async (every) => {
    const steps = every === 1 ? 40 : 2500;
    using sim = await createSimulator(counter, {
      device: device(),
      record: [{ population: "input", quantity: "rate" }],
    });
    expect(sim.plan.recordRows).toBe(1024);
    const metrics = await metricsOf(sim, { steps, every, input: Float32Array.from(count(2500)), learn: false });
    expect(metrics.flatMap(({ traces }) => [...(traces[0] ?? [])])).toEqual(count(steps));
    const ends = [...new Set([...count(steps + 1).filter((step) => step > 0 && step % every === 0), steps])];
    expect(metrics.map(({ step }) => step)).toEqual(ends);
    for (const { steps, traces } of metrics) expect(traces[0]?.length).toBe(steps);
  });

  it("are complete where the record holds few steps, beside frames that are streamed", async () => {
    // 2^16 values a step, of which 4 MiB hold 15 beside the input's; and frames of 1 value, of which 16 fit.
    const size = 2 ** 16;
    const neurons = { size, tauM: 1, tauR: 1, activation: "linear", bias: false } as const;
    using sim = await createSimulator(layered({ dt: 0.1, input: 1, hidden: [], output: neurons }), {
      device: device(),
      frameBytes: 256,
      record: [
        { population: "output", quantity: "potential" },
        { population: "input", quantity: "rate" },
      ],
    });
    expect([sim.plan.recordRows, sim.plan.frameCapacity]).toEqual([15, 16]);
    const steps = 50;
    const [metrics] = await metricsOf(sim, { steps, input: Float32Array.from(count(steps)), learn: false });
    expect([...(metrics?.traces[1] ?? [])]).toEqual(count(steps));
    const potential = await sim.read("potential", "output");
    expect(metrics?.traces[0]?.slice((steps - 1) * size)).toEqual(potential);
    expect(potential.every((value) => value !== 0)).toBe(true);
  });

  it("of a second run start with it", async () => {
    const record = [{ population: "input", quantity: "rate" }] as const;
    using sim = await createSimulator(counter, { device: device(), record });
    const input = numbers(50);
    await metricsOf(sim, { steps: 37, input });
    const [metrics] = await metricsOf(sim, { steps: 50, input });
    expect(metrics?.traces[0]).toEqual(input);
  });

  it("have a row for each neuron and batch row, without padding", async () => {
    const batch = 3;
    using sim = await createSimulator(tiny, {
      device: device(),
      batch,
      record: [
        { population: "input", quantity: "rate" },
        { population: "output", quantity: "rate" },
      ],
    });
    const { input } = tinyData(6, batch);
    const [metrics] = await metricsOf(sim, { steps: 6, input });
    expect(metrics?.traces[0]).toEqual(input);
    expect(metrics?.traces[1]?.slice(-9)).toEqual(await sim.read("rate", "output"));
  });
});
