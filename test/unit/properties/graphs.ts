/** Networks, sequences and gradients that the property tests of the reference share. */

import { expect } from "vitest";
import { createRandom, type Random } from "../../../src/random.ts";
import {
  createReference,
  resolveLearning,
  resolveNetwork,
  type Between,
  type Frame,
  type PartOf,
  type Reference,
} from "../../../src/reference/index.ts";
import type {
  Activation,
  LearningSpec,
  NetworkSpec,
  PopulationSpec,
  ProjectionSpec,
  ScheduleKind,
} from "../../../src/spec.ts";

/** Sums gradients and leaves parameters alone. */
export const ACCUMULATE = { optimizer: { kind: "accumulate" } } as const;
export const SCHEDULES: readonly ScheduleKind[] = ["jacobi", "sweep"];

export function start(network: NetworkSpec, learning: LearningSpec, batch = 1, seed = 11): Reference {
  return createReference(resolveNetwork(network), resolveLearning(learning), { batch, seed });
}

/** `count` numbers, uniform from `low` to `high`. */
export function draw(random: Random, count: number, low = -1, high = 1): number[] {
  return Array.from({ length: count }, () => low + (high - low) * random.uniform());
}

// ---- graphs -------------------------------------------------------------------------------------------------

export interface GraphOptions {
  readonly schedule: ScheduleKind;
  readonly targetDelay?: 0 | 1;
  readonly cost?: "squared-error" | "cross-entropy";
  /** Default: all six. */
  readonly activations?: readonly Activation[];
  /** Default 0.1. */
  readonly dt?: number;
}

const ALL: readonly Activation[] = ["tanh", "softplus", "linear", "sigmoid", "hard-sigmoid", "relu"];

/**
 * A random graph of two sources and four populations with mixed activations and time constants of its own for every
 * neuron: a chain, so that everything matters, with random skips and, against its direction, random recurrence; costs
 * at its end and in its middle. Seeds 1 and 2 use all activations between them.
 */
export function randomGraph(seed: number, options: GraphOptions): NetworkSpec {
  const { schedule, targetDelay = 0, cost = "squared-error", activations = ALL, dt = 0.1 } = options;
  const random = createRandom(seed, 1);
  const names = ["a", "b", "c", "d"];
  const populations = names.map((name, index): PopulationSpec => {
    const size = 2 + random.integer(2);
    return {
      name,
      size,
      tauM: draw(random, size, 4 * dt, 15 * dt),
      tauR: draw(random, size, 2 * dt, 12 * dt),
      activation: activations[(2 * seed + index) % activations.length] ?? "linear",
      ...(index === 1 && { cost: { kind: "squared-error", beta: 0.3 } }),
      ...(index === 3 && { cost: { kind: cost, beta: 1.5 } }),
    };
  });
  const projections: ProjectionSpec[] = [{ from: "x", to: "a" }];
  for (const [i, to] of names.entries()) {
    for (const [j, from] of names.entries()) {
      const isChain = j === i - 1;
      if (!isChain && random.uniform() > 0.5) continue;
      // Weaker around loops, so that looking ahead around them does not grow.
      projections.push(j < i ? { from, to } : { from, to, recurrent: true, init: { kind: "uniform", scale: 0.5 } });
    }
    if (random.uniform() < 0.5) projections.push({ from: "y", to });
  }
  // Every source is used and something is recurrent, whatever was drawn.
  const has = (from: string, to: string): boolean => projections.some((each) => each.from === from && each.to === to);
  if (!has("y", "d")) projections.push({ from: "y", to: "d" });
  if (!has("c", "a")) projections.push({ from: "c", to: "a", recurrent: true });
  const sources = [
    { name: "x", size: 2 },
    { name: "y", size: 1 },
  ];
  return { dt, schedule, targetDelay, sources, populations, projections };
}

export interface StackOptions {
  readonly schedule: ScheduleKind;
  readonly targetDelay?: 0 | 1;
  readonly dt: number;
  /** Input, hidden layers, output. */
  readonly sizes: readonly number[];
  /** One function or value of all layers; hidden layers are tanh and the output is linear unless told. */
  readonly tauM: (layer: number, neuron: number) => number;
  readonly tauR: (layer: number, neuron: number) => number;
  readonly activation?: (layer: number) => Activation;
  readonly gamma?: number;
  readonly beta?: number;
  readonly bias?: false;
  readonly plastic?: "all";
}

/** Source "0" and populations "1", "2", ... of which the last has a squared-error cost. */
export function stack(options: StackOptions): NetworkSpec {
  const { schedule, targetDelay = 0, dt, sizes, tauM, tauR, gamma = 0, beta = 1, bias, plastic } = options;
  const last = sizes.length - 1;
  const activation = options.activation ?? ((layer: number): Activation => (layer === last ? "linear" : "tanh"));
  const populations = sizes.slice(1).map((size, index): PopulationSpec => {
    const layer = index + 1;
    return {
      name: String(layer),
      size,
      tauM: Array.from({ length: size }, (_, i) => tauM(layer, i)),
      tauR: Array.from({ length: size }, (_, i) => tauR(layer, i)),
      activation: activation(layer),
      gamma,
      ...(plastic === "all" && { plasticTauM: true, plasticTauR: true }),
      ...(bias === false && { bias }),
      ...(layer === last && { cost: { kind: "squared-error", beta } }),
    };
  });
  const projections = populations.map((_, index) => ({ from: String(index), to: String(index + 1) }));
  return { dt, schedule, targetDelay, sources: [{ name: "0", size: sizes[0] ?? 1 }], populations, projections };
}

// ---- sequences ----------------------------------------------------------------------------------------------

export interface Step {
  readonly input: Frame;
  readonly target: Frame | null;
}

/** Random input and targets of every source and cost, [step], different in every batch row. */
export function randomSteps({ sources, populations }: NetworkSpec, steps: number, batch: number, seed: number): Step[] {
  const random = createRandom(seed, 2);
  return Array.from({ length: steps }, () => ({
    input: Object.fromEntries(sources.map(({ name, size }) => [name, draw(random, batch * size)])),
    target: Object.fromEntries(
      populations.flatMap(({ name, size, cost }) => {
        if (cost === undefined) return [];
        const classes = (): number[] => Array.from({ length: batch }, () => random.integer(size + 1) - 1);
        return [[name, cost.kind === "cross-entropy" ? classes() : draw(random, batch * size)]];
      }),
    ),
  }));
}

/** Takes all steps. @returns the cost summed over those that have one. */
export function take(reference: Reference, steps: readonly Step[], learn = true): number {
  let sum = 0;
  for (const { input, target } of steps) {
    const cost = reference.step(input, target, learn);
    if (!Number.isNaN(cost)) sum += cost;
  }
  return sum;
}

// ---- parameters ---------------------------------------------------------------------------------------------

export type Place = Between | PartOf;

/** Weights, biases and time constants of a network. */
export function placesOf({ projections, populations }: NetworkSpec): Place[] {
  return [
    ...projections.map(({ from, to }) => ({ from, to })),
    ...populations.flatMap(({ name: population }) =>
      (["bias", "tauM", "tauR"] as const).map((of): PartOf => ({ population, of })),
    ),
  ];
}

export function readValue(reference: Reference, place: Place): Float64Array {
  return "from" in place ? reference.read("weight", place) : reference.read(place.of, place.population);
}

export function writeValue(reference: Reference, place: Place, values: ArrayLike<number>): void {
  if ("from" in place) reference.write("weight", place, values);
  else reference.write(place.of, place.population, values);
}

/** Copies every parameter of a network that both have. */
export function copyParameters(network: NetworkSpec, from: Reference, to: Reference): void {
  for (const place of placesOf(network)) writeValue(to, place, readValue(from, place));
}

/**
 * Derivative of `cost` by each entry of `values`, which `write` replaces: central differences of width `h`, which must not
 * step over a kink of relu or hard-sigmoid.
 */
export function centralDifferences(
  values: Float64Array,
  write: (values: Float64Array) => void,
  cost: () => number,
  h = 1e-5,
): Float64Array {
  const derivative = values.map((_, k) => {
    const [above, below] = [h, -h].map((shift) => {
      write(values.map((value, j) => (j === k ? value + shift : value)));
      return cost();
    });
    return ((above ?? NaN) - (below ?? NaN)) / (2 * h);
  });
  write(values);
  return derivative;
}

// ---- comparisons --------------------------------------------------------------------------------------------

export function largest(values: ArrayLike<number>): number {
  return Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** Largest difference of two arrays, relative to the largest entry of the second one. */
export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  const difference = largest(Array.from(actual, (value, i) => value - (expected[i] ?? NaN)));
  return difference === 0 ? 0 : difference / largest(expected);
}

/** Equal up to `tolerance` relative to the largest entry. */
export function expectNear(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(distance(actual, expected)).toBeLessThanOrEqual(tolerance);
}

export function sum(values: ArrayLike<number>): number {
  return Array.from(values).reduce((a, b) => a + b, 0);
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return sum(Array.from(a, (value, i) => value * (b[i] ?? NaN)));
}
