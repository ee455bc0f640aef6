/** What engines must agree with: the same in f64, on the processor. */

import { createReference, resolveLearning, resolveNetwork } from "../../src/reference/index.ts";
import { ETA, learningOf, LOOP, makeProblem, networkOf, POPULATION, type Outcome, type Problem } from "./problem.ts";

/** A step that learns, one without errors that does not, and the product of the target with the weights. */
export type Work = "step" | "frozen step" | "product";

/** What engines are opened with, and what they must come to. */
export interface Subject<P> {
  /** With a learning rate at which learning shows in few steps. */
  readonly checked: () => P;
  readonly timed: () => P;
  /** In f64. A frozen step is one without what would be learned. */
  readonly expected: (work: Work, problem: P, steps: number) => Outcome;
}

/** The recurrent network of problem.ts. */
export function recurrent(size: number, batch: number): Subject<Problem> {
  return {
    checked: () => makeProblem(size, batch, checkedEta(size)),
    timed: () => makeProblem(size, batch, ETA),
    expected,
  };
}

/** A rate at which learning shows in few steps: the effect on a current grows with eta and the number of inputs. */
export function checkedEta(size: number): number {
  return 10 / size;
}

export function expected(work: Work, problem: Problem, steps: number): Outcome {
  return work === "product" ? { rate: product(problem), weight: [] } : advance(work, problem, steps);
}

function advance(work: Work, problem: Problem, steps: number): Outcome {
  const { batch } = problem;
  const learns = work === "step";
  const learning = { ...learningOf(problem), errors: learns ? "local" : "none" } as const;
  const twin = createReference(resolveNetwork(networkOf(problem)), resolveLearning(learning), { batch });
  twin.write("weight", LOOP, problem.weight);
  twin.write("bias", POPULATION, problem.bias);
  for (let done = 0; done < steps; done++) twin.step({}, { [POPULATION]: problem.target }, learns);
  return { rate: twin.read("rate", POPULATION), weight: twin.read("weight", LOOP) };
}

/** [batch][neurons]. */
function product({ size, batch, target, weight }: Problem): Float64Array {
  const result = new Float64Array(batch * size);
  for (let row = 0; row < batch; row++) {
    for (let k = 0; k < size; k++) {
      const factor = target[row * size + k] ?? NaN;
      for (let column = 0; column < size; column++) {
        const at = row * size + column;
        result[at] = (result[at] ?? NaN) + factor * (weight[k * size + column] ?? NaN);
      }
    }
  }
  return result;
}

export interface Agreement {
  /** Largest difference of a rate, and of a weight, over the largest magnitude of the values. */
  readonly rate: number;
  readonly weight: number;
}

/** Relative, of rates and of weights. */
export const TOLERANCE = 1e-4;

export function agreementOf(found: Outcome, wanted: Outcome): Agreement {
  return { rate: relativeError(found.rate, wanted.rate), weight: relativeError(found.weight, wanted.weight) };
}

export function agrees({ rate, weight }: Agreement): boolean {
  return rate <= TOLERANCE && weight <= TOLERANCE;
}

/** Infinite if the lengths differ or a value is not finite. */
function relativeError(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  if (wanted.length === 0) return 0;
  if (found.length !== wanted.length) return Infinity;
  let largest = 0;
  let error = 0;
  for (let k = 0; k < wanted.length; k++) {
    const difference = Math.abs((found[k] ?? NaN) - (wanted[k] ?? NaN));
    if (!Number.isFinite(difference)) return Infinity;
    error = Math.max(error, difference);
    largest = Math.max(largest, Math.abs(wanted[k] ?? NaN));
  }
  return error / largest;
}
