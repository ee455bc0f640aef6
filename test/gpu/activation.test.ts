/** Functions of one number at known points, up to the ends of f32, and the softmax of extreme rates. */

import { describe, expect, it } from "vitest";
import { createSimulator } from "../../src/index.ts";
import { activate, activationSlope, createReference } from "../../src/reference/index.ts";
import { resolveLearning, resolveNetwork, type Activation, type NetworkSpec } from "../../src/spec.ts";
import { createUniform, metricsOf } from "./networks.ts";
import { useLazyDevice } from "./shared-device.ts";

const device = useLazyDevice();

const positive = [
  ...[1.2e-38, 1e-30, 1e-10, 1e-7, 1e-4, 0.01, 0.03, 0.1, 0.2, 0.2499, 0.2501, 0.5, 0.999, 1, 1.5, 2, 3, 3.4, 3.5],
  ...[4, 5, 7, 9, 10, 12, 16, 17, 19.9, 20.1, 30, 40, 44, 79, 81, 88, 89, 100, 1e4, 1e10, 3e38],
];
const points = Float32Array.from([0, ...positive.flatMap((x) => [x, -x])]);
const activations: readonly Activation[] = ["linear", "tanh", "sigmoid", "hard-sigmoid", "relu", "softplus"];

/** Neurons whose look-ahead potential in the first step is their bias, exactly: tau_r = tau_m, and u starts at 0. */
const spec: NetworkSpec = {
  dt: 0.25,
  sources: [{ name: "input", size: 1 }],
  populations: activations.map((activation) => ({
    name: activation,
    size: points.length,
    tauM: 1,
    tauR: 1,
    activation,
  })),
  projections: activations.map((to) => ({ from: "input", to, init: { kind: "constant", value: 0 } })),
};

/** Within 1e-5 of the value, or 1e-7 where that is smaller: a slope 1 - t t has the absolute error of t. */
function distance(actual: number, expected: number): number {
  return Math.abs(actual - expected) / Math.max(Math.abs(expected) * 1e-5, 1e-7);
}

describe("activation functions", () => {
  it("have the right value and slope from -3e38 to 3e38", async () => {
    using sim = await createSimulator(spec, { device: device() });
    for (const name of activations) sim.write("bias", name, points);
    await metricsOf(sim, { steps: 1, input: new Float32Array(1) });
    const wrong: string[] = [];
    for (const name of activations) {
      const [rates, slopes] = [await sim.read("rate", name), await sim.read("slope", name)];
      points.forEach((x, i) => {
        const check = (what: string, actual: number | undefined, expected: number): void => {
          const within = actual !== undefined && distance(actual, expected) <= 1;
          if (!within) wrong.push(`${what} ${name}(${x}) is ${actual}, should be ${expected}`);
        };
        check("rate of", rates[i], activate(name, x));
        check("slope of", slopes[i], activationSlope(name, x));
      });
    }
    expect(wrong).toEqual([]);
  });

  it("keep the relative accuracy of tanh and softplus near 0", async () => {
    using sim = await createSimulator(spec, { device: device() });
    for (const name of activations) sim.write("bias", name, points);
    await metricsOf(sim, { steps: 1, input: new Float32Array(1) });
    const [tanh, softplus] = [await sim.read("rate", "tanh"), await sim.read("rate", "softplus")];
    const relative = (actual: number | undefined, expected: number): number =>
      Math.abs((actual ?? NaN) - expected) / Math.abs(expected);
    points.forEach((x, i) => {
      if (x !== 0) expect(relative(tanh[i], Math.tanh(x)), `tanh(${x})`).toBeLessThan(1e-5);
      // Below, the result would be subnormal.
      if (x > -80) expect(relative(softplus[i], activate("softplus", x)), `softplus(${x})`).toBeLessThan(1e-5);
    });
  });
});

describe("softmax", () => {
  const uniform = createUniform(7);
  /** Batch rows: what rate the i-th of n classes has. */
  const rows: Readonly<Record<string, (i: number, n: number) => number>> = {
    "all alike": () => 0,
    moderate: () => 6 * uniform() - 3,
    "all low": (i) => -100 + (i % 3),
    "all very low": (i) => -1e4 + i,
    "all high": (i) => 100 - (i % 3),
    "all very high": (i) => 1e4 + i,
    "far apart": (i, n) => 2e4 * (i / (n - 1)) - 1e4,
    "the last alone high": (i, n) => (i === n - 1 ? 90 : -90),
    "at the ends of f32": (i) => (i % 2 === 0 ? 3e38 : -3e38),
  };
  const names = Object.keys(rows);
  const sizes = [10, 65, 70, 300] as const;
  const output = (size: number) => `classes${size}`;

  const spec: NetworkSpec = {
    dt: 0.25,
    sources: [{ name: "input", size: 1 }],
    populations: sizes.map((size) => ({
      name: output(size),
      size,
      tauM: 1,
      tauR: 1,
      activation: "linear",
      cost: { kind: "cross-entropy" },
    })),
    projections: sizes.map((size) => ({ from: "input", to: output(size), init: { kind: "constant", value: 0 } })),
  };

  it.each([1, names.length])("of extreme rates is finite and right, batch %i", async (batch) => {
    const learning = { errors: "instantaneous" } as const;
    const rowSets = batch === 1 ? names.map((name) => [name]) : [names];
    using sim = await createSimulator(spec, { device: device(), batch, learning });
    for (const set of rowSets) {
      const reference = createReference(resolveNetwork(spec), resolveLearning(learning), { batch });
      const target: Record<string, Float32Array> = {};
      for (const size of sizes) {
        const rates = Float32Array.from(
          set.flatMap((name) => Array.from({ length: size }, (_, i) => rows[name]?.(i, size) ?? NaN)),
        );
        for (const twin of [sim, reference]) {
          twin.write("rate", output(size), rates);
          twin.write("slope", output(size), new Float32Array(rates.length).fill(1));
        }
        // A likely class and an unlikely one in turn.
        target[output(size)] = Float32Array.from(set, (_, lane) => (lane % 2 === 0 ? 0 : size - 1));
      }
      const input = new Float32Array(batch);
      const loss = reference.step(input, target, false);
      const [metrics] = await metricsOf(sim, { steps: 1, input, target, learn: false });
      expect(Math.abs((metrics?.loss ?? NaN) - loss), `loss of ${set.join()}`).toBeLessThanOrEqual(
        1e-5 * Math.max(Math.abs(loss), 1),
      );
      for (const size of sizes) {
        const errors = await sim.read("error", output(size));
        const expected = reference.read("error", output(size));
        // Probabilities: the rates are rounded to 1e-3 at 1e4, but so they are for both.
        const worst = errors.reduce((most, error, i) => Math.max(most, Math.abs(error - (expected[i] ?? NaN))), 0);
        expect(worst, `errors of ${set.join()} over ${size} classes`).toBeLessThan(1e-5);
      }
      sim.reset();
    }
  });
});
