/**
 * Twins of the kernels of one projection. Both products use the weights before the update.
 */

import type { Optimizer } from "../spec.ts";
import { addScaled, addTo, at, dot, row } from "./array.ts";

/** A parameter block and the moments of its optimiser: [post][pre] for weights, [neurons] for biases and time constants. */
export interface Parameters {
  readonly value: Float64Array;
  readonly firstMoment: Float64Array;
  readonly secondMoment: Float64Array;
  /** Of the cost of the last window of adjoint errors, mean over batch rows, summed over its steps. */
  readonly gradient: Float64Array;
}

export function createParameters(initial: ArrayLike<number>): Parameters {
  const value = Float64Array.from(initial);
  const zeros = (): Float64Array => new Float64Array(value.length);
  return { value, firstMoment: zeros(), secondMoment: zeros(), gradient: zeros() };
}

/** The update number `count` (from 1) of an optimiser. */
export interface Update {
  readonly optimizer: Optimizer;
  readonly count: number;
}

/** Adds W r to the current: rate [batch][pre], current [batch][post], weights [post][pre]. */
export function addCurrent(weights: Float64Array, rate: Float64Array, current: Float64Array, batch: number): void {
  const [pre, post] = [rate.length / batch, current.length / batch];
  for (let lane = 0; lane < batch; lane++) {
    const r = row(rate, lane, pre);
    for (let i = 0; i < post; i++) addTo(current, lane * post + i, dot(row(weights, i, pre), r));
  }
}

/** Adds W^T e to the feedback: error [batch][post], feedback [batch][pre], weights [post][pre]. */
export function addFeedback(weights: Float64Array, error: Float64Array, feedback: Float64Array, batch: number): void {
  const [pre, post] = [feedback.length / batch, error.length / batch];
  for (let lane = 0; lane < batch; lane++) {
    const m = row(feedback, lane, pre);
    for (let i = 0; i < post; i++) addScaled(m, row(weights, i, pre), at(error, lane * post + i));
  }
}

/** Adds factor times the outer product of signal [batch][post] and activity [batch][pre], summed over the batch. */
export function addOuter(
  gradient: Float64Array,
  signal: Float64Array,
  activity: Float64Array,
  batch: number,
  factor: number,
): void {
  const [pre, post] = [activity.length / batch, signal.length / batch];
  for (let lane = 0; lane < batch; lane++) {
    const r = row(activity, lane, pre);
    for (let i = 0; i < post; i++) addScaled(row(gradient, i, pre), r, factor * at(signal, lane * post + i));
  }
}

/** Adds factor times a signal [batch][neurons], optionally times another one, summed over the batch. */
export function addColumnSums(
  gradient: Float64Array,
  signal: Float64Array,
  factor: number,
  other?: Float64Array,
): void {
  for (let k = 0; k < signal.length; k++) {
    addTo(gradient, k % gradient.length, factor * at(signal, k) * (other === undefined ? 1 : at(other, k)));
  }
}

/** One optimiser step; no value falls below `least`. */
export function descend(
  { value, firstMoment, secondMoment }: Parameters,
  gradient: Float64Array,
  { optimizer, count }: Update,
  least = -Infinity,
): void {
  const { kind, eta, beta1, beta2, epsilon } = optimizer;
  const corrections = [1 - beta1 ** count, 1 - beta2 ** count] as const;
  for (const [k, g] of gradient.entries()) {
    switch (kind) {
      case "sgd":
        addTo(value, k, -eta * g);
        break;
      case "momentum":
        firstMoment[k] = beta1 * at(firstMoment, k) + g;
        addTo(value, k, -eta * at(firstMoment, k));
        break;
      case "adam": {
        firstMoment[k] = beta1 * at(firstMoment, k) + (1 - beta1) * g;
        secondMoment[k] = beta2 * at(secondMoment, k) + (1 - beta2) * g ** 2;
        const mean = at(firstMoment, k) / corrections[0];
        const square = at(secondMoment, k) / corrections[1];
        addTo(value, k, (-eta * mean) / (Math.sqrt(square) + epsilon));
        break;
      }
      case "accumulate":
        addTo(firstMoment, k, g);
    }
    if (kind !== "accumulate") value[k] = Math.max(at(value, k), least);
  }
}
