/** Parameters, the moments of their optimiser and the gradients of a window. */

import type { Needs } from "../needs.ts";
import type { Learning, Network } from "../spec.ts";
import { aligned, shareOut, type Shares } from "./shards.ts";
import {
  Allocator,
  partsOf,
  pathOf,
  quadsOf,
  shardName,
  type Layout,
  type Place,
  type Places,
  type PlanOptions,
  type ShardedName,
  type Stretch,
} from "./types.ts";

type ParameterLayout = Pick<Layout, "parameters" | "moments" | "gradients" | "shards" | "stretches"> & {
  readonly stride: number;
};

export function placeParameters(
  places: Places,
  network: Network,
  options: PlanOptions,
  { isAdjoint, sumsTau, isTraced }: Needs,
): ParameterLayout {
  const { projections, populations } = network;
  const { learning } = options;
  const shares = sharesOf(network, options, isAdjoint, isTraced);
  const shards = new Shards(places, shares);
  const paths = projections.map((projection) => pathOf(network, projection).join("/"));
  const plastic: (readonly [key: string, quantity: string, Place])[] = [];
  projections.forEach(({ pre, post }, index) => {
    const path = paths[index] ?? "";
    plastic.push([path, "weight", shards.rows(`weight/${path}`, index, pre, post)]);
  });
  for (const { name, size } of populations) plastic.push([name, "bias", shards.neurons(0, `bias/${name}`, size)]);
  for (const { name, size } of populations) {
    for (const of of ["tauM", "tauR"]) {
      // Padding divides by its time constant, too.
      plastic.push([`/${of}/${name}`, of, shards.neurons(0, `${of}/${name}`, size, { padding: "last" })]);
    }
  }
  // Moments and gradients stand as the parameters do; what no optimiser needs comes after them.
  const moments = shards.ends;
  if (learning.feedback === "random") {
    projections.forEach(({ pre, post }, index) => {
      shards.rows(`feedbackWeight/${paths[index] ?? ""}`, index, pre, post);
    });
  }
  if (isTraced) placeClasses(shards, network);
  const [stride = 0] = shards.ends;
  // Replicas stand one behind the other, and the gradients of all behind the moments of all.
  const all = (options.replicas - 1) * stride;
  const behind = all + (moments[0] ?? 0);
  const gradients = momentsOf(learning) >= 1 ? behind : 0;
  for (const [key, quantity, place] of plastic) {
    places.set(`firstMoment/${key}`, inBuffer(place, "first_moment"));
    places.set(`secondMoment/${key}`, inBuffer(place, "second_moment"));
    const isTau = quantity === "tauM" || quantity === "tauR";
    const isKept = isAdjoint && (!isTau || sumsTau);
    if (isKept) places.set(`gradient/${key}`, { ...place, buffer: "first_moment", first: gradients + place.first });
  }
  return {
    parameters: all + stride,
    stride,
    moments: behind,
    gradients,
    shards: shards.ends.map((end, shard) => ({ parameters: end, moments: moments[shard] ?? 0 })),
    stretches: paths.map((path, index) => stretchesOf(places, path, shares[index] ?? [])),
  };
}

/** Every shard has the classes of its rows. */
function placeClasses(shards: Shards, { populations }: Network): void {
  shards.ends.forEach((_, shard) => {
    for (const { name, size } of populations) shards.neurons(shard, `${classesIn(shard)}/${name}`, size);
  });
}

export const classesIn = (shard: number): string => (shard === 0 ? "traceClass" : `traceClass.${shard}`);

/** Moments that an optimiser keeps. */
export const momentsOf = ({ optimizer }: Learning): number =>
  ({ sgd: 0, momentum: 1, accumulate: 1, adam: 2 })[optimizer.kind];

// ---- shards -------------------------------------------------------------------------------------------------

/** Windows of adjoint errors keep gradients behind the moments, all in one buffer. */
function sharesOf(network: Network, options: PlanOptions, isAdjoint: boolean, isTraced: boolean): Shares {
  const { bindingBytes, learning, replicas } = options;
  const perNeuron = network.populations.reduce((sum, { size }) => sum + aligned(quadsOf(size)), 0);
  const classes = isTraced ? perNeuron : 0;
  return shareOut(network, {
    // Windows and replicas go by places in one buffer.
    limit: isAdjoint || replicas > 1 ? Infinity : Math.floor(bindingBytes / 16),
    copies: learning.feedback === "random" ? 2 : 1,
    inFirst: 3 * perNeuron + classes,
    inOthers: classes,
  });
}

/** Hands out places in all shards. */
class Shards {
  private readonly places: Places;
  private readonly shares: Shares;
  private readonly allocators: readonly Allocator[];

  constructor(places: Places, shares: Shares) {
    this.places = places;
    this.shares = shares;
    const count = Math.max(...shares.flat().map(({ shard }) => shard)) + 1;
    this.allocators = Array.from({ length: count }, () => new Allocator());
  }

  get ends(): readonly number[] {
    return this.allocators.map(({ end }) => end);
  }

  neurons(shard: number, key: string, size: number, more: Partial<Place> = {}): Place {
    return this.set(key, {
      buffer: shardName("parameters", shard),
      first: this.take(shard, quadsOf(size)),
      rows: 1,
      paddingRows: 0,
      columns: size,
      axes: ["", "neurons"],
      ...more,
    });
  }

  /** All rows of a projection. */
  rows(key: string, projection: number, pre: number, post: number): Place {
    const axes = ["post", "pre"] as const;
    const parts = (this.shares[projection] ?? []).map(({ shard, row, rows }): Place => {
      const own = Math.min(rows * 4, post - row * 4);
      return {
        buffer: shardName("parameters", shard),
        first: this.take(shard, rows * 4 * quadsOf(pre)),
        rows: own,
        // Rows are padded to quads too, with zeros that stay zero, so that no kernel looks for the last row.
        paddingRows: rows * 4 - own,
        columns: pre,
        axes,
      };
    });
    const [first, ...more] = parts as [Place, ...Place[]];
    if (more.length === 0) return this.set(key, first);
    return this.set(key, { ...first, rows: post, paddingRows: more.at(-1)?.paddingRows ?? 0, parts });
  }

  private take(shard: number, quads: number): number {
    return this.allocators[shard]?.take(quads) ?? 0;
  }

  private set(key: string, place: Place): Place {
    this.places.set(key, place);
    return place;
  }
}

/** The same place among the moments. */
function inBuffer(place: Place, name: ShardedName): Place {
  const { parts } = place;
  const buffer = place.buffer.replace("parameters", name) as Place["buffer"];
  return { ...place, buffer, ...(parts !== undefined && { parts: parts.map((part) => inBuffer(part, name)) }) };
}

function stretchesOf(places: Places, path: string, shares: Shares[number]): Stretch[] {
  const firstsOf = (key: string): number[] => {
    const place = places.get(key);
    return place === undefined ? [] : partsOf(place).map(({ first }) => first);
  };
  const firsts = firstsOf(`weight/${path}`);
  const backward = firstsOf(`feedbackWeight/${path}`);
  return shares.map((share, index) => {
    const first = firsts[index] ?? 0;
    return { ...share, first, backward: backward[index] ?? first };
  });
}
