import { createSimulator, type Simulator, type SimulatorOptions } from "../simulator.ts";
import type { NetworkSpec } from "../spec.ts";

/** What a measurement needs of a simulator. */
export type Measurable = Pick<Simulator, "run" | "read" | "write" | "destroy">;

/** Where the simulators of a measurement live, one after the other. */
export interface MeasuredOn {
  /** See `SimulatorOptions`. Default: a new device for each. */
  readonly device?: GPUDevice;
  readonly gpu?: GPU;
  /** What makes them. Default: that of this library. */
  readonly createSimulator?: (network: NetworkSpec, options: SimulatorOptions) => Promise<Measurable>;
  readonly signal?: AbortSignal;
}

/** Makes a simulator, hands it to `use`, and destroys it. */
export async function withSimulator<T>(
  { device, gpu, createSimulator: create = createSimulator, signal }: MeasuredOn,
  network: NetworkSpec,
  options: SimulatorOptions,
  use: (simulator: Measurable) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const place = { ...(device && { device }), ...(gpu && { gpu }), ...(signal && { signal }) };
  const simulator = await create(network, { ...place, ...options });
  try {
    return await use(simulator);
  } finally {
    simulator.destroy();
  }
}
