/**
 * What every engine computes: a recurrent block that learns in each step, in the order of docs/theory.md ("The step",
 * jacobi). With times in steps, tauM 20 and tauR 10,
 *
 *   s = W r + b ;  m = W^T e ;  W += eta e r^T (mean over the batch), all from values of the step before
 *   du = (s - u) / tauM ;  r = tanh(u + tauR du) ;  u += du
 *   alpha = (1 - r^2) (m + beta (y - r)) ;  dv = (alpha - v) / tauR ;  e = v + tauM dv ;  v += dv
 *
 * from u = v = e = r = 0. A run of ours begins with the last line; for the others it ends the step, so that they need to
 * keep neither m nor the slope. Rates and weights are the same after each step.
 */

import type { LearningSpec, NetworkSpec } from "../../src/index.ts";

export const TAU_M = 20;
export const TAU_R = 10;
export const BETA = 0.01;
/** Learning rate of what is timed. */
export const ETA = 1e-4;

export interface Problem {
  readonly size: number;
  readonly batch: number;
  readonly eta: number;
  /** [post][pre], uniform in +-0.5 / sqrt(size). */
  readonly weight: Float32Array;
  /** [neurons], uniform in +-0.5; it does not learn. */
  readonly bias: Float32Array;
  /** [batch][neurons], uniform in +-0.5, the same in every step. */
  readonly target: Float32Array;
}

/** What engines are compared by: rates [batch][neurons] and weights [post][pre]. */
export interface Outcome {
  readonly rate: ArrayLike<number>;
  readonly weight: ArrayLike<number>;
}

/** The same numbers each time. */
export function makeProblem(size: number, batch: number, eta: number): Problem {
  const draw = createDraw();
  return {
    size,
    batch,
    eta,
    weight: draw(size * size, 0.5 / Math.sqrt(size)),
    bias: draw(size, 0.5),
    target: draw(batch * size, 0.5),
  };
}

/** Gives so many values, uniform within the bound: quick, and good enough for values that only must not be zero. */
export function createDraw(): (count: number, bound: number) => Float32Array {
  let state = 12345;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return (count, bound) => Float32Array.from({ length: count }, () => (2 * uniform() - 1) * bound);
}

export const POPULATION = "h";
export const LOOP = { from: POPULATION, to: POPULATION };

export function networkOf({ size }: Pick<Problem, "size">): NetworkSpec {
  return {
    dt: 1,
    sources: [],
    populations: [
      {
        name: POPULATION,
        size,
        tauM: TAU_M,
        tauR: TAU_R,
        activation: "tanh",
        bias: { plastic: false, init: { kind: "constant", value: 0 } },
        cost: { kind: "squared-error", beta: BETA },
      },
    ],
    projections: [LOOP],
  };
}

export function learningOf({ eta }: Pick<Problem, "eta">): LearningSpec {
  return { optimizer: { kind: "sgd", eta } };
}
