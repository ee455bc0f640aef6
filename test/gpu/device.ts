/** A device for one test, which fails if WebGPU reported anything or if the test left a buffer behind. */

import { expect } from "vitest";
import { create } from "webgpu";
import { nodeGpu } from "../../src/cli/node-gpu.ts";
import { askPatiently } from "../../src/cli/patience.ts";

askPatiently();
const usual = await nodeGpu();
const isSwiftShader = (await usual.requestAdapter())?.info.architecture === "swiftshader";

/**
 * The memory of a workgroup begins as zeros in any case. Told to see to that itself, SwiftShader compiles a store for each
 * word, and takes three times as long for a network in that memory; so there Dawn writes a loop into the kernel, for which
 * Mesa's lavapipe in turn takes six times as long.
 */
const zeroing = "disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension";
const gpu = isSwiftShader ? create([zeroing]) : usual;

/**
 * Dawn guards each access of a kernel, which takes SwiftShader a quarter more to compile. A kernel that is right needs no
 * guard, and one that is wrong is found sooner without: it gets what stands elsewhere, and not the last value once more.
 */
const unguarded = isSwiftShader ? create([zeroing, "enable-dawn-features=disable_robustness"]) : usual;

/** The WebGPU of Node, for `createSimulator(network, { gpu })`. */
export { gpu as testGpu };

/** A new device of this machine's adapter; the caller destroys it. `descriptor` as for `requestDevice`. */
export function requestTestDevice(descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> {
  return requestOf(gpu, descriptor);
}

/** The same, but a kernel is compiled sooner, and its accesses are not guarded where that takes long. */
export function requestQuickDevice(descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> {
  return requestOf(unguarded, descriptor);
}

async function requestOf(from: GPU, descriptor: GPUDeviceDescriptor = {}): Promise<GPUDevice> {
  // An adapter gives one device only.
  const adapter = await from.requestAdapter();
  if (adapter === null)
    throw new Error("There is no WebGPU adapter in Node. See what `npm run setup -- --again` says.");
  // What a simulator asks for its own device.
  const { requiredFeatures = [] } = descriptor;
  const subgroups = adapter.features.has("subgroups") ? ["subgroups" as const] : [];
  return adapter.requestDevice({ ...descriptor, requiredFeatures: [...requiredFeatures, ...subgroups] });
}

/**
 * Runs `use` with a new device and destroys it. Rejects, besides where `use` does, if there was a validation or
 * out-of-memory error, in a scope or uncaptured, if the device was lost, or if a buffer that `use` created is not
 * destroyed at its end.
 */
export async function withDevice<T>(
  use: (device: GPUDevice) => Promise<T> | T,
  descriptor?: GPUDeviceDescriptor,
): Promise<T> {
  const device = await requestTestDevice(descriptor);
  try {
    return await checked(device, use);
  } finally {
    device.destroy();
  }
}

/** The same with a device of the caller, which has the methods that it came with when this ends. */
export async function checked<T>(device: GPUDevice, use: (device: GPUDevice) => Promise<T> | T): Promise<T> {
  const methods = Object.getOwnPropertyDescriptors(device);
  const live = countBuffers(device);
  const reports = listen(device);
  try {
    const [outcome] = await Promise.allSettled([(async () => use(device))()]);
    const reported = await reports();
    if (outcome.status === "rejected") {
      // What fails on the host is often the echo of an error on the device.
      const cause: unknown = outcome.reason;
      throw reported.length > 0 ? new Error(`WebGPU reported:\n${reported.join("\n")}`, { cause }) : cause;
    }
    const leaks = [...live].map(({ label, size }) => `buffer "${label}" (${size} bytes) was not destroyed`);
    expect([...reported, ...leaks], "what WebGPU reported").toEqual([]);
    return outcome.value;
  } finally {
    for (const name of Reflect.ownKeys(device)) Reflect.deleteProperty(device, name);
    Object.defineProperties(device, methods);
  }
}

/** Collects every error of `device`; the result, to be called once, waits for the work in flight and gives them all. */
function listen(device: GPUDevice): () => Promise<readonly string[]> {
  const reports: string[] = [];
  const scopes = ["out-of-memory", "validation"] as const;
  device.addEventListener("uncapturederror", ({ error }) => reports.push(`uncaptured: ${error.message}`));
  void device.lost.then(({ reason, message }) => reports.push(`device lost (${reason}): ${message}`));
  for (const scope of scopes) device.pushErrorScope(scope);
  return async () => {
    await device.queue.onSubmittedWorkDone();
    for (const scope of scopes.toReversed()) {
      const error = await device.popErrorScope();
      if (error !== null) reports.push(`${scope}: ${error.message}`);
    }
    return [...reports];
  };
}

/** The buffers of `device` that are created from now on and not destroyed yet. */
function countBuffers(device: GPUDevice): ReadonlySet<GPUBuffer> {
  const live = new Set<GPUBuffer>();
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      live.delete(buffer);
      destroy();
    };
    live.add(buffer);
    return buffer;
  };
  return live;
}
