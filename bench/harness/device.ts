/** One device for a whole run, and what it is. */

import { DeviceError, type AdapterFacts } from "../../src/index.ts";

/** Which gates hold for an adapter. Unknown software adapters have those of the fastest one that is known. */
export type AdapterKind = "swiftshader" | "lavapipe" | "gpu";

export interface BenchDevice {
  readonly device: GPUDevice;
  readonly adapter: AdapterFacts & { readonly subgroupSizes: readonly [least: number, most: number] | null };
  readonly kind: AdapterKind;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

const reportedLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupsPerDimension",
] as const;
const adapterWaits = [0, 100, 400, 1500];

/**
 * Asks for a device with the largest buffers that the adapter has, and with timestamps and subgroups where there are any.
 *
 * @throws DeviceError NO_ADAPTER
 */
export async function openDevice(gpu: GPU | undefined): Promise<BenchDevice> {
  const adapter = await findAdapter(gpu);
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const device = await adapter.requestDevice({
    label: "bench",
    requiredFeatures: (["timestamp-query", "subgroups"] as const).filter((feature) => adapter.features.has(feature)),
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
  });
  const facts = factsOf(adapter.info);
  return {
    device,
    adapter: facts,
    kind: kindOf(facts),
    features: [...device.features].sort(),
    limits: Object.fromEntries(reportedLimits.map((name) => [name, device.limits[name]])),
  };
}

/** A browser may have no adapter for the first moments after its start. */
async function findAdapter(gpu: GPU | undefined): Promise<GPUAdapter> {
  if (gpu === undefined) {
    throw new DeviceError(
      "WEBGPU_UNAVAILABLE",
      "There is no WebGPU here. Open the page in Chrome or Edge at localhost.",
    );
  }
  for (const wait of adapterWaits) {
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    if (adapter !== null) return adapter;
  }
  throw new DeviceError(
    "NO_ADAPTER",
    "No GPU and no software driver was found. In Node on Linux there must be a Vulkan loader and driver (Debian has " +
      "both in chromium-common); then run: npm run setup -- --again. In a browser turn graphics acceleration on.",
  );
}

function factsOf(info: GPUAdapterInfo): BenchDevice["adapter"] {
  const { vendor, architecture, description, subgroupMinSize, subgroupMaxSize } = info as GPUAdapterInfo & {
    readonly subgroupMinSize?: number;
    readonly subgroupMaxSize?: number;
  };
  const text = `${vendor} ${architecture} ${description}`;
  return {
    vendor,
    architecture,
    description,
    software: info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|software|warp|basic render/i.test(text),
    subgroupSizes: subgroupMinSize && subgroupMaxSize ? [subgroupMinSize, subgroupMaxSize] : null,
  };
}

export function kindOf({ vendor, architecture, description, software }: AdapterFacts): AdapterKind {
  if (!software) return "gpu";
  return /swiftshader/i.test(`${vendor} ${architecture} ${description}`) ? "swiftshader" : "lavapipe";
}
