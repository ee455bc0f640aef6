import { describe, expect, test } from "vitest";
import type { Reference } from "../../src/reference/index.ts";
import type { LearningSpec, NetworkSpec } from "../../src/spec.ts";
import { ACCUMULATE, expectNear, randomGraph, randomSteps, SCHEDULES, start, sum } from "./properties/graphs.ts";

/** What `energy()` says, against sums over the quantities that can be read. */

interface Expected {
  readonly mismatch: number[];
  readonly cost: number[];
  readonly energy: number[];
  readonly conserved: number[];
}

/** By [batch] row; `target` and `compared` are those that the step's costs took. */
function expectedOf(network: NetworkSpec, reference: Reference, batch: number, costs: readonly number[]): Expected {
  const rows = Array.from({ length: batch }, (_, lane) => lane);
  const sums = rows.map((lane) => {
    let [mismatch, conserved] = [0, -(costs[lane] ?? NaN)];
    for (const { name, size, tauM, tauR } of network.populations) {
      const [e, alpha, derivative] = (["error", "topDown", "potentialDerivative"] as const).map((quantity) =>
        reference.read(quantity, name).subarray(lane * size, (lane + 1) * size),
      );
      for (let i = 0; i < size; i++) {
        const [ei, ai, di] = [e?.[i] ?? NaN, alpha?.[i] ?? NaN, derivative?.[i] ?? NaN];
        mismatch += (ei * ei) / 2;
        conserved += di * ((tauM as number[])[i] ?? NaN) * ei - di * ((tauR as number[])[i] ?? NaN) * ai;
      }
    }
    return { mismatch, conserved };
  });
  return {
    mismatch: sums.map(({ mismatch }) => mismatch),
    cost: [...costs],
    energy: sums.map(({ mismatch }, lane) => mismatch + (costs[lane] ?? NaN)),
    conserved: sums.map(({ conserved }) => conserved),
  };
}

/** Squared errors of populations "b" and "d" by batch row, from rates [batch][neurons] and targets. */
function costsOf(
  network: NetworkSpec,
  batch: number,
  rates: Readonly<Record<string, Float64Array>>,
  target: Readonly<Record<string, readonly number[]>>,
): number[] {
  return Array.from({ length: batch }, (_, lane) =>
    sum(
      network.populations.flatMap(({ name, size, cost }) => {
        if (cost === undefined) return [];
        return Array.from({ length: size }, (_, i) => {
          const place = lane * size + i;
          return ((cost.beta ?? NaN) / 2) * ((target[name]?.[place] ?? NaN) - (rates[name]?.[place] ?? NaN)) ** 2;
        });
      }),
    ),
  );
}

function ratesOf(network: NetworkSpec, reference: Reference): Record<string, Float64Array> {
  return Object.fromEntries(network.populations.map(({ name }) => [name, reference.read("rate", name)]));
}

describe("energy", () => {
  const batch = 3;

  const rules: [string, LearningSpec][] = [
    ["local errors", {}],
    ["instantaneous errors", { errors: "instantaneous" }],
    ["corrected gain", { gain: "corrected" }],
  ];
  for (const schedule of SCHEDULES) {
    test.each(rules)(`in ${schedule}, %s: mismatch, cost, action and conserved quantity`, (_, learning) => {
      const network = randomGraph(2, { schedule });
      const reference = start(network, { ...learning, ...ACCUMULATE }, batch);
      const action = [0, 0, 0];
      let previous = ratesOf(network, reference);
      for (const { input, target } of randomSteps(network, 12, batch, 6)) {
        const cost = reference.step(input, target);
        const now = ratesOf(network, reference);
        // Jacobi compares the rates of the step before, a sweep those of this one.
        const compared = schedule === "jacobi" ? previous : now;
        const costs = costsOf(network, batch, compared, target as Record<string, number[]>);
        previous = now;
        const expected = expectedOf(network, reference, batch, costs);
        for (const lane of [0, 1, 2]) {
          action[lane] = (action[lane] ?? NaN) + network.dt * (expected.energy[lane] ?? NaN);
        }
        const energy = reference.energy();
        // Sums of some ten terms in another order.
        for (const [name, values] of Object.entries({ ...expected, action })) {
          expectNear(energy[name as keyof typeof energy], values, 1e-13);
        }
        expect(cost).toBeCloseTo(sum(costs) / batch, 12);
        // Asking twice changes nothing.
        expect(reference.energy()).toEqual(energy);
      }
    });
  }

  test("with the target delayed, the cost is that of the step before, and 0 in the first one", () => {
    const network = randomGraph(1, { schedule: "jacobi", targetDelay: 1 });
    const reference = start(network, ACCUMULATE, batch);
    const steps = randomSteps(network, 5, batch, 6);
    for (const [k, { input, target }] of steps.entries()) {
      const rates = ratesOf(network, reference);
      const cost = reference.step(input, target);
      if (k === 0) {
        expect(cost).toBe(0);
        expect(reference.energy().cost).toEqual(new Float64Array(batch));
        continue;
      }
      const costs = costsOf(network, batch, rates, steps[k - 1]?.target as Record<string, number[]>);
      expectNear(reference.energy().cost, costs, 1e-13);
    }
  });

  test("without a target there is no cost, and errors fade while the action grows", () => {
    const network = randomGraph(1, { schedule: "sweep" });
    const reference = start(network, ACCUMULATE, batch);
    const [first] = randomSteps(network, 1, batch, 6);
    reference.step(first?.input ?? [], first?.target);
    const before = reference.energy();
    reference.step(first?.input ?? []);
    const after = reference.energy();
    expect(after.cost).toEqual(new Float64Array(batch));
    expect(after.energy).toEqual(after.mismatch);
    expect(after.action).toEqual(before.action.map((value, lane) => value + network.dt * (after.energy[lane] ?? NaN)));
  });

  test("with adjoint errors or none there is no mismatch, and minus the cost is conserved", () => {
    for (const learning of [{ errors: "adjoint", window: 4 }, { errors: "none" }] as const) {
      const network = randomGraph(1, { schedule: "sweep" });
      const reference = start(network, { ...learning, ...ACCUMULATE }, batch);
      for (const { input, target } of randomSteps(network, 6, batch, 6)) reference.step(input, target);
      const { mismatch, cost, energy, conserved } = reference.energy();
      expect(mismatch).toEqual(new Float64Array(batch));
      expect(energy).toEqual(cost);
      expect(conserved).toEqual(cost.map((value) => -value));
      expect(Math.min(...cost)).toBeGreaterThan(0);
    }
  });

  test("is all 0 at the start, and again after reset", () => {
    const network = randomGraph(1, { schedule: "jacobi" });
    const reference = start(network, ACCUMULATE, batch);
    const zeros = [...new Float64Array(batch)];
    const values = (): number[] => Object.values(reference.energy()).flatMap((each) => [...(each as Float64Array)]);
    const nothing = Array.from({ length: 5 }, () => zeros).flat();
    expect(values().map(Math.abs)).toEqual(nothing);
    for (const { input, target } of randomSteps(network, 3, batch, 6)) reference.step(input, target);
    expect(Math.min(...reference.energy().action)).toBeGreaterThan(0);
    reference.reset();
    expect(values().map(Math.abs)).toEqual(nothing);
  });
});
