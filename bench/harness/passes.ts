/** Passes over the memory of a network's weights: what its bandwidth is at best. */

import type { Contestant } from "./contest.ts";
import { compileKernel, submitPass, uniformOf, type BenchKernel, type BenchKernelName } from "./kernels.ts";

/** Lanes of a workgroup, of which the better ones are taken. */
const widths = [64, 256] as const;
const workgroupCounts = [16, 128, 1024, 8192] as const;

/** Passes over a stretch of memory, as contestants beside the steps that read and write the same bytes. */
export interface Passes {
  readonly contestants: readonly Contestant[];
  /** Bytes that one pass moves, by contestant. */
  readonly bytes: Readonly<Record<string, number>>;
  destroy(): void;
}

export const IN_PLACE = "in place";
export const COPY = "copy";
export const READ = "read";

/** Above this a copy of the memory would not fit beside it everywhere. */
const largestCopy = 512 * 2 ** 20;
/** Milliseconds after which no further number of workgroups is tried. */
const searchMilliseconds = 1500;

/** A stretch of a buffer, in bytes. */
export interface Stretch {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/**
 * Passes over memory, which is left as it is, each with the number of workgroups that is best here.
 *
 * @param stretches of the weights of a simulator: several where one may not be bound whole.
 */
export async function openPasses(device: GPUDevice, stretches: readonly Stretch[]): Promise<Passes> {
  const size = stretches.reduce((sum, stretch) => sum + stretch.size, 0);
  const owned: GPUBuffer[] = [uniformOf(device, [1, 1, 1, 1])];
  const storage = (bytes: number): GPUBuffer => {
    const buffer = device.createBuffer({ label: "bench/passes", size: bytes, usage: GPUBufferUsage.STORAGE });
    owned.push(buffer);
    return buffer;
  };
  const [factor] = owned as [GPUBuffer];
  const sums = storage(16 * 256 * 8192);
  const kinds: { name: string; kernel: BenchKernelName; bytes: number; bind: (part: Stretch) => GPUBufferBinding[] }[] =
    [
      { name: IN_PLACE, kernel: "in_place", bytes: 2 * size, bind: (part) => [{ buffer: factor }, part] },
      { name: READ, kernel: "sum_up", bytes: size, bind: (part) => [part, { buffer: sums }] },
    ];
  if (size <= largestCopy) {
    const goals = new Map(stretches.map((part) => [part, storage(part.size)]));
    const bind = (part: Stretch) => [part, { buffer: goals.get(part) as GPUBuffer }];
    kinds.push({ name: COPY, kernel: "copy", bytes: 2 * size, bind });
  }
  const destroy = (): void => {
    for (const buffer of owned) buffer.destroy();
  };
  try {
    const contestants: Contestant[] = [];
    for (const { name, kernel, bind } of kinds) {
      contestants.push({ name, run: await bestPass(device, kernel, stretches.map(bind), size) });
    }
    return { contestants, bytes: Object.fromEntries(kinds.map(({ name, bytes }) => [name, bytes])), destroy };
  } catch (error) {
    destroy();
    throw error;
  }
}

async function bestPass(
  device: GPUDevice,
  name: BenchKernelName,
  bindings: readonly (readonly GPUBufferBinding[])[],
  size: number,
): Promise<Contestant["run"]> {
  const start = performance.now();
  let best: { run: Contestant["run"]; taken: number } | null = null;
  for (const WIDTH of widths) {
    const kernel = await compileKernel(device, name, { WIDTH });
    const parts = bindings.map((buffers) => kernel.bind(buffers));
    for (const workgroups of workgroupCounts) {
      const isMore = workgroups * WIDTH * 16 > size && workgroups > workgroupCounts[0];
      const isLate = best !== null && performance.now() - start > searchMilliseconds;
      if (isMore || isLate) continue;
      const run = (times: number): Promise<void> => runPass(device, kernel, parts, workgroups, times);
      const taken = await quickest(run);
      if (best === null || taken < best.taken) best = { run, taken };
    }
  }
  if (best === null) throw new Error("There is no number of workgroups to try.");
  return best.run;
}

/** Milliseconds of a pass, the best of a few. */
async function quickest(run: Contestant["run"]): Promise<number> {
  const timed = async (times: number): Promise<number> => {
    const start = performance.now();
    await run(times);
    return (performance.now() - start) / times;
  };
  const first = await timed(1);
  if (first > 100) return first;
  const times = Math.min(200, Math.max(1, Math.ceil(10 / Math.max(first, 0.01))));
  return Math.min(await timed(times), await timed(times));
}

/** Submits of about 64 passes at most. */
async function runPass(
  device: GPUDevice,
  kernel: BenchKernel,
  parts: readonly GPUBindGroup[],
  workgroups: number,
  times: number,
): Promise<void> {
  for (let left = times; left > 0; left -= 64) {
    submitPass(device, (pass) => {
      for (let time = 0; time < Math.min(left, 64); time++) {
        for (const part of parts) kernel.encode(pass, part, workgroups);
      }
    });
  }
  await device.queue.onSubmittedWorkDone();
}
