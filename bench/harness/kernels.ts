/** The bench's own kernels, which measure what a device can do at best. */

import copy from "../shaders/copy.wgsl?raw";
import inPlace from "../shaders/in_place.wgsl?raw";
import multiplyAdd from "../shaders/multiply_add.wgsl?raw";
import sumUp from "../shaders/sum_up.wgsl?raw";
import tick from "../shaders/tick.wgsl?raw";

interface Source {
  readonly code: string;
  readonly bindings: readonly GPUBufferBindingType[];
}

const sources = {
  copy: { code: copy, bindings: ["read-only-storage", "storage"] },
  in_place: { code: inPlace, bindings: ["uniform", "storage"] },
  sum_up: { code: sumUp, bindings: ["read-only-storage", "storage"] },
  multiply_add: { code: multiplyAdd, bindings: ["uniform", "storage"] },
  tick: { code: tick, bindings: ["storage"] },
} as const satisfies Readonly<Record<string, Source>>;

export type BenchKernelName = keyof typeof sources;

export interface BenchKernel {
  readonly name: BenchKernelName;
  /** Binds buffers, in the order of the shader. */
  bind(buffers: readonly GPUBufferBinding[]): GPUBindGroup;
  /** Encodes dispatches of `workgroups` each, one after the other. */
  encode(pass: GPUComputePassEncoder, group: GPUBindGroup, workgroups: number, times?: number): void;
}

export async function compileKernel(
  device: GPUDevice,
  name: BenchKernelName,
  constants: Readonly<Record<string, number>> = {},
): Promise<BenchKernel> {
  const { code, bindings }: Source = sources[name];
  const label = `bench/${name}`;
  const layout = device.createBindGroupLayout({
    label,
    entries: bindings.map((type, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } })),
  });
  const pipeline = await device.createComputePipelineAsync({
    label,
    layout: device.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
    compute: { module: device.createShaderModule({ label, code }), entryPoint: name, constants },
  });
  return {
    name,
    bind: (buffers) => {
      const entries = buffers.map((resource, binding) => ({ binding, resource }));
      return device.createBindGroup({ label, layout, entries });
    },
    encode(pass, group, workgroups, times = 1) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      for (let time = 0; time < times; time++) pass.dispatchWorkgroups(workgroups);
    },
  };
}

/** Submits one pass. */
export function submitPass(device: GPUDevice, encode: (pass: GPUComputePassEncoder) => void): void {
  const encoder = device.createCommandEncoder({ label: "bench" });
  const pass = encoder.beginComputePass({ label: "bench" });
  encode(pass);
  pass.end();
  device.queue.submit([encoder.finish()]);
}

/** Copies `size` bytes to the host, after all work submitted so far. */
export async function readBytes(
  device: GPUDevice,
  buffer: GPUBuffer,
  offset: number,
  size: number,
): Promise<ArrayBuffer> {
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = device.createBuffer({ label: "bench/staging", size, usage });
  try {
    const encoder = device.createCommandEncoder({ label: "bench/read" });
    encoder.copyBufferToBuffer(buffer, offset, staging, 0, size);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    return staging.getMappedRange().slice(0);
  } finally {
    staging.destroy();
  }
}

/** A uniform of four values; the caller destroys it. */
export function uniformOf(device: GPUDevice, values: readonly number[]): GPUBuffer {
  const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ label: "bench/uniform", size: 16, usage });
  device.queue.writeBuffer(buffer, 0, Float32Array.from(values));
  return buffer;
}
