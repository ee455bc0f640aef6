/** Runs on the GPU for the tests of properties: steps of the f64 tests go in, traces and gradients come out. */

import { createSimulator } from "../../src/index.ts";
import type { TraceQuantity } from "../../src/layout.ts";
import type { Frame } from "../../src/reference/index.ts";
import type { Metrics } from "../../src/run.ts";
import type { Simulator, SimulatorOptions } from "../../src/simulator.ts";
import type { NetworkSpec } from "../../src/spec.ts";
import { placesOf, type Step } from "../unit/properties/graphs.ts";
import { metricsOf } from "./networks.ts";

/** By name, [frame][batch][neurons]. */
export type Arrays = Readonly<Record<string, Float32Array>>;

/** One frame is held. */
export interface Data {
  readonly input: Arrays;
  readonly target?: Arrays;
}

/** Frames by name, one after the other. */
function join(frames: readonly Frame[]): Arrays {
  const values: Record<string, number[]> = {};
  for (const frame of frames as readonly Readonly<Record<string, ArrayLike<number>>>[]) {
    for (const [name, row] of Object.entries(frame)) (values[name] ??= []).push(...Array.from(row));
  }
  return Object.fromEntries(Object.entries(values).map(([name, all]) => [name, Float32Array.from(all)]));
}

/** Steps whose frames are given by name, as a run takes them; targets if every step has one. */
export function framesOf(steps: readonly Step[]): Data {
  const targets = steps.flatMap(({ target }) => (target === null ? [] : [target]));
  const input = join(steps.map((step) => step.input));
  return targets.length < steps.length ? { input } : { input, target: join(targets) };
}

/** Batch rows of `rowLength` values in the order that `rows` gives, in every frame. */
export function arrangeRows(
  values: Float32Array,
  rowLength: number,
  batch: number,
  rows: readonly number[],
): Float32Array {
  const frames = values.length / (batch * rowLength);
  const arranged = Array.from({ length: frames }, (_, k) =>
    rows.flatMap((row) => [...values.subarray((k * batch + row) * rowLength, (k * batch + row + 1) * rowLength)]),
  );
  return Float32Array.from(arranged.flat());
}

export interface ProbeOptions extends Omit<SimulatorOptions, "record"> {
  /** Recorded of every population. */
  readonly quantities?: readonly TraceQuantity[];
}

/** A simulator, and what it showed in its last run. */
export class Probe implements Disposable {
  readonly sim: Simulator;
  readonly spec: NetworkSpec;
  private readonly names: readonly string[];
  private metrics: Metrics | undefined;

  private constructor(sim: Simulator, spec: NetworkSpec, names: readonly string[]) {
    this.sim = sim;
    this.spec = spec;
    this.names = names;
  }

  static async create(device: GPUDevice, spec: NetworkSpec, options: ProbeOptions = {}): Promise<Probe> {
    const { quantities = [], ...own } = options;
    const record = spec.populations.flatMap(({ name }) =>
      quantities.map((quantity) => ({ population: name, quantity })),
    );
    const sim = await createSimulator(spec, { seed: 11, ...own, record, device });
    const names = record.map(({ population, quantity }) => `${quantity} of ${population}`);
    return new Probe(sim, spec, names);
  }

  /** Takes `steps` steps, by default as many as there are frames. */
  async take(data: Data, options: { readonly steps?: number; readonly learn?: boolean } = {}): Promise<this> {
    const batch = this.sim.plan.batch;
    const [source] = this.spec.sources;
    const frames = (data.input[source?.name ?? ""]?.length ?? 0) / (batch * (source?.size ?? NaN));
    const metrics = await metricsOf(this.sim, { steps: frames, ...options, ...data });
    this.metrics = metrics[0];
    return this;
  }

  /** Mean over the steps of the last run. */
  get loss(): number {
    return this.metrics?.loss ?? NaN;
  }

  /** [step][batch][neurons] of the last run. */
  trace(quantity: TraceQuantity, population: string): Float32Array {
    const trace = this.metrics?.traces[this.names.indexOf(`${quantity} of ${population}`)];
    if (trace === undefined) throw new Error(`There is no trace of ${quantity} of ${population}.`);
    return trace;
  }

  /** A quantity of every place that has parameters, in the order of `placesOf`. */
  async readAll(quantity: "firstMoment" | "gradient"): Promise<Float32Array[]> {
    const values: Float32Array[] = [];
    for (const where of placesOf(this.spec)) values.push(await this.sim.read(quantity, where));
    return values;
  }

  /** Every parameter, in the order of `placesOf`. */
  async readParameters(): Promise<Float32Array[]> {
    const values: Float32Array[] = [];
    for (const place of placesOf(this.spec)) {
      const isWeight = "from" in place;
      values.push(await (isWeight ? this.sim.read("weight", place) : this.sim.read(place.of, place.population)));
    }
    return values;
  }

  [Symbol.dispose](): void {
    this.sim.destroy();
  }
}
