import { describe, expect, test } from "vitest";
import { createRandom } from "../../../src/random.ts";
import { activate, activationSlope, type Reference } from "../../../src/reference/index.ts";
import type { Activation, NetworkSpec, PopulationSpec, ScheduleKind } from "../../../src/spec.ts";
import {
  ACCUMULATE,
  distance,
  draw,
  expectNear,
  largest,
  placesOf,
  randomGraph,
  randomSteps,
  SCHEDULES,
  stack,
  start,
  take,
} from "./graphs.ts";

/** Where everything is known in closed form: tauR = tauM, and steady input and target. */

/** The same graph with tauR = tauM, times `factor`, in every neuron. */
function tied(network: NetworkSpec, factor = 1): NetworkSpec {
  const populations = network.populations.map((each): PopulationSpec => {
    const tau = (each.tauM as number[]).map((value) => value * factor);
    return { ...each, tauM: tau, tauR: tau };
  });
  return { ...network, populations };
}

/** A graph without its loops. */
function feedForward(network: NetworkSpec): NetworkSpec {
  return { ...network, projections: network.projections.filter(({ recurrent = false }) => !recurrent) };
}

describe("P7: with tauR = tauM", () => {
  for (const schedule of SCHEDULES) {
    test.each([0.001, 0.1, 10])(`in ${schedule} the look-ahead is the input and e is alpha, at dt %d`, (dt) => {
      const network = tied(randomGraph(2, { schedule, dt }));
      const reference = start(network, ACCUMULATE, 2);
      for (const { input, target } of randomSteps(network, 30, 2, 3)) {
        reference.step(input, target);
        for (const { name, activation } of network.populations) {
          const current = reference.read("current", name);
          const expected = current.map((s) => activate(activation, s));
          // u + tau (s - u) / tau rounds a few times, relative to u and s.
          const size = Math.max(1, largest(current), largest(reference.read("potential", name)));
          expect(largest(reference.read("rate", name).map((r, i) => r - (expected[i] ?? NaN)))).toBeLessThan(
            1e-13 * size,
          );
          const [e, alpha] = [reference.read("error", name), reference.read("topDown", name)];
          const errorSize = Math.max(largest(alpha), largest(reference.read("lowPassedError", name)));
          expect(largest(e.map((value, i) => value - (alpha[i] ?? NaN)))).toBeLessThanOrEqual(1e-13 * errorSize);
        }
      }
    });
  }

  test.each(["squared-error", "cross-entropy"] as const)(
    "in a sweep without loops the gradients of local errors are the exact ones: %s",
    (cost) => {
      const network = feedForward(tied(randomGraph(1, { schedule: "sweep", cost })));
      const steps = randomSteps(network, 25, 3, 2);
      const [online, exact] = ([{}, { errors: "adjoint", window: 25 }] as const).map((learning) => {
        const reference = start(network, { ...learning, ...ACCUMULATE }, 3);
        take(reference, steps);
        return reference;
      });
      if (online === undefined || exact === undefined) throw new Error("two runs");
      for (const place of placesOf(network)) {
        if ("of" in place && place.of !== "bias") continue;
        expect(largest(exact.read("gradient", place))).toBeGreaterThan(1e-3);
        // Sums of 75 products in another order.
        expectNear(online.read("firstMoment", place), exact.read("gradient", place), 1e-13);
      }
    },
  );
});

describe("P8: with tauR = tauM", () => {
  /** A graph with loops too: the look-ahead knows no past, but the rates of the step before do go round. */
  const graph = (schedule: ScheduleKind): NetworkSpec => randomGraph(1, { schedule });

  test.each(SCHEDULES)("in %s the gradients of tauM and tauR add up to 0", (schedule) => {
    const network = tied(graph(schedule));
    const reference = start(network, { errors: "adjoint", window: 30, ...ACCUMULATE }, 2);
    take(reference, randomSteps(network, 30, 2, 7));
    for (const { name: population } of network.populations) {
      const [ofTauM, ofTauR] = (["tauM", "tauR"] as const).map((of) => reference.read("gradient", { population, of }));
      expect(largest(ofTauM ?? [])).toBeGreaterThan(1e-2);
      const total = ofTauM?.map((value, i) => value + (ofTauR?.[i] ?? NaN)) ?? [];
      expect(largest(total)).toBeLessThanOrEqual(1e-12 * largest(ofTauM ?? []));
    }
  });

  test.each(SCHEDULES)("in %s the rates do not depend on tau", (schedule) => {
    const runs = [1, 3.7].map((factor) => {
      const network = tied(graph(schedule), factor);
      const reference = start(network, ACCUMULATE, 2);
      return randomSteps(network, 30, 2, 7).map(({ input, target }) => {
        reference.step(input, target);
        return network.populations.flatMap(({ name }) => [...reference.read("rate", name)]);
      });
    });
    for (const [k, rates] of (runs[0] ?? []).entries()) expectNear(runs[1]?.[k] ?? [], rates, 1e-12);
  });
});

describe("P9: with input and target that have been steady for 40 tau", () => {
  const sizes = [3, 4, 3, 2];
  const activations: Activation[] = ["tanh", "softplus", "sigmoid"];
  const dt = 0.1;
  const longest = 2;
  const input = draw(createRandom(4), 3);
  const target = draw(createRandom(5), 2);

  const network = (schedule: ScheduleKind): NetworkSpec =>
    stack({
      schedule,
      dt,
      sizes,
      tauM: (layer, i) => [longest, 0.5, 0.8][(layer + i) % 3] ?? NaN,
      tauR: (layer, i) => [0.2, 0.9, longest, 0.4][(layer + i) % 4] ?? NaN,
      activation: (layer) => activations[layer - 1] ?? "linear",
      beta: 0.7,
    });

  /** Backpropagation through the layers of `reference` as a network without time: errors of every layer. */
  function textbook(reference: Reference): number[][] {
    const [rates, slopes]: [number[][], number[][]] = [[input], [[]]];
    for (const [index, activation] of activations.entries()) {
      const [pre, layer] = [rates[index] ?? [], String(index + 1)];
      const weights = reference.read("weight", { from: String(index), to: layer });
      const sums = [...reference.read("bias", layer)].map(
        (b, i) => b + pre.reduce((total, r, j) => total + (weights[i * pre.length + j] ?? NaN) * r, 0),
      );
      rates.push(sums.map((s) => activate(activation, s)));
      slopes.push(sums.map((s) => activationSlope(activation, s)));
    }
    const errors: number[][] = [[], [], [], []];
    errors[3] = target.map((y, i) => 0.7 * (y - (rates[3]?.[i] ?? NaN)) * (slopes[3]?.[i] ?? NaN));
    for (const layer of [2, 1]) {
      const weights = reference.read("weight", { from: String(layer), to: String(layer + 1) });
      const size = sizes[layer] ?? NaN;
      errors[layer] = (slopes[layer] ?? []).map(
        (slope, j) =>
          slope * (errors[layer + 1] ?? []).reduce((sum, e, i) => sum + (weights[i * size + j] ?? NaN) * e, 0),
      );
    }
    return errors;
  }

  test.each(SCHEDULES)("in %s local errors are those of textbook backpropagation", (schedule) => {
    const reference = start(network(schedule), ACCUMULATE);
    // Errors follow rates, so that three layers need it six times.
    for (let k = 0; k < (6 * 40 * longest) / dt; k++) reference.step(input, target);
    const expected = textbook(reference);
    for (const layer of [1, 2, 3]) expectNear(reference.read("error", String(layer)), expected[layer] ?? [], 1e-10);
  });

  test.each(SCHEDULES)("in %s the adjoint is the same as far as that from the end of the window", (schedule) => {
    const window = (3 * 40 * longest) / dt;
    const reference = start(network(schedule), { errors: "adjoint", window, ...ACCUMULATE });
    for (let k = 0; k < (3 * 40 * longest) / dt; k++) reference.step(input, target, false);
    for (let k = 0; k < window; k++) reference.step(input, target);
    const expected = textbook(reference);
    for (const layer of [1, 2, 3]) {
      const lambda = reference.read("adjoint", String(layer));
      expectNear(lambda.subarray(0, sizes[layer]), expected[layer] ?? [], 1e-10);
      // At the end of the window it is something else.
      expect(distance(lambda.subarray(-(sizes[layer] ?? NaN)), expected[layer] ?? [])).toBeGreaterThan(0.1);
    }
  });
});
