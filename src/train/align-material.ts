/** What a preset gives to measure alignment on: a network where it starts, how it trains, and a stream of data. */

import { SpecError } from "../errors.ts";
import type { SimulatorOptions } from "../simulator.ts";
import type { LearningSpec, NetworkSpec, ScheduleKind } from "../spec.ts";
import type { Digits } from "../tasks/digits.ts";
import { crossfadesOf, presets, setupOf, type Preset, type Schedule } from "../tasks/presets.ts";
import { createDigitStream } from "../tasks/previous-digit.ts";
import {
  createInput,
  EXPERIMENTS,
  experimentNamed,
  learningOf,
  OUTPUT,
  startOf,
  studentOf,
  teacherOf,
  weightsOf,
  type Experiment,
  type Weights,
} from "../tasks/teacher-student.ts";
import type { CreateSimulator, Trainable } from "./train.ts";

export interface Piece {
  /** [step][batch][neurons] */
  readonly input: Float32Array;
  /** The same, or [step][batch] classes. */
  readonly target: Float32Array;
}

export interface Material {
  readonly network: NetworkSpec;
  readonly batch: number;
  /** Weights that do not come from the seed. */
  readonly start: readonly Weights[];
  /** With local errors. */
  readonly learning: LearningSpec;
  /** Of the learning rate over a training; null: constant. */
  readonly rates: Schedule | null;
  /** Continues the data by whole units of steps. What it gave before may be overwritten. */
  next(steps: number): Promise<Piece>;
  close(): void;
}

/** Steps of a measurement and of the training before the second one, and what both must be a multiple of. */
export interface Lengths {
  readonly steps: number;
  readonly trained: number;
  readonly unit: number;
}

export interface MaterialOptions {
  readonly seed: number;
  /** Undefined: the preset's own. */
  readonly schedule?: ScheduleKind;
  readonly createSimulator: CreateSimulator;
  readonly host?: Pick<SimulatorOptions, "device" | "gpu">;
  readonly digits: () => Promise<Digits>;
  readonly signal?: AbortSignal;
}

/** Names of all that alignment can be measured on. */
export const alignable: readonly string[] = [...presets.map(({ name }) => name), ...EXPERIMENTS];

/** @throws SpecError that lists the names there are. */
export function titleOf(name: string): string {
  return presetOf(name)?.title ?? experimentOf(name).title;
}

/** @throws SpecError that lists the names there are. */
export function lengthsOf(name: string): Lengths {
  const preset = presetOf(name);
  if (preset !== undefined) return { steps: 30 * preset.period, trained: 200 * preset.period, unit: preset.period };
  const { block } = experimentOf(name);
  return { steps: 4000, trained: 20 * block, unit: 1 };
}

/** @throws SpecError that lists the names there are, and what simulators throw. */
export function openMaterial(name: string, options: MaterialOptions): Promise<Material> {
  const preset = presetOf(name);
  return preset === undefined ? teacherAndStudent(experimentOf(name), options) : stream(preset, options);
}

function presetOf(name: string): Preset | undefined {
  return presets.find((candidate) => candidate.name === name);
}

function experimentOf(name: string): Experiment {
  if (alignable.includes(name)) return experimentNamed(name);
  throw new SpecError("preset", `is ${JSON.stringify(name)}; there are: ${alignable.join(", ")}.`, { value: name });
}

async function stream(preset: Preset, { seed, schedule, digits }: MaterialOptions): Promise<Material> {
  const { batch, period, conditions } = preset;
  const [fade = 0] = crossfadesOf(conditions);
  const images = (await digits()).train;
  const { network, learning, schedule: rates } = setupOf(preset, "local");
  const source = createDigitStream({ images, lanes: batch, seed, period, fade });
  return {
    network: { ...network, ...(schedule && { schedule }) },
    batch,
    start: [],
    learning,
    rates,
    next(steps) {
      const { input, target } = source.next(steps / period);
      return Promise.resolve({ input, target });
    },
    close: () => undefined,
  };
}

/** Targets are the output of a teacher that sees the same input. */
async function teacherAndStudent(experiment: Experiment, options: MaterialOptions): Promise<Material> {
  const { seed, schedule = "jacobi", createSimulator, host, signal } = options;
  const { batch, parameters } = experiment;
  const way = { rule: "local", schedule } as const;
  const teacher = await createSimulator(teacherOf(experiment, way), {
    ...host,
    ...(signal && { signal }),
    batch,
    learning: { errors: "none" },
    record: [{ population: OUTPUT, quantity: "rate" }],
  });
  const values = parameters.map((parameter) => parameter.teacher);
  writeWeights(teacher, weightsOf(experiment, values));
  const inputOf = createInput(experiment, seed);
  const start = startOf(experiment, seed);
  let step = 0;
  return {
    network: studentOf(experiment, way, start),
    batch,
    start: weightsOf(experiment, start),
    learning: learningOf(experiment, way),
    rates: null,
    async next(steps) {
      const input = inputOf(step, steps);
      step += steps;
      let target: Float32Array = new Float32Array();
      for await (const { traces } of teacher.run({ input, steps, learn: false, ...(signal && { signal }) })) {
        target = traces[0] ?? target;
      }
      return { input, target };
    },
    close: () => teacher.destroy(),
  };
}

export function writeWeights(simulator: Pick<Trainable, "write">, weights: readonly Weights[]): void {
  for (const { between, values } of weights) simulator.write("weight", between, Float32Array.from(values));
}
