/**
 * The exact gradient of the integrator over a window of steps: its discrete adjoint (docs/theory.md, "The exact adjoint").
 * Weights, biases and time constants do not change within a window, and errors do not act on the neurons.
 */

import type { Network } from "../spec.ts";
import { at } from "./array.ts";
import { presynaptic, type Link, type Parts, type Unit } from "./parts.ts";
import { addColumnSums, addFeedback, addOuter } from "./synapses.ts";

/** What the way back needs of a step. */
export interface Frame {
  readonly units: readonly {
    readonly slope: Float64Array;
    readonly derivative: Float64Array;
    /** -d cost / d r of the cost that this step compared. */
    readonly pull: Float64Array;
  }[];
  /** Rates that entered each projection. */
  readonly presynaptic: readonly Float64Array[];
}

/** To be called at the end of a step. */
export function keepFrame({ units, links }: Parts, entered: readonly Float64Array[]): Frame {
  return {
    units: units.map(({ state, pull }) => ({
      slope: state.slope.slice(),
      derivative: state.potentialDerivative.slice(),
      pull: pull.slice(),
    })),
    presynaptic: links.map((_, index) => (entered[index] ?? new Float64Array(0)).slice()),
  };
}

/** Copies of what enters each projection: to be made before anything of it is overwritten. */
export function enteringRates({ links }: Parts, schedule: Network["schedule"]): Float64Array[] {
  return links.map((link) => presynaptic(link, schedule).slice());
}

/** Fills the gradients of all parameters, the adjoints and the gradients of the initial potentials. */
export function goBack(parts: Parts, network: Network, frames: readonly Frame[]): void {
  const { units, links, batch } = parts;
  for (const unit of units) {
    unit.adjoint = new Float64Array(frames.length * unit.pull.length);
    unit.adjointTopDown = new Float64Array(frames.length * unit.pull.length);
    unit.potentialGradient.fill(0);
    for (const { gradient } of [unit.bias, unit.tauM, unit.tauR]) gradient.fill(0);
  }
  for (const { weights } of links) weights.gradient.fill(0);
  for (let k = frames.length - 1; k >= 0; k--) {
    for (const level of [...parts.levels].reverse()) {
      for (const unit of level) backStep(parts, network, frames, k, unit);
    }
    links.forEach(({ weights, to }, index) => {
      const entered = frames[k]?.presynaptic[index] ?? new Float64Array(0);
      addOuter(weights.gradient, stepOf(to, to.adjoint, k), entered, batch, -1 / batch);
    });
    units.forEach((unit, index) => {
      const derivative = frames[k]?.units[index]?.derivative;
      const [lambda, alpha] = [stepOf(unit, unit.adjoint, k), stepOf(unit, unit.adjointTopDown, k)];
      addColumnSums(unit.bias.gradient, lambda, -1 / batch);
      addColumnSums(unit.tauM.gradient, lambda, 1 / batch, derivative);
      addColumnSums(unit.tauR.gradient, alpha, -1 / batch, derivative);
    });
  }
  // So far they hold the momenta of the first step.
  for (const { potentialGradient } of units) {
    for (const [i, p] of potentialGradient.entries()) potentialGradient[i] = -p / batch;
  }
}

/** alpha, lambda and the momentum of one population in step k; those of later steps and higher levels are there. */
function backStep(
  { units, links, batch }: Parts,
  { schedule, dt }: Network,
  frames: readonly Frame[],
  k: number,
  unit: Unit,
): void {
  const { population, tau, potentialGradient: momentum } = unit;
  const index = units.indexOf(unit);
  // In jacobi the cost of these rates is compared in the next step, if that is still in the window.
  const pull = frames[schedule === "jacobi" ? k + 1 : k]?.units[index]?.pull;
  const topDown = pull?.slice() ?? new Float64Array(momentum.length);
  for (const link of links) {
    if (link.from === unit && k + link.projection.delay < frames.length) addConsumer(link, k, topDown, batch);
  }
  const slope = frames[k]?.units[index]?.slope ?? new Float64Array(0);
  const [lambda, alpha] = [stepOf(unit, unit.adjoint, k), stepOf(unit, unit.adjointTopDown, k)];
  for (const [i, signal] of topDown.entries()) {
    const neuron = i % population.size;
    const ratio = at(tau.tauR, neuron) / at(tau.tauM, neuron);
    const a = dt / at(tau.tauM, neuron);
    const p = at(momentum, i);
    alpha[i] = at(slope, i) * signal;
    lambda[i] = ratio * at(alpha, i) + a * p;
    momentum[i] = (1 - a) * p + (1 - ratio) * at(alpha, i);
  }
}

/** Adds what the receiver of a projection, `delay` steps later, would gain from these rates. */
function addConsumer({ weights, projection, to }: Link, k: number, topDown: Float64Array, batch: number): void {
  addFeedback(weights.value, stepOf(to, to.adjoint, k + projection.delay), topDown, batch);
}

/** One step of [step][batch][neurons], not copied. */
function stepOf({ pull }: Unit, trajectory: Float64Array, k: number): Float64Array {
  return trajectory.subarray(k * pull.length, (k + 1) * pull.length);
}
