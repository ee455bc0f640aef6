/** A simulator that is saved, and restored in another one, goes on to the same bits. */

import { describe, expect, it } from "vitest";
import { createSimulator, layered, tunings, type NetworkSpec, type Simulator } from "../../src/index.ts";
import type { SimulatorOptions } from "../../src/simulator.ts";
import { expectSameBits, metricsOf, numbers, tiny, tinyData } from "./networks.ts";
import { useLazyDevice } from "./shared-device.ts";

const device = useLazyDevice();
const steps = 60;
const before = 23;

const adam = { learning: { optimizer: { kind: "adam", eta: 0.01 } } } as const;
const sgd = { learning: { optimizer: { kind: "sgd", eta: 0.01 } } } as const;
const sweep: NetworkSpec = { ...tiny, schedule: "sweep" };
const recurrent: NetworkSpec = {
  ...tiny,
  populations: tiny.populations.map((population) => ({ ...population, tauM: 2, tauR: 1.5, plasticTauM: true })),
  projections: [...tiny.projections, { from: "hidden", to: "hidden" }],
};

interface Case {
  readonly name: string;
  readonly spec: NetworkSpec;
  readonly options: SimulatorOptions;
  readonly before?: number;
}

const cases: readonly Case[] = [
  { name: "jacobi, sgd", spec: tiny, options: { ...sgd, fuseSteps: false } },
  { name: "jacobi, Adam, batch 4", spec: tiny, options: { ...adam, batch: 4, fuseSteps: false } },
  { name: "sweep, sgd, batch 4", spec: sweep, options: { ...sgd, batch: 4, fuseSteps: false } },
  { name: "sweep, Adam", spec: sweep, options: { ...adam, fuseSteps: false } },
  { name: "three replicas", spec: tiny, options: { ...adam, replicas: 3, etaScales: [1, 2, 0.5], fuseSteps: false } },
  { name: "fused steps", spec: tiny, options: { ...adam, batch: 4, fuseSteps: true } },
  { name: "fused steps, three replicas, sweep", spec: sweep, options: { ...sgd, replicas: 3, fuseSteps: true } },
  {
    name: "matched traces, recurrence, time constants",
    spec: recurrent,
    options: { learning: { traces: "matched" }, batch: 2 },
  },
  { name: "aligned lags", spec: tiny, options: { learning: { lagAligned: true } } },
  { name: "random feedback", spec: tiny, options: { learning: { feedback: "random" } } },
  {
    name: "windows of adjoint errors",
    spec: tiny,
    options: { learning: { errors: "adjoint", window: 10 } },
    before: 20,
  },
  { name: "weights in shards", spec: tiny, options: { ...adam, bindingBytes: 256 } },
];

describe("N steps are k steps, and N - k steps of another simulator", () => {
  it.each(cases)("$name", async ({ spec, options, before: k = before }) => {
    const data = tinyData(steps, options.batch ?? 1);
    const create = (seed: number): Promise<Simulator> => createSimulator(spec, { ...options, seed, device: device() });
    using straight = await create(3);
    await metricsOf(straight, { ...data, steps });
    using first = await create(3);
    await metricsOf(first, { ...data, steps: k });
    const snapshot = await first.save();
    // Other weights and states at first, so that whatever is not restored shows.
    using second = await create(99);
    await metricsOf(second, { ...tinyData(10, options.batch ?? 1), steps: 10 });
    second.restore(snapshot);
    expect(second.step).toBe(k);
    expectSameBits(await bitsOf(second), await bitsOf(first));
    await metricsOf(second, { ...restOf(data, k), steps: steps - k });
    const [all, resumed] = [await bitsOf(straight), await bitsOf(second)];
    expect(all.length).toBeGreaterThan(50);
    expectSameBits(resumed, all);
    expect(await second.save()).toEqual(await straight.save());
  });

  it("where the updates of several steps are done at once, as in two runs", async () => {
    const spec = layered({
      dt: 0.1,
      input: 9,
      hidden: [{ size: 70, tauM: 1, tauR: 0.5, activation: "tanh" }],
      output: { size: 3, tauM: 1, tauR: 1, activation: "linear" },
      cost: { kind: "squared-error" },
    });
    const tuning = { ...tunings.cpu, deferredSteps: 8, deferredProducts: 0 };
    const data = { input: numbers(steps * 9, 4), target: numbers(steps * 3, 5) };
    const create = (): Promise<Simulator> => createSimulator(spec, { ...sgd, tuning, device: device() });
    using one = await create();
    await metricsOf(one, { ...data, steps: before });
    const snapshot = await one.save();
    const rest = { input: data.input.subarray(before * 9), target: data.target.subarray(before * 3) };
    await metricsOf(one, { ...rest, steps: steps - before });
    using other = await create();
    other.restore(snapshot);
    await metricsOf(other, { ...rest, steps: steps - before });
    expect(await other.save()).toEqual(await one.save());
  });
});

describe("a snapshot", () => {
  it("keeps the learning rate of a run", async () => {
    using first = await createSimulator(tiny, { ...sgd, device: device() });
    await metricsOf(first, { ...tinyData(steps), steps: before, eta: 0.05 });
    using second = await createSimulator(tiny, { ...sgd, device: device() });
    second.restore(await first.save());
    const rest = { ...restOf(tinyData(steps), before), steps: steps - before };
    await metricsOf(first, rest);
    await metricsOf(second, rest);
    expectSameBits(await bitsOf(second), await bitsOf(first));
  });

  it("is refused where it does not belong, and where it is not whole; nothing changes", async () => {
    using sim = await createSimulator(tiny, { ...adam, device: device() });
    await metricsOf(sim, { ...tinyData(steps), steps: before });
    const snapshot = await sim.save();
    const changed = snapshot.slice();
    changed[changed.length - 5] = (changed.at(-5) ?? 0) ^ 4;
    const others: readonly (readonly [SimulatorOptions, NetworkSpec, RegExp])[] = [
      [{ ...adam, batch: 4 }, tiny, /^snapshot is of a simulator whose options\.batch is 1; here it is 4: create/],
      [sgd, tiny, /whose learning\.optimizer\.kind is "adam"; here it is "sgd"/],
      [adam, sweep, /whose network\.schedule is "jacobi"; here it is "sweep"/],
      [adam, { ...tiny, dt: 0.2 }, /whose network\.dt is 0\.1; here it is 0\.2/],
      [
        adam,
        { ...tiny, populations: tiny.populations.map((each) => ({ ...each, tauM: 1.5 })) },
        /whose network\.populations\[0\]\.tauM is 6 values with the checksum \d+; here/,
      ],
    ];
    for (const [options, spec, message] of others) {
      using other = await createSimulator(spec, { ...options, device: device() });
      const untouched = await other.save();
      expect(() => {
        other.restore(snapshot);
      }).toThrow(message);
      expect(await other.save()).toEqual(untouched);
    }
    const refuse = (bytes: Uint8Array, message: RegExp): void => {
      expect(() => {
        sim.restore(bytes);
      }).toThrow(message);
    };
    refuse(snapshot.subarray(0, -16), /^snapshot is cut or was changed since; give the bytes/);
    refuse(changed, /^snapshot is cut or was changed since/);
    refuse(snapshot.subarray(0, 12), /^snapshot does not begin like one/);
    refuse(new Uint8Array(100), /^snapshot does not begin like one/);
    refuse("abc" as unknown as Uint8Array, /^snapshot is "abc", but must be the Uint8Array that save\(\) gave/);
    expect(await sim.save()).toEqual(snapshot);
  });

  it("is neither taken nor put back during a run", async () => {
    using sim = await createSimulator(tiny, { device: device() });
    const snapshot = await sim.save();
    const running = sim.run({ ...tinyData(steps), steps, every: 10 });
    await running.next();
    await expect(sim.save()).rejects.toThrow("save was called during a run; leave its loop or abort it first.");
    expect(() => {
      sim.restore(snapshot);
    }).toThrow("restore was called during a run");
    await running.return();
    sim.restore(snapshot);
    expect(sim.step).toBe(0);
  });
});

function restOf({ input, target }: ReturnType<typeof tinyData>, done: number): ReturnType<typeof tinyData> {
  const from = (values: Float32Array): Float32Array => values.subarray((values.length / steps) * done);
  return { input: from(input), target: from(target) };
}

/** States and parameters of all replicas. */
async function bitsOf(sim: Simulator): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  for (const name of ["hidden", "output"]) {
    for (const quantity of ["potential", "rate", "error", "lowPassedError", "bias", "tauM"] as const) {
      parts.push(await sim.read(quantity, name));
    }
  }
  for (const { from, to } of tiny.projections) parts.push(await sim.read("weight", { from, to }));
  return Float32Array.from(parts.flatMap((part) => [...part]));
}
