/** What an epoch, and the end, come to for each seed. Pure but for the state that is brought up to date. */

import type { Experiment } from "../tasks/experiments.ts";
import { afterLoss, betterOf, isExhausted } from "./rates.ts";
import { meritOf, scoreOf, type Tally } from "./scores.ts";
import type { Course, EpochRow, SeedResult, TrainingState } from "./training-state.ts";

/**
 * Rates, ends and rows of the epoch that is over. Each seed goes by its own figures, so none is touched by another.
 * @param tallies of the test after it, for each course.
 * @param factor of the schedule at its end.
 */
export function endEpoch(
  state: TrainingState,
  experiment: Experiment,
  part: EpochRow["part"],
  tallies: readonly Tally[],
  newTally: () => Tally,
  factor: number,
): EpochRow[] {
  const { eta } = experiment.optimizer;
  const rows = state.courses.flatMap((course, replica) => {
    const evaluated = tallies[replica] ?? newTally();
    const trained = scoreOf(course.tally);
    course.tally = newTally();
    if (course.stoppedAfter !== null) return [];
    const row: EpochRow = {
      epoch: state.epoch + 1,
      seed: course.seed,
      steps: state.steps,
      trainLoss: trained.loss,
      trainAccuracy: trained.accuracy,
      part,
      ...scoreOf(evaluated),
      eta: eta * factor * course.plateau.scale,
      seconds: state.seconds,
    };
    const { score, isHigherBetter } = meritOf(row);
    course.evaluated = evaluated;
    course.plateau = afterLoss(experiment.schedule, course.plateau, row.loss, eta);
    course.best = betterOf(course.best, state.epoch, score, isHigherBetter);
    if (isExhausted(experiment, course.best, state.epoch)) course.stoppedAfter = state.epoch;
    return [row];
  });
  state.rows.push(...rows);
  state.epoch++;
  state.batch = 0;
  return rows;
}

/** @param tested the test with the parameters of the end. */
export function resultOf(
  { rows, epoch }: TrainingState,
  { epochs }: Experiment,
  { seed, stoppedAfter, best }: Course,
  tested: Tally,
  part: EpochRow["part"],
): SeedResult {
  const own = rows.filter((row) => row.seed === seed);
  const last = own.at(-1);
  return {
    seed,
    epochs: own.length,
    steps: last?.steps ?? 0,
    isStoppedEarly: stoppedAfter !== null && own.length < epochs,
    trainLoss: last?.trainLoss ?? NaN,
    test: scoreOf(tested),
    best: { epoch: (best?.epoch ?? epoch - 1) + 1, score: best?.score ?? NaN, part },
    confusion: tested.confusion,
  };
}
