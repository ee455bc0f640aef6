/** How products and updates that are apart are cut: tiles of `propagate`, `learn` and their wide siblings. Pure. */

import type { Block } from "../blocks.ts";
import { quadsOf, type Layout, type PlanOptions, type Tuning } from "../layout.ts";
import type { ErrorPaths } from "../paths.ts";
import type { Network, Projection } from "../spec.ts";
import type { Cutter } from "./cutter.ts";
import { blank, cutInto, joined, none, stretches, stretchOf, type Groups, type Tile } from "./tile.ts";

export interface ProductShape {
  readonly WIDTH: number;
  readonly LANES: number;
  readonly OUTPUTS: number;
  /** Of `propagate_wide`: whether all tiles are inside a group of lanes. Those of `propagate_subgroup` always are. */
  readonly BY_LANES: number;
  /** Of `propagate_subgroup`; else 0. */
  readonly SHARERS: number;
}

/** Quads that `propagate` sums up at a time, and invocations of a workgroup of `learn`. */
const batched = { stretch: 128, learnWidth: 64 };
export const propagateFlags = { forward: 1, withBias: 2 };

/** Tiles of `propagate` and `propagate_wide`: invocations that each keep some quads of outputs for some batch rows. */
export function batchedCutter(batch: number, { WIDTH: width, LANES, OUTPUTS, BY_LANES }: ProductShape): Cutter {
  const lanes = Math.ceil(batch / LANES);
  const { stretch } = batched;
  const groupsOf = (quads: number): number => Math.ceil(quads / OUTPUTS);
  const itemsOf = (all: number, row: number, rows: number): Stretch[] =>
    cutItems(all, row, rows, lanes, width, BY_LANES === 1);
  return {
    shape: { WIDTH: 1, QUADS: 1, SHARED: 0, rows: 4 },
    // Biases apart are the first part, as they are added to it elsewhere.
    currentParts: ({ pre, biases }) => stretches(pre, stretch) + Number(biases === "apart"),
    feedbackParts: ({ rows }) => stretches(rows, stretch),
    tiles({ index, pre, post, row: first, rows: count, biases, hasWeights, current, feedback }) {
      const block = { ...blank, block: index };
      // Weights that are cut have one quad of outputs an invocation.
      const outputs = itemsOf(groupsOf(post), first, groupsOf(count));
      const { forward: isForward, withBias } = propagateFlags;
      if (!hasWeights) return outputs.map((items) => ({ ...block, ...items, current, flags: isForward + withBias }));
      const products = current + Number(biases === "apart") * post * batch;
      const forward = outputs.flatMap((items) =>
        cutInto(pre, stretch, (column, columns, part) => ({
          ...block,
          ...items,
          column,
          columns,
          current: products + part * post * batch,
          flags: isForward + (biases === "here" && part === 0 ? withBias : 0),
        })),
      );
      if (feedback === none) return forward;
      const inputs = groupsOf(pre);
      const backward = itemsOf(inputs, 0, inputs)
        .map(({ row: column, rows: columns }) =>
          cutInto(count, stretch, (row, rows, part) => ({
            ...block,
            row: first + row,
            rows,
            column,
            columns,
            current: feedback + part * pre * batch,
          })),
        )
        .flat();
      return [...forward, ...backward];
    },
  };
}

export const narrowShape: ProductShape = { WIDTH: 32, LANES: 4, OUTPUTS: 1, BY_LANES: 0, SHARERS: 0 };

/** Batch rows are at one address for a whole workgroup, where that leaves few invocations idle. */
export function wideShape(
  projections: readonly Sides[],
  returns: readonly boolean[],
  { batch, tuning: { wideWidth, wideLanes, wideOutputs, sharers } }: PlanOptions,
): ProductShape {
  const shape = { WIDTH: wideWidth, OUTPUTS: wideOutputs };
  if (sharers > 0) {
    return { ...shape, LANES: Math.min(wideLanes, 4 * quadsOf(batch)), BY_LANES: 1, SHARERS: sharers };
  }
  const isEven = (those: readonly Sides[], side: keyof Sides): boolean =>
    fillRows(those, (each) => Math.ceil(quadsOf(each[side]) / wideOutputs), wideWidth);
  const back = projections.filter((_, index) => returns[index] === true);
  return {
    ...shape,
    LANES: wideLanes,
    BY_LANES: Number(isEven(projections, "post") && isEven(back, "pre")),
    SHARERS: 0,
  };
}

type Sides = Pick<Projection, "pre" | "post">;

/** Whether rows of `itemsOf` items, weighted by synapses, fill workgroups of their own well enough: at least four fifths. */
function fillRows(projections: readonly Sides[], itemsOf: (projection: Sides) => number, width: number): boolean {
  let used = 0;
  let taken = 0;
  for (const projection of projections) {
    const items = itemsOf(projection);
    const synapses = projection.pre * projection.post;
    used += synapses;
    taken += (synapses / items) * Math.ceil(items / width) * width;
  }
  return used >= 0.8 * taken;
}

const blocksOfSide = (size: number, side: number): number => Math.ceil(quadsOf(size) / side);

type Stretch = Pick<Tile, "row" | "rows">;

/** Numbers of outputs, all rows of one group of lanes behind those of another, of some rows. */
function cutItems(
  post: number,
  row: number,
  rows: number,
  lanes: number,
  width: number,
  isByLanes: boolean,
): Stretch[] {
  const [count, times] = rows === post && !isByLanes ? [rows * lanes, 1] : [rows, lanes];
  return Array.from({ length: times }, (_, group) =>
    cutInto(count, width, (first, length) => ({ row: group * post + row + first, rows: length })),
  ).flat();
}

/** How pairs of a quad of rows and one of columns are cut into tiles of `learn` and its wide siblings. */
export type LearnShape =
  /** `learn`, `learn_wide`: numbers of blocks of `side` by `side` pairs; by rows, each tile is inside one row of blocks. */
  | { readonly kernel: "learn" | "learn_wide"; readonly side: 1 | 2; readonly isByRows: boolean }
  /** `learn_subgroup`: rectangles. */
  | { readonly kernel: "learn_subgroup"; readonly WIDTH: number; readonly OUTPUTS: number; readonly SHARERS: number };

export const narrowLearning: LearnShape = { kernel: "learn", side: 1, isByRows: false };

export function wideLearning(projections: readonly Sides[], tuning: Tuning): LearnShape {
  const { wideWidth: WIDTH, wideOutputs: OUTPUTS, sharers: SHARERS } = tuning;
  if (SHARERS > 0) return { kernel: "learn_subgroup", WIDTH, OUTPUTS, SHARERS };
  // Errors are at one address for a whole workgroup, where that leaves few invocations idle.
  const isByRows = fillRows(projections, ({ pre }) => blocksOfSide(pre, 2), batched.learnWidth);
  return { kernel: "learn_wide", side: 2, isByRows };
}

export function learnGroups(
  network: Network,
  blocks: readonly Block[],
  tuning: Tuning,
  { learnsWeight, learnsBias }: ErrorPaths,
  { shards }: Layout,
  shape: LearnShape,
): Groups {
  const cutter = shape.kernel === "learn_subgroup" ? rectangles(shape) : numbers(network, tuning, shape);
  const tilesIn = (index: number): Tile[] =>
    blocks.flatMap(({ projection, shard, row, rows, biases, hasWeights }, block) => {
      const learnsRows = hasWeights && learnsWeight[projection] === true;
      const hasBias = biases === "here" || !hasWeights;
      if (shard !== index || !(learnsRows || (hasBias && learnsBias[projection] === true))) return [];
      // Where only the biases learn, one column does.
      const columns = learnsRows ? quadsOf(network.projections[projection]?.pre ?? 0) : 1;
      return cutter(row, rows, columns).map((tile) => ({ ...blank, block, ...tile }));
    });
  const groups = shards.map((_, index) => tilesIn(index));
  return groups.flat().length === 0 ? joined([]) : joined(groups);
}

type LearnTile = Pick<Tile, "row" | "rows" | "columns"> & Partial<Pick<Tile, "column">>;
/** Cuts rows from `row` on by columns, all in quads. */
type LearnCutter = (row: number, rows: number, columns: number) => LearnTile[];

function numbers(
  network: Network,
  tuning: Tuning,
  { side, isByRows }: Extract<LearnShape, { readonly side: number }>,
): LearnCutter {
  const total = network.projections.reduce((sum, { pre, post }) => {
    return sum + blocksOfSide(pre, side) * blocksOfSide(post, side);
  }, 0);
  const stretch = stretchOf(total, batched.learnWidth, tuning);
  return (row, rows, quads) => {
    const columns = Math.ceil(quads / side);
    const count = Math.ceil(rows / side);
    const [length, times] = isByRows ? [columns, count] : [count * columns, 1];
    return Array.from({ length: times }, (_, part) =>
      cutInto(length, stretch, (first, pairs) => ({
        row: row * columns + part * length + first,
        rows: pairs,
        columns,
      })),
    ).flat();
  };
}

/** Quads of rows of a tile of `learn_subgroup`. */
const sharedRows = 4;

function rectangles({ WIDTH, OUTPUTS }: Extract<LearnShape, { readonly WIDTH: number }>): LearnCutter {
  return (firstRow, count, quads) =>
    cutInto(count, sharedRows, (row, rows) =>
      cutInto(quads, WIDTH * OUTPUTS, (column, columns) => ({ row: firstRow + row, rows, column, columns })),
    ).flat();
}
