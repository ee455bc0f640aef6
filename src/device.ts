/**
 * Finding a device that can hold a plan, and telling what it is. Whoever made a device destroys it.
 */

import { DeviceError } from "./errors.ts";
import type { Target } from "./layout.ts";
import { checkLimits, requiredLimits, type Limits, type Plan } from "./plan.ts";

/** What the device says it is. `software`: SwiftShader, lavapipe, WARP or another fallback; correct, slow, no benchmark. */
export interface AdapterFacts {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  readonly software: boolean;
}

export interface Acquired {
  readonly device: GPUDevice;
  readonly facts: AdapterFacts;
  /** What it was asked for. */
  readonly plan: Plan;
  /** What plans have to know of it. */
  readonly target: Target;
  readonly isOwn: boolean;
}

/** A browser may answer null for the first moments after its start, so null is believed only after these waits. */
const adapterWaits = [0, 100, 400, 1500];

export type Planner = (target: Target) => Plan;

/**
 * Takes the host's device, or asks for one with just the limits that its plan needs.
 * @throws DeviceError WEBGPU_UNAVAILABLE, NO_ADAPTER or LIMIT_EXCEEDED, or what `planFor` throws.
 */
export async function acquireDevice(
  planFor: Planner,
  options: { device?: GPUDevice | undefined; gpu?: GPU | undefined; label: string; signal?: AbortSignal | undefined },
): Promise<Acquired> {
  const { device: given, signal } = options;
  if (given !== undefined) {
    const facts = factsOf(given.adapterInfo);
    const target = targetOf(given, given.adapterInfo);
    const plan = planFor(target);
    checkHostDevice(plan, given);
    return { device: given, facts, plan, target, isOwn: false };
  }
  const adapter = await findAdapter(findGpu(options.gpu), signal);
  const facts = factsOf(adapter.info);
  const target = targetOf(adapter, adapter.info);
  const plan = planFor(target);
  checkLimits(plan, adapter.limits);
  const device = await requestDevice(adapter, plan, options.label);
  if (signal?.aborted === true) {
    device.destroy();
    signal.throwIfAborted();
  }
  return { device, facts, plan, target, isOwn: true };
}

/** What a plan has to know of a device, or of the adapter that would make it. */
export const targetOf = ({ limits, features }: GPUAdapter | GPUDevice, info: GPUAdapterInfo | undefined): Target => ({
  software: factsOf(info).software,
  bindingBytes: Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize),
  subgroupSize: features.has("subgroups") ? (info?.subgroupMinSize ?? 0) : 0,
});

function findGpu(given: GPU | undefined): GPU {
  const gpu = given ?? (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (gpu !== undefined) return gpu;
  const isInsecure = (globalThis as { isSecureContext?: boolean }).isSecureContext === false;
  throw new DeviceError(
    "WEBGPU_UNAVAILABLE",
    isInsecure
      ? "WebGPU needs https or localhost; this page has neither. Open it at http://localhost."
      : "There is no WebGPU here. Use Chrome or Edge 113 or newer (121 on Android), a current Safari or Firefox, or in Node pass { gpu: create([]) } of the npm package webgpu.",
    { details: { secureContext: !isInsecure } },
  );
}

async function findAdapter(gpu: GPU, signal: AbortSignal | undefined): Promise<GPUAdapter> {
  for (const wait of adapterWaits) {
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    signal?.throwIfAborted();
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    if (adapter !== null) return adapter;
  }
  throw new DeviceError(
    "NO_ADAPTER",
    'No usable GPU was found. In Chrome turn on "Use graphics acceleration" and look at chrome://gpu; on Linux start it with ' +
      "--enable-unsafe-webgpu, and --enable-features=Vulkan for a real GPU. After two GPU crashes on a site Chrome blocks " +
      "it for a while: wait two minutes or restart. In Node a driver for Vulkan, Metal or Direct3D 12 must be installed.",
    { details: { tries: adapterWaits.length } },
  );
}

async function requestDevice(adapter: GPUAdapter, plan: Plan, label: string): Promise<GPUDevice> {
  // Limits are only raised over the defaults, and only as far as needed.
  const defaults = {
    maxBufferSize: 268435456,
    maxStorageBufferBindingSize: 134217728,
    maxComputeWorkgroupStorageSize: 16384,
  };
  const needed = requiredLimits(plan);
  const requiredLimitsOfPlan = Object.fromEntries(
    Object.entries(defaults).flatMap(([name, usual]) => {
      const need = needed[name as keyof typeof defaults];
      return need > usual ? [[name, need]] : [];
    }),
  );
  try {
    // Other ways of cutting the work, for which the device may be borrowed, could use them.
    const requiredFeatures: GPUFeatureName[] = adapter.features.has("subgroups") ? ["subgroups"] : [];
    return await adapter.requestDevice({ label, requiredFeatures, requiredLimits: requiredLimitsOfPlan });
  } catch (cause) {
    throw new DeviceError(
      "NO_ADAPTER",
      "The GPU was found but gave no device. Reload the page or restart the browser.",
      {
        cause,
      },
    );
  }
}

function checkHostDevice(plan: Plan, device: GPUDevice): void {
  try {
    checkLimits(plan, device.limits);
  } catch (cause) {
    if (!(cause instanceof DeviceError)) throw cause;
    const needed: Limits = requiredLimits(plan);
    throw new DeviceError(
      "LIMIT_EXCEEDED",
      `${cause.message} This is the host's device: ask for it with requestDevice({ requiredLimits: { ` +
        `maxBufferSize: ${needed.maxBufferSize}, maxStorageBufferBindingSize: ${needed.maxStorageBufferBindingSize}, ` +
        `maxComputeWorkgroupStorageSize: ${needed.maxComputeWorkgroupStorageSize} } }).`,
      { details: cause.details, cause },
    );
  }
}

function factsOf(info: GPUAdapterInfo | undefined): AdapterFacts {
  const { vendor = "", architecture = "", description = "" } = info ?? {};
  const text = `${vendor} ${architecture} ${description}`.toLowerCase();
  return {
    vendor,
    architecture,
    description,
    software: info?.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|software|warp|basic render/.test(text),
  };
}

/** Turns the end of a device into an error that every later call can throw. Resolves never if the device lives. */
export async function lossOf(device: GPUDevice): Promise<DeviceError> {
  const { reason, message } = await device.lost;
  return new DeviceError(
    "DEVICE_LOST",
    reason === "destroyed"
      ? "The GPU device was destroyed. Create a new simulator."
      : `The GPU was reset by its driver or by a time-out (${message || "no reason given"}). Create a new simulator; smaller networks or batches make shorter dispatches.`,
    { details: { reason } },
  );
}

/** Milliseconds within which a failed call waits for the news that its device is gone. */
const lossDelay = 100;

/** Whether a device is lost. Apart from the simulator, so that a long-lived device does not keep that alive. */
export class Fate {
  loss: DeviceError | undefined;
  private readonly lost: Promise<void>;

  constructor(device: GPUDevice) {
    this.lost = lossOf(device).then((error) => {
      this.loss = error;
    });
  }

  /** @throws DeviceError DEVICE_LOST if the device was lost before. */
  async check(): Promise<void> {
    // A promise that is settled already comes before a timer.
    await Promise.race([this.lost, new Promise((resolve) => setTimeout(resolve, 0))]);
    if (this.loss !== undefined) throw this.loss;
  }

  /** The loss if there is news of it in a moment, as it may come just after the call that failed by it. */
  async explain(error: unknown): Promise<unknown> {
    await Promise.race([this.lost, new Promise((resolve) => setTimeout(resolve, lossDelay))]);
    return this.loss ?? error;
  }
}
