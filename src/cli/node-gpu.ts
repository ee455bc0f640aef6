/** WebGPU in Node: Dawn from the npm package `webgpu`, which is installed beside this library by who wants it. */

import { DeviceError } from "../errors.ts";

/**
 * A `GPU` for `createSimulator(network, { gpu })`. Adds the WebGPU constants and classes that are missing to the global
 * scope, as the specification has them there. The process ends only when the result and its devices are let go, or by
 * `process.exit`.
 * On Linux a Vulkan loader and driver must be found by the environment that the process was started with.
 * Throws DeviceError WEBGPU_UNAVAILABLE if the package `webgpu` is missing or does not load.
 */
export async function nodeGpu(): Promise<GPU> {
  const { create, globals } = await import("webgpu").catch((cause: unknown) => {
    const message = 'The npm package "webgpu" does not load here. Install it with: npm install webgpu';
    throw new DeviceError("WEBGPU_UNAVAILABLE", message, { cause });
  });
  for (const [name, value] of Object.entries(globals)) {
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  return create([]);
}
