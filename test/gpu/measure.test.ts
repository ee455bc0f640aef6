/** Figures, requirements, and the simulator's buffers in kernels of a host. */

import { describe, expect, it } from "vitest";
import { createSimulator, measure, requirements, type LearningSpec } from "../../src/index.ts";
import { tunings } from "../../src/layout.ts";
import { requestTestDevice, withDevice } from "./device.ts";
import { metricsOf, numbers, tiny, tinyData } from "./networks.ts";
import { useDevice } from "./shared-device.ts";
import { readBuffer } from "./twin.ts";
import { rejection, withMembers } from "./watched.ts";

const device = useDevice();

describe("measure", () => {
  it("gives finite figures that fit each other", async () => {
    using sim = await createSimulator(tiny, { device: device(), batch: 2 });
    const figures = await measure(sim, { steps: 50, repeats: 5, ...tinyData(10, 2) });
    const { stepsPerSecond, samples, synapticUpdatesPerSecond, neuronUpdatesPerSecond } = figures;
    expect(samples).toHaveLength(5);
    for (const sample of samples) expect(sample > 0 && Number.isFinite(sample)).toBe(true);
    const sorted = samples.toSorted((a, b) => a - b);
    expect(stepsPerSecond.median).toBe(sorted[2]);
    expect(stepsPerSecond.min).toBe(sorted[0]);
    expect(stepsPerSecond.mad).toBeLessThanOrEqual((sorted[4] ?? NaN) - (sorted[0] ?? NaN));
    // 5 x 6 + 6 x 3 synapses, which two batch rows share, and 9 neurons in each.
    expect(synapticUpdatesPerSecond).toBeCloseTo(stepsPerSecond.median * 48, 3);
    expect(neuronUpdatesPerSecond).toBeCloseTo(stepsPerSecond.median * 9 * 2, 3);
    // One sample more is run first.
    expect(sim.step).toBe(6 * 50);
  });

  it("refuses what cannot be measured", async () => {
    using sim = await createSimulator(tiny, { device: device() });
    for (const repeats of [0, -1, 1.5, NaN]) {
      expect(await rejection(measure(sim, { steps: 5, repeats }))).toMatchObject({ code: "DATA_INVALID" });
    }
    expect(await rejection(measure(sim, { steps: 0 }))).toMatchObject({ code: "DATA_INVALID" });
  });
});

describe("metrics", () => {
  it("count steps, seconds and losses of what they cover", async () => {
    using sim = await createSimulator(tiny, { device: device() });
    const started = performance.now();
    const all = await metricsOf(sim, { steps: 25, every: 10, ...tinyData(25) });
    const seconds = (performance.now() - started) / 1000;
    expect(all.map(({ step, steps }) => [step, steps])).toEqual([
      [10, 10],
      [20, 10],
      [25, 5],
    ]);
    for (const { steps, seconds, stepsPerSecond, loss } of all) {
      expect(stepsPerSecond).toBeCloseTo(steps / seconds, 6);
      expect(loss).toBeGreaterThan(0);
    }
    expect(all.reduce((sum, metrics) => sum + metrics.seconds, 0)).toBeLessThanOrEqual(seconds);
  });

  it("have as mean loss that of all the steps", async () => {
    using one = await createSimulator(tiny, { device: device() });
    using many = await createSimulator(tiny, { device: device() });
    const steps = 1500;
    const [whole] = await metricsOf(one, { steps, ...tinyData(50) });
    const parts = await metricsOf(many, { steps, every: 70, ...tinyData(50) });
    const mean = parts.reduce((sum, metrics) => sum + metrics.loss * metrics.steps, 0) / steps;
    // f32 sums of at most 1024 positive costs: some ten roundings of 6e-8.
    expect(Math.abs((whole?.loss ?? NaN) - mean) / mean).toBeLessThan(1e-5);
  });
});

describe("requirements", () => {
  it("count the dispatches of a step", () => {
    const dispatchesOf = (batch: number): number => requirements(tiny, { batch, fuseSteps: false }).dispatchesPerStep;
    expect([dispatchesOf(1), dispatchesOf(16), dispatchesOf(17)]).toEqual([2, 2, 3]);
  });

  const windows: LearningSpec = { errors: "adjoint", window: 5 };
  it.each([
    ["by several kernels", { fuseSteps: false }],
    ["in one workgroup", { fuseSteps: true }],
    ["with matched traces", { fuseSteps: false, learning: { traces: "matched" } }],
    ["with windows", { fuseSteps: false, learning: windows }],
    ["with windows in segments", { fuseSteps: false, learning: { ...windows, window: 50 }, trajectoryBytes: 19_000 }],
  ] as const)("are those of the plan, and count every byte of the device that will be used, %s", async (_, rule) => {
    const record = [{ population: "output", quantity: "rate" }] as const;
    const options = { batch: 3, record, tuning: tunings.cpu, ...rule } as const;
    const { requiredFeatures, requiredLimits, bytes } = requirements(tiny, options);
    expect(requiredFeatures).toEqual([]);
    const sizes: number[] = [];
    const counting = withMembers(device(), {
      createBuffer: (descriptor: GPUBufferDescriptor) => {
        sizes.push(descriptor.size);
        return device().createBuffer(descriptor);
      },
    });
    using sim = await createSimulator(tiny, { device: counting, ...options });
    expect(sim.plan.segments?.count ?? 1).toBe("trajectoryBytes" in rule ? 2 : 1);
    const steps = sim.plan.learning.window;
    await metricsOf(sim, { steps, ...tinyData(steps, 3) });
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(bytes);
    const largest = Math.max(...sim.plan.buffers.map((buffer) => buffer.bytes));
    expect(requiredLimits).toEqual({
      maxBufferSize: largest,
      maxStorageBufferBindingSize: largest,
      maxComputeWorkgroupsPerDimension: 65535,
      maxComputeWorkgroupStorageSize: 16384,
    });
  });

  it("asked of a device give one that takes the network", async () => {
    const { requiredFeatures, requiredLimits } = requirements(tiny);
    await withDevice(
      async (device) => {
        using sim = await createSimulator(tiny, { device });
        await metricsOf(sim, { steps: 1, ...tinyData(1) });
      },
      { requiredFeatures, requiredLimits: { ...requiredLimits } },
    );
    // Neither more features nor higher limits than every device has.
    const device = await requestTestDevice();
    expect(requiredLimits.maxBufferSize).toBeLessThan(device.limits.maxBufferSize);
    device.destroy();
  });
});

describe("buffer", () => {
  /** Copies what is bound, quad by quad, twice as large. */
  const code = `
    @group(0) @binding(0) var<storage, read> given: array<vec4f>;
    @group(0) @binding(1) var<storage, read_write> doubled: array<vec4f>;
    @compute @workgroup_size(64, 1, 1) fn double(@builtin(global_invocation_id) id: vec3u) {
      if (id.x < arrayLength(&given)) { doubled[id.x] = 2.0 * given[id.x]; }
    }`;

  async function doubled(view: { buffer: GPUBuffer; offset: number; size: number }): Promise<Float32Array> {
    const result = device().createBuffer({
      size: view.size,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
    });
    const layout = device().createBindGroupLayout({
      entries: [
        { binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: "read-only-storage" } },
        { binding: 1, visibility: GPUShaderStage.COMPUTE, buffer: { type: "storage" } },
      ],
    });
    const pipeline = device().createComputePipeline({
      layout: device().createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: device().createShaderModule({ code }) },
    });
    const { buffer, offset, size } = view;
    const entries = [
      { binding: 0, resource: { buffer, offset, size } },
      { binding: 1, resource: { buffer: result } },
    ];
    const encoder = device().createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device().createBindGroup({ layout, entries }));
    pass.dispatchWorkgroups(Math.ceil(size / 16 / 64));
    pass.end();
    device().queue.submit([encoder.finish()]);
    const values = await readBuffer(device(), result, 0, size);
    result.destroy();
    return values;
  }

  it.each([
    ["rate", "hidden", 6, "f32[batch=4][neurons=6, padded to 8]"],
    ["potential", "output", 3, "f32[batch=4][neurons=3, padded to 4]"],
    ["rate", "input", 5, "f32[batch=4][neurons=5, padded to 8]"],
  ] as const)("of %s of %s is bound by a kernel of the host", async (quantity, name, size, layout) => {
    using sim = await createSimulator(tiny, { device: device(), batch: 4 });
    await metricsOf(sim, { steps: 20, ...tinyData(20, 4) });
    const view = sim.buffer(quantity, name);
    expect(view.layout).toBe(layout);
    const pitch = Math.ceil(size / 4) * 4;
    expect(view.size).toBe(4 * pitch * 4);
    const values = (await doubled(view)).filter((_, i) => i % pitch < size);
    expect(values).toEqual((await sim.read(quantity, name)).map((value) => 2 * value));
  });

  it("of weights, biases and moments is bound likewise", async () => {
    using sim = await createSimulator(tiny, { device: device() });
    await metricsOf(sim, { steps: 20, ...tinyData(20) });
    const between = { from: "hidden", to: "output" };
    for (const quantity of ["weight", "firstMoment", "secondMoment"] as const) {
      const view = sim.buffer(quantity, between);
      expect(view.layout).toBe("f32[post=3][pre=6, padded to 8]");
      const values = (await doubled(view)).filter((_, i) => i % 8 < 6);
      expect(values).toEqual((await sim.read(quantity, between)).map((value) => 2 * value));
    }
    const bias = sim.buffer("bias", "hidden");
    expect(bias.layout).toBe("f32[neurons=6, padded to 8]");
    expect((await doubled(bias)).slice(0, 6)).toEqual((await sim.read("bias", "hidden")).map((value) => 2 * value));
  });

  it("of the input takes frames that a kernel of the host wrote", async () => {
    using sim = await createSimulator(tiny, { device: device() });
    const source = device().createBuffer({
      size: 32,
      usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST | GPUBufferUsage.STORAGE,
    });
    const frame = numbers(5);
    device().queue.writeBuffer(source, 0, Float32Array.from([...frame, 0, 0, 0]));
    const view = sim.buffer("input", "input");
    const encoder = device().createCommandEncoder();
    encoder.copyBufferToBuffer(source, 0, view.buffer, view.offset, 32);
    sim.encode(encoder, { steps: 1 });
    device().queue.submit([encoder.finish()]);
    expect(await sim.read("rate", "input")).toEqual(frame);
    source.destroy();
  });
});

describe("read and write", () => {
  it("give back every quantity bit for bit, from a part of a buffer too", async () => {
    using sim = await createSimulator(tiny, { device: device(), batch: 3 });
    const part = (count: number): Float32Array => numbers(count + 2).subarray(1, count + 1);
    for (const quantity of ["potential", "rate", "slope", "error", "lowPassedError"] as const) {
      sim.write(quantity, "hidden", part(18));
      expect(await sim.read(quantity, "hidden")).toEqual(part(18));
    }
    sim.write("bias", "hidden", part(6));
    sim.write("firstMoment", "hidden", part(6));
    for (const quantity of ["bias", "firstMoment"] as const)
      expect(await sim.read(quantity, "hidden")).toEqual(part(6));
    for (const quantity of ["weight", "firstMoment", "secondMoment"] as const) {
      sim.write(quantity, { from: "input", to: "hidden" }, part(30));
      expect(await sim.read(quantity, { from: "input", to: "hidden" })).toEqual(part(30));
    }
    // Nobody else was touched.
    expect(await sim.read("potential", "output")).toEqual(new Float32Array(9));
  });

  it("of several at once do not disturb each other", async () => {
    using sim = await createSimulator(tiny, { device: device() });
    sim.write("potential", "hidden", numbers(6, 1));
    sim.write("error", "output", numbers(3, 2));
    const [potential, error] = await Promise.all([sim.read("potential", "hidden"), sim.read("error", "output")]);
    expect(potential).toEqual(numbers(6, 1));
    expect(error).toEqual(numbers(3, 2));
  });
});
