/** Counts what is asked of a device. */

const making = [
  "createBuffer",
  "createBindGroup",
  "createBindGroupLayout",
  "createPipelineLayout",
  "createShaderModule",
  "createComputePipeline",
  "createComputePipelineAsync",
  "createQuerySet",
  "createTexture",
] as const;

export interface Calls {
  /** Buffers, bind groups, pipelines and the like that were made. */
  made: number;
  submits: number;
  writes: number;
  passes: number;
  dispatches: number;
  copies: number;
}

/** Counts the calls during `use`; the device is as before when it ends. */
export async function callsDuring(device: GPUDevice, use: () => Promise<unknown>): Promise<Calls> {
  const calls: Calls = { made: 0, submits: 0, writes: 0, passes: 0, dispatches: 0, copies: 0 };
  const undo: (() => void)[] = [];
  /** Calls `seen` with the result of every call of `object[name]`. */
  const watch = <T extends object>(object: T, name: keyof T, seen: (result: unknown) => void): void => {
    const method = object[name];
    if (typeof method !== "function") throw new Error(`${String(name)} is no method.`);
    const watched = (...values: unknown[]): unknown => {
      const result: unknown = Reflect.apply(method, object, values);
      seen(result);
      return result;
    };
    // It hides the method of the prototype until it is deleted.
    Object.defineProperty(object, name, { value: watched, configurable: true, writable: true });
    undo.push(() => Reflect.deleteProperty(object, name));
  };
  for (const name of making) watch(device, name, () => (calls.made += 1));
  watch(device.queue, "submit", () => (calls.submits += 1));
  watch(device.queue, "writeBuffer", () => (calls.writes += 1));
  watch(device, "createCommandEncoder", (encoder) => {
    watch(encoder as GPUCommandEncoder, "copyBufferToBuffer", () => (calls.copies += 1));
    watch(encoder as GPUCommandEncoder, "beginComputePass", (pass) => {
      calls.passes += 1;
      watch(pass as GPUComputePassEncoder, "dispatchWorkgroups", () => (calls.dispatches += 1));
    });
  });
  try {
    await use();
  } finally {
    for (const each of undo) each();
  }
  return calls;
}
