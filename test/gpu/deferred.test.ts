/** Updates of weights that wait for several steps: against the f64 twin, which updates in every step, and against themselves. */

import { describe, expect, it } from "vitest";
import { createSimulator, type LearningSpec, type NetworkSpec, type SimulatorOptions } from "../../src/index.ts";
import { tunings, type Tuning } from "../../src/layout.ts";
import { callsDuring } from "./counting.ts";
import { graphOfSizes, populationsOfSizes } from "./graphs.ts";
import { metricsOf, numbers } from "./networks.ts";
import { useLazyDevice } from "./shared-device.ts";
import { difference, expectSmall, Twin } from "./twin.ts";

const device = useLazyDevice();

const graph = graphOfSizes([
  ...populationsOfSizes([2, 3], [2, 3]),
  { name: "out", size: 5, tauM: 2, tauR: 2, activation: "linear", cost: { kind: "squared-error", beta: 0.5 } },
]);

const sgd = { kind: "sgd", eta: 0.01 } as const;
const deferring = (kind: "cpu" | "gpu", deferredSteps: number): Tuning => ({ ...tunings[kind], deferredSteps });

/**
 * f32 rounds to 6e-8; some hundred products, the look-ahead and up to 40 steps of a loop that is damped take it up to 1e-6. A
 * pair that is left out, or comes twice, is 1e-3 and more.
 */
const within = 5e-6;

const rules: Readonly<Record<string, LearningSpec>> = {
  "local errors": { optimizer: sgd },
  "instantaneous errors": { errors: "instantaneous", optimizer: sgd },
};

describe.each(["cpu", "gpu"] as const)("cut for a %s", (kind) => {
  it.each([
    { steps: 4, rule: "local errors", bindingBytes: 2 ** 27 },
    { steps: 16, rule: "local errors", bindingBytes: 2 ** 27 },
    { steps: 4, rule: "instantaneous errors", bindingBytes: 2 ** 27 },
    { steps: 8, rule: "local errors", bindingBytes: 48 * 1024 },
  ])("follows the twin: $steps steps, $rule, $bindingBytes bytes a buffer", async ({ steps, rule, bindingBytes }) => {
    const learning = rules[rule] as LearningSpec;
    const options = { learning, tuning: deferring(kind, steps), bindingBytes, fuseSteps: false, seed: 3 };
    using twin = await Twin.create(device(), graph, options);
    expect(twin.sim.plan.programs.deferred?.steps).toBe(steps);
    expect(twin.sim.plan.buffers.some(({ name }) => name === "parameters.1")).toBe(bindingBytes < 2 ** 20);
    twin.randomise();
    // One pair; whole rounds; a round that is left; frozen steps, whose first has feedback of weights that lacked pairs.
    for (const count of [1, steps, steps + 3]) {
      expectSmall({ ...(await twin.step(count)), ...(await twin.differences()) }, within);
    }
    expectSmall({ ...(await twin.step(2, { learn: false })), ...(await twin.differences()) }, within);
    expectSmall({ ...(await twin.step(2)), ...(await twin.differences()) }, within);
    // Weights that stand in several buffers have no one view.
    if (bindingBytes > 2 ** 20) expect((await twin.padding()).filter((value) => !Object.is(value, 0))).toHaveLength(0);
  });
});

// ---- wherever a run is cut ----------------------------------------------------------------------------------

const recurrent: NetworkSpec = {
  dt: 0.1,
  sources: [{ name: "x", size: 3 }],
  populations: [{ name: "a", size: 70, tauM: 1, tauR: 1, activation: "tanh", cost: { kind: "squared-error" } }],
  projections: [
    { from: "a", to: "a" },
    { from: "x", to: "a" },
  ],
};
const frames = 32;
const data = { input: numbers(frames * 3, 2), target: numbers(frames * 70, 3) };
const weights = { from: "a", to: "a" } as const;

const make = (options: SimulatorOptions = {}) =>
  createSimulator(recurrent, {
    device: device(),
    fuseSteps: false,
    learning: { optimizer: sgd },
    tuning: deferring("cpu", 8),
    ...options,
  });

describe("the same bits come out", () => {
  it("of a run that is submitted step by step", async () => {
    using whole = await make();
    using cut = await make();
    await metricsOf(whole, { ...data, steps: 37 });
    expect(await metricsOf(cut, { ...data, steps: 37, every: 1 })).toHaveLength(37);
    expect(await cut.read("weight", weights)).toEqual(await whole.read("weight", weights));
    expect(await cut.read("potential", "a")).toEqual(await whole.read("potential", "a"));
  });

  it("of a run that somebody leaves, and of one that is read in the middle", async () => {
    using left = await make();
    using short = await make();
    for await (const { step } of left.run({ ...data, steps: 40, every: 1 })) if (step === 11) break;
    await metricsOf(short, { ...data, steps: left.step });
    expect(await left.read("weight", weights)).toEqual(await short.read("weight", weights));

    using read = await make();
    using reference = await createSimulator(recurrent, { device: device(), learning: { optimizer: sgd } });
    for await (const { step } of read.run({ ...data, steps: 19, every: 1 })) {
      if (step === 5) await read.read("weight", weights);
    }
    await metricsOf(reference, { ...data, steps: 19 });
    expect(difference(await read.read("weight", weights), await reference.read("weight", weights))).toBeLessThan(1e-6);
  });

  it("of every replica and of a network that is alone", async () => {
    const etaScales = [1, 0.5];
    using both = await make({ replicas: 2, seeds: [4, 5], etaScales });
    await metricsOf(both, { ...data, steps: 21 });
    for (const replica of [0, 1]) {
      using alone = await make({
        seed: 4 + replica,
        learning: { optimizer: { ...sgd, eta: sgd.eta * (etaScales[replica] ?? 1) } },
      });
      await metricsOf(alone, { ...data, steps: 21 });
      expect(await both.read("weight", weights, { replica })).toEqual(await alone.read("weight", weights));
    }
  });
});

it("lets updates wait from one encode to the next, if told so, until the weights are read", async () => {
  using whole = await make();
  using pieces = await make();
  for (const each of [whole, pieces]) {
    each.write("input", "x", data.input);
    each.write("target", "a", data.target);
  }
  const encode = (sim: typeof whole, steps: number): void => {
    const encoder = device().createCommandEncoder();
    sim.encode(encoder, { steps, defer: true });
    device().queue.submit([encoder.finish()]);
  };
  encode(whole, 37);
  for (const steps of [1, 2, 7, 20, 7]) encode(pieces, steps);
  expect(await pieces.read("weight", weights)).toEqual(await whole.read("weight", weights));
  // Where all updates are done after every piece, the rounding is another.
  using done = await make();
  done.write("input", "x", data.input);
  done.write("target", "a", data.target);
  for (const steps of [1, 2, 7, 20, 7]) {
    const encoder = device().createCommandEncoder();
    done.encode(encoder, { steps });
    device().queue.submit([encoder.finish()]);
  }
  const [weight, other] = [await whole.read("weight", weights), await done.read("weight", weights)];
  expect(other).not.toEqual(weight);
  expect(difference(other, weight)).toBeLessThan(1e-6);
});

it("leaves the weights whole behind steps that a host encodes", async () => {
  using sim = await make();
  using twin = await createSimulator(recurrent, { device: device(), learning: { optimizer: sgd } });
  for (const each of [sim, twin]) {
    each.write("input", "x", data.input);
    each.write("target", "a", data.target);
  }
  for (const steps of [3, 8, 14]) {
    for (const each of [sim, twin]) {
      const encoder = device().createCommandEncoder();
      each.encode(encoder, { steps });
      device().queue.submit([encoder.finish()]);
    }
    // A view is as good as a read: the updates are part of what was encoded.
    expect(difference(await sim.read("weight", weights), await twin.read("weight", weights))).toBeLessThan(1e-6);
  }
});

it("does what waits before a frozen step that a host encodes in the middle of a run", async () => {
  using sim = await make();
  using twin = await createSimulator(recurrent, { device: device(), learning: { optimizer: sgd } });
  for (const each of [sim, twin]) {
    for await (const { step } of each.run({ ...data, steps: 5, every: 1, chunkMilliseconds: 1 })) {
      if (step !== 5) continue;
      const encoder = device().createCommandEncoder();
      each.encode(encoder, { steps: 2, learn: false });
      device().queue.submit([encoder.finish()]);
    }
  }
  expect(difference(await sim.read("weight", weights), await twin.read("weight", weights))).toBeLessThan(1e-6);
  expect(difference(await sim.read("potential", "a"), await twin.read("potential", "a"))).toBeLessThan(1e-5);
});

it("dispatches once more for every round of updates", async () => {
  using sim = await make();
  await metricsOf(sim, { ...data, steps: 8 });
  const { dispatches } = await callsDuring(device(), () =>
    metricsOf(sim, { ...data, steps: 64, every: 64, chunkMilliseconds: 100 }),
  );
  expect(dispatches).toBeGreaterThanOrEqual(64 * 2 + 8);
  expect(dispatches).toBeLessThanOrEqual(64 * 2 + 8 + 20);
});

/** The rates may differ by rounding, which the loop carries on; the effect of learning is what would be there without updates. */
it("differs after 1000 steps by less than 1e-4 of what learning does", async () => {
  const learning = { optimizer: { kind: "sgd", eta: 1e-3 } } as const;
  const ratesOf = async (options: SimulatorOptions, learn = true): Promise<Float32Array> => {
    using sim = await make({ learning, ...options });
    await metricsOf(sim, { ...data, steps: 1000, learn });
    return await sim.read("rate", "a");
  };
  const deferred = await ratesOf({ tuning: deferring("cpu", 16) });
  const each = await ratesOf({ tuning: tunings.cpu });
  const frozen = await ratesOf({ tuning: tunings.cpu }, false);
  const most = (a: Float32Array, b: Float32Array): number =>
    a.reduce((largest, value, index) => Math.max(largest, Math.abs(value - (b[index] ?? NaN))), 0);
  const effect = most(each, frozen);
  expect(effect).toBeGreaterThan(1e-2);
  expect(most(deferred, each)).toBeLessThan(1e-4 * effect);
});

describe("where updates cannot wait each step has its own", () => {
  it.each<[string, SimulatorOptions]>([
    ["Adam", { learning: { optimizer: { kind: "adam", eta: 1e-3 } } }],
    ["momentum", { learning: { optimizer: { kind: "momentum", eta: 1e-3 } } }],
    ["a batch", { batch: 2 }],
    ["products and update apart", { tuning: { ...deferring("cpu", 8), onePassBatch: 0 } }],
    ["few synapses", { tuning: { ...deferring("cpu", 8), deferredProducts: 1e6 } }],
    ["nothing learns", { learning: { errors: "none" } }],
    ["adjoint errors", { learning: { errors: "adjoint", window: 4, optimizer: sgd } }],
  ])("%s", async (_, options) => {
    using sim = await make(options);
    expect(sim.plan.programs.deferred).toBeNull();
  });
});
