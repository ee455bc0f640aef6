/** What a simulator refuses, and that it goes on as before when it has refused. */

import { describe, expect, it } from "vitest";
import {
  createSimulator,
  DisposedError,
  type NetworkSpec,
  type RunOptions,
  type SimulatorOptions,
} from "../../src/index.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { contentsOf, expectSameBits, metricsOf, numbers, tiny, tinyData } from "./networks.ts";
import { useDevice } from "./shared-device.ts";
import { gpuThat, rejection, withMembers } from "./watched.ts";

const device = useDevice();

/** Options and data as a program without types may give them. */
type Wild = Readonly<Record<string, unknown>>;

const failsWith = async (use: Promise<unknown>, code: ErrorCode, ...words: readonly string[]): Promise<void> => {
  const error = await rejection(use);
  expect(error).toMatchObject({ code });
  for (const word of words) expect((error as Error).message).toContain(word);
};

const createWith = (options: Wild) =>
  createSimulator(tiny, { device: device(), ...(options as Partial<SimulatorOptions>) });

describe("createSimulator refuses", () => {
  const wrong: readonly (readonly [what: string, options: Wild, word: string])[] = [
    ["a batch of 0", { batch: 0 }, "batch"],
    ["half a batch row", { batch: 1.5 }, "batch"],
    ["a batch that is a text", { batch: "2" }, "batch"],
    ["more batch rows than there are places", { batch: 2 ** 17 }, "65536"],
    ["a negative seed", { seed: -1 }, "seed"],
    ["half a seed", { seed: 0.5 }, "seed"],
    ["a seed that is not exact", { seed: 2 ** 53 }, "seed"],
    ["no bytes for frames", { frameBytes: 0 }, "frameBytes"],
    ["NaN bytes for frames", { frameBytes: NaN }, "frameBytes"],
    ["a rule that does not exist", { learning: { errors: "locale" } }, 'Did you mean "local"'],
    ["a record of nobody", { record: [{ population: "nobody", quantity: "rate" }] }, "nobody"],
    ["a record of nothing", { record: [{ population: "output", quantity: "spikes" }] }, "spikes"],
    ["a record twice", { record: [0, 1].map(() => ({ population: "output", quantity: "rate" })) }, "repeats"],
    ["an option that does not exist", { batchSize: 3 }, "batchSize"],
  ];

  it.each(wrong)("%s", async (_, options, word) => {
    await failsWith(createWith(options), "SPEC_INVALID", word);
  });

  it("a network that is none", async () => {
    const broken = { ...tiny, dt: -1 };
    await failsWith(createSimulator(broken, { device: device() }), "SPEC_INVALID", "dt", "-1");
    const stranger = { ...tiny, projections: [{ from: "nobody", to: "output" }] };
    await failsWith(createSimulator(stranger, { device: device() }), "SPEC_INVALID", "nobody");
  });

  it("before it asks for anything of a GPU", async () => {
    const { gpu, requests } = gpuThat();
    await failsWith(createSimulator({ ...tiny, dt: NaN }, { gpu }), "SPEC_INVALID");
    await failsWith(createSimulator(tiny, { gpu, batch: -3 }), "SPEC_INVALID");
    await failsWith(createSimulator(tiny, { gpu, seed: NaN }), "SPEC_INVALID");
    expect(requests()).toBe(0);
  });

  it("a device of the host that is too small, before any call, and says what to ask for", async () => {
    const limits = { maxBufferSize: 4096, maxStorageBufferBindingSize: 1024, maxComputeWorkgroupsPerDimension: 65535 };
    const calls: string[] = [];
    const small = new Proxy(withMembers(device(), { limits }), {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value === "function") calls.push(String(name));
        return value;
      },
    });
    const error = await rejection(createSimulator(tiny, { device: small, frameBytes: 512, batch: 20 }));
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", details: { limit: 1024 } });
    const { message, details } = error as Error & { details: { buffer: string; needed: number } };
    expect(message).toContain(`The buffer "${details.buffer}"`);
    expect(message).toContain(`needs ${details.needed} bytes; this device allows 1024.`);
    expect(message).toMatch(
      /requestDevice\(\{ requiredLimits: \{ maxBufferSize: \d+, maxStorageBufferBindingSize: \d+/,
    );
    expect(calls).toEqual([]);
  });
});

describe("run refuses", () => {
  const { input, target } = tinyData(4);
  const wrong: readonly (readonly [what: string, options: Wild, path: string])[] = [
    ["no steps", { steps: 0, input }, "run.steps"],
    ["half a step", { steps: 2.5, input }, "run.steps"],
    ["an unknown number of steps", { input }, "run.steps"],
    ["a metric every 0 steps", { steps: 4, every: 0, input }, "run.every"],
    ["a negative eta", { steps: 4, eta: -1, input }, "run.eta"],
    ["an infinite eta", { steps: 4, eta: Infinity, input }, "run.eta"],
    ["chunks of no time", { steps: 4, chunkMilliseconds: NaN, input }, "run.chunkMilliseconds"],
    ["a target without input", { steps: 4, target }, "run.target"],
    ["input of a wrong length", { steps: 4, input: input.subarray(1) }, "run.input.input"],
    ["target of a wrong length", { steps: 4, input, target: target.subarray(1) }, "run.target.output"],
    ["input of an unknown source", { steps: 4, input: { eye: input } }, "run.input.eye"],
    ["input that is no Float32Array", { steps: 4, input: [...input] }, "run.input"],
    ["an option that does not exist", { steps: 4, input, stop: 3 }, "stop"],
  ];

  it.each(wrong)("%s, and has done nothing", async (_, options, path) => {
    using sim = await createSimulator(tiny, { device: device(), seed: 2 });
    const before = await contentsOf(sim);
    await failsWith(metricsOf(sim, { eta: 0.125, ...options } as unknown as RunOptions), "DATA_INVALID", path);
    expect(sim.step).toBe(0);
    expectSameBits(await contentsOf(sim), before);
    // Not even the learning rate is another.
    using other = await createSimulator(tiny, { device: device(), seed: 2 });
    for (const each of [sim, other]) await metricsOf(each, { steps: 4, input, target });
    expectSameBits(await contentsOf(sim), await contentsOf(other));
  });

  it("classes that do not exist", async () => {
    const classes: NetworkSpec = {
      ...tiny,
      populations: tiny.populations.map((population) =>
        population.name === "output" ? { ...population, cost: { kind: "cross-entropy" } } : population,
      ),
    };
    using sim = await createSimulator(classes, { device: device() });
    for (const wrong of [3, -2, 0.5, NaN, Infinity]) {
      const options = { steps: 1, input: numbers(5), target: Float32Array.of(wrong) };
      await failsWith(metricsOf(sim, options), "DATA_INVALID", "run.target.output[0]", String(wrong));
      // The other door to the same buffer.
      expect(() => sim.write("target", "output", Float32Array.of(wrong))).toThrow(/class/);
    }
    await metricsOf(sim, { steps: 1, input: numbers(5), target: Float32Array.of(2) });
  });

  it("a second run at the same time, and the first goes on", async () => {
    using sim = await createSimulator(tiny, { device: device(), seed: 2 });
    const data = tinyData(20);
    const first = sim.run({ steps: 20, every: 10, ...data });
    await first.next();
    await failsWith(metricsOf(sim, { steps: 1, ...data }), "DATA_INVALID", "in progress");
    expect(() => sim.reset()).toThrow(/during a run/);
    for await (const { step } of first) expect(step).toBe(20);
    using other = await createSimulator(tiny, { device: device(), seed: 2 });
    await metricsOf(other, { steps: 20, every: 10, ...data });
    expectSameBits(await contentsOf(sim), await contentsOf(other));
    await metricsOf(sim, { steps: 1, ...data });
  });
});

describe("read, write, buffer, encode and setFrames refuse", () => {
  it("names that do not exist, and say which do", async () => {
    using sim = await createSimulator(tiny, { device: device() });
    await failsWith(sim.read("rate", "nobody"), "DATA_INVALID", "rate/nobody", "rate/hidden", "rate/input");
    await failsWith(sim.read("weight", { from: "output", to: "hidden" }), "DATA_INVALID", "weight/input/hidden");
    await failsWith(sim.read("potential", "input"), "DATA_INVALID", "potential/hidden");
    await failsWith(sim.read("spikes" as "rate", "hidden"), "DATA_INVALID", 'no quantity "spikes"');
    await failsWith(sim.read("toString" as "rate", "constructor"), "DATA_INVALID");
    expect(() => sim.write("bias", "input", numbers(5))).toThrow(/bias\/input does not exist/);
    expect(() => sim.buffer("weight", "hidden")).toThrow(/weight\/hidden does not exist/);
  });

  it("moments that the optimiser does not have", async () => {
    using sim = await createSimulator(tiny, { device: device(), learning: { optimizer: { kind: "sgd", eta: 0.1 } } });
    await failsWith(sim.read("firstMoment", { from: "input", to: "hidden" }), "DATA_INVALID", "sgd");
    expect(() => sim.write("secondMoment", "hidden", numbers(6))).toThrow(/not kept by the optimiser "sgd"/);
  });

  it("data of a wrong length or kind", async () => {
    using sim = await createSimulator(tiny, { device: device() });
    expect(() => sim.write("potential", "hidden", numbers(5))).toThrow(/6 values.*given 5/);
    expect(() => sim.write("potential", "hidden", numbers(12))).toThrow(/6 values.*given 12/);
    expect(() => sim.write("potential", "hidden", numbers(0))).toThrow(/6 values.*given 0/);
    expect(() => sim.write("input", "input", numbers(7))).toThrow(/frames of 5 values.*given 7/);
    const doubles = new Float64Array(6) as unknown as Float32Array;
    expect(() => sim.write("potential", "hidden", doubles)).toThrow(/Float32Array/);
    expect(await sim.read("potential", "hidden")).toEqual(new Float32Array(6));
  });

  it("frames and steps that are no whole numbers in range", async () => {
    using sim = await createSimulator(tiny, { device: device() });
    const { frameCapacity } = sim.plan;
    for (const frames of [{ input: 0 }, { input: 1.5 }, { target: -1 }, { input: frameCapacity + 1 }]) {
      expect(() => sim.setFrames(frames)).toThrow(/setFrames/);
    }
    sim.setFrames({ input: frameCapacity, target: 0 });
    const encoder = device().createCommandEncoder();
    for (const steps of [0, -1, 0.5, NaN]) expect(() => sim.encode(encoder, { steps })).toThrow(/encode\.steps/);
    expect(sim.step).toBe(0);
  });
});

describe("abort", () => {
  const reason = new Error("enough");

  it("before a run does nothing and passes its reason on", async () => {
    using sim = await createSimulator(tiny, { device: device(), seed: 2 });
    const options = { steps: 10, ...tinyData(10), signal: AbortSignal.abort(reason) };
    expect(await rejection(metricsOf(sim, options))).toBe(reason);
    expect(sim.step).toBe(0);
  });

  it("within a run stops at a step, passes its reason on, and leaves the simulator usable", async () => {
    using sim = await createSimulator(tiny, { device: device(), seed: 2 });
    const controller = new AbortController();
    const data = tinyData(3000);
    const seen: number[] = [];
    const run = async () => {
      for await (const { step } of sim.run({ steps: 3000, every: 10, ...data, signal: controller.signal })) {
        seen.push(step);
        if (step === 50) controller.abort(reason);
      }
    };
    expect(await rejection(run())).toBe(reason);
    expect(sim.step).toBeGreaterThanOrEqual(50);
    expect(sim.step).toBeLessThan(3000);
    // It stands where another one stands after as many steps.
    const done = sim.step;
    using other = await createSimulator(tiny, { device: device(), seed: 2 });
    await metricsOf(other, { steps: done, ...data });
    expectSameBits(await contentsOf(sim), await contentsOf(other));
    await metricsOf(sim, { steps: 5, ...data });
    expect(sim.step).toBe(done + 5);
  });

  it("with the default reason is an AbortError, at once", async () => {
    using sim = await createSimulator(tiny, { device: device() });
    const started = performance.now();
    const error = await rejection(sim.read("rate", "hidden", { signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ name: "AbortError" });
    expect(performance.now() - started).toBeLessThan(50);
  });

  it("of createSimulator passes its reason on", async () => {
    const { gpu, requests } = gpuThat();
    expect(await rejection(createSimulator(tiny, { gpu, signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(requests()).toBe(0);
  });

  it("by leaving the loop ends at a step, and the simulator goes on from there", async () => {
    using sim = await createSimulator(tiny, { device: device(), seed: 2 });
    const data = tinyData(500);
    for await (const { step } of sim.run({ steps: 500, every: 20, ...data })) if (step >= 40) break;
    const done = sim.step;
    expect(done).toBeLessThan(500);
    using other = await createSimulator(tiny, { device: device(), seed: 2 });
    await metricsOf(other, { steps: done, ...data });
    expectSameBits(await contentsOf(sim), await contentsOf(other));
    await metricsOf(sim, { steps: 1, ...data });
  });
});

describe("destroy", () => {
  it("may be called twice; every later call is refused as DISPOSED", async () => {
    const sim = await createSimulator(tiny, { device: device() });
    sim.destroy();
    sim.destroy();
    sim[Symbol.dispose]();
    await sim[Symbol.asyncDispose]();
    await failsWith(metricsOf(sim, { steps: 1 }), "DISPOSED", "run");
    await failsWith(sim.read("rate", "hidden"), "DISPOSED", "read");
    const encoder = device().createCommandEncoder();
    for (const call of [
      () => sim.write("rate", "hidden", numbers(6)),
      () => sim.buffer("rate", "hidden"),
      () => sim.encode(encoder, { steps: 1 }),
      () => sim.setFrames({ input: 1 }),
      () => sim.reset(),
    ]) {
      expect(call).toThrow(DisposedError);
    }
  });

  it("in the middle of a run ends it as DISPOSED, and the host's device hears of no error", async () => {
    for (const [when, every] of [
      [30, 10],
      [1, 1],
      [200, 200],
    ] as const) {
      const sim = await createSimulator(tiny, { device: device() });
      const run = async () => {
        for await (const { step } of sim.run({ steps: 1000, every, ...tinyData(10) })) if (step === when) sim.destroy();
      };
      await failsWith(run(), "DISPOSED");
    }
  });

  it("in the middle of a read ends it as DISPOSED, and the host's device hears of no error", async () => {
    const sim = await createSimulator(tiny, { device: device() });
    const reading = rejection(sim.read("rate", "hidden"));
    sim.destroy();
    expect(await reading).toMatchObject({ code: "DISPOSED" });
  });
});
