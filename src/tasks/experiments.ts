/** Trainings over epochs of a data set as plain data: what a file of `npm run train` says, with every default filled in. */

import { SpecError } from "../errors.ts";
import type { LearningSpec, NetworkSpec, OptimizerSpec } from "../spec.ts";
import { suggestion } from "../spec/read.ts";
import {
  digitRows,
  mnist1d,
  mnist1d42k,
  mnist1dAnneal,
  mnist1dSmall,
  mnist1dStatic,
  yinYang,
} from "./experiments-digits.ts";
import { copyRecall, delayedXor, lagnet, learnedMemory, mackeyGlass, recurrentLarge } from "./experiments-sequences.ts";
import { speechCommands, spokenDigits } from "./experiments-speech.ts";
import { withReadOutOnly, type Rule } from "./presets.ts";
import type { TaskSpec } from "./tasks.ts";

/** How the frames of a sample become steps. */
export interface Presentation {
  readonly stepsPerFrame: number;
  /** "hold": each frame for its steps. "linear": values change linearly between the middles of the frames. */
  readonly interpolation: "hold" | "linear";
}

/** The learning rate in the course of a training, as a factor of the optimiser's. Epochs count from 0. */
export type RateSchedule =
  | { readonly kind: "constant" }
  /**
   * ReduceLROnPlateau of PyTorch: times `factor` when the loss has not gone below the best one, times 1 - `threshold`, for
   * more than `patience` epochs; not if the rate changed by `epsilon` or less.
   */
  | {
      readonly kind: "plateau";
      readonly factor: number;
      readonly patience: number;
      readonly threshold: number;
      readonly epsilon: number;
    }
  /** Times `factor` in epoch `after`, and again every `every` epochs. */
  | { readonly kind: "step"; readonly factor: number; readonly after: number; readonly every: number }
  /** Constant for the part `hold` of the training, then exponentially to `final`. */
  | { readonly kind: "exponential"; readonly hold: number; readonly final: number };

/** Weights of a projection that do not start at random, [post][pre]. */
export interface StartWeights {
  readonly from: string;
  readonly to: string;
  readonly values: readonly number[];
}

export interface Experiment {
  /** Of the run folder: letters, digits, hyphens. */
  readonly name: string;
  readonly title: string;
  readonly sentence: string;
  /** One source, and one population with a cost, which answers. */
  readonly network: NetworkSpec;
  /** Left out: all weights start as the network says. */
  readonly weights?: readonly StartWeights[];
  readonly task: TaskSpec;
  readonly presentation: Presentation;
  /** Last steps of a sample in which answers are compared; null: all. */
  readonly comparedSteps: number | null;
  /**
   * "carried": states go on from sample to sample, and between training and test. "reset": to 0 before every batch; or so in
   * some populations alone, which should be those that errors do not reach.
   */
  readonly state: "carried" | "reset" | { readonly reset: readonly string[] };
  readonly rule: Rule;
  /** Steps of a window of the rule "exact"; they divide those of a sample. Null: the whole sample. */
  readonly window: number | null;
  readonly optimizer: Exclude<OptimizerSpec, { readonly kind: "accumulate" }>;
  readonly schedule: RateSchedule;
  readonly batch: number;
  readonly epochs: number;
  /** Ends the training of a seed after so many epochs in a row without a better score. */
  readonly earlyStop: { readonly patience: number } | null;
  /** Of the initial parameters; one network for each. */
  readonly seeds: readonly number[];
  /** Seed of the order of samples, which is another one in each epoch and the same one for all networks. */
  readonly shuffle: number;
}

/** Steps of a sample of so many frames. */
export function stepsOf({ presentation }: Experiment, frames: number): number {
  return frames * presentation.stepsPerFrame;
}

/** The population that answers. */
export function outputOf({ network }: Pick<Experiment, "network">): string {
  return network.populations.find(({ cost }) => cost !== undefined)?.name ?? "";
}

/** The network and the learning with which the rule of an experiment trains. @param steps of a sample. */
export function setupOf(
  experiment: Experiment,
  steps: number,
): { readonly network: NetworkSpec; readonly learning: LearningSpec } {
  const { network, rule, optimizer, window } = experiment;
  switch (rule) {
    case "local":
      return { network, learning: { errors: "local", optimizer } };
    case "matched traces":
      return { network, learning: { errors: "local", traces: "matched", optimizer } };
    case "instantaneous":
      return { network, learning: { errors: "instantaneous", optimizer } };
    case "read-out only":
      return {
        network: withReadOutOnly(network, outputOf(experiment)),
        learning: { errors: "local", optimizer },
      };
    case "exact":
      return { network, learning: { errors: "adjoint", window: window ?? steps, optimizer } };
  }
}

// ---- ready-made ---------------------------------------------------------------------------------------------

export const experiments: readonly Experiment[] = [
  lagnet,
  yinYang,
  mackeyGlass,
  learnedMemory,
  delayedXor,
  copyRecall,
  mnist1dSmall,
  mnist1dAnneal,
  mnist1d,
  mnist1d42k,
  mnist1dStatic,
  digitRows,
  spokenDigits,
  speechCommands,
  recurrentLarge,
];

/** @throws SpecError that lists the names there are. */
export function trainingNamed(name: string): Experiment {
  const found = experiments.find((candidate) => candidate.name === name);
  if (found) return found;
  const names = experiments.map((each) => each.name);
  throw new SpecError(
    "preset",
    `is ${JSON.stringify(name)}; there are: ${names.join(", ")}.${suggestion(name, names)}`,
    {
      value: name,
    },
  );
}
