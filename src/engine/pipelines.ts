/** Pipelines and bind groups of the dispatches of a plan. */

import { KernelError } from "../errors.ts";
import { assemble, kernels, type Access, type Binding, type Kernel, type KernelName } from "../kernels.ts";
import type { BufferName, Dispatch, Plan } from "../plan.ts";
import { tileBytes, timesStride } from "../tables.ts";
import type { TileRange } from "../tiles.ts";

const stageCompute = 4;

export interface Compiled {
  readonly pipeline: GPUComputePipeline;
  readonly groups: readonly GPUBindGroup[];
  readonly workgroups: readonly [number, number];
}

/** What the device says of the calls in `body`, one answer for each filter; the scopes are closed whatever happens. */
export function captureErrors(
  device: GPUDevice,
  filters: readonly GPUErrorFilter[],
  body: () => void,
): Promise<(GPUError | null)[]> {
  for (const filter of filters) device.pushErrorScope(filter);
  const close = (): Promise<GPUError | null>[] => filters.map(() => device.popErrorScope());
  try {
    body();
  } catch (error) {
    for (const answer of close()) answer.catch(() => undefined);
    throw error;
  }
  return Promise.all(close());
}

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layouts: readonly GPUBindGroupLayout[];
}

/** Dispatches that differ in their buffers only share a pipeline. */
export async function compile(
  device: GPUDevice,
  plan: Plan,
  dispatch: Dispatch,
  buffers: ReadonlyMap<BufferName, GPUBuffer>,
  label: string,
  pipelines: Map<string, Promise<Pipeline>>,
): Promise<Compiled> {
  const { kernel: name, workgroups } = dispatch;
  const constants = { ...plan.overrides, ...dispatch.constants };
  const key = JSON.stringify([name, constants]);
  const made = pipelines.get(key) ?? pipelineOf(device, { ...dispatch, constants }, label);
  pipelines.set(key, made);
  const { pipeline, layouts } = await made;
  const names: Readonly<Record<string, BufferName>> = dispatch.buffers;
  const groups = groupsOf(kernels[name]).map((bindings, group) =>
    device.createBindGroup({
      label: `${label}/${dispatch.label}/${group}`,
      layout: layouts[group] as GPUBindGroupLayout,
      entries: bindings.map((binding, index) => ({
        binding: index,
        resource: {
          buffer: buffers.get(names[binding.name] as BufferName) as GPUBuffer,
          ...(tableNames.has(binding.name) && dispatch.tiles !== undefined && rangeOf(dispatch.tiles)),
          ...(binding.name === "times" && { offset: (dispatch.power ?? 0) * timesStride, size: 16 }),
        },
      })),
    }),
  );
  return { pipeline, groups, workgroups };
}

async function pipelineOf(device: GPUDevice, dispatch: Dispatch, label: string): Promise<Pipeline> {
  const { kernel: name, constants } = dispatch;
  const layouts = groupsOf(kernels[name]).map((bindings, group) =>
    device.createBindGroupLayout({ label: `${label}/${name}/${group}`, entries: bindings.map(layoutEntry) }),
  );
  const pipeline = await createPipeline(device, name, layouts, constants, `${label}/${dispatch.label}`);
  return { pipeline, layouts };
}

/** Bindings of which a dispatch may have a part. */
const tableNames: ReadonlySet<string> = new Set(["tiles", "blocks"]);

/** Of a table of tiles, or of blocks to fill, in bytes: rows of both are as large. */
const rangeOf = ({ first, count }: TileRange): { offset: number; size: number } => ({
  offset: first * tileBytes,
  size: count * tileBytes,
});

function groupsOf({ bindings }: Kernel): Binding[][] {
  const count = Math.max(...bindings.map(({ group }) => group)) + 1;
  return Array.from({ length: count }, (_, group) => bindings.filter((binding) => binding.group === group));
}

const bufferTypes: Record<Access, GPUBufferBindingType> = {
  uniform: "uniform",
  read: "read-only-storage",
  "read-write": "storage",
};

const layoutEntry = ({ access }: Binding, binding: number): GPUBindGroupLayoutEntry => ({
  binding,
  visibility: stageCompute,
  buffer: { type: bufferTypes[access] },
});

async function createPipeline(
  device: GPUDevice,
  name: KernelName,
  bindGroupLayouts: GPUBindGroupLayout[],
  constants: Readonly<Record<string, number>>,
  label: string,
): Promise<GPUComputePipeline> {
  const { code, locate } = assemble(name);
  const made: { module?: GPUShaderModule; layout?: GPUPipelineLayout } = {};
  // The pipeline's own failure says more than the scopes, which only keep the host's listeners from hearing of it.
  const errors = captureErrors(device, ["validation"], () => {
    made.module = device.createShaderModule({ label: name, code });
    made.layout = device.createPipelineLayout({ label, bindGroupLayouts });
  });
  const { module, layout } = made as Required<typeof made>;
  try {
    return await device.createComputePipelineAsync({
      label,
      layout,
      compute: { module, entryPoint: name, constants: { ...constants } },
    });
  } catch (cause) {
    const { messages } = await module.getCompilationInfo();
    const message = messages.find(({ type }) => type === "error");
    const at = locate(message?.lineNum ?? 1);
    const text = message?.message ?? (cause instanceof Error ? cause.message : String(cause));
    throw new KernelError(`${at.file}:${at.line}:${message?.linePos ?? 0} ${text}`, {
      kernel: name,
      file: at.file,
      line: at.line,
      column: message?.linePos ?? 0,
    });
  } finally {
    await errors;
  }
}
