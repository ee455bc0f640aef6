/** What the device can do at best, in this run: the rates that every figure of ours is set against. */

import type { Contestant } from "./contest.ts";
import { compileKernel, readBytes, submitPass, type BenchKernel, type BenchKernelName } from "./kernels.ts";
import { median } from "./statistics.ts";

export interface Denominators {
  /** f32 operations per second; a multiply-add is two. */
  readonly flops: number;
  /** Seconds of a dispatch that waits for the one before it, of a submit with one dispatch, of a submit and its answer. */
  readonly dispatchSeconds: number;
  readonly submitSeconds: number;
  readonly roundTripSeconds: number;
}

const widths = [64, 256] as const;
const workgroupCounts = [16, 128, 1024, 8192] as const;
/** Dispatches in one pass, each waiting for the one before it. */
const dispatches = 2000;
const submits = 200;
const roundTrips = 20;
const repeats = 3;

const milliseconds = (): number => performance.now();

/** Device times of one dispatch, of one submit and of one answer, and the rate of arithmetic. */
export async function measureDenominators(device: GPUDevice, signal?: AbortSignal): Promise<Denominators> {
  const tick = await compileKernel(device, "tick");
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
  const count = device.createBuffer({ label: "bench/count", size: 16, usage });
  try {
    const group = tick.bind([{ buffer: count }]);
    const seconds = async (work: () => Promise<void> | void): Promise<number> => {
      signal?.throwIfAborted();
      const start = milliseconds();
      await work();
      await device.queue.onSubmittedWorkDone();
      return (milliseconds() - start) / 1000;
    };
    const many = (times: number) => submitPass(device, (pass) => tick.encode(pass, group, 1, times));
    const once = async (): Promise<void> => {
      many(1);
      await readBytes(device, count, 0, 4);
    };
    await seconds(() => many(dispatches));
    const dispatch = await samplesOf(repeats, () => seconds(() => many(dispatches)));
    await expectCount(device, count, (repeats + 1) * dispatches);
    const submit = await samplesOf(repeats, () =>
      seconds(() => {
        for (let i = 0; i < submits; i++) many(1);
      }),
    );
    const answer = await samplesOf(roundTrips, () => seconds(once));
    return {
      flops: await measureArithmetic(device, seconds),
      dispatchSeconds: Math.min(...dispatch) / dispatches,
      submitSeconds: Math.min(...submit) / submits,
      roundTripSeconds: median(answer),
    };
  } finally {
    count.destroy();
  }
}

async function samplesOf(count: number, sample: () => Promise<number>): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < count; i++) samples.push(await sample());
  return samples;
}

/** A device that leaves dispatches out would look fast. */
async function expectCount(device: GPUDevice, buffer: GPUBuffer, expected: number): Promise<void> {
  const [found] = new Uint32Array(await readBytes(device, buffer, 0, 4));
  if (found !== expected)
    throw new Error(`${expected} dispatches that wait for each other counted to ${String(found)}.`);
}

const rounds = 512;
const chains = 8;

async function measureArithmetic(device: GPUDevice, seconds: (work: () => void) => Promise<number>): Promise<number> {
  const results = device.createBuffer({ size: 256 * 8192 * 4, usage: GPUBufferUsage.STORAGE });
  const factors = uniform(device, [0.999, 0.001, 0, 0]);
  let best = 0;
  try {
    for (const WIDTH of widths) {
      for (const BUILT_IN of [0, 1]) {
        const kernel = await compileKernel(device, "multiply_add", { WIDTH, ROUNDS: rounds, BUILT_IN });
        const group = kernel.bind([{ buffer: factors }, { buffer: results }]);
        for (const workgroups of [128, 1024, 8192]) {
          const work = 2 * workgroups * WIDTH * rounds * chains;
          const run = (times: number) =>
            seconds(() => submitPass(device, (p) => kernel.encode(p, group, workgroups, times)));
          const first = await run(1);
          // Enough for a clock of 0.1 ms, and not so much that a slow device takes long.
          const times = Math.min(64, Math.max(1, Math.ceil(0.02 / first)));
          const taken = first > 0.2 ? [first] : await samplesOf(repeats, () => run(times).then((all) => all / times));
          best = Math.max(best, work / Math.min(...taken));
          if (first > 0.2) break;
        }
      }
    }
    return best;
  } finally {
    results.destroy();
    factors.destroy();
  }
}

function uniform(device: GPUDevice, values: readonly number[]): GPUBuffer {
  const buffer = device.createBuffer({ size: 16, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(buffer, 0, Float32Array.from(values));
  return buffer;
}

// ---- bandwidth ----------------------------------------------------------------------------------------------

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

/**
 * Passes over `memory`, which is left as it is, each with the number of workgroups that is best here.
 *
 * @param memory of the weights of a simulator, bound whole.
 */
export async function openPasses(
  device: GPUDevice,
  memory: { readonly buffer: GPUBuffer; readonly offset: number; readonly size: number },
): Promise<Passes> {
  const { size } = memory;
  const owned: GPUBuffer[] = [uniform(device, [1, 1, 1, 1])];
  const storage = (bytes: number): GPUBuffer => {
    const buffer = device.createBuffer({ label: "bench/passes", size: bytes, usage: GPUBufferUsage.STORAGE });
    owned.push(buffer);
    return buffer;
  };
  const [factor] = owned as [GPUBuffer];
  const sums = storage(16 * 256 * 8192);
  const kinds: { name: string; kernel: BenchKernelName; bytes: number; buffers: GPUBufferBinding[] }[] = [
    { name: IN_PLACE, kernel: "in_place", bytes: 2 * size, buffers: [{ buffer: factor }, memory] },
    { name: READ, kernel: "sum_up", bytes: size, buffers: [memory, { buffer: sums }] },
  ];
  if (size <= largestCopy) {
    kinds.push({ name: COPY, kernel: "copy", bytes: 2 * size, buffers: [memory, { buffer: storage(size) }] });
  }
  const destroy = (): void => {
    for (const buffer of owned) buffer.destroy();
  };
  try {
    const contestants: Contestant[] = [];
    for (const { name, kernel, buffers } of kinds) {
      contestants.push({ name, run: await bestPass(device, kernel, buffers, size) });
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
  buffers: readonly GPUBufferBinding[],
  size: number,
): Promise<Contestant["run"]> {
  const start = milliseconds();
  let best: { run: Contestant["run"]; taken: number } | null = null;
  for (const WIDTH of widths) {
    const kernel = await compileKernel(device, name, { WIDTH });
    const group = kernel.bind(buffers);
    for (const workgroups of workgroupCounts) {
      const isMore = workgroups * WIDTH * 16 > size && workgroups > workgroupCounts[0];
      const isLate = best !== null && milliseconds() - start > searchMilliseconds;
      if (isMore || isLate) continue;
      const run = (times: number): Promise<void> => runPass(device, kernel, group, workgroups, times);
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
    const start = milliseconds();
    await run(times);
    return (milliseconds() - start) / times;
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
  group: GPUBindGroup,
  workgroups: number,
  times: number,
): Promise<void> {
  for (let left = times; left > 0; left -= 64) {
    submitPass(device, (pass) => kernel.encode(pass, group, workgroups, Math.min(left, 64)));
  }
  await device.queue.onSubmittedWorkDone();
}
