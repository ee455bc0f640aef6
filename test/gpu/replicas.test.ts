/** Networks of equal shape side by side: each is, bit by bit, the one that it would be alone. */

import { describe, expect, it } from "vitest";
import { createSimulator, layered, tunings, type NetworkSpec, type SimulatorOptions } from "../../src/index.ts";
import type { NodeQuantity, Simulator } from "../../src/simulator.ts";
import { dataOf, type Data } from "./graphs.ts";
import { expectSameBits, metricsOf, numbers, tiny, tinyData } from "./networks.ts";
import { useLazyDevice } from "./shared-device.ts";
import { rejection } from "./watched.ts";

const device = useLazyDevice();

const loops: NetworkSpec = {
  dt: 0.1,
  sources: [
    { name: "eye", size: 5 },
    { name: "ear", size: 3 },
  ],
  populations: [
    { name: "cortex", size: 6, tauM: [1, 1.5, 2], tauR: [0.5, 1], activation: "tanh", gamma: 0.2 },
    { name: "hand", size: 3, tauM: 1, tauR: 1, activation: "linear", cost: { kind: "squared-error", beta: 0.5 } },
    { name: "word", size: 5, tauM: 1, tauR: 1, activation: "sigmoid", cost: { kind: "cross-entropy" } },
  ],
  projections: [
    { from: "eye", to: "cortex" },
    { from: "ear", to: "cortex" },
    { from: "cortex", to: "cortex", plastic: false },
    { from: "cortex", to: "hand" },
    { from: "cortex", to: "word" },
  ],
};

const learnsTimes: NetworkSpec = {
  ...loops,
  populations: loops.populations.map((population) => ({
    ...population,
    tauM: 2,
    tauR: 1.5,
    plasticTauM: true,
    plasticTauR: true,
  })),
};

const stack = (size: number): NetworkSpec =>
  layered({
    dt: 0.1,
    input: 9,
    hidden: [
      { size, tauM: 1, tauR: 0.5, activation: "tanh" },
      { size: 7, tauM: 1, tauR: 0.5, activation: "relu" },
    ],
    output: { size: 3, tauM: 1, tauR: 1, activation: "linear" },
    cost: { kind: "squared-error" },
  });

const sgd = { kind: "sgd", eta: 0.01 } as const;
const momentum = { kind: "momentum", eta: 0.01 } as const;
const adam = { kind: "adam", eta: 0.01 } as const;
const sweep = { ...loops, schedule: "sweep" } as const;

interface Case {
  readonly name: string;
  readonly spec: NetworkSpec;
  readonly options: SimulatorOptions;
  readonly steps?: number;
}

const cases: readonly Case[] = [
  { name: "jacobi, sgd", spec: loops, options: { learning: { optimizer: sgd } } },
  { name: "jacobi, momentum, batch 3", spec: loops, options: { batch: 3, learning: { optimizer: momentum } } },
  { name: "jacobi, Adam", spec: stack(70), options: { learning: { optimizer: adam } } },
  { name: "jacobi, shared currents", spec: stack(70), options: { tuning: shared(), learning: { optimizer: adam } } },
  { name: "sweep, Adam", spec: sweep, options: { learning: { optimizer: adam } } },
  { name: "sweep, sgd, batch 3", spec: sweep, options: { batch: 3, learning: { optimizer: sgd } } },
  { name: "targets delayed", spec: { ...loops, targetDelay: 1 }, options: { batch: 3 } },
  { name: "time constants", spec: learnsTimes, options: { learning: { optimizer: adam } } },
  { name: "matched traces", spec: loops, options: { batch: 2, learning: { traces: "matched", optimizer: adam } } },
  { name: "aligned lags", spec: stack(8), options: { learning: { lagAligned: true, optimizer: momentum } } },
  { name: "random feedback", spec: loops, options: { learning: { feedback: "random", optimizer: adam } } },
  { name: "corrected gain", spec: sweep, options: { learning: { gain: "corrected", optimizer: sgd } } },
  { name: "instantaneous", spec: loops, options: { learning: { errors: "instantaneous", optimizer: adam } } },
];

const sweeping: Case = {
  name: "a sweep of plastic time constants and matched traces",
  spec: { ...learnsTimes, schedule: "sweep" },
  options: { batch: 2, learning: { traces: "matched", optimizer: adam } },
};

const windowed: readonly Case[] = [
  { name: "windows", spec: loops, options: { learning: { errors: "adjoint", window: 10, optimizer: momentum } } },
  {
    name: "windows of time constants, a sweep",
    spec: { ...learnsTimes, schedule: "sweep" },
    options: { batch: 2, learning: { errors: "adjoint", window: 10, optimizer: adam } },
  },
];

function shared(): NonNullable<SimulatorOptions["tuning"]> {
  return { ...tunings.gpu, workgroups: 4, networkWidth: 4 };
}

/** Every quantity that a simulator holds. */
async function everything(
  sim: Simulator,
  options: { readonly replica?: number } = {},
): Promise<Map<string, Float32Array>> {
  const all = new Map<string, Float32Array>();
  for (const [key, { buffer }] of sim.plan.places) {
    const [quantity = "", ...path] = key.split("/");
    const order = { firstMoment: 1, secondMoment: 2 }[quantity] ?? 0;
    if (buffer === "frames" || order > sim.plan.moments) continue;
    const [from = "", to = "", last = ""] = path;
    const where =
      path.length === 1 ? from : path.length === 2 ? { from, to } : { population: last, of: to as "tauM" | "tauR" };
    all.set(key, await sim.read(quantity as NodeQuantity, where, options));
  }
  return all;
}

function expectSame(actual: ReadonlyMap<string, Float32Array>, expected: ReadonlyMap<string, Float32Array>): void {
  // Of a window that is cut no adjoint is kept, and the rates of sources are those of the step to which it last went back.
  const isCut = [...expected.keys()].some((key) => key.startsWith("adjoint/") && !actual.has(key));
  const kept = [...expected.keys()].filter((key) => actual.has(key) || !key.startsWith("adjoint/"));
  expect([...actual.keys()]).toEqual(kept);
  const keys = kept.filter((key) => !isCut || !["rate/eye", "rate/ear"].includes(key));
  const differing = keys.filter((key) => {
    const [one, other] = [actual, expected].map((all) => new Uint32Array(all.get(key)?.slice().buffer ?? []));
    return one?.length !== other?.length || one?.some((word, i) => word !== other?.[i]);
  });
  expect(differing).toEqual([]);
  expect([...expected.values()].some((values) => values.some((value) => value !== 0))).toBe(true);
}

/** `replicas` networks, and some of them alone. */
async function compare({ spec, options, steps = 40 }: Case, replicas: number, some: readonly number[]): Promise<void> {
  const data: Data = dataOf(spec, steps / 2, options.batch ?? 1);
  const run = { ...data, steps, every: steps / 2 };
  const record = [{ population: spec.populations[0]?.name ?? "", quantity: "potential" }] as const;
  using sim = await createSimulator(spec, { ...options, record, device: device(), replicas, seed: 40 });
  const metrics = await metricsOf(sim, run);
  for (const replica of some) {
    using alone = await createSimulator(spec, { ...options, record, device: device(), seed: 40 + replica });
    const expected = await metricsOf(alone, run);
    expect(metrics.map(({ losses }) => losses[replica])).toEqual(expected.map(({ loss }) => loss));
    for (const [i, { traces }] of expected.entries()) {
      const all = metrics[i]?.traces[0] ?? new Float32Array(0);
      const own = ownRows(all, replicas, replica, steps / 2);
      expectSameBits(own, traces[0] ?? new Float32Array(0));
    }
    expectSame(await everything(sim, { replica }), await everything(alone));
  }
}

/** Of [step][replica][values]. */
function ownRows(all: Float32Array, replicas: number, replica: number, steps: number): Float32Array {
  const size = all.length / steps / replicas;
  const rows = Array.from({ length: steps }, (_, step) => (step * replicas + replica) * size);
  return Float32Array.from(rows.flatMap((first) => [...all.subarray(first, first + size)]));
}

describe("three networks", () => {
  it.each(cases)("are three lone ones: $name", async (each) => {
    await compare(each, 3, [0, 1, 2]);
  });

  it.each(windowed)("are three lone ones: $name", async (each) => {
    await compare(each, 3, [0, 2]);
  });

  it("are three lone ones where a window is cut, whose memory they share", async () => {
    const learning = { errors: "adjoint", window: 120, optimizer: momentum } as const;
    const options = { learning, trajectoryBytes: 3 * 26_000 };
    await compare({ name: "", spec: loops, options, steps: 240 }, 3, [0, 2]);
    using sim = await createSimulator(loops, { ...options, device: device(), replicas: 3 });
    expect(sim.plan.segments?.count).toBeGreaterThan(1);
    using alone = await createSimulator(loops, { ...options, device: device() });
    expect(alone.plan.segments?.count).toBe(1);
  });
});

const slowly = { timeout: 240_000 };

describe("networks of one workgroup each", () => {
  const fused = (each: Case): Case => ({ ...each, options: { ...each.options, fuseSteps: true } });
  const [first, second] = [cases[0], cases[1]];
  it.each([first, second, ...cases.slice(4, 9), ...windowed].filter((each) => each !== undefined).map(fused))(
    "are lone ones: $name",
    async (each) => {
      await compare(each, 3, [0, 2]);
    },
  );

  // Every shape is a text of its own, which a software adapter compiles for seconds.
  it.each([
    { networkWidth: 1, networkLanes: 4, replicas: 12 },
    { networkWidth: 8, networkLanes: 4, replicas: 6 },
  ])("are lone ones, $networkWidth for $networkLanes of $replicas", slowly, async ({ replicas, ...given }) => {
    const tuning = { ...shared(), ...given };
    await compare({ name: "", spec: loops, options: { fuseSteps: true, tuning, batch: 3 } }, replicas, [0, 2]);
    await compare({ ...sweeping, options: { ...sweeping.options, fuseSteps: true, tuning } }, replicas, [
      1,
      replicas - 1,
    ]);
  });

  it.each([
    { batch: 3, learning: {} },
    { batch: 1, learning: { optimizer: adam } },
  ])("are lone ones in the memory of their workgroups, %j", slowly, async (given) => {
    const tuning = { ...shared(), networkWidth: 8, networkLanes: 1, networkMemory: 16384 };
    const options = { ...given, fuseSteps: true, tuning };
    using sim = await createSimulator(loops, { ...options, device: device(), replicas: 3 });
    expect(sim.plan.workgroupBytes).toBeGreaterThan(0);
    await compare({ name: "", spec: loops, options }, 3, [0, 2]);
  });
});

describe.each([false, true])("65 networks, many steps in one dispatch %s", (fuseSteps) => {
  it.each([1, 3])("are lone ones, batch %i", async (batch) => {
    await compare({ name: "", spec: tiny, options: { fuseSteps, batch } }, 65, [0, 1, 63, 64]);
  });
});

describe("one of its own", () => {
  it("is the seed", async () => {
    const seeds = [7, 2 ** 53 - 1, 7];
    using sim = await createSimulator(tiny, { device: device(), replicas: 3, seeds });
    for (const [replica, seed] of seeds.entries()) {
      using alone = await createSimulator(tiny, { device: device(), seed });
      expectSame(await everything(sim, { replica }), await everything(alone));
    }
  });

  it.each([false, true])("is the learning rate, many steps in one dispatch %s", async (fuseSteps) => {
    const etaScales = [0.3, 0, 1, 4];
    const learning = { optimizer: adam };
    const run = { steps: 20, ...tinyData(10) };
    const options = { device: device(), fuseSteps, learning, seeds: [1, 1, 1, 1] };
    using sim = await createSimulator(tiny, { ...options, replicas: 4, etaScales });
    using other = await createSimulator(tiny, { ...options, replicas: 4 });
    await metricsOf(sim, run);
    await metricsOf(other, { ...run, etaScales });
    for (const [replica, scale] of etaScales.entries()) {
      // The product is rounded to f32 on the device.
      const eta = Math.fround(Math.fround(adam.eta) * Math.fround(scale));
      using alone = await createSimulator(tiny, { device: device(), fuseSteps, learning, seed: 1 });
      await metricsOf(alone, { ...run, eta });
      const expected = await everything(alone);
      using scaled = await createSimulator(tiny, { device: device(), fuseSteps, learning, seed: 1 });
      await metricsOf(scaled, { ...run, etaScales: [scale] });
      expectSame(await everything(scaled), expected);
      expectSame(await everything(sim, { replica }), expected);
      expectSame(await everything(other, { replica }), expected);
    }
  });
});

describe("what is read and written", () => {
  const between = { from: "input", to: "hidden" };

  it("is of one replica, or of all", async () => {
    using sim = await createSimulator(tiny, { device: device(), replicas: 3 });
    const all = await sim.read("weight", between);
    expect(all.length).toBe(3 * 30);
    const own = numbers(30, 5);
    sim.write("weight", between, own, { replica: 1 });
    const expected = Float32Array.from([...all.subarray(0, 30), ...own, ...all.subarray(60)]);
    expectSameBits(await sim.read("weight", between), expected);
    expectSameBits(await sim.read("weight", between, { replica: 1 }), own);
    sim.write("weight", between, own);
    expectSameBits(await sim.read("weight", between), Float32Array.from([...own, ...own, ...own]));
    sim.write("weight", between, expected);
    expectSameBits(await sim.read("weight", between), expected);
  });

  it("stands a stride further on the device", async () => {
    using sim = await createSimulator(tiny, { device: device(), replicas: 3 });
    const first = sim.buffer("rate", "hidden");
    const last = sim.buffer("rate", "hidden", { replica: 2 });
    expect(last).toEqual({ ...first, offset: first.offset + 2 * first.stride });
    expect(first.stride % 256).toBe(0);
    expect(sim.buffer("input", "input").stride).toBe(0);
  });

  it("is refused where there is none", async () => {
    using sim = await createSimulator(tiny, { device: device(), replicas: 3 });
    for (const replica of [3, -1, 0.5]) {
      expect(await rejection(sim.read("rate", "hidden", { replica }))).toMatchObject({
        code: "DATA_INVALID",
        message: `read.replica must be a whole number from 0 to 2; it is ${replica}.`,
      });
    }
    expect(() => {
      sim.write("input", "input", numbers(5), { replica: 1 });
    }).toThrow("write.replica is 1, but input and target are common to all replicas. Leave it out.");
    expect(() => {
      sim.write("weight", between, numbers(60));
    }).toThrow('write("weight") takes 30 values, f32[post=6][pre=5, padded to 8], or 3 times as many');
    const run = metricsOf(sim, { steps: 1, ...tinyData(1), etaScales: [1, 2] });
    expect(await rejection(run)).toMatchObject({
      message: "run.etaScales must be an array of 3 numbers, one for each replica.",
    });
  });
});

describe("a run", () => {
  it("has the mean of the losses", async () => {
    using sim = await createSimulator(tiny, { device: device(), replicas: 3 });
    const [metrics] = await metricsOf(sim, { steps: 10, ...tinyData(10) });
    const losses = metrics?.losses ?? [];
    expect(new Set(losses).size).toBe(3);
    expect(metrics?.loss).toBeCloseTo(losses.reduce((sum, loss) => sum + loss, 0) / 3, 12);
  });

  it.each([false, true])("names the replica that diverges first, fused %s", async (fuseSteps) => {
    using sim = await createSimulator(tiny, { device: device(), replicas: 5, fuseSteps });
    await metricsOf(sim, { steps: 10, ...tinyData(10) });
    sim.write("potential", "hidden", new Float32Array(6).fill(NaN), { replica: 3 });
    const error = await rejection(metricsOf(sim, { steps: 20, ...tinyData(10) }));
    expect(error).toMatchObject({ code: "DIVERGED", details: { step: 10, population: "hidden", replica: 3 } });
    expect((error as Error).message).toContain('Step 10: a value of population "hidden" of replica 3 is no longer');
    expect((await sim.read("weight", { from: "hidden", to: "output" }, { replica: 4 })).every(Number.isFinite)).toBe(
      true,
    );
  });

  it("starts anew after reset", async () => {
    using sim = await createSimulator(tiny, { device: device(), replicas: 3, learning: { optimizer: adam } });
    using alone = await createSimulator(tiny, { device: device(), seed: 2, learning: { optimizer: adam } });
    for (const each of [sim, alone]) {
      await metricsOf(each, { steps: 10, ...tinyData(10) });
      each.reset();
      await metricsOf(each, { steps: 7, ...tinyData(10) });
    }
    expectSame(await everything(sim, { replica: 2 }), await everything(alone));
  });

  it("records energies of every network", async () => {
    const options = { device: device(), energies: ["energy", "action"], batch: 3 } as const;
    using sim = await createSimulator(tiny, { ...options, replicas: 3 });
    using alone = await createSimulator(tiny, { ...options, seed: 1 });
    const [metrics] = await metricsOf(sim, { steps: 10, ...tinyData(10, 3) });
    const [expected] = await metricsOf(alone, { steps: 10, ...tinyData(10, 3) });
    for (const index of [0, 1]) {
      const own = ownRows(metrics?.energies[index] ?? new Float32Array(0), 3, 1, 10);
      expectSameBits(own, expected?.energies[index] ?? new Float32Array(0));
    }
  });
});
