/** Counts what is asked of WebGPU, whoever asks and on whichever device. */

export interface Calls {
  readonly dispatches: number;
  readonly submits: number;
  readonly bindGroups: number;
  readonly bufferWrites: number;
  readonly buffers: number;
}

/** Prototype, method and what it counts as. */
const watched = (): readonly (readonly [object, string, keyof Calls])[] => [
  [GPUComputePassEncoder.prototype, "dispatchWorkgroups", "dispatches"],
  [GPUComputePassEncoder.prototype, "dispatchWorkgroupsIndirect", "dispatches"],
  [GPUQueue.prototype, "submit", "submits"],
  [GPUQueue.prototype, "writeBuffer", "bufferWrites"],
  [GPUDevice.prototype, "createBindGroup", "bindGroups"],
  [GPUDevice.prototype, "createBuffer", "buffers"],
];

/** The calls of each step while `use` does `steps` of them. The prototypes are as before when it resolves. */
export async function callsPerStep(steps: number, use: () => Promise<unknown>): Promise<Calls> {
  const counts = { dispatches: 0, submits: 0, bindGroups: 0, bufferWrites: 0, buffers: 0 };
  const undo = watched().map(([prototype, name, kind]) => watch(prototype, name, () => (counts[kind] += 1)));
  try {
    await use();
  } finally {
    for (const each of undo) each();
  }
  return {
    dispatches: counts.dispatches / steps,
    submits: counts.submits / steps,
    bindGroups: counts.bindGroups / steps,
    bufferWrites: counts.bufferWrites / steps,
    buffers: counts.buffers / steps,
  };
}

function watch(prototype: object, name: string, seen: () => void): () => void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
  const method: unknown = descriptor?.value;
  if (descriptor === undefined || typeof method !== "function") return () => undefined;
  const value = function (this: unknown, ...given: unknown[]): unknown {
    seen();
    return Reflect.apply(method, this, given);
  };
  Object.defineProperty(prototype, name, { ...descriptor, value });
  return () => Object.defineProperty(prototype, name, descriptor);
}
