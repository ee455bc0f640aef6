/** What a step must move and compute at least, and where that puts a case beneath the limits of its device. Pure. */

import { operationsOf } from "../../bench/harness/cases.ts";
import type { Bandwidth, BenchReport, CaseResult } from "../../bench/harness/result.ts";

/**
 * Bytes of state for a neuron and a batch row, each value once a dispatch: `synapses` reads r and e and writes s and m, `neurons`
 * reads s, m, u, e, v and writes u, r, slope, e, v.
 */
export const STATE_BYTES = 4 * (4 + 10);
/** f32 values that an optimiser reads and writes for each synapse. */
const values: Readonly<Record<string, number>> = { sgd: 1, momentum: 2, adam: 3 };

type Work = Pick<
  CaseResult,
  "shape" | "blocks" | "neurons" | "synapses" | "batch" | "learning" | "optimizer" | "variant"
>;

/** Kernels of their own read the weights for each product and once more for the update; one pass reads them once. */
export function bytesOfSynapse({ learning, optimizer, variant }: Work): number {
  if (!learning) return 4;
  return 8 * (values[optimizer] ?? 1) + (variant === "tiled" ? 8 : 0);
}

function flopsOfStep({ shape, blocks, synapses, batch, learning }: Work): number {
  return batch * operationsOf({ kind: shape, blocks }, synapses, learning);
}

/** Operations a second, counted here and not read from the file, as older ones count too many; null where nothing was measured. */
export function flopsOf(work: CaseResult): number | null {
  return work.stepsPerSecond === null ? null : flopsOfStep(work) * work.stepsPerSecond.median;
}

export function bytesOfStep(work: Work): number {
  return bytesOfSynapse(work) * work.synapses + STATE_BYTES * work.neurons * work.batch;
}

/** Operations a byte. */
export const intensityOf = (work: Work): number => flopsOfStep(work) / bytesOfStep(work);

export interface Roof {
  readonly name: "in place" | "copy";
  readonly footprint: number;
  readonly bytesPerSecond: number;
}

export interface Roofs {
  readonly flops: number;
  /** Of the memory that is fastest and of the largest: the first may fit a cache. */
  readonly memory: readonly Roof[];
  /** Operations a byte at which the in-place roof of the largest memory meets the ceiling. */
  readonly ridge: number;
}

type Measured = Pick<BenchReport, "denominators">;

/** Null where no bandwidth was measured. */
export function roofsOf({ denominators: { flops, bandwidths } }: Measured): Roofs | null {
  const inPlace = roofsNamed("in place", bandwidths);
  const largest = inPlace.at(-1);
  if (largest === undefined) return null;
  const copy = roofsNamed("copy", bandwidths);
  const memory = [fastest(inPlace), largest, fastest(copy), copy.at(-1)].filter((roof) => roof !== undefined);
  return { flops, memory: [...new Set(memory)], ridge: flops / largest.bytesPerSecond };
}

/** In the order of their footprints. */
function roofsNamed(name: Roof["name"], bandwidths: readonly Bandwidth[]): Roof[] {
  return bandwidths
    .flatMap(({ footprint, inPlace, copy }) => {
      const spread = name === "copy" ? copy : inPlace;
      return spread === null ? [] : [{ name, footprint, bytesPerSecond: spread.median }];
    })
    .sort((a, b) => a.footprint - b.footprint);
}

function fastest(roofs: readonly Roof[]): Roof | undefined {
  return [...roofs].sort((a, b) => b.bytesPerSecond - a.bytesPerSecond)[0];
}

/**
 * The part of what the device could do: of its arithmetic, or of the in-place bandwidth over memory of that size, and where none
 * was measured of the faster of the two sizes around it.
 */
export function partOfRoof(measured: Measured, work: CaseResult): number | null {
  const { flops: most, bandwidths } = measured.denominators;
  const flops = flopsOf(work);
  if (flops === null) return null;
  const own = 4 * work.synapses * (work.learning ? (values[work.optimizer] ?? 1) : 1);
  const roofs = roofsNamed("in place", bandwidths);
  const around = [
    roofs.findLast(({ footprint }) => footprint <= own),
    roofs.find(({ footprint }) => footprint >= own),
  ].filter((roof) => roof !== undefined);
  const best = fastest(around);
  return best === undefined ? null : flops / Math.min(most, intensityOf(work) * best.bytesPerSecond);
}

/** "256 KiB", "16 MiB", "1 GiB". */
export function sizeText(bytes: number): string {
  for (const [unit, size] of [
    ["GiB", 2 ** 30],
    ["MiB", 2 ** 20],
  ] as const) {
    if (bytes >= size) return `${Number((bytes / size).toPrecision(3))} ${unit}`;
  }
  return `${Number((bytes / 2 ** 10).toPrecision(3))} KiB`;
}
