/** Ready-made trainings on sequences that are made here: a teacher's, a chaotic curve, and tasks of memory. */

import { layered, type LayerSpec, type NetworkSpec } from "../spec.ts";
import type { Experiment } from "./experiments.ts";
import { experimentNamed, startOf, studentOf, weightsOf } from "./teacher-student.ts";

const ADAM = { kind: "adam", eta: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;
/** Full rate, then down to a fiftieth of it. */
const ANNEALED = { kind: "exponential", hold: 0.5, final: 0.02 } as const;

const teacher = experimentNamed("lagnet");
const start = startOf(teacher, teacher.seed);

/** Five neurons, of which two weights learn, from the published start; the teacher's are -0.5 and 1. */
export const lagnet: Experiment = {
  name: "lagnet",
  title: "A student of five neurons",
  sentence: "The bottom weights of a small net learn from a teacher, through a path of fast neurons and one that lags.",
  network: studentOf(teacher, { rule: "local", schedule: "jacobi" }, start),
  weights: weightsOf(teacher, start).map(({ between, values }) => ({ ...between, values })),
  task: { name: "lag-net" },
  presentation: { stepsPerFrame: 1, interpolation: "hold" },
  comparedSteps: null,
  // The teacher answers from rest.
  state: "reset",
  rule: "local",
  window: null,
  optimizer: { kind: "momentum", eta: 2e-4, mu: 0.9 },
  schedule: { kind: "constant" },
  batch: 4,
  epochs: 10,
  earlyStop: null,
  seeds: [0],
  shuffle: 0,
};

/** A quarter of the neurons without lag, the others with memories of several lengths. */
const MIXED: LayerSpec = { size: 64, tauM: [8, 4, 8, 16], tauR: [8, 1, 1, 1], activation: "tanh" };

const LONG: LayerSpec = { ...MIXED, tauM: [8, 8, 16, 32] };

/** A benchmark of ours: six units ahead of a chaotic curve. */
export const mackeyGlass: Experiment = {
  name: "mackey-glass",
  title: "Mackey-Glass, six units ahead",
  sentence: "A network sees a chaotic curve, and tells at every moment what it will be six units of time later.",
  network: layered({
    dt: 1,
    input: 1,
    hidden: [MIXED, MIXED],
    output: { size: 1, tauM: 4, tauR: 4, activation: "linear" },
    cost: { kind: "squared-error" },
  }),
  task: { name: "mackey-glass", options: { train: 256, validation: 32, test: 32 } },
  presentation: { stepsPerFrame: 1, interpolation: "hold" },
  comparedSteps: null,
  state: "carried",
  rule: "local",
  window: null,
  optimizer: ADAM,
  schedule: ANNEALED,
  batch: 16,
  epochs: 20,
  earlyStop: null,
  seeds: [1],
  shuffle: 0,
};

/** Memories that are too short. Sixteen neurons, as synapses keep a trace for each time constant that learns. */
const TOO_SHORT: LayerSpec = { ...MIXED, size: 16, tauM: [8, 2.5, 2.5, 2.5], plasticTauM: true };

/** Ours: memories begin too short and learn. What learns is held at 10 dt or above, so a step is a quarter of a unit. */
export const learnedMemory: Experiment = {
  ...mackeyGlass,
  name: "learned-memory",
  title: "Mackey-Glass, with memories that learn",
  sentence: "A network predicts a chaotic curve. Its memories are too short at first, and it lengthens them.",
  network: layered({
    dt: 0.25,
    input: 1,
    hidden: [TOO_SHORT, TOO_SHORT],
    output: { size: 1, tauM: 4, tauR: 4, activation: "linear" },
    cost: { kind: "squared-error" },
  }),
  task: { name: "mackey-glass", options: { train: 128, validation: 32, test: 32 } },
  presentation: { stepsPerFrame: 4, interpolation: "linear" },
  rule: "matched traces",
  epochs: 6,
};

/** Ours: bits are gone when their error arrives, so synapses must remember what they passed on. */
export const delayedXor: Experiment = {
  ...mackeyGlass,
  name: "delayed-xor",
  title: "Delayed exclusive or",
  sentence: "A network sees two bits, one after the other, and at a cue tells whether they differ.",
  network: layered({
    dt: 1,
    input: 2,
    hidden: [MIXED, MIXED],
    output: { size: 2, tauM: 4, tauR: 4, activation: "linear" },
    cost: { kind: "cross-entropy" },
  }),
  task: { name: "delayed-xor", options: { train: 800 } },
  rule: "matched traces",
  epochs: 30,
};

/** Ours: likewise, with symbols that must be told in their order. */
export const copyRecall: Experiment = {
  ...delayedXor,
  name: "copy-recall",
  title: "Copy and recall",
  sentence: "A network sees three symbols, one after the other, and at a cue names them in their order.",
  network: layered({
    dt: 1,
    input: 5,
    hidden: [
      { ...LONG, size: 96 },
      { ...LONG, size: 96 },
    ],
    output: { size: 4, tauM: 4, tauR: 4, activation: "linear" },
    cost: { kind: "cross-entropy" },
  }),
  task: { name: "copy-recall", options: { train: 1600, validation: 200, test: 200 } },
  epochs: 12,
};

/**
 * A population that projects to itself. Local errors are amplified by up to tauM / tauR each time they go round, so that times
 * the gain of the recurrent weights must stay below 1: with memories of 32 and tauR 1 it diverged within 40 steps.
 */
function recurrentNetwork(size: number): NetworkSpec {
  return {
    dt: 1,
    sources: [{ name: "input", size: 1 }],
    populations: [
      { name: "recurrent", size, tauM: [8, 4, 8, 16], tauR: [8, 2, 4, 8], activation: "tanh" },
      { name: "output", size: 1, tauM: 4, tauR: 4, activation: "linear", cost: { kind: "squared-error" } },
    ],
    projections: [
      { from: "input", to: "recurrent" },
      { from: "recurrent", to: "recurrent", init: { kind: "uniform", scale: 0.5 } },
      { from: "recurrent", to: "output" },
    ],
  };
}

/**
 * Its 16.8 million weights and Adam's moments take 0.2 GB; it is sized for a GPU. A step of Adam moves every weight of a neuron
 * by eta, and what the neuron receives by up to eta times their number. With 256 neurons it learned
 * where that product was 8e-3, and diverged at 3e-2.
 */
export const recurrentLarge: Experiment = {
  ...mackeyGlass,
  name: "recurrent-large",
  title: "Mackey-Glass with 4,096 recurrent neurons",
  sentence:
    "A network of 16.8 million recurrent weights predicts a chaotic curve. It takes a GPU, and 0.3 GB of its memory.",
  network: recurrentNetwork(4096),
  optimizer: { ...ADAM, eta: 2e-6 },
  epochs: 10,
};
