/** How far a training over epochs is, and how long it may still take. */

import type { Metrics } from "../run.ts";
import type { Experiment } from "../tasks/experiments.ts";
import type { TaskData } from "../tasks/samples.ts";
import type { Shape } from "./batches.ts";
import { createUnitSeconds } from "./pace.ts";
import { scoreOf } from "./scores.ts";
import type { TrainingState } from "./training-state.ts";

export interface EpochProgress {
  /** From 1, of so many. */
  readonly epoch: number;
  readonly epochs: number;
  /** Part of the whole training that is done, 0 to 1. */
  readonly done: number;
  readonly isTesting: boolean;
  /** Means over the epoch so far and over seeds; null before the first batch, or where there are none. */
  readonly loss: number | null;
  readonly accuracy: number | null;
  /** Over the last batches. */
  readonly stepsPerSecond: number;
  readonly secondsLeft: number;
  /** Whether an early stop may end it before. */
  readonly isAtMost: boolean;
}

/** Steps that are left of each kind. */
interface Left {
  training: number;
  testing: number;
}

/** Steps of training and of tests take different times, so each kind has its own. */
export class EpochPace {
  private readonly state: TrainingState;
  private readonly experiment: Experiment;
  private readonly shape: Shape;
  /** Steps of the test after an epoch, and of the one at the end. */
  private readonly tests: { readonly epoch: number; readonly end: number };
  private readonly total: number;
  private readonly unit = { training: createUnitSeconds(), testing: createUnitSeconds() };
  private left: Left;

  /** @param monitored the part that is looked at after each epoch. */
  constructor(
    state: TrainingState,
    experiment: Experiment,
    shape: Shape,
    data: TaskData,
    monitored: "validation" | "test",
  ) {
    const testOf = (part: "validation" | "test"): number =>
      Math.ceil((data[part]?.count ?? 0) / shape.batch) * shape.steps;
    this.state = state;
    this.experiment = experiment;
    this.shape = shape;
    this.tests = { epoch: testOf(monitored), end: monitored === "test" ? 0 : testOf("test") };
    this.total = sumOf(this.leftAt({ group: 0, epoch: 0, batch: 0 }));
    this.left = this.leftAt(state);
  }

  private leftAt({ group, epoch, batch }: Pick<TrainingState, "group" | "epoch" | "batch">): Left {
    const { shape, tests, experiment } = this;
    const groups = this.state.groups.length - group;
    return {
      training: ((groups * experiment.epochs - epoch) * shape.batches - batch) * shape.steps,
      testing: (groups * experiment.epochs - epoch) * tests.epoch + groups * tests.end,
    };
  }

  /** The epochs of the group are over, all of them or as they stopped early. */
  endTraining(): void {
    this.left = this.leftAt({ group: this.state.group, epoch: this.experiment.epochs, batch: 0 });
  }

  advance({ steps, seconds, stepsPerSecond }: Metrics, isTesting: boolean): EpochProgress {
    const { state, left, unit } = this;
    const { epochs, earlyStop } = this.experiment;
    const kind = isTesting ? "testing" : "training";
    left[kind] = Math.max(0, left[kind] - steps);
    unit[kind].add(steps, seconds);
    const diverged = new Set(state.diverged.map(({ seed }) => seed));
    const tallies = state.courses.flatMap(({ seed, tally }) =>
      tally.compared > 0 && !diverged.has(seed) ? [tally] : [],
    );
    const scores = tallies.map(scoreOf);
    const [training, testing] = [unit.training.mean, unit.testing.mean];
    return {
      epoch: Math.min(state.epoch + 1, epochs),
      epochs,
      done: 1 - sumOf(left) / this.total,
      isTesting,
      loss: mean(scores.map(({ loss }) => loss)),
      accuracy: mean(scores.flatMap(({ accuracy }) => accuracy ?? [])),
      stepsPerSecond,
      // A kind that was not seen yet takes as long as the other.
      secondsLeft: left.training * (training ?? testing ?? 0) + left.testing * (testing ?? training ?? 0),
      isAtMost: earlyStop !== null && left.training > 0,
    };
  }
}

function sumOf({ training, testing }: Left): number {
  return training + testing;
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
