/** What choices among variants are kept by, and what of what was kept still counts. */

import { describe, expect, it } from "vitest";
import { tunings, type Tuning } from "../../src/layout.ts";
import { planOf } from "../../src/simulator.ts";
import { layered, type NetworkSpec } from "../../src/spec.ts";
import type { PlanningOptions } from "../../src/options.ts";
import { changesOf, readChoice, tuningKey } from "../../src/variants.ts";

const networkOf = (hidden: number): NetworkSpec =>
  layered({
    dt: 1,
    input: 8,
    hidden: [{ size: hidden, tauM: 5, tauR: 1, activation: "tanh" }],
    output: { size: 4, tauM: 5, tauR: 1, activation: "linear" },
    cost: { kind: "squared-error" },
  });
const network = networkOf(600);
const target = { software: false, bindingBytes: 2 ** 27, subgroupSize: 32 };
const adapter = { vendor: "v", architecture: "a", description: "d" };

function keyOf(
  options: PlanningOptions = {},
  { spec = network, named = adapter, subgroupSize = 32, given = {} } = {},
): string {
  return tuningKey(named, planOf(spec, options, target), subgroupSize, given);
}

describe("the key of a choice", () => {
  it("is the same for the same work", () => {
    expect(keyOf()).toBe(keyOf());
    // None of this changes how work is cut.
    expect(keyOf({ learning: { optimizer: { kind: "adam", eta: 0.1 } } })).toBe(
      keyOf({ learning: { optimizer: { kind: "adam", eta: 0.2 } } }),
    );
    expect(keyOf({}, { given: { columnQuads: 1, tileRows: 4 } })).toBe(
      keyOf({}, { given: { tileRows: 4, columnQuads: 1 } }),
    );
  });

  it("tells all that shapes the work", () => {
    const keys = [
      keyOf(),
      keyOf({}, { spec: networkOf(604) }),
      keyOf({}, { named: { ...adapter, vendor: "w" } }),
      keyOf({}, { named: { ...adapter, architecture: "b" } }),
      keyOf({}, { named: { ...adapter, description: "e" } }),
      keyOf({}, { subgroupSize: 0 }),
      keyOf({}, { given: { deferredSteps: 1 } }),
      keyOf({}, { given: { columnQuads: 1 } }),
      keyOf({ batch: 2 }),
      keyOf({ replicas: 2 }),
      keyOf({ fuseSteps: true }, { spec: networkOf(20) }),
      keyOf({ fuseSteps: false }, { spec: networkOf(20) }),
      keyOf({ record: [{ population: "output", quantity: "rate" }] }),
      keyOf({ learning: { optimizer: { kind: "sgd", eta: 0.1 } } }),
      keyOf({ learning: { traces: "matched" } }),
      keyOf({ learning: { errors: "instantaneous" } }),
      keyOf({ learning: { errors: "adjoint", window: 8 } }),
      keyOf({ learning: { errors: "adjoint", window: 16 } }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    for (const key of keys) expect(key).toMatch(/^\d+\|/);
  });
});

describe("what was kept", () => {
  const tuning: Tuning = { ...tunings.gpu, columnQuads: 4 };
  const kept = { name: "4 quads of columns", gain: 1.2, tuning };

  it("counts as it is, also from JSON", () => {
    expect(readChoice(kept, {})).toEqual(kept);
    expect(readChoice(JSON.parse(JSON.stringify(kept)), { columnQuads: 4 })).toEqual(kept);
  });

  it.each([
    undefined,
    null,
    7,
    "4 quads of columns",
    [],
    {},
    tuning,
    { ...kept, more: 1 },
    { ...kept, name: "" },
    { ...kept, name: "a\nb" },
    { ...kept, gain: 0 },
    { ...kept, gain: "1.2" },
    { ...kept, gain: Infinity },
    { ...kept, tuning: null },
    { ...kept, tuning: { columnQuads: 4 } },
    { ...kept, tuning: { ...tuning, old: 1 } },
    { ...kept, tuning: { ...tuning, tileRows: undefined } },
  ])("counts as nothing if it is %j", (damaged) => {
    expect(readChoice(damaged, {})).toBeNull();
  });

  it("counts as nothing if it is not what the caller gave", () => {
    expect(readChoice(kept, { columnQuads: 1 })).toBeNull();
  });
});

describe("other ways than the default", () => {
  const namesOf = (options: PlanningOptions, given: Partial<Tuning> = {}, subgroupSize = 32): string[] =>
    changesOf(planOf(network, { ...options, tuning: given }, target), subgroupSize, given).map(({ name }) => name);

  it("begin with what gains most", () => {
    expect(namesOf({}).slice(0, 2)).toEqual(["updates of 16 steps at once", "4 quads of columns"]);
    expect(namesOf({ batch: 64 })[0]).toBe("products shared by 4 of a subgroup, 2 quads");
  });

  it("agree with what the caller gave", () => {
    expect(namesOf({}, { deferredSteps: 1 })).not.toContain("updates of 16 steps at once");
    expect(namesOf({}, { columnQuads: 1 })).toContain("1 quad of columns");
    expect(namesOf({}, { columnQuads: 1 })).not.toContain("4 quads of columns");
    expect(namesOf({}, tunings.gpu)).toEqual(["1 quad of columns"]);
  });
});
