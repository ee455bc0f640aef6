/** A simulator and its f64 twin: set to the same values, run over the same steps, compared. */

import { expect } from "vitest";
import { targetOf } from "../../src/device.ts";
import { createSimulator } from "../../src/index.ts";
import { quadsOf, traceQuantities, type PlanOptions, type RecordSpec } from "../../src/layout.ts";
import { resolvePlanning, type PlanningOptions } from "../../src/options.ts";
import { errorPaths } from "../../src/paths.ts";
import { createReference, type Reference } from "../../src/reference/index.ts";
import type { Simulator } from "../../src/simulator.ts";
import { resolveNetwork, type Learning, type Network, type NetworkSpec } from "../../src/spec.ts";
import { createUniform, filled } from "./networks.ts";

export interface TwinOptions extends PlanningOptions {
  readonly seed?: number;
  /** Records everything that there is. Default true. */
  readonly recordAll?: boolean;
}

interface Between {
  readonly from: string;
  readonly to: string;
}

export interface StepOptions {
  readonly learn?: boolean;
  /** Whether targets are given. Default: where there is a cost. */
  readonly target?: boolean;
}

/** Largest difference of each array, relative to the largest entry of the reference's. */
export type Differences = Readonly<Record<string, number>>;

export class Twin {
  readonly sim: Simulator;
  readonly reference: Reference;
  readonly network: Network;
  readonly learning: Learning;
  readonly batch: number;
  private readonly record: readonly RecordSpec[];
  private readonly random: () => number;
  private readonly hasError: ReadonlySet<string>;

  private constructor(sim: Simulator, network: Network, seed: number, planned: PlanOptions) {
    const { batch, learning, record } = planned;
    this.sim = sim;
    this.network = network;
    this.learning = learning;
    this.batch = batch;
    this.record = record;
    this.random = createUniform(seed);
    this.reference = createReference(network, learning, { batch, seed });
    const { hasError } = errorPaths(network, planned);
    this.hasError = new Set(network.populations.filter((_, i) => hasError[i]).map(({ name }) => name));
  }

  static async create(device: GPUDevice, spec: NetworkSpec, options: TwinOptions = {}): Promise<Twin> {
    const { recordAll = true, seed = 0, ...given } = options;
    const network = resolveNetwork(spec);
    const planning = { ...given, ...(recordAll && { record: everythingOf(network) }) };
    const sim = await createSimulator(spec, { ...planning, seed, device });
    return new Twin(sim, network, seed, resolvePlanning(planning, targetOf(device, device.adapterInfo)));
  }

  /** `count` numbers from `low` to `high` that are exact in f32. */
  numbers(count: number, low: number, high: number): Float32Array {
    return filled(count, () => low + (high - low) * this.random());
  }

  /** Gives every state, parameter and moment another value, the same to both. */
  randomise(): void {
    const { network, batch, learning } = this;
    const hasErrors = Number(learning.errors !== "none");
    for (const { name, size } of network.populations) {
      const state = (
        quantity: "potential" | "rate" | "slope" | "error" | "lowPassedError",
        low: number,
        high: number,
      ) => this.writeBoth(quantity, name, this.numbers(batch * size, low, high));
      state("potential", -1, 1);
      state("rate", -1, 1);
      state("slope", 0.2, 1.2);
      // Where no errors are computed, one that is written would stay for ever.
      state("error", -hasErrors, hasErrors);
      state("lowPassedError", -hasErrors, hasErrors);
      this.writeBoth("bias", name, this.numbers(size, -1, 1));
      this.writeMoments(name, size);
    }
    for (const projection of network.projections) {
      const { pre, post } = projection;
      const between = betweenOf(network, projection);
      const bound = 1 / Math.sqrt(pre);
      const weights = this.numbers(pre * post, -bound, bound);
      this.sim.write("weight", between, weights);
      this.reference.write("weight", between, weights);
      this.writeMoments(between, pre * post);
    }
  }

  private writeBoth(
    quantity: "potential" | "rate" | "slope" | "error" | "lowPassedError" | "bias",
    name: string,
    values: Float32Array,
  ): void {
    this.sim.write(quantity, name, values);
    this.reference.write(quantity, name, values);
  }

  private writeMoments(place: string | Between, count: number): void {
    for (const moment of this.moments) {
      const values = moment === "firstMoment" ? this.numbers(count, -0.1, 0.1) : this.numbers(count, 0.001, 0.01);
      this.sim.write(moment, place, values);
      this.reference.write(moment, place, values);
    }
  }

  get moments(): readonly ("firstMoment" | "secondMoment")[] {
    const kept = { sgd: 0, momentum: 1, accumulate: 1, adam: 2 }[this.learning.optimizer.kind];
    return learnsAtAll(this) ? (["firstMoment", "secondMoment"] as const).slice(0, kept) : [];
  }

  /** Runs both over `steps` steps of random input and target; differences of the loss and of every trace. */
  async step(steps: number, { learn = true, target = true }: StepOptions = {}): Promise<Differences> {
    const { network, batch, reference } = this;
    const costed = network.populations.filter(({ cost }) => cost !== null);
    const input = Object.fromEntries(
      network.sources.map(({ name, size }) => [name, this.numbers(steps * batch * size, -1, 1)]),
    );
    const targets = Object.fromEntries(
      costed.map(({ name, size, cost }) => [
        name,
        cost?.kind === "cross-entropy"
          ? Float32Array.from({ length: steps * batch }, () => Math.floor(this.random() * (size + 1)) - 1)
          : this.numbers(steps * batch * size, -1, 1),
      ]),
    );
    const withTarget = target && costed.length > 0;
    const expected: number[][] = this.record.map(() => []);
    let loss = 0;
    for (let step = 0; step < steps; step++) {
      const frame = (arrays: Readonly<Record<string, Float32Array>>): Record<string, Float32Array> =>
        Object.fromEntries(
          Object.entries(arrays).map(([name, values]) => {
            const size = values.length / steps;
            return [name, values.subarray(step * size, (step + 1) * size)];
          }),
        );
      loss += reference.step(frame(input), withTarget ? frame(targets) : null, learn) || 0;
      this.record.forEach(({ population, quantity }, index) => {
        expected[index]?.push(...reference.read(quantity, population));
      });
    }
    const differences: Record<string, number> = {};
    for await (const metrics of this.sim.run({ steps, learn, input, ...(withTarget && { target: targets }) })) {
      expect(metrics.steps).toBe(steps);
      if (withTarget) differences["loss"] = Math.abs(metrics.loss - loss / steps) / (loss === 0 ? 1 : loss / steps);
      else expect(metrics.loss).toBeNaN();
      this.record.forEach(({ population, quantity }, index) => {
        if (!this.isComputed(population, quantity)) return;
        const actual = metrics.traces[index] ?? new Float32Array(0);
        differences[`trace of ${quantity}/${population}`] = difference(actual, expected[index] ?? []);
      });
    }
    return differences;
  }

  /** Differences of every state, parameter and moment as they are now. */
  async differences(): Promise<Differences> {
    const { network, sim, reference } = this;
    const found: Record<string, number> = {};
    for (const { name } of network.sources) {
      found[`rate/${name}`] = difference(await sim.read("rate", name), reference.read("rate", name));
    }
    for (const { name } of network.populations) {
      for (const quantity of [
        "potential",
        "rate",
        "slope",
        "error",
        "lowPassedError",
        "bias",
        "tauM",
        "tauR",
      ] as const) {
        if (!this.isComputed(name, quantity)) continue;
        found[`${quantity}/${name}`] = difference(await sim.read(quantity, name), reference.read(quantity, name));
      }
      for (const moment of this.moments) {
        found[`${moment}/${name}`] = difference(await sim.read(moment, name), reference.read(moment, name));
      }
    }
    for (const projection of network.projections) {
      const between = betweenOf(network, projection);
      for (const quantity of ["weight", ...this.moments] as const) {
        const expected = quantity === "weight" ? reference.read(quantity, between) : reference.read(quantity, between);
        found[`${quantity}/${projection.name}`] = difference(await sim.read(quantity, between), expected);
      }
    }
    return found;
  }

  /** The GPU leaves out errors that nobody needs. */
  private isComputed(population: string, quantity: string): boolean {
    const isError = ["error", "lowPassedError", "feedback", "topDown"].includes(quantity);
    const isSource = this.network.sources.some(({ name }) => name === population);
    return !isError || isSource || this.learning.errors === "none" || this.hasError.has(population);
  }

  /** Everything that stands behind the last neuron of a row, or behind the last row of a block of weights. */
  async padding(): Promise<Float32Array> {
    const { network, sim } = this;
    const rows: Float32Array[] = [];
    for (const { name, size } of network.populations) {
      for (const quantity of ["rate", "error", "slope", "lowPassedError"] as const) {
        rows.push(behind(await readRaw(sim, quantity, name), size));
      }
      rows.push(behind(await readRaw(sim, "bias", name), size));
    }
    for (const { name, size } of network.sources) rows.push(behind(await readRaw(sim, "rate", name), size));
    for (const projection of network.projections) {
      const { pre, post } = projection;
      for (const quantity of ["weight", ...this.moments] as const) {
        const pitch = quadsOf(pre) * 4;
        const raw = await readRaw(sim, quantity, betweenOf(network, projection), quadsOf(post) * 4 * pitch * 4);
        rows.push(behind(raw.subarray(0, post * pitch), pre), raw.subarray(post * pitch));
      }
    }
    return joined(rows);
  }

  [Symbol.dispose](): void {
    this.sim.destroy();
  }
}

function learnsAtAll({ network, learning }: Twin): boolean {
  const isPlastic =
    network.projections.some(({ plastic }) => plastic) || network.populations.some(({ bias }) => bias.plastic);
  return learning.errors !== "none" && isPlastic;
}

function everythingOf({ populations, sources }: Network): RecordSpec[] {
  return [
    ...populations.flatMap(({ name }) => traceQuantities.map((quantity) => ({ population: name, quantity }))),
    ...sources.flatMap(({ name }) =>
      (["rate", "feedback"] as const).map((quantity) => ({ population: name, quantity })),
    ),
  ];
}

export function betweenOf(network: Network, { from, fromSource, to }: Network["projections"][number]): Between {
  const sender = (fromSource ? network.sources : network.populations)[from];
  return { from: sender?.name ?? "", to: network.populations[to]?.name ?? "" };
}

/** The values of a test are of the order of 1; all of a few may come out near 0, where they are not compared. */
const few = { entries: 16, scale: 1 };

/** Largest difference, relative to the largest entry expected; absolute where all of them are 0. */
export function difference(actual: Float32Array, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let [largest, worst] = [0, 0];
  for (let i = 0; i < actual.length; i++) {
    const wanted = expected[i] ?? NaN;
    const distance = Math.abs((actual[i] ?? NaN) - wanted);
    // NaN differs from everything, and is larger than nothing.
    worst = distance <= worst ? worst : Number.isNaN(distance) ? Infinity : distance;
    largest = Math.max(largest, Math.abs(wanted));
  }
  const scale = Math.max(largest, expected.length < few.entries ? few.scale : 0);
  return scale > 0 ? worst / scale : worst;
}

/** Shows all arrays that differ too much, with how much. */
export function expectSmall(differences: Differences, tolerance: number): void {
  const large = Object.entries(differences).filter(([, value]) => !(value <= tolerance));
  expect(Object.fromEntries(large), `relative differences above ${tolerance}`).toEqual({});
}

/** What stands behind `columns` values of every padded row. */
function behind(raw: Float32Array, columns: number): Float32Array {
  const pitch = quadsOf(columns) * 4;
  const rows = Math.ceil(raw.length / pitch);
  return joined(Array.from({ length: rows }, (_, row) => raw.subarray(row * pitch + columns, (row + 1) * pitch)));
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

type Quantity = Parameters<Simulator["read"]>[0];

/** A place as it stands on the device, padding included; `bytes` to read beyond its end. */
export async function readRaw(
  sim: Simulator,
  quantity: Quantity,
  where: string | Between,
  bytes?: number,
): Promise<Float32Array> {
  const { buffer, offset, size } = sim.buffer(quantity, where);
  return readBuffer(sim.device, buffer, offset, bytes ?? size);
}

export async function readBuffer(
  device: GPUDevice,
  buffer: GPUBuffer,
  offset: number,
  size: number,
): Promise<Float32Array> {
  const staging = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, offset, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const copy = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return copy;
}
