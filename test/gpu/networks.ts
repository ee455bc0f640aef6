/** Small networks and their data. */

import { expect } from "vitest";
import type { Metrics, RunOptions } from "../../src/run.ts";
import type { Simulator } from "../../src/simulator.ts";
import { layered, type NetworkSpec } from "../../src/spec.ts";

/** 5 inputs, 6 hidden neurons, 3 outputs against a target: every row needs padding. */
export const tiny: NetworkSpec = layered({
  dt: 0.1,
  input: 5,
  hidden: [{ size: 6, tauM: 1, tauR: 0.5, activation: "tanh" }],
  output: { size: 3, tauM: 1, tauR: 1, activation: "linear" },
  cost: { kind: "squared-error" },
});

/** Numbers in [0, 1), always the same for a seed. */
export function createUniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` numbers in [-1, 1). */
export function numbers(count: number, seed = 1): Float32Array {
  const uniform = createUniform(seed);
  return filled(count, () => 2 * uniform() - 1);
}

/** `Float32Array.from({ length }, next)`, which takes ten times as long. */
export function filled(length: number, next: () => number): Float32Array {
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = next();
  return values;
}

/** Frames of input and target for `tiny`. */
export function tinyData(frames: number, batch = 1): { readonly input: Float32Array; readonly target: Float32Array } {
  return { input: numbers(frames * batch * 5, 2), target: numbers(frames * batch * 3, 3) };
}

/** All metrics of a run. */
export async function metricsOf(sim: Simulator, options: RunOptions): Promise<Metrics[]> {
  const all: Metrics[] = [];
  for await (const metrics of sim.run(options)) all.push(metrics);
  return all;
}

/** Every state, parameter and moment of a simulator of `tiny`, one array after the other. */
export async function contentsOf(sim: Simulator): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  for (const name of ["hidden", "output"]) {
    for (const quantity of ["potential", "rate", "slope", "error", "lowPassedError", "bias"] as const) {
      parts.push(await sim.read(quantity, name));
    }
  }
  for (const [from, to] of [
    ["input", "hidden"],
    ["hidden", "output"],
  ] as const) {
    for (const quantity of ["weight", "firstMoment", "secondMoment"] as const) {
      parts.push(await sim.read(quantity, { from, to }));
    }
  }
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

/** Compares bits, of which -0 and 0 differ and NaN equals itself, and tells how many values and the first that differ. */
export function expectSameBits(actual: Float32Array, expected: Float32Array): void {
  const [bits, wanted] = [actual, expected].map((values) => new Uint32Array(Float32Array.from(values).buffer));
  const places = Array.from({ length: Math.max(actual.length, expected.length) }, (_, i) => i);
  const different = places.filter((i) => bits?.[i] !== wanted?.[i]);
  const first = different.slice(0, 3).map((i) => `[${i}] ${actual[i]}, not ${expected[i]}`);
  expect({ different: different.length, first }).toEqual({ different: 0, first: [] });
}
