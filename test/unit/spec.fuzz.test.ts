import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { SpecError } from "../../src/errors.ts";
import { layered, resolveLearning, resolveNetwork, type Network, type NetworkSpec } from "../../src/spec.ts";

const prototype = Object.getOwnPropertyNames(Object.prototype).toSorted();

afterEach(() => {
  expect(Object.getOwnPropertyNames(Object.prototype).toSorted()).toEqual(prototype);
});

const HOSTILE = ["__proto__", "constructor", "toString", "hasOwnProperty", "length", "", "\u0000", "\u202e"];

/** What JSON can hold, with keys and texts that have fooled parsers before. */
const anything = fc.oneof(
  fc.constantFrom<unknown>(...HOSTILE, 0, -1, 1e-300, 1e300, 2 ** 53, 2 ** 31, -0, null, [], {}),
  fc.jsonValue({ maxDepth: 3 }),
  fc.dictionary(fc.constantFrom(...HOSTILE, "name", "size", "kind"), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }),
);

const group = fc.record({ name: fc.string({ minLength: 1, maxLength: 6 }), size: fc.integer({ min: 1, max: 9 }) });
const tau = fc.oneof(
  fc.double({ min: 1, max: 1e6, noNaN: true }),
  fc.array(fc.double({ min: 1, max: 9, noNaN: true }), { minLength: 1, maxLength: 3 }),
);
const init = fc.oneof(
  fc.record({ kind: fc.constant("uniform" as const), scale: fc.double({ min: 0, max: 3, noNaN: true }) }),
  fc.record({ kind: fc.constant("constant" as const), value: fc.double({ min: -3, max: 3, noNaN: true }) }),
);
const population = fc.record(
  {
    name: fc.string({ minLength: 1, maxLength: 6 }),
    size: fc.integer({ min: 1, max: 9 }),
    tauM: tau,
    tauR: tau,
    activation: fc.constantFrom("linear", "tanh", "sigmoid", "hard-sigmoid", "relu", "softplus"),
    gamma: fc.double({ min: -1, max: 1, noNaN: true }),
    bias: fc.oneof(fc.constant(false), fc.record({ plastic: fc.boolean(), init }, { requiredKeys: [] })),
    cost: fc.record(
      { kind: fc.constantFrom("squared-error", "cross-entropy"), beta: fc.nat() },
      { requiredKeys: ["kind"] },
    ),
  },
  { requiredKeys: ["name", "size", "tauM", "tauR", "activation"] },
);

/** Networks that are mostly valid: every population is fed by the first source, a few by others. */
const almost = fc
  .record({
    dt: fc.double({ min: 1e-3, max: 1, noNaN: true }),
    sources: fc.array(group, { minLength: 1, maxLength: 2 }),
    populations: fc.array(population, { minLength: 1, maxLength: 3 }),
    extra: fc.array(fc.tuple(fc.nat(2), fc.nat(2), fc.boolean()), { maxLength: 3 }),
  })
  .map(({ dt, sources, populations, extra }) => ({
    dt,
    sources,
    populations,
    projections: [
      ...populations.map(({ name }) => ({ from: sources[0]?.name, to: name })),
      ...extra.map(([from, to, plastic]) => ({ from: populations[from]?.name, to: populations[to]?.name, plastic })),
    ],
  }));

test("any JSON is a network or a SpecError", () => {
  fc.assert(
    fc.property(anything, (value) => {
      attempt(value);
    }),
    { numRuns: 2000 },
  );
});

test("a network with one place replaced by any JSON is a network or a SpecError", () => {
  const mutated = fc.tuple(almost, fc.array(fc.nat(), { minLength: 1, maxLength: 5 }), anything);
  fc.assert(
    fc.property(mutated, ([spec, path, value]) => {
      // A round trip through text makes "__proto__" an own key, as a file or a link would.
      attempt(JSON.parse(JSON.stringify(replace(spec, path, value))));
    }),
    { numRuns: 3000 },
  );
});

test("networks that are mostly valid are mostly taken", () => {
  let valid = 0;
  fc.assert(
    fc.property(almost, (spec) => {
      valid += Number(attempt(spec));
    }),
    { numRuns: 500 },
  );
  expect(valid).toBeGreaterThan(100);
});

test("keys of a prototype are refused as any other stranger", () => {
  const text = '{"dt":1,"sources":[],"populations":[],"projections":[],"__proto__":{"gamma":1}}';
  expect(() => resolveNetwork(JSON.parse(text) as NetworkSpec)).toThrow("__proto__ is not a known field");
});

test("inherited fields do not count", () => {
  const inherits = Object.create({ dt: 1 }) as NetworkSpec;
  expect(() => resolveNetwork(Object.assign(inherits, { sources: [] }))).toThrow("dt is missing");
});

/** Whether it is a network; fails on any error that is no SpecError. */
function attempt(value: unknown): boolean {
  refuseNothingElse(() => resolveLearning(value as Parameters<typeof resolveLearning>[0]));
  refuseNothingElse(() => resolveNetwork(layered(value as Parameters<typeof layered>[0])));
  const network = refuseNothingElse(() => resolveNetwork(value as NetworkSpec));
  if (network !== null) assertValid(network);
  return network !== null;
}

function refuseNothingElse<T>(action: () => T): T | null {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    expect(error.message).not.toMatch(/undefined|\[object/);
    expect(error.message.length).toBeLessThan(400);
    expect(error.details["path"]).toEqual(expect.any(String));
    return null;
  }
}

function assertValid({ dt, sources, populations, projections }: Network): void {
  expect(dt).toBeGreaterThan(0);
  expect(populations.length).toBeGreaterThan(0);
  const names = [...sources, ...populations].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const [index, { size, tauM, tauR, gamma, bias }] of populations.entries()) {
    expect([tauM.length, tauR.length]).toEqual([size, size]);
    expect(Math.min(...tauM, ...tauR)).toBeGreaterThanOrEqual(dt);
    expect([gamma, bias.init.kind === "constant" ? bias.init.value : bias.init.bound].every(Number.isFinite)).toBe(
      true,
    );
    expect(projections.some(({ to }) => to === index)).toBe(true);
  }
  for (const { from, fromSource, to, pre, post } of projections) {
    expect((fromSource ? sources : populations)[from]?.size).toBe(pre);
    expect(populations[to]?.size).toBe(post);
  }
}

/** A copy in which the place that `path` walks to, by position modulo the number of fields, is `value`. */
function replace(target: unknown, path: readonly number[], value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined || typeof target !== "object" || target === null) return value;
  const keys = Object.keys(target);
  const key = keys[step % (keys.length + 1)];
  if (key === undefined) return { ...target, ["__proto__"]: value };
  const inner = replace((target as Record<string, unknown>)[key], rest, value);
  return Array.isArray(target)
    ? target.map((each: unknown, i) => (String(i) === key ? inner : each))
    : { ...target, [key]: inner };
}
