/** One checked dispatch, as a function for a page. Run as a script it dispatches in Node and prints the adapter. */

import { isMain } from "./modules.mjs";

/** @typedef {{ vendor: string, architecture: string, description: string, software: boolean }} Adapter */

/**
 * Squares 64 numbers on the GPU and checks them. Self-contained: a page evaluates its text.
 * @param {GPU | undefined} gpu
 * @returns {Promise<Adapter>}
 */
export async function computeOnce(gpu) {
  if (!gpu) throw new Error("it has no navigator.gpu");
  let adapter = null;
  // Some browsers answer null while their GPU process is starting.
  for (const delay of [0, 100, 400]) {
    await new Promise((resolve) => setTimeout(resolve, delay));
    adapter ??= await gpu.requestAdapter();
    if (adapter) break;
  }
  if (!adapter) throw new Error("requestAdapter() found no adapter");
  const device = await adapter.requestDevice();
  const code = `
    @group(0) @binding(0) var<storage, read_write> squares: array<u32, 64>;
    @compute @workgroup_size(64, 1, 1)
    fn square(@builtin(global_invocation_id) id: vec3u) { squares[id.x] = id.x * id.x; }`;
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
  const squares = device.createBuffer({ size: 256, usage: 128 | 4 }); // STORAGE | COPY_SRC
  const staging = device.createBuffer({ size: 256, usage: 1 | 8 }); // MAP_READ | COPY_DST
  const entries = [{ binding: 0, resource: { buffer: squares } }];
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(squares, 0, staging, 0, 256);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1); // READ
  const wrong = new Uint32Array(staging.getMappedRange()).findIndex((value, i) => value !== i * i);
  device.destroy();
  if (wrong >= 0) throw new Error(`its adapter computes ${wrong} * ${wrong} wrongly`);
  const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
  const software =
    isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|software|basic render/i.test(`${architecture} ${description}`);
  return { vendor, architecture, description, software };
}

if (isMain(import.meta.url)) {
  const { create } = await import("webgpu");
  const gpu = create([]);
  process.stdout.write(JSON.stringify(await computeOnce(gpu)));
  process.exit(0);
}
