import { describe, expect, test } from "vitest";
import type { Reference } from "../../../src/reference/index.ts";
import type { NetworkSpec, ScheduleKind } from "../../../src/spec.ts";
import { ACCUMULATE, largest, placesOf, SCHEDULES, stack, start, type Step } from "./graphs.ts";

/** What the discrete adjoint becomes as dt shrinks. */

const sizes = [2, 3, 3, 2];
const taus = [0.4, 0.9, 0.6, 1.1, 0.5];

function network(schedule: ScheduleKind, dt: number): NetworkSpec {
  return stack({
    schedule,
    dt,
    sizes,
    tauM: (layer, i) => taus[(layer + i) % 5] ?? NaN,
    tauR: (layer, i) => taus[(layer + 2 * i + 3) % 5] ?? NaN,
    activation: (layer) => (["tanh", "softplus", "linear"] as const)[layer - 1] ?? "linear",
  });
}

/** Input and target as functions of time. */
type Signal = (t: number) => Step;

const moving: Signal = (t) => ({
  input: [Math.sin(1.3 * t), Math.cos(2.1 * t)],
  target: [Math.sin(0.7 * t + 1), Math.cos(1.1 * t)],
});

const still: Signal = () => ({ input: [0.7, -0.4], target: [0.5, -0.8] });

/** A window from 0 to `duration`, from potentials that are not at rest; `observe` sees every step. */
function run(
  schedule: ScheduleKind,
  dt: number,
  duration: number,
  signal: Signal,
  observe: (reference: Reference, cost: number) => void = () => undefined,
): Reference {
  const steps = Math.round(duration / dt);
  const reference = start(network(schedule, dt), { errors: "adjoint", window: steps, ...ACCUMULATE });
  for (const [index, size] of sizes.slice(1).entries()) {
    const layer = String(index + 1);
    const potential = Array.from({ length: size }, (_, i) => 0.5 * Math.cos(3 * i + index));
    reference.write("potential", layer, potential);
    if (schedule === "jacobi") reference.write("rate", layer, potential);
  }
  for (let k = 0; k < steps; k++) {
    const { input, target } = signal(k * dt);
    observe(reference, reference.step(input, target));
  }
  return reference;
}

describe("P10: gradients converge with dt to the first order", () => {
  test.each(SCHEDULES)("in %s", (schedule) => {
    // Cost is an integral over time: dt times the sum over steps.
    const gradients = [0.01, 0.005, 0.0025, 0.00125].map((dt) => {
      const reference = run(schedule, dt, 2, moving);
      return placesOf(network(schedule, dt)).map((place) => reference.read("gradient", place).map((g) => dt * g));
    });
    for (const index of placesOf(network(schedule, 1)).keys()) {
      const differences = [0, 1, 2].map((k) => {
        const [coarse, fine] = [gradients[k]?.[index], gradients[k + 1]?.[index]];
        return Math.hypot(...Array.from(coarse ?? [], (value, i) => value - (fine?.[i] ?? NaN)));
      });
      for (const k of [0, 1]) {
        const ratio = (differences[k] ?? NaN) / (differences[k + 1] ?? NaN);
        expect(ratio).toBeGreaterThan(1.9);
        expect(ratio).toBeLessThan(2.15);
      }
    }
  });
});

describe("P11: a quantity that constant input and target conserve", () => {
  /**
   * Sum of du/dt (tauM lambda - tauR alpha), less the cost, and the cost, for every step but the first three: in jacobi
   * the initial rates, which the potentials did not cause, need that many to pass through three layers.
   */
  function conserved(schedule: ScheduleKind, dt: number): { values: number[]; costs: number[] } {
    const derivatives: Float64Array[][] = [];
    const costs: number[] = [];
    const reference = run(schedule, dt, 2, still, (each, cost) => {
      derivatives.push(["1", "2", "3"].map((name) => each.read("potentialDerivative", name)));
      costs.push(cost);
    });
    const layers = network(schedule, dt).populations.map(({ name, size, tauM, tauR }) => {
      const [lambda, alpha] = [reference.read("adjoint", name), reference.read("adjointTopDown", name)];
      return { size, tauM: tauM as number[], tauR: tauR as number[], lambda, alpha };
    });
    const values = costs.map((cost, k) => {
      let sum = -cost;
      for (const [layer, { size, tauM, tauR, lambda, alpha }] of layers.entries()) {
        for (let i = 0; i < size; i++) {
          const place = k * size + i;
          const momentum = (tauM[i] ?? NaN) * (lambda[place] ?? NaN) - (tauR[i] ?? NaN) * (alpha[place] ?? NaN);
          sum += (derivatives[k]?.[layer]?.[i] ?? NaN) * momentum;
        }
      }
      return sum;
    });
    return { values: values.slice(3), costs: costs.slice(3) };
  }

  test.each(SCHEDULES)("in %s up to an error that halves with dt, and is minus the last cost", (schedule) => {
    const runs = [0.005, 0.0025, 0.00125].map((dt) => conserved(schedule, dt));
    const spreads = runs.map(({ values }) => Math.max(...values) - Math.min(...values));
    const deviations = runs.map(({ values, costs }) => largest(values.map((value) => value + (costs.at(-1) ?? NaN))));
    for (const errors of [spreads, deviations]) {
      for (const k of [0, 1]) {
        const ratio = (errors[k] ?? NaN) / (errors[k + 1] ?? NaN);
        // First order: 2, and what is left of the second.
        expect(ratio).toBeGreaterThan(1.9);
        expect(ratio).toBeLessThan(2.15);
      }
    }
    // The cost, and so its part in the sum, moves by far more.
    const { costs } = runs[2] ?? { costs: [] };
    expect(Math.max(...costs) - Math.min(...costs)).toBeGreaterThan(30 * (spreads[2] ?? NaN));
  });
});
