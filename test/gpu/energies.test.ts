/** Energies of the whole network, recorded on the device, against the f64 twin. */

import { expect, it } from "vitest";
import { createSimulator } from "../../src/index.ts";
import { energyQuantities } from "../../src/layout.ts";
import { createReference } from "../../src/reference/index.ts";
import { resolveLearning, resolveNetwork, type LearningSpec, type NetworkSpec } from "../../src/spec.ts";
import { metricsOf, numbers } from "./networks.ts";
import { useLazyDevice } from "./shared-device.ts";
import { difference, expectSmall } from "./twin.ts";

const device = useLazyDevice();

const stack = (more: Partial<NetworkSpec> = {}): NetworkSpec => ({
  dt: 0.1,
  sources: [{ name: "x", size: 3 }],
  populations: [
    { name: "a", size: 7, tauM: [1, 2], tauR: [0.5, 1], activation: "tanh" },
    { name: "b", size: 5, tauM: 1, tauR: 0.5, activation: "linear", cost: { kind: "cross-entropy", beta: 0.5 } },
    { name: "c", size: 3, tauM: 1, tauR: 0.5, activation: "linear", cost: { kind: "squared-error", beta: 0.5 } },
  ],
  projections: [
    { from: "x", to: "a" },
    { from: "a", to: "b" },
    { from: "a", to: "c" },
  ],
  ...more,
});

/** Five batch rows: one more than an invocation does. */
const batch = 5;
const steps = 12;
const sgd = { kind: "sgd", eta: 0.01 } as const;

it.each<{ readonly name: string; readonly spec: NetworkSpec; readonly learning: LearningSpec }>([
  { name: "jacobi", spec: stack(), learning: { optimizer: sgd } },
  { name: "jacobi, target delay 1", spec: stack({ targetDelay: 1 }), learning: { optimizer: sgd } },
  { name: "sweep", spec: stack({ schedule: "sweep" }), learning: { optimizer: sgd } },
  { name: "no errors", spec: stack(), learning: { errors: "none" } },
])("$name", async ({ spec, learning }) => {
  const reference = createReference(resolveNetwork(spec), resolveLearning(learning), { batch, seed: 3 });
  const input = numbers(steps * batch * 3, 1);
  const target = {
    b: numbers(steps * batch, 2).map((value) => Math.floor((value + 1) * 3) - 1),
    c: numbers(steps * batch * 3, 3),
  };
  const expected = Object.fromEntries(energyQuantities.map((quantity): [string, number[]] => [quantity, []]));
  for (let k = 0; k < steps; k++) {
    const frame = {
      b: target.b.subarray(k * batch, (k + 1) * batch),
      c: target.c.subarray(k * batch * 3, (k + 1) * batch * 3),
    };
    reference.step(input.subarray(k * batch * 3, (k + 1) * batch * 3), frame);
    const energy = reference.energy();
    for (const quantity of energyQuantities) expected[quantity]?.push(...energy[quantity]);
  }
  const options = { batch, seed: 3, learning, energies: energyQuantities, device: device() };
  const sim = await createSimulator(spec, options);
  const [metrics] = await metricsOf(sim, { input, target, steps });
  sim.destroy();
  const found = energyQuantities.map((quantity, index): [string, number] => [
    quantity,
    difference(metrics?.energies[index] ?? new Float32Array(), expected[quantity] ?? []),
  ]);
  // Sums of some twenty products in f32.
  expectSmall(Object.fromEntries(found), 2e-5);
});

it("along an exact solution with a constant input and target the conserved quantity is, but for O(dt)", async () => {
  const spreads: number[] = [];
  for (const dt of [0.02, 0.01]) {
    const window = Math.round(4 / dt);
    const learning: LearningSpec = { errors: "adjoint", window, optimizer: { kind: "accumulate" } };
    const network = stack({ dt, schedule: "sweep" });
    const energies = ["conserved", "cost"] as const;
    const sim = await createSimulator(network, { batch, seed: 3, learning, energies, device: device() });
    const target = { b: Float32Array.of(0, 1, 2, 3, 4), c: numbers(batch * 3, 3) };
    const [metrics] = await metricsOf(sim, {
      input: numbers(batch * 3, 1).map((value) => 4 * value),
      target,
      steps: window,
    });
    sim.destroy();
    const [conserved, cost] = (metrics?.energies ?? []).map((values) => values.filter((_, i) => i % batch === 0));
    const last = cost?.at(-1) ?? NaN;
    // Constant, and minus the cost at the end.
    const spread = (conserved ?? []).map((value) => Math.abs(value + last) / last);
    spreads.push(Math.max(...spread));
    // The cost alone is far from constant.
    expect(Math.abs((cost?.[0] ?? NaN) - last) / last).toBeGreaterThan(5 * Math.max(...spread));
  }
  expect(spreads[0]).toBeLessThan(0.1);
  // First order: half the step, half the spread.
  expect((spreads[0] ?? NaN) / (spreads[1] ?? NaN)).toBeGreaterThan(1.7);
  expect((spreads[0] ?? NaN) / (spreads[1] ?? NaN)).toBeLessThan(2.3);
});
