/**
 * Trains the conditions of a study of "name the previous digit", one after another, so that whatever is done is done should
 * it be stopped: each result is told as soon as it is there. Runs unchanged in Node and in a page.
 */

import type { AdapterFacts } from "../device.ts";
import { SpecError, VleError } from "../errors.ts";
import type { Metrics, RunOptions } from "../run.ts";
import type { SimulatorOptions } from "../simulator.ts";
import type { NetworkSpec } from "../spec.ts";
import { DIGIT_CLASSES, splitDigits, type Digits, type DigitSet } from "../tasks/digits.ts";
import {
  etasOf,
  PERIOD,
  STUDIED,
  STUDY_UNIT,
  studyConditionName,
  studySetupOf,
  TRAIN_SHARE,
  VALIDATION_SEED,
  type StudyCondition,
  type StudyPlan,
  type StudyResult,
  type StudyTask,
} from "../tasks/limit-study.ts";
import { OUTPUT } from "../tasks/presets.ts";
import { createDigitStream, scoreWindows, type Presentations } from "../tasks/previous-digit.ts";
import { lastMetrics } from "./outcome-of-run.ts";
import { createPace, type Pace } from "./pace.ts";
import { etaAt } from "./schedule.ts";
import type { CreateSimulator, Trainable } from "./train.ts";

export interface StudyRequest {
  readonly plan: StudyPlan;
  /** What was done before and need not be done again. */
  readonly done: readonly StudyResult[];
}

/** What is told while it goes on: the adapter first and once, progress often, every result at once. */
export type StudyEvent =
  | { readonly kind: "adapter"; readonly adapter: AdapterFacts }
  | { readonly kind: "progress"; readonly progress: StudyProgress }
  | { readonly kind: "result"; readonly result: StudyResult };

export interface StudyProgress {
  readonly task: StudyTask;
  readonly step: number;
  /** Trainings that are done, of so many in all. */
  readonly done: number;
  readonly total: number;
  /** On the training stream, over the block that has just been trained; null until something was due. */
  readonly accuracy: number | null;
  /** Estimate until all is done. */
  readonly secondsLeft: number;
}

export interface StudyWorkplace {
  readonly digits: () => Promise<Digits>;
  readonly createSimulator: CreateSimulator;
  /** Where the simulators live. Default: one new device for all, destroyed at the end. */
  readonly host?: Pick<SimulatorOptions, "device" | "gpu">;
  /** Awaited: a promise that waits is a pause. */
  readonly report: (event: StudyEvent) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

/**
 * @returns all results, those that were done before among them, in the order of the study.
 * @throws SpecError if the plan is not valid, the signal's reason if aborted, and what simulators throw. No simulator is
 *   left behind.
 */
export async function runStudy({ plan, done }: StudyRequest, workplace: StudyWorkplace): Promise<StudyResult[]> {
  requirePlan(plan);
  const images = partsOf(await workplace.digits());
  const results = [...done];
  const total = taskCount(plan);
  const left = total - doneOf(plan, results).length;
  const pace = createPace(left * workOf(plan.steps));
  const bench = new Bench(plan.steps, images, pace, workplace);
  try {
    for (let task = nextTask(plan, results); task !== null; task = nextTask(plan, results)) {
      workplace.signal?.throwIfAborted();
      const result = await bench.train(task, { done: doneOf(plan, results).length, total });
      results.push(result);
      await workplace.report({ kind: "result", result });
    }
  } finally {
    bench.close();
  }
  return doneOf(plan, results);
}

// ---- what is to be done -------------------------------------------------------------------------------------

/** Trainings of a study from its start to its end. */
export function taskCount(plan: StudyPlan): number {
  const { conditions, seeds, tune } = plan;
  const tried = conditions.reduce((sum, { rule }) => sum + (tune ? etasOf(rule).length : 1), 0);
  return tried + conditions.length * (seeds.length - 1);
}

/** The next training that has no result, the conditions of the first seed first; null: none is left. */
export function nextTask(plan: StudyPlan, results: readonly StudyResult[]): StudyTask | null {
  for (const seed of plan.seeds) {
    for (const condition of plan.conditions) {
      const open = tasksOf(plan, condition, seed, results).find((task) => !results.some(isResultOf(task, plan)));
      if (open) return open;
    }
  }
  return null;
}

/** The results that belong to a plan, in its order. */
export function doneOf(plan: StudyPlan, results: readonly StudyResult[]): StudyResult[] {
  return plan.seeds.flatMap((seed) =>
    plan.conditions.flatMap((condition) =>
      tasksOf(plan, condition, seed, results).flatMap((task) => results.find(isResultOf(task, plan)) ?? []),
    ),
  );
}

/** What a condition came to: the results of its seeds with the learning rate that is best on validation images. */
export function chosenOf(
  plan: StudyPlan,
  condition: StudyCondition,
  results: readonly StudyResult[],
): readonly StudyResult[] {
  const eta = chosenEta(plan, condition, results);
  return plan.seeds.flatMap((seed) => results.find(isResultOf({ ...condition, seed, eta }, plan)) ?? []);
}

function tasksOf(
  plan: StudyPlan,
  condition: StudyCondition,
  seed: number,
  results: readonly StudyResult[],
): StudyTask[] {
  const isTuned = plan.tune && seed === plan.seeds[0];
  const etas = isTuned ? etasOf(condition.rule) : [chosenEta(plan, condition, results)];
  return etas.map((eta) => ({ ...condition, seed, eta }));
}

/** Of the first seed; the first of equals, and the usual one where nothing was tried. */
function chosenEta({ seeds, steps }: StudyPlan, condition: StudyCondition, results: readonly StudyResult[]): number {
  const [first = 0] = seeds;
  const etas = etasOf(condition.rule);
  const scores = etas.map((eta) => {
    return results.find(isResultOf({ ...condition, seed: first, eta }, { steps }))?.validation ?? -1;
  });
  return etas[scores.indexOf(Math.max(...scores))] ?? etas[0] ?? NaN;
}

function isResultOf(task: StudyTask, { steps }: Pick<StudyPlan, "steps">): (result: StudyResult) => boolean {
  const name = studyConditionName(task);
  return (result) =>
    studyConditionName(result) === name &&
    result.seed === task.seed &&
    result.eta === task.eta &&
    result.steps === steps;
}

function requirePlan({ conditions, seeds, steps }: StudyPlan): void {
  if (conditions.length === 0) throw new SpecError("conditions", "are none; name at least one.");
  if (seeds.length === 0) throw new SpecError("seeds", "are none; name at least one.");
  if (Number.isSafeInteger(steps) && steps > 0 && steps % STUDY_UNIT === 0) return;
  const nearest = Math.max(1, Math.round(steps / STUDY_UNIT) || 1) * STUDY_UNIT;
  const wanted = `whole windows of ${STUDY_UNIT} steps, after each of which the exact rule learns`;
  throw new SpecError("steps", `is ${steps}; expected ${wanted}, such as ${nearest}.`, { value: steps });
}

// ---- one training -------------------------------------------------------------------------------------------

interface Images {
  readonly train: DigitSet;
  readonly validation: DigitSet;
  readonly test: DigitSet;
}

function partsOf({ train, test }: Digits): Images {
  const [first, validation] = splitDigits(train, TRAIN_SHARE);
  return { train: first, validation, test };
}

/** Steps that a training and its tests take, if time went by batch rows. */
function workOf(steps: number): number {
  const { presentations, lanes } = STUDIED.evaluation;
  return steps + (2 * presentations * PERIOD * lanes) / STUDIED.batch;
}

class Bench {
  private readonly steps: number;
  private readonly images: Images;
  private readonly pace: Pace;
  private readonly workplace: StudyWorkplace;
  /** In the order in which they were made; the first may own the device of the others. */
  private readonly kept = new Map<string, Trainable>();

  constructor(steps: number, images: Images, pace: Pace, workplace: StudyWorkplace) {
    this.steps = steps;
    this.images = images;
    this.pace = pace;
    this.workplace = workplace;
  }

  close(): void {
    for (const simulator of [...this.kept.values()].reverse()) simulator.destroy();
    this.kept.clear();
  }

  async train(task: StudyTask, count: Pick<StudyProgress, "done" | "total">): Promise<StudyResult> {
    const { network, learning } = studySetupOf(task);
    const started = performance.now();
    const kind = `${task.schedule}:${task.rule}`;
    return this.use(kind, network, { batch: STUDIED.batch, seed: task.seed, learning }, async (learner) => {
      await this.learn(learner, task, count);
      const [validation, test] = await this.examine(learner, network, task);
      const seconds = (performance.now() - started) / 1000;
      return { ...task, steps: this.steps, validation, test, seconds, adapter: nameOf(learner.adapter) };
    });
  }

  /** The first simulator of a kind stays to the end: the later ones find its pipelines compiled. */
  private async use<T>(
    kind: string,
    network: NetworkSpec,
    own: SimulatorOptions,
    work: (simulator: Trainable) => Promise<T>,
  ): Promise<T> {
    const { createSimulator, host, report, signal } = this.workplace;
    const [first] = this.kept.values();
    const simulator = await createSimulator(network, {
      ...host,
      ...(first && { device: first.device }),
      ...(signal && { signal }),
      record: [{ population: OUTPUT, quantity: "rate" }],
      ...own,
    });
    const isKept = !this.kept.has(kind);
    if (isKept) this.kept.set(kind, simulator);
    try {
      if (!first) await report({ kind: "adapter", adapter: simulator.adapter });
      return await work(simulator);
    } finally {
      if (!isKept) simulator.destroy();
    }
  }

  private async learn(
    learner: Trainable,
    task: StudyTask,
    count: Pick<StudyProgress, "done" | "total">,
  ): Promise<void> {
    const { schedule } = studySetupOf(task);
    const stream = streamOf(task, this.images.train, STUDIED.batch, task.seed);
    for (let step = 0; step < this.steps;) {
      const piece = stream.next(Math.min(STUDIED.block, (this.steps - step) / PERIOD));
      const { frames } = piece;
      const started = performance.now();
      const eta = etaAt(schedule, (step + frames / 2) / this.steps);
      const metrics = await this.run(learner, { input: piece.input, target: piece.target, steps: frames, eta });
      step += frames;
      const secondsLeft = this.pace.advance(frames, (performance.now() - started) / 1000);
      const accuracy = accuracyOf(metrics, piece, task, STUDIED.batch, 0);
      await this.workplace.report({ kind: "progress", progress: { task, step, ...count, accuracy, secondsLeft } });
    }
  }

  /** Accuracy on streams of validation and of test images, from rest, in a simulator that only runs forward. */
  private async examine(learner: Trainable, network: NetworkSpec, task: StudyTask): Promise<[number, number]> {
    const { lanes, presentations, skip, seed } = STUDIED.evaluation;
    const started = performance.now();
    const score = async (examiner: Trainable, images: DigitSet, streamSeed: number): Promise<number> => {
      examiner.reset();
      const piece = streamOf(task, images, lanes, streamSeed).next(presentations);
      const metrics = await this.run(examiner, { input: piece.input, steps: piece.frames, learn: false });
      return accuracyOf(metrics, piece, task, lanes, skip) ?? NaN;
    };
    const own = { batch: lanes, learning: { errors: "none" } } as const;
    return this.use(`${task.schedule}:test`, network, own, async (examiner) => {
      await copyParameters(network, learner, examiner);
      const validation = await score(examiner, this.images.validation, VALIDATION_SEED);
      const test = await score(examiner, this.images.test, seed);
      this.pace.advance(workOf(0), (performance.now() - started) / 1000);
      return [validation, test];
    });
  }

  private run(simulator: Trainable, options: RunOptions): Promise<Metrics> {
    const { signal } = this.workplace;
    return lastMetrics(simulator, { ...options, ...(signal && { signal }) });
  }
}

function streamOf({ delay, crossfade: fade }: StudyCondition, images: DigitSet, lanes: number, seed: number) {
  return createDigitStream({ images, lanes, seed, period: PERIOD, fade, delay });
}

function accuracyOf(
  { traces }: Metrics,
  { labels }: Presentations,
  { delay }: StudyCondition,
  lanes: number,
  skip: number,
): number | null {
  const [rates] = traces;
  if (!rates) throw new VleError("INTERNAL", "A run with a recorded output gave no trace.");
  const shape = { lanes, classes: DIGIT_CLASSES, period: PERIOD, skip, offset: delay % PERIOD };
  const { correct, counted } = scoreWindows(rates, labels, shape);
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

function nameOf({ vendor, architecture, description }: AdapterFacts): string {
  return description || `${vendor} ${architecture}`.trim();
}
