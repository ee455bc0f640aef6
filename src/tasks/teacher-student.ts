/**
 * Two teacher-student experiments of the published code of Generalized Latent Equilibrium: a student learns the weights
 * and time constants of a teacher that sees the same input, from the teacher's output alone. Plain data and pure
 * functions; time is in units of the teacher's first membrane time constant.
 */

import { SpecError } from "../errors.ts";
import { createRandom } from "../random.ts";
import {
  layered,
  PLASTIC_TAU_STEPS,
  type Errors,
  type LayeredSpec,
  type LearningSpec,
  type NetworkSpec,
  type OptimizerSpec,
  type ScheduleKind,
} from "../spec.ts";

export type ExperimentName = "lagline" | "lagnet";
export const EXPERIMENTS: readonly ExperimentName[] = ["lagline", "lagnet"];

/** What errors the student learns from. */
export type StudentRule = Extract<Errors, "local" | "adjoint" | "instantaneous">;
export const STUDENT_RULES: readonly StudentRule[] = ["local", "adjoint", "instantaneous"];
export const SCHEDULES: readonly ScheduleKind[] = ["jacobi", "sweep"];

/** How a student is to learn. */
export interface Way {
  readonly rule: StudentRule;
  readonly schedule: ScheduleKind;
}

/** A number that the student learns: a time constant tauM of a population of one neuron, or a weight of a block. */
export type LearnedParameter = {
  /** For people, in figures and tables. */
  readonly label: string;
  /** The teacher's value. */
  readonly teacher: number;
} & ({ readonly weight: Between; readonly index: number } | { readonly tauM: string });

/** A block of weights, [post][pre], that both networks start from or keep. */
export interface Weights {
  readonly between: Between;
  readonly values: readonly number[];
}

interface Between {
  readonly from: string;
  readonly to: string;
}

export interface Experiment {
  readonly name: ExperimentName;
  readonly title: string;
  readonly sentence: string;
  readonly dt: number;
  readonly batch: number;
  /** Steps of the whole run, and of its start, in which nothing is learnt. */
  readonly steps: number;
  readonly warmUp: number;
  /** Steps between two looks at the parameters. */
  readonly block: number;
  /** Steps after which a figure of the curve of the cost may be a mean: whole periods of the input, where it has one. */
  readonly smoothing: number;
  /** Steps of a window of the exact adjoint. */
  readonly window: number;
  /** The seed whose figures are quoted. */
  readonly seed: number;
  readonly parameters: readonly LearnedParameter[];
}

/** Steps from one of the numbers to the next in which the error of the student's output is kept. */
export const BIN = 100;
/** The name of the population whose rates are compared, and of the source, in both networks. */
export const OUTPUT = "output";
const INPUT = "input";

const CHAIN = [
  { from: INPUT, to: "hidden" },
  { from: "hidden", to: OUTPUT },
] as const;
const BOTTOM = { from: INPUT, to: "hidden1" } as const;

const LAGLINE: Experiment = {
  name: "lagline",
  title: "LagLine: a chain learns weights and time constants",
  sentence: "Two lagging neurons in a row learn the weights and time constants of two others, from their output alone.",
  dt: 0.01,
  batch: 20,
  steps: 100_000,
  warmUp: 5_000,
  block: 1_200,
  smoothing: 400,
  window: 400,
  seed: 3,
  parameters: [
    { label: "w0", teacher: 1, weight: CHAIN[0], index: 0 },
    { label: "w1", teacher: 2, weight: CHAIN[1], index: 0 },
    { label: "tau0", teacher: 1, tauM: "hidden" },
    { label: "tau1", teacher: 2, tauM: OUTPUT },
  ],
};

const LAGNET: Experiment = {
  name: "lagnet",
  title: "LagNet: errors through neurons that lag",
  sentence: "The bottom weights of a small net learn from a teacher, through a path of fast neurons and one that lags.",
  dt: 0.01,
  batch: 1,
  steps: 100_000,
  warmUp: 8_000,
  block: 1_200,
  smoothing: 1_000,
  window: 300,
  seed: 0,
  parameters: [
    { label: "w fast", teacher: -0.5, weight: BOTTOM, index: 0 },
    { label: "w slow", teacher: 1, weight: BOTTOM, index: 1 },
  ],
};

/** Both, by name. @throws SpecError that lists the names there are. */
export function experimentNamed(name: string): Experiment {
  const experiment = [LAGLINE, LAGNET].find((candidate) => candidate.name === name);
  if (experiment !== undefined) return experiment;
  throw new SpecError("experiment", `is ${JSON.stringify(name)}; there are: ${EXPERIMENTS.join(", ")}.`, {
    value: name,
  });
}

// ---- networks -----------------------------------------------------------------------------------------------

/** The teacher: it has the schedule of its student, no cost, and nothing of it learns. */
export function teacherOf({ name, parameters }: Experiment, { schedule }: Way): NetworkSpec {
  const values = parameters.map(({ teacher }) => teacher);
  return name === "lagline" ? chain(values, { schedule }) : net({ schedule });
}

/**
 * The student, without the weights that it starts from.
 *
 * @param start values of the experiment's parameters.
 */
export function studentOf({ name }: Experiment, way: Way, start: readonly number[]): NetworkSpec {
  return name === "lagline" ? chain(start, way) : net(way);
}

/** All weights of a network whose learned parameters have these values. */
export function weightsOf({ name }: Experiment, [first = 0, second = 0]: readonly number[]): Weights[] {
  if (name === "lagline") {
    return [
      { between: CHAIN[0], values: [first] },
      { between: CHAIN[1], values: [second] },
    ];
  }
  return [
    { between: BOTTOM, values: [first, second] },
    { between: { from: "hidden1", to: "hidden2" }, values: [0.5, 0, 0, 1] },
    { between: { from: "hidden2", to: OUTPUT }, values: [0.5, 1] },
  ];
}

/** How the student learns. The adjoint updates once a window, with the learning rate of as many steps. */
export function learningOf({ name, window }: Experiment, { rule }: Way): LearningSpec {
  const optimizer = name === "lagline" ? adam(rule, window) : momentum(rule);
  return { errors: rule, ...(rule === "adjoint" && { window }), optimizer };
}

function adam(rule: StudentRule, window: number): OptimizerSpec {
  const eta = 1e-4;
  return { kind: "adam", eta: rule === "adjoint" ? eta * window : eta };
}

/** The published rates carry a factor dt: 2e-2 dt online, and 7e-2 for windows whose gradient is an integral over time. */
function momentum(rule: StudentRule): OptimizerSpec {
  return { kind: "momentum", eta: rule === "adjoint" ? 7e-4 : 2e-4, mu: 0.9 };
}

/** What distinguishes a student from a teacher, which has no rule. */
type Part = Pick<Way, "schedule"> & Partial<Way>;

/** Input, hidden and output neuron; values are w0, w1, tau0, tau1, of which the network takes the last two. */
function chain(values: readonly number[], part: Part): NetworkSpec {
  const [, , tau0 = 1, tau1 = 1] = values;
  const isStudent = part.rule !== undefined;
  const neuron = {
    size: 1,
    tauR: 0.1,
    activation: "softplus",
    bias: false,
    plasticTauM: isStudent,
    gamma: nudging(part, 1),
  } as const;
  return layered({
    ...orderOf(part, 1e-2),
    dt: LAGLINE.dt,
    input: 1,
    hidden: [{ ...neuron, tauM: tau0 }],
    output: { ...neuron, tauM: tau1 },
  });
}

/** Two hidden layers of a fast neuron (tauR = tauM) and a lagging one; only the bottom weights learn. */
function net(part: Part): NetworkSpec {
  const layer = {
    size: 2,
    tauM: 1,
    tauR: [1, 0.1],
    activation: "tanh",
    bias: false,
    gamma: nudging(part, 1e-3),
  } as const;
  return layered({
    ...orderOf(part, 1),
    dt: LAGNET.dt,
    input: 1,
    hidden: [layer, { ...layer, plastic: false }],
    output: { size: 1, tauM: 1, tauR: 1, activation: "linear", bias: false, plastic: false },
  });
}

/** Errors of the adjoint do not act on the neurons. */
function nudging({ rule }: Part, gamma: number): number {
  return rule === undefined || rule === "adjoint" ? 0 : gamma;
}

/**
 * The published order compares the target of a step with the output of the step before. The adjoint is the gradient of
 * the cost of each output and its own target, so its jacobi delays the target.
 */
function orderOf({ schedule, rule }: Part, beta: number): Pick<LayeredSpec, "schedule" | "targetDelay" | "cost"> {
  return {
    schedule,
    ...(schedule === "jacobi" && { targetDelay: rule === "adjoint" ? 1 : 0 }),
    ...(rule !== undefined && { cost: { kind: "squared-error", beta } }),
  };
}

// ---- starts and inputs --------------------------------------------------------------------------------------

/** Stream of the random numbers of an experiment. */
const STREAM = 1;
/** Steps of half a period of the square wave, and the width of the Gaussian that smooths it. */
const HALF_PERIOD = 200;
const SIGMA = 5;
/** Angular frequencies of the three tones. */
const TONES = [0.49, 1.07, 1.98];

/**
 * The values from which the student's parameters start. LagLine: uniform in [0, 1), time constants at 0.1 or above.
 * LagNet: seed 0 is the published figure's (-0.07, 1); every other is uniform in +-1.
 *
 * @throws SpecError unless `seed` is an integer from 0 to 2^53 - 1.
 */
export function startOf({ name, dt, parameters, batch, seed: published }: Experiment, seed: number): number[] {
  const random = createRandom(seed, STREAM);
  if (name === "lagnet") {
    return seed === published ? [-0.07, 1] : parameters.map(() => 2 * random.uniform() - 1);
  }
  drawShifts(random, batch);
  return parameters.map((parameter) => {
    const value = random.uniform();
    return "tauM" in parameter ? Math.max(value, PLASTIC_TAU_STEPS * dt) : value;
  });
}

/**
 * The input that teacher and student see. LagLine: a square wave of +-1, smoothed, shifted by up to half a period in each
 * batch row. LagNet: three sines.
 *
 * @returns a function that gives `count` steps from step `first` on, [step][batch].
 * @throws SpecError unless `seed` is an integer from 0 to 2^53 - 1.
 */
export function createInput(
  { name, dt, batch }: Experiment,
  seed: number,
): (first: number, count: number) => Float32Array {
  const shifts = name === "lagline" ? drawShifts(createRandom(seed, STREAM), batch) : [];
  const wave = smoothedSquareWave();
  const valueOf = (step: number, lane: number): number =>
    name === "lagline" ? at(wave, step - at(shifts, lane)) : threeTones(step * dt);
  return (first, count) => {
    return Float32Array.from({ length: count * batch }, (_, k) => valueOf(first + Math.floor(k / batch), k % batch));
  };
}

/** One period: +1 for its first half and -1 for its second, smoothed as if it went on for ever. */
export function smoothedSquareWave(): number[] {
  const period = 2 * HALF_PERIOD;
  const reach = 4 * SIGMA;
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-(((i - reach) / SIGMA) ** 2) / 2));
  const total = kernel.reduce((sum, weight) => sum + weight, 0);
  const sign = (step: number): number => ((step + period) % period < HALF_PERIOD ? 1 : -1);
  return Array.from(
    { length: period },
    (_, step) => kernel.reduce((sum, weight, i) => sum + weight * sign(step + i - reach), 0) / total,
  );
}

export function threeTones(time: number): number {
  return TONES.reduce((sum, omega) => sum + Math.sin(omega * time), 0);
}

function drawShifts(random: ReturnType<typeof createRandom>, batch: number): number[] {
  return Array.from({ length: batch }, () => random.integer(HALF_PERIOD));
}

/** Of values that repeat. */
function at(values: readonly number[], index: number): number {
  const { length } = values;
  return values[((index % length) + length) % length] ?? 0;
}
