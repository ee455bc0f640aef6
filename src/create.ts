/**
 * A network becomes a simulator, with the kernels that are fastest where the user lets them be measured.
 */

import { findDevice, openSimulator } from "./open.ts";
import type { Simulator, SimulatorOptions } from "./simulator.ts";
import type { NetworkSpec } from "./spec.ts";
import { choose, requireStore, type Chosen } from "./tune.ts";

/**
 * Makes a network ready to run: plans it, takes or finds a device, compiles, fills the parameters from the seed.
 * @throws SpecError, DeviceError, KernelError, or the reason of the signal.
 */
export async function createSimulator(spec: NetworkSpec, options: SimulatorOptions = {}): Promise<Simulator> {
  const { tunings } = options;
  if (tunings !== undefined) requireStore(tunings, "options.tunings");
  const acquired = await findDevice(spec, options);
  if (tunings === undefined) return openSimulator(acquired, options);
  let chosen: Chosen;
  try {
    chosen = await choose(spec, options, acquired, tunings);
  } catch (error) {
    if (acquired.isOwn) acquired.device.destroy();
    throw error;
  }
  const { plan, tuned, held } = chosen;
  const simulator = await openSimulator({ ...acquired, plan }, options, tuned);
  for (const tried of held) tried.destroy();
  return simulator;
}
