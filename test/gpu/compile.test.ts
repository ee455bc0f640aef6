/** Every kernel in every variant that differs in its text, through the compiler of this machine. */

import { describe, expect, it } from "vitest";
import { assemble, kernels, type Kernel, type KernelName } from "../../src/kernels.ts";
import { useDevice } from "./shared-device.ts";

type Constants = Readonly<Record<string, number>>;

const neurons = { FIELD: 64, BATCH: 3, ERRORS: 1, COSTS: 3, TRACES: 255, HAS_WIDE_ROWS: 1, ACTIVATIONS: 63 };

const variants: Readonly<Record<KernelName, readonly Constants[]>> = {
  initialize: [{ SEED_LOW: 2 ** 32 - 1, SEED_HIGH: 2 ** 21 - 1 }],
  neurons: [
    { ...neurons, FINISH: 0, BEGIN: 1 },
    { ...neurons, FINISH: 1, BEGIN: 1 },
    { ...neurons, FINISH: 1, BEGIN: 0 },
    { ...neurons, FINISH: 1, BEGIN: 1, ERRORS: 0, COSTS: 0, TRACES: 0, HAS_WIDE_ROWS: 0, ACTIVATIONS: 1 },
    { ...neurons, FINISH: 1, BEGIN: 1, ERRORS: 2, COSTS: 1, TRACES: 32, HAS_WIDE_ROWS: 0, ACTIVATIONS: 2 },
    { ...neurons, FINISH: 1, BEGIN: 1, COSTS: 2, TRACES: 1, HAS_WIDE_ROWS: 0, ACTIVATIONS: 4 },
    { ...neurons, FINISH: 0, BEGIN: 1, ERRORS: 0, COSTS: 2, HAS_WIDE_ROWS: 1, ACTIVATIONS: 8 },
    { ...neurons, FINISH: 1, BEGIN: 0, ERRORS: 2, TRACES: 128, ACTIVATIONS: 16 },
    { ...neurons, FINISH: 1, BEGIN: 1, BATCH: 65536, COSTS: 0, ACTIVATIONS: 32 },
  ],
  synapses: [
    { LEARN: 0, SHARED: 1, QUADS: 1, ROWS: 64, WIDTH: 64, OPTIMIZER: 0 },
    { LEARN: 1, SHARED: 1, QUADS: 2, ROWS: 16, WIDTH: 64, OPTIMIZER: 1 },
    { LEARN: 1, SHARED: 1, QUADS: 1, ROWS: 4, WIDTH: 1, OPTIMIZER: 2 },
    { LEARN: 0, SHARED: 0, QUADS: 3, ROWS: 16, WIDTH: 16, OPTIMIZER: 2 },
    { LEARN: 1, SHARED: 0, QUADS: 4, ROWS: 64, WIDTH: 16, OPTIMIZER: 3 },
  ],
  propagate: [{ BATCH: 2 }, { BATCH: 65536 }],
  learn: [0, 1, 2, 3].map((optimizer) => ({ BATCH: 2, OPTIMIZER: optimizer })),
};

const device = useDevice();

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

  it("names all of its overrides in its variants", () => {
    const named = new Set(variants[name].flatMap((constants) => Object.keys(constants)));
    expect([...named].toSorted()).toEqual(kernels[name].overrides.toSorted());
  });

  it.each(variants[name].map((constants) => [JSON.stringify(constants), constants] as const))(
    "makes a pipeline of %s",
    async (_, constants) => {
      const module = device().createShaderModule({ code: assemble(name).code });
      const compute = { module, entryPoint: name, constants: { ...constants } };
      const pipeline = await device().createComputePipelineAsync({ layout: pipelineLayout(kernels[name]), compute });
      expect(pipeline).toBeDefined();
    },
  );
});
