/** This library, through its public API. */

import { createSimulator, type PlanningOptions, type Simulator } from "../../src/index.ts";
import type { Contestant, Engine } from "./engine.ts";
import { learningOf, LOOP, networkOf, POPULATION, type Problem } from "./problem.ts";
import {
  learningOf as publishedLearning,
  OUTPUT,
  POPULATIONS,
  PROJECTIONS,
  PUBLISHED,
  SOURCE,
  type PublishedProblem,
} from "./published.ts";

/** Steps of a submit. */
const CHUNK = 64;

export function ours(gpu: GPU, options: Pick<PlanningOptions, "fuseSteps"> = {}): Contestant {
  return {
    name: options.fuseSteps === true ? "ours, fuseSteps" : "ours",
    family: "ours",
    work: "step",
    open: async (problem) => {
      const { batch } = problem;
      const sim = await createSimulator(networkOf(problem), { gpu, batch, learning: learningOf(problem), ...options });
      fill(sim, problem);
      return engineOf(sim);
    },
  };
}

function fill(sim: Simulator, { weight, bias, target }: Problem): void {
  sim.write("weight", LOOP, weight);
  sim.write("bias", POPULATION, bias);
  sim.write("target", POPULATION, target);
}

function engineOf(sim: Simulator): Engine {
  return {
    // A long run is made of whole rounds of deferred updates.
    grain: sim.plan.programs.deferred?.steps ?? 1,
    run: (steps) => submit(sim, steps, true),
    settle: () => sim.device.queue.onSubmittedWorkDone(),
    read: async () => ({ rate: await sim.read("rate", POPULATION), weight: await sim.read("weight", LOOP) }),
    close: () => sim.destroy(),
  };
}

function submit(sim: Simulator, steps: number, learn: boolean): void {
  for (let left = steps; left > 0; left -= CHUNK) {
    const encoder = sim.device.createCommandEncoder();
    // Reading does what waits.
    sim.encode(encoder, { steps: Math.min(left, CHUNK), learn, defer: true });
    sim.device.queue.submit([encoder.finish()]);
  }
}

/** Steps of a frozen network without errors: the product W r of each step, and its neurons. */
export function oursForward(gpu: GPU): Contestant {
  return {
    name: "ours, frozen step without errors",
    family: "ours",
    work: "frozen step",
    open: async (problem) => {
      const learning = { ...learningOf(problem), errors: "none" } as const;
      const sim = await createSimulator(networkOf(problem), { gpu, batch: problem.batch, learning });
      fill(sim, problem);
      return { ...engineOf(sim), run: (steps) => submit(sim, steps, false) };
    },
  };
}

/** The network published for MNIST-1D. */
export function oursPublished(gpu: GPU): Contestant<PublishedProblem> {
  return {
    name: "ours",
    family: "ours",
    work: "step",
    open: async (problem) => {
      const { network, batch } = PUBLISHED;
      const sim = await createSimulator(network, { gpu, batch, learning: publishedLearning(problem) });
      PROJECTIONS.forEach((where, k) => {
        sim.write("weight", where, problem.weights[k] ?? new Float32Array());
      });
      POPULATIONS.forEach((where, k) => {
        sim.write("bias", where, problem.biases[k] ?? new Float32Array());
      });
      sim.write("input", SOURCE, problem.input);
      sim.write("target", OUTPUT, problem.labels);
      return {
        ...engineOf(sim),
        read: async () => ({
          rate: await readAll(POPULATIONS.map((where) => sim.read("rate", where))),
          weight: await readAll(PROJECTIONS.map((where) => sim.read("weight", where))),
        }),
      };
    },
  };
}

async function readAll(parts: readonly Promise<Float32Array>[]): Promise<number[]> {
  return (await Promise.all(parts)).flatMap((part) => [...part]);
}
