import { createSimulator } from "../create.ts";
import type { Simulator, SimulatorOptions } from "../simulator.ts";
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

/**
 * Device memory in which the input and target of a window fit as a whole, as the exact gradient needs them: never less
 * than what a simulator takes by itself.
 */
export function frameBytesOf({ sources, populations }: NetworkSpec, batch: number, steps: number): number {
  const targets = populations.filter(({ cost }) => cost !== undefined);
  const neurons = [...sources, ...targets].reduce((sum, { size }) => sum + Math.ceil(size / 4) * 4, 0);
  return Math.max(8 * 2 ** 20, 4 * neurons * batch * steps);
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
