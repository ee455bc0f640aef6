/** What may change on the GPU without changing anything else. In f64: unit tests. */

import { describe, expect, test } from "vitest";
import type { TraceQuantity } from "../../src/layout.ts";
import type { LearningSpec, NetworkSpec, PopulationSpec } from "../../src/spec.ts";
import {
  ACCUMULATE,
  expectNear,
  largest,
  placesOf,
  randomGraph,
  randomSteps,
  SCHEDULES,
  stack,
  type GraphOptions,
} from "../unit/properties/graphs.ts";
import { arrangeRows, framesOf, Probe, type Data, type ProbeOptions } from "./properties.ts";
import { useLazyDevice } from "./shared-device.ts";

const device = useLazyDevice();

const create = (spec: NetworkSpec, options: ProbeOptions): Promise<Probe> => Probe.create(device(), spec, options);

// ---- random graphs under all rules --------------------------------------------------------------------------

const STEPS = 20;
/** One for nearly all: each takes kernels of its own. */
const BATCH = 4;
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
  const raise = (tau: PopulationSpec["tauM"]): number[] => (tau as number[]).map((value) => value + 10 * network.dt);
  return {
    ...network,
    populations: network.populations.map((each) => ({
      ...each,
      tauM: raise(each.tauM),
      tauR: raise(each.tauR),
      plasticTauM: true,
      plasticTauR: true,
    })),
  };
}

/** What follows the cost, and what does not. Of adjoint errors there is the adjoint itself. */
const ERRORS: readonly TraceQuantity[] = ["error", "topDown", "lowPassedError"];
const RATES: readonly TraceQuantity[] = ["potential", "rate"];

const quantitiesOf = ({ errors }: LearningSpec): readonly TraceQuantity[] =>
  errors === "adjoint" ? RATES : [...RATES, ...ERRORS];

/** A run of all steps, with everything recorded. */
async function run(network: NetworkSpec, learning: LearningSpec, data: Data, batch = BATCH): Promise<Probe> {
  return (await create(network, { batch, learning, quantities: quantitiesOf(learning) })).take(data);
}

/** Per population, [step][batch][neurons]: potentials and rates. */
function ratesOf(probe: Probe): Float32Array[] {
  return probe.spec.populations.flatMap(({ name }) => RATES.map((quantity) => probe.trace(quantity, name)));
}

/** Likewise what the cost brings about: local errors, or adjoints and, for one step, gradients of potentials. */
async function errorsOf(probe: Probe, { errors }: LearningSpec): Promise<Float32Array[]> {
  const { sim, spec } = probe;
  const names = spec.populations.map(({ name }) => name);
  if (errors !== "adjoint") return names.flatMap((name) => ERRORS.map((quantity) => probe.trace(quantity, name)));
  const values: Float32Array[] = [];
  for (const name of names) values.push(await sim.read("adjoint", name), await sim.read("potentialGradient", name));
  return values;
}

function expectAllNear(
  actual: readonly Float32Array[],
  expected: readonly ArrayLike<number>[],
  tolerance: number,
): void {
  expect(actual.length).toBe(expected.length);
  for (const [index, values] of expected.entries()) expectNear(actual[index] ?? [], values, tolerance);
}

const times = (arrays: readonly Float32Array[], c: number): Float32Array[] =>
  arrays.map((values) => values.map((value) => c * value));

describe("P13: the cost times c", () => {
  const c = 7.3;
  const scale = (network: NetworkSpec): NetworkSpec => ({
    ...network,
    populations: network.populations.map((each) =>
      each.cost === undefined ? each : { ...each, cost: { ...each.cost, beta: c * (each.cost.beta ?? NaN) } },
    ),
  });

  test.each(CASES)(
    "in $schedule, $name: multiplies errors, adjoints and gradients by c",
    async ({ schedule, learning }) => {
      const network = graph(1, { schedule, cost: "cross-entropy" });
      const data = framesOf(randomSteps(network, STEPS, BATCH, 1));
      using plain = await run(network, learning, data);
      using scaled = await run(scale(network), learning, data);
      expect(Math.abs(scaled.loss / plain.loss / c - 1)).toBeLessThan(1e-5);
      expect(ratesOf(scaled)).toEqual(ratesOf(plain));
      const errors = times(await errorsOf(plain, learning), c);
      for (const values of errors) expect(largest(values)).toBeGreaterThan(1e-4);
      expectAllNear(await errorsOf(scaled, learning), errors, 1e-5);
      const gradients = times(await plain.readAll("firstMoment"), c);
      for (const values of gradients) expect(largest(values)).toBeGreaterThan(1e-4);
      expectAllNear(await scaled.readAll("firstMoment"), gradients, 1e-5);
    },
  );

  test.each(CASES)("in $schedule, $name: changes nothing for descent with eta / c", async ({ schedule, learning }) => {
    const network = graph(2, { schedule });
    const data = framesOf(randomSteps(network, 3 * STEPS, BATCH, 1));
    const descent = (eta: number): LearningSpec => ({ ...learning, optimizer: { kind: "sgd", eta } });
    using plain = await create(network, { batch: BATCH, learning: descent(1e-3) });
    using scaled = await create(scale(network), { batch: BATCH, learning: descent(1e-3 / c) });
    const before = await plain.readParameters();
    for (const each of [plain, scaled]) await each.take(data);
    const after = await plain.readParameters();
    for (const [index, values] of after.entries()) expect(values).not.toEqual(before[index]);
    expectAllNear(await scaled.readParameters(), after, 1e-5);
  });
});

describe("P14: batch rows and time", () => {
  /** Batch rows of every frame in another order. */
  function arrange(network: NetworkSpec, { input, target }: Data, batch: number, rows: readonly number[]): Data {
    const lengths = new Map([
      ...network.sources.map(({ name, size }): [string, number] => [name, size]),
      ...network.populations.map(({ name, size, cost }): [string, number] => [
        name,
        cost?.kind === "cross-entropy" ? 1 : size,
      ]),
    ]);
    const pick = (arrays: Data["input"] = {}): Data["input"] =>
      Object.fromEntries(
        Object.entries(arrays).map(([name, values]) => [
          name,
          arrangeRows(values, lengths.get(name) ?? NaN, batch, rows),
        ]),
      );
    return { input: pick(input), target: pick(target) };
  }

  test.each(CASES)("in $schedule, $name: permuting batch rows permutes states", async ({ schedule, learning }) => {
    const network = graph(1, { schedule, cost: "cross-entropy" });
    const data = framesOf(randomSteps(network, STEPS, BATCH, 6));
    const rows = [2, 0, 3, 1];
    using plain = await run(network, learning, data);
    using permuted = await run(network, learning, arrange(network, data, BATCH, rows));
    const arranged = (states: readonly Float32Array[]): Float32Array[] =>
      states.map((values, index) => {
        const size = network.populations[Math.floor((index * network.populations.length) / states.length)]?.size;
        return arrangeRows(values, size ?? NaN, BATCH, rows);
      });
    expectAllNear(ratesOf(permuted), arranged(ratesOf(plain)), 1e-6);
    expectAllNear(await errorsOf(permuted, learning), arranged(await errorsOf(plain, learning)), 1e-6);
    // The table speaks of states. Gradients are sums in another order, of products that may cancel to a tenth and less.
    expectAllNear(await permuted.readAll("firstMoment"), await plain.readAll("firstMoment"), 1e-5);
  });

  test.each(CASES)("in $schedule, $name: copies of a row give its gradient", async ({ schedule, learning }) => {
    const network = graph(2, { schedule });
    const data = framesOf(randomSteps(network, STEPS, 1, 6));
    using one = await run(network, learning, data, 1);
    using four = await run(network, learning, arrange(network, data, 1, [0, 0, 0, 0]));
    expectAllNear(await four.readAll("firstMoment"), await one.readAll("firstMoment"), 1e-6);
  });

  test.each(CASES)("in $schedule, $name: silence before the start changes nothing", async ({ schedule, learning }) => {
    // Without biases and with activations that keep 0 at 0, rest is a state that lasts. The traces of biases count steps:
    // they are left out.
    const silent = graph(1, { schedule, activations: ["tanh", "linear"] });
    const network = { ...silent, populations: silent.populations.map((each) => ({ ...each, bias: false as const })) };
    const [first, ...others] = randomSteps(network, STEPS + 1, BATCH, 6);
    if (first === undefined) throw new Error("a step");
    using early = await create(network, { batch: BATCH, learning, quantities: quantitiesOf(learning) });
    using late = await create(network, { batch: BATCH, learning, quantities: quantitiesOf(learning) });
    const silence = { input: { x: new Float32Array(2 * BATCH), y: new Float32Array(BATCH) } };
    await late.take(silence, { steps: 13, learn: false });
    for (const each of [early, late]) {
      // Slopes are those of rest from the second step on: the first one has no target.
      await each.take(framesOf([{ ...first, target: null }]), { learn: false });
      await each.take(framesOf(others));
    }
    expectAllNear(ratesOf(late), ratesOf(early), 1e-6);
    expectAllNear(await errorsOf(late, learning), await errorsOf(early, learning), 1e-6);
    expectAllNear(await late.readAll("firstMoment"), await early.readAll("firstMoment"), 1e-6);
  });
});

describe("P15: all time constants and dt times c", () => {
  test.each(CASES)(
    "in $schedule, $name: same trajectories; gradients of the time constants by 1 / c",
    async ({ schedule, learning }) => {
      const c = 3.7;
      const network = graph(2, { schedule });
      const longer = (tau: PopulationSpec["tauM"]): number[] => (tau as number[]).map((value) => c * value);
      const slow: NetworkSpec = {
        ...network,
        dt: c * network.dt,
        populations: network.populations.map((each) => ({ ...each, tauM: longer(each.tauM), tauR: longer(each.tauR) })),
      };
      const data = framesOf(randomSteps(network, STEPS, BATCH, 9));
      using plain = await run(network, learning, data);
      using slowed = await run(slow, learning, data);
      expectAllNear(ratesOf(slowed), ratesOf(plain), 1e-5);
      expectAllNear(await errorsOf(slowed, learning), await errorsOf(plain, learning), 1e-5);
      // With the cost as an integral, dt times the sum: by c for weights and biases, unchanged for time constants.
      const integrals = times(await plain.readAll("firstMoment"), network.dt);
      const expected = placesOf(network).map((place, index) => {
        const isTau = "of" in place && place.of !== "bias";
        return integrals[index]?.map((value) => (isTau ? 1 : c) * value) ?? [];
      });
      expectAllNear(times(await slowed.readAll("firstMoment"), slow.dt), expected, 1e-5);
    },
  );
});

// ---- stacks -------------------------------------------------------------------------------------------------

describe("P16: a student that equals its teacher", () => {
  const layers = { dt: 0.1, sizes: [2, 4, 3, 2], tauM: (layer: number, i: number) => 1 + 0.3 * i + 0.2 * layer };
  const [steps, batch] = [40, 2];
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

  /** Input, and what the teacher answers. */
  async function answered(network: NetworkSpec): Promise<Data & Required<Pick<Data, "target">>> {
    using teacher = await create(network, { batch, learning: { errors: "none" }, quantities: ["rate"] });
    const { input } = framesOf(randomSteps(network, steps, batch, 2));
    await teacher.take({ input });
    return { input, target: { "3": teacher.trace("rate", "3") } };
  }

  test.each(cases)(
    "in $schedule with target delay $targetDelay, gamma $gamma, $name: sees no error and learns nothing",
    async ({ schedule, targetDelay, gamma, learning }) => {
      const tauR = (layer: number): number => (layer === 3 ? 1 : 0.5 + 0.5 * layer);
      const network = stack({ ...layers, tauR, schedule, targetDelay, gamma, beta: 0.8, plastic: "all" });
      const data = await answered(network);
      const optimizer = { kind: "sgd", eta: 0.5 } as const;
      using student = await create(network, { batch, learning: { ...learning, optimizer }, quantities: ["error"] });
      const before = await student.readParameters();
      await student.take(data);
      expect(student.loss).toBe(0);
      for (const layer of ["1", "2", "3"]) expect(largest(student.trace("error", layer))).toBe(0);
      expect(await student.readParameters()).toEqual(before);
      expect(largest(data.target["3"] ?? [])).toBeGreaterThan(0.01);
    },
  );

  test("in jacobi with target delay 0: sees beta (y(k) - y(k-1))", async () => {
    const network = stack({ ...layers, tauR: layers.tauM, schedule: "jacobi", beta: 0.8 });
    const data = await answered(network);
    using student = await create(network, { batch, learning: ACCUMULATE, quantities: ["topDown"] });
    await student.take(data);
    const [target, row] = [data.target["3"] ?? new Float32Array(), batch * 2];
    // The output is linear; in step 0 its slope is still 0.
    const beta = Math.fround(0.8);
    const expected = target.map((y, i) => (i < row ? 0 : beta * Math.fround(y - (target[i - row] ?? NaN))));
    const topDown = student.trace("topDown", "3");
    // To the last bit, but for the sign of 0.
    expect(largest(topDown.map((value, i) => value - (expected[i] ?? NaN)))).toBe(0);
    expect(largest(expected)).toBeGreaterThan(0.1);
  });
});

describe("P19: one layer in jacobi is that of a sweep, one step late", () => {
  const sizes = [3, 2];
  const tauM = (_: number, i: number): number => 1 + i;
  const tauR = (_: number, i: number): number => 2 - i / 2;
  const [steps, batch] = [40, 2];

  test.each([
    ["targets that come a step later", 0],
    ["target delay 1", 1],
  ] as const)("with %s", async (_, targetDelay) => {
    const activation = () => "tanh" as const;
    const options = { dt: 0.1, sizes, tauM, tauR, activation, bias: false } as const;
    const network = stack({ ...options, schedule: "sweep" });
    const quantities = ["rate", "error", "topDown"] as const;
    using sweep = await create(network, { batch, learning: ACCUMULATE, quantities });
    using jacobi = await create(stack({ ...options, schedule: "jacobi", targetDelay }), {
      batch,
      learning: ACCUMULATE,
      quantities,
    });
    const data = framesOf(randomSteps(network, steps, batch, 2));
    const target = data.target?.["1"] ?? new Float32Array();
    const row = batch * 2;
    // Those of the step before; what the first ones are does not matter, as slopes are 0 then.
    const late = Float32Array.from([...target.subarray(-row), ...target.subarray(0, -row)]);
    await sweep.take(data);
    await jacobi.take({ ...data, target: { "1": targetDelay === 1 ? target : late } });
    // Rates are those of the same step.
    expectNear(jacobi.trace("rate", "1"), sweep.trace("rate", "1"), 1e-6);
    for (const quantity of ["error", "topDown"] as const) {
      const [ofSweep, ofJacobi] = [sweep.trace(quantity, "1"), jacobi.trace(quantity, "1")];
      expect(largest(ofSweep)).toBeGreaterThan(0.1);
      expect(largest(ofJacobi.subarray(0, row))).toBe(0);
      expectNear(ofJacobi.subarray(row), ofSweep.subarray(0, -row), 1e-6);
    }
  });
});
