/** What goes in and out: frames of input and target, traces, and what a window of adjoint errors keeps. */

import { SpecError } from "../errors.ts";
import type { Needs } from "../needs.ts";
import type { Network } from "../spec.ts";
import { checkpointsOf, cutWindow } from "../trajectory.ts";
import {
  alignment,
  Allocator,
  maxFrames,
  maxRecordRows,
  quadsOf,
  recordBytes,
  type Books,
  type Layout,
  type Places,
  type PlanOptions,
  type RecordSpec,
} from "./types.ts";

const mostFrameBytes = 8 * 2 ** 20;
/** Bytes of weights from which on frames must be small beside them. */
const manyWeights = 32 * 2 ** 20;

function defaultFrameBytes({ projections }: Network, windowBytes: number): number {
  const weights = projections.reduce((sum, { pre, post }) => sum + pre * post * 4, 0);
  return weights < manyWeights ? mostFrameBytes : Math.min(Math.max(weights / 16, windowBytes), mostFrameBytes);
}

export function placeFrames(
  places: Places,
  network: Network,
  { batch, frameBytes, learning }: PlanOptions,
): Pick<Layout, "frames" | "frameCapacity"> {
  const signals = [
    ...network.sources.map(({ name, size }) => ({ key: `input/${name}`, perFrame: batch, columns: size })),
    ...network.populations.flatMap(({ name, size, cost }) => {
      if (cost === null) return [];
      const isClass = cost.kind === "cross-entropy";
      const shape = isClass ? { perFrame: 1, columns: batch } : { perFrame: batch, columns: size };
      return [{ key: `target/${name}`, ...shape }];
    }),
  ];
  const frameQuads = signals.reduce((sum, { perFrame, columns }) => sum + perFrame * quadsOf(columns), 0);
  const bytes = frameBytes ?? defaultFrameBytes(network, learning.window * frameQuads * 16);
  const fitting = Math.max(Math.floor(bytes / 16 / Math.max(frameQuads, 1)), 1);
  // All frames of a window are needed on the way back.
  const frameCapacity = Math.min(fitting, Math.max(maxFrames, learning.window));
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

export function placeTraces(
  network: Network,
  { batch, replicas, record, energies: wanted, learning }: PlanOptions,
): Pick<Layout, "traces" | "energies" | "recordRows" | "record"> {
  refuseRepeats(record);
  if (learning.errors === "adjoint") refuseErrors(record);
  const columns = record.map((entry) => recordedSize(network, entry));
  const ofTrace = (size: number): number => replicas * batch * quadsOf(size);
  const ofEnergy = replicas * quadsOf(batch);
  const perRow = columns.reduce((sum, size) => sum + ofTrace(size), wanted.length * ofEnergy);
  const fitting = Math.min(Math.max(Math.floor(recordBytes / 16 / Math.max(perRow, 1)), 1), maxRecordRows);
  // A window comes back whole.
  const recordRows = Math.max(Math.floor(fitting / learning.window), 1) * learning.window;
  let end = 0;
  const traces = record.map((entry, index) => {
    const size = columns[index] ?? 0;
    const first = end;
    end += ofTrace(size) * recordRows;
    return { ...entry, first, columns: size, rowSize: ofTrace(size) };
  });
  const energies = wanted.map((quantity) => {
    const first = end;
    end += ofEnergy * recordRows;
    return { quantity, first, rowSize: ofEnergy };
  });
  return { traces, energies, recordRows, record: end };
}

/** Adjoints are there once a window has been gone back through; in a step of the way forward there are no errors. */
function refuseErrors(record: readonly RecordSpec[]): void {
  const index = record.findIndex(({ quantity }) =>
    ["error", "lowPassedError", "feedback", "topDown"].includes(quantity),
  );
  if (index < 0) return;
  const problem = `asks for "${record[index]?.quantity ?? ""}", which adjoint errors do not have in a step`;
  throw new SpecError(`record[${index}]`, `${problem}. Read "adjoint" after a window, or use other errors.`);
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
type WindowLayout = Pick<Layout, "record" | "segments" | "checkpoint" | "checkpoints"> & { readonly stride: number };

/** What a window of adjoint errors keeps, in the record behind the traces. Networks share the memory for it. */
export function placeWindow(
  { places, inner }: Books,
  network: Network,
  { batch, replicas, learning, trajectoryBytes }: PlanOptions,
  { isAdjoint, sumsTau }: Needs,
  field: number,
  record: number,
): WindowLayout {
  if (!isAdjoint) return { record, segments: null, checkpoint: 0, checkpoints: 0, stride: 0 };
  const own = network.populations.map(({ name, size }) => ({ name, size, quads: batch * quadsOf(size) }));
  const given = network.sources.map(({ name, size }) => ({ name, quads: batch * quadsOf(size) }));
  const sum = (groups: readonly { readonly quads: number }[]): number =>
    groups.reduce((all, { quads }) => all + quads, 0);
  // Potential, slope and rate stand side by side; behind them the clock.
  const checkpoint = 3 * field + alignment;
  const kept = {
    perStep: replicas * (sum(own) * (sumsTau ? 3 : 2) + sum(given)),
    perSegment: replicas * (sum(own) + alignment * 4 * (own.length + given.length)),
    perCheckpoint: replicas * checkpoint,
  };
  const segments = cutWindow(learning.window, kept, trajectoryBytes);
  const start = Math.ceil(record / alignment) * alignment;
  const behind = new Allocator(start);
  for (const { name, size, quads } of own) {
    inner.set(`trajectory/${name}`, behind.take((segments.steps + 1) * quads));
    if (sumsTau) inner.set(`derivatives/${name}`, behind.take(segments.steps * quads));
    const first = behind.take(segments.steps * quads);
    inner.set(`adjoints/${name}`, first);
    if (segments.count > 1) continue;
    const rows = segments.steps * batch;
    const axes = ["steps and batch rows", "neurons"] as const;
    places.set(`adjoint/${name}`, { buffer: "record", first, rows, paddingRows: 0, columns: size, axes });
  }
  for (const { name, quads } of given) inner.set(`trajectory/${name}`, behind.take(segments.steps * quads));
  const stride = behind.end - start;
  const checkpoints = replicas * checkpoint * checkpointsOf(segments.count);
  return { record: start + replicas * stride, segments, checkpoint, checkpoints, stride };
}
