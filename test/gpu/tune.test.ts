/** The choice among ways of cutting the work, by trying them. */

import { describe, expect, it } from "vitest";
import { targetOf } from "../../src/device.ts";
import { createSimulator, tune, tunings, type Simulator, type Tuned, type TuningChoice } from "../../src/index.ts";
import { tuningFor } from "../../src/layout.ts";
import { gpuThat, rejection, withMembers } from "./watched.ts";
import { metricsOf, tiny, tinyData } from "./networks.ts";
import { useDevice } from "./shared-device.ts";
import { testGpu } from "./device.ts";

const device = useDevice();

/** What is chosen over the default is so much faster. */
const leastGain = 1.05;

describe("tune", () => {
  it("takes the fastest of what it tried, and keeps it by adapter, network and batch", async () => {
    const store = new Map<string, TuningChoice>();
    using standard = await createSimulator(tiny, { device: device(), fuseSteps: false });
    const { tuning } = standard.plan;
    expect(tuning).toEqual(tuningFor(targetOf(device(), device().adapterInfo)));
    const options = { device: device(), fuseSteps: false, milliseconds: 60_000, store } as const;
    const tuned = await tune(tiny, options);
    expect(tuned.isStored).toBe(false);
    expect(tuned.untried).toEqual([]);
    expect(tuned.variants.map(({ name }) => name)).toEqual([
      "default",
      ...(tuning.columnQuads === 1 ? ["4 quads of columns"] : []),
      tuning.sharedCurrents ? "currents apart" : "currents behind a barrier",
      // No tile of so few neurons is taller than 16 rows.
      ...(tuning.columnQuads === 1 ? [] : ["1 quad of columns"]),
      "products and update apart",
    ]);
    expect(tuned.variants[0]?.tuning).toEqual(tuning);
    expectFastest(tuned, true);
    const { name, gain } = tuned;
    expect([...store]).toEqual([[tuned.key, { name, gain, tuning: tuned.tuning }]]);
    const again = await tune(tiny, options);
    expect(again).toMatchObject({ name, gain, tuning: tuned.tuning, key: tuned.key, isStored: true, variants: [] });
    using sim = await createSimulator(tiny, { device: device(), tuning: again.tuning });
    expect(sim.plan.tuning).toEqual(tuned.tuning);
  });

  it("tries no more than it has time for, but the default", async () => {
    const tuned = await tune(tiny, { device: device(), fuseSteps: false, batch: 20, milliseconds: 0 });
    expect(tuned.variants.map(({ name }) => name)).toEqual(["default"]);
    // One of them is the default; subgroups may be larger, or not there.
    const wide = ["wide products, 8 rows by 2 quads", "wide products, 16 rows by 1 quad"];
    const shared = ["products shared by 4 of a subgroup, 2 quads", "products shared by 8 of a subgroup, 1 quad"];
    const { subgroupSize } = targetOf(device(), device().adapterInfo);
    const all = ["narrow products", ...wide, ...shared.slice(0, Math.min(subgroupSize / 4, 2))];
    expect(tuned.untried).toHaveLength(all.length - 1);
    expect(all).toEqual(expect.arrayContaining([...tuned.untried]));
  });

  it("tries nothing twice: a network in one workgroup has other variants, one of which is the default", async () => {
    const { networkMemory } = tunings.gpu;
    const tuning = { ...tunings.cpu, networkMemory };
    using inMemory = await createSimulator(tiny, { device: device(), fuseSteps: true, tuning });
    expect(inMemory.plan.workgroupBytes).toBeGreaterThan(0);
    const tuned = await tune(tiny, { device: device(), fuseSteps: true, milliseconds: 60_000 });
    const names = tuned.variants.map(({ name }) => name);
    expect(names).toEqual([
      "default",
      tuned.variants[0]?.tuning.networkOnePass === true
        ? "products and update of the network apart"
        : "network in one pass",
      tuned.variants[0]?.tuning.networkMemory === 0
        ? "network in the memory of its workgroup"
        : "network in its buffers",
      "network on 128 invocations",
      "network on 32 invocations",
    ]);
    expect(tuned.untried).toEqual([]);
  });

  it("leaves fields that are given as they are", async () => {
    const given = { columnQuads: 1, deferredSteps: 1, onePassBatch: 4 } as const;
    const options = { device: device(), fuseSteps: false, milliseconds: 60_000, tuning: given };
    const { variants, key } = await tune(tiny, options);
    const { sharedCurrents } = tuningFor(targetOf(device(), device().adapterInfo));
    expect(variants.map(({ name }) => name)).toEqual([
      "default",
      sharedCurrents ? "currents apart" : "currents behind a barrier",
    ]);
    for (const { tuning } of variants) expect(tuning).toMatchObject(given);
    const all = { ...tunings.cpu, ...given };
    const settled = await tune(tiny, { ...options, tuning: all });
    // There is nothing to choose, so nothing is measured.
    expect(settled).toMatchObject({ name: "default", gain: 1, tuning: all, variants: [], untried: [] });
    expect(settled.key).not.toBe(key);
  });

  it("refuses a time that is none", async () => {
    for (const milliseconds of [-1, NaN]) {
      expect(await rejection(tune(tiny, { device: device(), milliseconds }))).toMatchObject({ code: "DATA_INVALID" });
    }
  });
});

describe("createSimulator with a store", () => {
  const options = { fuseSteps: false, seed: 3 } as const;
  /** So that little is compiled. */
  const oneVariant = { ...options, tuning: { columnQuads: 1, onePassBatch: 4, deferredSteps: 1 } } as const;
  const weightsOf = (sim: Simulator) => sim.read("weight", { from: "hidden", to: "output" });

  it("is as new, and gives the bits of one that was given the chosen tuning", async () => {
    const store = new Map<string, TuningChoice>();
    using sim = await createSimulator(tiny, { ...options, device: device(), tunings: store });
    const tuned = sim.tuned as Tuned;
    expect(tuned.isStored).toBe(false);
    expect([...store.keys()]).toEqual([tuned.key]);
    expect(sim.plan.tuning).toEqual(tuned.tuning);
    expectFastest(tuned, false);
    expect(sim.step).toBe(0);
    using untouched = await createSimulator(tiny, { ...options, device: device() });
    expect(untouched.tuned).toBeNull();
    expect(await weightsOf(sim)).toEqual(await weightsOf(untouched));
    expect(await sim.read("rate", "output")).toEqual(new Float32Array(3));

    using given = await createSimulator(tiny, { ...options, device: device(), tuning: tuned.tuning });
    const run = { ...tinyData(40), steps: 40 };
    const [metrics] = await metricsOf(sim, run);
    expect(metrics?.losses).toEqual((await metricsOf(given, run))[0]?.losses);
    expect(await weightsOf(sim)).toEqual(await weightsOf(given));
    expect(await weightsOf(sim)).not.toEqual(await weightsOf(untouched));
  });

  it("tries nothing where a choice is kept, and measures anew where it is damaged", async () => {
    const store = new Map<string, unknown>();
    const slow = slowed(device(), 12);
    const create = async () => {
      using sim = await createSimulator(tiny, { ...oneVariant, device: slow.device, tunings: store });
      return { tuned: sim.tuned as Tuned, timings: slow.timings() };
    };
    const first = await create();
    // Of the default at the least: once for drivers that compile only now, and three times that count.
    expect(first.timings).toBeGreaterThanOrEqual(4);
    const { key, tuning } = first.tuned;
    const kept = { name: "whatever", gain: 1.5, tuning: { ...tuning, workgroups: 7 } };
    store.set(key, kept);
    const second = await create();
    expect(second.tuned).toMatchObject({ ...kept, isStored: true, variants: [], untried: [] });
    expect(second.timings).toBe(0);
    const partial = { columnQuads: tuning.columnQuads };
    const damaged = [
      { ...kept, tuning: partial },
      { ...kept, tuning: { ...tuning, tileRows: 5000 } },
      // A workgroup has fewer invocations.
      { ...kept, tuning: { ...tuning, sharers: 8, wideWidth: 4 } },
    ];
    for (const entry of damaged) {
      store.set(key, entry);
      const { tuned, timings } = await create();
      expect(tuned.isStored, JSON.stringify(entry)).toBe(false);
      expect(timings).toBeGreaterThanOrEqual(4);
      expect(store.get(key)).toEqual({ name: tuned.name, gain: tuned.gain, tuning: tuned.tuning });
    }
  });

  it("tries no variant of a network one of whose steps takes a great part of the time", async () => {
    const slow = slowed(device(), 80);
    const store = new Map<string, TuningChoice>();
    using sim = await createSimulator(tiny, { ...options, device: slow.device, tunings: store });
    // One that may compile, and one that counts.
    expect(slow.timings()).toBe(2);
    expect(sim.tuned).toMatchObject({ name: "default", gain: 1, variants: [{ name: "default" }] });
    expect(sim.tuned?.untried.length).toBeGreaterThanOrEqual(3);
    // It is kept, so that the next one does not even try the default.
    expect(store.size).toBe(1);
  });

  it("asks for one device, which is destroyed with the simulator, or where the signal aborts", async () => {
    const { gpu, requests } = gpuThat();
    const store = new Map<string, TuningChoice>();
    const sim = await createSimulator(tiny, { ...oneVariant, gpu, tunings: store });
    expect(requests()).toBe(1);
    const own = sim.device;
    sim.destroy();
    expect((await own.lost).reason).toBe("destroyed");

    const stopping = new AbortController();
    const reason = new Error("enough");
    let acquired: GPUDevice | undefined;
    const adapter = await testGpu.requestAdapter();
    const requestDevice = async (descriptor: GPUDeviceDescriptor) => {
      acquired = await (adapter as GPUAdapter).requestDevice(descriptor);
      return slowed(acquired, 1, () => {
        stopping.abort(reason);
      }).device;
    };
    const stopped = gpuThat(() => Promise.resolve(withMembers(adapter as GPUAdapter, { requestDevice })));
    const { signal } = stopping;
    const create = createSimulator(tiny, { ...oneVariant, gpu: stopped.gpu, signal, tunings: new Map() });
    expect(await rejection(create)).toBe(reason);
    expect((await acquired?.lost)?.reason).toBe("destroyed");
  });

  it("refuses what is no store before it looks for a device", async () => {
    for (const tunings of [true, {}, { get: () => undefined }] as never[]) {
      expect(await rejection(createSimulator(tiny, { tunings }))).toMatchObject({
        code: "SPEC_INVALID",
        details: { path: "options.tunings" },
      });
    }
  });
});

/** The default where nothing is faster by far enough to be no noise, or where no time was left to be sure. */
function expectFastest({ name, gain, tuning, variants }: Tuned, hasTime: boolean): void {
  const [standard, ...others] = variants;
  const speed = standard?.stepsPerSecond ?? NaN;
  const fastest = Math.max(...others.map(({ stepsPerSecond }) => stepsPerSecond));
  const best = others.find(({ stepsPerSecond }) => stepsPerSecond === fastest);
  const isFaster = fastest >= speed * leastGain && (hasTime || name !== "default");
  expect(gain).toBe(isFaster ? fastest / speed : 1);
  expect(name).toBe(isFaster ? best?.name : "default");
  expect(tuning).toBe(isFaster ? best?.tuning : standard?.tuning);
}

/** A device on which what is waited for takes so many milliseconds. @param onWait called when it is. */
function slowed(real: GPUDevice, milliseconds: number, onWait = (): void => undefined) {
  let timings = 0;
  const onSubmittedWorkDone = async (): Promise<undefined> => {
    timings += 1;
    onWait();
    await real.queue.onSubmittedWorkDone();
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    return undefined;
  };
  const queue = withMembers(real.queue, { onSubmittedWorkDone });
  return {
    device: withMembers(real, { queue }),
    /** Since the last call. */
    timings: (): number => {
      const count = timings;
      timings = 0;
      return count;
    },
  };
}
