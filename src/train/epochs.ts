/**
 * Trains an experiment over epochs of its data. Seeds are replicas in one simulator, each with its own course; where they do
 * not fit the device they train one after the other, to the same bits. Runs unchanged in Node, in a page and in a worker.
 *
 * A simulator has one batch size, so evaluation takes place in the simulator that trains, in batches of that size and
 * without targets: with carried states the test then goes on where training ended and training where the test ended, as in
 * the published runs, and nothing need be tiled or cut when training and test take turns. Parameters are held meanwhile.
 */

import type { AdapterFacts } from "../device.ts";
import { VleError } from "../errors.ts";
import { collectParameters, parametersToNpz } from "../io/parameters.ts";
import type { Metrics, RunOptions } from "../run.ts";
import type { Simulator, SimulatorOptions } from "../simulator.ts";
import type { NetworkSpec } from "../spec.ts";
import { outputOf, setupOf, type Experiment } from "../tasks/experiments.ts";
import type { Samples, TaskData } from "../tasks/samples.ts";
import { orderOf, shapeOf, testPieces, trainingPiece, type Piece, type Shape } from "./batches.ts";
import { EpochPace, type EpochProgress } from "./epoch-pace.ts";
import { afterLoss, betterOf, isExhausted, rateFactor } from "./rates.ts";
import { sampleTraces, type SampleTraces } from "./sample-traces.ts";
import { addAnswers, createTally, meritOf, scoreOf, type Tally } from "./scores.ts";
import {
  createCourse,
  packCheckpoint,
  STATE_SCHEMA,
  unpackCheckpoint,
  type Course,
  type EpochRow,
  type TrainingState,
} from "./training-state.ts";

/** What training over epochs needs of a simulator. */
export type Learner = Pick<
  Simulator,
  "adapter" | "step" | "run" | "read" | "write" | "reset" | "save" | "restore" | "destroy"
>;

/** `createSimulator` of this library has this shape. */
export type CreateLearner = (network: NetworkSpec, options: SimulatorOptions) => Promise<Learner>;

/** What is told while it goes on: the adapter first and once. Files come before the checkpoint that takes them for granted. */
export type EpochEvent =
  | { readonly kind: "adapter"; readonly adapter: AdapterFacts; readonly shape: Shape }
  | { readonly kind: "note"; readonly text: string }
  | { readonly kind: "progress"; readonly progress: EpochProgress }
  | { readonly kind: "epoch"; readonly rows: readonly EpochRow[] }
  /** `best`: the name under which it is kept, too, as that of the best epoch so far. */
  | { readonly kind: "checkpoint"; readonly bytes: Uint8Array; readonly name: string; readonly best: string | null }
  | { readonly kind: "weights"; readonly seed: number; readonly npz: Uint8Array }
  | { readonly kind: "traces"; readonly traces: SampleTraces };

export interface EpochWorkplace {
  readonly data: TaskData;
  readonly createSimulator: CreateLearner;
  readonly host?: Pick<SimulatorOptions, "device" | "gpu">;
  /** Bytes of a checkpoint event of the same experiment, to go on from. */
  readonly checkpoint?: Uint8Array;
  /** Seconds between two checkpoints within an epoch; there is one at the end of each. Default 30. */
  readonly checkpointSeconds?: number;
  /** Awaited: a promise that waits is a pause. */
  readonly report?: (event: EpochEvent) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

/**
 * Trains and tests; no simulator is left behind.
 * @throws SpecError where experiment and data do not fit; DataError for a checkpoint of another experiment; VleError DIVERGED
 *   naming step, population and seed; the signal's reason if aborted; what simulators throw.
 */
export async function trainEpochs(experiment: Experiment, workplace: EpochWorkplace): Promise<TrainingState> {
  return new Training(experiment, workplace).run();
}

class Training {
  private readonly experiment: Experiment;
  private readonly place: EpochWorkplace;
  private readonly state: TrainingState;
  private readonly snapshot: Uint8Array | null;
  private readonly shape: Shape;
  /** Samples of the epoch. */
  private trained: Samples;
  private pace: EpochPace | null = null;
  private savedAt = performance.now();

  constructor(experiment: Experiment, place: EpochWorkplace) {
    this.experiment = experiment;
    this.place = place;
    const checkpoint = place.checkpoint && unpackCheckpoint(place.checkpoint);
    this.shape = shapeOf(experiment, place.data);
    this.trained = place.data.train;
    this.state = checkpoint?.state ?? this.begin();
    this.snapshot = checkpoint?.snapshot ?? null;
    if (this.state.experiment === JSON.stringify(experiment)) return;
    const problem = "The checkpoint is of another experiment than this one; use the run folder that it comes from.";
    throw new VleError("DATA_INVALID", problem);
  }

  private begin(): TrainingState {
    const { experiment } = this;
    return {
      schema: STATE_SCHEMA,
      experiment: JSON.stringify(experiment),
      groups: [[...experiment.seeds]],
      group: 0,
      epoch: 0,
      batch: 0,
      steps: 0,
      seconds: 0,
      courses: [],
      best: null,
      rows: [],
      results: [],
    };
  }

  async run(): Promise<TrainingState> {
    const { state } = this;
    let { snapshot } = this;
    let isAnnounced = false;
    while (state.group < state.groups.length) {
      const simulator = await this.open();
      try {
        if (!isAnnounced) await this.tell({ kind: "adapter", adapter: simulator.adapter, shape: this.shape });
        isAnnounced = true;
        if (snapshot === null) this.beginGroup(simulator);
        else simulator.restore(snapshot);
        snapshot = null;
        this.pace = new EpochPace(state, this.experiment, this.shape, this.place.data, this.monitored);
        this.savedAt = performance.now();
        await this.trainGroup(simulator);
        await this.finishGroup(simulator);
      } finally {
        simulator.destroy();
      }
      Object.assign(state, { group: state.group + 1, epoch: 0, batch: 0, steps: 0, courses: [], best: null });
    }
    return state;
  }

  // ---- set-up -------------------------------------------------------------------------------------------------

  private get seeds(): readonly number[] {
    return this.state.groups[this.state.group] ?? [];
  }

  private newTally(): Tally {
    return createTally(this.place.data.train, this.shape);
  }

  /** The simulator of the group; one seed after the other if all at once are too many. */
  private async open(): Promise<Learner> {
    const { experiment, place, state } = this;
    const { network, learning } = setupOf(experiment, this.shape.steps);
    const create = (): Promise<Learner> => {
      return place.createSimulator(network, {
        ...place.host,
        ...(place.signal && { signal: place.signal }),
        batch: experiment.batch,
        replicas: this.seeds.length,
        seeds: this.seeds,
        learning,
        record: [{ population: outputOf(experiment), quantity: "rate" }],
      });
    };
    try {
      return await create();
    } catch (error) {
      const isTooLarge = error instanceof VleError && ["LIMIT_EXCEEDED", "OUT_OF_MEMORY"].includes(error.code);
      if (!isTooLarge || this.seeds.length === 1) throw error;
      const count = this.seeds.length;
      await this.tell({
        kind: "note",
        text: `The device does not hold ${count} networks at once, so the seeds train one after the other.`,
      });
      state.groups = this.seeds.map((seed) => [seed]);
      return create();
    }
  }

  // ---- a group ------------------------------------------------------------------------------------------------

  private beginGroup(simulator: Learner): void {
    this.state.courses = this.seeds.map((seed) => createCourse(seed, this.newTally()));
    for (const { from, to, values } of this.experiment.weights ?? []) {
      simulator.write("weight", { from, to }, Float32Array.from(values));
    }
  }

  private async trainGroup(simulator: Learner): Promise<void> {
    const { state, experiment } = this;
    while (state.epoch < experiment.epochs && state.courses.some(({ stoppedAfter }) => stoppedAfter === null)) {
      await this.trainEpoch(simulator);
      const tallies = await this.evaluate(simulator, this.monitored);
      const rows = this.endEpoch(tallies);
      await this.tell({ kind: "epoch", rows });
      const alone = state.groups.length > 1 ? `-seed-${this.seeds[0] ?? 0}` : "";
      await this.checkpoint(simulator, state.best?.epoch === state.epoch - 1 ? `best${alone}` : null);
    }
  }

  /** What decides about rates and ends: the validation part, or the test where there is none, as published. */
  private get monitored(): "validation" | "test" {
    return this.place.data.validation === null ? "test" : "validation";
  }

  private async trainEpoch(simulator: Learner): Promise<void> {
    const { state, experiment, shape, place } = this;
    const { train: first, redraw } = place.data;
    const train = redraw === undefined || state.epoch === 0 ? first : await redraw(state.epoch);
    this.trained = train;
    const order = orderOf(experiment.shuffle, state.epoch, train.count);
    const pieceAt = (batch: number): Piece | null => {
      if (batch >= shape.batches) return null;
      const end = Math.min(batch + shape.block, shape.batches);
      return trainingPiece(experiment, shape, train, order.subarray(batch * shape.batch, end * shape.batch));
    };
    let piece = pieceAt(state.batch);
    while (piece !== null) {
      const done = state.batch + piece.samples.length / shape.batch;
      // The host makes the next piece while the device is busy with this one.
      const [, next] = await Promise.all([this.train(simulator, piece), whenIdle(() => pieceAt(done))]);
      state.batch = done;
      piece = next;
      const { checkpointSeconds = 30 } = place;
      const isDue = performance.now() - this.savedAt >= checkpointSeconds * 1000;
      if (isDue && piece !== null) await this.checkpoint(simulator, null);
    }
  }

  private async train(simulator: Learner, piece: Piece): Promise<void> {
    const { state, experiment, shape } = this;
    const blockBatches = piece.samples.length / shape.batch;
    // The rate of a piece is the schedule's at its middle.
    const eta = experiment.optimizer.eta * this.factorAt((state.batch + blockBatches / 2) / shape.batches);
    const scales = state.courses.map(({ plateau, stoppedAfter }) => (stoppedAfter === null ? plateau.scale : 0));
    const tallies = state.courses.map(({ tally }) => tally);
    await this.present(simulator, piece, { eta, etaScales: scales }, async (metrics, first) => {
      const [rates = new Float32Array()] = metrics.traces;
      const answered = { rates, piece, first, losses: metrics.losses };
      addAnswers(tallies, experiment, shape, this.trained, answered);
      state.steps += metrics.steps;
      await this.tellProgress(metrics, false);
    });
  }

  private factorAt(part: number): number {
    const { schedule, epochs } = this.experiment;
    return rateFactor(schedule, this.state.epoch + part, epochs);
  }

  private async evaluate(simulator: Learner, part: "validation" | "test"): Promise<Tally[]> {
    const { experiment, shape, state, place } = this;
    const samples: Samples = place.data[part] ?? place.data.test;
    const tallies = state.courses.map(() => this.newTally());
    for (const piece of testPieces(experiment, shape, samples)) {
      await this.present(simulator, piece, { learn: false }, async (metrics, first) => {
        const [rates = new Float32Array()] = metrics.traces;
        addAnswers(tallies, experiment, shape, samples, { rates, piece, first, losses: null });
        await this.tellProgress(metrics, true);
      });
    }
    return tallies;
  }

  /** Runs a piece; `hear` gets metrics as they come back, and the first batch that they cover. */
  private async present(
    simulator: Learner,
    { input, target, steps }: Piece,
    options: Pick<RunOptions, "eta" | "etaScales" | "learn">,
    hear: (metrics: Metrics, first: number) => Promise<void>,
  ): Promise<void> {
    const { shape, place, state } = this;
    this.beginStates(simulator);
    // Steps of tests count for the simulator, not for the training.
    const offset = state.steps - simulator.step;
    let first = 0;
    try {
      const every = shape.chunk * shape.steps;
      const run = { input, ...(target && { target }), steps, every, ...options };
      for await (const metrics of simulator.run({ ...run, ...(place.signal && { signal: place.signal }) })) {
        state.seconds += metrics.seconds;
        await hear(metrics, first);
        first += shape.chunk;
      }
    } catch (error) {
      throw this.explain(error, offset, options.learn === false);
    }
  }

  /** Before a block, which is one batch where states do not go on. */
  private beginStates(simulator: Learner): void {
    const { state, network, batch } = this.experiment;
    if (state === "reset") simulator.reset();
    if (typeof state === "string") return;
    for (const { name, size } of network.populations.filter((each) => state.reset.includes(each.name))) {
      for (const quantity of ["potential", "rate"] as const) {
        simulator.write(quantity, name, new Float32Array(batch * size));
      }
    }
  }

  /** A divergence, with the seed and where in the training it was. */
  private explain(error: unknown, offset: number, isTesting: boolean): unknown {
    if (!(error instanceof VleError) || error.code !== "DIVERGED") return error;
    const { population = "?", replica, step } = error.details;
    const seed = this.seeds[Number(replica ?? 0)] ?? 0;
    const epoch = this.state.epoch + 1;
    const trained = offset + Number(step);
    const where = isTesting ? `in the test after epoch ${epoch}` : `at step ${trained}, in epoch ${epoch}`;
    const others = this.experiment.seeds.length > 1 ? ", or leave this seed out" : "";
    const message =
      `Seed ${seed} diverged ${where}: a value of population "${String(population)}" is no longer finite. Lower the learning ` +
      `rate or the beta of the cost, raise tauR towards tauM, or lower dt${others}.`;
    const details = { step: trained, population, seed, epoch };
    return new VleError("DIVERGED", message, { details, cause: error });
  }

  /** Rates, ends and rows of the epoch that is over. */
  private endEpoch(tallies: readonly Tally[]): EpochRow[] {
    const { state, experiment } = this;
    const { eta } = experiment.optimizer;
    const rows: EpochRow[] = [];
    state.courses.forEach((course, replica) => {
      const evaluated = tallies[replica] ?? this.newTally();
      if (course.stoppedAfter === null) rows.push(this.endCourse(course, evaluated, eta));
      course.tally = this.newTally();
    });
    const merits = tallies.map((tally) => meritOf(scoreOf(tally)));
    const merit = merits.reduce((sum, { score }) => sum + score, 0) / merits.length;
    state.best = betterOf(state.best, state.epoch, merit, merits[0]?.isHigherBetter === true);
    state.rows.push(...rows);
    state.epoch++;
    state.batch = 0;
    return rows;
  }

  private endCourse(course: Course, evaluated: Tally, eta: number): EpochRow {
    const { state, experiment } = this;
    const trained = scoreOf(course.tally);
    const score = scoreOf(evaluated);
    const { score: merit, isHigherBetter } = meritOf(score);
    const row: EpochRow = {
      epoch: state.epoch + 1,
      seed: course.seed,
      steps: state.steps,
      trainLoss: trained.loss,
      trainAccuracy: trained.accuracy,
      part: this.monitored,
      ...score,
      eta: eta * this.factorAt(1 - 0.5 / this.shape.batches) * course.plateau.scale,
      seconds: state.seconds,
    };
    course.evaluated = evaluated;
    course.plateau = afterLoss(experiment.schedule, course.plateau, score.loss, eta);
    course.best = betterOf(course.best, state.epoch, merit, isHigherBetter);
    if (isExhausted(experiment, course.best, state.epoch)) course.stoppedAfter = state.epoch;
    return row;
  }

  // ---- its end ------------------------------------------------------------------------------------------------

  private async finishGroup(simulator: Learner): Promise<void> {
    const { state, experiment, place, seeds } = this;
    const isTested = this.monitored === "test";
    const tested = isTested ? null : await this.evaluate(simulator, "test");
    for (const [replica, course] of state.courses.entries()) {
      const rows = state.rows.filter(({ seed }) => seed === course.seed);
      const last = rows.at(-1);
      const tally = tested?.[replica] ?? course.evaluated ?? this.newTally();
      const { epoch = 0, score = NaN } = course.best ?? {};
      state.results.push({
        seed: course.seed,
        epochs: rows.length,
        steps: last?.steps ?? 0,
        isStoppedEarly: course.stoppedAfter !== null && rows.length < experiment.epochs,
        trainLoss: last?.trainLoss ?? NaN,
        test: scoreOf(tally),
        best: { epoch: epoch + 1, score, part: this.monitored },
        confusion: tally.confusion,
      });
      const parameters = await collectParameters(experiment.network, (quantity, where) =>
        simulator.read(quantity, where, { replica }),
      );
      await this.tell({ kind: "weights", seed: course.seed, npz: parametersToNpz(parameters) });
      if (seeds[0] !== experiment.seeds[0] || replica > 0) continue;
      const { createSimulator, host, signal } = place;
      const own = { ...(host && { host }), ...(signal && { signal }), createSimulator, parameters };
      const traces = await sampleTraces(experiment, this.shape, place.data.test, own);
      await this.tell({ kind: "traces", traces });
    }
  }

  // ---- what is told -------------------------------------------------------------------------------------------

  private async tell(event: EpochEvent): Promise<void> {
    await this.place.report?.(event);
  }

  private async tellProgress(metrics: Metrics, isTesting: boolean): Promise<void> {
    if (this.pace !== null) await this.tell({ kind: "progress", progress: this.pace.advance(metrics, isTesting) });
  }

  /** Named by its place, so that names sort by age. */
  private async checkpoint(simulator: Learner, best: string | null): Promise<void> {
    const { state } = this;
    const bytes = packCheckpoint(state, await simulator.save());
    const place = [state.group, state.epoch, state.batch].map((value) => String(value).padStart(6, "0"));
    await this.tell({ kind: "checkpoint", bytes, name: place.join("-"), best });
    this.savedAt = performance.now();
  }
}

/** Makes something once all that is ready to be submitted has been. */
async function whenIdle<T>(make: () => T): Promise<T> {
  await new Promise((resolve) => setTimeout(resolve));
  return make();
}
