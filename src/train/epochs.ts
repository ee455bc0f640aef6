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
import { collectParameters, parametersToNpz, type Parameter } from "../io/parameters.ts";
import type { Metrics, RunOptions } from "../run.ts";
import type { Simulator, SimulatorOptions } from "../simulator.ts";
import type { NetworkSpec } from "../spec.ts";
import { outputOf, setupOf, type Experiment } from "../tasks/experiments.ts";
import type { Samples, TaskData } from "../tasks/samples.ts";
import type { Tuned } from "../variants.ts";
import { orderOf, shapeOf, testPieces, trainingPiece, type Piece, type Shape } from "./batches.ts";
import { endEpoch, resultOf } from "./courses.ts";
import { AllDivergedError, Diverged, silence, type Divergence } from "./divergence.ts";
import { EpochPace, type EpochProgress } from "./epoch-pace.ts";
import type { KernelOptions } from "./kernels.ts";
import { rateFactor } from "./rates.ts";
import { sampleTraces, type SampleTraces } from "./sample-traces.ts";
import { addAnswers, createTally, type Tally } from "./scores.ts";
import {
  createCourse,
  packCheckpoint,
  STATE_SCHEMA,
  unpackCheckpoint,
  type EpochRow,
  type TrainingState,
} from "./training-state.ts";

/** What training over epochs needs of a simulator. */
export type Learner = Pick<
  Simulator,
  "adapter" | "step" | "run" | "read" | "write" | "reset" | "save" | "restore" | "destroy"
> &
  Partial<Pick<Simulator, "tuned">>;

/** `createSimulator` of this library has this shape. */
export type CreateLearner = (network: NetworkSpec, options: SimulatorOptions) => Promise<Learner>;

/** What is told while it goes on: the adapter first and once. Files come before the checkpoint that takes them for granted. */
export type EpochEvent =
  | { readonly kind: "adapter"; readonly adapter: AdapterFacts; readonly shape: Shape }
  /** Of a simulator that trains, before anything else that is told of it. */
  | { readonly kind: "tuned"; readonly tuned: Tuned }
  | { readonly kind: "note"; readonly text: string }
  | { readonly kind: "progress"; readonly progress: EpochProgress }
  | { readonly kind: "epoch"; readonly rows: readonly EpochRow[] }
  /** The seed is left out from here on. */
  | { readonly kind: "diverged"; readonly divergence: Divergence }
  | { readonly kind: "checkpoint"; readonly bytes: Uint8Array; readonly name: string }
  /** Those of the end, or of the best epoch so far. */
  | { readonly kind: "weights"; readonly of: "end" | "best"; readonly seed: number; readonly npz: Uint8Array }
  | { readonly kind: "traces"; readonly traces: SampleTraces };

export interface EpochWorkplace {
  readonly data: TaskData;
  readonly createSimulator: CreateLearner;
  readonly host?: Pick<SimulatorOptions, "device" | "gpu">;
  /** Of the simulators that train. A run that goes on needs those that it began with. */
  readonly kernels?: KernelOptions;
  /** Bytes of a checkpoint event of the same experiment, to go on from. */
  readonly checkpoint?: Uint8Array;
  /** Seconds between two checkpoints within an epoch; there is one at the end of each. Default 30. */
  readonly checkpointSeconds?: number;
  /** Milliseconds of GPU work that one submit aims at. Default: that of `run`. */
  readonly chunkMilliseconds?: number;
  /** Awaited: a promise that waits is a pause. */
  readonly report?: (event: EpochEvent) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

/**
 * Trains and tests; no simulator is left behind. A seed that diverges is told and left out; the others go on to what they
 * come to alone.
 * @throws SpecError where experiment and data do not fit; DataError for a checkpoint of another experiment; VleError DIVERGED
 *   naming step, population and seed where no seed is left; the signal's reason if aborted; what simulators throw.
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
  /** The last checkpoint, while there are several seeds: where the others go on from if one diverges. */
  private saved: Uint8Array | null = null;

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
      rows: [],
      results: [],
      diverged: [],
    };
  }

  async run(): Promise<TrainingState> {
    const { state } = this;
    let { snapshot } = this;
    let isAnnounced = false;
    while (state.group < state.groups.length) {
      const simulator = await this.open();
      try {
        if (simulator.tuned) await this.tell({ kind: "tuned", tuned: simulator.tuned });
        if (!isAnnounced) await this.tell({ kind: "adapter", adapter: simulator.adapter, shape: this.shape });
        isAnnounced = true;
        if (snapshot === null) this.beginGroup(simulator);
        else simulator.restore(snapshot);
        snapshot = null;
        this.saved = this.seeds.length > 1 ? packCheckpoint(state, await simulator.save()) : null;
        this.savedAt = performance.now();
        for (let isOver = false; !isOver;) isOver = await this.trainGroup(simulator);
      } finally {
        simulator.destroy();
      }
      Object.assign(state, { group: state.group + 1, epoch: 0, batch: 0, steps: 0, courses: [] });
    }
    return state;
  }

  // ---- set-up -------------------------------------------------------------------------------------------------

  private get seeds(): readonly number[] {
    return this.state.groups[this.state.group] ?? [];
  }

  private readonly newTally = (): Tally => createTally(this.place.data.train, this.shape);

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
        ...place.kernels,
        // Deferred updates would show, in the rounding, where a training was stopped.
        tuning: { ...place.kernels?.tuning, deferredSteps: 1 },
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

  /** Whether it came to its end; if not, a seed diverged, and the others go on. */
  private async trainGroup(simulator: Learner): Promise<boolean> {
    const { state, experiment } = this;
    this.pace = new EpochPace(state, experiment, this.shape, this.place.data, this.monitored);
    try {
      while (state.epoch < experiment.epochs && state.courses.some(({ stoppedAfter }) => stoppedAfter === null)) {
        await this.trainEpoch(simulator);
        const tallies = await this.evaluate(simulator, this.monitored);
        const rows = endEpoch(
          state,
          experiment,
          this.monitored,
          tallies,
          this.newTally,
          this.factorAt(1 - 0.5 / this.shape.batches),
        );
        await this.tell({ kind: "epoch", rows });
        await this.tellBest(simulator);
        await this.checkpoint(simulator);
      }
      this.pace.endTraining();
      await this.finishGroup(simulator);
      return true;
    } catch (error) {
      return await this.leaveOut(simulator, error);
    }
  }

  /**
   * Leaves out the seed that diverged. The others go on from the last checkpoint, so that nothing of theirs is lost and all
   * bits are those that they have alone: what was computed since was told for all seeds together, or not at all.
   * @returns whether no seed of the group is left.
   */
  private async leaveOut(simulator: Learner, error: unknown): Promise<boolean> {
    const { state, experiment, seeds, saved } = this;
    if (!(error instanceof Diverged)) throw error;
    const diverged = [...state.diverged, error.divergence];
    Object.assign(state, { diverged });
    await this.tell({ kind: "diverged", divergence: error.divergence });
    const isLast = diverged.length === experiment.seeds.length;
    if (isLast) throw new AllDivergedError(error.divergence, diverged.length, error.cause);
    if (saved === null || seeds.every((seed) => this.hasDiverged(seed))) return true;
    const { state: last, snapshot } = unpackCheckpoint(saved);
    // The time was spent.
    Object.assign(state, last, { diverged, seconds: state.seconds });
    simulator.restore(snapshot);
    state.courses.forEach((course, replica) => {
      if (!this.hasDiverged(course.seed)) return;
      course.stoppedAfter ??= state.epoch;
      silence(simulator, experiment.network, replica);
    });
    return false;
  }

  private hasDiverged(seed: number): boolean {
    return this.state.diverged.some((each) => each.seed === seed);
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
      if (isDue && piece !== null) await this.checkpoint(simulator);
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
      const { signal, chunkMilliseconds } = place;
      const pace = { ...(signal && { signal }), ...(chunkMilliseconds !== undefined && { chunkMilliseconds }) };
      const run = { input, ...(target && { target }), steps, every, ...options };
      for await (const metrics of simulator.run({ ...run, ...pace })) {
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
    const { state } = this;
    const { population, replica, step } = error.details;
    // The test that ends the training comes when its last epoch is over.
    const epoch = state.epoch + (isTesting && state.batch === 0 ? 0 : 1);
    const trained = isTesting ? state.steps : offset + Number(step);
    const seed = this.seeds[Number(replica ?? 0)] ?? 0;
    return new Diverged({ seed, epoch, step: trained, population: String(population), isTesting }, error);
  }

  private async parametersOf(simulator: Learner, replica: number): Promise<readonly Parameter[]> {
    return collectParameters(this.experiment.network, (quantity, where) =>
      simulator.read(quantity, where, { replica }),
    );
  }

  /** Of the seeds that have never been better than in the epoch that is over. */
  private async tellBest(simulator: Learner): Promise<void> {
    const { courses, epoch } = this.state;
    for (const [replica, { seed, best }] of courses.entries()) {
      if (best?.epoch !== epoch - 1 || this.hasDiverged(seed)) continue;
      const npz = parametersToNpz(await this.parametersOf(simulator, replica));
      await this.tell({ kind: "weights", of: "best", seed, npz });
    }
  }

  // ---- its end ------------------------------------------------------------------------------------------------

  private async finishGroup(simulator: Learner): Promise<void> {
    const { state, experiment, place } = this;
    const isTested = this.monitored === "test";
    const tested = isTested ? null : await this.evaluate(simulator, "test");
    for (const [replica, course] of state.courses.entries()) {
      if (this.hasDiverged(course.seed)) continue;
      const isFirst = state.results.length === 0;
      const tally = tested?.[replica] ?? course.evaluated ?? this.newTally();
      state.results.push(resultOf(state, experiment, course, tally, this.monitored));
      const parameters = await this.parametersOf(simulator, replica);
      await this.tell({ kind: "weights", of: "end", seed: course.seed, npz: parametersToNpz(parameters) });
      if (!isFirst) continue;
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
  private async checkpoint(simulator: Learner): Promise<void> {
    const { state } = this;
    const bytes = packCheckpoint(state, await simulator.save());
    if (this.seeds.length > 1) this.saved = bytes;
    const place = [state.group, state.epoch, state.batch].map((value) => String(value).padStart(6, "0"));
    await this.tell({ kind: "checkpoint", bytes, name: place.join("-") });
    this.savedAt = performance.now();
  }
}

/** Makes something once all that is ready to be submitted has been. */
async function whenIdle<T>(make: () => T): Promise<T> {
  await new Promise((resolve) => setTimeout(resolve));
  return make();
}
