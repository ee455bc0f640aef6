/** What work is cut into. Pure. */

import type { Layout, Tuning } from "../layout.ts";

/** What one workgroup does; the kernels say how they read the fields. */
export interface Tile {
  readonly block: number;
  readonly row: number;
  readonly rows: number;
  readonly column: number;
  readonly columns: number;
  readonly current: number;
  readonly feedback: number;
  readonly flags: number;
}

/** Stands for "there is none" in every table. */
export const none = 0xffffffff;

/** Partial sums of one population: `parts` stretches of [batch][neurons] from quad `first`. */
export interface Parts {
  readonly first: number;
  readonly parts: number;
}

/** A stretch of a table of tiles. */
export interface TileRange {
  readonly first: number;
  readonly count: number;
}

/** Tiles in groups that are dispatched apart or together. */
export interface Groups {
  readonly tiles: readonly Tile[];
  readonly ranges: readonly TileRange[];
}

const mostRounds = 16;

export const stretches = (length: number, grain: number): number => Math.ceil(length / grain);

/** Calls `make` for every stretch of `length` with its first element, length and number. */
export function cutInto<T>(
  length: number,
  grain: number,
  make: (first: number, length: number, part: number) => T,
): T[] {
  return Array.from({ length: stretches(length, grain) }, (_, part) =>
    make(part * grain, Math.min(grain, length - part * grain), part),
  );
}

/** What a workgroup does: one round for each invocation, more once there are workgroups enough to fill the device. */
export function stretchOf(total: number, width: number, { workgroups }: Tuning): number {
  return width * Math.min(Math.ceil(total / width / workgroups), mostRounds);
}

export const blank: Tile = {
  block: 0,
  row: 0,
  rows: 0,
  column: 0,
  columns: 0,
  current: none,
  feedback: none,
  flags: 0,
};

/** Bindings start at multiples of 256 bytes, which is so many tiles. */
const tileAlignment = 8;

/** One group behind the other; tiles that do nothing fill the gaps. */
export function joined(groups: readonly (readonly Tile[])[]): Groups {
  const tiles: Tile[] = [];
  const ranges = groups.map((group) => {
    while (tiles.length % tileAlignment !== 0) tiles.push(blank);
    const first = tiles.length;
    // No binding may be empty.
    tiles.push(...(group.length > 0 ? group : [blank]));
    return { first, count: group.length };
  });
  return { tiles, ranges };
}

/** Place of what has a name. */
export const firstOf = (layout: Layout, key: string): number => layout.places.get(key)?.first ?? none;
