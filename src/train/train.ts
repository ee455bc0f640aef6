/**
 * Trains a preset with several rules side by side: every rule starts from the same parameters, sees the same stream,
 * and is tested on the same unseen images. Runs unchanged in Node, in a page and in a worker.
 */

import { SpecError, VleError } from "../errors.ts";
import type { Metrics } from "../run.ts";
import type { Simulator, SimulatorOptions } from "../simulator.ts";
import type { NetworkSpec } from "../spec.ts";
import { DIGIT_CLASSES, type Digits, type DigitSet } from "../tasks/digits.ts";
import {
  type Condition,
  crossfadesOf,
  OUTPUT,
  type Preset,
  RULES,
  type Schedule,
  setupOf,
  stepUnit,
} from "../tasks/presets.ts";
import { createDigitStream, type Presentations, scoreWindows } from "../tasks/previous-digit.ts";
import type { KernelOptions } from "./kernels.ts";
import { lastMetrics } from "./outcome-of-run.ts";
import { createPace } from "./pace.ts";
import { etaAt } from "./schedule.ts";
import { type Curve, type CurvePoint, summarize, type Summary, type Verdict } from "./summary.ts";

/** What training needs of a simulator. */
export type Trainable = Pick<Simulator, "device" | "adapter" | "run" | "read" | "write" | "reset" | "destroy"> &
  Partial<Pick<Simulator, "tuned">>;

/** `createSimulator` of this library has this shape. */
export type CreateSimulator = (network: NetworkSpec, options: SimulatorOptions) => Promise<Trainable>;

export interface Progress extends Condition {
  /** Steps trained in this condition, of so many. */
  readonly step: number;
  readonly steps: number;
  /** Over the block of presentations that has just been trained; `accuracy` is null until a digit had a predecessor. */
  readonly loss: number;
  readonly accuracy: number | null;
  readonly stepsPerSecond: number;
  /** Estimate until all conditions are trained and tested. */
  readonly secondsLeft: number;
}

export interface TrainOptions {
  readonly preset: Preset;
  readonly digits: Digits;
  readonly createSimulator: CreateSimulator;
  /** Seed of the initial parameters and of the training stream. Default 1. */
  readonly seed?: number;
  /** Whole presentations, and whole windows for the exact rule. Default: the preset's budget for a software adapter or for a GPU, whichever this is. */
  readonly steps?: number;
  /** Default: the preset's. */
  readonly conditions?: readonly Condition[];
  /** Where the simulators live. Default: one new device for all, destroyed at the end. */
  readonly host?: Pick<SimulatorOptions, "device" | "gpu">;
  /** Of the simulators that train; that which tests has the default ones. */
  readonly kernels?: KernelOptions;
  /** Called after every block of every condition, and awaited: a promise that waits is a pause. */
  readonly onProgress?: (progress: Progress) => void | Promise<void>;
  /** Called, and awaited, when a condition has been tested, after the training of all. */
  readonly onTested?: (condition: Condition, accuracy: number) => void | Promise<void>;
  /** See `RunOptions`: lower beside a page that draws. */
  readonly chunkMilliseconds?: number;
  readonly signal?: AbortSignal;
}

export interface Outcome {
  readonly summary: Summary;
  readonly curves: readonly Curve[];
}

interface Learner {
  readonly condition: Condition;
  readonly schedule: Schedule;
  readonly simulator: Trainable;
  readonly points: CurvePoint[];
}

/**
 * Trains and tests. Whether it succeeds, fails or is aborted, no simulator is left behind.
 *
 * @throws SpecError if `steps` or `conditions` is not valid, the signal's reason if aborted, and what simulators throw.
 */
export async function trainRules(options: TrainOptions): Promise<Outcome> {
  const { preset, digits, seed = 1, conditions = preset.conditions, signal } = options;
  if (options.steps !== undefined) requireMultiple(options.steps, preset, stepUnit(preset, conditions));
  const open: Trainable[] = [];
  const create = async (network: NetworkSpec, own: SimulatorOptions): Promise<Trainable> => {
    signal?.throwIfAborted();
    const device = open[0]?.device;
    const simulator = await options.createSimulator(network, {
      ...options.host,
      ...(device && { device }),
      ...(signal && { signal }),
      record: [{ population: OUTPUT, quantity: "rate" }],
      ...own,
    });
    open.push(simulator);
    return simulator;
  };
  try {
    const learners: Learner[] = [];
    for (const condition of conditions) {
      const { network, learning, schedule } = setupOf(preset, condition.rule);
      const simulator = await create(network, { batch: preset.batch, seed, learning, ...options.kernels });
      learners.push({ condition, schedule, simulator, points: [] });
    }
    const adapter = open[0]?.adapter;
    if (!adapter) throw new SpecError("conditions", `are none; name at least one rule of: ${RULES.join(", ")}.`);
    const steps = options.steps ?? preset.budgets[adapter.software ? "software" : "hardware"];
    await trainSideBySide(learners, steps, seed, options);
    const verdicts = await examine(learners, digits.test, create, options);
    return { summary: summarize(preset, seed, adapter, verdicts), curves: verdicts.map(({ curve }) => curve) };
  } finally {
    // The first simulator may own the device of the others.
    for (const simulator of open.reverse()) simulator.destroy();
  }
}

/** One stream of digits: every condition sees the same ones, each with its own crossfade. */
async function trainSideBySide(
  learners: readonly Learner[],
  steps: number,
  seed: number,
  { preset, digits, onProgress, chunkMilliseconds, signal }: TrainOptions,
): Promise<void> {
  const { batch: lanes, period, block } = preset;
  const streams = crossfadesOf(learners.map(({ condition }) => condition)).map((fade) => ({
    crossfade: fade,
    stream: createDigitStream({ images: digits.train, lanes, seed, period, fade }),
  }));
  const pace = createPace(learners.length * (steps + testWork(preset)));
  let step = 0;
  while (step < steps) {
    const presentations = Math.min(block, (steps - step) / period);
    const pieces = new Map(streams.map(({ crossfade, stream }) => [crossfade, stream.next(presentations)]));
    const frames = presentations * period;
    // The rate of a block is the schedule's value at its middle.
    const progress = (step + frames / 2) / steps;
    step += frames;
    for (const { condition, schedule, simulator, points } of learners) {
      const piece = pieceOf(pieces, condition);
      const started = performance.now();
      const metrics = await lastMetrics(simulator, {
        input: piece.input,
        target: piece.target,
        steps: frames,
        eta: etaAt(schedule, progress),
        ...(chunkMilliseconds !== undefined && { chunkMilliseconds }),
        ...(signal && { signal }),
      });
      const accuracy = accuracyOf(preset, metrics, piece, lanes, 0);
      points.push({ step, loss: metrics.loss, accuracy, seconds: (points.at(-1)?.seconds ?? 0) + metrics.seconds });
      const secondsLeft = pace.advance(frames, (performance.now() - started) / 1000);
      const { loss, stepsPerSecond } = metrics;
      await onProgress?.({ ...condition, step, steps, loss, accuracy, stepsPerSecond, secondsLeft });
    }
  }
}

/** Tests every learner with its parameters, and its crossfade, in one simulator that only runs forward. */
async function examine(
  learners: readonly Learner[],
  images: DigitSet,
  create: CreateSimulator,
  { preset, onTested, signal }: TrainOptions,
): Promise<Verdict[]> {
  const { lanes, presentations, skip, seed } = preset.evaluation;
  const { network, period } = preset;
  const pieces = new Map(
    crossfadesOf(learners.map(({ condition }) => condition)).map((fade) => {
      return [fade, createDigitStream({ images, lanes, seed, period, fade }).next(presentations)];
    }),
  );
  const examiner = await create(network, { batch: lanes, learning: { errors: "none" } });
  const verdicts: Verdict[] = [];
  for (const { condition, simulator, points } of learners) {
    const piece = pieceOf(pieces, condition);
    await copyParameters(network, simulator, examiner);
    examiner.reset();
    const run = { input: piece.input, steps: piece.frames, learn: false, ...(signal && { signal }) };
    const testAccuracy = accuracyOf(preset, await lastMetrics(examiner, run), piece, lanes, skip) ?? Number.NaN;
    verdicts.push({ curve: { ...condition, points }, testAccuracy });
    await onTested?.(condition, testAccuracy);
  }
  return verdicts;
}

function pieceOf(pieces: ReadonlyMap<number, Presentations>, { crossfade }: Condition): Presentations {
  const piece = pieces.get(crossfade);
  if (!piece) throw new VleError("INTERNAL", `There is no stream with crossfade ${crossfade}.`);
  return piece;
}

/** The test of a condition in training steps, if time went by batch rows: too much for a GPU, which runs them side by side. */
function testWork({ batch, period, evaluation }: Preset): number {
  return (evaluation.presentations * period * evaluation.lanes) / batch;
}

function accuracyOf(
  preset: Preset,
  metrics: Metrics,
  { labels }: Presentations,
  lanes: number,
  skip: number,
): number | null {
  const [rates] = metrics.traces;
  if (!rates) throw new VleError("INTERNAL", "A run with a recorded output gave no trace.");
  const { correct, counted } = scoreWindows(rates, labels, {
    lanes,
    classes: DIGIT_CLASSES,
    period: preset.period,
    skip,
  });
  return counted === 0 ? null : correct / counted;
}

async function copyParameters(network: NetworkSpec, from: Trainable, to: Trainable): Promise<void> {
  for (const projection of network.projections) {
    const between = { from: projection.from, to: projection.to };
    to.write("weight", between, await from.read("weight", between));
  }
  for (const { name, bias } of network.populations) {
    if (bias !== false) to.write("bias", name, await from.read("bias", name));
  }
}

function requireMultiple(steps: number, { period }: Preset, unit: number): void {
  if (Number.isSafeInteger(steps) && steps > 0 && steps % unit === 0) return;
  const nearest = Math.max(1, Math.round(steps / unit) || 1) * unit;
  const wanted =
    unit === period
      ? `whole presentations of ${period} steps`
      : `whole windows of ${unit} steps, after each of which the exact rule learns`;
  throw new SpecError("steps", `is ${steps}; expected ${wanted}, such as ${nearest}.`, { value: steps, unit });
}
