/** Deferred updates: how the products of the pairs that the weights lack are cut, and where they stand. Pure. */

import type { Block } from "../blocks.ts";
import { quadsOf, type Layout } from "../layout.ts";
import type { ErrorPaths } from "../paths.ts";
import type { Network } from "../spec.ts";
import { blank, cutInto, none, stretches, type Parts, type Tile } from "./tile.ts";

/** Quads of neurons that one workgroup multiplies. */
const stretch = 64;

/** Gives out stretches of partial sums. */
interface Slots {
  take(kind: string, projections: readonly number[], partsOf: (index: number) => number, stride: number): Parts;
  firstOf(kind: string, index: number): number;
}

export interface Pairs {
  readonly currents: readonly Parts[];
  readonly feedback: readonly Parts[];
  readonly sources: readonly Parts[];
  /** Those of a block, if it is the first of its projection. */
  tiles(blocks: readonly Block[], index: number): Tile[];
}

/** Without deferred updates there are none. */
export function pairsOf(
  network: Network,
  { learnsWeight, returns }: ErrorPaths,
  { deferredSteps }: Layout,
  slots: Slots,
): Pairs {
  const { projections, populations, sources } = network;
  const plastic = projections.flatMap((_, index) => (deferredSteps > 1 && learnsWeight[index] === true ? [index] : []));
  const sizeOf = (index: number, end: "pre" | "post"): number => quadsOf(projections[index]?.[end] ?? 0);
  const stride = deferredSteps / 4;
  const into = (node: number): Parts =>
    slots.take(
      "current pairs",
      plastic.filter((index) => projections[index]?.to === node),
      (index) => stretches(sizeOf(index, "pre"), stretch),
      stride,
    );
  const outOf = (node: number, fromSource: boolean): Parts =>
    slots.take(
      "feedback pairs",
      plastic.filter((index) => {
        const projection = projections[index];
        return projection?.from === node && projection.fromSource === fromSource && returns[index] === true;
      }),
      (index) => stretches(sizeOf(index, "post"), stretch),
      stride,
    );
  return {
    currents: populations.map((_, node) => into(node)),
    feedback: populations.map((_, node) => outOf(node, false)),
    sources: sources.map((_, node) => outOf(node, true)),
    tiles(blocks, block) {
      const { projection = -1, hasWeights = false } = blocks[block] ?? {};
      const isFirst = hasWeights && blocks.findIndex((each) => each.projection === projection) === block;
      if (!isFirst) return [];
      const tilesAt = (kind: "current" | "feedback", end: "pre" | "post"): Tile[] => {
        const first = slots.firstOf(`${kind} pairs`, projection);
        if (first === none) return [];
        return cutInto(sizeOf(projection, end), stretch, (column, columns, part) => ({
          ...blank,
          block,
          column,
          columns,
          [kind]: first + part * stride,
        }));
      };
      return [...tilesAt("current", "pre"), ...tilesAt("feedback", "post")];
    },
  };
}

/** What deferred updates learn: biases do not wait. */
export const weightsOnly = (paths: ErrorPaths): ErrorPaths => ({
  ...paths,
  learnsBias: paths.learnsBias.map(() => false),
});
