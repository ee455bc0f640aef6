/** Measurements of the library around the kernels: loops of the host, recording, exactness, the first step. */

import {
  createSimulator,
  type NetworkSpec,
  type RunOptions,
  type Simulator,
  type SimulatorOptions,
} from "../../src/index.ts";
import { createReference, resolveLearning, resolveNetwork } from "../../src/reference/index.ts";
import { ETA, networkOf, SEED } from "./cases.ts";
import { differenceOf } from "./check.ts";
import { contest, type Contestant, type Method } from "./contest.ts";
import { openDevice } from "./device.ts";
import { advance, fill, framesOf, stepper } from "./subject.ts";
import { median } from "./statistics.ts";

type Rates = Readonly<Record<string, readonly number[]>>;

/** Null where it was not asked for. Times in seconds, rates in steps per second. */
export interface Probes {
  readonly hostLoop: { readonly rates: Rates; readonly longestSubmit: number; readonly ownSubmits: number } | null;
  readonly recording: Rates | null;
  readonly exactness: {
    readonly differing: number;
    readonly rateError: number;
    readonly weightError: number;
  } | null;
  readonly firstStep: {
    readonly seconds: number;
    readonly pipelines: number;
    readonly thousandSteps: number;
    /** The same where the kernels are chosen by measurement, which starts from nothing. */
    readonly choosing: { readonly seconds: number; readonly chosen: string; readonly gain: number };
  } | null;
}

export interface ProbeContext {
  readonly gpu: GPU | undefined;
  readonly device: GPUDevice;
  readonly method: Method;
}

const SIZE = 1024;
const network = networkOf({ kind: "recurrent", size: SIZE, blocks: 1 });
const options = { seed: SEED, learning: { optimizer: { kind: "sgd", eta: ETA } }, fuseSteps: false } as const;

async function withSimulator<T>(
  spec: NetworkSpec,
  more: SimulatorOptions,
  use: (sim: Simulator) => Promise<T>,
): Promise<T> {
  const sim = await createSimulator(spec, { ...options, ...more });
  try {
    fill(sim);
    return await use(sim);
  } finally {
    sim.destroy();
  }
}

/** A contestant that steps by `run`. */
function running(name: string, sim: Simulator, options: Partial<RunOptions> = {}): Contestant {
  return { name, run: (steps) => advance(sim, { ...options, steps }) };
}

/** The loop of `run` against longer chunks, against metrics on the way, and against a host that encodes for itself. */
export function probeHostLoop({ device, method }: ProbeContext): Promise<Probes["hostLoop"]> {
  return withSimulator(network, { device }, async (sim) => {
    const embedded = { name: "embedded", run: stepper(sim, true) };
    const { embedded: known = [] } = await contest([embedded], { ...method, samples: 3 });
    const tenth = Math.max(1, Math.round(median(known) / 10));
    const rates = await contest(
      [
        embedded,
        running("run", sim),
        running("long chunks", sim, { chunkMilliseconds: 100 }),
        running("progress", sim, { every: tenth }),
      ],
      // A run has an end, which costs it a part of a chunk.
      { ...method, sampleMilliseconds: 5 * method.sampleMilliseconds },
    );
    return { rates, longestSubmit: await longestSubmit(sim, 5 * tenth), ownSubmits: ownSubmits(sim) };
  });
}

/** Replaces a method of `object` until the result is called. */
function replace<T extends object, Name extends keyof T>(object: T, name: Name, value: T[Name]): () => void {
  Object.defineProperty(object, name, { value, configurable: true, writable: true });
  return () => Reflect.deleteProperty(object, name);
}

/** Seconds from a submit, or from the end of the one before it, to its end; the longest of a run. */
async function longestSubmit(sim: Simulator, steps: number): Promise<number> {
  const { queue } = sim.device;
  const submit = queue.submit.bind(queue);
  const ends: Promise<{ from: number; to: number }>[] = [];
  const restore = replace(queue, "submit", (commands) => {
    submit(commands);
    const from = performance.now();
    ends.push(queue.onSubmittedWorkDone().then(() => ({ from, to: performance.now() })));
  });
  try {
    await advance(sim, { steps });
  } finally {
    restore();
  }
  let before = 0;
  let longest = 0;
  for (const { from, to } of await Promise.all(ends)) {
    longest = Math.max(longest, to - Math.max(from, before));
    before = to;
  }
  return longest / 1000;
}

function ownSubmits(sim: Simulator): number {
  const { queue } = sim.device;
  let submits = 0;
  const restore = replace(queue, "submit", () => void (submits += 1));
  const encoder = sim.device.createCommandEncoder();
  try {
    sim.encode(encoder, { steps: 64 });
  } finally {
    restore();
  }
  queue.submit([encoder.finish()]);
  return submits;
}

/** 64 neurons beside 1024, recorded in every step, against the same network unrecorded. */
export async function probeRecording({ device, method }: ProbeContext): Promise<Probes["recording"]> {
  const [population] = network.populations;
  if (population === undefined) throw new Error("The network has no population.");
  const { name } = population;
  const wider: NetworkSpec = {
    ...network,
    populations: [population, { name: "recorded", size: 64, tauM: 20, tauR: 10, activation: "tanh" }],
    projections: [...network.projections, { from: name, to: "recorded" }],
  };
  const record = [{ population: "recorded", quantity: "rate" }] as const;
  const slower = { ...method, sampleMilliseconds: 3 * method.sampleMilliseconds };
  return withSimulator(wider, { device }, (plain) =>
    withSimulator(wider, { device, record }, (recorded) =>
      contest([running("none", plain), running("traces", recorded)], slower),
    ),
  );
}

/** 1000 steps of 256 neurons: the same again, and the same in f64. */
export async function probeExactness({ device, method }: ProbeContext): Promise<Probes["exactness"]> {
  const spec = networkOf({ kind: "recurrent", size: 256, blocks: 1 });
  const [projection, population] = [spec.projections[0], spec.populations[0]];
  if (projection === undefined || population === undefined) throw new Error("The network has no block.");
  const steps = 1000;
  const once = () =>
    withSimulator(spec, { device }, async (sim) => {
      await advance(sim, { steps });
      return { rate: await sim.read("rate", population.name), weight: await sim.read("weight", projection) };
    });
  const first = await once();
  const second = await once();
  method.signal?.throwIfAborted();
  const resolved = resolveNetwork(spec);
  const reference = createReference(resolved, resolveLearning(options.learning), { seed: SEED });
  const { input, target } = framesOf(resolved, 1);
  for (let step = 0; step < steps; step++) reference.step(input, target);
  return {
    differing: differing(first.rate, second.rate) + differing(first.weight, second.weight),
    rateError: differenceOf(first.rate, reference.read("rate", population.name)),
    weightError: differenceOf(first.weight, reference.read("weight", projection)),
  };
}

/** Values with different bits. */
function differing(a: Float32Array, b: Float32Array): number {
  const [x, y] = [a, b].map((values) => new Uint32Array(values.buffer, values.byteOffset, values.length));
  return x?.reduce((sum, bits, i) => sum + Number(bits !== y?.[i]), 0) ?? NaN;
}

/** On devices of their own, which have compiled nothing yet. */
export async function probeFirstStep({ gpu, method }: ProbeContext): Promise<Probes["firstStep"]> {
  const plain = await onNewDevice(gpu, async (device) => {
    let pipelines = 0;
    const compile = device.createComputePipelineAsync.bind(device);
    const restore = replace(device, "createComputePipelineAsync", (descriptor) => {
      pipelines += 1;
      return compile(descriptor);
    });
    try {
      return await firstStep({ device }, async (seconds, sim) => {
        const { steps = [] } = await contest([{ name: "steps", run: stepper(sim, true) }], { ...method, samples: 3 });
        return { seconds, pipelines, thousandSteps: 1000 / median(steps) };
      });
    } finally {
      restore();
    }
  });
  method.signal?.throwIfAborted();
  const choosing = await onNewDevice(gpu, (device) =>
    firstStep({ device, tunings: new Map() }, (seconds, { tuned }) =>
      Promise.resolve({ seconds, chosen: tuned?.name ?? "", gain: tuned?.gain ?? NaN }),
    ),
  );
  return { ...plain, choosing };
}

async function onNewDevice<T>(gpu: GPU | undefined, use: (device: GPUDevice) => Promise<T>): Promise<T> {
  const { device } = await openDevice(gpu);
  try {
    return await use(device);
  } finally {
    device.destroy();
  }
}

/** Seconds from `createSimulator` to the end of the first step. */
function firstStep<T>(more: SimulatorOptions, use: (seconds: number, sim: Simulator) => Promise<T>): Promise<T> {
  const start = performance.now();
  return withSimulator(network, more, async (sim) => {
    await stepper(sim, true)(1);
    return use((performance.now() - start) / 1000, sim);
  });
}
