/**
 * Where everything stands: fields of the state, parameters, frames, traces. Pure.
 *
 * Rows of neurons are padded to whole quads of four, and places are counted in quads: the kernels read and write 16 bytes
 * at a time.
 */

import { SpecError } from "./errors.ts";
import type { Learning, Network, Projection } from "./spec.ts";

/** Fields of the state, in the order of their places; each holds [batch][neurons] of every population. */
export const stateFields = ["error", "potential", "lowPassedError", "slope", "rate"] as const;
export type StateQuantity = (typeof stateFields)[number];
/**
 * Of the last window of adjoint errors: the gradient with respect to the potentials at its start, [batch][neurons], and, if
 * the window is kept whole, the adjoint of every step, [step][batch][neurons].
 */
export type WindowQuantity = "potentialGradient" | "adjoint";

/** In the order of the kernel's record places. */
export const traceQuantities = [
  "rate",
  "error",
  "potential",
  "lowPassedError",
  "slope",
  "feedback",
  "current",
  "potentialDerivative",
  "topDown",
] as const;
/** What can be recorded at every step: the state, and three quantities that live only inside a step. */
export type TraceQuantity = (typeof traceQuantities)[number];

export interface RecordSpec {
  /** Name of a population, or of a source for "rate" and "feedback". */
  readonly population: string;
  readonly quantity: TraceQuantity;
}

/** Of the whole network in a step, [batch] (docs/theory.md, "Energy"). */
export const energyQuantities = ["mismatch", "cost", "energy", "action", "conserved"] as const;
export type EnergyQuantity = (typeof energyQuantities)[number];

export interface PlanOptions {
  readonly batch: number;
  readonly learning: Learning;
  readonly record: readonly RecordSpec[];
  readonly energies: readonly EnergyQuantity[];
  /** Bytes for what a window of adjoint errors keeps on the device. */
  readonly trajectoryBytes: number;
  /** Bytes for the frames of input and target. */
  readonly frameBytes: number;
  readonly tuning: Tuning;
}

/** How work is cut; the results differ by rounding only. */
export interface Tuning {
  /** Workgroups that keep the device busy. */
  readonly workgroups: number;
  /** Whether the invocations of a workgroup of `synapses` add up their currents, behind a barrier. */
  readonly sharedCurrents: boolean;
  /** Quads of columns of an invocation of `synapses`, 1 to 4. */
  readonly columnQuads: number;
}

/** An adapter that runs on a CPU has few cores, pays for every workgroup, and loses its optimiser to a barrier. */
export const tunings = {
  gpu: { workgroups: 256, sharedCurrents: true, columnQuads: 1 },
  cpu: { workgroups: 8, sharedCurrents: false, columnQuads: 4 },
} as const satisfies Record<string, Tuning>;

export type BufferName =
  | "params"
  | "clock"
  | "populations"
  | "projections"
  | "neuron_tiles"
  | "synapse_tiles"
  | "learn_tiles"
  | "time_constants"
  | "blocks"
  | "partial_sums"
  | "frames"
  | "state"
  | "record"
  | "parameters"
  | "first_moment"
  | "second_moment";

/** Rows in a buffer, each padded to whole quads. */
export interface Place {
  readonly buffer: BufferName;
  /** In quads. */
  readonly first: number;
  readonly rows: number;
  /** Rows of zeros behind them. */
  readonly paddingRows: number;
  /** Values in a row, without padding. */
  readonly columns: number;
  /** What rows and columns count: "batch" and "neurons", "post" and "pre", "frames" and "values". */
  readonly axes: readonly [rows: string, columns: string];
}

/** Quads that hold a row of `count` values. */
export const quadsOf = (count: number): number => Math.ceil(count / 4);

/** Quads that a place takes. */
export const sizeOf = ({ rows, columns }: Place): number => rows * quadsOf(columns);

export interface PlannedTrace extends RecordSpec {
  /** Place in the record, and quads of one step. */
  readonly first: number;
  readonly rowSize: number;
  /** Neurons. */
  readonly columns: number;
}

/** Bound buffers must start at multiples of 256 bytes, so every block does; in quads. */
const alignment = 16;
const recordBytes = 4 * 2 ** 20;
const maxRecordRows = 1024;
const maxFrames = 4096;

/** Hands out consecutive aligned stretches of quads. */
class Allocator {
  end: number;
  constructor(start = 0) {
    this.end = start;
  }
  take(quads: number): number {
    const first = this.end;
    this.end += Math.ceil(quads / alignment) * alignment;
    return first;
  }
}

/** All sizes in quads. */
export interface Layout {
  /** One field of the state, and the whole state with the rates of sources and the costs. */
  readonly field: number;
  readonly state: number;
  readonly parameters: number;
  readonly frames: number;
  readonly record: number;
  readonly places: ReadonlyMap<string, Place>;
  readonly frameCapacity: number;
  readonly traces: readonly PlannedTrace[];
  readonly recordRows: number;
  readonly costs: { readonly first: number; readonly count: number };
}

/** @throws SpecError if a record names something that does not exist. */
export function layOut(network: Network, { batch, record, frameBytes }: PlanOptions): Layout {
  const places = new Map<string, Place>();
  const state = placeStates(places, network, batch);
  const parameters = placeParameters(places, network);
  const frames = placeFrames(places, network, batch, frameBytes);
  return { ...state, parameters, ...frames, ...placeTraces(network, batch, record), places };
}

type Places = Map<string, Place>;

function placeStates(places: Places, network: Network, batch: number): Pick<Layout, "field" | "state" | "costs"> {
  const fields = new Allocator();
  const neurons = (size: number, first: number): Place => ({
    buffer: "state",
    first,
    rows: batch,
    paddingRows: 0,
    columns: size,
    axes: ["batch", "neurons"],
  });
  const firsts = network.populations.map(({ size }) => fields.take(batch * quadsOf(size)));
  network.populations.forEach(({ name, size }, index) => {
    for (const [order, quantity] of stateFields.entries()) {
      places.set(`${quantity}/${name}`, neurons(size, order * fields.end + (firsts[index] ?? 0)));
    }
  });
  // Behind the rates of the populations, so that one offset finds the rate of either.
  const behind = new Allocator(stateFields.length * fields.end);
  for (const { name, size } of network.sources) {
    places.set(`rate/${name}`, neurons(size, behind.take(batch * quadsOf(size))));
  }
  const first = behind.end;
  for (const { name, size, cost } of network.populations) {
    if (cost !== null) places.set(`cost/${name}`, neurons(size, behind.take(batch * quadsOf(size))));
  }
  return { field: fields.end, state: behind.end, costs: { first, count: behind.end - first } };
}

function placeParameters(places: Places, network: Network): number {
  const parameters = new Allocator();
  const place = (
    quantity: string,
    name: string,
    shape: Pick<Place, "rows" | "paddingRows" | "columns" | "axes">,
  ): void => {
    const first = parameters.take((shape.rows + shape.paddingRows) * quadsOf(shape.columns));
    places.set(`${quantity}/${name}`, { buffer: "parameters", first, ...shape });
    places.set(`firstMoment/${name}`, { buffer: "first_moment", first, ...shape });
    places.set(`secondMoment/${name}`, { buffer: "second_moment", first, ...shape });
  };
  for (const projection of network.projections) {
    const { post, pre } = projection;
    // Rows are padded to quads too, with zeros that stay zero, so that no kernel looks for the last row.
    const paddingRows = quadsOf(post) * 4 - post;
    const shape = { rows: post, paddingRows, columns: pre, axes: ["post", "pre"] } as const;
    place("weight", pathOf(network, projection).join("/"), shape);
  }
  for (const { name, size } of network.populations) {
    place("bias", name, { rows: 1, paddingRows: 0, columns: size, axes: ["", "neurons"] });
  }
  return parameters.end;
}

function placeFrames(
  places: Places,
  network: Network,
  batch: number,
  frameBytes: number,
): Pick<Layout, "frames" | "frameCapacity"> {
  const signals = [
    ...network.sources.map(({ name, size }) => ({ key: `input/${name}`, perFrame: batch, columns: size })),
    ...network.populations.flatMap(({ name, size, cost }) => {
      if (cost === null) return [];
      const shape =
        cost.kind === "cross-entropy" ? { perFrame: 1, columns: batch } : { perFrame: batch, columns: size };
      return [{ key: `target/${name}`, ...shape }];
    }),
  ];
  const frameQuads = signals.reduce((sum, { perFrame, columns }) => sum + perFrame * quadsOf(columns), 0);
  const frameCapacity = Math.min(Math.max(Math.floor(frameBytes / 16 / Math.max(frameQuads, 1)), 1), maxFrames);
  const frames = new Allocator();
  for (const { key, perFrame, columns } of signals) {
    const rows = frameCapacity * perFrame;
    const first = frames.take(rows * quadsOf(columns));
    places.set(key, {
      buffer: "frames",
      first,
      rows,
      paddingRows: 0,
      columns,
      axes: ["frames and batch rows", "values"],
    });
  }
  return { frames: frames.end, frameCapacity };
}

function placeTraces(
  network: Network,
  batch: number,
  record: readonly RecordSpec[],
): Pick<Layout, "traces" | "recordRows" | "record"> {
  refuseRepeats(record);
  const columns = record.map((entry) => recordedSize(network, entry));
  const perRow = columns.reduce((sum, size) => sum + batch * quadsOf(size), 0);
  const recordRows = Math.min(Math.max(Math.floor(recordBytes / 16 / Math.max(perRow, 1)), 1), maxRecordRows);
  let end = 0;
  const traces = record.map((entry, index) => {
    const size = columns[index] ?? 0;
    const first = end;
    end += batch * quadsOf(size) * recordRows;
    return { ...entry, first, columns: size, rowSize: batch * quadsOf(size) };
  });
  return { traces, recordRows, record: end };
}

/** Names of both ends; joined by "/" they key the places of a projection. */
export function pathOf(network: Network, projection: Projection): [from: string, to: string] {
  const from = (projection.fromSource ? network.sources : network.populations)[projection.from];
  return [from?.name ?? "", network.populations[projection.to]?.name ?? ""];
}

/** Two entries for one trace would share its place. */
function refuseRepeats(record: readonly RecordSpec[]): void {
  const keys = record.map(({ population, quantity }) => `${quantity}/${population}`);
  keys.forEach((key, index) => {
    const first = keys.indexOf(key);
    if (first === index) return;
    throw new SpecError(
      `record[${index}]`,
      `repeats entry ${first}, the ${key.replace("/", ' of "')}". Record it once.`,
    );
  });
}

function recordedSize(network: Network, { population, quantity }: RecordSpec): number {
  const found = network.populations.find((candidate) => candidate.name === population);
  if (found !== undefined) return found.size;
  const source = network.sources.find((candidate) => candidate.name === population);
  if (source !== undefined && (quantity === "rate" || quantity === "feedback")) return source.size;
  if (source !== undefined) {
    throw new SpecError(
      "record",
      `asks for "${quantity}" of the source "${population}", which has rate and feedback only.`,
    );
  }
  const names = [...network.populations, ...network.sources].map(({ name }) => `"${name}"`).join(", ");
  throw new SpecError("record", `names "${population}", which does not exist. There are ${names}.`);
}
