/** GPU time of each kernel, by timestamps around passes of one dispatch each. */

import type { Simulator } from "../../src/index.ts";
import { readBytes } from "./kernels.ts";

export interface KernelTime {
  /** Of the pipeline, without the prefix of the simulator. */
  readonly kernel: string;
  readonly secondsPerStep: number;
}

/** Most timestamps of a query set. */
const mostQueries = 4096;
/** Times that it is tried, less often if it takes longer than so many seconds; the least time of each kernel counts. */
const tries = 5;
const mostSeconds = 0.5;

/**
 * Encodes `steps` steps with a pass for each dispatch, and adds up their times. Null where the device has no timestamps.
 * Passes of their own make a step slower than it is; browsers round timestamps to 0.1 ms.
 */
export async function profile(sim: Simulator, steps: number, learn: boolean): Promise<readonly KernelTime[] | null> {
  const { device } = sim;
  if (!device.features.has("timestamp-query")) return null;
  const querySet = device.createQuerySet({ label: "bench/profile", type: "timestamp", count: mostQueries });
  const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
  const resolved = device.createBuffer({ label: "bench/profile", size: mostQueries * 8, usage });
  try {
    const least = new Map<string, number>();
    const start = performance.now();
    for (let i = 0; i < tries && (i === 0 || performance.now() - start < 1000 * mostSeconds); i++) {
      const encoder = device.createCommandEncoder({ label: "bench/profile" });
      const kernels = watchDispatches(encoder, querySet);
      sim.encode(encoder, { steps, learn });
      encoder.resolveQuerySet(querySet, 0, 2 * kernels.length, resolved, 0);
      device.queue.submit([encoder.finish()]);
      const times = new BigUint64Array(await readBytes(device, resolved, 0, 16 * kernels.length));
      for (const [kernel, nanoseconds] of sumsOf(kernels, times)) {
        least.set(kernel, Math.min(least.get(kernel) ?? Infinity, nanoseconds));
      }
    }
    return Array.from(least, ([kernel, nanoseconds]) => ({ kernel, secondsPerStep: nanoseconds / 1e9 / steps }));
  } finally {
    querySet.destroy();
    resolved.destroy();
  }
}

/** Nanoseconds of each kernel, from the timestamps at both ends of every dispatch. */
function sumsOf(kernels: readonly string[], times: BigUint64Array): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const [index, kernel] of kernels.entries()) {
    const nanoseconds = Number((times[2 * index + 1] ?? 0n) - (times[2 * index] ?? 0n));
    sums.set(kernel, (sums.get(kernel) ?? 0) + nanoseconds);
  }
  return sums;
}

/** Makes `encoder` begin a pass for each dispatch. The result names the kernels in their order, and fills while encoding. */
function watchDispatches(encoder: GPUCommandEncoder, querySet: GPUQuerySet): readonly string[] {
  const kernels: string[] = [];
  const begin = encoder.beginComputePass.bind(encoder);
  const beginComputePass = (): GPUComputePassEncoder => {
    let pipeline: GPUComputePipeline | null = null;
    const groups = new Map<number, GPUBindGroup>();
    const pass: Pick<GPUComputePassEncoder, "setPipeline" | "dispatchWorkgroups" | "end"> & {
      setBindGroup(index: number, group: GPUBindGroup): undefined;
    } = {
      setPipeline: (next) => void (pipeline = next),
      setBindGroup: (index, group) => void groups.set(index, group),
      dispatchWorkgroups(...workgroups) {
        if (pipeline === null) throw new Error("A dispatch has no pipeline.");
        const first = 2 * kernels.length;
        kernels.push(pipeline.label.replace(/^[^/]*\//, ""));
        const beginningOfPassWriteIndex = first;
        const endOfPassWriteIndex = first + 1;
        const own = begin({ timestampWrites: { querySet, beginningOfPassWriteIndex, endOfPassWriteIndex } });
        own.setPipeline(pipeline);
        for (const [index, group] of groups) own.setBindGroup(index, group);
        own.dispatchWorkgroups(...workgroups);
        own.end();
      },
      end: () => undefined,
    };
    // The simulator calls no more of a pass than this.
    return pass as unknown as GPUComputePassEncoder;
  };
  Object.defineProperty(encoder, "beginComputePass", { value: beginComputePass });
  return kernels;
}
