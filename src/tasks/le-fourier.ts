/**
 * The network that learns Fourier synthesis as in Fig. 2a of Latent Equilibrium (Haider et al., NeurIPS 2021), and the same
 * without look-ahead (ours, for comparison). Sizes, time constants and rates are those of the published code; what is
 * known to differ is in `DIFFERENCES`.
 */

import { SpecError } from "../errors.ts";
import { layered, type LearningSpec, type NetworkSpec } from "../spec.ts";
import { createFourierSynthesis, FOURIER_SYNTHESIS_TAU, type FourierSynthesis } from "./fourier-synthesis.ts";

export type SynthesisNetwork = "look-ahead" | "no look-ahead";

export const SYNTHESIS_NETWORKS: readonly SynthesisNetwork[] = ["look-ahead", "no look-ahead"];

/** What is not published says so. */
export const SYNTHESIS_NETWORK_NAMES: Readonly<Record<SynthesisNetwork, string>> = {
  "look-ahead": "with look-ahead (published)",
  "no look-ahead": "without look-ahead (ours)",
};

export const SYNTHESIS_TITLE = "Fourier synthesis: a sawtooth made of fifty sines";
export const SYNTHESIS_SENTENCE =
  "A network learns while its input goes by, and is then left alone. With look-ahead it has no lag, whatever its membranes.";

/** Of the published code's run, whose random numbers are others. */
export const SYNTHESIS_SEED = 1234;
export const SYNTHESIS_STEPS = 120_000;
/** Too short to learn it well. */
export const SYNTHESIS_QUICK_STEPS = 30_000;
/** Steps of a run are a multiple: thirds of it, blocks, and sixths that are shown. */
export const SYNTHESIS_UNIT = 6000;
const HIDDEN = 30;
/** Per millisecond, as the published code has it. */
const RATE = 0.25;
const BETA = 0.1;
/** How strongly errors act on the membranes while they teach. */
const GAMMA = 1;
const OUTPUT_NAME = "output";

/** What the published code does otherwise, as far as it is known to us. */
export const DIFFERENCES: readonly string[] = [
  "there the error enters the membrane with the sign opposite to a nudge; here it pulls the output to the target",
  "there an error sent down is one step older, computed anew from the potential; here it is that of the step before",
  "weights are drawn uniformly within 1 / sqrt(fan-in) from our own random numbers; theirs are not known to us",
];

/** The streams of a run of so many steps. @throws SpecError */
export function synthesisOf(steps: number): FourierSynthesis {
  if (!Number.isSafeInteger(steps) || steps <= 0 || steps % SYNTHESIS_UNIT !== 0) {
    const nearest = Math.max(1, Math.round(steps / SYNTHESIS_UNIT) || 1) * SYNTHESIS_UNIT;
    throw new SpecError("steps", `is ${steps}; expected a multiple of ${SYNTHESIS_UNIT}, such as ${nearest}.`);
  }
  return createFourierSynthesis({ steps, learned: (2 * steps) / 3 });
}

export function synthesisNetwork(kind: SynthesisNetwork, { dt, frequencies }: FourierSynthesis): NetworkSpec {
  // The least look-ahead that there is: a plain leaky integrator.
  const neurons = { tauM: FOURIER_SYNTHESIS_TAU, tauR: kind === "look-ahead" ? FOURIER_SYNTHESIS_TAU : dt };
  return layered({
    dt,
    input: frequencies.length,
    hidden: [{ size: HIDDEN, ...neurons, gamma: GAMMA, activation: "tanh" }],
    output: { name: OUTPUT_NAME, size: 1, ...neurons, gamma: GAMMA, activation: "linear" },
    cost: { kind: "squared-error", beta: BETA },
  });
}

/** Without look-ahead errors do not look ahead either: they would be amplified 2000 times. */
export function synthesisLearning(kind: SynthesisNetwork, { dt }: FourierSynthesis): LearningSpec {
  const errors = kind === "look-ahead" ? "local" : "instantaneous";
  return { errors, optimizer: { kind: "sgd", eta: RATE * dt } };
}

/** How well an output is its target. */
export interface Fit {
  /** Mean of the squared error. */
  readonly error: number;
  readonly correlation: number;
}

/** Values that are all alike have the correlation 0. */
export function fitOf(output: ArrayLike<number>, target: ArrayLike<number>): Fit {
  const values = Array.from(output);
  const wanted = Array.from(target);
  const meanOf = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
  const [middle, wantedMiddle] = [meanOf(values), meanOf(wanted)];
  const products = (a: readonly number[], ofA: number, b: readonly number[], ofB: number): number =>
    meanOf(a.map((value, i) => (value - ofA) * ((b[i] ?? NaN) - ofB)));
  const both = products(values, middle, wanted, wantedMiddle);
  const scale = Math.sqrt(
    products(values, middle, values, middle) * products(wanted, wantedMiddle, wanted, wantedMiddle),
  );
  return {
    error: meanOf(values.map((value, i) => (value - (wanted[i] ?? NaN)) ** 2)),
    correlation: scale === 0 ? 0 : both / scale,
  };
}

/**
 * The squared error of the best sum of the sines themselves, which takes no network: the sawtooth of period T is
 * -2/pi times the sum over n of sin(2 pi n t / T) / n, and those n are missing whose frequency is not among the sines.
 */
export function bestSumOfSines({ frequencies }: FourierSynthesis, period = 50): number {
  const present = frequencies.map((frequency) => (frequency * period) / 1000).filter(Number.isInteger);
  const known = present.reduce((sum, n) => sum + 1 / n ** 2, 0);
  return (2 / Math.PI ** 2) * (Math.PI ** 2 / 6 - known);
}

/**
 * Error after learning of a run of full length with look-ahead: what our reference in f64 came to from six starts,
 * widened. The published figure has no number.
 */
export const EXPECTED_ERROR: readonly [least: number, most: number] = [0.0075, 0.015];
