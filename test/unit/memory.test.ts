/** What a plan takes beside the weights. */

import { expect, it } from "vitest";
import { resolvePlanning, type PlanningOptions } from "../../src/options.ts";
import { planNetwork, type Plan } from "../../src/plan.ts";
import { resolveNetwork, type NetworkSpec } from "../../src/spec.ts";
import { onCpu } from "./planning.ts";

const MiB = 2 ** 20;
/** It keeps no moments. */
const optimizer = { kind: "sgd", eta: 0.01 } as const;

const recurrent = (size: number): NetworkSpec => ({
  dt: 0.1,
  sources: [{ name: "x", size: 4 }],
  populations: [{ name: "a", size, tauM: 1, tauR: 1, activation: "tanh", cost: { kind: "squared-error" } }],
  projections: [
    { from: "a", to: "a" },
    { from: "x", to: "a" },
  ],
});

const planOf = (size: number, options: PlanningOptions = {}): Plan =>
  planNetwork(resolveNetwork(recurrent(size)), resolvePlanning({ learning: { optimizer }, ...options }, onCpu));

const framesOf = ({ buffers }: Plan): number => buffers.find(({ name }) => name === "frames")?.bytes ?? NaN;

it.each([
  [2048, 8 * MiB],
  // From 32 MiB of weights on a sixteenth of them; 8 MiB at most.
  [4096, 4 * MiB + 4096],
  [6144, 8 * MiB],
])("gives %i neurons %i bytes of frames", (size, bytes) => {
  const frames = framesOf(planOf(size));
  expect(frames).toBeLessThanOrEqual(bytes);
  // Less only by what is no whole frame.
  expect(frames).toBeGreaterThan(bytes - (size + 4) * 4 - 512);
});

it("takes at most a tenth more than the weights from 4096 neurons on", () => {
  for (const size of [4096, 5000, 6144, 8192]) expect(planOf(size).bytes / (4 * size * size)).toBeLessThan(1.1);
});

it("holds a window where 8 MiB can", () => {
  const window = 300;
  const adjoint = { learning: { errors: "adjoint", window, optimizer } } as const;
  expect(planOf(4096, adjoint).frameCapacity).toBeGreaterThanOrEqual(window);
});

it("takes what it is given", () => {
  expect(framesOf(planOf(4096, { frameBytes: MiB }))).toBeLessThanOrEqual(MiB);
  expect(framesOf(planOf(4096, { frameBytes: 64 * MiB }))).toBeGreaterThan(63 * MiB);
});
