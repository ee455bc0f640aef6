/** Weights in several buffers against the f64 twin, and against the same weights in one. */

import { describe, expect, it } from "vitest";
import { createSimulator, type LearningSpec, type NetworkSpec, type SimulatorOptions } from "../../src/index.ts";
import { partsOf, tunings } from "../../src/layout.ts";
import { callsDuring } from "./counting.ts";
import { graphOfSizes, populationsOfSizes, sizes } from "./graphs.ts";
import { createUniform, metricsOf } from "./networks.ts";
import { useLazyDevice } from "./shared-device.ts";
import { expectSmall, readBuffer, Twin } from "./twin.ts";

const device = useLazyDevice();

/** Its projections are cut and whole, in the first shard and in others. */
const graph = (more: Partial<NetworkSpec> = {}, plastic: "none" | "tau" = "none"): NetworkSpec => ({
  ...graphOfSizes([
    ...populationsOfSizes([2, 3, 4], [1.5, 1.8], { plasticTauM: plastic === "tau", plasticTauR: plastic === "tau" }),
    { name: "out", size: 5, tauM: 2, tauR: 1.5, activation: "linear", cost: { kind: "squared-error", beta: 0.5 } },
  ]),
  ...more,
});

/** About a sixth of one projection. */
const bindingBytes = 48 * 1024;

const sgd = { kind: "sgd", eta: 0.01 } as const;
const momentum = { kind: "momentum", eta: 0.01 } as const;
const adam = { kind: "adam", eta: 0.001 } as const;

interface Rule {
  readonly spec: NetworkSpec;
  readonly learning: LearningSpec;
}

const rules: Readonly<Record<string, Rule>> = {
  sgd: { spec: graph(), learning: { optimizer: sgd } },
  momentum: { spec: graph(), learning: { optimizer: momentum } },
  adam: { spec: graph(), learning: { optimizer: adam } },
  "time constants": { spec: graph({}, "tau"), learning: { optimizer: momentum } },
  "instantaneous errors": { spec: graph(), learning: { errors: "instantaneous", optimizer: sgd } },
  "a sweep": { spec: graph({ schedule: "sweep" }), learning: { optimizer: adam } },
  "random feedback": { spec: graph(), learning: { feedback: "random", optimizer: momentum } },
  "random feedback in a sweep": {
    spec: graph({ schedule: "sweep" }),
    learning: { feedback: "random", optimizer: sgd },
  },
  "matched traces": { spec: graph(), learning: { traces: "matched", optimizer: momentum } },
  "matched traces in a sweep": {
    spec: graph({ schedule: "sweep" }),
    learning: { traces: "matched", optimizer: sgd },
  },
};

/**
 * As in the tests of the rules: f32 rounds to 6e-8, sums of some hundred products and the look-ahead take it up several
 * times; a wrong index, sign or order is 1e-2 and more.
 */
const within = 2e-5;

/** What stands behind the weights of every part: columns of padding and rows of padding. */
async function paddingOf({ sim, network, moments }: Twin): Promise<number[]> {
  const found: number[] = [];
  for (const { name } of network.projections) {
    for (const quantity of ["weight", ...moments] as const) {
      const [from = "", to = ""] = name.split(" -> ");
      const place = sim.plan.places.get(`${quantity}/${from}/${to}`);
      const parts = place === undefined ? [] : partsOf(place);
      for (const [index, { buffer, offset }] of sim.buffers(quantity, { from, to }).entries()) {
        const { rows = NaN, paddingRows = NaN, columns = NaN } = parts[index] ?? {};
        const pitch = Math.ceil(columns / 4) * 4;
        const raw = await readBuffer(sim.device, buffer, offset, (rows + paddingRows) * pitch * 4);
        found.push(...raw.filter((_, i) => i % pitch >= columns || i >= rows * pitch));
      }
    }
  }
  return found;
}

describe.each([1, 3])("batch %i", (batch) => {
  describe.each(["cpu", "gpu"] as const)("cut for a %s", (kind) => {
    it.each(Object.entries(rules))("follows the twin: %s", async (_, { spec, learning }) => {
      const options = { batch, learning, bindingBytes, tuning: tunings[kind], seed: 3 };
      using twin = await Twin.create(device(), spec, options);
      const { buffers, places } = twin.sim.plan;
      const shards = buffers.filter(({ name }) => name.startsWith("parameters"));
      expect(shards.length).toBeGreaterThan(8);
      for (const { bytes } of shards) expect(bytes).toBeLessThanOrEqual(bindingBytes);
      expect(places.get("weight/many/many")?.parts?.length).toBeGreaterThan(3);
      // Some stand whole in a shard that is not the first, which has their biases.
      expect(places.get("weight/many/out")?.buffer).toMatch(/\.\d+$/);
      // The initial values are the twin's, bit by bit.
      expectSmall(await initialDifferences(twin), 0);
      twin.randomise();
      expectSmall({ ...(await twin.step(1)), ...(await twin.differences()) }, within);
      expectSmall({ ...(await twin.step(3)), ...(await twin.differences()) }, within);
      expectSmall({ ...(await twin.step(2, { learn: false })), ...(await twin.differences()) }, within);
      expect((await paddingOf(twin)).filter((value) => !Object.is(value, 0))).toEqual([]);
    });
  });
});

async function initialDifferences(twin: Twin): Promise<Record<string, number>> {
  const all = await twin.differences();
  return Object.fromEntries(Object.entries(all).filter(([name]) => /^(weight|bias)\//.test(name)));
}

// ---- the same bits ------------------------------------------------------------------------------------------

/** Everything that there is after some steps. */
async function outcome(
  spec: NetworkSpec,
  options: SimulatorOptions,
  steps: number,
): Promise<Map<string, Float32Array>> {
  using sim = await createSimulator(spec, { device: device(), fuseSteps: false, ...options });
  const { network, batch } = sim.plan;
  const random = createUniform(7);
  const numbers = (size: number) => Float32Array.from({ length: steps * batch * size }, () => 2 * random() - 1);
  const input = Object.fromEntries(network.sources.map(({ name, size }) => [name, numbers(size)]));
  const costed = network.populations.filter(({ cost }) => cost !== null);
  const target = Object.fromEntries(costed.map(({ name, size }) => [name, numbers(size)]));
  const [metrics] = await metricsOf(sim, { steps, input, target });
  const found = new Map<string, Float32Array>([["loss", Float32Array.of(metrics?.loss ?? NaN)]]);
  for (const { name } of network.populations) {
    for (const quantity of ["potential", "error", "bias"] as const) {
      found.set(`${quantity}/${name}`, await sim.read(quantity, name));
    }
  }
  for (const { name } of network.projections) {
    const [from = "", to = ""] = name.split(" -> ");
    for (const quantity of ["weight", "firstMoment", "secondMoment"] as const) {
      found.set(`${quantity}/${name}`, await sim.read(quantity, { from, to }));
    }
  }
  return found;
}

describe("the same bits come out of one buffer and of several", () => {
  const neurons = { tauM: 2, tauR: 1.5, activation: "tanh" } as const;
  const costed = { ...neurons, cost: { kind: "squared-error" } } as const;
  /** No error goes back. */
  const flat: NetworkSpec = {
    dt: 0.1,
    sources: [
      { name: "x", size: 65 },
      { name: "y", size: 257 },
    ],
    populations: [
      { name: "a", size: 257, ...costed },
      { name: "b", size: 63, ...costed },
    ],
    projections: [
      { from: "y", to: "a" },
      { from: "x", to: "a" },
      { from: "y", to: "b" },
    ],
  };
  /** Its shards end where tiles do. */
  const wide: NetworkSpec = {
    dt: 0.1,
    sources: [{ name: "x", size: 3 }],
    populations: [{ name: "a", size: 1100, ...costed }],
    projections: [
      { from: "a", to: "a" },
      { from: "x", to: "a" },
    ],
  };

  it.each([
    ["without feedback", 1, flat, 2 ** 15],
    ["without feedback", 3, flat, 2 ** 15],
    ["with feedback from tall shards", 1, wide, 600 * 1100 * 4],
  ] as const)("%s, batch %i", async (_, batch, spec, bindingBytes) => {
    // Of the first one a tall tile has 18 quads of rows, and a shard of "wide" 8 tiles.
    for (const tuning of [{ ...tunings.cpu, workgroups: 8 }, tunings.gpu]) {
      const options = { batch, learning: { optimizer: adam }, tuning, seed: 11 };
      const whole = await outcome(spec, options, 3);
      const cut = await outcome(spec, { ...options, bindingBytes }, 3);
      for (const [name, values] of whole) {
        const different = values.findIndex((value, index) => !Object.is(value, cut.get(name)?.[index]));
        expect([name, different]).toEqual([name, -1]);
      }
    }
  });
});

// ---- places and cost ----------------------------------------------------------------------------------------

describe("a projection that is cut", () => {
  const between = { from: "many", to: "many" };

  it("is written and read as if it were whole", async () => {
    const learning = { optimizer: momentum };
    using sim = await createSimulator(graph(), { device: device(), bindingBytes, learning });
    const count = sizes.many ** 2;
    for (const [order, quantity] of (["weight", "firstMoment"] as const).entries()) {
      const values = Float32Array.from({ length: count }, (_, i) => order + i / 2 ** 20);
      sim.write(quantity, between, values);
      expect(await sim.read(quantity, between)).toEqual(values);
    }
    // The neighbours in the same buffers are as they were.
    using other = await createSimulator(graph(), { device: device(), bindingBytes, learning });
    for (const neighbour of [
      { from: "above", to: "many" },
      { from: "above", to: "out" },
      { from: "many", to: "out" },
    ]) {
      expect(await sim.read("weight", neighbour)).toEqual(await other.read("weight", neighbour));
    }
    expect(() => sim.write("weight", between, new Float32Array(count - 1))).toThrow(/takes 66049 values/);
  });

  it("has several buffers, row after row", async () => {
    using sim = await createSimulator(graph(), { device: device(), bindingBytes });
    expect(() => sim.buffer("weight", between)).toThrow(
      /^weight\/many\/many stands in \d+ buffers, as one may have 49152 bytes: use buffers\(\)\.$/,
    );
    const views = sim.buffers("weight", between);
    const rows = await Promise.all(
      views.map(({ buffer, offset, size }) => readBuffer(sim.device, buffer, offset, size)),
    );
    const dense = await sim.read("weight", between);
    const padded = rows.flatMap((part) => [...part]).filter((_, i) => i % 260 < sizes.many);
    expect(Float32Array.from(padded)).toEqual(dense);
    expect(views[0]?.layout).toMatch(/^f32\[post=\d+\]\[pre=257, padded to 260\]$/);
    // What is whole has one.
    const whole = { from: "above", to: "out" };
    expect(sim.buffers("weight", whole)).toEqual([sim.buffer("weight", whole)]);
    expect(sim.buffers("bias", "many")).toEqual([sim.buffer("bias", "many")]);
    expect(() => sim.buffers("secondMoment", { from: "x", to: "out" })).toThrow(/does not exist/);
  });

  it.each([1, 3])("costs one dispatch more for each shard and pass over the weights, batch %i", async (batch) => {
    const dispatchesOf = async (given: SimulatorOptions) => {
      using sim = await createSimulator(graph(), { device: device(), batch, fuseSteps: false, ...given });
      const shards = sim.plan.buffers.filter(({ name }) => name.startsWith("parameters")).length;
      const encode = async (): Promise<void> => {
        const encoder = device().createCommandEncoder();
        sim.encode(encoder, { steps: 8 });
        encoder.finish();
      };
      // The first time pipelines are compiled, too.
      await encode();
      return { calls: await callsDuring(device(), encode), shards };
    };
    const whole = await dispatchesOf({});
    const cut = await dispatchesOf({ bindingBytes });
    expect(whole.shards).toBe(1);
    // One begins the run; then all that is left of a step is one pass over the neurons.
    const passes = (whole.calls.dispatches - 1) / 8 - 1;
    const dispatches = whole.calls.dispatches + 8 * passes * (cut.shards - 1);
    expect(cut.calls).toEqual({ ...whole.calls, dispatches });
  });
});

describe("a device", () => {
  it("is planned for by what it binds, and a host may allow less", async () => {
    const { maxBufferSize, maxStorageBufferBindingSize } = device().limits;
    const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    for (const [given, used] of [
      [undefined, limit],
      [limit * 2, limit],
      [bindingBytes, bindingBytes],
    ] as const) {
      using sim = await createSimulator(graph(), { device: device(), ...(given && { bindingBytes: given }) });
      expect(sim.plan.bindingBytes).toBe(used);
    }
    await expect(createSimulator(graph(), { device: device(), bindingBytes: 0 })).rejects.toThrow(
      /options\.bindingBytes/,
    );
  });
});
