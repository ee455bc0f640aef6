/** Rules beyond the published one at sizes on both sides of a quad's and a workgroup's, against the f64 twin. */

import { describe, expect, it } from "vitest";
import { tunings } from "../../src/layout.ts";
import type { LearningSpec, NetworkSpec } from "../../src/spec.ts";
import { followWindows, populationsOfSizes, sizes } from "./graphs.ts";
import { useLazyDevice } from "./shared-device.ts";
import { expectSmall, Twin } from "./twin.ts";

const device = useLazyDevice();

/** All of them in three levels, a loop, and costs of both kinds: softmax in one invocation and in a workgroup. */
function graph(more: Partial<NetworkSpec> = {}): NetworkSpec {
  const costed = (name: keyof typeof sizes | "few", size: number, kind: "squared-error" | "cross-entropy") =>
    ({
      name: `${kind} of ${name}`,
      size,
      tauM: 1,
      tauR: 0.7,
      activation: "linear",
      cost: { kind, beta: 0.5 },
    }) as const;
  return {
    dt: 0.1,
    sources: [{ name: "x", size: sizes.above }],
    populations: [
      ...populationsOfSizes([1, 2, 3], [0.5, 0.8]),
      costed("few", 5, "squared-error"),
      costed("many", sizes.many, "squared-error"),
      costed("equal", sizes.equal, "cross-entropy"),
      costed("above", sizes.above, "cross-entropy"),
    ],
    projections: [
      ...["one", "below", "equal", "above"].flatMap((name) => [
        { from: "x", to: name },
        { from: name, to: "many" },
      ]),
      { from: "many", to: "many", init: { kind: "uniform", scale: 0.5 } },
      { from: "one", to: "squared-error of few" },
      { from: "above", to: "squared-error of few" },
      { from: "equal", to: "squared-error of many" },
      { from: "many", to: "squared-error of many" },
      { from: "many", to: "cross-entropy of equal" },
      { from: "many", to: "cross-entropy of above" },
    ],
    ...more,
  };
}

const sgd = { kind: "sgd", eta: 0.01 } as const;

const rules: Readonly<Record<string, { readonly more: Partial<NetworkSpec>; readonly learning: LearningSpec }>> = {
  "a sweep": { more: { schedule: "sweep" }, learning: { optimizer: { kind: "momentum", eta: 0.01 } } },
  "matched traces": { more: {}, learning: { traces: "matched", optimizer: sgd } },
  "matched traces in a sweep": { more: { schedule: "sweep" }, learning: { traces: "matched", optimizer: sgd } },
};

/**
 * As in the tests of the rules: f32 rounds to 6e-8, sums of some hundred products and the look-ahead take it up several
 * times; a wrong index, sign or order is 1e-2 and more.
 */
const within = 2e-5;

describe.each([1, 5])("batch %i", (batch) => {
  it.each(Object.entries(rules))("%s", async (_, { more, learning }) => {
    using twin = await Twin.create(device(), graph(more), { batch, seed: 5, learning, fuseSteps: false });
    twin.randomise();
    expectSmall({ ...(await twin.step(1)), ...(await twin.differences()) }, within);
    expectSmall({ ...(await twin.step(3)), ...(await twin.differences()) }, within);
    expect([...(await twin.padding())].filter((value) => !Object.is(value, 0))).toEqual([]);
  });

  it.each(["jacobi", "sweep"] as const)("windows, %s", async (schedule) => {
    const given = { spec: graph({ schedule }), window: 6, windows: 2 };
    await followWindows(device(), given, { batch, fuseSteps: false });
  });
});

/** As on a GPU: a population has more quads than the workgroup has invocations. */
describe("in one workgroup of 64", () => {
  const taus = { plasticTauM: true, plasticTauR: true } as const;
  const small = (schedule: "jacobi" | "sweep"): NetworkSpec => ({
    dt: 0.1,
    schedule,
    sources: [{ name: "x", size: 5 }],
    populations: [
      { name: "a", size: 260, tauM: [1, 2, 3], tauR: [1, 1.5], activation: "tanh" },
      {
        name: "c",
        size: 4,
        tauM: 1,
        tauR: 1,
        activation: "linear",
        cost: { kind: "squared-error", beta: 0.5 },
        ...taus,
      },
    ],
    projections: [
      { from: "x", to: "a" },
      { from: "a", to: "c" },
      { from: "c", to: "a", recurrent: true },
    ],
  });
  const fused = { batch: 3, fuseSteps: true, tuning: { ...tunings.gpu, networkProducts: 2 ** 20 } } as const;

  it("a sweep with matched traces", async () => {
    const learning: LearningSpec = { traces: "matched", optimizer: sgd };
    using twin = await Twin.create(device(), small("sweep"), { ...fused, seed: 5, learning });
    expect(twin.sim.plan.programs.network).not.toBeNull();
    twin.randomise();
    expectSmall({ ...(await twin.step(1)), ...(await twin.differences()) }, within);
    // Dispatches of 4, 2 and 1 steps.
    expectSmall({ ...(await twin.step(7)), ...(await twin.differences()) }, within);
  });

  it("windows", async () => {
    const given = { spec: small("jacobi"), window: 6, windows: 2, optimizer: { kind: "adam", eta: 0.001 } } as const;
    await followWindows(device(), given, fused);
  });
});
