/** Learning rates and ends of trainings over epochs. Pure; what they remember is plain data, so that it can be kept. */

import type { Experiment, RateSchedule } from "../tasks/experiments.ts";
import { etaAt } from "./schedule.ts";

/**
 * Factor of the optimiser's rate, common to all seeds.
 * @param epoch from 0, with the part of it that is done: 2.5 is the middle of the third.
 */
export function rateFactor(schedule: RateSchedule, epoch: number, epochs: number): number {
  switch (schedule.kind) {
    case "constant":
    case "plateau":
      return 1;
    case "step": {
      const { factor, after, every } = schedule;
      return epoch < after ? 1 : factor ** (1 + Math.floor((Math.floor(epoch) - after) / every));
    }
    case "exponential":
      return etaAt({ eta: 1, hold: schedule.hold, final: schedule.final }, epoch / epochs);
  }
}

/** What a plateau schedule remembers of a seed. */
export interface Plateau {
  /** Lowest loss; null: none yet. */
  readonly best: number | null;
  /** Epochs in a row without a lower one. */
  readonly bad: number;
  /** Factor of the rate. */
  readonly scale: number;
}

export const noPlateau: Plateau = { best: null, bad: 0, scale: 1 };

/** After an epoch with this loss. @param eta the optimiser's. */
export function afterLoss(schedule: RateSchedule, plateau: Plateau, loss: number, eta: number): Plateau {
  if (schedule.kind !== "plateau") return plateau;
  const { factor, patience, threshold, epsilon } = schedule;
  const { best, scale } = plateau;
  // What is no number is never lower, nor is anything lower than it.
  if (best === null ? !Number.isNaN(loss) : loss < best * (1 - threshold)) return { best: loss, bad: 0, scale };
  const bad = plateau.bad + 1;
  if (bad <= patience) return { best, bad, scale };
  const lower = scale * factor;
  return { best, bad: 0, scale: eta * (scale - lower) > epsilon ? lower : scale };
}

/** The best score of a seed, and how long ago it was. */
export interface Best {
  readonly epoch: number;
  readonly score: number;
}

/** @param isHigherBetter of accuracies, not of errors. Ties count for the earlier epoch; what is no number is never best. */
export function betterOf(best: Best | null, epoch: number, score: number, isHigherBetter: boolean): Best | null {
  const isBetter = best === null ? !Number.isNaN(score) : isHigherBetter ? score > best.score : score < best.score;
  return isBetter ? { epoch, score } : best;
}

/** Whether a training ends after `epoch`, from 0. */
export function isExhausted({ earlyStop }: Pick<Experiment, "earlyStop">, best: Best | null, epoch: number): boolean {
  return earlyStop !== null && epoch - (best?.epoch ?? -1) >= earlyStop.patience;
}
