import { describe, expect, test } from "vitest";
import type { Reference } from "../../../src/reference/index.ts";
import type { LearningSpec, NetworkSpec, PopulationSpec } from "../../../src/spec.ts";
import {
  ACCUMULATE,
  copyParameters,
  expectNear,
  largest,
  placesOf,
  randomGraph,
  randomSteps,
  readValue,
  SCHEDULES,
  stack,
  start,
  take,
  type GraphOptions,
  type Step,
} from "./graphs.ts";

/** What may change without changing anything else. */

const STEPS = 20;
const RULES: [string, LearningSpec][] = [
  ["local", {}],
  ["instantaneous", { errors: "instantaneous" }],
  ["adjoint", { errors: "adjoint", window: STEPS }],
  ["local, matched traces", { traces: "matched" }],
];

const CASES = SCHEDULES.flatMap((schedule) =>
  RULES.map(([name, learning]) => ({ schedule, name, learning: { ...learning, ...ACCUMULATE } })),
);

/** Errors do not act on the neurons, and time constants are plastic, so that their gradients are kept. */
function graph(seed: number, options: GraphOptions): NetworkSpec {
  const network = randomGraph(seed, options);
  const { dt } = network;
  const populations = network.populations.map((each): PopulationSpec => {
    const raise = (tau: PopulationSpec["tauM"]): number[] => (tau as number[]).map((value) => value + 10 * dt);
    return { ...each, tauM: raise(each.tauM), tauR: raise(each.tauR), plasticTauM: true, plasticTauR: true };
  });
  return { ...network, populations };
}

/** Per population: potentials, rates, errors, and the adjoint of the window if there is one. */
function statesOf(network: NetworkSpec, reference: Reference): Float64Array[] {
  return network.populations.flatMap(({ name }) =>
    (["potential", "rate", "error", "topDown", "adjoint", "adjointTopDown"] as const).map((quantity) =>
      reference.read(quantity, name),
    ),
  );
}

function gradientsOf(network: NetworkSpec, reference: Reference): Float64Array[] {
  return placesOf(network).map((place) => reference.read("firstMoment", place));
}

/** Every input and target in the order of batch rows that `rows` gives. */
function arrange({ sources, populations }: NetworkSpec, steps: readonly Step[], batch: number, rows: number[]): Step[] {
  const sizes = new Map([...sources, ...populations].map(({ name, size }) => [name, size]));
  const pick = (frame: Step["target"]): Record<string, number[]> =>
    Object.fromEntries(
      Object.entries((frame ?? {}) as Record<string, number[]>).map(([name, values]) => {
        // Class indices have one value per row, whatever the size is.
        const size = values.length === batch ? 1 : (sizes.get(name) ?? NaN);
        return [name, rows.flatMap((row) => values.slice(row * size, (row + 1) * size))];
      }),
    );
  return steps.map(({ input, target }) => ({ input: pick(input as Step["target"]), target: pick(target) }));
}

describe("P13: the cost times c", () => {
  const c = 7.3;
  const scale = (network: NetworkSpec): NetworkSpec => ({
    ...network,
    populations: network.populations.map((each) =>
      each.cost === undefined ? each : { ...each, cost: { ...each.cost, beta: c * (each.cost.beta ?? NaN) } },
    ),
  });

  test.each(CASES)("in $schedule, $name: multiplies errors, adjoints and gradients by c", ({ schedule, learning }) => {
    const network = graph(1, { schedule, cost: "cross-entropy" });
    const steps = randomSteps(network, STEPS, 2, 1);
    const [plain, scaled] = [network, scale(network)].map((each) => {
      const reference = start(each, learning, 2);
      return { reference, cost: take(reference, steps) };
    });
    if (plain === undefined || scaled === undefined) throw new Error("two runs");
    expect(scaled.cost / plain.cost).toBeCloseTo(c, 12);
    for (const { name } of network.populations) {
      for (const quantity of ["error", "topDown", "lowPassedError", "adjoint", "adjointTopDown"] as const) {
        const expected = plain.reference.read(quantity, name).map((value) => c * value);
        expectNear(scaled.reference.read(quantity, name), expected, 1e-12);
      }
      expect(scaled.reference.read("rate", name)).toEqual(plain.reference.read("rate", name));
    }
    for (const [index, gradient] of gradientsOf(network, plain.reference).entries()) {
      const expected = gradient.map((value) => c * value);
      expect(largest(expected)).toBeGreaterThan(1e-4);
      expectNear(gradientsOf(network, scaled.reference)[index] ?? [], expected, 1e-12);
    }
  });

  test.each(CASES)("in $schedule, $name: changes nothing for descent with eta / c", ({ schedule, learning }) => {
    const network = graph(2, { schedule });
    const steps = randomSteps(network, 3 * STEPS, 2, 1);
    const eta = 1e-3;
    const before = start(network, learning, 2);
    const [plain, scaled] = (
      [
        [network, eta],
        [scale(network), eta / c],
      ] as const
    ).map(([each, rate]) => {
      const reference = start(each, { ...learning, optimizer: { kind: "sgd", eta: rate } }, 2);
      take(reference, steps);
      return reference;
    });
    if (plain === undefined || scaled === undefined) throw new Error("two runs");
    for (const place of placesOf(network)) {
      expectNear(readValue(scaled, place), readValue(plain, place), 1e-12);
      expect(readValue(plain, place)).not.toEqual(readValue(before, place));
    }
  });
});

describe("P14: batch rows and time", () => {
  test.each(CASES)("in $schedule, $name: permuting batch rows permutes states", ({ schedule, learning }) => {
    const network = graph(1, { schedule, cost: "cross-entropy" });
    const steps = randomSteps(network, STEPS, 3, 6);
    const rows = [2, 0, 1];
    const [plain, permuted] = [steps, arrange(network, steps, 3, rows)].map((each) => {
      const reference = start(network, learning, 3);
      take(reference, each);
      return reference;
    });
    if (plain === undefined || permuted === undefined) throw new Error("two runs");
    const states = statesOf(network, plain);
    for (const [index, state] of statesOf(network, permuted).entries()) {
      const size = network.populations[Math.floor(index / 6)]?.size ?? NaN;
      const expected = Array.from(state, (_, k) => {
        const row = Math.floor(k / size);
        const origin = row - (row % 3) + (rows[row % 3] ?? NaN);
        return states[index]?.[origin * size + (k % size)] ?? NaN;
      });
      expect([...state]).toEqual(expected);
    }
    // Sums over rows in another order.
    for (const [index, gradient] of gradientsOf(network, plain).entries()) {
      expectNear(gradientsOf(network, permuted)[index] ?? [], gradient, 1e-13);
    }
  });

  test.each(CASES)("in $schedule, $name: copies of a row give its gradient", ({ schedule, learning }) => {
    const network = graph(2, { schedule });
    const steps = randomSteps(network, STEPS, 1, 6);
    const [one, four] = [1, 4].map((copies) => {
      const reference = start(network, learning, copies);
      take(reference, arrange(network, steps, 1, new Array<number>(copies).fill(0)));
      return gradientsOf(network, reference);
    });
    // A mean of four equal numbers, summed over 20 steps.
    for (const [index, gradient] of (one ?? []).entries()) expectNear(four?.[index] ?? [], gradient, 1e-14);
  });

  test.each(CASES)("in $schedule, $name: silence before the start changes nothing", ({ schedule, learning }) => {
    // Without biases and with activations that keep 0 at 0, rest is a state that lasts; its slope is known from the
    // second step on, so the first one has no target. The traces of biases count steps: they are left out.
    const silent = graph(1, { schedule, activations: ["tanh", "linear"] });
    const network = { ...silent, populations: silent.populations.map((each) => ({ ...each, bias: false as const })) };
    const [first, ...others] = randomSteps(network, STEPS, 2, 6);
    const steps = [{ input: first?.input ?? [], target: null }, ...others];
    const [early, late] = [0, 13].map((silence) => {
      const reference = start(network, learning, 2);
      for (let k = 0; k < silence; k++) reference.step({ x: new Float64Array(4), y: new Float64Array(2) }, null, false);
      take(reference, steps);
      return reference;
    });
    if (early === undefined || late === undefined) throw new Error("two runs");
    expect(statesOf(network, late)).toEqual(statesOf(network, early));
    expect(gradientsOf(network, late)).toEqual(gradientsOf(network, early));
  });
});

describe("P15: all time constants and dt times c", () => {
  test.each(CASES)(
    "in $schedule, $name: same trajectories; gradients of the time constants by 1 / c",
    ({ schedule, learning }) => {
      const c = 3.7;
      const network = graph(2, { schedule });
      const times = (tau: PopulationSpec["tauM"]): number[] => (tau as number[]).map((value) => c * value);
      const slow: NetworkSpec = {
        ...network,
        dt: c * network.dt,
        populations: network.populations.map((each) => ({ ...each, tauM: times(each.tauM), tauR: times(each.tauR) })),
      };
      const [plain, slowed] = [network, slow].map((each) => {
        const reference = start(each, learning, 2);
        take(reference, randomSteps(network, STEPS, 2, 9));
        return reference;
      });
      if (plain === undefined || slowed === undefined) throw new Error("two runs");
      for (const [index, state] of statesOf(network, plain).entries()) {
        expectNear(statesOf(network, slowed)[index] ?? [], state, 1e-13);
      }
      // With the cost as an integral, dt times the sum: by c for weights and biases, unchanged for time constants.
      for (const [index, place] of placesOf(network).entries()) {
        const isTau = "of" in place && place.of !== "bias";
        const integral = (gradients: Float64Array[], dt: number): Float64Array =>
          gradients[index]?.map((value) => dt * value) ?? new Float64Array();
        const expected = integral(gradientsOf(network, plain), network.dt).map((value) => (isTau ? 1 : c) * value);
        expectNear(integral(gradientsOf(network, slowed), slow.dt), expected, 1e-13);
      }
    },
  );
});

describe("P16: a student that equals its teacher", () => {
  const layers = { dt: 0.1, sizes: [2, 4, 3, 2], tauM: (layer: number, i: number) => 1 + 0.3 * i + 0.2 * layer };
  const rules: [string, LearningSpec][] = [
    ["local", {}],
    ["instantaneous", { errors: "instantaneous" }],
    ["matched traces", { traces: "matched" }],
    ["corrected gain", { gain: "corrected" }],
  ];
  const pairs = [
    { schedule: "sweep", targetDelay: 0 },
    { schedule: "jacobi", targetDelay: 1 },
  ] as const;
  const cases = pairs.flatMap((pair) =>
    [0, 0.3].flatMap((gamma) => rules.map(([name, learning]) => ({ ...pair, gamma, name, learning }))),
  );

  test.each(cases)(
    "in $schedule with target delay $targetDelay, gamma $gamma, $name: sees no error and learns nothing",
    ({ schedule, targetDelay, gamma, learning }) => {
      const tauR = (layer: number): number => (layer === 3 ? 1 : 0.5 + 0.5 * layer);
      const network = stack({ ...layers, tauR, schedule, targetDelay, gamma, beta: 0.8, plastic: "all" });
      const teacher = start(network, { errors: "none" }, 2);
      const student = start(network, { ...learning, optimizer: { kind: "sgd", eta: 0.5 } }, 2, 3);
      copyParameters(network, teacher, student);
      for (const { input } of randomSteps(network, 40, 2, 2)) {
        teacher.step(input);
        const cost = student.step(input, teacher.read("rate", "3"));
        expect(cost).toBe(0);
        for (const layer of ["1", "2", "3"]) expect(largest(student.read("error", layer))).toBe(0);
      }
      for (const place of placesOf(network)) expect(readValue(student, place)).toEqual(readValue(teacher, place));
      expect(largest(student.read("rate", "3"))).toBeGreaterThan(0.01);
    },
  );

  test("in jacobi with target delay 0: sees beta (y(k) - y(k-1)), to the last bit", () => {
    const network = stack({ ...layers, tauR: layers.tauM, schedule: "jacobi", beta: 0.8 });
    const teacher = start(network, { errors: "none" }, 2);
    const student = start(network, ACCUMULATE, 2, 3);
    copyParameters(network, teacher, student);
    let previous: Float64Array = new Float64Array(4);
    for (const [k, { input }] of randomSteps(network, 40, 2, 2).entries()) {
      teacher.step(input);
      const target = teacher.read("rate", "3");
      student.step(input, target);
      // The output is linear; in step 0 its slope is still 0.
      const expected = target.map((y, i) => (k === 0 ? 0 : 1) * (0.8 * (y - (previous[i] ?? NaN))));
      expect(student.read("topDown", "3")).toEqual(expected);
      previous = target;
    }
  });
});

describe("P19: one layer in jacobi is that of a sweep, one step late", () => {
  const sizes = [3, 2];
  const tauM = (_: number, i: number): number => 1 + i;
  const tauR = (_: number, i: number): number => 2 - i / 2;

  test.each([
    ["targets that come a step later", 0],
    ["target delay 1", 1],
  ] as const)("with %s", (_, targetDelay) => {
    const activation = () => "tanh" as const;
    const options = { dt: 0.1, sizes, tauM, tauR, activation, bias: false } as const;
    const sweep = start(stack({ ...options, schedule: "sweep" }), ACCUMULATE, 2);
    const network = stack({ ...options, schedule: "jacobi", targetDelay });
    const jacobi = start(network, ACCUMULATE, 2);
    const steps = randomSteps(network, 40, 2, 2);
    let last: { error: Float64Array; topDown: Float64Array; cost: number } | null = null;
    for (const [k, { input, target }] of steps.entries()) {
      const shifted = targetDelay === 1 ? target : (steps[k - 1]?.target ?? null);
      const costs = { sweep: sweep.step(input, target), jacobi: jacobi.step(input, shifted) };
      // Rates are those of the same step.
      expect(jacobi.read("rate", "1")).toEqual(sweep.read("rate", "1"));
      if (last !== null) {
        expect(costs.jacobi).toBe(last.cost);
        expect(jacobi.read("error", "1")).toEqual(last.error);
        expect(jacobi.read("topDown", "1")).toEqual(last.topDown);
      }
      last = { cost: costs.sweep, error: sweep.read("error", "1"), topDown: sweep.read("topDown", "1") };
    }
  });
});
