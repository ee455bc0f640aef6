import { describe, expect, test } from "vitest";
import { createRandom } from "../../../src/random.ts";
import type { Reference } from "../../../src/reference/index.ts";
import type { NetworkSpec } from "../../../src/spec.ts";
import {
  ACCUMULATE,
  centralDifferences,
  draw,
  expectNear,
  largest,
  placesOf,
  randomGraph,
  randomSteps,
  readValue,
  SCHEDULES,
  start,
  take,
  writeValue,
  type GraphOptions,
  type Step,
} from "./graphs.ts";

/** The exact gradient of the reference, against differences of the cost itself. */

/** What a window starts from: potentials, and the rates of the step before. */
type State = Readonly<Record<string, Readonly<Record<"potential" | "rate", readonly number[]>>>>;

function putState(reference: Reference, state: State): void {
  reference.reset();
  for (const [name, { potential, rate }] of Object.entries(state)) {
    reference.write("potential", name, potential);
    reference.write("rate", name, rate);
  }
}

function stateOf(network: NetworkSpec, reference: Reference): State {
  return Object.fromEntries(
    network.populations.map(({ name }) => [
      name,
      { potential: [...reference.read("potential", name)], rate: [...reference.read("rate", name)] },
    ]),
  );
}

function randomState(network: NetworkSpec, batch: number, seed: number): State {
  const random = createRandom(seed, 3);
  return Object.fromEntries(
    network.populations.map(({ name, size }) => [
      name,
      { potential: draw(random, batch * size), rate: draw(random, batch * size, 0, 1) },
    ]),
  );
}

/** Gradients of a window from `state` on, against central differences of its cost. */
function expectExact(network: NetworkSpec, batch: number, state: State, steps: readonly Step[], seed: number): void {
  const reference = start(network, { errors: "adjoint", window: steps.length, ...ACCUMULATE }, batch, seed);
  const cost = (): number => {
    putState(reference, state);
    return take(reference, steps, false);
  };
  putState(reference, state);
  take(reference, steps);

  const exact = new Map(placesOf(network).map((place) => [place, reference.read("gradient", place)]));
  const ofPotentials = network.populations.map(({ name }) => reference.read("potentialGradient", name));
  for (const [place, gradient] of exact) {
    const differences = centralDifferences(
      readValue(reference, place),
      (values) => {
        writeValue(reference, place, values);
      },
      cost,
    );
    // The cost is of order 10 and the width 1e-5: rounding leaves 1e-10, the cut-off series as much.
    expect(largest(differences)).toBeGreaterThan(1e-3);
    expectNear(gradient, differences, 1e-6);
  }
  for (const [index, { name }] of network.populations.entries()) {
    let potential: readonly number[] = [];
    const differences = centralDifferences(
      Float64Array.from(state[name]?.potential ?? []),
      (values) => {
        potential = [...values];
      },
      () => {
        putState(reference, state);
        reference.write("potential", name, potential);
        return take(reference, steps, false);
      },
    );
    expectNear(ofPotentials[index] ?? [], differences, 1e-6);
  }
}

describe("P1: the adjoint equals central differences of the cost", () => {
  const cases: [string, number, number, Omit<GraphOptions, "schedule">][] = [
    ["graph 1", 1, 2, {}],
    ["graph 2, batch of 3", 2, 3, {}],
    ["graph 1 with cross-entropy", 1, 2, { cost: "cross-entropy" }],
  ];
  for (const schedule of SCHEDULES) {
    test.each(cases)(`in ${schedule}: %s`, (_, seed, batch, options) => {
      const network = randomGraph(seed, { schedule, ...options });
      const steps = randomSteps(network, 14, batch, seed);
      expectExact(network, batch, randomState(network, batch, seed), steps, seed);
    });
  }

  test.each([1, 2])("in jacobi with the target delayed by a step: graph %i", (seed) => {
    const network = randomGraph(seed, { schedule: "jacobi", targetDelay: 1, cost: "cross-entropy" });
    expectExact(network, 2, randomState(network, 2, seed), randomSteps(network, 14, 2, seed), seed);
  });

  test.each(SCHEDULES)("in %s, with steps without a target in between", (schedule) => {
    const network = randomGraph(1, { schedule });
    const steps = randomSteps(network, 14, 1, 5).map((step, k) => (k % 3 === 1 ? { ...step, target: null } : step));
    expectExact(network, 1, randomState(network, 1, 5), steps, 5);
  });

  test.each(SCHEDULES)("in %s, window after window: each is exact for the state that it starts from", (schedule) => {
    const network = randomGraph(1, { schedule });
    const steps = randomSteps(network, 18, 2, 4);
    const reference = start(network, { errors: "adjoint", window: 6, ...ACCUMULATE }, 2, 4);
    const gradients = placesOf(network).map((): Float64Array[] => []);
    for (let first = 0; first < 18; first += 6) {
      const window = steps.slice(first, first + 6);
      const state = stateOf(network, reference);
      take(reference, window);
      if (first > 0) expectExact(network, 2, state, window, 4);
      placesOf(network).forEach((place, index) => gradients[index]?.push(reference.read("gradient", place)));
    }
    // What is accumulated is the sum over windows; time constants learn nothing unless they are plastic.
    placesOf(network).forEach((place, index) => {
      const isTau = "of" in place && place.of !== "bias";
      const total = gradients[index]?.reduce((a, b) => a.map((value, i) => value + (b[i] ?? NaN))) ?? [];
      expectNear(reference.read("firstMoment", place), isTau ? total.map(() => 0) : total, 1e-14);
    });
  });
});

describe("P12: both ends of the adjoint", () => {
  /** Trajectories [step][batch][neurons] of a run of a graph with smooth activations. */
  function run(schedule: "jacobi" | "sweep", steps: number, batch: number): [NetworkSpec, Reference] {
    const network = randomGraph(1, { schedule, activations: ["tanh", "softplus", "linear", "sigmoid"] });
    const reference = start(network, { errors: "adjoint", window: steps, ...ACCUMULATE }, batch, 8);
    take(reference, randomSteps(network, steps, batch, 8));
    return [network, reference];
  }

  test("in a sweep lambda of the last step is tauR / tauM alpha, to the last bit", () => {
    const [network, reference] = run("sweep", 9, 2);
    for (const { name, size, tauM, tauR } of network.populations) {
      const [lambda, alpha] = (["adjoint", "adjointTopDown"] as const).map((quantity) =>
        reference.read(quantity, name).subarray(-2 * size),
      );
      const expected = alpha?.map((value, i) => (valueOf(tauR, i % size) / valueOf(tauM, i % size)) * value);
      expect(lambda).toEqual(expected);
      // The graph has costs in b and d; a and c get errors from there.
      expect(largest(lambda ?? [])).toBeGreaterThan(1e-3);
    }
  });

  test("in jacobi the last rates meet no cost in the window, those before do", () => {
    const [network, reference] = run("jacobi", 9, 2);
    for (const { name, size, tauM, tauR, cost } of network.populations) {
      const [lambda, alpha] = [reference.read("adjoint", name), reference.read("adjointTopDown", name)];
      expect(lambda.subarray(-2 * size)).toEqual(new Float64Array(2 * size));
      expect(alpha.subarray(-2 * size)).toEqual(new Float64Array(2 * size));
      if (cost === undefined) continue;
      const before = alpha.subarray(-4 * size, -2 * size);
      expect(largest(before)).toBeGreaterThan(1e-3);
      expect(lambda.subarray(-4 * size, -2 * size)).toEqual(
        before.map((value, i) => (valueOf(tauR, i % size) / valueOf(tauM, i % size)) * value),
      );
    }
  });

  test.each(SCHEDULES)(
    "in %s the gradient of the initial potential is the momentum, from lambda and alpha",
    (schedule) => {
      const batch = 2;
      const [network, reference] = run(schedule, 9, batch);
      for (const { name, size, tauM, tauR } of network.populations) {
        const [lambda, alpha] = [reference.read("adjoint", name), reference.read("adjointTopDown", name)];
        // p(0) = (tauM lambda - tauR alpha) / dt - (lambda - alpha): the continuous momentum, and what Euler steps add.
        const momentum = Array.from({ length: batch * size }, (_, i) => {
          const [l, a] = [lambda[i] ?? NaN, alpha[i] ?? NaN];
          return (valueOf(tauM, i % size) * l - valueOf(tauR, i % size) * a) / network.dt - (l - a);
        });
        const gradient = momentum.map((p) => -p / batch);
        // tauM / dt, up to 15, multiplies the rounding of lambda.
        expectNear(reference.read("potentialGradient", name), gradient, 1e-13);
      }
    },
  );
});

function valueOf(tau: number | readonly number[], neuron: number): number {
  return typeof tau === "number" ? tau : (tau[neuron] ?? NaN);
}
