/**
 * Twins of the kernels of one projection: `synapses` is `propagate` and then `learn`, so that both products use the
 * weights before the update.
 */

import type { Optimizer } from "../spec.ts";
import { addScaled, addTo, at, dot, row } from "./array.ts";

/** A parameter block and the moments of its optimiser: [post][pre] for weights, [neurons] for biases. */
export interface Parameters {
  readonly value: Float64Array;
  readonly firstMoment: Float64Array;
  readonly secondMoment: Float64Array;
}

export function createParameters(initial: ArrayLike<number>): Parameters {
  const value = Float64Array.from(initial);
  return { value, firstMoment: new Float64Array(value.length), secondMoment: new Float64Array(value.length) };
}

/** The update number `count` (from 1) of an optimiser. */
export interface Update {
  readonly optimizer: Optimizer;
  readonly count: number;
}

export interface Ends {
  readonly pre: number;
  readonly post: number;
  readonly batch: number;
  /** Rates that enter the projection, [batch][pre]. */
  readonly rate: Float64Array;
  /** Errors of the neurons it ends at, [batch][post]. */
  readonly error: Float64Array;
  /** Receives += W r, [batch][post]. */
  readonly current: Float64Array;
  /** Receives += W^T e, [batch][pre]. */
  readonly feedback: Float64Array;
}

/** One projection, one step; `update` is null if its weights stay. */
export function synapses(weights: Parameters, ends: Ends, update: Update | null): void {
  propagate(weights, ends);
  if (update !== null) learn(weights, ends, update);
}

/** Adds W r to the current and W^T e to the feedback. */
export function propagate({ value }: Parameters, { pre, post, batch, rate, error, current, feedback }: Ends): void {
  for (let lane = 0; lane < batch; lane++) {
    for (let i = 0; i < post; i++) {
      const weights = row(value, i, pre);
      addTo(current, lane * post + i, dot(weights, row(rate, lane, pre)));
      addScaled(row(feedback, lane, pre), weights, at(error, lane * post + i));
    }
  }
}

/** One optimiser step of the weights with the gradient -e r^T, mean over the batch. */
export function learn(weights: Parameters, { pre, post, batch, rate, error }: Ends, update: Update): void {
  for (let i = 0; i < post; i++) {
    const gradient = new Float64Array(pre);
    for (let lane = 0; lane < batch; lane++) {
      addScaled(gradient, row(rate, lane, pre), -at(error, lane * post + i) / batch);
    }
    descend(rowOf(weights, i, pre), gradient, update);
  }
}

function rowOf({ value, firstMoment, secondMoment }: Parameters, index: number, length: number): Parameters {
  return {
    value: row(value, index, length),
    firstMoment: row(firstMoment, index, length),
    secondMoment: row(secondMoment, index, length),
  };
}

/** Writes the biases into the currents [batch][neurons], then updates them from the errors of the same shape. */
export function biases(bias: Parameters, error: Float64Array, current: Float64Array, update: Update | null): void {
  const size = bias.value.length;
  const batch = error.length / size;
  const gradient = new Float64Array(size);
  for (let lane = 0; lane < batch; lane++) {
    row(current, lane, size).set(bias.value);
    addScaled(gradient, row(error, lane, size), -1 / batch);
  }
  if (update !== null) descend(bias, gradient, update);
}

/** One optimiser step. */
function descend(parameters: Parameters, gradient: Float64Array, { optimizer, count }: Update): void {
  const { value, firstMoment, secondMoment } = parameters;
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
  }
}
