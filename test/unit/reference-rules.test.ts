import { describe, expect, test } from "vitest";
import { feedbackStream, initialize } from "../../src/random.ts";
import { resolveNetwork, type LearningSpec, type NetworkSpec, type PopulationSpec } from "../../src/spec.ts";
import {
  ACCUMULATE,
  distance,
  expectNear,
  largest,
  placesOf,
  randomSteps,
  readValue,
  SCHEDULES,
  stack,
  start,
  take,
} from "./properties/graphs.ts";

/** What the rules of learning add to errors: feedback weights, the corrected gain, time constants that learn. */

const BATCH = 2;
const layers = {
  dt: 0.1,
  sizes: [2, 4, 3],
  tauM: (layer: number, i: number) => 1 + 0.4 * i + 0.1 * layer,
  tauR: (layer: number) => (layer === 1 ? 0.3 : 1.2),
} as const;

describe("feedback", () => {
  const between = { from: "1", to: "2" };

  test.each(SCHEDULES)("random in %s: fixed weights of their own carry errors down", (schedule) => {
    const network = stack({ ...layers, schedule });
    const reference = start(network, { feedback: "random", optimizer: { kind: "sgd", eta: 0.05 } }, BATCH, 7);
    const fixed = reference.read("feedbackWeight", between);

    // Drawn like the weights, from a stream of their own.
    const resolved = resolveNetwork(network);
    const [, projection] = resolved.projections;
    if (projection === undefined) throw new Error("two projections");
    expect(fixed).toEqual(Float64Array.from(initialize(projection.init, 7, feedbackStream(resolved, 1), 12)));
    expect(largest(fixed)).toBeLessThanOrEqual(Math.fround(1 / Math.sqrt(4)));
    const weights = reference.read("weight", between);
    expect(distance(fixed, weights)).toBeGreaterThan(0.5);

    let before = { feedback: new Float64Array(8) as Float64Array, slope: new Float64Array(8) as Float64Array };
    for (const { input, target } of randomSteps(network, 20, BATCH, 1)) {
      reference.step(input, target);
      const e = reference.read("error", "2");
      const feedback = new Float64Array(8).map((_, k) => {
        const [lane, j] = [Math.floor(k / 4), k % 4];
        return [0, 1, 2].reduce((sum, i) => sum + (fixed[i * 4 + j] ?? NaN) * (e[lane * 3 + i] ?? NaN), 0);
      });
      expectNear(reference.read("feedback", "1"), feedback, 1e-14);
      const now = { feedback: reference.read("feedback", "1"), slope: reference.read("slope", "1") };
      // What a hidden layer makes of it: of this step in a sweep, of the step before in jacobi.
      const used = schedule === "sweep" ? now : before;
      const alpha = used.slope.map((slope, i) => slope * (used.feedback[i] ?? NaN));
      expectNear(reference.read("topDown", "1"), alpha, 1e-14);
      before = now;
    }
    // The weights have learnt, the feedback has not.
    expect(distance(reference.read("weight", between), weights)).toBeGreaterThan(1e-3);
    expect(reference.read("feedbackWeight", between)).toEqual(fixed);
  });

  test("random weights can be written; written as the weights, they are the transpose", () => {
    const network = stack({ ...layers, schedule: "jacobi" });
    const steps = randomSteps(network, 20, BATCH, 1);
    const [random, transpose] = (["random", "transpose"] as const).map((feedback) => {
      const reference = start(network, { feedback, ...ACCUMULATE }, BATCH);
      if (feedback === "random") {
        for (const { from, to } of network.projections) {
          reference.write("feedbackWeight", { from, to }, reference.read("weight", { from, to }));
        }
      }
      take(reference, steps);
      return reference;
    });
    if (random === undefined || transpose === undefined) throw new Error("two runs");
    for (const place of placesOf(network)) {
      expect(random.read("firstMoment", place)).toEqual(transpose.read("firstMoment", place));
    }
    expect(random.read("feedback", "0")).toEqual(transpose.read("feedback", "0"));
  });

  test("transpose follows the weights as they learn", () => {
    const network = stack({ ...layers, schedule: "sweep" });
    const reference = start(network, { optimizer: { kind: "sgd", eta: 0.05 } }, BATCH);
    take(reference, randomSteps(network, 20, BATCH, 1));
    expect(reference.read("feedbackWeight", between)).toEqual(reference.read("weight", between));
  });

  test.each(SCHEDULES)("none in %s: only what has a cost learns", (schedule) => {
    const network = stack({ ...layers, schedule });
    const learning: LearningSpec = { feedback: "none", optimizer: { kind: "sgd", eta: 0.05 } };
    const reference = start(network, learning, BATCH);
    const before = placesOf(network).map((place) => readValue(reference, place));
    for (const { input, target } of randomSteps(network, 20, BATCH, 1)) {
      reference.step(input, target);
      for (const quantity of ["feedback", "topDown", "error"] as const) {
        expect(largest(reference.read(quantity, "1"))).toBe(0);
      }
      expect(largest(reference.read("feedback", "0"))).toBe(0);
    }
    expect(largest(reference.read("error", "2"))).toBeGreaterThan(0.01);
    for (const [index, place] of placesOf(network).entries()) {
      const isOutput = "from" in place ? place.to === "2" : place.population === "2" && place.of === "bias";
      expect(distance(readValue(reference, place), before[index] ?? []) > 1e-4).toBe(isOutput);
    }
    expect(() => reference.read("feedbackWeight", between)).toThrow(
      'feedbackWeight of "1" -> "2" does not exist in this network.',
    );
  });
});

describe("corrected gain", () => {
  test.each(SCHEDULES)("in %s is mean(alpha^2) / mean(e^2), running over 10 tauM, from 0.001 to 1", (schedule) => {
    // A layer whose error is amplified, and an output that looks further than it lags, whose gain would be above 1.
    const tauR = (layer: number): number => (layer === 1 ? 0.3 : 4);
    const network = stack({ ...layers, tauR, schedule });
    const reference = start(network, { gain: "corrected", ...ACCUMULATE }, BATCH);
    const names = ["1", "2"] as const;
    const kept = names.map((_, index) => {
      const count = BATCH * (layers.sizes[index + 1] ?? NaN);
      return { v: new Float64Array(count), alpha2: new Float64Array(count), e2: new Float64Array(count) };
    });
    let [clamped, free] = [0, 0];
    for (const { input, target } of randomSteps(network, 100, BATCH, 3)) {
      reference.step(input, target);
      for (const [index, name] of names.entries()) {
        const layer = index + 1;
        const { v, alpha2, e2 } = kept[index] ?? { v: [], alpha2: [], e2: [] };
        const size = layers.sizes[layer] ?? NaN;
        const expected = reference.read("topDown", name).map((alpha, k) => {
          const [tauM, now] = [layers.tauM(layer, k % size), v[k] ?? NaN];
          const e = now + (tauM * (alpha - now)) / tauR(layer);
          v[k] = now + (layers.dt * (alpha - now)) / tauR(layer);
          const share = layers.dt / (10 * tauM);
          alpha2[k] = (1 - share) * (alpha2[k] ?? NaN) + share * alpha * alpha;
          e2[k] = (1 - share) * (e2[k] ?? NaN) + share * e * e;
          if (e2[k] === 0) return e;
          const gain = (alpha2[k] ?? NaN) / (e2[k] ?? NaN);
          if (gain > 1) clamped += 1;
          else free += 1;
          return e * Math.min(1, Math.max(1e-3, gain));
        });
        // A mean of a hundred terms, taken in another form.
        expectNear(reference.read("error", name), expected, 1e-12);
        expectNear(reference.read("lowPassedError", name), v, 1e-12);
        expectNear(reference.read("topDownPower", name), alpha2, 1e-12);
        expectNear(reference.read("errorPower", name), e2, 1e-12);
      }
    }
    expect(Math.min(clamped, free)).toBeGreaterThan(100);
  });

  test("does not fall below 0.001", () => {
    // e is up to tauM / tauR = 100 times alpha; a single alpha and then silence leaves a mean of e^2 far above.
    const one = { schedule: "sweep", dt: 0.1, sizes: [1, 1], tauM: () => 100, tauR: () => 0.1 } as const;
    const network = stack(one);
    const reference = start(network, { gain: "corrected", ...ACCUMULATE });
    reference.step([0], [5]);
    const alpha = reference.read("topDown", "1")[0] ?? NaN;
    // v is 0 before: e = tauM / tauR alpha, whose gain would be 1e-6.
    expect(reference.read("error", "1")[0]).toBeCloseTo(1e-3 * 1000 * alpha, 12);
    expect(Math.abs(alpha)).toBeGreaterThan(1);
  });

  // tauM 1, tauR 0.1: measured by an independent program.
  test.each([
    [0.49, 0.812],
    [1.07, 0.473],
    [1.98, 0.212],
    [5, 0.048],
  ])("of a tone of omega %d settles at about %d", (omega, expected) => {
    const dt = 0.01;
    const network = stack({ schedule: "sweep", dt, sizes: [1, 1], tauM: () => 1, tauR: () => 0.1, bias: false });
    const reference = start(network, { gain: "corrected", ...ACCUMULATE });
    const closed = (1 + (omega * 0.1) ** 2) / (1 + omega ** 2);
    let mean = 0;
    const period = Math.round((2 * Math.PI) / omega / dt);
    const steps = 6000 + period;
    for (let k = 0; k < steps; k++) {
      // Without input the rate is 0, and the target is the top-down signal.
      reference.step([0], [Math.cos(omega * k * dt)]);
      if (k < 6000) continue;
      const [alpha2 = NaN] = reference.read("topDownPower", "1");
      const [e2 = NaN] = reference.read("errorPower", "1");
      mean += alpha2 / e2 / period;
    }
    // Euler steps change gains by some tenths of omega dt, 1 % at most; a start of 60 tauM leaves e^-6 of the mean's.
    expect(Math.abs(mean / closed - 1)).toBeLessThan(0.02);
    expect(Math.abs(mean / expected - 1)).toBeLessThan(0.02);
  });
});

describe("time constants that learn", () => {
  const neuron = { name: "p", size: 1, tauM: 2, tauR: 1.5, activation: "linear", gamma: 0 } as const;
  const one = (change: Partial<PopulationSpec>, schedule: "jacobi" | "sweep"): NetworkSpec => ({
    dt: 0.1,
    schedule,
    sources: [{ name: "in", size: 1 }],
    populations: [{ ...neuron, bias: false, cost: { kind: "squared-error", beta: 0.5 }, ...change }],
    projections: [{ from: "in", to: "p", plastic: false, init: { kind: "constant", value: 3 } }],
  });
  const SGD = { optimizer: { kind: "sgd", eta: 0.02 } } as const;

  test("a step by hand: tauM falls by eta e du/dt, tauR rises by eta alpha du/dt", () => {
    const reference = start(one({ plasticTauM: true, plasticTauR: true }, "sweep"), SGD);
    reference.step([2], [10]);
    // s = 6, du/dt = 3, rate = 4.5, alpha = 0.5 (10 - 4.5) = 2.75, e = 2 * 2.75 / 1.5.
    const e = (2 * 2.75) / 1.5;
    expect(reference.read("potentialDerivative", "p")[0]).toBe(3);
    expect(reference.read("error", "p")[0]).toBeCloseTo(e, 14);
    expect(reference.read("tauM", "p")[0]).toBeCloseTo(2 - 0.02 * e * 3, 14);
    expect(reference.read("tauR", "p")[0]).toBeCloseTo(1.5 + 0.02 * 2.75 * 3, 14);
  });

  test("a step by hand with matched traces: tauM takes alpha and the filtered du/dt", () => {
    const reference = start(one({ plasticTauM: true, plasticTauR: true }, "sweep"), { ...SGD, traces: "matched" });
    reference.step([2], [10]);
    // The trace of 3 at rest is tauR / tauM of it.
    expect(reference.read("tauM", "p")[0]).toBeCloseTo(2 - 0.02 * 2.75 * (1.5 / 2) * 3, 14);
    expect(reference.read("tauR", "p")[0]).toBeCloseTo(1.5 + 0.02 * 2.75 * 3, 14);
  });

  test("in jacobi the error is that of the rate before, du/dt is of the step itself", () => {
    const reference = start(one({ plasticTauM: true, plasticTauR: true }, "jacobi"), SGD);
    reference.step([2], [10]);
    // No slope yet, so nothing is learnt; u = 0.3, rate 4.5.
    expect([reference.read("tauM", "p")[0], reference.read("tauR", "p")[0]]).toEqual([2, 1.5]);
    reference.step([1], [10]);
    const derivative = (3 - 0.3) / 2;
    const e = (2 * 2.75) / 1.5;
    expect(reference.read("tauM", "p")[0]).toBeCloseTo(2 - 0.02 * e * derivative, 14);
    expect(reference.read("tauR", "p")[0]).toBeCloseTo(1.5 + 0.02 * 2.75 * derivative, 14);
  });

  test("each is plastic for itself, and a batch learns from the mean", () => {
    for (const [plastic, other] of [
      ["tauM", "tauR"],
      ["tauR", "tauM"],
    ] as const) {
      const flag = plastic === "tauM" ? { plasticTauM: true } : { plasticTauR: true };
      const network = one(flag, "sweep");
      const [pair, first, second] = [[2, -1], [2], [-1]].map((input) => {
        const reference = start(network, ACCUMULATE, input.length);
        reference.step(input, [10, 4].slice(input[0] === -1 ? 1 : 0).slice(0, input.length));
        return reference;
      });
      const moments = [pair, first, second].map((each) => {
        return each?.read("firstMoment", { population: "p", of: plastic })[0] ?? NaN;
      });
      expect(moments[0]).toBeCloseTo(((moments[1] ?? NaN) + (moments[2] ?? NaN)) / 2, 14);
      expect(Math.abs(moments[0] ?? NaN)).toBeGreaterThan(0.1);
      expect(pair?.read("firstMoment", { population: "p", of: other })[0]).toBe(0);
    }
  });

  test("are used in the next step, by the neuron and by its error", () => {
    const reference = start(one({ plasticTauM: true }, "sweep"), SGD);
    reference.step([2], [10]);
    const tauM = reference.read("tauM", "p")[0] ?? NaN;
    const [u, v] = [0.3, (0.1 * 2.75) / 1.5];
    reference.step([1], [10]);
    const derivative = (3 - u) / tauM;
    expect(reference.read("potentialDerivative", "p")[0]).toBeCloseTo(derivative, 13);
    const alpha = 0.5 * (10 - (u + 1.5 * derivative));
    expect(reference.read("error", "p")[0]).toBeCloseTo(v + (tauM * (alpha - v)) / 1.5, 13);
  });

  test("are held at 10 dt: one that would go below stops there and can leave again", () => {
    const reference = start(one({ plasticTauM: true, tauM: 1.01 }, "sweep"), SGD);
    reference.step([2], [10]);
    expect(reference.read("tauM", "p")[0]).toBe(1);
    // A rate above its target: e is negative and du/dt positive, so that tauM grows.
    reference.step([2], [-10]);
    expect(reference.read("tauM", "p")[0]).toBeGreaterThan(1.1);
  });
});
