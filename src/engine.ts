/**
 * Carries out a plan on a device: buffers, pipelines and bind groups are made once, then steps are only encoded.
 */

import { captureErrors, compile, type Compiled, type Pipeline } from "./engine/pipelines.ts";
import { DeviceError } from "./errors.ts";
import { quadsOf } from "./layout.ts";
import { pad } from "./padding.ts";
import {
  strideOf,
  type BufferName,
  type Deferred,
  type Dispatch,
  type Place,
  type Plan,
  type Program,
} from "./plan.ts";
import { clockBytes, clockPlaces, clockTable, paramsTable, type Replica, type RunConstants } from "./tables.ts";
import { piecesOf, type Piece } from "./trajectory.ts";

/** Numeric flags of the WebGPU specification, so that nothing is asked of the global scope. */
const usage = { copySource: 4, copyDestination: 8, uniform: 64, storage: 128 };

export class Engine {
  readonly device: GPUDevice;
  readonly plan: Plan;
  readonly label: string;
  private readonly buffers: ReadonlyMap<BufferName, GPUBuffer>;
  private readonly compiled: ReadonlyMap<Dispatch, Compiled>;
  /** Steps that are encoded whose updates of weights are not. */
  private waiting = 0;

  private constructor(
    device: GPUDevice,
    plan: Plan,
    label: string,
    buffers: ReadonlyMap<BufferName, GPUBuffer>,
    compiled: ReadonlyMap<Dispatch, Compiled>,
  ) {
    this.device = device;
    this.plan = plan;
    this.label = label;
    this.buffers = buffers;
    this.compiled = compiled;
  }

  /**
   * @throws DeviceError OUT_OF_MEMORY, KernelError.
   */
  static async create(device: GPUDevice, plan: Plan, label: string, replicas: readonly Replica[]): Promise<Engine> {
    const buffers = await allocate(device, plan, label);
    try {
      const unique = [...new Set<Dispatch>([...plan.initialize, ...dispatchesOf(plan)])];
      const pipelines = new Map<string, Promise<Pipeline>>();
      const compiled = await settled(
        unique.map((dispatch) => compile(device, plan, dispatch, buffers, label, pipelines)),
      );
      const table = new Map(unique.map((dispatch, index) => [dispatch, compiled[index] as Compiled]));
      const engine = new Engine(device, plan, label, buffers, table);
      device.queue.writeBuffer(engine.buffer("clock"), 0, clockTable(replicas));
      engine.submit("initialize", (pass) => {
        for (const dispatch of plan.initialize) engine.dispatch(pass, dispatch);
      });
      for (const [key, values] of plan.initialValues) {
        const place = plan.places.get(key) as Place;
        for (let replica = 0; replica < plan.replicas; replica++) engine.write(place, values, { replica });
      }
      return engine;
    } catch (error) {
      for (const buffer of buffers.values()) buffer.destroy();
      throw error;
    }
  }

  /** Encodes a run of `steps` steps. Deferred updates may be left: see `encodeUpdates`. */
  encodeSteps(encoder: GPUCommandEncoder, steps: number, learns: boolean): void {
    const { learning, frozen, network, deferred } = this.plan.programs;
    if (network !== null) this.encodeNetwork(encoder, learns ? network.learning : network.frozen, steps);
    else if (deferred === null || !learns) {
      // A frozen step counts no pairs, so none may wait.
      this.encodeUpdates(encoder);
      this.encodeProgram(encoder, learns ? learning : frozen, { from: 0, to: steps, steps });
    } else this.encodeDeferred(encoder, deferred, steps);
  }

  private encodeDeferred(encoder: GPUCommandEncoder, deferred: Deferred, steps: number): void {
    const { start, step, join, end } = this.plan.programs.learning;
    const pass = encoder.beginComputePass({ label: `${this.label}/steps` });
    for (const dispatch of start) this.dispatch(pass, dispatch);
    for (let done = 1; done <= steps; done++) {
      for (const dispatch of step) this.dispatch(pass, dispatch);
      this.waiting = (this.waiting + 1) % deferred.steps;
      // The pairs stay until the next step begins, as the products of this one lack them.
      if (this.waiting === 0) for (const dispatch of deferred.update) this.dispatch(pass, dispatch);
      for (const dispatch of done < steps ? join : end) this.dispatch(pass, dispatch);
    }
    pass.end();
  }

  /** Does the updates that wait; then the weights are those of the last step that is encoded. */
  encodeUpdates(encoder: GPUCommandEncoder): void {
    const { replicas, strides, programs } = this.plan;
    const { deferred } = programs;
    if (deferred === null || this.waiting === 0) return;
    for (let replica = 0; replica < replicas; replica++) {
      for (const { first, row } of deferred.errors) {
        const offset = replica * strides.state + first + this.waiting * row;
        encoder.clearBuffer(this.buffer("state"), offset * 16, (deferred.steps - this.waiting) * row * 16);
      }
      encoder.clearBuffer(this.buffer("clock"), replica * clockBytes + clockPlaces.nextPair, 4);
    }
    this.encodePass(encoder, deferred.update);
    this.waiting = 0;
  }

  /** The same in a submit of its own, if there are any. */
  update(): void {
    if (this.waiting === 0) return;
    const encoder = this.device.createCommandEncoder({ label: `${this.label}/updates` });
    this.encodeUpdates(encoder);
    this.device.queue.submit([encoder.finish()]);
  }

  /** `times` steps, or windows, of a network in one workgroup, in powers of two. */
  private encodeNetwork(encoder: GPUCommandEncoder, powers: readonly Dispatch[], times: number): void {
    const pass = encoder.beginComputePass({ label: `${this.label}/steps` });
    for (let left = times; left > 0;) {
      const power = Math.min(Math.floor(Math.log2(left)), powers.length - 1);
      this.dispatch(pass, powers[power] as Dispatch);
      left -= 2 ** power;
    }
    pass.end();
  }

  /**
   * A window of adjoint errors, in parts of at most `grain` steps: to be encoded, in this order, into one encoder or into
   * several that are submitted one after the other.
   */
  windowParts(grain: number): ((encoder: GPUCommandEncoder) => void)[] {
    const { segments, programs } = this.plan;
    const { window, network } = programs;
    if (network !== null) return [(encoder) => this.encodeNetwork(encoder, network.learning, 1)];
    if (segments === null || window === null) throw new Error("The plan has no window.");
    const { count } = segments;
    const last = count - 1;
    const lengthOf = (segment: number): number => (segment === last ? segments.last : segments.steps);
    const parts: ((encoder: GPUCommandEncoder) => void)[] = [];
    const forward = (segment: number, program: Program): void => {
      parts.push(
        ...piecesOf(lengthOf(segment), grain).map(
          (piece) => (e: GPUCommandEncoder) => this.encodeProgram(e, program, piece),
        ),
      );
    };
    for (let segment = 0; segment < count; segment++) {
      if (count > 1) parts.push((encoder) => this.encodeCheckpoint(encoder, segment, "save"));
      forward(segment, segment === 0 ? window.first : window.forward);
    }
    const end = count === 1 ? 0 : count;
    parts.push((encoder) => {
      this.encodeCheckpoint(encoder, end, "save");
      this.encodeTurn(encoder);
    });
    for (let segment = last; segment >= 0; segment--) {
      if (segment < last) {
        parts.push((encoder) => this.encodeCheckpoint(encoder, segment, "restore"));
        forward(segment, window.again);
      }
      const back = { start: [], step: window.back, join: [], end: [] };
      const pieces = piecesOf(lengthOf(segment), grain);
      parts.push(...pieces.map((piece) => (e: GPUCommandEncoder) => this.encodeProgram(e, back, piece)));
      parts.push((encoder) => this.encodePass(encoder, segment === last ? window.lastGradient : window.gradient));
    }
    parts.push((encoder) => {
      this.encodePass(encoder, window.apply);
      this.encodeCheckpoint(encoder, end, "restore");
    });
    return parts;
  }

  /** Steps `from` to `to` of a run of `steps` steps of a program. */
  private encodeProgram(encoder: GPUCommandEncoder, program: Program, { from, to, steps }: Piece): void {
    const pass = encoder.beginComputePass({ label: `${this.label}/steps` });
    if (from === 0) for (const dispatch of program.start) this.dispatch(pass, dispatch);
    for (let step = from + 1; step <= to; step++) {
      for (const dispatch of program.step) this.dispatch(pass, dispatch);
      for (const dispatch of step < steps ? program.join : program.end) this.dispatch(pass, dispatch);
    }
    pass.end();
  }

  private encodePass(encoder: GPUCommandEncoder, dispatches: readonly Dispatch[]): void {
    this.encodeProgram(encoder, { start: dispatches, step: [], join: [], end: [] }, { from: 0, to: 0, steps: 0 });
  }

  /** Potentials, slopes, rates and the step counter, to or from a checkpoint. */
  private encodeCheckpoint(encoder: GPUCommandEncoder, index: number, direction: "save" | "restore"): void {
    const { replicas, strides, checkpoint } = this.plan;
    const { first, count, stride } = checkpoint;
    const checkpoints = this.buffer("checkpoints");
    const copy = (buffer: GPUBuffer, offset: number, place: number, size: number): void => {
      if (direction === "save") encoder.copyBufferToBuffer(buffer, offset, checkpoints, place, size);
      else encoder.copyBufferToBuffer(checkpoints, place, buffer, offset, size);
    };
    for (let replica = 0; replica < replicas; replica++) {
      const place = (index * replicas + replica) * stride * 16;
      copy(this.buffer("state"), (first + replica * strides.state) * 16, place, count * 16);
      copy(this.buffer("clock"), replica * clockBytes + clockPlaces.step, place + count * 16, 4);
    }
  }

  /** What the way back sums up starts at 0, and so does what comes from after the window. */
  private encodeTurn(encoder: GPUCommandEncoder): void {
    const { windowSums, replicas, strides } = this.plan;
    for (let replica = 0; replica < replicas; replica++) {
      const states = replica * strides.state;
      for (const { first, count } of windowSums) {
        encoder.clearBuffer(this.buffer("state"), (states + first) * 16, count * 16);
      }
    }
    encoder.clearBuffer(this.buffer("partial_sums"));
  }

  buffer(name: BufferName): GPUBuffer {
    const buffer = this.buffers.get(name);
    if (buffer === undefined) throw new Error(`The plan has no buffer "${name}".`);
    return buffer;
  }

  /**
   * Writes dense rows into a place, from its row `firstRow` on; with the last row its padding rows become zeros. What is cut
   * into shards is written whole.
   */
  write(place: Place, data: Float32Array, { firstRow = 0, replica = 0 } = {}): void {
    if (place.parts !== undefined) {
      let at = 0;
      for (const part of place.parts) {
        this.write(part, data.subarray(at, (at += part.rows * part.columns)));
      }
      return;
    }
    const isLast = firstRow * place.columns + data.length === place.rows * place.columns;
    const padded = pad(data, place.columns, isLast ? place.paddingRows : 0, place.padding === "last");
    const first = place.first + replica * strideOf(this.plan, place);
    const offset = (first + firstRow * quadsOf(place.columns)) * 16;
    const { queue } = this.device;
    queue.writeBuffer(this.buffer(place.buffer), offset, padded.buffer, padded.byteOffset, padded.byteLength);
  }

  writeConstants(run: RunConstants): void {
    this.device.queue.writeBuffer(this.buffer("params"), 0, paramsTable(this.plan, run));
  }

  /** States, partial sums and the step counter to zero; the number of updates stays, as do parameters and moments. */
  clearStates(): void {
    const encoder = this.device.createCommandEncoder({ label: `${this.label}/reset` });
    encoder.clearBuffer(this.buffer("state"));
    encoder.clearBuffer(this.buffer("partial_sums"));
    this.device.queue.submit([encoder.finish()]);
    this.writeClocks("step", new Uint32Array(this.plan.replicas));
    this.writeClocks("fault", new Uint32Array(this.plan.replicas).fill(0xffffffff));
  }

  /** A word of the clock of every network. */
  writeClocks(word: keyof typeof clockPlaces, values: Uint32Array | Float32Array): void {
    const { queue } = this.device;
    for (let replica = 0; replica < values.length; replica++) {
      const offset = replica * clockBytes + clockPlaces[word];
      queue.writeBuffer(this.buffer("clock"), offset, values.buffer, values.byteOffset + replica * 4, 4);
    }
  }

  encodeClearCosts(encoder: GPUCommandEncoder): void {
    const { first, count } = this.plan.costs;
    if (count > 0) encoder.clearBuffer(this.buffer("state"), first * 16, this.plan.replicas * count * 16);
  }

  clearCosts(): void {
    const encoder = this.device.createCommandEncoder({ label: `${this.label}/clear costs` });
    this.encodeClearCosts(encoder);
    this.device.queue.submit([encoder.finish()]);
  }

  destroy(): void {
    for (const buffer of this.buffers.values()) buffer.destroy();
  }

  private dispatch(pass: GPUComputePassEncoder, dispatch: Dispatch): void {
    const compiled = this.compiled.get(dispatch);
    if (compiled === undefined) throw new Error(`"${dispatch.label}" is not part of the plan.`);
    pass.setPipeline(compiled.pipeline);
    compiled.groups.forEach((group, index) => {
      pass.setBindGroup(index, group);
    });
    pass.dispatchWorkgroups(...compiled.workgroups, Math.ceil(this.plan.replicas / (dispatch.lanes ?? 1)));
  }

  private submit(what: string, encode: (pass: GPUComputePassEncoder) => void): void {
    const encoder = this.device.createCommandEncoder({ label: `${this.label}/${what}` });
    const pass = encoder.beginComputePass({ label: `${this.label}/${what}` });
    encode(pass);
    pass.end();
    this.device.queue.submit([encoder.finish()]);
  }
}

function dispatchesOf({ programs: { learning, frozen, window, deferred, network } }: Plan): Dispatch[] {
  if (network !== null) return [...network.learning, ...network.frozen];
  const all = [learning, frozen, ...(window === null ? [] : [window.first, window.forward, window.again])];
  const back = window === null ? [] : [...window.back, ...window.gradient, ...window.lastGradient, ...window.apply];
  const steps = all.flatMap(({ start, step, join, end }) => [...start, ...step, ...join, ...end]);
  return [...steps, ...(deferred?.update ?? []), ...back];
}

/** Like Promise.all, but it has the end of them all: nothing goes on behind a failure. */
async function settled<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

async function allocate(device: GPUDevice, plan: Plan, label: string): Promise<Map<BufferName, GPUBuffer>> {
  const buffers = new Map<BufferName, GPUBuffer>();
  try {
    const errors = captureErrors(device, ["validation", "out-of-memory"], () => {
      for (const { name, bytes: size, isUniform = false } of plan.buffers) {
        const kind = isUniform ? usage.uniform : usage.storage | usage.copySource;
        buffers.set(
          name,
          device.createBuffer({ label: `${label}/${name}`, size, usage: kind | usage.copyDestination }),
        );
      }
    });
    const failure = (await errors).find((error) => error !== null);
    if (failure !== undefined) {
      throw new DeviceError(
        "OUT_OF_MEMORY",
        `The GPU has no room for ${plan.bytes} bytes. Use a smaller network, a smaller batch or a smaller frameBytes.`,
        { details: { needed: plan.bytes }, cause: failure },
      );
    }
    for (const { name, content } of plan.buffers) {
      const buffer = buffers.get(name);
      if (content !== undefined && buffer !== undefined) device.queue.writeBuffer(buffer, 0, content);
    }
    return buffers;
  } catch (error) {
    for (const buffer of buffers.values()) buffer.destroy();
    throw error;
  }
}
