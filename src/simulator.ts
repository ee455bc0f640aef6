/**
 * The public face: a network on a device that runs, can be read and written, and encodes itself into a host's work.
 */

import type { Acquired, AdapterFacts, Fate } from "./device.ts";
import { DataError, DisposedError, VleError } from "./errors.ts";
import type { Engine } from "./engine.ts";
import { checkClasses } from "./frames.ts";
import { partsOf, sizeOf, type StateQuantity, type Target, type WindowQuantity } from "./layout.ts";
import { resolvePlanning, type PlanningOptions } from "./options.ts";
import { planNetwork, requiredLimits, strideOf, type Limits, type Place, type Plan } from "./plan.ts";
import { Pacer } from "./pacer.ts";
import { readPlaces, StagingRing } from "./readback.ts";
import { chosenReplicas, type ReplicaChoice, type ReplicaOptions } from "./replicas.ts";
import {
  defaultChunkMilliseconds,
  run,
  stagingBytes,
  wholeWindows,
  type EncodeOptions,
  type Metrics,
  type RunContext,
  type RunOptions,
} from "./run.ts";
import { restoreSnapshot, saveSnapshot } from "./snapshot.ts";
import { resolveNetwork, type NetworkSpec } from "./spec.ts";
import type { RunConstants } from "./tables.ts";
import type { Tuned, TuningStore } from "./variants.ts";
import { checkTau, keyOf, layoutOf, type Where } from "./where.ts";

export interface SimulatorOptions extends PlanningOptions, ReplicaOptions {
  /** A device of the host, which stays the host's. Default: an own one. */
  readonly device?: GPUDevice;
  /** Where adapters come from. Default `navigator.gpu`; in Node `create([])` of the npm package `webgpu`. */
  readonly gpu?: GPU;
  /** Prefix of every GPU label. Default "vle". */
  readonly label?: string;
  readonly signal?: AbortSignal;
  /**
   * Where choices among ways of cutting the work are kept, a Map for example. What is kept for this adapter, network and
   * options is used; where nothing is, they are tried for half a second and the fastest is kept. Default: nothing is measured,
   * and the same adapter, seed and network give the same bits.
   */
  readonly tunings?: TuningStore;
}

export type { Between, PartOf, Where } from "./where.ts";

/** A place in a GPU buffer, in bytes. `layout` reads like "f32[batch=4][neurons=10, padded to 12]". */
export interface BufferView {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
  readonly layout: string;
  /** Bytes to the same place of the next replica; 0 where replicas share it. */
  readonly stride: number;
}

/**
 * State: [batch][neurons] of a population. The rate of a source is its input of the last step; the cost of a population
 * is summed over the steps since a run or `reset` zeroed it.
 */
export type NodeQuantity = StateQuantity | "bias" | "tauM" | "tauR" | "input" | "target" | "cost" | WindowQuantity;
/**
 * Parameters [post][pre] of a projection, the optimiser's moments, and the gradient of the last window of adjoint errors
 * (of the cost with its beta, mean over batch rows, summed over steps). The fixed weights that carry random feedback.
 */
export type ProjectionQuantity = "weight" | "feedbackWeight" | "firstMoment" | "secondMoment" | "gradient";

export interface Requirements {
  readonly requiredFeatures: readonly GPUFeatureName[];
  readonly requiredLimits: Limits;
  /** Device memory in all. */
  readonly bytes: number;
  /** Of a step that learns; of adjoint errors forward and back. At most 1 where many steps are one dispatch. */
  readonly dispatchesPerStep: number;
  /** Sentences about a network that is valid and may still disappoint; most have none. */
  readonly warnings: readonly string[];
}

function dispatchesPerStep({ programs: { learning, window, network } }: Plan): number {
  if (network !== null) return 1;
  const { step, join } = window?.forward ?? learning;
  return step.length + join.length + (window?.back.length ?? 0);
}

const ringSlots = 3;

/** @internal */
export function planOf(spec: NetworkSpec, options: PlanningOptions, target?: Target): Plan {
  return planNetwork(resolveNetwork(spec), resolvePlanning(options, target));
}

/**
 * What a host must ask of `requestDevice` so that `createSimulator` accepts its device. Pure.
 * @throws SpecError
 */
export function requirements(spec: NetworkSpec, options: PlanningOptions = {}): Requirements {
  const plan = planOf(spec, options);
  return {
    requiredFeatures: plan.tuning.sharers > 0 ? ["subgroups"] : [],
    requiredLimits: requiredLimits(plan),
    bytes: plan.bytes + ringSlots * stagingBytes(plan),
    dispatchesPerStep: dispatchesPerStep(plan),
    warnings: plan.warnings,
  };
}

/** @internal */
export const isReason = (error: unknown, signal: AbortSignal | undefined): boolean =>
  signal?.aborted === true && error === signal.reason;

// The well-known symbols are missing in some browsers that have WebGPU.
const known: Partial<Pick<SymbolConstructor, "dispose" | "asyncDispose">> = Symbol;
const disposeSymbol: typeof Symbol.dispose = known.dispose ?? (Symbol.for("Symbol.dispose") as typeof Symbol.dispose);
const asyncDisposeSymbol: typeof Symbol.asyncDispose =
  known.asyncDispose ?? (Symbol.for("Symbol.asyncDispose") as typeof Symbol.asyncDispose);

/** Made by `createSimulator`. */
export class Simulator {
  readonly adapter: AdapterFacts;
  /** How its `tuning` was chosen; null without the option `tunings`. */
  readonly tuned: Tuned | null;
  private readonly engine: Engine;
  private readonly ownsDevice: boolean;
  private readonly context: RunContext;
  private isRunning = false;
  private readonly fate: Fate;

  /** @internal */
  constructor(engine: Engine, { facts, isOwn }: Acquired, fate: Fate, tuned: Tuned | null) {
    this.engine = engine;
    this.adapter = facts;
    this.tuned = tuned;
    this.ownsDevice = isOwn;
    this.fate = fate;
    const constants: RunConstants = {
      eta: engine.plan.learning.optimizer.eta,
      frameOrigin: 0,
      inputFrames: 1,
      targetFrames: 0,
      recordOrigin: 0,
    };
    engine.writeConstants(constants);
    const ring = new StagingRing(engine.device, engine.label, ringSlots, stagingBytes(engine.plan));
    this.context = {
      engine,
      ring,
      constants,
      pacer: new Pacer(defaultChunkMilliseconds),
      position: 0,
      isDestroyed: false,
    };
  }

  get device(): GPUDevice {
    return this.engine.device;
  }

  get plan(): Plan {
    return this.engine.plan;
  }

  /** Steps encoded since creation or reset. */
  get step(): number {
    return this.context.position;
  }

  /**
   * Integrates `options.steps` steps and yields metrics. One run at a time; leaving the loop stops at a step boundary.
   * @throws DataError, DivergedError, DeviceError DEVICE_LOST, DisposedError, or the reason of the signal.
   */
  async *run(options: RunOptions): AsyncGenerator<Metrics, void, undefined> {
    this.check("run");
    if (this.isRunning) throw new DataError("run", "is in progress already; await its end, or make another simulator.");
    this.isRunning = true;
    try {
      yield* run(this.context, options);
    } catch (error) {
      throw await this.explained(error, "run", options.signal);
    } finally {
      this.isRunning = false;
    }
  }

  /**
   * Encodes `steps` steps into the caller's encoder: no submit, no await, no allocation. The frames are what the input and
   * target buffers hold (see `write` and `setFrames`), starting over at their end.
   */
  encode(encoder: GPUCommandEncoder, options: EncodeOptions): void {
    this.check("encode");
    const { steps, learn = true, defer = false } = options;
    if (!(Number.isSafeInteger(steps) && steps >= 1)) {
      throw new DataError("encode.steps", `must be a whole number of at least 1; it is ${String(steps)}.`);
    }
    const { learning, programs } = this.plan;
    if (learn && programs.window !== null) {
      if (steps % learning.window !== 0) throw wholeWindows("encode.steps", steps, learning.window);
      for (let done = 0; done < steps; done += learning.window) {
        for (const encode of this.engine.windowParts(learning.window)) encode(encoder);
      }
    } else {
      this.engine.encodeSteps(encoder, steps, learn);
      // Whoever submits it may look at the weights.
      if (!defer) this.engine.encodeUpdates(encoder);
    }
    this.context.position += steps;
  }

  /**
   * Copies a quantity to the host, as it is after all work submitted so far; of several replicas one behind the other.
   * @throws DataError if there is no such quantity, DeviceError DEVICE_LOST, DisposedError, or the reason of the signal.
   */
  async read(
    quantity: NodeQuantity | ProjectionQuantity,
    where: Where,
    options: ReplicaChoice & { readonly signal?: AbortSignal } = {},
  ): Promise<Float32Array> {
    this.check("read");
    options.signal?.throwIfAborted();
    const place = this.placeOf(quantity, where);
    const { device, engine } = this;
    engine.update();
    const parts = chosenReplicas(this.plan, place, "read", options).flatMap((replica) =>
      partsOf(place).map((part) => ({ ...part, first: part.first + replica * strideOf(this.plan, part) })),
    );
    try {
      const data = await readPlaces(
        device,
        `${engine.label}/read`,
        parts,
        (name) => engine.buffer(name),
        () => {
          this.check("read");
        },
      );
      options.signal?.throwIfAborted();
      this.check("read");
      return data;
    } catch (error) {
      throw await this.explained(error, "read", options.signal);
    }
  }

  /**
   * Sets a quantity before all work submitted from now on. Input and target take any whole number of frames that fit; they
   * start at the current step and repeat. All replicas get the same values, or each its own, one behind the other.
   * @throws DataError if there is no such quantity or the length is not its length.
   */
  write(
    quantity: NodeQuantity | ProjectionQuantity,
    where: Where,
    data: Float32Array,
    options: ReplicaChoice = {},
  ): void {
    this.check("write");
    const place = this.placeOf(quantity, where);
    if (!(data instanceof Float32Array)) throw new DataError(`write("${quantity}")`, "takes a Float32Array.");
    if (quantity === "target" && typeof where === "string")
      checkClasses(this.plan, `write("target").${where}`, where, data);
    if (quantity === "tauM" || quantity === "tauR") checkTau(this.plan, quantity, where, data);
    const replicas = chosenReplicas(this.plan, place, "write", options);
    const isFrames = place.buffer === "frames";
    // What waits is due on the weights that there are, not on those that come.
    if (!isFrames) this.engine.update();
    const capacity = isFrames ? this.plan.frameCapacity : 1;
    const unit = (place.rows / capacity) * place.columns;
    const count = data.length / unit;
    const isOwn = count === replicas.length && !isFrames;
    if (!isOwn && (!Number.isInteger(count) || count < 1 || count > capacity)) {
      const each = replicas.length > 1 ? `, or ${replicas.length} times as many, for each replica its own` : "";
      const expected = isFrames
        ? `1 to ${capacity} frames of ${unit} values`
        : `${unit} values, ${layoutOf(place)}${each}`;
      throw new DataError(`write("${quantity}")`, `takes ${expected}; it was given ${data.length}.`);
    }
    replicas.forEach((replica, index) => {
      this.engine.write(place, isOwn ? data.subarray(index * unit, (index + 1) * unit) : data, { replica });
    });
    if (quantity === "input") this.setFrames({ input: count });
    if (quantity === "target") this.setFrames({ target: count });
  }

  /** Says how many frames the input and target buffers hold, from the current step on. Target 0: no cost. */
  setFrames(frames: { readonly input?: number; readonly target?: number }): void {
    this.check("setFrames");
    const { constants, position } = this.context;
    for (const [name, count] of Object.entries(frames)) {
      if (!Number.isSafeInteger(count) || count < (name === "input" ? 1 : 0) || count > this.plan.frameCapacity) {
        throw new DataError(
          `setFrames.${name}`,
          `must be a whole number up to ${this.plan.frameCapacity}; it is ${String(count)}.`,
        );
      }
    }
    constants.inputFrames = frames.input ?? constants.inputFrames;
    constants.targetFrames = frames.target ?? constants.targetFrames;
    constants.frameOrigin = position;
    this.engine.writeConstants(constants);
  }

  /**
   * Where a quantity lives on the device, without a copy; by default that of replica 0. It may be bound in kernels of the host.
   * @throws DataError if there is no such quantity, or if it is weights that are cut into several buffers.
   */
  buffer(quantity: NodeQuantity | ProjectionQuantity, where: Where, options: ReplicaChoice = {}): BufferView {
    const [view, ...more] = this.buffers(quantity, where, options) as [BufferView, ...BufferView[]];
    if (more.length === 0) return view;
    const problem = `stands in ${more.length + 1} buffers, as one may have ${this.plan.bindingBytes} bytes`;
    throw new DataError(keyOf(quantity, where), `${problem}: use buffers().`);
  }

  /** The same of weights that may be cut, and of their moments: their rows, one buffer after the other. */
  buffers(
    quantity: NodeQuantity | ProjectionQuantity,
    where: Where,
    options: ReplicaChoice = {},
  ): readonly BufferView[] {
    this.check("buffer");
    const place = this.placeOf(quantity, where);
    const [replica = 0] = chosenReplicas(this.plan, place, "buffer", options);
    return partsOf(place).map((part) => this.viewOf(part, replica));
  }

  /** All states and the step to zero; parameters, moments and the count of updates stay. Clears a divergence. */
  reset(): void {
    this.checkIdle("reset");
    this.engine.clearStates();
    this.context.position = 0;
    this.context.constants.frameOrigin = 0;
    this.engine.writeConstants(this.context.constants);
  }

  /**
   * All that the future of the network depends on besides its frames: parameters, moments, states, step and learning rate, of
   * all replicas. What `restore` goes on from to the same bits, on the same adapter.
   * @throws DataError during a run, DeviceError DEVICE_LOST, DisposedError.
   */
  async save(): Promise<Uint8Array> {
    this.checkIdle("save");
    this.isRunning = true;
    try {
      return await saveSnapshot(this.context, () => {
        this.check("save");
      });
    } catch (error) {
      throw await this.explained(error, "save", undefined);
    } finally {
      this.isRunning = false;
    }
  }

  /**
   * Goes on from what `save` of a simulator of the same network and options gave. Frames are not part of it.
   * @throws DataError during a run, for bytes that are no whole snapshot, and for one of another network or other options;
   *   nothing has changed then.
   */
  restore(snapshot: Uint8Array): void {
    this.checkIdle("restore");
    restoreSnapshot(this.context, snapshot);
  }

  /** Frees everything this simulator made; a borrowed device stays. May be called again. */
  destroy(): void {
    if (this.context.isDestroyed) return;
    this.context.isDestroyed = true;
    this.context.ring.destroy();
    this.engine.destroy();
    if (this.ownsDevice) this.device.destroy();
  }

  [disposeSymbol](): void {
    this.destroy();
  }

  /** Waits for the work submitted so far, then destroys. */
  async [asyncDisposeSymbol](): Promise<void> {
    if (!this.context.isDestroyed) await this.device.queue.onSubmittedWorkDone().catch(() => undefined);
    this.destroy();
  }

  private viewOf(place: Place, replica: number): BufferView {
    const stride = strideOf(this.plan, place);
    return {
      buffer: this.engine.buffer(place.buffer),
      offset: (place.first + replica * stride) * 16,
      size: sizeOf(place) * 16,
      layout: layoutOf(place),
      stride: stride * 16,
    };
  }

  private placeOf(quantity: NodeQuantity | ProjectionQuantity, where: Where): Place {
    const key = keyOf(quantity, where);
    const place = this.plan.places.get(key);
    const order = { firstMoment: 1, secondMoment: 2 }[quantity as string] ?? 0;
    const isHeld = (part: Place): boolean => (part.first + sizeOf(part)) * 16 <= this.engine.buffer(part.buffer).size;
    if (place !== undefined && order <= this.plan.moments && partsOf(place).every(isHeld)) return place;
    const known = [...this.plan.places.keys()].filter((name) => name.startsWith(`${quantity}/`));
    throw new DataError(
      key,
      known.length === 0
        ? `does not exist: there is no quantity "${quantity}" here.`
        : place === undefined
          ? `does not exist; there is ${known.join(", ")}.`
          : order > 0
            ? `is not kept by the optimiser "${this.plan.learning.optimizer.kind}".`
            : "is not kept, as nothing learns.",
    );
  }

  private checkIdle(call: string): void {
    this.check(call);
    if (this.isRunning) throw new DataError(call, "was called during a run; leave its loop or abort it first.");
  }

  private check(call: string): void {
    if (this.context.isDestroyed) throw new DisposedError(call);
    if (this.fate.loss !== undefined) throw this.fate.loss;
  }

  /** A failure on the way is the caller's abort, the device's loss, this simulator's end, or what it says. */
  private async explained(error: unknown, call: string, signal: AbortSignal | undefined): Promise<unknown> {
    if (error instanceof VleError || isReason(error, signal)) return error;
    const told = this.context.isDestroyed ? error : await this.fate.explain(error);
    return this.context.isDestroyed ? new DisposedError(call) : told;
  }
}
