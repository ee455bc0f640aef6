/**
 * Reads golden recordings: JSON files of what another implementation of the same equations computed step by step.
 * The file counts layers from the first after the input; layer l is population l of the network made here, and its
 * weights are those of projection l.
 */

import { DataError, SpecError } from "../errors.ts";
import { layered, resolveNetwork, type Activation, type Errors, type LayerSpec, type NetworkSpec } from "../spec.ts";
import { show } from "../spec/read.ts";

/** State of a layer after a step, [batch][neurons], and the gradient of that step, mean over the batch. */
export interface LayerSnapshot {
  readonly potential: Float32Array;
  readonly lowPassedError: Float32Array;
  readonly rate: Float32Array;
  readonly error: Float32Array;
  /** W^T e, [batch][pre]: what the layer below, or the source, is fed back. */
  readonly feedback: Float32Array;
  /** -e r^T, [post][pre] */
  readonly weightGradient: Float32Array;
  /** -e */
  readonly biasGradient: Float32Array;
  /** +e du/dt */
  readonly tauMGradient: Float32Array;
}

export type LayerGradient = Pick<LayerSnapshot, "weightGradient" | "biasGradient" | "tauMGradient">;

/** A run in which every step ended with an update of all weights and biases. */
export interface OnlineRun {
  readonly eta: number;
  /**
   * Entry i: mean over batch rows of the cross-entropy, or mean over batch rows and outputs of (target - rate)^2, of
   * the output before step i * lossEvery.
   */
  readonly loss: Float32Array;
  readonly lossEvery: number;
  /** Per layer, after the last step. */
  readonly weights: readonly Float32Array[];
  readonly biases: readonly Float32Array[];
  /** Output rates before the last step's update, [batch][neurons]. */
  readonly output: Float32Array;
}

export interface Recording {
  /** Name of the file, for messages. */
  readonly name: string;
  /** A stack; its parameters start as `weights` and `biases`, not as the spec says. */
  readonly network: NetworkSpec;
  readonly errors: Errors;
  readonly batch: number;
  readonly steps: number;
  /** Initial weights [post][pre] and biases of each layer. */
  readonly weights: readonly Float32Array[];
  readonly biases: readonly Float32Array[];
  /** [step][batch][neurons] */
  readonly input: Float32Array;
  /** [step][batch][neurons] for squared error, [step][batch] class indices for cross-entropy. */
  readonly target: Float32Array;
  /** The run without updates. */
  readonly frozen: {
    readonly snapshots: readonly { readonly step: number; readonly layers: readonly LayerSnapshot[] }[];
    /** Sums over all steps. */
    readonly gradient: readonly LayerGradient[];
    /** Output rates before the last step, [batch][neurons]. */
    readonly output: Float32Array;
  };
  /**
   * Exact gradient of `value` without nudging: the sum over steps of the batch mean of the cost (without beta) of the
   * output before the step, zero at step 0.
   */
  readonly exact: { readonly value: number; readonly gradient: readonly LayerGradient[] };
  readonly sgd: OnlineRun;
  readonly adam: OnlineRun;
}

/**
 * @param text The file's content.
 * @param name Its name, for messages.
 * @throws DataError naming the file, the field, what was found and what was expected.
 */
export function parseRecording(text: string, name: string): Recording {
  const root = new Cursor(parseJson(text, name), `${name}:`);
  const spec = root.get("spec");
  const sizes = spec
    .get("sizes")
    .list()
    .map((size) => size.integer(1, 2 ** 24));
  const steps = spec.get("steps").integer(1, 2 ** 32);
  const batch = spec.get("batch").integer(1, 2 ** 24);
  const layers = readShapes(sizes, batch, spec.get("sizes"));
  const outputs = sizes.at(-1) ?? 0;
  const frozen = root.get("frozen");
  const exact = root.get("bptt");
  return {
    name,
    network: readNetwork(spec, sizes),
    errors: spec.get("prospective_errors").boolean() ? "local" : "instantaneous",
    batch,
    steps,
    weights: readLayers(root.get("weights"), layers, (layer, { pre, post }) => layer.array(post, pre)),
    biases: readLayers(root.get("biases"), layers, (layer, { post }) => layer.array(post)),
    input: root.get("input").array(steps, batch, sizes[0] ?? 0),
    target: readTarget(root, steps, batch, outputs),
    frozen: {
      snapshots: readSnapshots(frozen.get("snapshots"), layers, steps),
      gradient: readLayers(frozen.get("sum_gradient"), layers, readGradient),
      output: frozen.get("output").array(batch, outputs),
    },
    exact: {
      value: exact.get("value").number(),
      gradient: readLayers(exact.get("gradient"), layers, readGradient),
    },
    sgd: readOnlineRun(root.get("online_sgd"), layers, steps),
    adam: readOnlineRun(root.get("online_adam"), layers, steps),
  };
}

interface Shape {
  readonly pre: number;
  readonly post: number;
  readonly batch: number;
}

function readShapes(sizes: readonly number[], batch: number, place: Cursor): readonly Shape[] {
  if (sizes.length < 2) throw place.wrong("an array of at least 2 sizes, the source's first");
  return sizes.slice(1).map((post, index) => ({ pre: sizes[index] ?? 0, post, batch }));
}

function readLayers<T>(place: Cursor, layers: readonly Shape[], read: (layer: Cursor, shape: Shape) => T): T[] {
  place.list(layers.length);
  return layers.map((shape, index) => read(place.at(index), shape));
}

function readNetwork(spec: Cursor, sizes: readonly number[]): NetworkSpec {
  const gamma = spec.get("gamma").number();
  const layers = spec
    .get("layers")
    .list(sizes.length - 1)
    .map((layer, index): LayerSpec => {
      const size = sizes[index + 1] ?? 0;
      return {
        size,
        tauM: [...layer.get("tau_m").doubles(size)],
        tauR: [...layer.get("tau_r").doubles(size)],
        activation: layer.get("activation").oneOf(ACTIVATIONS),
        gamma,
      };
    });
  const hidden = layers.slice(0, -1);
  const [output] = layers.slice(-1);
  if (output === undefined) throw spec.get("layers").wrong("an array with a layer");
  const kind = spec.get("loss").oneOf(["mse", "ce"]) === "ce" ? "cross-entropy" : "squared-error";
  const cost = { kind, beta: spec.get("beta").number() } as const;
  const network = layered({ dt: spec.get("dt").number(), input: sizes[0] ?? 0, hidden, output, cost });
  try {
    resolveNetwork(network);
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    throw new DataError(spec.path, `describes a network that is not valid: ${error.message}`);
  }
  return network;
}

const ACTIVATIONS: readonly Activation[] = ["linear", "tanh", "sigmoid", "hard-sigmoid", "relu", "softplus"];

function readTarget(root: Cursor, steps: number, batch: number, outputs: number): Float32Array {
  const target = root.get("target");
  if (root.get("spec").get("loss").value !== "ce") return target.array(steps, batch, outputs);
  const classes = target.list(batch).map((each) => each.integer(0, outputs - 1));
  return Float32Array.from({ length: steps * batch }, (_, index) => classes[index % batch] ?? NaN);
}

function readSnapshots(place: Cursor, layers: readonly Shape[], steps: number): Recording["frozen"]["snapshots"] {
  const snapshots = place.keys().map((key) => {
    const step = Number(key);
    if (!Number.isInteger(step) || step < 0 || step >= steps) {
      throw new DataError(place.path, `has the key ${show(key)}, but a snapshot is named by a step below ${steps}.`);
    }
    return { step, layers: readLayers(place.get(key), layers, readSnapshot) };
  });
  return snapshots.sort((a, b) => a.step - b.step);
}

function readSnapshot(layer: Cursor, { pre, post, batch }: Shape): LayerSnapshot {
  return {
    potential: layer.get("u").array(batch, post),
    lowPassedError: layer.get("low_pass_error").array(batch, post),
    rate: layer.get("rate").array(batch, post),
    error: layer.get("error").array(batch, post),
    feedback: layer.get("feedback").array(batch, pre),
    weightGradient: layer.get("gW").array(post, pre),
    biasGradient: layer.get("gb").array(post),
    tauMGradient: layer.get("gtau_m").array(post),
  };
}

function readGradient(layer: Cursor, { pre, post }: Shape): LayerGradient {
  return {
    weightGradient: layer.get("W").array(post, pre),
    biasGradient: layer.get("b").array(post),
    tauMGradient: layer.get("tau_m").array(post),
  };
}

/** The files do not say how often the loss was sampled; this is the stride that reproduces them. */
const LOSS_SAMPLES = 20;

function readOnlineRun(run: Cursor, layers: readonly Shape[], steps: number): OnlineRun {
  const { post = 0, batch = 0 } = layers.at(-1) ?? {};
  const final = run.get("final");
  return {
    eta: run.get("lr").number(),
    loss: Float32Array.from(run.get("loss").list(), (each) => each.number()),
    lossEvery: Math.max(1, Math.floor(steps / LOSS_SAMPLES)),
    weights: readLayers(final, layers, (layer, { pre, post }) => layer.get("W").array(post, pre)),
    biases: readLayers(final, layers, (layer, { post }) => layer.get("b").array(post)),
    output: run.get("output").array(batch, post),
  };
}

// ---- reading ------------------------------------------------------------------------------------------------

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(`${name}:`, `is not JSON (${reason}).`);
  }
}

/** A place in a parsed file. Whatever is read from it is checked, and refused with its path. */
class Cursor {
  readonly value: unknown;
  readonly path: string;

  constructor(value: unknown, path: string) {
    this.value = value;
    this.path = path;
  }

  keys(): string[] {
    return Object.keys(this.#object());
  }

  get(key: string): Cursor {
    const object = this.#object();
    const path = this.path.endsWith(":") ? `${this.path} ${key}` : `${this.path}.${key}`;
    return new Cursor(Object.hasOwn(object, key) ? object[key] : undefined, path);
  }

  at(index: number): Cursor {
    return new Cursor(this.#array()[index], `${this.path}[${index}]`);
  }

  list(length?: number): Cursor[] {
    const entries = this.#array();
    if (length !== undefined && entries.length !== length) throw this.wrong(`an array of length ${length}`);
    return entries.map((_, index) => this.at(index));
  }

  number(): number {
    if (typeof this.value !== "number" || !Number.isFinite(this.value)) throw this.wrong("a finite number");
    return this.value;
  }

  integer(min: number, max: number): number {
    const value = this.number();
    if (!Number.isInteger(value) || value < min || value > max) throw this.wrong(`an integer from ${min} to ${max}`);
    return value;
  }

  boolean(): boolean {
    if (typeof this.value !== "boolean") throw this.wrong("true or false");
    return this.value;
  }

  oneOf<Option extends string>(options: readonly Option[]): Option {
    const option = options.find((each) => each === this.value);
    if (option === undefined) throw this.wrong(`one of ${options.map((each) => `"${each}"`).join(", ")}`);
    return option;
  }

  /** Nested arrays of numbers of this shape, flattened, as f64. */
  doubles(...shape: readonly number[]): number[] {
    const [length, ...rest] = shape;
    if (length === undefined) return [this.number()];
    return this.list(length).flatMap((entry) => entry.doubles(...rest));
  }

  /** The same as f32, which is what recordings hold. */
  array(...shape: readonly number[]): Float32Array {
    return Float32Array.from(this.doubles(...shape));
  }

  wrong(expected: string): DataError {
    const found = this.value === undefined ? "is missing; it" : `is ${show(this.value)}, but`;
    return new DataError(this.path, `${found} must be ${expected}.`);
  }

  #array(): readonly unknown[] {
    if (!Array.isArray(this.value)) throw this.wrong("an array");
    return this.value as readonly unknown[];
  }

  #object(): Readonly<Record<string, unknown>> {
    if (typeof this.value !== "object" || this.value === null || Array.isArray(this.value))
      throw this.wrong("an object");
    return this.value as Readonly<Record<string, unknown>>;
  }
}
