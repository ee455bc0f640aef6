/** Whole networks on the GPU: the adjoint and both its ends, and what is known in closed form. In f64: unit tests. */

import { describe, expect, test } from "vitest";
import { createRandom } from "../../src/random.ts";
import { activate, activationSlope } from "../../src/reference/index.ts";
import type { Activation, NetworkSpec, PopulationSpec, ScheduleKind } from "../../src/spec.ts";
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
  type Step,
} from "../unit/properties/graphs.ts";
import { followWindows } from "./graphs.ts";
import { framesOf, Probe, type ProbeOptions } from "./properties.ts";
import { useLazyDevice } from "./shared-device.ts";

const device = useLazyDevice();

const create = (spec: NetworkSpec, options: ProbeOptions): Promise<Probe> => Probe.create(device(), spec, options);

describe("P1: the adjoint is that of the f64 reference, which equals central differences", () => {
  // adjoint.test.ts has a graph with both costs in every schedule; these two use all activations, with skips and loops
  // at random, and time constants of its own for every neuron. Every parameter has a gradient: no relu stays silent.
  const orders = [
    { schedule: "jacobi", targetDelay: 0 },
    { schedule: "jacobi", targetDelay: 1 },
    { schedule: "sweep", targetDelay: 0 },
  ] as const;
  const cases = orders.flatMap((order) => [
    { ...order, seed: 4, cost: "cross-entropy", batch: 2 } as const,
    { ...order, seed: 2, cost: "squared-error", batch: 3 } as const,
  ]);
  test.each(cases)("graph $seed, $cost: $schedule, target delay $targetDelay", ({ seed, batch, ...options }) =>
    followWindows(device(), { spec: randomGraph(seed, options), window: 14, windows: 2 }, { batch }),
  );
});

// ---- both ends of the adjoint -------------------------------------------------------------------------------

describe("P12: both ends of the adjoint", () => {
  const [steps, batch] = [9, 2];
  const tauOf = (tau: PopulationSpec["tauM"], i: number, size: number): number => (tau as number[])[i % size] ?? NaN;

  /** A window of a graph with smooth activations and squared errors. */
  class Window implements Disposable {
    readonly network: NetworkSpec;
    private readonly probe: Probe;
    private readonly data: Step[];
    private readonly lambdas = new Map<string, Float32Array>();
    private readonly weights = new Map<string, Float32Array>();

    private constructor(probe: Probe, data: Step[]) {
      this.probe = probe;
      this.network = probe.spec;
      this.data = data;
    }

    static async of(schedule: ScheduleKind): Promise<Window> {
      const network = randomGraph(1, { schedule, activations: ["tanh", "softplus", "linear", "sigmoid"] });
      const learning = { errors: "adjoint", window: steps, ...ACCUMULATE } as const;
      const probe = await create(network, { batch, learning, quantities: ["rate", "slope"] });
      const data = randomSteps(network, steps, batch, 8);
      const window = new Window(await probe.take(framesOf(data)), data);
      for (const { name } of network.populations) window.lambdas.set(name, await probe.sim.read("adjoint", name));
      for (const { from, to } of network.projections) {
        window.weights.set(`${from} ${to}`, await probe.sim.read("weight", { from, to }));
      }
      return window;
    }

    /** Of a step, [batch][neurons]; after the last step there is none. */
    lambda({ name, size }: PopulationSpec, step: number): Float32Array {
      const row = batch * size;
      if (step >= steps) return new Float32Array(row);
      return this.lambdas.get(name)?.subarray(step * row, (step + 1) * row) ?? new Float32Array();
    }

    /** The top-down signal alpha of a step: of the cost and of all who take the rates, in f64 from what the GPU gives. */
    topDown(population: PopulationSpec, step: number): number[] {
      const { name, size } = population;
      const slope = this.at("slope", population, step);
      const pull = this.pull(population, step);
      const down = Array.from(pull);
      for (const { from, to, recurrent = false } of this.network.projections) {
        if (from !== name) continue;
        const post = this.network.populations.find((each) => each.name === to);
        if (post === undefined) throw new Error("a population");
        // In a sweep rates are taken in their step, else in the one after.
        const isSame = this.network.schedule === "sweep" && !recurrent;
        const lambda = this.lambda(post, isSame ? step : step + 1);
        const weight = this.weights.get(`${from} ${to}`) ?? new Float32Array();
        for (let k = 0; k < batch * size; k++) {
          const [row, j] = [Math.floor(k / size), k % size];
          for (let i = 0; i < post.size; i++) {
            down[k] = (down[k] ?? NaN) + (weight[i * size + j] ?? NaN) * (lambda[row * post.size + i] ?? NaN);
          }
        }
      }
      return down.map((value, k) => value * (slope[k] ?? NaN));
    }

    /** Of the cost on the rates of a step: beta (y - r). In jacobi they meet the target of the step after, if any. */
    private pull(population: PopulationSpec, step: number): number[] {
      const { name, size, cost } = population;
      const late = this.network.schedule === "jacobi" ? 1 : 0;
      const target = this.data[step + late]?.target as Readonly<Record<string, number[]>> | undefined;
      if (cost === undefined || target === undefined) return new Array<number>(batch * size).fill(0);
      const rate = this.at("rate", population, step);
      return Array.from(rate, (r, k) => (cost.beta ?? NaN) * ((target[name]?.[k] ?? NaN) - r));
    }

    private at(quantity: "rate" | "slope", { name, size }: PopulationSpec, step: number): Float32Array {
      return this.probe.trace(quantity, name).subarray(step * batch * size, (step + 1) * batch * size);
    }

    potentialGradient(population: string): Promise<Float32Array> {
      return this.probe.sim.read("potentialGradient", population);
    }

    [Symbol.dispose](): void {
      this.probe[Symbol.dispose]();
    }
  }

  const terminal = ({ tauM, tauR, size }: PopulationSpec, alpha: readonly number[]): number[] =>
    alpha.map((value, i) => (tauOf(tauR, i, size) / tauOf(tauM, i, size)) * value);

  test("in a sweep lambda of the last step is tauR / tauM alpha", async () => {
    using window = await Window.of("sweep");
    for (const population of window.network.populations) {
      const lambda = window.lambda(population, steps - 1);
      // The graph has costs in b and d; a and c get errors from there.
      expect(largest(lambda)).toBeGreaterThan(1e-3);
      expectNear(lambda, terminal(population, window.topDown(population, steps - 1)), 1e-6);
    }
  });

  test("in jacobi the last rates meet no cost in the window, those before do", async () => {
    using window = await Window.of("jacobi");
    for (const population of window.network.populations) {
      const { size, cost } = population;
      expect(largest(window.lambda(population, steps - 1))).toBe(0);
      const before = window.lambda(population, steps - 2);
      if (cost === undefined) {
        expect(before).toEqual(new Float32Array(batch * size));
        continue;
      }
      expect(largest(before)).toBeGreaterThan(1e-3);
      expectNear(before, terminal(population, window.topDown(population, steps - 2)), 1e-6);
    }
  });

  test.each(SCHEDULES)("in %s the gradient of the initial potential is the momentum", async (schedule) => {
    using window = await Window.of(schedule);
    for (const population of window.network.populations) {
      const { name, size, tauM, tauR } = population;
      const [lambda, alpha] = [window.lambda(population, 0), window.topDown(population, 0)];
      // p(0) = (tauM lambda - tauR alpha) / dt - (lambda - alpha): the continuous momentum, and what Euler steps add.
      const ofLambda = Array.from(lambda, (l, i) => (tauOf(tauM, i, size) / window.network.dt - 1) * l);
      const ofAlpha = alpha.map((a, i) => (tauOf(tauR, i, size) / window.network.dt - 1) * a);
      const gradient = ofAlpha.map((a, i) => (a - (ofLambda[i] ?? NaN)) / batch);
      expect(largest(gradient)).toBeGreaterThan(1e-3);
      const difference = (await window.potentialGradient(name)).map((value, i) => value - (gradient[i] ?? NaN));
      // Rounding of lambda is multiplied by up to 15 and is relative to each term, not to what is left of them.
      const terms = Math.max(largest(ofLambda), largest(ofAlpha)) / batch;
      expect(largest(difference)).toBeLessThan(1e-6 * terms);
    }
  });
});

// ---- tauR = tauM --------------------------------------------------------------------------------------------

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
  const batch = 2;
  const quantities = ["current", "rate", "potential", "topDown", "error", "lowPassedError"] as const;

  for (const schedule of SCHEDULES) {
    test.each([0.001, 0.1, 10])(`in ${schedule} the look-ahead is the input and e is alpha, at dt %d`, async (dt) => {
      const network = tied(randomGraph(2, { schedule, dt }));
      using probe = await create(network, { batch, learning: ACCUMULATE, quantities });
      await probe.take(framesOf(randomSteps(network, 30, batch, 3)));
      for (const { name, activation } of network.populations) {
        const trace = (quantity: (typeof quantities)[number]): Float32Array => probe.trace(quantity, name);
        const current = trace("current");
        // u + tau (s - u) / tau rounds a few times, relative to u and s.
        const size = Math.max(1, largest(current), largest(trace("potential")));
        const deviations = Array.from(trace("rate"), (r, i) => r - activate(activation, current[i] ?? NaN));
        expect(largest(deviations)).toBeLessThan(1e-5 * size);
        const [e, alpha] = [trace("error"), trace("topDown")];
        expect(largest(alpha)).toBeGreaterThan(1e-3);
        const errorSize = Math.max(largest(alpha), largest(trace("lowPassedError")));
        expect(largest(e.map((value, i) => value - (alpha[i] ?? NaN)))).toBeLessThan(1e-5 * errorSize);
      }
    });
  }

  test.each(["squared-error", "cross-entropy"] as const)(
    "in a sweep without loops the gradients of local errors are the exact ones: %s",
    async (cost) => {
      const network = feedForward(tied(randomGraph(1, { schedule: "sweep", cost })));
      const data = framesOf(randomSteps(network, 25, 3, 2));
      using online = await create(network, { batch: 3, learning: ACCUMULATE });
      using exact = await create(network, { batch: 3, learning: { errors: "adjoint", window: 25, ...ACCUMULATE } });
      const sums = await (await online.take(data)).readAll("firstMoment");
      const gradients = await (await exact.take(data)).readAll("gradient");
      for (const [index, place] of placesOf(network).entries()) {
        if ("of" in place && place.of !== "bias") continue;
        expect(largest(gradients[index] ?? [])).toBeGreaterThan(1e-3);
        // Sums of 75 products in another order.
        expectNear(sums[index] ?? [], gradients[index] ?? [], 1e-5);
      }
    },
  );
});

describe("P8: with tauR = tauM", () => {
  /** A graph with loops too: the look-ahead knows no past, but the rates of the step before do go round. */
  const graph = (schedule: ScheduleKind): NetworkSpec => randomGraph(1, { schedule });
  const [steps, batch] = [30, 2];

  test.each(SCHEDULES)("in %s the gradients of tauM and tauR add up to 0", async (schedule) => {
    const network = tied(graph(schedule));
    using probe = await create(network, { batch, learning: { errors: "adjoint", window: steps, ...ACCUMULATE } });
    await probe.take(framesOf(randomSteps(network, steps, batch, 7)));
    for (const { name: population } of network.populations) {
      const ofTauM = await probe.sim.read("gradient", { population, of: "tauM" });
      const ofTauR = await probe.sim.read("gradient", { population, of: "tauR" });
      expect(largest(ofTauM)).toBeGreaterThan(1e-2);
      const total = ofTauM.map((value, i) => value + (ofTauR[i] ?? NaN));
      expect(largest(total)).toBeLessThan(1e-5 * largest(ofTauM));
    }
  });

  test.each(SCHEDULES)("in %s the rates do not depend on tau", async (schedule) => {
    const [network, slow] = [tied(graph(schedule)), tied(graph(schedule), 3.7)];
    const data = framesOf(randomSteps(network, steps, batch, 7));
    using probe = await create(network, { batch, learning: ACCUMULATE, quantities: ["rate"] });
    using slowed = await create(slow, { batch, learning: ACCUMULATE, quantities: ["rate"] });
    for (const each of [probe, slowed]) await each.take(data);
    for (const { name } of network.populations) {
      expectNear(slowed.trace("rate", name), probe.trace("rate", name), 1e-5);
    }
  });
});

// ---- steady input and target --------------------------------------------------------------------------------

describe("P9: with input and target that have been steady for 40 tau", () => {
  const sizes = [3, 4, 3, 2];
  const activations: Activation[] = ["tanh", "softplus", "sigmoid"];
  const [dt, longest, beta] = [0.1, 2, 0.7];
  const input = Float32Array.from(draw(createRandom(4), 3));
  const target = Float32Array.from(draw(createRandom(5), 2));
  const settled = (40 * longest) / dt;

  const network = (schedule: ScheduleKind): NetworkSpec =>
    stack({
      schedule,
      dt,
      sizes,
      tauM: (layer, i) => [longest, 0.5, 0.8][(layer + i) % 3] ?? NaN,
      tauR: (layer, i) => [0.2, 0.9, longest, 0.4][(layer + i) % 4] ?? NaN,
      activation: (layer) => activations[layer - 1] ?? "linear",
      beta,
    });

  /** Backpropagation through a network without time: errors of every layer, from weights and biases of the GPU. */
  async function textbook({ sim }: Probe): Promise<number[][]> {
    const weights: Float32Array[] = [];
    const [rates, slopes]: [number[][], number[][]] = [[[...input]], [[]]];
    for (const [index, activation] of activations.entries()) {
      const [pre, layer] = [rates[index] ?? [], String(index + 1)];
      const weight = await sim.read("weight", { from: String(index), to: layer });
      weights.push(weight);
      const sums = Array.from(await sim.read("bias", layer), (bias, i) =>
        pre.reduce((total, r, j) => total + (weight[i * pre.length + j] ?? NaN) * r, bias),
      );
      rates.push(sums.map((s) => activate(activation, s)));
      slopes.push(sums.map((s) => activationSlope(activation, s)));
    }
    const errors: number[][] = [[], [], [], []];
    errors[3] = Array.from(target, (y, i) => beta * (y - (rates[3]?.[i] ?? NaN)) * (slopes[3]?.[i] ?? NaN));
    for (const layer of [2, 1]) {
      const [weight, size] = [weights[layer], sizes[layer] ?? NaN];
      const above = errors[layer + 1] ?? [];
      errors[layer] = (slopes[layer] ?? []).map(
        (slope, j) => slope * above.reduce((sum, e, i) => sum + (weight?.[i * size + j] ?? NaN) * e, 0),
      );
    }
    return errors;
  }

  const data = { input: { "0": input }, target: { "3": target } };

  test.each(SCHEDULES)("in %s local errors are those of textbook backpropagation", async (schedule) => {
    using probe = await create(network(schedule), { learning: ACCUMULATE });
    await probe.take(data, { steps: settled, learn: false });
    const expected = await textbook(probe);
    for (const layer of [1, 2, 3]) {
      expectNear(await probe.sim.read("error", String(layer)), expected[layer] ?? [], 1e-5);
    }
  });

  test.each(SCHEDULES)("in %s the adjoint is the same as far as that from the end of the window", async (schedule) => {
    using probe = await create(network(schedule), { learning: { errors: "adjoint", window: settled, ...ACCUMULATE } });
    await probe.take(data, { steps: settled, learn: false });
    await probe.take(data, { steps: settled });
    const expected = await textbook(probe);
    for (const layer of [1, 2, 3]) {
      const lambda = await probe.sim.read("adjoint", String(layer));
      expectNear(lambda.subarray(0, sizes[layer]), expected[layer] ?? [], 1e-5);
      // At the end of the window it is something else.
      expect(distance(lambda.subarray(-(sizes[layer] ?? NaN)), expected[layer] ?? [])).toBeGreaterThan(0.1);
    }
  });
});
