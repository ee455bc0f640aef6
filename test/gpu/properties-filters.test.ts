/** Single neurons on the GPU: their forward filter F, local errors F^-1 alpha and adjoints F^T alpha. In f64: unit tests. */

import { describe, expect, test } from "vitest";
import { closedForm, fitTone, nearestTurn, type ToneResponse } from "../../src/align/transfer.ts";
import { createRandom } from "../../src/random.ts";
import type { NetworkSpec } from "../../src/spec.ts";
import { ACCUMULATE, dot, draw, largest } from "../unit/properties/graphs.ts";
import { Probe } from "./properties.ts";
import { useLazyDevice } from "./shared-device.ts";

const device = useLazyDevice();

// ---- neurons side by side -----------------------------------------------------------------------------------

interface Neuron {
  readonly tauM: number;
  readonly tauR: number;
}

interface Group {
  readonly dt: number;
  readonly neurons: readonly Neuron[];
  readonly activation?: "linear" | "tanh";
}

/** Neurons of one population, each with an input of its own; a target pulls at every rate. */
function network({ dt, neurons, activation = "linear" }: Group): NetworkSpec {
  const size = neurons.length;
  const [tauM, tauR] = [neurons.map((each) => each.tauM), neurons.map((each) => each.tauR)];
  return {
    dt,
    schedule: "sweep",
    sources: [{ name: "in", size }],
    populations: [{ name: "p", size, tauM, tauR, activation, bias: false, cost: { kind: "squared-error" } }],
    projections: [{ from: "in", to: "p", init: { kind: "constant", value: 0 } }],
  };
}

async function create(group: Group, batch: number, options: Parameters<typeof Probe.create>[2]): Promise<Probe> {
  const size = group.neurons.length;
  const probe = await Probe.create(device(), network(group), { batch, ...options });
  const identity = Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
  probe.sim.write("weight", { from: "in", to: "p" }, identity);
  return probe;
}

/** Rates without learning, [step][batch][neurons] like the input. */
async function rates(group: Group, batch: number, input: Float32Array): Promise<Float32Array> {
  using probe = await create(group, batch, { learning: { errors: "none" }, quantities: ["rate"] });
  await probe.take({ input: { in: input } });
  return probe.trace("rate", "p");
}

interface Signals {
  readonly alpha: Float32Array;
  readonly e: Float32Array;
  readonly lambda: Float32Array;
}

/** Top-down signals, and the local errors and adjoints that they make. The target asks for the pull: y = r + pull. */
async function errors(group: Group, batch: number, pull: Float32Array, withAdjoint = true): Promise<Signals> {
  const row = batch * group.neurons.length;
  const frames = pull.length / row;
  const input = pull.map((_, i) => Math.sin(0.3 * Math.floor(i / row) + (i % row)));
  const forward = await rates(group, batch, input);
  const data = { input: { in: input }, target: { p: forward.map((r, i) => r + (pull[i] ?? NaN)) } };
  using local = await create(group, batch, { learning: ACCUMULATE, quantities: ["rate", "topDown", "error"] });
  await local.take(data);
  // Errors do not act on the neurons.
  expect(local.trace("rate", "p")).toEqual(forward);
  const [alpha, e] = [local.trace("topDown", "p"), local.trace("error", "p")];
  if (!withAdjoint) return { alpha, e, lambda: new Float32Array() };
  const learning = { errors: "adjoint", window: frames, ...ACCUMULATE } as const;
  using exact = await create(group, batch, { learning, quantities: ["rate"] });
  await exact.take(data);
  // The same rates and targets make the same top-down signal, which adjoint errors do not show.
  expect(exact.trace("rate", "p")).toEqual(forward);
  return { alpha, e, lambda: await exact.sim.read("adjoint", "p") };
}

/** Values of a neuron in a batch row over the steps. */
function column(values: Float32Array, size: number, batch: number, row: number, neuron: number): Float32Array {
  return values.filter((_, i) => i % (batch * size) === row * size + neuron);
}

/** Calls `use` for every neuron in every batch row. */
function forEachColumn({ neurons }: Group, batch: number, use: (neuron: Neuron, i: number, row: number) => void): void {
  for (let row = 0; row < batch; row++) neurons.forEach((neuron, i) => use(neuron, i, row));
}

// ---- random neurons -----------------------------------------------------------------------------------------

const [batch, size, steps] = [3, 24, 60];
/** Time constants from dt to 20 dt. */
const groups = [0.001, 0.07, 1].map((dt, index): Group => {
  const random = createRandom(index, 1);
  const tau = (): number => dt * Math.exp(3 * random.uniform());
  return { dt, neurons: Array.from({ length: size }, () => ({ tauM: tau(), tauR: tau() })) };
});
const noise = (seed: number): Float32Array => Float32Array.from(draw(createRandom(seed), steps * batch * size));
const byActivation = (["linear", "tanh"] as const).flatMap((activation) =>
  groups.map((group) => ({ ...group, activation })),
);

describe("P2: local errors and adjoints of the same top-down signal", () => {
  test.each(byActivation)("overlap by the sum of its squares: $activation, dt $dt", async (group) => {
    const signals = await errors(group, batch, noise(1));
    forEachColumn(group, batch, (neuron, i, row) => {
      const of = (values: Float32Array): Float32Array => column(values, size, batch, row, i);
      const [alpha, e, lambda] = [of(signals.alpha), of(signals.e), of(signals.lambda)];
      const squares = dot(alpha, alpha);
      expect(squares).toBeGreaterThan(0.1);
      expect(Math.abs(dot(lambda, e) - squares), JSON.stringify(neuron)).toBeLessThan(1e-4 * squares);
    });
  });
});

describe("P3: the forward filter undoes the local error", () => {
  test.each(groups)("at every tau: dt $dt", async (group) => {
    const { alpha, e } = await errors(group, batch, noise(2), false);
    const back = await rates(group, batch, e);
    forEachColumn(group, batch, (neuron, i, row) => {
      const [expected, actual] = [alpha, back].map((values) => column(values, size, batch, row, i));
      const difference = largest((actual ?? []).map((value, k) => value - (expected?.[k] ?? NaN)));
      // The table's tolerance: the error, and its rounding, is that much larger than its cause.
      const tolerance = 1e-4 * (neuron.tauM / neuron.tauR);
      expect(difference, JSON.stringify(neuron)).toBeLessThan(tolerance * largest(expected ?? []));
    });
  });
});

// ---- tones --------------------------------------------------------------------------------------------------

/** Ratios of the published experiments, a neuron that looks far ahead, and one that does not lag. */
const dt = 0.01;
const published: Group = {
  dt,
  neurons: [
    { tauM: 1, tauR: 0.1 },
    { tauM: 0.06, tauR: 0.01 },
    { tauM: 0.48, tauR: 0.02 },
    { tauM: 0.03, tauR: 0.13 },
    { tauM: 0.07, tauR: 0.07 },
  ],
};
/** Steps of a period; each has a batch row. */
const periods = [7, 40, 200];
const angles = periods.map((period) => (2 * Math.PI) / period);
/** After 12 of the longest time constants 6e-6 is left of a start or an end. */
const fade = Math.ceil(12 / dt);

/** cos of every angle, in every neuron: [step][batch][neurons]. */
function tones(count: number): Float32Array {
  const width = published.neurons.length;
  return Float32Array.from({ length: count * angles.length * width }, (_, i) => {
    const [step, row] = [Math.floor(i / (angles.length * width)), Math.floor(i / width) % angles.length];
    return Math.cos((angles[row] ?? NaN) * step);
  });
}

/** What a group answers, fitted over two periods after its start has faded. */
function response(values: Float32Array, neuron: number, row: number): ToneResponse {
  const own = column(values, published.neurons.length, angles.length, row, neuron);
  return fitTone(own, angles[row] ?? NaN, fade, fade + 2 * (periods[row] ?? NaN));
}

describe("P4, P5: a tone", () => {
  test("P4: gives local error and adjoint one phase, P5: and gains 1 / |F| and |F|", async () => {
    const signals = await errors(published, periods.length, tones(2 * fade + 400));
    forEachColumn(published, periods.length, (neuron, i, row) => {
      const [alpha, local, exact] = [signals.alpha, signals.e, signals.lambda].map((values) =>
        response(values, i, row),
      );
      if (alpha === undefined || local === undefined || exact === undefined) throw new Error("three signals");
      const omega = (angles[row] ?? NaN) / dt;
      const [e, lambda] = (["local", "adjoint"] as const).map((rule) => closedForm(rule, [neuron], dt, omega));
      const phaseFrom = (from: ToneResponse, to: ToneResponse): number => nearestTurn(from.phase - to.phase, 0);
      expect(Math.abs(phaseFrom(local, exact))).toBeLessThan(1e-3);
      expect(Math.abs(nearestTurn(local.phase - alpha.phase - (e?.phase ?? NaN), 0))).toBeLessThan(1e-3);
      expect(Math.abs(local.gain / alpha.gain / (e?.gain ?? NaN) - 1)).toBeLessThan(1e-3);
      expect(Math.abs(exact.gain / alpha.gain / (lambda?.gain ?? NaN) - 1)).toBeLessThan(1e-3);
      const squared = (lambda?.gain ?? NaN) ** 2;
      expect(Math.abs((local.gain / exact.gain) * squared - 1)).toBeLessThan(1e-3);
    });
  });
});

describe("P6: the transfer function of the neuron", () => {
  test("a steady sinusoid comes out with its gain and phase", async () => {
    const output = await rates(published, periods.length, tones(fade + 400));
    forEachColumn(published, periods.length, (neuron, i, row) => {
      const angle = angles[row] ?? NaN;
      // F is the adjoint's transfer with the opposite phase.
      const { gain, phase } = closedForm("adjoint", [neuron], dt, angle / dt);
      const own = column(output, published.neurons.length, periods.length, row, i).subarray(fade);
      const deviations = own.map((value, k) => value - gain * Math.cos(angle * (fade + k) - phase));
      expect(largest(deviations), JSON.stringify(neuron)).toBeLessThan(1e-4);
    });
  });
});

// ---- noise --------------------------------------------------------------------------------------------------

describe("P17: white noise", () => {
  test("is amplified by the error filter as its formula says", async () => {
    const group: Group = {
      dt,
      neurons: [
        { tauM: 1, tauR: 0.1 },
        { tauM: 2, tauR: 0.1 },
        { tauM: 0.06, tauR: 0.01 },
        { tauM: 0.48, tauR: 0.02 },
      ],
    };
    // Of the published experiments: tauM 1, 2 and tauR 0.1 at dt 0.01, 1.2 and 0.2 at 0.2, 2.4 and 0.1 at 0.05.
    const quoted = [10.3, 20.5, 7.81, 27.4];
    const [rows, count] = [40, 500];
    const pull = Float32Array.from(draw(createRandom(3), count * rows * group.neurons.length));
    const { alpha, e } = await errors(group, rows, pull, false);
    group.neurons.forEach(({ tauM, tauR }, i) => {
      const ratio = tauM / tauR;
      const gain = Math.sqrt(ratio ** 2 + ((ratio - 1) ** 2 * (dt / tauR)) / (2 - dt / tauR));
      expect(Math.abs(gain / (quoted[i] ?? NaN) - 1)).toBeLessThan(0.01); // Three digits are given.
      const squares = (values: Float32Array): number => {
        const own = values.filter((_, k) => k % group.neurons.length === i);
        return dot(own, own);
      };
      // 20,000 draws scatter by about 1 / sqrt(20,000), and what is correlated by a few times that.
      expect(Math.abs(Math.sqrt(squares(e) / squares(alpha)) / gain - 1)).toBeLessThan(0.05);
    });
  });
});
