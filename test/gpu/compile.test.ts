/** Every kernel in every variant that differs in its text, through the compiler of this machine. */

import { describe, expect, it } from "vitest";
import { assemble, kernels, type Kernel, type KernelName } from "../../src/kernels.ts";
import { energyQuantities, traceQuantities, tuningFor, tunings, type PlanOptions } from "../../src/layout.ts";
import { resolveLearning, type LearningSpec, type NetworkSpec } from "../../src/spec.ts";
import { dispatchesOf, plan } from "../unit/planning.ts";
import { requestTestDevice } from "./device.ts";
import { useDevice } from "./shared-device.ts";

type Constants = Readonly<Record<string, number>>;

// ---- what is planned ----------------------------------------------------------------------------------------

/** Two levels, a loop, costs of both kinds, one of them of a wide softmax. */
function graph(more: Partial<NetworkSpec> = {}, plastic = false): NetworkSpec {
  const tau = { plasticTauM: plastic, plasticTauR: plastic };
  return {
    dt: 0.1,
    sources: [{ name: "x", size: 3 }],
    populations: [
      { name: "a", size: 6, tauM: 1, tauR: 1, activation: "tanh", ...tau },
      { name: "b", size: 4, tauM: 1, tauR: 1, activation: "linear", cost: { kind: "squared-error" } },
      { name: "c", size: 70, tauM: 1, tauR: 1, activation: "softplus", cost: { kind: "cross-entropy" } },
    ],
    projections: [
      { from: "x", to: "a" },
      { from: "a", to: "a" },
      { from: "a", to: "b" },
      { from: "a", to: "c" },
    ],
    ...more,
  };
}

const stack: NetworkSpec = {
  ...graph(),
  populations: graph().populations.slice(0, 2),
  projections: graph().projections.filter(({ from, to }) => from !== to && to !== "c"),
};
const sweep = { schedule: "sweep" } as const;
const window = { errors: "adjoint", window: 9 } as const;
const recordAll = traceQuantities.map((quantity) => ({ population: "a", quantity }));

const planned: readonly (readonly [NetworkSpec, LearningSpec, Partial<PlanOptions>?])[] = [
  [graph(), {}],
  [graph(), {}, { batch: 3, record: recordAll, energies: energyQuantities }],
  [graph(), {}, { batch: 64 }],
  [graph(), {}, { batch: 64, tuning: tuningFor({ software: true, subgroupSize: 4 }) }],
  [graph({ targetDelay: 1 }, true), { traces: "matched", optimizer: { kind: "sgd", eta: 0.1 } }, { batch: 3 }],
  [graph(sweep, true), { traces: "matched", optimizer: { kind: "momentum", eta: 0.1 } }, { record: recordAll }],
  [graph(sweep), { errors: "none" }],
  [stack, { lagAligned: true, gain: "corrected" }],
  [graph({}, true), window, { batch: 3, trajectoryBytes: 50_000 }],
  [graph(sweep), { ...window, optimizer: { kind: "accumulate" } }],
  // In one workgroup.
  [stack, { optimizer: { kind: "sgd", eta: 0.1 } }, { fuseSteps: true, tuning: { ...tunings.gpu, networkMemory: 0 } }],
  [stack, {}, { fuseSteps: true, tuning: { ...tunings.gpu, networkMemory: 2 ** 14 } }],
  [{ ...stack, ...sweep }, window, { fuseSteps: true, batch: 3 }],
];

/** Those of one kernel, without repeats. */
const plannedFor = (kernel: KernelName): Constants[] =>
  distinct(
    planned.flatMap(([spec, learning, options]) =>
      dispatchesOf(plan(spec, { ...options, learning: resolveLearning(learning) }))
        .filter((dispatch) => dispatch.kernel === kernel)
        .map(({ constants }) => constants),
    ),
  );

/** Sizes and places: all that matters to the compiler is whether they are 0. */
const numbers = new Set(
  ["BATCH", "TOP_DOWN", "DERIVATIVE", "PREVIOUS", "POWERS"].concat([
    "TAU_SIGNAL",
    "TAU_TRACE",
    "TAU_SUMS",
    "POTENTIAL_GRADIENT",
    "STEP_COSTS",
  ]),
);

/** One of those that are alike to the compiler. */
function distinct(all: readonly Constants[]): Constants[] {
  const keyOf = (constants: Constants): string =>
    JSON.stringify(Object.entries(constants).map(([name, value]) => [name, numbers.has(name) ? value !== 0 : value]));
  return [...new Map(all.map((constants) => [keyOf(constants), constants])).values()];
}

// ---- what is on the border ----------------------------------------------------------------------------------

/** Overrides in place of those of the first variant that is planned. */
const extremes: Readonly<Record<KernelName, readonly Constants[]>> = {
  initialize: [{ REPLICAS: 3, PARAMETER_STRIDE: 2 ** 20 }],
  neurons: [
    { FINISH: 1, BEGIN: 1, ERRORS: 0, COSTS: 0, TRACES: 0, HAS_WIDE_ROWS: 0, ACTIVATIONS: 1 },
    { FINISH: 1, BEGIN: 1, ERRORS: 2, COSTS: 1, TRACES: 32, HAS_WIDE_ROWS: 0, ACTIVATIONS: 2 },
    { FINISH: 1, BEGIN: 1, COSTS: 2, TRACES: 1, HAS_WIDE_ROWS: 0, ACTIVATIONS: 4 },
    { FINISH: 0, BEGIN: 1, ERRORS: 0, COSTS: 2, HAS_WIDE_ROWS: 1, ACTIVATIONS: 8 },
    { FINISH: 1, BEGIN: 0, ERRORS: 2, TRACES: 128, ACTIVATIONS: 16 },
    { FINISH: 1, BEGIN: 1, BATCH: 65536, COSTS: 0, ACTIVATIONS: 32 },
    { FINISH: 1, BEGIN: 1, ACTIVATIONS: 63, COSTS: 3, TRACES: 511, BEGIN_TRACES: 511, TRAJECTORY: 2, IS_ALIGNED: 1 },
  ],
  reverse: [{ BATCH: 65536, COSTS: 3, ACTIVATIONS: 63, HAS_DERIVATIVES: 1 }],
  synapses: [
    { LEARN: 0, SHARED: 1, QUADS: 1, ROWS: 64, WIDTH: 64, OPTIMIZER: 0 },
    { LEARN: 1, SHARED: 1, QUADS: 2, ROWS: 16, WIDTH: 64, OPTIMIZER: 1 },
    { LEARN: 1, SHARED: 1, QUADS: 1, ROWS: 4, WIDTH: 1, OPTIMIZER: 2 },
    { LEARN: 0, SHARED: 0, QUADS: 3, ROWS: 16, WIDTH: 16, OPTIMIZER: 2 },
    { LEARN: 1, SHARED: 0, QUADS: 4, ROWS: 64, WIDTH: 16, OPTIMIZER: 3 },
  ],
  synapses_batch: [
    { LEARN: 0, SHARED: 1, QUADS: 1, WIDTH: 64, BATCH: 16, LANES: 16, OPTIMIZER: 0 },
    { LEARN: 1, SHARED: 1, QUADS: 2, WIDTH: 64, BATCH: 2, LANES: 2, OPTIMIZER: 1 },
    { LEARN: 1, SHARED: 0, QUADS: 1, WIDTH: 1, BATCH: 5, LANES: 5, OPTIMIZER: 2 },
    { LEARN: 1, SHARED: 0, QUADS: 2, WIDTH: 8, BATCH: 9, LANES: 9, OPTIMIZER: 3 },
  ],
  propagate: [0, 1, 2 ** 32 - 1].map((advance) => ({ BATCH: 65536, ADVANCE: advance })),
  propagate_wide: [4, 8, 16].map((lanes) => ({ BATCH: 65536, LANES: lanes, OUTPUTS: 1 + Number(lanes === 8) })),
  propagate_subgroup: [4, 8, 12, 16].map((lanes) => ({
    BATCH: 65536,
    LANES: lanes,
    OUTPUTS: 1 + Number(lanes === 12),
  })),
  traces: [{ IS_ALIGNED: 0 }, { IS_ALIGNED: 1 }],
  learn: [0, 1, 2, 3].flatMap((optimizer) => [0, 1].map((matched) => ({ OPTIMIZER: optimizer, MATCHED: matched }))),
  learn_wide: [0, 1, 2, 3].map((optimizer) => ({ OPTIMIZER: optimizer, BATCH: 65536 })),
  learn_subgroup: [0, 1, 2, 3].map((optimizer) => ({ OPTIMIZER: optimizer, OUTPUTS: 1, BATCH: 65536 })),
  learn_time_constants: [0, 1, 2, 3].map((optimizer) => ({ OPTIMIZER: optimizer })),
  gradient: [{ BATCH: 65536, CONTINUES: 1 }],
  apply: [0, 1, 2, 3].map((optimizer) => ({ OPTIMIZER: optimizer })),
  energies: [{ BATCH: 65536, HAS_ERRORS: 0 }],
  network: [],
  network_local: [],
};

const variantsOf = (kernel: KernelName): Constants[] => {
  const all = plannedFor(kernel);
  return [...all, ...extremes[kernel].map((constants) => ({ ...all[0], ...constants }))];
};

// As the devices of users have it: with guards.
const device = useDevice({}, requestTestDevice);

function pipelineLayout({ bindings }: Kernel): GPUPipelineLayout {
  const types = { uniform: "uniform", read: "read-only-storage", "read-write": "storage" } as const;
  const last = Math.max(...bindings.map(({ group }) => group));
  const bindGroupLayouts = Array.from({ length: last + 1 }, (_, index) =>
    device().createBindGroupLayout({
      entries: bindings
        .filter(({ group }) => group === index)
        .map(({ access }, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: types[access] },
        })),
    }),
  );
  return device().createPipelineLayout({ bindGroupLayouts });
}

describe.each(Object.keys(kernels) as KernelName[])("kernel %s", (name) => {
  it("compiles without errors, warnings or remarks", async () => {
    const { code, locate } = assemble(name);
    const { messages } = await device().createShaderModule({ code }).getCompilationInfo();
    const said = messages.map(({ type, lineNum, message }) => ({ type, message, ...locate(lineNum) }));
    expect(said).toEqual([]);
  });

  it("is planned here, with no override that it does not have", () => {
    expect(plannedFor(name).length).toBeGreaterThan(0);
    const named = new Set(variantsOf(name).flatMap((constants) => Object.keys(constants)));
    const overrides: readonly string[] = kernels[name].overrides;
    expect([...named].filter((each) => !overrides.includes(each))).toEqual([]);
  });

  it.each(variantsOf(name).map((constants) => [JSON.stringify(constants), constants] as const))(
    "makes a pipeline of %s",
    async (_, constants) => {
      const module = device().createShaderModule({ code: assemble(name).code });
      const compute = { module, entryPoint: name, constants: { ...constants } };
      const pipeline = await device().createComputePipelineAsync({ layout: pipelineLayout(kernels[name]), compute });
      expect(pipeline).toBeDefined();
    },
  );
});
