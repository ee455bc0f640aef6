/** Ready-made trainings on recordings of speech, which come from folders that the user names. */

import { layered } from "../spec.ts";
import type { Experiment } from "./experiments.ts";

const repeat = (value: number, count: number): number[] => Array.from({ length: count }, () => value);
const CROSS_ENTROPY = { kind: "cross-entropy", beta: 1 } as const;

const WIDE = { kind: "uniform", scale: 1.7 } as const;
/** 21 neurons that look as far ahead as they lag, 43 that remember. Time is in frames, 12.5 ms each. */
const SPOKEN = {
  size: 64,
  tauM: [...repeat(2, 21), ...repeat(0.6, 11), ...repeat(1.2, 11), ...repeat(1.8, 11), ...repeat(2.4, 10)],
  tauR: [...repeat(2, 21), ...repeat(0.25, 43)],
  activation: "tanh",
  init: WIDE,
  bias: { init: WIDE },
} as const;

/** A demonstration on real speech. Local and instantaneous errors do equally well here, so it compares neither. */
export const spokenDigits: Experiment = {
  name: "spoken-digits",
  title: "Spoken digits",
  sentence: "A network hears recordings of the Free Spoken Digit Dataset, and names the digit.",
  network: layered({
    dt: 0.25,
    input: 20,
    hidden: [SPOKEN, SPOKEN, SPOKEN],
    output: { size: 10, tauM: 2, tauR: 2, activation: "linear", init: WIDE, bias: { init: WIDE } },
    cost: CROSS_ENTROPY,
  }),
  // The published parts: takes 0 to 4 test, all others train.
  task: { name: "spoken-digits", options: { validationTakes: null } },
  presentation: { stepsPerFrame: 4, interpolation: "linear" },
  comparedSteps: null,
  state: "carried",
  rule: "local",
  window: null,
  optimizer: { kind: "adam", eta: 5e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  schedule: { kind: "exponential", hold: 0.3, final: 0.02 },
  batch: 32,
  epochs: 5,
  earlyStop: null,
  seeds: [1],
  shuffle: 0,
};

/** The published configuration: 1,160,262 parameters. Each epoch draws its sounds anew, with noise and shifts. */
const GSC_TAU_M = [2.4, 0.6, 1.2, 1.8, 2.4];
const GSC_HIDDEN = { size: 750, tauM: GSC_TAU_M, tauR: [2.4, 0.1, 0.1, 0.1, 0.1] } as const;

export const speechCommands: Experiment = {
  name: "gsc",
  title: "Google Speech Commands",
  sentence: "A large network hears a second of sound, and tells which of ten words it is, another one, or silence.",
  network: layered({
    dt: 0.05,
    input: 32,
    hidden: (["linear", "tanh", "tanh"] as const).map((activation) => ({ ...GSC_HIDDEN, activation })),
    output: { size: 12, tauM: 2.4, tauR: 2.4, activation: "linear" },
    cost: CROSS_ENTROPY,
  }),
  task: { name: "speech-commands" },
  presentation: { stepsPerFrame: 20, interpolation: "linear" },
  comparedSteps: null,
  state: "carried",
  rule: "local",
  window: null,
  // 5e-4 dt (16,000 / 512 / dt) / 800.
  optimizer: { kind: "adam", eta: 1.953125e-5, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  schedule: { kind: "plateau", factor: 0.9, patience: 3, threshold: 1e-4, epsilon: 1e-20 },
  batch: 256,
  epochs: 420,
  earlyStop: null,
  seeds: [1, 2, 3, 5, 7, 8, 12, 113, 114, 115],
  shuffle: 0,
};
