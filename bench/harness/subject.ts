/** Simulators that take part: made through the public API on the bench's device, stepped by `encode`. */

import { createSimulator, type Plan, type RunOptions, type Simulator } from "../../src/index.ts";
import { learns, networkOf, patternsOf, planningOf, SEED, type Group, type VariantName } from "./cases.ts";
import type { Contestant } from "./contest.ts";

export interface Subject {
  readonly variant: VariantName;
  readonly sim: Simulator;
  /** Networks that a step integrates. */
  readonly networks: number;
  readonly contestant: Contestant;
}

/** Steps of a submit, and milliseconds that it aims at. */
const mostSteps = 64;
const submitMilliseconds = 50;

/** Simulators by what shapes their plan: variants that differ in learning only share one. */
export type Simulators = Map<string, Simulator>;

/** @throws what createSimulator throws. */
export async function openSubject(
  device: GPUDevice,
  group: Group,
  variant: VariantName,
  known: Simulators,
): Promise<Subject> {
  const planning = planningOf(group, variant);
  const key = JSON.stringify(planning);
  const networks = planning.replicas ?? 1;
  // All replicas are the same network, so that each can be compared with the one reference.
  const seeds = Array.from({ length: networks }, () => SEED);
  const sim = known.get(key) ?? (await createSimulator(networkOf(group.shape), { ...planning, device, seeds }));
  if (!known.has(key)) {
    known.set(key, sim);
    fill(sim);
  }
  const run = stepper(sim, learns(variant));
  // As many updates in each sample.
  const grain = learns(variant) ? (sim.plan.programs.deferred?.steps ?? 1) : 1;
  return { variant, sim, networks, contestant: { name: variant, run, grain } };
}

/** Writes one frame of inputs and targets, which then holds. */
export function fill(sim: Simulator): void {
  const { input, target } = framesOf(sim.plan.network, sim.plan.batch);
  for (const [name, frame] of Object.entries(input)) sim.write("input", name, frame);
  for (const [name, frame] of Object.entries(target)) sim.write("target", name, frame);
}

/** A frame of inputs and one of targets, [batch][neurons], by name. */
export function framesOf(
  { sources, populations }: Pick<Plan["network"], "sources" | "populations">,
  batch: number,
): Readonly<Record<"input" | "target", Readonly<Record<string, Float32Array>>>> {
  const withCost = populations.filter(({ cost }) => cost !== null);
  return {
    input: Object.fromEntries(sources.map(({ name, size }) => [name, patternsOf(batch, size, SEED + 1)])),
    target: Object.fromEntries(withCost.map(({ name, size }) => [name, patternsOf(batch, size, SEED + 2)])),
  };
}

/** A function that does `count` steps in submits of about 50 ms or less, and resolves when the device is done. */
export function stepper(sim: Simulator, learn: boolean): Contestant["run"] {
  let perStep = submitMilliseconds;
  return async (count) => {
    const start = performance.now();
    const chunk = Math.min(mostSteps, Math.max(1, Math.floor(submitMilliseconds / perStep)));
    for (let left = count; left > 0; left -= chunk) {
      const encoder = sim.device.createCommandEncoder({ label: "bench/steps" });
      sim.encode(encoder, { steps: Math.min(left, chunk), learn, defer: true });
      sim.device.queue.submit([encoder.finish()]);
    }
    await sim.device.queue.onSubmittedWorkDone();
    perStep = Math.max((performance.now() - start) / count, 1e-4);
  };
}

/** Steps by `run`; resolves to the steps that its metrics cover. */
export async function advance(sim: Simulator, options: RunOptions): Promise<number> {
  let covered = 0;
  for await (const { steps } of sim.run(options)) covered += steps;
  return covered;
}
