/** Every kernel against its f64 twin: one step, and three, from random states. */

import { describe, expect, it } from "vitest";
import { tunings } from "../../src/layout.ts";
import { describePlan } from "../../src/plan.ts";
import { layered, type LearningSpec, type NetworkSpec, type PopulationSpec } from "../../src/spec.ts";
import { useLazyDevice } from "./shared-device.ts";
import { expectSmall, Twin, type TwinOptions } from "./twin.ts";

const taus = { tauM: [0.5, 1.1, 1.9], tauR: [0.4, 1.3] } as const;

function population(name: string, size: number, activation: PopulationSpec["activation"]): PopulationSpec {
  return { name, size, activation, ...(size >= 3 ? taus : { tauM: 1.5, tauR: 0.6 }) };
}

/** Both sides of a quad and of a workgroup, all activations, recurrence, skips, and every mixture of what learns. */
const varied: NetworkSpec = {
  dt: 0.1,
  sources: [
    { name: "eye", size: 65 },
    { name: "ear", size: 3 },
  ],
  populations: [
    { ...population("one", 1, "linear"), gamma: 0.3 },
    population("below", 63, "tanh"),
    { ...population("equal", 64, "sigmoid"), bias: { plastic: false }, gamma: -0.5 },
    population("above", 65, "hard-sigmoid"),
    population("many", 257, "softplus"),
    { ...population("few", 5, "relu"), cost: { kind: "squared-error", beta: 0.5 } },
    { ...population("class", 10, "linear"), bias: false, cost: { kind: "cross-entropy", beta: 2 } },
  ],
  projections: [
    // Biases of "below" learn beside weights that do not.
    { from: "ear", to: "below", plastic: false },
    { from: "eye", to: "below" },
    { from: "below", to: "equal" },
    { from: "equal", to: "below" },
    { from: "equal", to: "above" },
    { from: "eye", to: "above", plastic: false },
    { from: "above", to: "many" },
    { from: "many", to: "many" },
    { from: "many", to: "one" },
    { from: "ear", to: "one" },
    { from: "one", to: "many" },
    { from: "one", to: "few" },
    { from: "many", to: "few" },
    { from: "many", to: "class" },
    { from: "below", to: "class", plastic: false },
  ],
};

/** Softmax over one invocation and over a workgroup, on both sides of the border. */
const classes: NetworkSpec = {
  dt: 0.1,
  sources: [{ name: "input", size: 9 }],
  populations: [
    population("hidden", 33, "tanh"),
    ...[2, 64, 65, 70, 300].map((size) => ({
      ...population(`classes${size}`, size, "linear" as const),
      cost: { kind: "cross-entropy" as const, beta: 0.7 },
    })),
  ],
  projections: [
    { from: "input", to: "hidden" },
    ...[2, 64, 65, 70, 300].map((size) => ({ from: "hidden", to: `classes${size}` })),
  ],
};

const stack = (input: number, hidden: number): NetworkSpec =>
  layered({
    dt: 0.1,
    input,
    hidden: [population("hidden", hidden, "tanh")],
    output: { size: 6, tauM: 1, tauR: 1, activation: "linear" },
    cost: { kind: "squared-error" },
  });

const recurrentAnd = (own: number, further: number): NetworkSpec => ({
  dt: 0.1,
  sources: [{ name: "input", size: 1 }],
  populations: [
    population("own", own, "tanh"),
    { ...population("further", further, "linear"), cost: { kind: "squared-error" } },
  ],
  projections: [
    { from: "input", to: "own" },
    { from: "own", to: "own" },
    { from: "own", to: "further" },
  ],
});

/**
 * Relative to the largest entry of the array. f32 rounds to 6e-8, a sum over some hundred products of random sign
 * adds ten of those, and the look-ahead takes them up to five times. A second and a third step do so again.
 */
const tolerance = { oneStep: 2e-6, threeSteps: 1e-5 };

const device = useLazyDevice();

/** Answers with the plan that was compared. */
async function compare(spec: NetworkSpec, options: TwinOptions): Promise<string> {
  // These are the kernels of networks that are too large for one workgroup.
  using twin = await Twin.create(device(), spec, { fuseSteps: false, ...options });
  const { oneStep, threeSteps } = tolerance;
  const phases = [
    // The feedback of the step before cannot be written; in a new simulator it is 0, like the reference's.
    { steps: 1, within: oneStep },
    // Now it is that of the first step, and meets other slopes.
    { steps: 1, within: oneStep, target: false },
    { steps: 3, within: threeSteps },
    { steps: 2, within: threeSteps, learn: false },
  ];
  for (const { steps, within, ...how } of phases) {
    twin.randomise();
    expectSmall({ ...(await twin.step(steps, how)), ...(await twin.differences()) }, within);
  }
  expect([...(await twin.padding())].filter((value) => !Object.is(value, 0))).toEqual([]);
  return describePlan(twin.sim.plan);
}

const optimizers = {
  sgd: { kind: "sgd", eta: 0.05 },
  momentum: { kind: "momentum", eta: 0.05, mu: 0.8 },
  adam: { kind: "adam", eta: 0.01, beta1: 0.8, beta2: 0.95, epsilon: 1e-4 },
  accumulate: { kind: "accumulate" },
} as const satisfies Record<string, LearningSpec["optimizer"]>;

describe("batch 1", () => {
  it.each(Object.entries(optimizers))("%s", async (_, optimizer) => {
    await compare(varied, { learning: { optimizer } });
  });

  it.each(["instantaneous", "none"] as const)("errors %s", async (errors) => {
    await compare(varied, { learning: { errors } });
  });

  it("one synapse", async () => {
    await compare(stack(1, 1), {});
  });

  it("wide softmax", async () => {
    await compare(classes, {});
  });

  it("tall tiles", async () => {
    // 2^20 weights and more are cut into taller tiles.
    await compare(stack(1030, 1021), {});
  });
});

/** A software adapter takes `tunings.cpu` by itself, a GPU `tunings.gpu`; both ways of cutting must be right. */
describe.each(Object.entries(tunings))("batch 1, cut for a %s", (_, tuning) => {
  it("adam", async () => {
    await compare(varied, { tuning, learning: { optimizer: optimizers.adam } });
  });
});

/** It is compiled for seconds: each optimiser in one form. */
describe.each([
  { optimizer: optimizers.adam, networkWidth: 1, networkMemory: 0, spec: varied },
  { optimizer: optimizers.sgd, networkWidth: 64, networkMemory: 0, spec: varied },
  { optimizer: optimizers.momentum, networkWidth: 4, networkMemory: 2 ** 14, spec: recurrentAnd(17, 5) },
])("batch 1 in one pass and one workgroup of $networkWidth", ({ optimizer, spec, ...given }) => {
  it(optimizer.kind, async () => {
    const tuning = { ...given, networkOnePass: true, networkProducts: 2 ** 20 };
    const plan = await compare(spec, { fuseSteps: true, tuning, learning: { optimizer } });
    expect(plan).toContain("IS_ONE_PASS=1");
    expect(plan).toMatch(given.networkMemory > 0 ? /STATES=/ : /INVOCATIONS=/);
  });
});

/** Every way in which the one pass is cut: quads of columns, sets of them, behind a barrier or not. */
describe.each([
  [1, 1],
  [1, 2],
  [1, 3],
  [1, 4],
  [2, 1],
  [3, 2],
  [7, 1],
  [16, 1],
])("batch %i in one pass, %i quads of columns", (batch, quads) => {
  it.each([false, true])("behind a barrier: %s", async (sharedCurrents) => {
    const tuning = {
      ...tunings.gpu,
      sharedCurrents,
      tileWidth: sharedCurrents ? 8 : 2,
      columnQuads: quads,
      batchColumnQuads: batch === 1 ? 1 : quads,
      // Several sets of columns in a tile, the last of them not full.
      tileSets: 2,
    };
    await compare(varied, { batch, tuning, learning: { optimizer: optimizers.adam } });
    if (batch < 4) await compare(stack(65, 33), { batch, tuning, learning: { optimizer: optimizers.sgd } });
  });
});

/** The products and the update of large batches, with all their shapes. */
it.each([
  [4, 1],
  [8, 2],
  [16, 1],
])("batches with %i batch rows and %i quads of outputs an invocation", async (wideLanes, wideOutputs) => {
  const tuning = { ...tunings.gpu, onePassBatch: 0, wideBatch: 1, wideWidth: 8, wideLanes, wideOutputs };
  await compare(varied, { batch: wideLanes + 1, tuning, learning: { optimizer: optimizers.adam } });
  await compare(stack(65, 33), { batch: wideLanes - 1, tuning, learning: { optimizer: optimizers.sgd } });
});

/** The same where a subgroup shares its loads, on both sides of the batch rows that it takes at a time, and of a workgroup. */
describe.each([
  { sharers: 4, wideOutputs: 1 },
  { sharers: 4, wideOutputs: 2 },
  { sharers: 8, wideOutputs: 1 },
] as const)("products shared by $sharers of a subgroup, $wideOutputs quads of outputs", ({ sharers, wideOutputs }) => {
  const tuning = { ...tunings.cpu, onePassBatch: 0, wideBatch: 1, wideWidth: 8, wideOutputs, sharers };

  it.each([1, 3, 4, 5, 8, 12, 13, 16, 17, 35])("batch %i", async (batch) => {
    if (sharers > (device().adapterInfo.subgroupMinSize ?? 0)) {
      // Here it can only be refused.
      await expect(compare(stack(1, 1), { batch, tuning })).rejects.toThrow(/^options\.tuning\.sharers is 8, but/);
      return;
    }
    const learning = { optimizer: batch % 2 === 0 ? optimizers.sgd : optimizers.adam };
    const plan = await compare(varied, { batch, tuning, learning });
    // The products' and the update's.
    expect(plan.split(`SHARERS=${sharers}`)).toHaveLength(3);
  });
});

/** Tiles inside a group of batch rows, and inside a row of blocks of synapses: each where it fills workgroups. */
it.each([
  { sizes: [128, 61], batch: 17, expected: [1, 0] },
  { sizes: [500, 100], batch: 9, expected: [1, 1] },
  { sizes: [33, 1], batch: 9, expected: [0, 0] },
])("wide tiles by rows, %j", async ({ sizes: [first = 0, second = 0], batch, expected: [byLanes, byRows] }) => {
  const tuning = { ...tunings.gpu, onePassBatch: 0, wideBatch: 1, wideWidth: 8, wideLanes: 8, wideOutputs: 2 };
  const options = { batch, tuning, learning: { optimizer: optimizers.sgd } };
  const plan = await compare(recurrentAnd(first, second), options);
  expect(plan).toContain(`BY_LANES=${byLanes}`);
  expect(plan).toContain(`BY_ROWS=${byRows}`);
});

it("batch 3 without the one pass", async () => {
  await compare(varied, { batch: 3, tuning: { ...tunings.gpu, onePassBatch: 0 } });
});

describe.each([2, 3, 5, 20, 67])("batch %i", (batch) => {
  it("adam", async () => {
    await compare(varied, { batch, learning: { optimizer: optimizers.adam } });
  });
});

describe("batch 3", () => {
  it.each(Object.entries(optimizers).filter(([name]) => name !== "adam"))("%s", async (_, optimizer) => {
    await compare(varied, { batch: 3, learning: { optimizer } });
  });

  it.each(["instantaneous", "none"] as const)("errors %s", async (errors) => {
    await compare(varied, { batch: 3, learning: { errors } });
  });

  it("one synapse", async () => {
    await compare(stack(1, 1), { batch: 3 });
  });

  it("wide softmax", async () => {
    await compare(classes, { batch: 3 });
  });

  it("long stretches", async () => {
    // Sums over more than 512 inputs are cut into several partial sums.
    await compare(stack(530, 600), { batch: 3 });
  });
});

describe("errors that nobody needs", () => {
  /** Only the readout learns, so no error is computed below it. */
  const readout: NetworkSpec = {
    dt: 0.1,
    sources: [{ name: "input", size: 9 }],
    populations: [
      { ...population("reservoir", 65, "tanh"), bias: { plastic: false } },
      { ...population("readout", 7, "linear"), cost: { kind: "squared-error" } },
    ],
    projections: [
      { from: "input", to: "reservoir", plastic: false },
      { from: "reservoir", to: "reservoir", plastic: false },
      { from: "reservoir", to: "readout" },
    ],
  };

  it.each([1, 3])("are left out without a trace in the others, batch %i", async (batch) => {
    await compare(readout, { batch, recordAll: false, learning: { optimizer: optimizers.sgd } });
  });

  it.each([1, 3])("are computed when they are recorded, batch %i", async (batch) => {
    await compare(readout, { batch, learning: { optimizer: optimizers.sgd } });
  });

  it.each([1, 3])("are all left out where nothing learns, and the cost is still told, batch %i", async (batch) => {
    const fixed: NetworkSpec = {
      ...readout,
      populations: readout.populations.map((each) => ({ ...each, bias: { plastic: false } })),
      projections: readout.projections.map((each) => ({ ...each, plastic: false })),
    };
    await compare(fixed, { batch, recordAll: false });
  });
});

it("a reset keeps the count of updates, which Adam needs", async () => {
  using twin = await Twin.create(device(), stack(9, 20), { learning: { optimizer: optimizers.adam } });
  twin.randomise();
  await twin.step(5);
  for (const each of [twin.sim, twin.reference]) each.reset();
  twin.randomise();
  expectSmall({ ...(await twin.step(1)), ...(await twin.differences()) }, tolerance.oneStep);
});
