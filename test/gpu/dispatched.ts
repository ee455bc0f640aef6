/** What a device is really asked to compute: a plan also has programs that a run does not take. */

import type { KernelName } from "../../src/kernels.ts";

/** A kernel as it was dispatched: its overrides, and the numbers of workgroups, each once. */
export interface Dispatched {
  readonly constants: Readonly<Record<string, number>>;
  readonly workgroups: readonly number[];
}
export type Kernels = ReadonlyMap<KernelName, Dispatched>;

export interface KernelWatch {
  /** The kernels that were dispatched since the last call. */
  take(): Kernels;
}

type Stage = Pick<GPUProgrammableStage, "entryPoint" | "constants">;

/** Watches what is made and encoded on `device` from now on. */
export function watchKernels(device: GPUDevice): KernelWatch {
  const stages = new Map<GPUComputePipeline, Stage>();
  let seen = new Map<KernelName, Dispatched>();
  const compile = device.createComputePipelineAsync.bind(device);
  device.createComputePipelineAsync = async (descriptor) => {
    const pipeline = await compile(descriptor);
    stages.set(pipeline, descriptor.compute);
    return pipeline;
  };
  const note = (pipeline: GPUComputePipeline | undefined, workgroups: number): void => {
    const { entryPoint, constants = {} } = (pipeline && stages.get(pipeline)) ?? {};
    if (entryPoint === undefined) throw new Error("A dispatch has a pipeline that was not compiled under this watch.");
    const kernel = entryPoint as KernelName;
    const before = seen.get(kernel);
    const all = [...new Set([...(before?.workgroups ?? []), workgroups])].sort((a, b) => a - b);
    seen.set(kernel, { constants: { ...before?.constants, ...constants }, workgroups: all });
  };
  const createEncoder = device.createCommandEncoder.bind(device);
  device.createCommandEncoder = (descriptor) => {
    const encoder = createEncoder(descriptor);
    const begin = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = (pass) => watched(begin(pass), note);
    return encoder;
  };
  return {
    take() {
      const taken = seen;
      seen = new Map();
      return taken;
    },
  };
}

function watched(
  pass: GPUComputePassEncoder,
  note: (pipeline: GPUComputePipeline | undefined, workgroups: number) => void,
): GPUComputePassEncoder {
  let current: GPUComputePipeline | undefined;
  const setPipeline = pass.setPipeline.bind(pass);
  const dispatch = pass.dispatchWorkgroups.bind(pass);
  pass.setPipeline = (pipeline) => {
    current = pipeline;
    setPipeline(pipeline);
  };
  pass.dispatchWorkgroups = (x, y = 1, z = 1) => {
    note(current, x * y * z);
    dispatch(x, y, z);
  };
  return pass;
}
