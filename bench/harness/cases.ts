/** What is measured: networks of one shape, and the variants of each that take turns. Pure data. */

import type { NetworkSpec, OptimizerSpec, PlanningOptions } from "../../src/index.ts";

/** A block is a square of synapses, `size` by `size`. */
export interface Shape {
  readonly kind: "recurrent" | "feed-forward";
  readonly size: number;
  readonly blocks: number;
}

/**
 * How a network is run. "learning" is the library's choice of kernels, two dispatches a step or more; "frozen" the same
 * without learning; "immediate" updates the weights in every step, and "deferred" those of 16 steps at once; "tiled" has
 * both products and the update as kernels of their own; "fused" does many steps in a dispatch, and "replicas" so many networks in it; "single" is batch 1 beside a larger batch.
 */
export type VariantName = "learning" | "frozen" | "immediate" | "deferred" | "tiled" | "fused" | "replicas" | "single";

export interface Group {
  readonly name: string;
  readonly shape: Shape;
  readonly batch: number;
  readonly optimizer: "sgd" | "adam";
  readonly variants: readonly VariantName[];
  /** Whether passes over the memory of the weights take turns with the variants. */
  readonly withPasses: boolean;
  readonly isQuick: boolean;
}

export const REPLICAS = 256;
/** Seed of the parameters, and of inputs and targets. */
export const SEED = 4;
/** Of what is timed; the check uses a larger one, so that a wrong update shows. */
export const ETA = 1e-4;
/** Different inputs and targets in a batch; its rows have them by turns. */
export const PATTERNS = 4;

const recurrent = (size: number): Shape => ({ kind: "recurrent", size, blocks: 1 });
const stack = (size: number, blocks: number): Shape => ({ kind: "feed-forward", size, blocks });

function group(shape: Shape, options: Partial<Omit<Group, "name" | "shape">> = {}): Group {
  const { batch = 1, optimizer = "sgd", variants = ["learning", "frozen"] } = options;
  const parts = [
    shape.kind,
    shape.blocks > 1 ? `${shape.blocks} x ${shape.size}` : String(shape.size),
    ...(batch > 1 ? [`batch ${batch}`] : []),
    ...(optimizer === "sgd" ? [] : [optimizer]),
  ];
  const { withPasses = false, isQuick = true } = options;
  return { name: parts.join(" "), shape, batch, optimizer, variants, withPasses, isQuick };
}

const full = { isQuick: false } as const;
const small: readonly VariantName[] = ["learning", "frozen", "fused"];
const large: readonly VariantName[] = ["learning", "frozen", "immediate", "deferred", "tiled"];

export const groups: readonly Group[] = [
  group(recurrent(32), { variants: small }),
  group(recurrent(64), { variants: [...small, "replicas"] }),
  group(recurrent(256), { variants: large, withPasses: true }),
  group(recurrent(1024), { variants: large, withPasses: true }),
  group(recurrent(2048), { variants: large, withPasses: true }),
  group(recurrent(4096), { variants: large, withPasses: true }),
  group(recurrent(8192), { variants: large, withPasses: true, ...full }),
  // Sixteen steps of it take a software adapter half a minute.
  group(recurrent(16384), { variants: ["immediate", "frozen"], withPasses: true, ...full }),
  group(recurrent(256), { batch: 16 }),
  group(recurrent(256), { batch: 256, ...full }),
  group(recurrent(1024), { batch: 16, variants: ["learning", "frozen", "single"] }),
  group(recurrent(1024), { batch: 64 }),
  group(recurrent(1024), { batch: 256, variants: ["learning"] }),
  group(recurrent(2048), { batch: 64, variants: ["learning"], ...full }),
  group(recurrent(2048), { batch: 256, variants: ["learning"], ...full }),
  group(recurrent(4096), { batch: 16, variants: ["learning", "single"], ...full }),
  group(recurrent(1024), { optimizer: "adam" }),
  group(recurrent(1024), { batch: 64, optimizer: "adam", ...full }),
  group(stack(512, 1)),
  group(stack(512, 2), full),
  group(stack(512, 4), full),
  group(stack(512, 8)),
  group(stack(512, 1), { batch: 64, ...full }),
  group(stack(512, 8), { batch: 64, ...full }),
];

// ---- networks -----------------------------------------------------------------------------------------------

/** What all networks have: tauM 20, tauR 10, dt 1, weights uniform in +-0.5 / sqrt(size), a cost with a small beta. */
export function networkOf({ kind, size, blocks }: Shape): NetworkSpec {
  const neurons = { size, tauM: 20, tauR: 10, activation: "tanh" } as const;
  const cost = { kind: "squared-error", beta: 0.01 } as const;
  const init = { kind: "uniform", scale: 0.5 } as const;
  const names = Array.from({ length: blocks }, (_, i) => `block${i + 1}`);
  if (kind === "recurrent") {
    return {
      dt: 1,
      sources: [],
      populations: names.map((name) => ({ name, ...neurons, cost })),
      projections: names.map((name) => ({ from: name, to: name, init })),
    };
  }
  return {
    dt: 1,
    sources: [{ name: "input", size }],
    populations: names.map((name, i) => ({ name, ...neurons, ...(i === blocks - 1 && { cost }) })),
    projections: names.map((name, i) => ({ from: i === 0 ? "input" : (names[i - 1] ?? ""), to: name, init })),
  };
}

export function synapsesOf({ size, blocks }: Shape): number {
  return blocks * size * size;
}

/**
 * Operations of a step for each batch row: 2 a synapse for each product and, if it learns, for the update. Nothing is fed back to
 * an input, so the first block of a stack has one product. What the optimiser does besides is not counted.
 */
export function operationsOf(
  { kind, blocks }: { readonly kind: string; readonly blocks: number },
  synapses: number,
  learning: boolean,
): number {
  const perSynapse = learning ? 6 : 4;
  return (perSynapse - (kind === "feed-forward" ? 2 / blocks : 0)) * synapses;
}

/** Of the optimiser of a group. Adam's epsilon is above most gradients here, so that it is smooth enough to be checked. */
export function optimizerOf(kind: Group["optimizer"], eta: number): OptimizerSpec {
  return kind === "adam" ? { kind, eta, epsilon: 1e-4 } : { kind, eta };
}

export function planningOf({ batch, optimizer }: Group, variant: VariantName): PlanningOptions {
  const plain = { batch, learning: { optimizer: optimizerOf(optimizer, ETA) }, fuseSteps: false };
  switch (variant) {
    case "learning":
    case "frozen":
      return plain;
    case "single":
      return { ...plain, batch: 1 };
    case "fused":
      return { ...plain, fuseSteps: true };
    case "tiled":
      return { ...plain, tuning: { onePassBatch: 0 } };
    case "immediate":
      return { ...plain, tuning: { deferredSteps: 1 } };
    case "deferred":
      return { ...plain, tuning: { deferredSteps: 16, deferredProducts: 0 } };
    case "replicas":
      return { ...plain, fuseSteps: true, replicas: REPLICAS };
  }
}

export const learns = (variant: VariantName): boolean => variant !== "frozen";

/** The name of a row: that of the group, and of the variant unless it is the first. */
export function caseName({ name, variants }: Group, variant: VariantName): string {
  return variant === variants[0] ? name : `${name}, ${variant}`;
}

/** Uniform in +-0.5, [batch][size]; row b is pattern b mod PATTERNS. */
export function patternsOf(batch: number, size: number, seed: number): Float32Array {
  const patterns = Math.min(batch, PATTERNS);
  const uniform = linearCongruential(seed);
  const values = Float32Array.from({ length: patterns * size }, () => uniform() - 0.5);
  const rows = new Float32Array(batch * size);
  for (let row = 0; row < batch; row++) {
    const pattern = row % patterns;
    rows.set(values.subarray(pattern * size, (pattern + 1) * size), row * size);
  }
  return rows;
}

/** Quick, and good enough for values that only must not be zero. */
function linearCongruential(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
