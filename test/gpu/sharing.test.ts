/** Several simulators on a device of the host, and steps in an encoder of the host. */

import { describe, expect, it } from "vitest";
import { createSimulator, type Simulator } from "../../src/index.ts";
import { contentsOf, expectSameBits, metricsOf, numbers, tiny, tinyData } from "./networks.ts";
import { useDevice } from "./shared-device.ts";

const device = useDevice();
const steps = 100;

const make = (seed: number, batch = 1): Promise<Simulator> => createSimulator(tiny, { device: device(), seed, batch });

/** Puts 100 frames of input and target into the buffers. */
function load(sim: Simulator, batch = 1): void {
  const { input, target } = tinyData(steps, batch);
  sim.write("input", "input", input);
  sim.write("target", "output", target);
}

async function alone(seed: number, batch = 1): Promise<Float32Array> {
  using sim = await make(seed, batch);
  await metricsOf(sim, { steps, ...tinyData(steps, batch) });
  return await contentsOf(sim);
}

function encode(sims: readonly Simulator[], counts: readonly number[]): void {
  const encoder = device().createCommandEncoder();
  for (const count of counts) {
    for (const sim of sims) sim.encode(encoder, { steps: count });
  }
  device().queue.submit([encoder.finish()]);
}

describe("two simulators on one device", () => {
  it("each run as if they were alone, at the same time", async () => {
    using first = await make(1);
    using second = await make(2);
    await Promise.all(
      [first, second].map((sim) => metricsOf(sim, { steps, ...tinyData(steps), chunkMilliseconds: 0.1 })),
    );
    expectSameBits(await contentsOf(first), await alone(1));
    expectSameBits(await contentsOf(second), await alone(2));
  });

  it("each run as if they were alone, in one encoder", async () => {
    using first = await make(1);
    using second = await make(2);
    for (const sim of [first, second]) load(sim);
    encode([first, second], [30, 70]);
    expectSameBits(await contentsOf(first), await alone(1));
    expectSameBits(await contentsOf(second), await alone(2));
  });

  it("do not end with each other", async () => {
    const first = await make(1);
    using second = await make(2);
    await metricsOf(first, { steps: 3, ...tinyData(3) });
    first.destroy();
    await metricsOf(second, { steps, ...tinyData(steps) });
    expectSameBits(await contentsOf(second), await alone(2));
  });
});

describe("a borrowed device", () => {
  it("computes when its guest is gone", async () => {
    const guest = await make(1);
    expect(guest.device).toBe(device());
    await metricsOf(guest, { steps: 5, ...tinyData(5) });
    guest.destroy();
    const code = `
      @group(0) @binding(0) var<storage, read_write> value: array<u32>;
      @compute @workgroup_size(1, 1, 1) fn answer() { value[0] = 42u; }`;
    const value = device().createBuffer({ size: 4, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
    const copy = device().createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const layout = device().createBindGroupLayout({
      entries: [{ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: "storage" } }],
    });
    const pipeline = device().createComputePipeline({
      layout: device().createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: device().createShaderModule({ code }) },
    });
    const encoder = device().createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device().createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer: value } }] }));
    pass.dispatchWorkgroups(1);
    pass.end();
    encoder.copyBufferToBuffer(value, 0, copy, 0, 4);
    device().queue.submit([encoder.finish()]);
    await copy.mapAsync(GPUMapMode.READ);
    expect(new Uint32Array(copy.getMappedRange())[0]).toBe(42);
    for (const buffer of [value, copy]) buffer.destroy();
  });
});

describe("steps in the host's encoder", () => {
  it.each([1, 4])("are those of a run, however they are divided, batch %i", async (batch) => {
    const expected = await alone(3, batch);
    for (const counts of [[100], [1, 7, 32, 60]]) {
      using sim = await make(3, batch);
      load(sim, batch);
      encode([sim], counts);
      expect(sim.step).toBe(100);
      expectSameBits(await contentsOf(sim), expected);
    }
  });

  it("may be submitted one by one, and go on where a run ended", async () => {
    using sim = await make(3);
    load(sim);
    await metricsOf(sim, { steps: 40 });
    for (const count of [1, 9, 50]) encode([sim], [count]);
    expectSameBits(await contentsOf(sim), await alone(3));
  });

  it("leave the parameters alone if they are told to", async () => {
    using sim = await make(3);
    load(sim);
    const before = await sim.read("weight", { from: "input", to: "hidden" });
    const encoder = device().createCommandEncoder();
    sim.encode(encoder, { steps: 10, learn: false });
    device().queue.submit([encoder.finish()]);
    expectSameBits(await sim.read("weight", { from: "input", to: "hidden" }), before);
    expect((await sim.read("potential", "output")).some((value) => value !== 0)).toBe(true);
  });

  it("start over at the end of the frames", async () => {
    using sim = await make(3);
    const input = numbers(3 * 5);
    sim.write("input", "input", input);
    for (const frame of [0, 1, 2, 0, 1]) {
      encode([sim], [1]);
      expect(await sim.read("rate", "input")).toEqual(input.slice(frame * 5, frame * 5 + 5));
    }
    // Frames that are written start at the step that comes next.
    sim.write("input", "input", input);
    encode([sim], [1]);
    expect(await sim.read("rate", "input")).toEqual(input.slice(0, 5));
  });

  it("show a run that follows nothing of their cost", async () => {
    using sim = await make(3);
    using other = await make(3);
    for (const each of [sim, other]) load(each);
    encode([sim], [40]);
    await metricsOf(other, { steps: 40 });
    const [after, expected] = [await metricsOf(sim, { steps: 60 }), await metricsOf(other, { steps: 60 })];
    expect(after.map(({ loss, step, steps }) => [loss, step, steps])).toEqual(
      expected.map(({ loss, step, steps }) => [loss, step, steps]),
    );
  });
});
