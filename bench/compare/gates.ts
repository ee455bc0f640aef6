/** What is aimed at: how many times as fast as a peer, for each kind of adapter. */

import { median, pairedRatio } from "../harness/statistics.ts";
import type { Family } from "./engine.ts";

/**
 * What a ratio is made of; "product" is that of a matrix product, in floating-point operations per second, "MNIST-1D step"
 * one of the network in published.ts.
 */
export type Measured = "step" | "batched step" | "product" | "MNIST-1D step";

/** What engines are compared on. */
export interface Shape {
  readonly measured: Measured;
  /** Neurons. */
  readonly size: number;
  readonly synapses: number;
  readonly batch: number;
}

export interface Goal {
  readonly goal: string;
  readonly peer: Family;
  readonly measured: Measured;
  /** The least ratio for a number of neurons; null: none is set. */
  readonly cpu: (size: number) => number | null;
  readonly gpu: (size: number) => number | null;
}

const bySize = (least: Readonly<Record<number, number>>) => (size: number) => least[size] ?? null;
const always = (least: number) => () => least;

export const goals: readonly Goal[] = [
  {
    goal: "G1",
    peer: "jax-js",
    measured: "step",
    cpu: bySize({ 256: 3, 1024: 2 }),
    gpu: bySize({ 256: 10, 1024: 5, 4096: 3 }),
  },
  {
    goal: "G2",
    peer: "tfjs",
    measured: "step",
    cpu: bySize({ 256: 10, 1024: 7 }),
    gpu: (size) => (size <= 1024 ? 10 : size === 4096 ? 4 : null),
  },
  { goal: "G3", peer: "ort", measured: "step", cpu: always(15), gpu: always(8) },
  { goal: "G4", peer: "torch", measured: "step", cpu: bySize({ 1024: 1.5, 2048: 1.1 }), gpu: bySize({}) },
  { goal: "G4", peer: "torch", measured: "MNIST-1D step", cpu: bySize({}), gpu: bySize({}) },
  { goal: "G12", peer: "jax-js", measured: "product", cpu: always(1.1), gpu: always(1) },
  { goal: "G12", peer: "tfjs", measured: "product", cpu: always(1.4), gpu: always(1.3) },
  { goal: "G12", peer: "jax-js", measured: "batched step", cpu: always(1.5), gpu: always(1.5) },
];

/** The rates of an engine in one contest, round by round; null where it does not run or does not agree. */
export interface Result {
  readonly engine: string;
  readonly family: Family;
  readonly samples: readonly number[] | null;
}

export interface Ratio {
  readonly goal: string;
  /** For people: "ours / jax-js 0.1.25 jit, steps/s, N 256". */
  readonly formula: string;
  readonly measured: Measured;
  readonly neurons: number;
  readonly batch: number;
  readonly peer: string;
  readonly value: number;
  readonly gate: number | null;
  /** Null without a gate. */
  readonly holds: boolean | null;
}

export interface Setting extends Omit<Shape, "synapses"> {
  readonly software: boolean;
}

/** Ours over the fastest of each family of peers. */
export function ratiosOf(results: readonly Result[], { measured, size, batch, software }: Setting): Ratio[] {
  const mine = results.find(({ family }) => family === "ours");
  return goals.flatMap((goal) => {
    const peer = fastest(results.filter(({ family }) => family === goal.peer));
    if (goal.measured !== measured || mine === undefined || mine.samples === null || peer === undefined) return [];
    const value = pairedRatio(mine.samples, peer.samples);
    const gate = (software ? goal.cpu : goal.gpu)(size);
    const network = measured === "MNIST-1D step" ? "MNIST-1D" : `N ${size}`;
    const unit = measured === "product" ? "FLOP/s" : "steps/s";
    return {
      goal: goal.goal,
      formula: `${mine.engine} / ${peer.engine}, ${unit}, ${network}${batch > 1 ? `, batch ${batch}` : ""}`,
      measured,
      neurons: size,
      batch,
      peer: peer.engine,
      value,
      gate,
      holds: gate === null ? null : value >= gate,
    };
  });
}

function fastest(
  results: readonly Result[],
): { readonly engine: string; readonly samples: readonly number[] } | undefined {
  return results
    .flatMap(({ engine, samples }) => (samples === null ? [] : [{ engine, samples }]))
    .sort((a, b) => median(b.samples) - median(a.samples))[0];
}
