/**
 * The network on which Generalized Latent Equilibrium was published for MNIST-1D: six layers of 53 neurons, 15,000
 * parameters, batches of 100, and Adam in every one of 2.16 million steps. The first weights are drawn as there, uniform
 * in +-1 / sqrt(inputs); input and labels are the same in every step, as time does not depend on them.
 */

import { createReference, resolveLearning, resolveNetwork } from "../../src/reference/index.ts";
import type { LearningSpec } from "../../src/index.ts";
import { mnist1d } from "../../src/tasks/experiments-digits.ts";
import { createDraw, type Outcome } from "./problem.ts";
import type { Subject, Work } from "./twin.ts";

export interface PublishedProblem {
  readonly eta: number;
  /** Of each projection from the input up, [post][pre]. */
  readonly weights: readonly Float32Array[];
  /** Of each population from the input up. */
  readonly biases: readonly Float32Array[];
  /** [batch], values of the one input. */
  readonly input: Float32Array;
  /** [batch], classes. */
  readonly labels: Float32Array;
}

const { network, batch } = mnist1d;
const sizes = new Map([...network.sources, ...network.populations].map(({ name, size }) => [name, size]));
/** Of each projection from the input up. */
const widths = network.projections.map(({ from, to }) => ({ pre: sizes.get(from) ?? 0, post: sizes.get(to) ?? 0 }));

export const PUBLISHED = {
  network,
  batch,
  shape: {
    measured: "MNIST-1D step",
    size: sum(network.populations.map(({ size }) => size)),
    synapses: sum(widths.map(({ pre, post }) => pre * post)),
    batch,
  },
  /** Of 150 epochs of 4000 samples with 360 values each. */
  trainingSteps: (mnist1d.epochs * 4000 * 360) / batch,
} as const;

export const published: Subject<PublishedProblem> = {
  checked: () => makePublishedProblem(mnist1d.optimizer.eta),
  timed: () => makePublishedProblem(mnist1d.optimizer.eta),
  expected: advance,
};

export function learningOf({ eta }: PublishedProblem): LearningSpec {
  return { errors: "local", optimizer: { ...mnist1d.optimizer, eta } };
}

/** Names of what is read and written, from the input up. */
export const SOURCE = network.sources[0]?.name ?? "";
export const POPULATIONS = network.populations.map(({ name }) => name);
export const OUTPUT = POPULATIONS.at(-1) ?? "";
export const PROJECTIONS = network.projections.map(({ from, to }) => ({ from, to }));

function makePublishedProblem(eta: number): PublishedProblem {
  const draw = createDraw();
  const labels = Float32Array.from({ length: batch }, (_, row) => row % 10);
  return {
    eta,
    weights: widths.map(({ pre, post }) => draw(post * pre, 1 / Math.sqrt(pre))),
    biases: widths.map(({ pre, post }) => draw(post, 1 / Math.sqrt(pre))),
    input: draw(batch, 1),
    labels,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Rates of all populations, and all weights. */
function advance(work: Work, problem: PublishedProblem, steps: number): Outcome {
  const twin = createReference(resolveNetwork(network), resolveLearning(learningOf(problem)), { batch });
  PROJECTIONS.forEach((where, k) => twin.write("weight", where, problem.weights[k] ?? []));
  POPULATIONS.forEach((where, k) => twin.write("bias", where, problem.biases[k] ?? []));
  for (let done = 0; done < steps; done++) {
    twin.step({ [SOURCE]: problem.input }, { [OUTPUT]: problem.labels }, work === "step");
  }
  return {
    rate: POPULATIONS.flatMap((where) => [...twin.read("rate", where)]),
    weight: PROJECTIONS.flatMap((where) => [...twin.read("weight", where)]),
  };
}
