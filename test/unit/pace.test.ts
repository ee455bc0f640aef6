import { describe, expect, it } from "vitest";
import { previousDigit } from "../../src/tasks/presets.ts";
import type { Metrics } from "../../src/run.ts";
import type { Experiment } from "../../src/tasks/experiments.ts";
import { yinYang } from "../../src/tasks/experiments-digits.ts";
import type { Samples, TaskData } from "../../src/tasks/samples.ts";
import { shapeOf } from "../../src/train/batches.ts";
import { EpochPace } from "../../src/train/epoch-pace.ts";
import { createPace } from "../../src/train/pace.ts";
import { etaAt } from "../../src/train/schedule.ts";

describe("the learning rate", () => {
  it("is held for 40 % of the run, then falls exponentially to 2 %", () => {
    const { schedule } = previousDigit;
    expect(etaAt(schedule, 0)).toBe(2e-3);
    expect(etaAt(schedule, 0.4)).toBe(2e-3);
    // Half way through the fall: the square root of 0.02 is 0.1414.
    expect(etaAt(schedule, 0.7)).toBeCloseTo(2.8284e-4, 8);
    expect(etaAt(schedule, 1)).toBeCloseTo(4e-5, 12);
  });
});

describe("the time left", () => {
  it("is exact from the first report on where the pace is steady", () => {
    const pace = createPace(100);
    expect(pace.advance(20, 10)).toBeCloseTo(40, 9);
    expect(pace.advance(40, 20)).toBeCloseTo(20, 9);
    expect(pace.advance(40, 20)).toBeCloseTo(0, 9);
  });

  it("follows a change of pace within some twenty reports", () => {
    const pace = createPace(1000);
    for (let report = 0; report < 30; report++) pace.advance(10, 1);
    let left = 0;
    for (let report = 0; report < 20; report++) left = pace.advance(10, 2);
    // 500 left at 0.2 s each are 100 s; 0.9^20 = 12 % of the old pace still counts.
    expect(left).toBeGreaterThan(90);
    expect(left).toBeLessThan(100);
  });
});

describe("the time left of a training over epochs", () => {
  const part = (count: number): Samples => {
    const answers = { kind: "class", labels: new Int32Array(count) } as const;
    return { count, frames: 1, channels: 4, inputs: new Float32Array(4 * count), answers };
  };
  const data: TaskData = { train: part(40), validation: part(20), test: part(30), classes: null };
  const experiment: Experiment = {
    ...yinYang,
    batch: 10,
    epochs: 5,
    presentation: { stepsPerFrame: 10, interpolation: "hold" },
  };
  const shape = shapeOf(experiment, data);
  const place = {
    groups: [[1]],
    group: 0,
    epoch: 0,
    batch: 0,
    courses: [],
    diverged: [],
  } as unknown as ConstructorParameters<typeof EpochPace>[0];
  const paceOf = (own: Partial<Experiment> = {}, at: object = {}): EpochPace =>
    new EpochPace({ ...place, ...at }, { ...experiment, ...own }, shape, data, "validation");
  /** A step of training takes a second here, one of a test a tenth. */
  const trained = (steps: number): Metrics => ({ steps, seconds: steps, stepsPerSecond: 1 }) as Metrics;
  const tested = (steps: number): Metrics => ({ steps, seconds: steps / 10, stepsPerSecond: 10 }) as Metrics;

  it("counts tests at their own pace, and is exact once both are known", () => {
    const pace = paceOf();
    // Left of 5 x 40 steps of training 190, of 5 x 20 + 30 of tests 130; those are not known yet and count like training.
    expect(pace.advance(trained(10), false).secondsLeft).toBeCloseTo(320, 9);
    expect(pace.advance(trained(30), false).secondsLeft).toBeCloseTo(290, 9);
    expect(pace.advance(tested(20), true).secondsLeft).toBeCloseTo(160 + 11, 9);
    const { secondsLeft, done } = pace.advance(trained(40), false);
    expect(secondsLeft).toBeCloseTo(120 + 11, 9);
    expect(done).toBeCloseTo(100 / 330, 9);
  });

  it("is at most so long where an early stop may come, and after it that of the last test alone", () => {
    const pace = paceOf({ earlyStop: { patience: 1 } });
    expect(paceOf().advance(trained(10), false).isAtMost).toBe(false);
    expect(pace.advance(trained(40), false).isAtMost).toBe(true);
    pace.advance(tested(20), true);
    pace.endTraining();
    const { isAtMost, secondsLeft, done } = pace.advance(tested(10), true);
    expect(isAtMost).toBe(false);
    expect(secondsLeft).toBeCloseTo(2, 9);
    expect(done).toBeCloseTo(1 - 20 / 330, 9);
    expect(pace.advance(tested(20), true)).toMatchObject({ secondsLeft: 0, done: 1 });
  });

  it("goes on where a run was stopped, and counts the seeds that follow", () => {
    // The first of two seeds is in its third epoch, with two of four batches behind it.
    const pace = paceOf({}, { groups: [[1], [2]], epoch: 2, batch: 2 });
    const steps = 3 * 40 - 20 - 10 + 200;
    expect(pace.advance(trained(10), false).secondsLeft).toBeCloseTo(steps + 3 * 20 + 30 + 130, 9);
  });
});
