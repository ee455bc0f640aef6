/** Matched traces give the exact gradient, in a sweep, under an output whose tauR is its tauM (docs/theory.md). */

import { expect, it } from "vitest";
import { createSimulator } from "../../src/index.ts";
import type { LearningSpec, NetworkSpec } from "../../src/spec.ts";
import { metricsOf, numbers } from "./networks.ts";
import { useLazyDevice } from "./shared-device.ts";
import { difference, expectSmall } from "./twin.ts";

const device = useLazyDevice();
const [batch, steps] = [2, 80];

const places = [
  { from: "x", to: "hidden" },
  { from: "hidden", to: "output" },
  "hidden",
  "output",
  { population: "hidden", of: "tauM" },
  { population: "hidden", of: "tauR" },
] as const;

/** The gradient of all parameters over the run, summed up on the device, from rest. */
async function gradientsOf(spec: NetworkSpec, rule: LearningSpec): Promise<Float32Array[]> {
  const learning = { ...rule, optimizer: { kind: "accumulate" } } as const;
  const sim = await createSimulator(spec, { batch, seed: 4, learning, device: device() });
  const input = numbers(steps * batch * 5, 1);
  await metricsOf(sim, { input, target: numbers(steps * batch * 3, 2), steps });
  const sums: Float32Array[] = [];
  for (const where of places) sums.push(await sim.read("firstMoment", where));
  sim.destroy();
  return sums;
}

it.each([
  { dt: 0.05, tauM: [1, 2, 3] },
  { dt: 0.1, tauM: [1.5, 4] },
])("to 1e-4: dt $dt, tauM $tauM", async ({ dt, tauM }) => {
  const spec: NetworkSpec = {
    dt,
    schedule: "sweep",
    sources: [{ name: "x", size: 5 }],
    populations: [
      { name: "hidden", size: 9, tauM, tauR: 1, activation: "tanh", plasticTauM: true, plasticTauR: true },
      { name: "output", size: 3, tauM: 2, tauR: 2, activation: "linear", cost: { kind: "squared-error" } },
    ],
    projections: [
      { from: "x", to: "hidden" },
      { from: "hidden", to: "output" },
    ],
  };
  const matched = await gradientsOf(spec, { traces: "matched" });
  const exact = await gradientsOf(spec, { errors: "adjoint", window: steps });
  const published = await gradientsOf(spec, {});
  const named = places.map((where, i): [string, number] => [
    JSON.stringify(where),
    difference(matched[i] ?? new Float32Array(), exact[i] ?? []),
  ]);
  // An identity in exact arithmetic: what is left is the rounding of sums of some hundred products.
  expectSmall(Object.fromEntries(named), 1e-4);
  expect(difference(published[0] ?? new Float32Array(), exact[0] ?? [])).toBeGreaterThan(0.05);
});
