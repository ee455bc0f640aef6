/**
 * Twin of the kernel `neurons`, in its two halves. Between them lies the border of a step: the first half finishes
 * step k - 1, the second begins step k.
 */

import type { Errors, Population } from "../spec.ts";
import { activate, activationSlope } from "./activation.ts";
import { addTo, at } from "./array.ts";
import { addCost } from "./cost.ts";

/** One value per batch row and neuron, [batch][neurons]. All start at 0, the slope included. */
export interface NeuronState {
  /** u */
  readonly potential: Float64Array;
  /** du/dt of the last step. */
  readonly potentialDerivative: Float64Array;
  /** phi(u + tauR du/dt) */
  readonly rate: Float64Array;
  /** phi'(u + tauR du/dt) */
  readonly slope: Float64Array;
  /** v */
  readonly lowPassedError: Float64Array;
  /** e */
  readonly error: Float64Array;
  /** Input W r + b, before the error is added. */
  readonly current: Float64Array;
  /** W^T e, summed over the outgoing projections. */
  readonly feedback: Float64Array;
}

export function createNeuronState(values: number): NeuronState {
  const zeros = (): Float64Array => new Float64Array(values);
  return {
    potential: zeros(),
    potentialDerivative: zeros(),
    rate: zeros(),
    slope: zeros(),
    lowPassedError: zeros(),
    error: zeros(),
    current: zeros(),
    feedback: zeros(),
  };
}

/** Integrates the potential over one dt from the step's current and error; look-ahead, rate and slope. */
export function finishNeurons(population: Population, state: NeuronState, dt: number): void {
  const { size, tauM, tauR, gamma, activation } = population;
  for (let i = 0; i < state.potential.length; i++) {
    const u = at(state.potential, i);
    const derivative = (at(state.current, i) + gamma * at(state.error, i) - u) / at(tauM, i % size);
    const lookAhead = u + at(tauR, i % size) * derivative;
    state.potentialDerivative[i] = derivative;
    state.potential[i] = u + dt * derivative;
    state.rate[i] = activate(activation, lookAhead);
    state.slope[i] = activationSlope(activation, lookAhead);
  }
}

export interface Beginning {
  readonly dt: number;
  readonly errors: Errors;
  /** [batch][neurons] for squared error, [batch] classes for cross-entropy; null if there is none. */
  readonly target: Float64Array | null;
}

/**
 * Turns the feedback of the last step, and the cost of its rates against this step's target, into this step's error.
 * Returns the cost, summed over neurons, mean over batch rows; null without a target.
 */
export function beginNeurons(
  population: Population,
  state: NeuronState,
  { dt, errors, target }: Beginning,
): number | null {
  const { size, tauM, tauR, cost } = population;
  const topDown = Float64Array.from(state.feedback);
  const value = cost === null || target === null ? null : addCost(cost, state.rate, target, size, topDown);
  if (errors === "none") return value;
  for (const [i, signal] of topDown.entries()) {
    const alpha = at(state.slope, i) * signal;
    if (errors === "instantaneous") {
      state.error[i] = alpha;
      state.lowPassedError[i] = alpha;
    } else {
      const v = at(state.lowPassedError, i);
      const derivative = (alpha - v) / at(tauR, i % size);
      state.error[i] = v + at(tauM, i % size) * derivative;
      addTo(state.lowPassedError, i, dt * derivative);
    }
  }
  return value;
}
