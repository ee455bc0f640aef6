/** How far a training over epochs is, and how long it may still take. */

import type { Metrics } from "../run.ts";
import type { Experiment } from "../tasks/experiments.ts";
import type { TaskData } from "../tasks/samples.ts";
import type { Shape } from "./batches.ts";
import { createPace, type Pace } from "./pace.ts";
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
}

/** Counts steps of training and of tests alike. */
export class EpochPace {
  private readonly state: TrainingState;
  private readonly epochs: number;
  private readonly total: number;
  private readonly pace: Pace;
  private done: number;

  /** @param monitored the part that is looked at after each epoch. */
  constructor(
    state: TrainingState,
    { epochs }: Experiment,
    { batch, batches, steps }: Shape,
    data: TaskData,
    monitored: "validation" | "test",
  ) {
    const testOf = (part: "validation" | "test"): number => Math.ceil((data[part]?.count ?? 0) / batch) * steps;
    const epoch = batches * steps + testOf(monitored);
    const group = epochs * epoch + (monitored === "test" ? 0 : testOf("test"));
    this.state = state;
    this.epochs = epochs;
    this.total = state.groups.length * group;
    this.done = state.group * group + state.epoch * epoch + state.batch * steps;
    this.pace = createPace(Math.max(1, this.total - this.done));
  }

  advance({ steps, seconds, stepsPerSecond }: Metrics, isTesting: boolean): EpochProgress {
    const { state, epochs } = this;
    this.done += steps;
    const tallies = state.courses.map(({ tally }) => tally).filter(({ compared }) => compared > 0);
    const scores = tallies.map(scoreOf);
    return {
      epoch: Math.min(state.epoch + 1, epochs),
      epochs,
      done: Math.min(1, this.done / this.total),
      isTesting,
      loss: mean(scores.map(({ loss }) => loss)),
      accuracy: mean(scores.flatMap(({ accuracy }) => accuracy ?? [])),
      stepsPerSecond,
      secondsLeft: Math.max(0, this.pace.advance(steps, seconds)),
    };
  }
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
