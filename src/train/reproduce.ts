/**
 * Runs a teacher-student experiment: the teacher's network answers the input, the student's learns from the answers, and
 * what comes of it is set beside the figures that a right simulator reaches. Runs unchanged in Node and in a page.
 */

import type { AdapterFacts } from "../device.ts";
import { SpecError } from "../errors.ts";
import type { SimulatorOptions } from "../simulator.ts";
import { expectationsOf, verdictsOf, type Figure, type Verdict } from "../tasks/expected-figures.ts";
import {
  BIN,
  createInput,
  experimentNamed,
  learningOf,
  OUTPUT,
  SCHEDULES,
  startOf,
  STUDENT_RULES,
  studentOf,
  teacherOf,
  weightsOf,
  type Experiment,
  type ExperimentName,
  type LearnedParameter,
  type Way,
} from "../tasks/teacher-student.ts";
import { outputOf } from "./outcome-of-run.ts";
import type { CreateSimulator, Trainable } from "./train.ts";

export interface ReproduceRequest extends Way {
  readonly experiment: ExperimentName;
  /** Of the student's start, and of the shifts of LagLine's input. Null: the one whose figures are quoted. */
  readonly seed: number | null;
  /** Ends the run early. Null: the experiment's own length. */
  readonly steps: number | null;
}

/** What is told while it goes on: the adapter first and once, then every block. */
export type ReproduceEvent =
  | { readonly kind: "adapter"; readonly adapter: AdapterFacts }
  | { readonly kind: "progress"; readonly point: ReproducePoint; readonly steps: number };

export interface ReproduceWorkplace {
  readonly createSimulator: CreateSimulator;
  /** Where the simulators live. Default: one new device for both, destroyed at the end. */
  readonly host?: Pick<SimulatorOptions, "device" | "gpu">;
  /** Awaited: a promise that waits is a pause. */
  readonly report?: (event: ReproduceEvent) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

/** Where the student stands after a block of steps. */
export interface ReproducePoint {
  readonly step: number;
  /** Squared error of the output, mean over batch rows and the steps of the block; null at step 0. */
  readonly error: number | null;
  /** In the order of the experiment's parameters. */
  readonly parameters: readonly number[];
  /** Wall time so far. */
  readonly seconds: number;
}

/** Plain data. */
export interface Reproduction extends Way {
  readonly experiment: ExperimentName;
  readonly seed: number;
  readonly adapter: AdapterFacts;
  readonly steps: number;
  readonly seconds: number;
  readonly stepsPerSecond: number;
  /** From the start on. */
  readonly points: readonly ReproducePoint[];
  /** Squared error of the output, mean over batch rows and `BIN` steps each. */
  readonly errors: readonly number[];
  readonly verdicts: readonly Verdict[];
}

/**
 * @throws SpecError if the request is not valid, the signal's reason if aborted, and what simulators throw. No simulator
 *   is left behind.
 */
export async function reproduce(request: ReproduceRequest, workplace: ReproduceWorkplace): Promise<Reproduction> {
  const experiment = experimentNamed(request.experiment);
  requireWay(request);
  const seed = request.seed ?? experiment.seed;
  const steps = readSteps(request.steps, experiment);
  const start = startOf(experiment, seed);
  const open: Trainable[] = [];
  try {
    const teacher = await openTeacher(experiment, request, workplace, open);
    await workplace.report?.({ kind: "adapter", adapter: teacher.adapter });
    const student = await openStudent(experiment, request, start, workplace, open);
    const lesson = new Lesson(experiment, request, { teacher, student, seed, steps }, workplace);
    await lesson.give();
    const { vendor, architecture, description, software } = teacher.adapter;
    const seconds = lesson.points.at(-1)?.seconds ?? 0;
    return {
      experiment: experiment.name,
      rule: request.rule,
      schedule: request.schedule,
      seed,
      adapter: { vendor, architecture, description, software },
      steps,
      seconds,
      stepsPerSecond: steps / seconds,
      points: lesson.points,
      errors: lesson.errors,
      verdicts: verdictsOf(expectationsOf(experiment, request, seed), experiment, lesson),
    };
  } finally {
    // The first simulator may own the device of the other.
    for (const simulator of open.reverse()) simulator.destroy();
  }
}

// ---- networks -----------------------------------------------------------------------------------------------

/** What is compared is recorded. A hundred thousand steps of a few neurons are worth a kernel of their own. */
const SHARED: Pick<SimulatorOptions, "record" | "fuseSteps"> = {
  record: [{ population: OUTPUT, quantity: "rate" }],
  fuseSteps: true,
};

async function openTeacher(
  experiment: Experiment,
  way: Way,
  { createSimulator, host, signal }: ReproduceWorkplace,
  open: Trainable[],
): Promise<Trainable> {
  const { batch, parameters } = experiment;
  signal?.throwIfAborted();
  const teacher = await createSimulator(teacherOf(experiment, way), {
    ...host,
    ...(signal && { signal }),
    batch,
    learning: { errors: "none" },
    ...SHARED,
  });
  open.push(teacher);
  const values = parameters.map(({ teacher: value }) => value);
  writeWeights(teacher, experiment, values);
  return teacher;
}

async function openStudent(
  experiment: Experiment,
  way: Way,
  start: readonly number[],
  { createSimulator, host, signal }: ReproduceWorkplace,
  open: Trainable[],
): Promise<Trainable> {
  const device = open[0]?.device;
  const student = await createSimulator(studentOf(experiment, way, start), {
    ...host,
    ...(device && { device }),
    ...(signal && { signal }),
    batch: experiment.batch,
    learning: learningOf(experiment, way),
    ...SHARED,
  });
  open.push(student);
  writeWeights(student, experiment, start);
  return student;
}

function writeWeights(simulator: Trainable, experiment: Experiment, values: readonly number[]): void {
  for (const { between, values: weights } of weightsOf(experiment, values)) {
    simulator.write("weight", between, Float32Array.from(weights));
  }
}

async function readParameter(simulator: Trainable, parameter: LearnedParameter): Promise<number> {
  if ("tauM" in parameter) return (await simulator.read("tauM", parameter.tauM))[0] ?? NaN;
  return (await simulator.read("weight", parameter.weight))[parameter.index] ?? NaN;
}

// ---- learning -----------------------------------------------------------------------------------------------

interface LessonParts {
  readonly teacher: Trainable;
  readonly student: Trainable;
  readonly seed: number;
  readonly steps: number;
}

/** A run of both networks, block by block. */
class Lesson {
  readonly points: ReproducePoint[] = [];
  readonly errors: number[] = [];
  private readonly experiment: Experiment;
  private readonly way: Way;
  private readonly parts: LessonParts;
  private readonly workplace: ReproduceWorkplace;

  constructor(experiment: Experiment, way: Way, parts: LessonParts, workplace: ReproduceWorkplace) {
    this.experiment = experiment;
    this.way = way;
    this.parts = parts;
    this.workplace = workplace;
  }

  async give(): Promise<void> {
    const { experiment, way } = this;
    const { seed, steps } = this.parts;
    const input = createInput(experiment, seed);
    const squares = new Binned(steps);
    let step = 0;
    await this.look(0, null, 0);
    const figures = expectationsOf(experiment, way, seed).map(({ figure }) => figure);
    for (const { end, learn } of blocksOf(experiment, way, steps, figures)) {
      this.workplace.signal?.throwIfAborted();
      const started = performance.now();
      const sum = await this.block(input(step, end - step), end - step, learn, squares);
      await this.look(end, sum / (end - step), (performance.now() - started) / 1000);
      step = end;
    }
    this.errors.push(...squares.means());
  }

  /** @returns the sum over the steps of the squared error, mean over batch rows. */
  private async block(input: Float32Array, steps: number, learn: boolean, squares: Binned): Promise<number> {
    const { teacher, student } = this.parts;
    const { signal } = this.workplace;
    const stop = signal && { signal };
    const target = await outputOf(teacher, { input, steps, learn: false, ...stop });
    const output = await outputOf(student, { input, target, steps, learn, ...stop });
    let sum = 0;
    const { batch } = this.experiment;
    for (let k = 0; k < steps; k++) {
      let square = 0;
      for (let lane = 0; lane < batch; lane++) {
        square += ((target[k * batch + lane] ?? NaN) - (output[k * batch + lane] ?? NaN)) ** 2 / batch;
      }
      squares.add(square);
      sum += square;
    }
    return sum;
  }

  private async look(step: number, error: number | null, seconds: number): Promise<void> {
    const { experiment, parts, workplace } = this;
    const parameters: number[] = [];
    for (const parameter of experiment.parameters) parameters.push(await readParameter(parts.student, parameter));
    const point = { step, error, parameters, seconds: (this.points.at(-1)?.seconds ?? 0) + seconds };
    this.points.push(point);
    if (step > 0) await workplace.report?.({ kind: "progress", point, steps: parts.steps });
  }
}

/** Values of one step each, as means over `BIN` steps. */
class Binned {
  private readonly sums: Float64Array;
  private readonly steps: number;
  private count = 0;

  constructor(steps: number) {
    this.steps = steps;
    this.sums = new Float64Array(Math.ceil(steps / BIN));
  }

  add(value: number): void {
    const bin = Math.floor(this.count / BIN);
    this.sums[bin] = (this.sums[bin] ?? 0) + value;
    this.count += 1;
  }

  means(): number[] {
    return Array.from(this.sums, (sum, bin) => sum / Math.min(BIN, this.steps - bin * BIN));
  }
}

// ---- blocks -------------------------------------------------------------------------------------------------

interface Block {
  /** Its last step, counted from the start of the run. */
  readonly end: number;
  readonly learn: boolean;
}

/**
 * Blocks that cover the run: they end where the warm-up ends, every `block` steps from there, and at the times of the
 * figures. Blocks that learn are whole windows: what remains at the end learns nothing.
 */
export function blocksOf(experiment: Experiment, { rule }: Way, steps: number, figures: readonly Figure[]): Block[] {
  const { dt, warmUp, block } = experiment;
  const window = rule === "adjoint" ? experiment.window : 1;
  const wanted = new Set([warmUp, steps]);
  for (let end = warmUp + block; end < steps; end += block) wanted.add(end);
  for (const { time } of figures) wanted.add(Math.round(time / dt));
  const ends = new Set<number>();
  for (const end of wanted) {
    if (end > steps) continue;
    ends.add(end <= warmUp ? end : warmUp + Math.floor((end - warmUp) / window) * window);
  }
  const lastLearnt = Math.max(...ends);
  ends.add(steps);
  return [...ends].sort((a, b) => a - b).map((end) => ({ end, learn: end > warmUp && end <= lastLearnt }));
}

// ---- requests -----------------------------------------------------------------------------------------------

function requireWay({ rule, schedule }: Way): void {
  if (!STUDENT_RULES.includes(rule)) throw new SpecError("rule", `is ${rule}; it can be ${STUDENT_RULES.join(", ")}.`);
  if (!SCHEDULES.includes(schedule))
    throw new SpecError("schedule", `is ${schedule}; it can be ${SCHEDULES.join(", ")}.`);
}

function readSteps(given: number | null, { steps, warmUp }: Experiment): number {
  if (given === null) return steps;
  if (Number.isSafeInteger(given) && given > warmUp && given % BIN === 0) return given;
  const nearest = Math.max(Math.ceil((warmUp + 1) / BIN), Math.round(given / BIN) || 1) * BIN;
  throw new SpecError(
    "steps",
    `is ${given}; expected a multiple of ${BIN} above the warm-up of ${warmUp}, such as ${nearest}.`,
  );
}
