/** What answers are worth: sums over samples that can be kept and gone on with, and the figures that they come to. Pure. */

import type { Experiment } from "../tasks/experiments.ts";
import type { Samples } from "../tasks/samples.ts";
import { labelsOf, valuesOf, type Piece, type Shape } from "./batches.ts";

/** Sums of one network over some samples. Plain data. */
export interface Tally {
  /** Cost, and the steps and rows over which it is summed. */
  loss: number;
  compared: number;
  /** Decisions: one a sample, or one a frame that has a class of its own. */
  correct: number;
  counted: number;
  /** Of values: squared differences; the values told, and their squares. */
  squares: number;
  values: number;
  sum: number;
  sumOfSquares: number;
  /** Decisions by [class][answer], in a row; empty where answers are values. */
  readonly confusion: number[];
}

export interface Score {
  /** Cost with its beta, mean over compared steps and samples. */
  readonly loss: number;
  /** Part of the decisions that are right; null where answers are values. */
  readonly accuracy: number | null;
  /** Root of the mean squared error over the deviation of what was to be told; null where answers are classes. */
  readonly nrmse: number | null;
}

export function createTally(samples: Samples, { outputs }: Shape): Tally {
  const cells = samples.answers.kind === "values" ? 0 : outputs * outputs;
  const confusion = Array.from({ length: cells }, () => 0);
  return { loss: 0, compared: 0, correct: 0, counted: 0, squares: 0, values: 0, sum: 0, sumOfSquares: 0, confusion };
}

export function scoreOf(tally: Tally): Score {
  const { loss, compared, correct, counted, squares, values, sum, sumOfSquares } = tally;
  const variance = sumOfSquares / values - (sum / values) ** 2;
  return {
    loss: loss / compared,
    accuracy: values > 0 ? null : correct / counted,
    nrmse: values > 0 ? Math.sqrt(squares / values / variance) : null,
  };
}

/** What is compared between seeds and epochs, and whether more of it is better. */
export function meritOf({ accuracy, nrmse }: Score): { readonly score: number; readonly isHigherBetter: boolean } {
  return accuracy === null ? { score: nrmse ?? NaN, isHigherBetter: false } : { score: accuracy, isHigherBetter: true };
}

export interface Answered {
  /** Rates of the output over some batches, [step][replica][batch][output]. */
  readonly rates: Float32Array;
  readonly piece: Piece;
  /** The first of these batches in the piece. */
  readonly first: number;
  /** The cost that the device told, for each replica: mean over steps and rows. Null: it is taken from the rates. */
  readonly losses: readonly number[] | null;
}

/** Adds the answers to some batches to the tallies of the replicas. */
export function addAnswers(
  tallies: readonly Tally[],
  experiment: Experiment,
  shape: Shape,
  samples: Samples,
  { rates, piece, first, losses }: Answered,
): void {
  const { batch, steps, outputs } = shape;
  const rows = rates.length / (steps * tallies.length * outputs);
  const length = samples.answers.kind === "class" ? steps : steps / samples.frames;
  for (let own = 0; own < rows && first * batch + own < piece.counted; own++) {
    const sample = piece.samples[first * batch + own] ?? 0;
    const labels = labelsOf(experiment, shape, samples, sample);
    const values = labels === null ? valuesOf(experiment, shape, samples, sample) : null;
    const start = Math.floor(own / batch) * steps;
    tallies.forEach((tally, replica) => {
      const at = (step: number): number =>
        (((start + step) * tallies.length + replica) * batch + (own % batch)) * outputs;
      const answers: Own = { rates, at, shape, withLoss: losses === null };
      if (labels !== null) addDecisions(tally, answers, labels, length);
      if (values !== null) addValues(tally, answers, values);
    });
  }
  tallies.forEach((tally, replica) => {
    // The device has the mean over all steps, compared or not.
    if (losses !== null) tally.loss += (losses[replica] ?? NaN) * steps * rows;
  });
}

/** The rates of one sample in one network. */
interface Own {
  readonly rates: Float32Array;
  /** Place of the rates of a step. */
  readonly at: (step: number) => number;
  readonly shape: Shape;
  readonly withLoss: boolean;
}

/** A decision for every `length` steps: the largest of the sums of the outputs over those that are compared. */
function addDecisions(tally: Tally, own: Own, labels: Int32Array, length: number): void {
  const { outputs, beta } = own.shape;
  for (let first = 0; first < labels.length; first += length) {
    const sums = new Float64Array(outputs);
    let label = -1;
    for (let step = first; step < first + length; step++) {
      const wanted = labels[step] ?? -1;
      if (wanted < 0) continue;
      label = wanted;
      const at = own.at(step);
      for (let k = 0; k < outputs; k++) sums[k] = (sums[k] ?? 0) + (own.rates[at + k] ?? 0);
      tally.compared++;
      if (own.withLoss) tally.loss += beta * classCost(own, at, wanted);
    }
    if (label < 0) continue;
    const answer = sums.reduce((best, value, k) => (value > (sums[best] ?? 0) ? k : best), 0);
    tally.counted++;
    if (answer === label) tally.correct++;
    tally.confusion[label * outputs + answer] = (tally.confusion[label * outputs + answer] ?? 0) + 1;
  }
}

function classCost({ rates, shape: { outputs, targetsAre } }: Own, at: number, label: number): number {
  let cost = 0;
  if (targetsAre === "values") {
    for (let k = 0; k < outputs; k++) cost += (Number(k === label) - (rates[at + k] ?? 0)) ** 2 / 2;
    return cost;
  }
  let most = -Infinity;
  for (let k = 0; k < outputs; k++) most = Math.max(most, rates[at + k] ?? 0);
  for (let k = 0; k < outputs; k++) cost += Math.exp((rates[at + k] ?? 0) - most);
  return most + Math.log(cost) - (rates[at + label] ?? 0);
}

function addValues(tally: Tally, { rates, at, shape, withLoss }: Own, values: Float32Array): void {
  const { outputs, beta, comparedFrom, steps } = shape;
  for (let step = comparedFrom; step < steps; step++) {
    const place = at(step);
    let squares = 0;
    for (let k = 0; k < outputs; k++) {
      const wanted = values[step * outputs + k] ?? 0;
      squares += (wanted - (rates[place + k] ?? 0)) ** 2;
      tally.sum += wanted;
      tally.sumOfSquares += wanted ** 2;
    }
    tally.squares += squares;
    tally.values += outputs;
    tally.compared++;
    if (withLoss) tally.loss += (beta * squares) / 2;
  }
}
