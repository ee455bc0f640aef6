/** What a rule needs of a network, and what it refuses. */

import { describe, expect, it } from "vitest";
import { SpecError } from "../../src/errors.ts";
import { mostClasses, needsOf, type Needs } from "../../src/needs.ts";
import { layered, resolveLearning, resolveNetwork, type LearningSpec, type NetworkSpec } from "../../src/spec.ts";
import { refusal } from "./planning.ts";

const neurons = { tauM: 2, tauR: 1, activation: "tanh" } as const;

const stack = (more: Partial<Parameters<typeof layered>[0]> = {}): NetworkSpec =>
  layered({
    dt: 0.1,
    input: 3,
    hidden: [{ ...neurons, size: 4 }],
    output: { ...neurons, size: 2 },
    cost: { kind: "squared-error" },
    ...more,
  });

const needs = (spec: NetworkSpec, learning: LearningSpec = {}): Needs =>
  needsOf(resolveNetwork(spec), resolveLearning(learning));

const window = { errors: "adjoint", window: 5 } as const;

describe("classes of traces", () => {
  const ofHidden = (hidden: object): { representatives: readonly number[]; of: number[] } => {
    const { classes } = needs(stack({ hidden: [{ ...neurons, size: 6, ...hidden }] }), { traces: "matched" });
    const { representatives = [], of = new Uint8Array(0) } = classes[0] ?? {};
    return { representatives, of: [...of] };
  };

  it("are those of neurons with both time constants alike, in the order in which they come", () => {
    expect(ofHidden({})).toEqual({ representatives: [0], of: [0, 0, 0, 0, 0, 0] });
    expect(ofHidden({ tauM: [3, 2, 3] })).toEqual({ representatives: [0, 2], of: [0, 0, 1, 1, 0, 0] });
    expect(ofHidden({ tauM: [3, 3, 2], tauR: [1, 2] })).toEqual({
      representatives: [0, 3, 4],
      of: [0, 0, 0, 1, 2, 2],
    });
  });

  it("are one for each neuron whose time constants learn, be they alike now", () => {
    const own = { representatives: [0, 1, 2, 3, 4, 5], of: [0, 1, 2, 3, 4, 5] };
    expect(ofHidden({ plasticTauM: true })).toEqual(own);
    expect(ofHidden({ plasticTauR: true })).toEqual(own);
  });

  it("are one without matched traces", () => {
    for (const learning of [{}, { lagAligned: true }, window]) {
      const spec = stack({ hidden: [{ ...neurons, size: 6, tauM: [1, 2, 3] }] });
      expect(needs(spec, learning).classes.map(({ representatives }) => representatives)).toEqual([[0], [0]]);
    }
  });

  it(`are ${mostClasses} at most`, () => {
    const tauM = (count: number): number[] => Array.from({ length: count }, (_, i) => 1 + i);
    const spec = (count: number): NetworkSpec => stack({ hidden: [{ ...neurons, size: 20, tauM: tauM(count) }] });
    expect(mostClasses).toBe(16);
    expect(needs(spec(16), { traces: "matched" }).classes[0]?.representatives).toHaveLength(16);
    const error = refusal(() => needs(spec(17), { traces: "matched" }));
    expect(error).toBeInstanceOf(SpecError);
    expect(error).toMatchObject({ details: { path: "learning.traces", population: "hidden", limit: 16 } });
    expect((error as SpecError).message).toBe(
      'learning.traces is "matched", for which each distinct pair of time constants needs traces of its own: population ' +
        '"hidden" has more than 16 pairs of tauM and tauR. Use fewer, or traces "none".',
    );
    // Without traces nobody counts them.
    expect(needs(spec(17)).classes).toHaveLength(2);
  });

  it("of neurons that learn their time constants are named so when they are too many", () => {
    const spec = stack({ output: { ...neurons, size: 17, plasticTauR: true } });
    expect((refusal(() => needs(spec, { traces: "matched" })) as SpecError).message).toBe(
      'learning.traces is "matched", for which each distinct pair of time constants needs traces of its own: population ' +
        '"output" has more than 16 neurons whose time constants learn. Use fewer, or traces "none".',
    );
  });
});

describe("aligned lags", () => {
  it("need the projections up to the cost", () => {
    const deep = stack({ hidden: [4, 5, 6].map((size) => ({ ...neurons, size })) });
    expect(needs(deep, { lagAligned: true }).distances).toEqual([3, 2, 1, 0]);
    expect(needs(deep).distances).toBeNull();
  });

  it("are refused with time constants that learn", () => {
    for (const plastic of [{ plasticTauM: true }, { plasticTauR: true }]) {
      const spec = stack({ hidden: [{ ...neurons, size: 4, ...plastic }] });
      const error = refusal(() => needs(spec, { lagAligned: true }));
      expect(error).toMatchObject({ code: "SPEC_INVALID", details: { path: "learning.lagAligned" } });
      expect((error as SpecError).message).toBe(
        "learning.lagAligned is true, but time constants learn, whose lag is not aligned. Leave it out, or leave out " +
          "plasticTauM and plasticTauR.",
      );
    }
  });

  it("are refused in a sweep, where nothing lags", () => {
    expect(refusal(() => needs(stack({ schedule: "sweep" }), { lagAligned: true }))).toBeInstanceOf(SpecError);
  });
});

describe("one pass over the weights", () => {
  const cases: readonly [what: string, allows: boolean, spec: NetworkSpec, learning: LearningSpec][] = [
    ["the published rule", true, stack(), {}],
    ["instantaneous errors", true, stack(), { errors: "instantaneous" }],
    ["no errors", true, stack(), { errors: "none" }],
    ["no feedback", true, stack(), { feedback: "none" }],
    ["the corrected gain", true, stack(), { gain: "corrected" }],
    ["a target delay", true, stack({ targetDelay: 1 }), {}],
    ["time constants that learn", true, stack({ output: { ...neurons, size: 2, plasticTauM: true } }), {}],
    // Level by level.
    ["a sweep", false, stack({ schedule: "sweep" }), {}],
    // There is no error on the way forward.
    ["windows", false, stack(), window],
    // Weights do not learn from what is multiplied with them.
    ["matched traces", false, stack(), { traces: "matched" }],
    ["aligned lags", false, stack(), { lagAligned: true }],
    // Two products with two matrices.
    ["random feedback", false, stack(), { feedback: "random" }],
  ];

  it.each(cases)("of %s: %s", (_, allows, spec, learning) => {
    expect(needs(spec, learning).allowsOnePass).toBe(allows);
  });
});

describe("what is kept", () => {
  it("of the step before are rates that cross it in a sweep", () => {
    const loop = (schedule: "sweep" | "jacobi"): NetworkSpec => {
      const spec = stack({ schedule });
      return { ...spec, projections: [...spec.projections, { from: "hidden", to: "hidden" }] };
    };
    expect(needs(loop("sweep")).keepsRates).toBe(true);
    expect(needs(stack({ schedule: "sweep" })).keepsRates).toBe(false);
    // All rates are those of the step before.
    expect(needs(loop("jacobi")).keepsRates).toBe(false);
  });

  it("of a window are sums for time constants that learn, or where gradients are only measured", () => {
    const plastic = stack({ output: { ...neurons, size: 2, plasticTauM: true } });
    const accumulate = { kind: "accumulate" } as const;
    expect(needs(plastic, window).sumsTau).toBe(true);
    expect(needs(stack(), { ...window, optimizer: accumulate }).sumsTau).toBe(true);
    expect(needs(stack(), window).sumsTau).toBe(false);
    // In the moment they are not sums.
    expect(needs(plastic).sumsTau).toBe(false);
    expect(needs(plastic, { optimizer: accumulate }).sumsTau).toBe(false);
  });

  it("tells errors, schedule and traces apart", () => {
    const kinds = ({ isOnline, isAdjoint, isSweep, isTraced, isMatched, learnsTauM, learnsTauR }: Needs) => ({
      isOnline,
      isAdjoint,
      isSweep,
      isTraced,
      isMatched,
      learnsTauM,
      learnsTauR,
    });
    const plain = {
      isOnline: true,
      isAdjoint: false,
      isSweep: false,
      isTraced: false,
      isMatched: false,
      learnsTauM: false,
      learnsTauR: false,
    };
    expect(kinds(needs(stack()))).toEqual(plain);
    expect(kinds(needs(stack({ schedule: "sweep" })))).toEqual({ ...plain, isSweep: true });
    expect(kinds(needs(stack(), window))).toEqual({ ...plain, isOnline: false, isAdjoint: true });
    expect(kinds(needs(stack(), { errors: "none" }))).toEqual({ ...plain, isOnline: false });
    expect(kinds(needs(stack(), { traces: "matched" }))).toEqual({ ...plain, isTraced: true, isMatched: true });
    expect(kinds(needs(stack(), { lagAligned: true }))).toEqual({ ...plain, isTraced: true });
    const learns = stack({ output: { ...neurons, size: 2, plasticTauM: true, plasticTauR: true } });
    expect(kinds(needs(learns))).toEqual({ ...plain, learnsTauM: true, learnsTauR: true });
  });
});
