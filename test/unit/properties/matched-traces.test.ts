import { describe, expect, test } from "vitest";
import type { Reference } from "../../../src/reference/index.ts";
import type { LearningSpec, NetworkSpec, ScheduleKind } from "../../../src/spec.ts";
import {
  ACCUMULATE,
  distance,
  expectNear,
  largest,
  placesOf,
  randomSteps,
  stack,
  start,
  take,
  type Place,
  type StackOptions,
} from "./graphs.ts";

/**
 * Matched traces (ours). With lambda = F^T alpha, the sum over time of lambda times the presynaptic rate is that of alpha
 * times the rate filtered by F. So where alpha is right, gradients are exact: of the output, whose alpha comes from the
 * cost, always; of a hidden layer in a sweep if the error that is sent down to it is the adjoint, as it is where
 * tauR = tauM in all layers above.
 */

const MATCHED: LearningSpec = { traces: "matched", ...ACCUMULATE };
const STEPS = 150;

/** Plastic time constants where they may be, so that their gradients are accumulated. */
function withPlasticTaus(network: NetworkSpec): NetworkSpec {
  const canLearn = (tau: readonly number[]): boolean => Math.min(...tau) >= 10 * network.dt;
  const populations = network.populations.map((each) => ({
    ...each,
    plasticTauM: canLearn(each.tauM as number[]),
    plasticTauR: canLearn(each.tauR as number[]),
  }));
  return { ...network, populations };
}

function network(schedule: ScheduleKind, options: Partial<StackOptions> = {}): NetworkSpec {
  const defaults = { dt: 0.05, sizes: [3, 4, 2], tauM: hiddenTauM, tauR: hiddenTauR, beta: 1.3 };
  return withPlasticTaus(stack({ ...defaults, ...options, schedule }));
}

/** Slow neurons that hardly look ahead, one that looks further than it lags, one that does neither. */
const hiddenTauM = (layer: number, i: number): number => (layer === 1 ? ([2, 0.8, 0.6, 1.5][i] ?? NaN) : 0.9 + 0.4 * i);
const hiddenTauR = (layer: number, i: number): number =>
  layer === 1 ? ([0.05, 0.5, 1.7, 1.5][i] ?? NaN) : 0.9 + 0.4 * i;

/** Sums of gradients of a rule, and the exact ones, of the same random steps. */
function compare(spec: NetworkSpec, learning: LearningSpec, batch = 2): [Reference, Reference] {
  const steps = randomSteps(spec, STEPS, batch, 4);
  const rule = start(spec, learning, batch);
  const exact = start(spec, { errors: "adjoint", window: STEPS, ...ACCUMULATE }, batch);
  for (const reference of [rule, exact]) take(reference, steps);
  return [rule, exact];
}

/** Places whose gradients are accumulated: all but time constants too short to learn. */
function learning({ populations, ...network }: NetworkSpec): Place[] {
  return placesOf({ populations, ...network }).filter((place) => {
    if ("from" in place || place.of === "bias") return true;
    const population = populations.find(({ name }) => name === place.population);
    return place.of === "tauM" ? population?.plasticTauM : population?.plasticTauR;
  });
}

function expectExact(rule: Reference, exact: Reference, places: readonly Place[]): void {
  for (const place of places) {
    const gradient = exact.read("gradient", place);
    expect(largest(gradient)).toBeGreaterThan(1e-3);
    // Sums of 300 products in another order: far below the 1e-10 that is asked for.
    expectNear(rule.read("firstMoment", place), gradient, 1e-10);
  }
}

describe("in a sweep, one hidden layer under an output with tauR = tauM: every gradient is the exact one", () => {
  test.each([0.01, 0.02, 0.05])("at dt %d, for neurons with time constants of their own", (dt) => {
    const spec = network("sweep", { dt });
    const places = learning(spec);
    // Weights and biases of both layers, tauM of both, tauR of the output; that of the hidden layer goes down to 0.05.
    expect(places).toHaveLength(4 + 3);
    const [rule, exact] = compare(spec, MATCHED);
    expectExact(rule, exact, places);
  });

  test.each([
    [0.5, 0.05],
    [2, 0.05],
    [5, 0.5],
    [1, 1],
    [0.5, 3],
  ])("for hidden tauM %d, tauR %d", (tauM, tauR) => {
    const spec = network("sweep", {
      tauM: (layer) => (layer === 1 ? tauM : 1),
      tauR: (layer) => (layer === 1 ? tauR : 1),
    });
    const [rule, exact] = compare(spec, MATCHED);
    expectExact(rule, exact, learning(spec));
  });

  test("for tauR of the hidden layer, and with other activations and cross-entropy", () => {
    const spec = network("sweep", {
      sizes: [3, 4, 3],
      activation: (layer) => (layer === 1 ? "softplus" : "sigmoid"),
      tauR: (layer, i) => (layer === 1 ? 0.5 + i / 2 : hiddenTauM(layer, i)),
    });
    const populations = spec.populations.map((each) =>
      each.cost === undefined ? each : { ...each, cost: { kind: "cross-entropy", beta: 2 } as const },
    );
    const classes = { ...spec, populations };
    expect(learning(classes)).toHaveLength(4 + 4);
    const [rule, exact] = compare(classes, MATCHED);
    expectExact(rule, exact, learning(classes));
  });

  test("also from instantaneous errors, which the output's are", () => {
    const spec = network("sweep");
    const [rule, exact] = compare(spec, { ...MATCHED, errors: "instantaneous" });
    expectExact(rule, exact, learning(spec));
  });

  test("and of two hidden layers, if the upper one has tauR = tauM, too", () => {
    const tauR = (layer: number, i: number): number => (layer === 1 ? hiddenTauR(layer, i) : hiddenTauM(layer, i));
    const spec = network("sweep", { sizes: [3, 4, 3, 2], tauR });
    const [rule, exact] = compare(spec, MATCHED);
    expectExact(rule, exact, learning(spec));
  });

  test("with a fresh start: reset clears the traces", () => {
    const spec = network("sweep");
    const steps = randomSteps(spec, STEPS, 2, 4);
    const [reset, fresh] = [start(spec, MATCHED, 2), start(spec, MATCHED, 2)];
    take(reset, steps.slice(0, 20), false);
    reset.reset();
    for (const reference of [reset, fresh]) take(reference, steps);
    for (const place of learning(spec))
      expect(reset.read("firstMoment", place)).toEqual(fresh.read("firstMoment", place));
  });
});

describe("where it is no identity", () => {
  test("the published rule is far off in the same network", () => {
    const spec = network("sweep");
    const [rule, exact] = compare(spec, ACCUMULATE);
    const hidden = { from: "0", to: "1" };
    expect(distance(rule.read("firstMoment", hidden), exact.read("gradient", hidden))).toBeGreaterThan(0.1);
    // With tauR = tauM the output's local error is the adjoint, and its trace the rate: there both rules are exact.
    expectExact(rule, exact, [
      { from: "1", to: "2" },
      { population: "2", of: "bias" },
    ]);
  });

  test("with an output that does not look ahead as far as it lags, its own gradients are exact, those below are not", () => {
    const spec = network("sweep", { tauR: (layer, i) => (layer === 1 ? hiddenTauR(layer, i) : 0.5) });
    const [rule, exact] = compare(spec, MATCHED);
    const [above, below] = [true, false].map((isAbove) =>
      learning(spec).filter((place) => (("from" in place ? place.to : place.population) === "2") === isAbove),
    );
    expectExact(rule, exact, above ?? []);
    for (const place of below ?? []) {
      expect(distance(rule.read("firstMoment", place), exact.read("gradient", place))).toBeGreaterThan(0.01);
    }
  });

  test("in jacobi errors come too late for the rates that they meet", () => {
    const spec = network("jacobi");
    const [rule, exact] = compare(spec, MATCHED);
    // A bias of the output meets the constant 1 at any time.
    const bias = { population: "2", of: "bias" } as const;
    expectExact(rule, exact, [bias]);
    for (const place of learning(spec)) {
      const isExact = "of" in place && place.of === bias.of && place.population === bias.population;
      const far = distance(rule.read("firstMoment", place), exact.read("gradient", place));
      if (!isExact) expect(far).toBeGreaterThan(0.01);
    }
  });

  test("after steps without learning, traces remember rates whose errors the window does not hold", () => {
    const spec = network("sweep");
    const steps = randomSteps(spec, STEPS, 1, 4);
    const rule = start(spec, MATCHED);
    const exact = start(spec, { errors: "adjoint", window: STEPS - 50, ...ACCUMULATE });
    for (const reference of [rule, exact]) {
      take(reference, steps.slice(0, 50), false);
      take(reference, steps.slice(50));
    }
    const hidden = { from: "0", to: "1" };
    expect(distance(rule.read("firstMoment", hidden), exact.read("gradient", hidden))).toBeGreaterThan(1e-3);
    // An output with tauR = tauM keeps nothing.
    expectExact(rule, exact, [{ from: "1", to: "2" }]);
  });
});

describe("the start of a bias", () => {
  test("its trace is F applied to 1 from the first step on: tauR / tauM at first, then 1", () => {
    const [dt, tauM, tauR] = [0.05, 2, 0.25];
    const spec = network("sweep", { dt, sizes: [1, 1], tauM: () => tauM, tauR: () => tauR });
    const reference = start(spec, MATCHED);
    let [z, before] = [0, 0];
    for (const { input, target } of randomSteps(spec, 400, 1, 3)) {
      reference.step(input, target);
      const gradient = reference.read("firstMoment", "1")[0] ?? NaN;
      const trace = z + (tauR / tauM) * (1 - z);
      z += (dt / tauM) * (1 - z);
      const alpha = reference.read("topDown", "1")[0] ?? NaN;
      // The gradient is a running sum of numbers of order 1.
      expect(gradient - before).toBeCloseTo(-alpha * trace, 11);
      before = gradient;
    }
    // 1 - z shrinks as (1 - dt / tauM)^400 = 4e-5.
    expect(1 - z).toBeLessThan(1e-4);
  });
});
