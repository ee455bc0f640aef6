/**
 * Drives an engine through a run: chunks of steps paced by the GPU's own completion, frames streamed ahead of them,
 * metrics brought back through the staging ring.
 */

import { DataError, DisposedError, DivergedError } from "./errors.ts";
import type { Engine } from "./engine.ts";
import { FrameStream, signalsOf, type Signal, type SignalData } from "./frames.ts";
import { type Pacer } from "./pacer.ts";
import { unpad } from "./padding.ts";
import type { Plan } from "./plan.ts";
import type { Copy, StagingRing } from "./readback.ts";
import { checkScales } from "./replicas.ts";
import { clockBytes, clockPlaces, type RunConstants } from "./tables.ts";

export interface EncodeOptions {
  /** With adjoint errors that learn, whole windows. */
  readonly steps: number;
  /** Default true. */
  readonly learn?: boolean;
  /**
   * Whether updates of weights that wait for those of later steps (`deferredSteps` of a `Tuning`) may go on waiting. A buffer
   * of weights lacks them until they are done; `read` sees to it that they are. Default false.
   */
  readonly defer?: boolean;
}

export interface RunOptions {
  /**
   * Rates of the sources, [frame][batch][neurons]; repeated when there are more steps than frames. By name if there are
   * several sources. Left out, with the target: what the input and target buffers hold.
   */
  readonly input?: SignalData;
  /**
   * [frame][batch][neurons] for squared error, [frame][batch] class indices (-1: none) for cross-entropy; repeated likewise.
   * By name if several populations have a cost. Left out: no cost, no output error.
   */
  readonly target?: SignalData;
  readonly steps: number;
  /** A metric every so many steps. Default: one, at the end. */
  readonly every?: number;
  /** Whether parameters are updated. Default true. */
  readonly learn?: boolean;
  /** Learning rate from now on, in place of the optimiser's. */
  readonly eta?: number;
  /** Factors of the learning rate from now on, one for each replica. */
  readonly etaScales?: readonly number[];
  /** Milliseconds of GPU time that one submit aims at: about 12 beside a page that draws. At most 100. Default 50. */
  readonly chunkMilliseconds?: number;
  /** Stops at a step boundary and rejects with its reason; the simulator stays usable. */
  readonly signal?: AbortSignal;
}

export interface Metrics {
  /** Steps since the simulator was made or reset. */
  readonly step: number;
  /** Steps that this metric covers. */
  readonly steps: number;
  /**
   * Cost (with its beta) summed over neurons, mean over batch rows, over the steps covered and over replicas. NaN without a
   * target.
   */
  readonly loss: number;
  /** The same of every replica. */
  readonly losses: readonly number[];
  /** Wall time of the steps covered, and their rate. */
  readonly seconds: number;
  readonly stepsPerSecond: number;
  /** The recorded values of the steps covered, [step][replica][batch][neurons], in the order of `options.record`. */
  readonly traces: readonly Float32Array[];
  /** The recorded energies of the steps covered, [step][replica][batch], in the order of `options.energies`. */
  readonly energies: readonly Float32Array[];
}

export interface RunContext {
  readonly engine: Engine;
  readonly ring: StagingRing;
  readonly constants: RunConstants;
  /** Outlives a run, so that many short runs are paced as well as a long one. */
  readonly pacer: Pacer;
  /** Steps encoded so far, by this run and before it. */
  position: number;
  /** Whether the simulator was destroyed. */
  isDestroyed: boolean;
}

/** Running costs are read and zeroed at least this often, so that f32 sums keep their digits however long a run is. */
const costInterval = 1024;
const runKeys: readonly (keyof RunOptions)[] = [
  "input",
  "target",
  "steps",
  "every",
  "learn",
  "eta",
  "etaScales",
  "chunkMilliseconds",
  "signal",
];
const noFault = 0xffffffff;
export const defaultChunkMilliseconds = 50;

export const stagingBytes = (plan: Plan): number =>
  plan.replicas * (clockBytes + plan.costs.count * 16) +
  recorded(plan).reduce((sum, { rowSize }) => sum + rowSize * plan.recordRows * 16, 0);

/** All that is recorded in every step, in the order in which it comes back. */
const recorded = ({ traces, energies }: Plan) => [...traces, ...energies];

interface Chunk {
  readonly steps: number;
  /** Steps since the start of the run at its end. */
  readonly end: number;
  readonly withCosts: boolean;
  /** Step from which the device counts when it reports a fault. */
  readonly origin: number;
  readonly submitted: number;
  readonly result: Promise<Result>;
}

interface Result {
  readonly data: ArrayBuffer;
  /** When the device was done, however late that is looked at. */
  readonly at: number;
}

interface Checked {
  readonly steps: number;
  readonly every: number;
  readonly learns: boolean;
  /** Steps that are not submitted apart: those of a window. */
  readonly unit: number;
  readonly hasTarget: boolean;
  readonly chunkMilliseconds: number;
  readonly stream: FrameStream;
  readonly signal: AbortSignal | undefined;
}

function positiveInteger(path: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new DataError(path, `must be a whole number of at least 1; it is ${value}.`);
}

function positive(path: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value;
  throw new DataError(path, `must be a finite number above 0; it is ${value}.`);
}

/** A run that learns by windows has whole ones. */
export function wholeWindows(path: string, steps: number, window: number): DataError {
  const near = Math.max(1, Math.round(steps / window)) * window;
  const problem = `is ${steps}, but learning.window is ${window}, and a run that learns has whole windows`;
  return new DataError(path, `${problem}: give a multiple, such as ${near}.`, { found: steps, window });
}

/** Whether every step that is learnt from has frames of its own within the window. @throws DataError */
function checkFrames(signals: readonly Signal[], window: number, capacity: number): void {
  for (const { key, frames } of signals) {
    const path = `run.${key.replace("/", ".")}`;
    if (frames > 1 && frames < window) {
      const cure = "Give as many frames, one frame that is held, or a shorter learning.window";
      throw new DataError(path, `has ${frames} frames, fewer than the window of ${window} steps. ${cure}.`, {
        found: frames,
        window,
      });
    }
    if (frames > capacity && capacity < window) {
      const cure = "Raise options.frameBytes, or lower learning.window or options.batch";
      throw new DataError(path, `has a window of ${window} frames, of which ${capacity} fit the device. ${cure}.`, {
        window,
        capacity,
      });
    }
  }
}

/** Checks the options and takes over the learning rate; nothing has happened if it throws. */
function check({ engine, constants, position }: RunContext, options: RunOptions): Checked {
  const { plan } = engine;
  const unknown = Object.keys(options).find((key) => !runKeys.includes(key as keyof RunOptions));
  if (unknown !== undefined) throw new DataError(`run.${unknown}`, `does not exist; there are ${runKeys.join(", ")}.`);
  const steps = positiveInteger("run.steps", options.steps);
  const every = Math.min(positiveInteger("run.every", options.every ?? steps), steps);
  if (options.input === undefined && options.target !== undefined) {
    throw new DataError("run.target", "is given without an input; give both, or neither to use what the buffers hold.");
  }
  const signals = [
    ...(options.input === undefined ? [] : signalsOf(plan, "input", options.input)),
    ...(options.target === undefined ? [] : signalsOf(plan, "target", options.target)),
  ];
  const learns = options.learn ?? true;
  const unit = learns && plan.programs.window !== null ? plan.learning.window : 1;
  if (steps % unit !== 0) throw wholeWindows("run.steps", steps, unit);
  if (every % unit !== 0) throw wholeWindows("run.every", every, unit);
  checkFrames(signals, unit, plan.frameCapacity);
  // What is streamed comes in whole windows.
  const isHeld = signals.every(({ frames }) => frames <= plan.frameCapacity);
  const capacity = isHeld ? plan.frameCapacity : Math.floor(plan.frameCapacity / unit) * unit;
  const write = (key: string, frames: Float32Array, first: number): void => {
    const place = plan.places.get(key);
    if (place !== undefined) engine.write(place, frames, { firstRow: first * (place.rows / plan.frameCapacity) });
  };
  const chunkMilliseconds = positive("run.chunkMilliseconds", options.chunkMilliseconds ?? defaultChunkMilliseconds);
  if (options.eta !== undefined) {
    if (!(Number.isFinite(options.eta) && options.eta >= 0)) {
      throw new DataError("run.eta", `must be a finite number of at least 0; it is ${options.eta}.`);
    }
    constants.eta = options.eta;
  }
  if (options.etaScales !== undefined) engine.writeClocks("etaScale", checkScales(plan, options.etaScales));
  return {
    steps,
    every,
    learns,
    unit,
    chunkMilliseconds,
    hasTarget: options.input === undefined ? constants.targetFrames > 0 : options.target !== undefined,
    stream: new FrameStream(signals, capacity, position, write),
    signal: options.signal,
  };
}

/** @throws DataError, DivergedError, or the reason of the signal. */
export async function* run(context: RunContext, options: RunOptions): AsyncGenerator<Metrics, void, undefined> {
  options.signal?.throwIfAborted();
  const { engine, ring, constants, pacer } = context;
  const { plan } = engine;
  const checked = check(context, options);
  const { steps, every } = checked;
  const start = context.position;
  pacer.aimAt(checked.chunkMilliseconds);
  const collector = new Collector(plan, checked.hasTarget, start);
  constants.recordOrigin = start;
  engine.writeConstants(constants);
  engine.clearCosts();
  const inFlight: Chunk[] = [];
  let encoded = 0;
  let lastDone = performance.now();
  try {
    for (let done = 0; done < steps;) {
      while (encoded < steps && inFlight.length < ring.slots && checked.signal?.aborted !== true) {
        const chunk = await submitChunk(context, checked, encoded, pacer.next());
        inFlight.push(chunk);
        encoded = chunk.end;
      }
      const chunk = inFlight[0];
      if (chunk === undefined) break;
      const { data, at } = await chunk.result;
      inFlight.shift();
      pacer.observe(chunk.steps, at - Math.max(chunk.submitted, lastDone));
      lastDone = at;
      collector.add(chunk, data);
      done = chunk.end;
      if (done % every === 0 || done === steps) yield collector.take(done, lastDone);
    }
    checked.signal?.throwIfAborted();
  } finally {
    if (!context.isDestroyed) engine.update();
    await Promise.allSettled(inFlight.map(({ result }) => result));
  }
}

/** Encodes and submits at most `wanted` steps; shorter where a metric, a window of frames or the record ends. */
async function submitChunk(context: RunContext, checked: Checked, at: number, wanted: number): Promise<Chunk> {
  const { engine, ring, constants } = context;
  const { plan, device } = engine;
  const { every, stream } = checked;
  const staging = await ring.take();
  if (context.isDestroyed) throw new DisposedError("run");
  const window = stream.prepare(at);
  if (window !== null) engine.writeConstants(Object.assign(constants, window));
  const traces = recorded(plan);
  const row = traces.length > 0 ? at % plan.recordRows : 0;
  const untilRecordEnds = traces.length > 0 ? plan.recordRows - row : Infinity;
  const { unit } = checked;
  const interval = Math.max(Math.floor(costInterval / unit), 1) * unit;
  const untilCosts = Math.min(every - (at % every), interval - (at % interval), checked.steps - at);
  const whole = Math.max(Math.floor(wanted / unit), 1) * unit;
  const steps = Math.min(whole, untilCosts, untilRecordEnds, stream.available(at));
  const withCosts = steps === untilCosts;
  const encoder = encodeChunk(engine, checked, steps, wanted);
  const copies: Copy[] = [{ buffer: engine.buffer("clock"), offset: 0, size: plan.replicas * clockBytes }];
  if (withCosts && plan.costs.count > 0) {
    const { first, count } = plan.costs;
    copies.push({ buffer: engine.buffer("state"), offset: first * 16, size: plan.replicas * count * 16 });
  }
  for (const { first, rowSize } of traces) {
    copies.push({ buffer: engine.buffer("record"), offset: (first + row * rowSize) * 16, size: steps * rowSize * 16 });
  }
  ring.encode(encoder, staging, copies);
  if (withCosts) engine.encodeClearCosts(encoder);
  device.queue.submit([encoder.finish()]);
  context.position += steps;
  const bytes = copies.reduce((sum, { size }) => sum + size, 0);
  const result = ring.collect(staging, bytes).then((data) => ({ data, at: performance.now() }));
  // Whoever awaits it gets the rejection; this one only keeps it from counting as unhandled until then.
  result.catch(() => undefined);
  return { steps, end: at + steps, withCosts, origin: constants.frameOrigin, submitted: performance.now(), result };
}

/** Leaves the last part of the work in an encoder that is not submitted yet; what comes before it, in submits of its own. */
function encodeChunk(engine: Engine, { learns, unit }: Checked, steps: number, wanted: number): GPUCommandEncoder {
  const { device, label } = engine;
  const create = (): GPUCommandEncoder => device.createCommandEncoder({ label: `${label}/chunk` });
  let encoder = create();
  if (unit === 1 && !(learns && engine.plan.programs.window !== null)) {
    engine.encodeSteps(encoder, steps, learns);
    return encoder;
  }
  let encoded = 0;
  for (let done = 0; done < steps; done += unit) {
    for (const encode of engine.windowParts(wanted)) {
      if (encoded >= wanted) {
        device.queue.submit([encoder.finish()]);
        encoder = create();
        encoded = 0;
      }
      encode(encoder);
      encoded += Math.min(wanted, unit);
    }
  }
  return encoder;
}

/** Puts the chunks of one metric together. */
class Collector {
  private costs: number[];
  private covered = 0;
  private since = performance.now();
  private traces: Float32Array[][];
  private energies: Float32Array[][];
  private readonly plan: Plan;
  private readonly hasTarget: boolean;
  private readonly start: number;

  constructor(plan: Plan, hasTarget: boolean, start: number) {
    this.plan = plan;
    this.hasTarget = hasTarget;
    this.start = start;
    this.costs = zeros(plan);
    this.traces = plan.traces.map(() => []);
    this.energies = plan.energies.map(() => []);
  }

  /** @throws DivergedError if the device raised its flag. */
  add(chunk: Chunk, data: ArrayBuffer): void {
    const { replicas } = this.plan;
    this.checkClocks(chunk, new DataView(data));
    let at = replicas * clockBytes;
    if (chunk.withCosts && this.plan.costs.count > 0) {
      for (let replica = 0; replica < replicas; replica++) {
        const { count } = this.plan.costs;
        let cost = this.costs[replica] ?? 0;
        for (const each of new Float32Array(data, at, count * 4)) cost += each;
        this.costs[replica] = cost;
        at += count * 16;
      }
    }
    this.plan.traces.forEach(({ rowSize, columns }, index) => {
      this.traces[index]?.push(unpad(new Float32Array(data, at, chunk.steps * rowSize * 4), columns));
      at += chunk.steps * rowSize * 16;
    });
    this.plan.energies.forEach(({ rowSize }, index) => {
      this.energies[index]?.push(unpad(new Float32Array(data, at, chunk.steps * rowSize * 4), this.plan.batch));
      at += chunk.steps * rowSize * 16;
    });
    this.covered += chunk.steps;
  }

  /** The earliest fault of any network. */
  private checkClocks({ origin }: Chunk, clocks: DataView): void {
    const { replicas, network } = this.plan;
    let [fault, first] = [noFault, 0];
    for (let replica = 0; replica < replicas; replica++) {
      const found = clocks.getUint32(replica * clockBytes + clockPlaces.fault, true);
      if (found < fault) [fault, first] = [found, replica];
    }
    if (fault === noFault) return;
    const population = network.populations[fault % 4096]?.name ?? "?";
    throw new DivergedError(origin + Math.floor(fault / 4096), population, replicas > 1 ? first : undefined);
  }

  take(done: number, now: number): Metrics {
    const { batch, replicas } = this.plan;
    const losses = this.costs.map((cost) => (this.hasTarget ? cost / batch / this.covered : NaN));
    const seconds = (now - this.since) / 1000;
    const metrics = {
      step: this.start + done,
      steps: this.covered,
      loss: losses.reduce((sum, loss) => sum + loss, 0) / replicas,
      losses,
      seconds,
      stepsPerSecond: this.covered / seconds,
      traces: this.traces.map(join),
      energies: this.energies.map(join),
    };
    this.costs = zeros(this.plan);
    this.covered = 0;
    this.since = now;
    this.traces = this.plan.traces.map(() => []);
    this.energies = this.plan.energies.map(() => []);
    return metrics;
  }
}

const zeros = ({ replicas }: Plan): number[] => Array.from({ length: replicas }, () => 0);

function join(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
