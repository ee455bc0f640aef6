/** A random graph with recurrence and skips over many steps: rounding errors must not grow with time. */

import { expect, it } from "vitest";
import type { Activation, NetworkSpec, ProjectionSpec } from "../../src/spec.ts";
import { createUniform } from "./networks.ts";
import { useLazyDevice } from "./shared-device.ts";
import { expectSmall, Twin } from "./twin.ts";

const device = useLazyDevice();
const activations: readonly Activation[] = ["linear", "tanh", "sigmoid", "hard-sigmoid", "relu", "softplus"];

/** Six populations; every pair of groups is joined with a chance of two fifths, itself included. */
function randomGraph(seed: number): NetworkSpec {
  const uniform = createUniform(seed);
  const between = (low: number, high: number): number => low + (high - low) * uniform();
  const sources = [11, 30].map((size, i) => ({ name: `source${i}`, size }));
  const populations = activations.map((activation, i) => ({
    name: `population${i}`,
    size: Math.floor(between(3, 70)),
    tauM: [between(0.5, 2), between(0.5, 2)],
    tauR: between(0.4, 1),
    activation,
    gamma: i === 2 ? 0.1 : 0,
    ...(i >= 4 && { cost: { kind: i === 4 ? ("cross-entropy" as const) : ("squared-error" as const), beta: 0.1 } }),
  }));
  const projections = populations.flatMap(({ name: to }, target): ProjectionSpec[] =>
    [...sources, ...populations].flatMap(({ name: from }, sender) => {
      // Sources come first, so that every population has a way in.
      const isJoined = uniform() < 0.4 || sender === target % 2;
      // Small weights keep the recurrent part from becoming chaotic, where any two computations part.
      return isJoined ? [{ from, to, plastic: uniform() < 0.7, init: { kind: "uniform", scale: 0.6 } }] : [];
    }),
  );
  return { dt: 0.1, sources, populations, projections };
}

const steps = 200;

/** Relative to the largest entry of each array, traces of all 200 steps included. */
const cases = [
  { batch: 1, learn: false, optimizer: { kind: "sgd", eta: 0 }, within: 2e-6 },
  { batch: 1, learn: true, optimizer: { kind: "sgd", eta: 1e-3 }, within: 1e-5 },
  { batch: 4, learn: false, optimizer: { kind: "sgd", eta: 0 }, within: 2e-6 },
  { batch: 4, learn: true, optimizer: { kind: "momentum", eta: 1e-3 }, within: 1e-5 },
  // Adam divides a gradient by its size: what rounding does to one near 0 becomes a step as large as any other.
  { batch: 4, learn: true, optimizer: { kind: "adam", eta: 1e-4 }, within: 5e-3 },
] as const;

it.each(cases)(
  "follows the reference over 200 steps: batch $batch, learn $learn, $optimizer.kind",
  async ({ batch, learn, optimizer, within }) => {
    const spec = randomGraph(batch);
    expect(spec.projections.length).toBeGreaterThan(12);
    using twin = await Twin.create(device(), spec, { batch, seed: 3, learning: { optimizer } });
    expectSmall({ ...(await twin.step(steps, { learn })), ...(await twin.differences()) }, within);
  },
);
