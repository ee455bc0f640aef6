/** Which buffers the kernels are bound to, by the names of their bindings. Pure. */

import { shardName, type BufferName, type ShardedName } from "../layout.ts";

export const neuronBuffers = {
  params: "params",
  clock: "clock",
  populations: "populations",
  tiles: "neuron_tiles",
  parameters: "parameters",
  partial_sums: "partial_sums",
  frames: "frames",
  state: "state",
  record: "record",
} as const;

/** What both kernels of a whole network are bound to under one name. */
const ofWholeNetwork = {
  params: "params",
  clock: "clock",
  record: "record",
  frames: "frames",
  populations: "network_populations",
  projections: "network_projections",
  traced: "network_traces",
  tiles: "network_tiles",
  ranges: "ranges",
  times: "times",
} as const;

export const networkBuffers = {
  state: "state",
  partial_sums: "partial_sums",
  parameters: "parameters",
  first_moment: "first_moment",
  second_moment: "second_moment",
  ...ofWholeNetwork,
} as const;

/** The same under the names of what a workgroup fetches. */
export const localBuffers = {
  stored_state: "state",
  stored_sums: "partial_sums",
  stored_parameters: "parameters",
  stored_first_moment: "first_moment",
  stored_second_moment: "second_moment",
  ...ofWholeNetwork,
} as const;

export const synapseBuffers = { params: "params", clock: "clock", projections: "projections", state: "state" } as const;

export const plasticBuffers = {
  params: "params",
  clock: "clock",
  parameters: "parameters",
  first_moment: "first_moment",
  second_moment: "second_moment",
} as const;

export type PlasticBuffers = Readonly<Record<"params" | "clock" | ShardedName, BufferName>>;

/** Those of a shard. Moments that the optimiser does not keep have none; the first one's stand for them. */
export const plasticBuffersIn = (shard: number, moments: number): PlasticBuffers => ({
  ...plasticBuffers,
  parameters: shardName("parameters", shard),
  first_moment: shardName("first_moment", moments >= 1 ? shard : 0),
  second_moment: shardName("second_moment", moments >= 2 ? shard : 0),
});
