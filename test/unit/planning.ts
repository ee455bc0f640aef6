/** Plans for tests. */

import { tunings, type PlanOptions, type Target } from "../../src/layout.ts";
import { planNetwork, type Dispatch, type Plan } from "../../src/plan.ts";
import { resolveLearning, resolveNetwork, type NetworkSpec } from "../../src/spec.ts";

export const defaults: PlanOptions = {
  batch: 1,
  replicas: 1,
  learning: resolveLearning(),
  record: [],
  energies: [],
  trajectoryBytes: 2 ** 26,
  frameBytes: 65536,
  bindingBytes: Infinity,
  // Small networks, too, are stepped by several kernels, as large ones are.
  fuseSteps: false,
  tuning: tunings.gpu,
};

/** A device on a CPU, without subgroups. */
export const onCpu: Target = { software: true, bindingBytes: 2 ** 31, subgroupSize: 0 };

export const plan = (spec: NetworkSpec, options: Partial<PlanOptions> = {}): Plan =>
  planNetwork(resolveNetwork(spec), { ...defaults, ...options });

/** Every dispatch that a plan has, each once. */
export function dispatchesOf({ initialize, programs: { learning, frozen, window, network } }: Plan): Dispatch[] {
  const programs = [learning, frozen, ...(window === null ? [] : [window.first, window.forward, window.again])];
  const steps = programs.flatMap(({ start, step, join, end }) => [...start, ...step, ...join, ...end]);
  const back = window === null ? [] : [...window.back, ...window.gradient, ...window.lastGradient, ...window.apply];
  const small = network === null ? [] : [...network.learning, ...network.frozen];
  return [...new Set([...initialize, ...steps, ...back, ...small])];
}

/** What `use` throws. */
export function refusal(use: () => unknown): unknown {
  try {
    use();
  } catch (error) {
    return error;
  }
  throw new Error("Nothing was refused.");
}
