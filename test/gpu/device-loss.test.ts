/** Finding a device, and losing it. Each test has devices of its own. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { createSimulator, layered, type Simulator } from "../../src/index.ts";
import { testGpu, withDevice } from "./device.ts";
import { metricsOf, numbers, tiny, tinyData } from "./networks.ts";
import { gpuThat, rejection, requestWatchedDevice, withMembers } from "./watched.ts";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const nothing = async (): Promise<null> => null;

/** An adapter of this machine with some of its members replaced. */
async function adapterWith(members: Partial<Record<keyof GPUAdapter, unknown>>): Promise<GPUAdapter> {
  const adapter = await testGpu.requestAdapter();
  if (adapter === null) throw new Error("There is no adapter.");
  return withMembers(adapter, members);
}

describe("without WebGPU", () => {
  it("says what to use instead", async () => {
    vi.stubGlobal("navigator", {});
    const error = await rejection(createSimulator(tiny));
    expect(error).toMatchObject({ code: "WEBGPU_UNAVAILABLE" });
    expect((error as Error).message).toContain("Use Chrome or Edge");
  });

  it("says that a page needs https", async () => {
    vi.stubGlobal("navigator", undefined);
    vi.stubGlobal("isSecureContext", false);
    const error = await rejection(createSimulator(tiny));
    expect(error).toMatchObject({ code: "WEBGPU_UNAVAILABLE", details: { secureContext: false } });
    expect((error as Error).message).toContain("https");
  });
});

describe("an adapter", () => {
  it("that comes late is waited for", async () => {
    const { gpu, requests } = gpuThat(nothing, nothing);
    using sim = await createSimulator(tiny, { gpu });
    expect(requests()).toBe(3);
    await metricsOf(sim, { steps: 1, ...tinyData(1) });
  });

  it("that never comes is NO_ADAPTER, and is asked for anew the next time", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const { gpu, requests } = gpuThat(nothing, nothing, nothing, nothing);
    const error = rejection(createSimulator(tiny, { gpu }));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await error).toMatchObject({ code: "NO_ADAPTER", details: { tries: 4 } });
    vi.useRealTimers();
    using sim = await createSimulator(tiny, { gpu });
    expect([requests(), sim.step]).toEqual([5, 0]);
  });

  it("is not waited for when the signal is aborted", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const { gpu, requests } = gpuThat(nothing, nothing, nothing, nothing);
    const error = rejection(createSimulator(tiny, { gpu, signal: controller.signal }));
    controller.abort(reason);
    expect(await error).toBe(reason);
    expect(requests()).toBe(1);
  });

  it("that gives no device is NO_ADAPTER with its cause", async () => {
    const cause = new Error("lost between the two");
    const adapter = await adapterWith({ requestDevice: async () => Promise.reject(cause) });
    const { gpu } = gpuThat(async () => adapter);
    const error = await rejection(createSimulator(tiny, { gpu }));
    expect(error).toMatchObject({ code: "NO_ADAPTER", cause });
  });

  it("that is too small is LIMIT_EXCEEDED, before a device is asked for", async () => {
    const requestDevice = vi.fn();
    const limits = {
      maxBufferSize: 2 ** 28,
      maxStorageBufferBindingSize: 2048,
      maxComputeWorkgroupsPerDimension: 65535,
    };
    const adapter = await adapterWith({ limits, requestDevice });
    const { gpu } = gpuThat(async () => adapter);
    const error = await rejection(createSimulator(tiny, { gpu, frameBytes: 4096 }));
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", details: { limit: 2048 } });
    expect(requestDevice).not.toHaveBeenCalled();
  });

  it("is asked for the limits that a network needs beyond the usual ones, and for no more", async () => {
    const descriptors: GPUDeviceDescriptor[] = [];
    const limits = {
      maxBufferSize: 2 ** 32,
      maxStorageBufferBindingSize: 2 ** 32,
      maxComputeWorkgroupsPerDimension: 65535,
    };
    const requestDevice = async (descriptor: GPUDeviceDescriptor) => {
      descriptors.push(descriptor);
      return Promise.reject(new Error("seen"));
    };
    const adapter = await adapterWith({ limits, requestDevice });
    const ask = async (size: number): Promise<unknown> => {
      const neurons = { size, tauM: 1, tauR: 1, activation: "linear" } as const;
      const { gpu } = gpuThat(async () => adapter);
      await rejection(createSimulator(layered({ dt: 1, input: 6000, hidden: [], output: neurons }), { gpu }));
      return descriptors.pop()?.requiredLimits;
    };
    expect(await ask(1000)).toEqual({});
    // 144 MB: more than the usual binding of 128 MiB, less than the usual buffer of 256 MiB.
    expect(await ask(6000)).toEqual({ maxStorageBufferBindingSize: expect.closeTo(6000 * 6000 * 4, -6) as number });
    const both = (await ask(12000)) as Record<string, number>;
    expect(both["maxBufferSize"]).toBe(both["maxStorageBufferBindingSize"]);
    expect(both["maxBufferSize"]).toBeGreaterThanOrEqual(12000 * 6000 * 4);
  });
});

describe("a device of its own", () => {
  it("has the simulator's label, tells what it is, and ends with it", async () => {
    const sim = await createSimulator(tiny, { gpu: testGpu, label: "mine" });
    expect(sim.device.label).toBe("mine");
    expect(typeof sim.adapter.software).toBe("boolean");
    expect(`${sim.adapter.vendor}${sim.adapter.architecture}${sim.adapter.description}`).not.toBe("");
    const { device } = sim;
    sim.destroy();
    expect(await device.lost).toMatchObject({ reason: "destroyed" });
  });

  it("ends with a creation that is aborted", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const made: GPUDevice[] = [];
    const real = await testGpu.requestAdapter();
    const adapter = await adapterWith({
      requestDevice: async (descriptor?: GPUDeviceDescriptor) => {
        const device = await real?.requestDevice(descriptor);
        if (device !== undefined) made.push(device);
        controller.abort(reason);
        return device;
      },
    });
    const { gpu } = gpuThat(async () => adapter);
    expect(await rejection(createSimulator(tiny, { gpu, signal: controller.signal }))).toBe(reason);
    expect(await made[0]?.lost).toMatchObject({ reason: "destroyed" });
  });

  it("or one of the host is left as it was by a creation that is aborted while it compiles", async () => {
    await withDevice(async (device) => {
      const reason = new Error("enough");
      const controller = new AbortController();
      const making = rejection(createSimulator(tiny, { device, signal: controller.signal }));
      await new Promise((resolve) => setImmediate(resolve));
      controller.abort(reason);
      expect(await making).toBe(reason);
    });
  });

  it("that is destroyed with its simulator in the middle of a run ends it as DISPOSED", async () => {
    for (const when of [10, 40]) {
      const sim = await createSimulator(tiny, { gpu: testGpu });
      const run = async () => {
        for await (const { step } of sim.run({ steps: 500, every: 10, ...tinyData(10) }))
          if (step === when) sim.destroy();
      };
      expect(await rejection(run())).toMatchObject({ code: "DISPOSED" });
    }
  });
});

describe("a device that is lost", () => {
  /** Every call says so, and none is waited for in vain. */
  async function expectLost(sim: Simulator): Promise<void> {
    const lost = { code: "DEVICE_LOST", details: { reason: "destroyed" } };
    expect(await rejection(metricsOf(sim, { steps: 1, ...tinyData(1) }))).toMatchObject(lost);
    expect(await rejection(sim.read("rate", "hidden"))).toMatchObject(lost);
    expect(() => sim.write("rate", "hidden", numbers(6))).toThrow("The GPU device was destroyed.");
    expect(() => sim.buffer("rate", "hidden")).toThrow("The GPU device was destroyed.");
    expect(() => sim.reset()).toThrow("The GPU device was destroyed.");
    expect(() => sim.setFrames({ input: 1 })).toThrow("The GPU device was destroyed.");
    sim.destroy();
    sim.destroy();
    expect(await rejection(sim.read("rate", "hidden"))).toMatchObject({ code: "DISPOSED" });
  }

  const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  /** When the host destroys its device, beside a run that goes on. */
  const phases: Readonly<Record<string, (device: GPUDevice, sim: Simulator) => Promise<void>>> = {
    "before the first chunk": async (device) => device.destroy(),
    "a tick later": async (device) => tick().then(() => device.destroy()),
    "while chunks are in flight": async (device, sim) => {
      while (sim.step < 50) await tick();
      device.destroy();
    },
    "between two chunks": async (device, sim) => {
      while (sim.step < 50) await tick();
      await device.queue.onSubmittedWorkDone();
      device.destroy();
    },
  };

  it.each(Object.keys(phases))("%s ends the run as DEVICE_LOST", async (phase) => {
    const { device, errors } = await requestWatchedDevice();
    const sim = await createSimulator(tiny, { device });
    const run = rejection(metricsOf(sim, { steps: 100_000, every: 1000, ...tinyData(10) }));
    await phases[phase]?.(device, sim);
    expect(await run).toMatchObject({ code: "DEVICE_LOST" });
    await expectLost(sim);
    expect(errors).toEqual([]);
  });

  it("while nothing runs is told by the next call", async () => {
    const { device, errors } = await requestWatchedDevice();
    const sim = await createSimulator(tiny, { device });
    device.destroy();
    await device.lost;
    await expectLost(sim);
    expect(errors).toEqual([]);
  });

  it("in the middle of a read is DEVICE_LOST", async () => {
    const { device, errors } = await requestWatchedDevice();
    const sim = await createSimulator(tiny, { device });
    const reading = rejection(sim.read("weight", { from: "input", to: "hidden" }));
    device.destroy();
    expect(await reading).toMatchObject({ code: "DEVICE_LOST" });
    await expectLost(sim);
    expect(errors).toEqual([]);
  });

  it("while a simulator is made is DEVICE_LOST", async () => {
    const { device, errors } = await requestWatchedDevice();
    const making = rejection(createSimulator(tiny, { device }));
    device.destroy();
    expect(await making).toMatchObject({ code: "DEVICE_LOST" });
    expect(errors).toEqual([]);
  });

  it("before a simulator is made is DEVICE_LOST", async () => {
    const { device, errors } = await requestWatchedDevice();
    device.destroy();
    await device.lost;
    expect(await rejection(createSimulator(tiny, { device }))).toMatchObject({ code: "DEVICE_LOST" });
    expect(errors).toEqual([]);
  });
});
