/**
 * Rows of the table of projections: each projection has one, and more if its weights are cut into shards. Pure.
 */

import { quadsOf, type Layout } from "./layout.ts";
import { carriesBias } from "./paths.ts";
import type { Network } from "./spec.ts";

/** What kernels take for a projection: the weights of some of its rows, the biases that go with it, or both. */
export interface Block {
  readonly projection: number;
  readonly shard: number;
  /** First row and number of rows, in quads. */
  readonly row: number;
  readonly rows: number;
  /**
   * How the biases of the projection are added: by this block too, by a block of their own, which has no weights, or with
   * another projection.
   */
  readonly biases: "here" | "apart" | "elsewhere";
  readonly hasWeights: boolean;
  /**
   * Places of row 0 of the weights, and of those that carry errors back, as if all rows stood in this shard: kernels count
   * from there, in 32 bits that wrap around.
   */
  readonly weight: number;
  readonly backward: number;
}

/** In the order of the projections. Biases stand in the first shard, so they have a block there. */
export function blocksOf(network: Network, { stretches }: Layout): Block[] {
  return network.projections.flatMap(({ pre, post }, projection) => {
    const own = stretches[projection] ?? [];
    const isPlain = own.every(({ shard, row }) => shard === 0 && row === 0);
    const hasBias = carriesBias(network, projection);
    const biases = hasBias ? (isPlain ? "here" : "apart") : "elsewhere";
    const blocks = own.map(({ shard, row, rows, first, backward }): Block => {
      const before = row * 4 * quadsOf(pre);
      const [weight, feedback] = [(first - before) >>> 0, (backward - before) >>> 0];
      return { projection, shard, row, rows, biases, hasWeights: true, weight, backward: feedback };
    });
    if (biases !== "apart") return blocks;
    const rest = { row: 0, rows: quadsOf(post), weight: 0, backward: 0 };
    return [...blocks, { projection, shard: 0, biases, hasWeights: false, ...rest }];
  });
}
