/** What the device can do at best, in this run: the rates that every figure of ours is set against. */

import type { Contestant } from "./contest.ts";
import { compileKernel, readBytes, submitPass, uniformOf, type BenchKernel } from "./kernels.ts";
import { median } from "./statistics.ts";

export interface Denominators {
  /** f32 operations per second; a multiply-add is two. */
  readonly flops: number;
  /** Seconds of a dispatch that waits for the one before it, of a submit with one dispatch, of a submit and its answer. */
  readonly dispatchSeconds: number;
  readonly submitSeconds: number;
  readonly roundTripSeconds: number;
}

/** A denominator that can take turns with what is set against it. */
export interface Yardstick {
  readonly contestant: Contestant;
  /** Operations, or dispatches, of one time. */
  readonly perTime: number;
}

export interface Yardsticks {
  readonly arithmetic: Yardstick;
  readonly dispatches: Yardstick;
  destroy(): void;
}

export const ARITHMETIC = "arithmetic";
export const DISPATCHES = "dispatches";

/** Dispatches in one pass, each waiting for the one before it. */
const dispatches = 2000;
const submits = 200;
const roundTrips = 20;
const repeats = 3;
const rounds = 512;
const chains = 8;
/** Lanes of a workgroup and workgroups of a dispatch; the best of them is taken. */
const widths = [64, 256] as const;
const workgroupCounts = [128, 1024, 8192] as const;
/** Seconds after which a dispatch has no larger one after it: it fills the device. */
const longDispatch = 0.2;

/** Makes the yardsticks, and chooses the kernel that is best at arithmetic here. */
export async function openYardsticks(device: GPUDevice): Promise<Yardsticks> {
  const tick = await compileKernel(device, "tick");
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
  const count = device.createBuffer({ label: "bench/count", size: 16, usage });
  const results = device.createBuffer({ label: "bench/results", size: 256 * 8192 * 4, usage });
  const factors = uniformOf(device, [0.999, 0.001, 0, 0]);
  const ticks = tick.bind([{ buffer: count }]);
  const best = await bestArithmetic(device, [{ buffer: factors }, { buffer: results }]);
  return {
    arithmetic: { contestant: repeated(device, ARITHMETIC, best, 16), perTime: best.operations },
    dispatches: {
      contestant: repeated(device, DISPATCHES, { kernel: tick, group: ticks, workgroups: 1 }, dispatches),
      perTime: 1,
    },
    destroy() {
      for (const buffer of [count, results, factors]) buffer.destroy();
    },
  };
}

/** Times of one dispatch, of one submit and of one answer, and the rate of arithmetic. */
export async function measureDenominators(
  device: GPUDevice,
  { arithmetic, dispatches: ticks }: Yardsticks,
  signal?: AbortSignal,
): Promise<Denominators> {
  const tick = await compileKernel(device, "tick");
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
  const buffer = device.createBuffer({ label: "bench/count", size: 16, usage });
  const group = tick.bind([{ buffer }]);
  const submitTicks = (times: number) => submitPass(device, (pass) => tick.encode(pass, group, 1, times));
  const seconds = async (work: () => Promise<unknown>): Promise<number> => {
    signal?.throwIfAborted();
    const start = performance.now();
    await work();
    return (performance.now() - start) / 1000;
  };
  const submitMany = () => {
    for (let i = 0; i < submits; i++) submitTicks(1);
    return device.queue.onSubmittedWorkDone();
  };
  try {
    submitTicks(dispatches);
    await expectCount(device, buffer);
    const dispatch = await samplesOf(repeats, () => seconds(() => ticks.contestant.run(dispatches)));
    const submit = await samplesOf(repeats, () => seconds(submitMany));
    const answer = await samplesOf(roundTrips, () => seconds(() => readBytes(device, buffer, 0, 4)));
    const once = await seconds(() => arithmetic.contestant.run(1));
    // Enough for a clock of 0.1 ms.
    const times = Math.min(64, Math.max(1, Math.ceil(0.05 / once)));
    const work = await samplesOf(repeats, () => seconds(() => arithmetic.contestant.run(times)));
    return {
      flops: (times * arithmetic.perTime) / Math.min(...work),
      dispatchSeconds: Math.min(...dispatch) / dispatches,
      submitSeconds: Math.min(...submit) / submits,
      roundTripSeconds: median(answer),
    };
  } finally {
    buffer.destroy();
  }
}

async function samplesOf(count: number, sample: () => Promise<number>): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < count; i++) samples.push(await sample());
  return samples;
}

/** A device that leaves dispatches out would look fast. */
async function expectCount(device: GPUDevice, buffer: GPUBuffer): Promise<void> {
  const [found] = new Uint32Array(await readBytes(device, buffer, 0, 4));
  if (found === dispatches) return;
  throw new Error(`${dispatches} dispatches that wait for each other counted to ${String(found)}.`);
}

interface Work {
  readonly kernel: BenchKernel;
  readonly group: GPUBindGroup;
  readonly workgroups: number;
}

/** Dispatches in passes of at most `most`, a submit each. */
function repeated(device: GPUDevice, name: string, { kernel, group, workgroups }: Work, most: number): Contestant {
  return {
    name,
    run(times) {
      for (let left = times; left > 0; left -= most) {
        submitPass(device, (pass) => kernel.encode(pass, group, workgroups, Math.min(left, most)));
      }
      return device.queue.onSubmittedWorkDone();
    },
  };
}

async function bestArithmetic(
  device: GPUDevice,
  buffers: readonly GPUBufferBinding[],
): Promise<Work & { readonly operations: number }> {
  const found: (Work & { operations: number; rate: number })[] = [];
  for (const WIDTH of widths) {
    for (const BUILT_IN of [0, 1]) {
      const kernel = await compileKernel(device, "multiply_add", { WIDTH, ROUNDS: rounds, BUILT_IN });
      const group = kernel.bind(buffers);
      for (const workgroups of workgroupCounts) {
        const { run } = repeated(device, "", { kernel, group, workgroups }, 16);
        const timed = async (times: number): Promise<number> => {
          const start = performance.now();
          await run(times);
          return (performance.now() - start) / 1000 / times;
        };
        const first = await timed(1);
        const taken = first > longDispatch ? first : Math.min(await timed(2), await timed(4), await timed(8));
        const operations = 2 * workgroups * WIDTH * rounds * chains;
        found.push({ kernel, group, workgroups, operations, rate: operations / taken });
        if (taken > longDispatch / 4) break;
      }
    }
  }
  const [best] = found.sort((a, b) => b.rate - a.rate);
  if (best === undefined) throw new Error("There is no kernel to try.");
  return best;
}
