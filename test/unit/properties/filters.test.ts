import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../../src/random.ts";
import type { NetworkSpec } from "../../../src/spec.ts";
import { ACCUMULATE, dot, draw, expectNear, largest, start, sum } from "./graphs.ts";

/** One neuron: its forward filter F, its local error e = F^-1 alpha and its adjoint lambda = F^T alpha. */

interface Neuron {
  readonly dt: number;
  readonly tauM: number;
  readonly tauR: number;
}

function network({ dt, tauM, tauR }: Neuron, activation: "linear" | "tanh" = "linear"): NetworkSpec {
  return {
    dt,
    schedule: "sweep",
    sources: [{ name: "in", size: 1 }],
    populations: [{ name: "p", size: 1, tauM, tauR, activation, bias: false, cost: { kind: "squared-error" } }],
    projections: [{ from: "in", to: "p", init: { kind: "constant", value: 1 } }],
  };
}

/** Rates without learning. */
function rates(neuron: Neuron, input: readonly number[]): number[] {
  const reference = start(network(neuron), { errors: "none" });
  return input.map((x) => {
    reference.step([x]);
    return reference.read("rate", "p")[0] ?? NaN;
  });
}

/** Input, and the target that asks for the pull y - r: errors do not act on the neuron, so its rates are known before. */
function task(spec: NetworkSpec, pull: readonly number[]): (readonly [number, number])[] {
  const forward = start(spec, { errors: "none" });
  return pull.map((value, k) => {
    const x = Math.sin(0.3 * k);
    forward.step([x]);
    return [x, (forward.read("rate", "p")[0] ?? NaN) + value];
  });
}

/** Top-down signals and the local errors that they make. */
function localErrors(spec: NetworkSpec, pull: readonly number[]): { alpha: number[]; e: number[] } {
  const reference = start(spec, ACCUMULATE);
  const [alpha, e]: [number[], number[]] = [[], []];
  for (const [x, y] of task(spec, pull)) {
    reference.step([x], [y]);
    alpha.push(reference.read("topDown", "p")[0] ?? NaN);
    e.push(reference.read("error", "p")[0] ?? NaN);
  }
  return { alpha, e };
}

/** Top-down signals, and the local errors and adjoints that they make. */
function errors(neuron: Neuron, pull: readonly number[], activation: "linear" | "tanh" = "linear") {
  const spec = network(neuron, activation);
  const exact = start(spec, { errors: "adjoint", window: pull.length, ...ACCUMULATE });
  for (const [x, y] of task(spec, pull)) exact.step([x], [y]);
  const lambda = [...exact.read("adjoint", "p")];
  return { ...localErrors(spec, pull), lambda, alphaOfAdjoint: exact.read("adjointTopDown", "p") };
}

/** F(z) = (tauR (z - 1) + dt) / (tauM (z - 1) + dt) at z = exp(i omega dt): gain and phase. */
function transfer({ dt, tauM, tauR }: Neuron, omega: number): { gain: number; phase: number } {
  const [re, im] = [Math.cos(omega * dt) - 1, Math.sin(omega * dt)];
  return {
    gain: Math.hypot(tauR * re + dt, tauR * im) / Math.hypot(tauM * re + dt, tauM * im),
    phase: Math.atan2(tauR * im, tauR * re + dt) - Math.atan2(tauM * im, tauM * re + dt),
  };
}

/** Gain and phase of the component of frequency `omega` over whole periods, relative to cos(omega k dt). */
function component(
  values: readonly number[],
  first: number,
  dt: number,
  omega: number,
): { gain: number; phase: number } {
  const re = sum(values.map((value, k) => value * Math.cos(omega * (first + k) * dt)));
  const im = sum(values.map((value, k) => -value * Math.sin(omega * (first + k) * dt)));
  return { gain: (2 * Math.hypot(re, im)) / values.length, phase: Math.atan2(im, re) };
}

/** Local error and adjoint of a tone of `period` steps, after its start and before its end have faded. */
function tone(neuron: Neuron, period: number) {
  const omega = (2 * Math.PI) / (period * neuron.dt);
  // After 25 time constants 1e-11 is left.
  const fade = Math.ceil((25 * Math.max(neuron.tauM, neuron.tauR)) / neuron.dt);
  const length = 2 * period;
  const pull = Array.from({ length: 2 * fade + length }, (_, k) => Math.cos(omega * k * neuron.dt));
  const { e, lambda } = errors(neuron, pull);
  const [local, exact] = [e, lambda].map((values) =>
    component(values.slice(fade, fade + length), fade, neuron.dt, omega),
  );
  if (local === undefined || exact === undefined) throw new Error("two signals");
  return { omega, local, exact };
}

const neurons: Neuron[] = [
  { dt: 0.01, tauM: 1, tauR: 0.1 },
  { dt: 0.2, tauM: 1.2, tauR: 0.2 },
  { dt: 0.05, tauM: 2.4, tauR: 0.1 },
  { dt: 0.1, tauM: 0.3, tauR: 1.3 },
  { dt: 0.1, tauM: 0.7, tauR: 0.7 },
];

const anyNeuron = fc
  .tuple(fc.double({ min: 1e-3, max: 1, noNaN: true }), ...[0, 1].map(() => fc.double({ min: 0, max: 3, noNaN: true })))
  .map(([dt, m = 0, r = 0]): Neuron => ({ dt, tauM: dt * Math.exp(m), tauR: dt * Math.exp(r) }));

describe("P2: local errors and adjoints of the same top-down signal", () => {
  test.each(["linear", "tanh"] as const)("overlap by the sum of its squares, at every tau and dt: %s", (activation) => {
    fc.assert(
      fc.property(anyNeuron, fc.integer({ min: 0, max: 2 ** 30 }), (neuron, seed) => {
        const { alpha, e, lambda, alphaOfAdjoint } = errors(neuron, draw(createRandom(seed), 60), activation);
        expectNear(alphaOfAdjoint, alpha, 1e-14);
        // Rounding is relative to the size of the products, not to what is left of their sum.
        const products = sum(lambda.map((value, k) => Math.abs(value * (e[k] ?? NaN))));
        expect(Math.abs(dot(lambda, e) - dot(alpha, alpha))).toBeLessThanOrEqual(1e-12 * products);
        expect(dot(alpha, alpha)).toBeGreaterThan(0.1);
      }),
      { numRuns: 50, seed: 1 },
    );
  });
});

describe("P3: the forward filter undoes the local error", () => {
  test("at every tau and dt", () => {
    fc.assert(
      fc.property(anyNeuron, fc.integer({ min: 0, max: 2 ** 30 }), (neuron, seed) => {
        const { alpha, e } = localErrors(network(neuron), draw(createRandom(seed), 60));
        // Rounding of e is relative to its size, and F lets a share tauR / tauM of it through at once.
        const size = Math.max(1, largest(e) * Math.max(1, neuron.tauR / neuron.tauM));
        const back = rates(neuron, e);
        expect(largest(back.map((value, k) => value - (alpha[k] ?? NaN)))).toBeLessThanOrEqual(1e-12 * size);
      }),
      { numRuns: 50, seed: 1 },
    );
  });
});

describe("P4 and P5: a tone", () => {
  test.each(neurons)(
    "P4: local error and adjoint of dt $dt, tauM $tauM, tauR $tauR have one phase, P5: and gains 1 / |F| and |F|",
    (neuron) => {
      for (const period of [7, 40, 200]) {
        const { omega, local, exact } = tone(neuron, period);
        const { gain, phase } = transfer(neuron, omega);
        expect(Math.abs(local.phase - exact.phase)).toBeLessThan(1e-6);
        expect(Math.abs(local.phase + phase)).toBeLessThan(1e-6);
        expect(Math.abs(local.gain * gain - 1)).toBeLessThan(1e-6);
        expect(Math.abs(exact.gain / gain - 1)).toBeLessThan(1e-6);
        expect(Math.abs((local.gain / exact.gain) * gain ** 2 - 1)).toBeLessThan(1e-6);
      }
    },
  );

  // omega: (1 + omega^2 tauM^2) / (1 + omega^2 tauR^2) of tauM 1 and tauR 0.1.
  test.each([
    [0.49, 1.237],
    [1.07, 2.12],
    [1.98, 4.73],
    [5, 20.8],
  ])("P5: at omega %d the ratio of gains goes to %d as dt goes to 0, to the first order", (omega, expected) => {
    const limit = (1 + omega ** 2) / (1 + (omega * 0.1) ** 2);
    expect(Math.abs(limit / expected - 1)).toBeLessThan(3e-3); // Three digits are given.
    const coarse = Math.ceil((2 * Math.PI) / (omega * 0.04));
    const deviations = [1, 2, 4].map((refinement) => {
      const period = refinement * coarse;
      const neuron = { dt: (2 * Math.PI) / (omega * period), tauM: 1, tauR: 0.1 };
      const { local, exact } = tone(neuron, period);
      return local.gain / exact.gain / limit - 1;
    });
    for (const k of [0, 1]) {
      const ratio = (deviations[k] ?? NaN) / (deviations[k + 1] ?? NaN);
      // 2, or 4 where terms of the first order cancel.
      expect(ratio).toBeGreaterThan(1.8);
      expect(ratio).toBeLessThan(4.2);
    }
    expect(Math.abs(deviations[2] ?? NaN)).toBeLessThan(0.05);
  });
});

describe("P6: the transfer function of the neuron", () => {
  test.each(neurons)("dt $dt, tauM $tauM, tauR $tauR: a sinusoid comes out with its gain and phase", (neuron) => {
    for (const omega of [0.31, 1.7, 8.9]) {
      const { gain, phase } = transfer(neuron, omega);
      const fade = Math.ceil((32 * neuron.tauM) / neuron.dt);
      const input = Array.from({ length: fade + 50 }, (_, k) => Math.cos(omega * k * neuron.dt));
      const output = rates(neuron, input).slice(fade);
      const expected = output.map((_, k) => gain * Math.cos(omega * (fade + k) * neuron.dt + phase));
      expect(largest(output.map((value, k) => value - (expected[k] ?? NaN)))).toBeLessThan(1e-12 * Math.max(1, gain));
    }
  });
});

describe("P17: white noise", () => {
  // tauM, tauR, dt and the gain that they give.
  test.each([
    [1, 0.1, 0.01, 10.3],
    [2, 0.1, 0.01, 20.5],
    [1.2, 0.2, 0.2, 7.81],
    [2.4, 0.1, 0.05, 27.4],
  ])("is amplified by the error filter of tauM %d, tauR %d, dt %d by about %d", (tauM, tauR, dt, expected) => {
    const ratio = tauM / tauR;
    const gain = Math.sqrt(ratio ** 2 + ((ratio - 1) ** 2 * (dt / tauR)) / (2 - dt / tauR));
    expect(Math.abs(gain / expected - 1)).toBeLessThan(0.01); // Three digits are given.
    const { alpha, e } = localErrors(network({ dt, tauM, tauR }), draw(createRandom(3), 10_000));
    const measured = Math.sqrt(dot(e, e) / dot(alpha, alpha));
    // 10,000 draws scatter by about 1 / sqrt(10,000), 1 %, and what is correlated by a few times that.
    expect(Math.abs(measured / gain - 1)).toBeLessThan(0.05);
  });
});

describe("P18: the gain mean(alpha^2) / mean(e^2)", () => {
  test.each(neurons)("of dt $dt, tauM $tauM, tauR $tauR brings the local error nearest to the adjoint", (neuron) => {
    const { alpha, e, lambda } = errors(neuron, draw(createRandom(9), 500));
    const kappa = dot(alpha, alpha) / dot(e, e);
    const distance = (factor: number): number => {
      const difference = lambda.map((value, k) => value - factor * (e[k] ?? NaN));
      return dot(difference, difference);
    };
    const least = distance(kappa);
    // A parabola: it grows by (0.01 kappa)^2 sum e^2 on both sides.
    for (const factor of [0.99, 1.01]) {
      const growth = distance(factor * kappa) - least;
      expect(growth).toBeGreaterThan(0);
      expect(Math.abs(growth / ((0.01 * kappa) ** 2 * dot(e, e)) - 1)).toBeLessThan(1e-6);
    }
  });
});
