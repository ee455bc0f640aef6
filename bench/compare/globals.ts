/** What the peers look for in the global scope of a browser. Nothing of this is for our own library. */

/**
 * Sets `navigator.gpu` and `self`. Whoever asks for an adapter gets the fastest one, so that all have the same.
 */
export function dressAsBrowser(gpu: GPU): void {
  const asked: Pick<GPU, "requestAdapter" | "getPreferredCanvasFormat" | "wgslLanguageFeatures"> = {
    requestAdapter: (options) => gpu.requestAdapter({ ...options, powerPreference: "high-performance" }),
    getPreferredCanvasFormat: () => "rgba8unorm",
    wgslLanguageFeatures: gpu.wgslLanguageFeatures,
  };
  const navigator = { gpu: asked, userAgent: "node", platform: process.platform, hardwareConcurrency: 1 };
  for (const [name, value] of Object.entries({ navigator, self: globalThis })) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  copySharedMemory();
}

/** ONNX Runtime hands over views of shared memory, which browsers take and Dawn in Node does not. */
function copySharedMemory(): void {
  const { prototype } = GPUQueue;
  const write = Object.getOwnPropertyDescriptor(prototype, "writeBuffer")?.value as (...values: unknown[]) => undefined;
  prototype.writeBuffer = function (buffer, offset, data, ...range) {
    Reflect.apply(write, this, [buffer, offset, unshared(data), ...range]);
  };
}

function unshared(data: GPUAllowSharedBufferSource): GPUAllowSharedBufferSource {
  if (!ArrayBuffer.isView(data) || !(data.buffer instanceof SharedArrayBuffer)) return data;
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
}
