/**
 * Twin of the kernel `neurons`, in its two halves: the first integrates the potential and gives the rate, the second turns
 * what comes from above into an error.
 */

import type { Learning, Population } from "../spec.ts";
import { activate, activationSlope } from "./activation.ts";
import { addTo, at } from "./array.ts";

/** One value per batch row and neuron, [batch][neurons]. All start at 0, the slope included. */
export interface NeuronState {
  /** u */
  readonly potential: Float64Array;
  /** du/dt of the last step. */
  readonly potentialDerivative: Float64Array;
  /** phi(u + tauR du/dt) */
  readonly rate: Float64Array;
  /** The rate of the step before. */
  readonly previousRate: Float64Array;
  /** phi'(u + tauR du/dt) */
  readonly slope: Float64Array;
  /** alpha */
  readonly topDown: Float64Array;
  /** v */
  readonly lowPassedError: Float64Array;
  /** e */
  readonly error: Float64Array;
  /** Input W r + b, before the error is added. */
  readonly current: Float64Array;
  /** W^T e, summed over the outgoing projections. */
  readonly feedback: Float64Array;
  /** Running means of alpha^2 and of the published e^2, for the corrected gain. */
  readonly topDownPower: Float64Array;
  readonly errorPower: Float64Array;
}

export function createNeuronState(values: number): NeuronState {
  const zeros = (): Float64Array => new Float64Array(values);
  return {
    potential: zeros(),
    potentialDerivative: zeros(),
    rate: zeros(),
    previousRate: zeros(),
    slope: zeros(),
    topDown: zeros(),
    lowPassedError: zeros(),
    error: zeros(),
    current: zeros(),
    feedback: zeros(),
    topDownPower: zeros(),
    errorPower: zeros(),
  };
}

/** One value per neuron, which may learn. */
export interface TimeConstants {
  readonly tauM: Float64Array;
  readonly tauR: Float64Array;
}

/** Integrates the potential over one dt from the step's current and error; look-ahead, rate and slope. */
export function finishNeurons(
  { size, gamma, activation }: Population,
  state: NeuronState,
  { tauM, tauR }: TimeConstants,
  dt: number,
): void {
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

/** Bounds of the corrected gain, and the length of its running means in membrane time constants. */
export const GAIN_BOUNDS = [1e-3, 1] as const;
export const GAIN_MEMORY = 10;

/**
 * This step's error from alpha = slope (feedback + pull).
 *
 * @param pull what the cost adds to the feedback, [batch][neurons].
 * @param slope that of the last step, or an earlier one where lags are aligned.
 */
export function beginNeurons(
  { size }: Population,
  state: NeuronState,
  { tauM, tauR }: TimeConstants,
  pull: Float64Array,
  slope: Float64Array,
  { errors, gain }: Learning,
  dt: number,
): void {
  for (let i = 0; i < state.error.length; i++) {
    const alpha = at(slope, i) * (at(state.feedback, i) + at(pull, i));
    state.topDown[i] = alpha;
    if (errors === "instantaneous") {
      state.error[i] = alpha;
      state.lowPassedError[i] = alpha;
      continue;
    }
    const v = at(state.lowPassedError, i);
    const derivative = (alpha - v) / at(tauR, i % size);
    const e = v + at(tauM, i % size) * derivative;
    addTo(state.lowPassedError, i, dt * derivative);
    state.error[i] = gain === "corrected" ? e * correctedGain(state, i, alpha, e, dt / at(tauM, i % size)) : e;
  }
}

/** mean(alpha^2) / mean(e^2), both up to now. */
function correctedGain(state: NeuronState, i: number, alpha: number, e: number, dtOverTau: number): number {
  const weight = dtOverTau / GAIN_MEMORY;
  addTo(state.topDownPower, i, weight * (alpha ** 2 - at(state.topDownPower, i)));
  addTo(state.errorPower, i, weight * (e ** 2 - at(state.errorPower, i)));
  const power = at(state.errorPower, i);
  return power > 0 ? Math.min(Math.max(at(state.topDownPower, i) / power, GAIN_BOUNDS[0]), GAIN_BOUNDS[1]) : 1;
}
