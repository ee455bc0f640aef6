/**
 * The way from a network to a simulator: a device that can hold it, then its plan compiled there.
 */

import { acquireDevice, Fate, type Acquired } from "./device.ts";
import { Engine } from "./engine.ts";
import { VleError } from "./errors.ts";
import { resolveReplicas } from "./replicas.ts";
import { isReason, planOf, Simulator, type SimulatorOptions } from "./simulator.ts";
import type { NetworkSpec } from "./spec.ts";
import type { Tuned } from "./variants.ts";

/**
 * Takes the host's device, or finds one.
 * @throws SpecError, DeviceError, or the reason of the signal.
 */
export function findDevice(spec: NetworkSpec, options: SimulatorOptions): Promise<Acquired> {
  const { label = "vle", device, gpu, signal } = options;
  // What is wrong with the network or the options is said before a device is looked for.
  resolveReplicas(options, planOf(spec, options).replicas);
  signal?.throwIfAborted();
  return acquireDevice((target) => planOf(spec, options, target), { device, gpu, label, signal });
}

/**
 * Compiles the plan for the device and fills the parameters from the seed. An own device does not outlive a failure.
 * @throws DeviceError, KernelError, or the reason of the signal.
 */
export async function openSimulator(
  acquired: Acquired,
  options: SimulatorOptions,
  tuned: Tuned | null = null,
): Promise<Simulator> {
  const { label = "vle", signal } = options;
  const { device, plan, isOwn } = acquired;
  const fate = new Fate(device);
  let engine: Engine | undefined;
  try {
    engine = await Engine.create(device, plan, label, resolveReplicas(options, plan.replicas));
    signal?.throwIfAborted();
    await fate.check();
    return new Simulator(engine, acquired, fate, tuned);
  } catch (error) {
    const told = error instanceof VleError || isReason(error, signal) ? error : await fate.explain(error);
    engine?.destroy();
    if (isOwn) device.destroy();
    throw told;
  }
}
