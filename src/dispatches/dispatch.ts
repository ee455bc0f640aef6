/** What a dispatch is, and how those of one program differ from those of another. Pure. */

import type { BindingName, KernelName } from "../kernels.ts";
import type { BufferName } from "../layout.ts";
import type { TileRange } from "../tiles.ts";

export interface DispatchOf<K extends KernelName> {
  readonly kernel: K;
  readonly label: string;
  readonly buffers: Readonly<Record<BindingName<K>, BufferName>>;
  readonly constants: Readonly<Record<string, number>>;
  readonly workgroups: readonly [number, number];
  /** The part of its table of tiles, or of blocks to fill, that is bound. Default: all. */
  readonly tiles?: TileRange;
  /** Of `network`: the power of two of steps, or windows, that it does. */
  readonly power?: number;
  /** Replicas that a workgroup does. Default 1. */
  readonly lanes?: number;
}

/** One dispatch; its buffers are named by the bindings of its kernel. */
export type Dispatch = { [K in KernelName]: DispatchOf<K> }[KernelName];

const maxWorkgroupsPerDimension = 65535;

export function foldWorkgroups(count: number): readonly [number, number] {
  const rows = Math.ceil(count / maxWorkgroupsPerDimension);
  return [Math.max(Math.ceil(count / rows), 1), Math.max(rows, 1)];
}

/** How a program differs from the plain one. */
export interface Manner {
  readonly suffix: string;
  /** Whether a window keeps the steps, and whether the start of the program starts a segment or a window. */
  readonly keeps: boolean;
  readonly segmentStart: 0 | 1 | 2;
  /** Without costs, traces and targets kept. */
  readonly isBare: boolean;
}

export const plain: Manner = { suffix: "", keeps: false, segmentStart: 0, isBare: false };
