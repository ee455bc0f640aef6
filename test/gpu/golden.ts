/** Replays of golden recordings with the work of synapses done in one way, whatever a default would choose. */

import { beforeAll, expect } from "vitest";
import { createSimulator } from "../../src/create.ts";
import type { KernelName } from "../../src/kernels.ts";
import type { Plan } from "../../src/plan.ts";
import { planOf, type SimulatorOptions } from "../../src/simulator.ts";
import type { Recording } from "../../src/tasks/recording.ts";
import type { CreateSimulator } from "../../src/train/train.ts";
import { verifyRun, type RecordedRun } from "../../src/train/verification.ts";
import { dispatchesOf } from "../unit/planning.ts";
import { watchKernels, type Kernels, type KernelWatch } from "./dispatched.ts";

/** Those of the public implementation: their networks, and the quads of what projects to each layer. */
export const goldenRecordings = [
  { name: "chain-softplus", batch: 3, sizes: "1-1-1", quads: [1, 1] },
  { name: "instantaneous-errors", batch: 4, sizes: "2-8-8-2", quads: [1, 2, 2] },
  { name: "latent-equilibrium-mse", batch: 2, sizes: "3-6-2", quads: [1, 2] },
  { name: "mlp-tanh-ce", batch: 5, sizes: "4-7-5-3", quads: [1, 2, 2] },
] as const;

/** The kernels that work on synapses in a run, all of them; of each the overrides that matter, 0 where it has no such one. */
export type Expected = Readonly<Partial<Record<KernelName, Readonly<Record<string, number | readonly number[]>>>>>;

/** What is the same whoever works on the synapses. */
const ofNeurons: ReadonlySet<KernelName> = new Set([
  "initialize",
  "neurons",
  "reverse",
  "apply",
  "learn_time_constants",
]);

export type Forced = Pick<SimulatorOptions, "tuning" | "fuseSteps" | "bindingBytes">;

interface Replay {
  readonly forced: Forced;
  readonly expected: Expected;
  /** Default: that of this library, with the batch of the recording. */
  readonly create?: (options: SimulatorOptions, whenMade: (plan: Plan) => void) => CreateSimulator;
}

/** @returns replays a run, which must agree with the recording, and gives the plans of its simulators. */
export function useReplays(device: () => GPUDevice) {
  let watch: KernelWatch | undefined;
  beforeAll(() => {
    watch = watchKernels(device());
  });
  return async (run: RecordedRun, recording: Recording, { forced, expected, create = createPlain }: Replay) => {
    const plans: Plan[] = [];
    watch?.take();
    const checks = await verifyRun(run, recording, {
      createSimulator: create(forced, (plan) => plans.push(plan)),
      host: { device: device() },
    });
    // Its tolerances are those of `npm run verify`.
    expect(checks.filter(({ holds }) => !holds)).toEqual([]);
    expect(checks).toHaveLength(run === "frozen" ? 13 : run === "exact" ? 4 : 3);
    expect(partsOf(watch?.take() ?? new Map(), expected)).toEqual(expected);
    return plans;
  };
}

/** The plan of a window over the whole recording, and its kernels. */
export function windowOf({ network, batch, steps }: Recording, forced: Forced) {
  const learning = { errors: "adjoint", window: steps, optimizer: { kind: "accumulate" } } as const;
  const plan = planOf(network, { ...forced, batch, learning });
  return { plan, kernels: new Set(dispatchesOf(plan).map(({ kernel }) => kernel)) };
}

const createPlain: NonNullable<Replay["create"]> = (forced, whenMade) => async (network, options) => {
  const simulator = await createSimulator(network, { ...options, ...forced });
  whenMade(simulator.plan);
  return simulator;
};

/** Of what was dispatched the part that is expected of it; kernels that are not expected stay, with nothing of them. */
function partsOf(kernels: Kernels, expected: Expected): Expected {
  const ofSynapses = [...kernels].filter(([kernel]) => !ofNeurons.has(kernel));
  return Object.fromEntries(
    ofSynapses.map(([kernel, { constants, workgroups }]) => {
      const names = Object.keys(expected[kernel] ?? {});
      return [kernel, Object.fromEntries(names.map((name) => [name, { ...constants, workgroups }[name] ?? 0]))];
    }),
  );
}
