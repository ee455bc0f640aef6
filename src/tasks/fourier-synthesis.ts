/**
 * Fourier synthesis: a sawtooth is to be made of fifty sines, as in Fig. 2a of Haider et al., "Latent Equilibrium", NeurIPS
 * 2021, and its published code: frequencies 10 to 500 Hz of height 1 that all start at 0, a sawtooth of period 50 ms
 * that rises from -1 to 1, 600 ms in steps of 0.005 ms, of which the first two thirds are learnt. Plain functions of the
 * step, so nothing is drawn.
 */

import { SpecError } from "../errors.ts";
import type { Samples, TaskData } from "./samples.ts";
import { allocateInputs, between, readOptions } from "./task-options.ts";

const TASK = "fourierSynthesis";

export interface FourierSynthesisOptions {
  /** Milliseconds of a step. Default 0.005. */
  readonly dt?: number;
  /** Steps in all. Default 120,000. */
  readonly steps?: number;
  /** Of them, those in which the network learns. Default 80,000, or two thirds. */
  readonly learned?: number;
  /** Sines, of 10, 20, 30, ... Hz. Default 50. */
  readonly sines?: number;
  /** Milliseconds of a period of the sawtooth. Default 50. */
  readonly period?: number;
}

export interface FourierSynthesis {
  /** Milliseconds. */
  readonly dt: number;
  readonly steps: number;
  readonly learned: number;
  /** Hz, one for each input. */
  readonly frequencies: readonly number[];
  /** `count` steps from step `first` on, [step][sine]. */
  readonly inputs: (first: number, count: number) => Float32Array;
  /** Of the same steps, [step]. */
  readonly targets: (first: number, count: number) => Float32Array;
}

/** Milliseconds of the membrane time constant of the published network, 50-30-1. */
export const FOURIER_SYNTHESIS_TAU = 10;
const LOWEST = 10;
/** Of the milliseconds of `dt` and `period`. */
const TIMES = between(1e-6, 1e6);

/**
 * The streams, made piece by piece as they are asked for.
 *
 * @throws SpecError for an option that is not valid; what it gives, for steps that are not among those of the run.
 */
export function createFourierSynthesis(options: FourierSynthesisOptions = {}): FourierSynthesis {
  const read = readOptions(options, TASK, ["dt", "steps", "learned", "sines", "period"]);
  const dt = read.number("dt", TIMES, 0.005);
  const steps = read.integer("steps", 2, 1e9, 120_000);
  const learned = read.integer("learned", 1, steps - 1, Math.floor((2 * steps) / 3));
  const sines = read.integer("sines", 1, 1000, 50);
  const period = read.number("period", TIMES, 50);
  const frequencies = Array.from({ length: sines }, (_, index) => LOWEST * (index + 1));
  const inputs = (first: number, count: number): Float32Array => {
    requireSteps(first, count, steps);
    const values = allocateInputs(TASK, 1, count, sines);
    for (let i = 0; i < count; i++) {
      // Whole turns are left out before the sine, whose error grows with its angle.
      const turns = ((first + i) * dt * LOWEST) / 1000;
      for (let k = 0; k < sines; k++) values[i * sines + k] = Math.sin(2 * Math.PI * (((k + 1) * turns) % 1));
    }
    return values;
  };
  const targets = (first: number, count: number): Float32Array => {
    requireSteps(first, count, steps);
    return Float32Array.from({ length: count }, (_, i) => 2 * ((((first + i) * dt) / period) % 1) - 1);
  };
  return { dt, steps, learned, frequencies, inputs, targets };
}

/**
 * The whole run as two sequences: the steps that are learnt and those behind them, which go on where the first end. A frame
 * is a step.
 *
 * @throws SpecError for an option that is not valid.
 */
export function fourierSynthesisData(options: FourierSynthesisOptions = {}): TaskData {
  const { inputs, targets, steps, learned, frequencies } = createFourierSynthesis(options);
  const piece = (first: number, frames: number): Samples => ({
    count: 1,
    frames,
    channels: frequencies.length,
    inputs: inputs(first, frames),
    answers: { kind: "values", outputs: 1, targets: targets(first, frames) },
  });
  return { train: piece(0, learned), validation: null, test: piece(learned, steps - learned), classes: null };
}

function requireSteps(first: number, count: number, steps: number): void {
  const isRange = Number.isSafeInteger(first) && Number.isSafeInteger(count) && first >= 0 && count >= 0;
  if (isRange && first + count <= steps) return;
  const problem = `from ${first}, ${count} of them, are not among the ${steps}; ask for fewer.`;
  throw new SpecError(`${TASK}.steps`, problem, { first, count, steps });
}
