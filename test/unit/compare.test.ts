import { describe, expect, it } from "vitest";
import { hold, type Contest } from "../../bench/compare/contest.ts";
import type { Contestant, Engine } from "../../bench/compare/engine.ts";
import { ratiosOf, type Result, type Setting } from "../../bench/compare/gates.ts";
import { encodeModel, type Graph } from "../../bench/compare/onnx.ts";
import { graphOf } from "../../bench/compare/ort.ts";
import { makeProblem, type Outcome, type Problem } from "../../bench/compare/problem.ts";
import { published, PUBLISHED } from "../../bench/compare/published.ts";
import { agreementOf, agrees, checkedEta, expected, recurrent, TOLERANCE } from "../../bench/compare/twin.ts";

describe("the problem", () => {
  it("is the same each time, and within its bounds", () => {
    const problem = makeProblem(16, 2, 0.1);
    expect(problem).toEqual(makeProblem(16, 2, 0.1));
    expect(problem.weight).toHaveLength(256);
    expect(problem.target).toHaveLength(32);
    expect(Math.max(...problem.weight.map(Math.abs))).toBeLessThanOrEqual(0.125);
    expect(Math.max(...problem.bias.map(Math.abs))).toBeGreaterThan(0.25);
  });

  it("shows learning at every size that is checked", () => {
    for (const size of [1, 8, 64, 257]) {
      const problem = makeProblem(size, 1, checkedEta(size));
      const learned = expected("step", problem, 16);
      const { rate, weight } = agreementOf(expected("frozen step", problem, 16), learned);
      // An engine that does not learn is a hundred times further off than the tolerance.
      expect(Math.min(rate, weight)).toBeGreaterThan(100 * TOLERANCE);
    }
  });
});

describe("the network published for MNIST-1D", () => {
  it("has the published size and number of steps", () => {
    expect(PUBLISHED.shape).toEqual({ measured: "MNIST-1D step", size: 6 * 53 + 10, synapses: 14_628, batch: 100 });
    const { weights, biases } = published.checked();
    const parameters = [...weights, ...biases].reduce((sum, { length }) => sum + length, 0);
    expect(parameters).toBe(14_956);
    expect(PUBLISHED.trainingSteps).toBe(2_160_000);
  });

  it("shows learning in the steps of a check", () => {
    const problem = published.checked();
    const learned = published.expected("step", problem, 16);
    const { rate, weight } = agreementOf(published.expected("frozen step", problem, 16), learned);
    expect(Math.min(rate, weight)).toBeGreaterThan(100 * TOLERANCE);
    expect(learned.rate).toHaveLength(100 * 328);
    expect(learned.weight).toHaveLength(14_628);
  });
});

describe("agreement", () => {
  const wanted = { rate: [1, -2], weight: [0.5] };

  it("is relative to the largest value", () => {
    const found = { rate: [1, -2.0001], weight: [0.50001] };
    const agreement = agreementOf(found, wanted);
    expect(agreement.rate).toBeCloseTo(5e-5, 10); // ten digits: rounding of f64
    expect(agreement.weight).toBeCloseTo(2e-5, 10);
    expect(agrees(agreement)).toBe(true);
    expect(agrees({ ...agreement, weight: 1.1 * TOLERANCE })).toBe(false);
  });

  it("is none for numbers that are not finite, and for too few of them", () => {
    expect(agreementOf({ rate: [1, NaN], weight: [0.5] }, wanted).rate).toBe(Infinity);
    expect(agreementOf({ rate: [1], weight: [0.5] }, wanted).rate).toBe(Infinity);
  });
});

describe("the step as an ONNX graph", () => {
  const problem = makeProblem(5, 1, 0.3);

  it("computes the network's recurrence", () => {
    const { size, weight, bias, target, eta } = problem;
    const zeros = { u: fill(size), v: fill(size), e: fill(size), r: fill(size) };
    let state: Values = { W: matrix(weight, size, size), ...zeros };
    const given = { b: matrix(bias, size, 1), y: matrix(target, size, 1) };
    const graph = graphOf({ size, eta });
    for (let step = 0; step < 7; step++) {
      const after = evaluate(graph, { ...state, ...given });
      state = Object.fromEntries(["W", "u", "v", "e", "r"].map((name) => [name, after[`${name}2`] ?? []]));
    }
    const found = { rate: (state["r"] ?? []).flat(), weight: (state["W"] ?? []).flat() };
    const { rate, weight: ofWeight } = agreementOf(found, expected("step", problem, 7));
    // Both are f64 sums of five terms, in another order.
    expect(Math.max(rate, ofWeight)).toBeLessThan(1e-13);
  });

  it("is written as protocol buffers", () => {
    const bytes = encodeModel({
      nodes: [{ type: "Add", inputs: ["a", "b"], output: "c" }],
      inputs: [{ name: "a", shape: [300] }],
      outputs: [],
      scalars: { b: 1 },
    });
    const model = fieldsOf(bytes);
    expect(model.map(([field]) => field)).toEqual([1, 7, 8]);
    const graph = fieldsOf(bytesOf(model, 7));
    expect(graph.map(([field]) => field)).toEqual([1, 2, 5, 11]);
    const node = fieldsOf(bytesOf(graph, 1)).map(([field, value]) => [field, textOf(value)]);
    expect(node).toEqual([
      [1, "a"],
      [1, "b"],
      [2, "c"],
      [4, "Add"],
    ]);
    // Field 9 of an initializer: 1 as a little-endian f32.
    expect([...bytesOf(fieldsOf(bytesOf(graph, 5)), 9)]).toEqual([0, 0, 0x80, 0x3f]);
    const tensor = fieldsOf(bytesOf(fieldsOf(bytesOf(fieldsOf(bytesOf(graph, 11)), 2)), 1));
    const dimension = fieldsOf(bytesOf(fieldsOf(bytesOf(tensor, 2)), 1));
    expect(dimension).toEqual([[1, 300]]);
  });
});

describe("ratios", () => {
  const setting: Setting = { measured: "step", size: 256, batch: 1, software: true };
  const result = (engine: string, family: Result["family"], ...samples: number[]): Result => ({
    engine,
    family,
    samples: samples.length === 0 ? null : samples,
  });

  it("are those over the fastest of a family, round by round", () => {
    const results = [
      result("ours", "ours", 400, 800, 600),
      result("slow", "tfjs", 10, 10, 10),
      result("fast", "tfjs", 20, 50, 20),
      result("jax", "jax-js", 200, 200, 200),
    ];
    const ratios = ratiosOf(results, setting);
    expect(ratios.map(({ goal, peer, value, gate, holds }) => [goal, peer, value, gate, holds])).toEqual([
      ["G1", "jax", 3, 3, true],
      ["G2", "fast", 20, 10, true],
    ]);
    expect(ratiosOf(results, { ...setting, software: false })[0]).toMatchObject({ gate: 10, holds: false });
    expect(ratiosOf(results, { ...setting, size: 100 })[0]).toMatchObject({ gate: null, holds: null });
  });

  it("are none without a peer that agrees, or without ours", () => {
    expect(ratiosOf([result("ours", "ours", 1), result("jax", "jax-js")], setting)).toEqual([]);
    expect(ratiosOf([result("ours", "ours"), result("jax", "jax-js", 1)], setting)).toEqual([]);
  });

  it("of a batch belong to goal G12", () => {
    const results = [result("ours", "ours", 3), result("jax", "jax-js", 2), result("tf", "tfjs", 2)];
    const goals = (measured: Setting["measured"]) =>
      ratiosOf(results, { ...setting, measured, batch: 64 }).map(({ goal, gate, holds }) => [goal, gate, holds]);
    expect(goals("batched step")).toEqual([["G12", 1.5, true]]);
    expect(goals("product")).toEqual([
      ["G12", 1.1, true],
      ["G12", 1.4, true],
    ]);
  });
});

describe("a contest", () => {
  const closed: string[] = [];
  /** Computes in f64, with an error in its rates. */
  const contestant = (name: string, error: number): Contestant => ({
    name,
    family: "ours",
    work: "step",
    open: async (problem) => engineOf(name, problem, error),
  });
  const engineOf = (name: string, problem: Problem, error: number): Engine => {
    let steps = 0;
    const read = (): Outcome => {
      const { rate, weight } = expected("step", problem, Math.min(steps, 16));
      return { rate: Array.from(rate, (value) => value + error), weight };
    };
    return {
      run: (more) => void (steps += more),
      settle: async () => undefined,
      read: async () => read(),
      close: () => void closed.push(name),
    };
  };
  const broken: Contestant = {
    name: "broken",
    family: "ort",
    work: "step",
    open: () => Promise.reject(new Error("no such thing\nat all")),
  };
  let clock = 0;
  const contest: Contest<Problem> = {
    subject: recurrent(4, 1),
    contestants: [contestant("right", 0), contestant("wrong", 0.01), broken],
    // Every look at the clock takes a quarter of a second, so every sample does.
    method: { samples: 3, sampleMilliseconds: 100, now: () => (clock += 250) },
    countsCalls: false,
  };

  it("times only who agrees", async () => {
    const { entries, effect } = await hold(contest, () => undefined);
    expect(entries.map(({ engine, verdict, reason }) => [engine, verdict, reason])).toEqual([
      ["right", "agrees", null],
      ["wrong", "disagrees", null],
      ["broken", "does not run", "no such thing"],
    ]);
    expect(entries.map(({ rates }) => rates?.median ?? null)).toEqual([4, null, null]);
    expect(entries[0]?.rates?.samples).toHaveLength(3);
    expect(effect?.weight).toBeGreaterThan(100 * TOLERANCE);
    expect(closed).toEqual(["right", "wrong", "right"]);
  });
});

// ---- a small evaluation of graphs -----------------------------------------------------------------------------

type Matrix = readonly (readonly number[])[];
type Values = Readonly<Record<string, Matrix>>;

function matrix(values: Float32Array, rows: number, columns: number): Matrix {
  return Array.from({ length: rows }, (_, i) => [...values.subarray(i * columns, (i + 1) * columns)]);
}

const fill = (size: number): Matrix => matrix(new Float32Array(size), size, 1);

function evaluate({ nodes, scalars }: Graph, inputs: Values): Values {
  const values: Record<string, Matrix> = { ...inputs };
  for (const [name, value] of Object.entries(scalars)) values[name] = [[value]];
  for (const { type, inputs: names, output } of nodes) {
    const [a = [], b = []] = names.map((name) => values[name] ?? []);
    values[output] = apply(type, a, b);
  }
  return values;
}

function apply(type: string, a: Matrix, b: Matrix): Matrix {
  switch (type) {
    case "MatMul":
      return a.map((row) => (b[0] ?? []).map((_, j) => row.reduce((sum, x, k) => sum + x * at(b, k, j), 0)));
    case "Transpose":
      return (a[0] ?? []).map((_, j) => a.map((row) => row[j] ?? NaN));
    case "Tanh":
      return a.map((row) => row.map(Math.tanh));
    case "Add":
      return broadcast(a, b, (x, y) => x + y);
    case "Sub":
      return broadcast(a, b, (x, y) => x - y);
    case "Mul":
      return broadcast(a, b, (x, y) => x * y);
    default:
      throw new Error(`There is no ${type} here.`);
  }
}

function broadcast(a: Matrix, b: Matrix, combine: (x: number, y: number) => number): Matrix {
  const rows = Math.max(a.length, b.length);
  const columns = Math.max(a[0]?.length ?? 0, b[0]?.length ?? 0);
  return Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (__, j) => combine(at(a, i, j), at(b, i, j))),
  );
}

/** What has one row or column has as many as are asked for. */
function at(values: Matrix, i: number, j: number): number {
  const row = values[values.length === 1 ? 0 : i] ?? [];
  return row[row.length === 1 ? 0 : j] ?? NaN;
}

// ---- a small reader of protocol buffers -----------------------------------------------------------------------

type Field = readonly [field: number, value: number | Uint8Array];

function fieldsOf(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  let position = 0;
  const varint = (): number => {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = bytes[position++] ?? NaN;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (position < bytes.length) {
    const tag = varint();
    const length = varint();
    const isMessage = (tag & 7) === 2;
    fields.push([tag >>> 3, isMessage ? bytes.subarray(position, position + length) : length]);
    if (isMessage) position += length;
  }
  return fields;
}

function bytesOf(fields: readonly Field[], wanted: number): Uint8Array {
  const value = fields.find(([field]) => field === wanted)?.[1];
  if (!(value instanceof Uint8Array)) throw new Error(`Field ${wanted} is no message.`);
  return value;
}

function textOf(value: number | Uint8Array): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value);
}
