import { describe, expect, test } from "vitest";
import { createRandom } from "../../src/random.ts";
import { activate, activationSlope, createReference, type Reference } from "../../src/reference/index.ts";
import { createParameters, descend } from "../../src/reference/synapses.ts";
import {
  resolveLearning,
  resolveNetwork,
  type Activation,
  type LearningSpec,
  type NetworkSpec,
  type OptimizerSpec,
  type PopulationSpec,
} from "../../src/spec.ts";

const ACCUMULATE = { optimizer: { kind: "accumulate" } } as const;
const activations: Activation[] = ["linear", "tanh", "sigmoid", "hard-sigmoid", "relu", "softplus"];

describe("activation", () => {
  test.each(activations)("the slope of %s is its derivative", (activation) => {
    for (const x of [-3, -0.4, 0.3, 0.7, 2.5, 6]) {
      const h = 1e-5;
      const difference = (activate(activation, x + h) - activate(activation, x - h)) / (2 * h);
      // Central differences are good to h^2.
      expect(Math.abs(activationSlope(activation, x) - difference)).toBeLessThan(1e-9);
    }
  });

  test.each<[Activation, number, number, number]>([
    ["tanh", 1000, 1, 0],
    ["sigmoid", -1000, 0, 0],
    ["sigmoid", 0, 0.5, 0.25],
    ["softplus", 1000, 1000, 1],
    ["softplus", -1000, 0, 0],
    ["softplus", 0, Math.LN2, 0.5],
    ["relu", 0, 0, 0],
    ["relu", -2, 0, 0],
    ["hard-sigmoid", 0, 0, 0],
    ["hard-sigmoid", 1, 1, 0],
    ["hard-sigmoid", 0.25, 0.25, 1],
    ["hard-sigmoid", -3, 0, 0],
    ["hard-sigmoid", 3, 1, 0],
  ])("%s at %d is %d with slope %d", (activation, x, rate, slope) => {
    expect(activate(activation, x)).toBe(rate);
    expect(activationSlope(activation, x)).toBe(slope);
  });
});

describe("one neuron, by hand", () => {
  const network: NetworkSpec = {
    dt: 0.1,
    sources: [{ name: "in", size: 1 }],
    populations: [
      {
        name: "out",
        size: 1,
        tauM: 2,
        tauR: 0.5,
        activation: "linear",
        gamma: 0.5,
        bias: { init: { kind: "constant", value: 1 } },
        cost: { kind: "squared-error", beta: 0.2 },
      },
    ],
    projections: [{ from: "in", to: "out", init: { kind: "constant", value: 3 } }],
  };

  test("step 0 has no error, for the slope starts at 0; step 1 has", () => {
    const reference = start(network, ACCUMULATE);
    // Cost of rate 0 against 4: 0.2 * 16 / 2.
    expect(reference.step([2], [4])).toBeCloseTo(1.6, 14);
    expect(state(reference, "out")).toEqual({
      current: [7],
      error: [0],
      lowPassedError: [0],
      potentialDerivative: [3.5],
      potential: [expect.closeTo(0.35, 14)],
      rate: [1.75],
      slope: [1],
      feedback: [0],
    });
    // alpha = 0.2 (4 - 1.75) = 0.45, dv/dt = 0.9, e = 1.8, v = 0.09; s = 1, du/dt = (1 + 0.9 - 0.35) / 2.
    expect(reference.step([0], [4])).toBeCloseTo(0.50625, 14);
    expect(state(reference, "out")).toEqual({
      current: [1],
      error: [expect.closeTo(1.8, 14)],
      lowPassedError: [expect.closeTo(0.09, 14)],
      potentialDerivative: [expect.closeTo(0.775, 14)],
      potential: [expect.closeTo(0.4275, 14)],
      rate: [expect.closeTo(0.7375, 14)],
      slope: [1],
      feedback: [0],
    });
    expect(reference.read("feedback", "in")[0]).toBeCloseTo(5.4, 14);
    // The gradient takes this step's input, 0, not the last one's.
    expect(reference.read("firstMoment", { from: "in", to: "out" })[0]).toBeCloseTo(0, 14);
    expect(reference.read("firstMoment", "out")[0]).toBeCloseTo(-1.8, 14);
    expect(reference.steps).toBe(2);
  });

  test("instantaneous errors are the top-down signal itself, and none are 0", () => {
    for (const [errors, expected] of [
      ["instantaneous", 0.45],
      ["none", 0],
    ] as const) {
      const reference = start(network, { errors });
      reference.step([2], [4], false);
      expect(reference.step([0], [4], false)).toBeCloseTo(0.50625, 14);
      expect(reference.read("error", "out")[0]).toBeCloseTo(expected, 14);
      expect(reference.read("lowPassedError", "out")[0]).toBeCloseTo(expected, 14);
    }
  });

  test("without a target the cost is NaN and only feedback makes errors", () => {
    const reference = start(network, {});
    expect([reference.step([2]), reference.step([2], null)]).toEqual([NaN, NaN]);
    expect(reference.read("error", "out")).toEqual(Float64Array.of(0));
  });
});

describe("costs", () => {
  const targets = { "squared-error": [0.3, -1, 2, 0, 0.5, 1], "cross-entropy": [2, -1] } as const;

  test.each(["squared-error", "cross-entropy"] as const)("the error of %s is minus its derivative", (kind) => {
    const size = 3;
    const network = resolved({ name: "out", size, tauM: 1, tauR: 1, activation: "linear", cost: { kind, beta: 0.7 } });
    const rates = [0.1, -0.6, 1.2, 0.9, 0.2, -0.4];
    const target = targets[kind];
    // With tauR = tauM the error is the top-down signal, here of the rates that were written.
    const cost = (values: readonly number[]): { cost: number; error: Float64Array } => {
      const reference = createReference(network, resolveLearning(ACCUMULATE), { batch: 2 });
      reference.write("rate", "out", values);
      reference.write("slope", "out", new Array(6).fill(1) as number[]);
      return { cost: reference.step([0, 0], target), error: reference.read("error", "out") };
    };
    const { error } = cost(rates);
    for (const [i, value] of error.entries()) {
      const moved = (h: number): number => cost(rates.map((rate, j) => (j === i ? rate + h : rate))).cost;
      // The cost is a mean over 2 rows, the error belongs to one. Central differences are good to h^2.
      expect(value).toBeCloseTo((-2 * (moved(1e-5) - moved(-1e-5))) / 2e-5, 9);
    }
    if (kind === "cross-entropy") expect([...error.subarray(3)]).toEqual([0, 0, 0]);
  });

  test("have the values of their formulas", () => {
    const reference = (kind: "squared-error" | "cross-entropy", size: number): Reference =>
      createReference(
        resolved({ name: "out", size, tauM: 1, tauR: 1, activation: "linear", cost: { kind, beta: 2 } }),
        resolveLearning(),
        { batch: 2 },
      );
    // At rate 0: mean over rows of 2/2 (1 + 4) and 2/2 (9 + 0).
    expect(reference("squared-error", 2).step([0, 0], [1, 2, 3, 0])).toBe(7);
    expect(reference("cross-entropy", 4).step([0, 0], [3, 0])).toBeCloseTo(2 * Math.log(4), 14);
    expect(reference("cross-entropy", 4).step([0, 0], [3, -1])).toBeCloseTo(Math.log(4), 14);
  });

  test("cross-entropy of large rates does not overflow", () => {
    const network = resolved({
      name: "out",
      size: 2,
      tauM: 1,
      tauR: 1,
      activation: "linear",
      cost: { kind: "cross-entropy" },
    });
    const reference = createReference(network, resolveLearning());
    reference.write("rate", "out", [1e4, -1e4]);
    expect(reference.step([0], [1])).toBe(2e4);
  });

  test("of several populations add up, and a target may be left out", () => {
    const cost = { kind: "squared-error" } as const;
    const reference = start(
      {
        dt: 1,
        sources: [{ name: "in", size: 1 }],
        populations: ["a", "b"].map((name) => ({ name, size: 1, tauM: 1, tauR: 1, activation: "linear", cost })),
        projections: [
          { from: "in", to: "a" },
          { from: "a", to: "b" },
        ],
      },
      {},
    );
    expect(reference.step([0], { a: [1], b: [2] })).toBe(2.5);
    reference.reset();
    expect(reference.step([0], { b: [2] })).toBe(2);
    reference.reset();
    expect(reference.step([0], {})).toBeNaN();
  });
});

describe("graphs", () => {
  // Two sources, recurrence, skips, feedback projections, a cost in the middle: everything that a stack lacks.
  const tangled: NetworkSpec = {
    dt: 0.1,
    sources: [
      { name: "x", size: 2 },
      { name: "y", size: 3 },
    ],
    populations: [
      { name: "a", size: 3, tauM: [0.5, 1, 2], tauR: 0.2, activation: "tanh", gamma: 0.3 },
      { name: "b", size: 2, tauM: 1, tauR: [0.1, 0.4], activation: "tanh", gamma: 0.3 },
      {
        name: "c",
        size: 2,
        tauM: 0.7,
        tauR: 0.9,
        activation: "tanh",
        gamma: 0.3,
        cost: { kind: "squared-error", beta: 0.4 },
      },
    ],
    projections: [
      ["x", "a"],
      ["y", "a"],
      ["y", "c"],
      ["a", "a"],
      ["a", "b"],
      ["b", "c"],
      ["a", "c"],
      ["c", "a"],
      ["b", "b"],
      // Small weights: errors go round the loops, and every neuron amplifies them by up to tauM / tauR.
    ].map(([from = "", to = ""]) => ({ from, to, init: { kind: "uniform", scale: 0.3 } })),
  };
  const sizes: Record<string, number> = { x: 2, y: 3, a: 3, b: 2, c: 2 };
  const first: Record<string, number> = { x: 0, y: 2, a: 0, b: 3, c: 5 };

  test("equal one recurrent population with all blocks in one matrix", () => {
    const batch = 2;
    const parts = start(tangled, ACCUMULATE, batch);
    // A target of the merged population reaches its first five neurons too; there it is their own rate, so no error.
    const merged = start(
      {
        dt: 0.1,
        sources: [{ name: "xy", size: 5 }],
        populations: [
          {
            name: "abc",
            size: 7,
            tauM: [0.5, 1, 2, 1, 1, 0.7, 0.7],
            tauR: [0.2, 0.2, 0.2, 0.1, 0.4, 0.9, 0.9],
            activation: "tanh",
            gamma: 0.3,
            cost: { kind: "squared-error", beta: 0.4 },
          },
        ],
        projections: [
          { from: "xy", to: "abc" },
          { from: "abc", to: "abc" },
        ],
      },
      ACCUMULATE,
      batch,
    );
    const input = new Float64Array(7 * 5);
    const recurrent = new Float64Array(7 * 7);
    for (const { from, to } of tangled.projections) {
      const weights = parts.read("weight", { from, to });
      const [matrix, columns] = from in { x: 0, y: 0 } ? [input, 5] : [recurrent, 7];
      for (const [k, w] of weights.entries()) matrix[place(k, from, to, columns)] = w;
    }
    merged.write("weight", { from: "xy", to: "abc" }, input);
    merged.write("weight", { from: "abc", to: "abc" }, recurrent);
    merged.write(
      "bias",
      "abc",
      ["a", "b", "c"].flatMap((name) => [...parts.read("bias", name)]),
    );

    const random = createRandom(1);
    const draw = (count: number): number[] => Array.from({ length: count }, () => 2 * random.uniform() - 1);
    for (let k = 0; k < 30; k++) {
      const [x, y, target] = [draw(2 * batch), draw(3 * batch), draw(2 * batch)];
      const all = merged.read("rate", "abc");
      const mergedTarget = all.map((rate, i) =>
        i % 7 < 5 ? rate : (target[Math.floor(i / 7) * 2 + (i % 7) - 5] ?? NaN),
      );
      const xy = [0, 1].flatMap((row) => [...x.slice(2 * row, 2 * row + 2), ...y.slice(3 * row, 3 * row + 3)]);
      const costs = [parts.step({ x, y }, target), merged.step(xy, mergedTarget)];
      expect(costs[0]).toBeCloseTo(costs[1] ?? NaN, 12);
    }

    for (const quantity of ["potential", "rate", "error", "lowPassedError", "current", "feedback"] as const) {
      const whole = merged.read(quantity, "abc");
      for (const name of ["a", "b", "c"]) {
        const size = sizes[name] ?? 0;
        const expected = [0, 1].flatMap((row) => [...whole.subarray(row * 7 + (first[name] ?? 0)).subarray(0, size)]);
        expectClose(parts.read(quantity, name), expected);
      }
    }
    const feedback = merged.read("feedback", "xy");
    expectClose(parts.read("feedback", "x"), [...feedback.subarray(0, 2), ...feedback.subarray(5, 7)]);
    expectClose(parts.read("feedback", "y"), [...feedback.subarray(2, 5), ...feedback.subarray(7, 10)]);
    for (const { from, to } of tangled.projections) {
      const isInput = from === "x" || from === "y";
      const whole = merged.read("firstMoment", { from: isInput ? "xy" : "abc", to: "abc" });
      const part = parts.read("firstMoment", { from, to });
      expectClose(
        part,
        Array.from(part, (_, k) => whole[place(k, from, to, isInput ? 5 : 7)] ?? NaN),
      );
      expect(part.some((gradient) => gradient !== 0)).toBe(true);
    }
  });

  /** Where synapse k of a projection stands in the merged matrix. */
  function place(k: number, from: string, to: string, columns: number): number {
    const pre = sizes[from] ?? 0;
    return ((first[to] ?? 0) + Math.floor(k / pre)) * columns + (first[from] ?? 0) + (k % pre);
  }

  test("swapping batch rows swaps states and keeps gradients", () => {
    const runs = [
      [0, 1],
      [1, 0],
    ].map((order) => run(tangled, ACCUMULATE, 20, order));
    const [ahead, swapped] = runs.map((reference) => reference.read("error", "a"));
    expectClose(swapped ?? [], [...(ahead?.subarray(3) ?? []), ...(ahead?.subarray(0, 3) ?? [])]);
    const [one, other] = runs.map((reference) => reference.read("firstMoment", { from: "a", to: "b" }));
    expectClose(one ?? [], other ?? []);
  });

  test("equal batch rows give the gradient of one", () => {
    const [one, three] = [[0], [0, 0, 0]].map((order) => run(tangled, ACCUMULATE, 20, order));
    for (const { from, to } of tangled.projections) {
      expectClose(three?.read("firstMoment", { from, to }) ?? [], one?.read("firstMoment", { from, to }) ?? []);
    }
  });

  test("scaling every time constant and dt alike changes nothing", () => {
    const times = (tau: PopulationSpec["tauM"]): number[] =>
      (typeof tau === "number" ? [tau] : [...tau]).map((t) => 3 * t);
    const slow: NetworkSpec = {
      ...tangled,
      dt: 3 * tangled.dt,
      populations: tangled.populations.map((each) => ({ ...each, tauM: times(each.tauM), tauR: times(each.tauR) })),
    };
    const [fast, slowed] = [tangled, slow].map((network) => run(network, {}, 20, [0]));
    expectClose(slowed?.read("rate", "c") ?? [], fast?.read("rate", "c") ?? []);
    expectClose(
      slowed?.read("weight", { from: "a", to: "a" }) ?? [],
      fast?.read("weight", { from: "a", to: "a" }) ?? [],
    );
  });

  test("with tauR = tauM local errors are the instantaneous ones and the look-ahead is the input", () => {
    const equal = {
      ...tangled,
      populations: tangled.populations.map((each) => ({ ...each, tauR: each.tauM, gamma: 0 })),
    };
    const [local, instantaneous] = (["local", "instantaneous"] as const).map((errors) =>
      run(equal, { errors }, 20, [0, 1]),
    );
    for (const name of ["a", "b", "c"]) {
      expectClose(local?.read("error", name) ?? [], instantaneous?.read("error", name) ?? []);
      expectClose(local?.read("rate", name) ?? [], (local?.read("current", name) ?? new Float64Array()).map(Math.tanh));
    }
  });
});

describe("filters", () => {
  const [dt, tauM, tauR] = [0.1, 1.3, 0.3];
  const filter: NetworkSpec = {
    dt,
    sources: [{ name: "in", size: 1 }],
    populations: [
      { name: "p", size: 1, tauM, tauR, activation: "linear", bias: false, cost: { kind: "squared-error", beta: 1 } },
    ],
    projections: [{ from: "in", to: "p", init: { kind: "constant", value: 1 }, plastic: false }],
  };

  test("a sinusoid comes out as the transfer function says", () => {
    const reference = start(filter, {});
    const omega = 1.7;
    // F(z) = (tauR (z - 1) + dt) / (tauM (z - 1) + dt) at z = exp(i omega dt).
    const [re, im] = [Math.cos(omega * dt) - 1, Math.sin(omega * dt)];
    const gain = Math.hypot(tauR * re + dt, tauR * im) / Math.hypot(tauM * re + dt, tauM * im);
    const phase = Math.atan2(tauR * im, tauR * re + dt) - Math.atan2(tauM * im, tauM * re + dt);
    for (let k = 0; k < 600; k++) {
      reference.step([Math.cos(omega * k * dt)]);
      // The transient shrinks as (1 - dt / tauM)^k.
      if (k > 500) expect(reference.read("rate", "p")[0]).toBeCloseTo(gain * Math.cos(omega * k * dt + phase), 12);
    }
  });

  test("the forward filter of the error gives the top-down signal back", () => {
    const learner = start(filter, ACCUMULATE);
    const inverse = start(filter, {});
    const random = createRandom(2);
    learner.step([1], [0]);
    for (let k = 0; k < 50; k++) {
      const alpha = random.uniform() - 0.5;
      const [rate = NaN] = learner.read("rate", "p");
      learner.step([0.3], [rate + alpha]);
      inverse.step(learner.read("error", "p"));
      expect(inverse.read("rate", "p")[0]).toBeCloseTo(alpha, 12);
    }
  });
});

describe("learning", () => {
  const stack: NetworkSpec = {
    dt: 0.1,
    sources: [{ name: "in", size: 2 }],
    populations: [
      { name: "h", size: 3, tauM: 1, tauR: 0.2, activation: "tanh", gamma: 0.1 },
      { name: "out", size: 2, tauM: 1, tauR: 1, activation: "linear", cost: { kind: "squared-error" } },
    ],
    projections: [
      { from: "in", to: "h" },
      { from: "h", to: "out" },
    ],
  };

  // Gradients 0.5, -0.25, 1 on a weight of 1, eta 0.1; computed apart from this code.
  test.each<[OptimizerSpec, number, number, number]>([
    [{ kind: "sgd", eta: 0.1 }, 0.875, 0, 0],
    [{ kind: "momentum", eta: 0.1 }, 0.812, 1.18, 0],
    [{ kind: "adam", eta: 0.1 }, 0.8075551396770897, 0.118, 0.00131193775],
    [{ kind: "accumulate" }, 1, 1.25, 0],
  ])("%j", (spec, weight, firstMoment, secondMoment) => {
    const { optimizer } = resolveLearning({ optimizer: spec });
    const parameters = createParameters([1]);
    for (const [i, gradient] of [0.5, -0.25, 1].entries()) {
      descend(parameters, Float64Array.of(gradient), { optimizer, count: i + 1 });
    }
    expect(parameters.value[0]).toBeCloseTo(weight, 13);
    expect(parameters.firstMoment[0]).toBeCloseTo(firstMoment, 13);
    expect(parameters.secondMoment[0]).toBeCloseTo(secondMoment, 13);
  });

  test("a student that equals its teacher sees y(k) - y(k-1), and nothing if the target is one step late", () => {
    for (const late of [false, true]) {
      const teacher = start(stack, {});
      const student = start(stack, { optimizer: { kind: "sgd", eta: 0.1 } });
      const before = student.read("weight", { from: "in", to: "h" });
      const random = createRandom(4);
      for (let k = 0; k < 20; k++) {
        const input = [random.uniform(), random.uniform()];
        const last = teacher.read("rate", "out");
        teacher.step(input);
        const target = teacher.read("rate", "out");
        if (late) {
          expect(student.step(input, last)).toBe(0);
        } else {
          student.step(input, target, false);
          const expected = k === 0 ? [0, 0] : target.map((y, i) => y - (last[i] ?? NaN));
          // Only the first differences are free of the nudging that they cause.
          if (k < 2) expectClose(student.read("error", "out"), expected);
        }
      }
      if (late) expect(student.read("error", "h")).toEqual(new Float64Array(3));
      expect(student.read("weight", { from: "in", to: "h" })).toEqual(before);
    }
  });

  test("reduces the cost of a task that can be learned", () => {
    const reference = start(stack, { optimizer: { kind: "adam", eta: 0.01 } }, 4);
    const input = [0, 0, 0, 1, 1, 0, 1, 1];
    const target = [0, 0.5, 0.5, 0, 0.5, 0, 1, -0.5];
    const costs = Array.from({ length: 800 }, () => reference.step(input, target));
    expect(costs.at(-1)).toBeLessThan(0.01 * (costs[0] ?? 0));
  });

  test("what is not plastic stays, bias false is 0, and learning can be off for a step or for good", () => {
    const [hidden, output] = stack.populations as [PopulationSpec, PopulationSpec];
    const fixed: NetworkSpec = {
      ...stack,
      populations: [
        { ...hidden, bias: false },
        { ...output, bias: { plastic: false } },
      ],
      projections: [
        { from: "in", to: "h", plastic: false },
        { from: "h", to: "out" },
      ],
    };
    const changes = (learning: LearningSpec, learn: boolean): boolean[] => {
      const reference = start(fixed, learning);
      const read = (): Float64Array[] => [
        reference.read("weight", { from: "in", to: "h" }),
        reference.read("bias", "h"),
        reference.read("bias", "out"),
        reference.read("weight", { from: "h", to: "out" }),
      ];
      const before = read();
      for (let k = 0; k < 5; k++) reference.step([1, -1], [1, 1], learn);
      expect(reference.read("bias", "h")).toEqual(new Float64Array(3));
      return read().map((values, i) => values.some((value, j) => value !== before[i]?.[j]));
    };
    expect(changes({}, true)).toEqual([false, false, false, true]);
    expect(changes({}, false)).toEqual([false, false, false, false]);
    expect(changes({ errors: "none" }, true)).toEqual([false, false, false, false]);
  });

  test("steps without learning do not count for Adam's corrections", () => {
    const [plain, paused] = [false, true].map((pause) => {
      const reference = start(stack, {});
      if (pause) for (let k = 0; k < 7; k++) reference.step([1, 1], null, false);
      reference.reset();
      for (let k = 0; k < 5; k++) reference.step([1, 1], [1, 0]);
      return reference.read("weight", { from: "h", to: "out" });
    });
    expect(paused).toEqual(plain);
  });

  test("the same seed gives the same run, another one does not; reset keeps what was learned", () => {
    const trained = (seed: number): Reference => {
      const reference = createReference(resolveNetwork(stack), resolveLearning(), { seed });
      for (let k = 0; k < 5; k++) reference.step([1, -1], [1, 1]);
      return reference;
    };
    const [one, same, other] = [trained(1), trained(1), trained(2)];
    const between = { from: "h", to: "out" };
    expect(one.read("weight", between)).toEqual(same.read("weight", between));
    expect(one.read("weight", between)).not.toEqual(other.read("weight", between));
    one.reset();
    expect(one.steps).toBe(0);
    expect(one.read("weight", between)).toEqual(same.read("weight", between));
    expect(one.read("secondMoment", between)).toEqual(same.read("secondMoment", between));
    for (const values of Object.values(state(one, "h"))) expect(values).toEqual([0, 0, 0]);
    expect(one.read("feedback", "in")).toEqual(new Float64Array(2));
  });

  test.each<[string, (reference: Reference) => unknown, string]>([
    ["input length", (r) => r.step([1, 2, 3]), 'input of "in" has 3 values, but must have 2.'],
    ["missing input", (r) => r.step({}), 'input has no values for the source "in". Add them.'],
    ["strange input", (r) => r.step({ im: [1, 2] }), 'input names "im", but may only name "in".'],
    ["target length", (r) => r.step([1, 2], [1]), 'target of "out" has 1 values, but must have 2.'],
    ["target without cost", (r) => r.step([1, 2], { h: [1, 2, 3] }), 'target names "h", but may only name "out".'],
    ["quantity", (r) => r.read("rates" as "rate", "h"), 'rates of "h" does not exist in this network.'],
    ["state of a source", (r) => r.read("error", "in"), 'error of "in" does not exist in this network.'],
    [
      "projection",
      (r) => r.read("weight", { from: "h", to: "in" }),
      'weight of "h" -> "in" does not exist in this network.',
    ],
    [
      "values",
      (r) => {
        r.write("bias", "h", [1]);
      },
      "bias has 1 values, but must have 3.",
    ],
  ])("refuses: %s", (_, action, message) => {
    expect(() => action(start(stack, {}))).toThrow(expect.objectContaining({ code: "DATA_INVALID", message }));
  });

  test("refuses classes that do not exist and a batch of 0", () => {
    const network = resolved({
      name: "out",
      size: 3,
      tauM: 1,
      tauR: 1,
      activation: "linear",
      cost: { kind: "cross-entropy" },
    });
    const reference = createReference(network, resolveLearning());
    for (const wrong of [3, -2, 0.5, NaN]) {
      const message = `target of "out" holds ${wrong}, but a class is an integer from 0 to 2, or -1.`;
      expect(() => reference.step([0], [wrong])).toThrow(message);
    }
    expect(() => createReference(network, resolveLearning(), { batch: 0 })).toThrow("batch is 0, but must be");
  });
});

function start(network: NetworkSpec, learning: LearningSpec, batch = 1): Reference {
  return createReference(resolveNetwork(network), resolveLearning(learning), { batch, seed: 11 });
}

/** A network of one population behind one input. */
function resolved(population: PopulationSpec) {
  const projections = [{ from: "in", to: population.name }];
  return resolveNetwork({ dt: 0.1, sources: [{ name: "in", size: 1 }], populations: [population], projections });
}

/** Steps of the tangled network; batch row i sees the sequence number order[i]. */
function run(network: NetworkSpec, learning: LearningSpec, steps: number, order: readonly number[]): Reference {
  const reference = start(network, learning, order.length);
  const sequences = order.map((stream) => createRandom(7, stream));
  for (let k = 0; k < steps; k++) {
    const rows = sequences.map((random) => Array.from({ length: 7 }, () => random.uniform()));
    const part = (from: number, to: number): number[] => rows.flatMap((row) => row.slice(from, to));
    reference.step({ x: part(0, 2), y: part(2, 5) }, part(5, 7));
  }
  return reference;
}

function state(reference: Reference, population: string): Record<string, number[]> {
  const quantities = [
    "current",
    "error",
    "lowPassedError",
    "potentialDerivative",
    "potential",
    "rate",
    "slope",
    "feedback",
  ] as const;
  return Object.fromEntries(quantities.map((each) => [each, [...reference.read(each, population)]]));
}

/** Equal up to the rounding of sums that are taken in another order, relative to the largest value. */
function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(...Array.from(expected, Math.abs));
  const differences = Array.from(actual, (value, i) => Math.abs(value - (expected[i] ?? NaN)));
  expect(Math.max(...differences)).toBeLessThanOrEqual(1e-12 * scale);
}
