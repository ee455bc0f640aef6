/** Devices that tests may break, and hosts that misbehave. */

import { requestQuickDevice, testGpu } from "./device.ts";

/** A device that a test may lose, with every error that nobody caught. The caller destroys it. */
export async function requestWatchedDevice(
  descriptor?: GPUDeviceDescriptor,
): Promise<{ device: GPUDevice; errors: string[] }> {
  const device = await requestQuickDevice(descriptor);
  const errors: string[] = [];
  device.addEventListener("uncapturederror", ({ error }) => errors.push(error.message));
  return { device, errors };
}

/** What `gpu` of a host may do in place of the real thing, in turn; then it does the real thing. */
export function gpuThat(...answers: readonly (() => Promise<GPUAdapter | null>)[]): {
  gpu: GPU;
  requests: () => number;
} {
  let requests = 0;
  const gpu = {
    requestAdapter: async (options?: GPURequestAdapterOptions) => {
      const answer = answers[requests];
      requests += 1;
      return answer === undefined ? testGpu.requestAdapter(options) : answer();
    },
  };
  return { gpu: gpu as unknown as GPU, requests: () => requests };
}

/** `object` with some of its members replaced; methods keep their object. */
export function withMembers<T extends object>(object: T, members: Partial<Record<keyof T, unknown>>): T {
  return new Proxy(object, {
    get(target, name) {
      if (Object.hasOwn(members, name)) return Reflect.get(members, name) as unknown;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** What `use` rejects with. */
export async function rejection(use: Promise<unknown>): Promise<unknown> {
  try {
    await use;
  } catch (error) {
    return error;
  }
  throw new Error("It did not reject.");
}
