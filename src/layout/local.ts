/** A small network in the memory of its workgroup: what is kept there, and whether it fits. */

import type { Needs } from "../needs.ts";
import { momentsOf } from "./parameters.ts";
import { networkShape, type Layout, type PlanOptions } from "./types.ts";

/** Quads of one network, as the overrides of network_local.wgsl count them, and the bytes of all with a softmax's. */
export interface LocalNetwork {
  readonly states: number;
  readonly costs: number;
  readonly sums: number;
  readonly parameters: number;
  readonly firstMoments: number;
  readonly secondMoments: number;
  readonly bytes: number;
}

/** Null where a network stays in its buffers. */
export function localNetwork(
  options: PlanOptions,
  layout: Layout,
  { isAdjoint }: Needs,
  learns: boolean,
  sums: number,
): LocalNetwork | null {
  const { lanes, width } = networkShape(options);
  if (lanes > 1 || isAdjoint) return null;
  const { state: states, parameters } = layout.strides;
  const costs = layout.costs.count;
  const moments = learns ? momentsOf(options.learning) : 0;
  // Behind the last plastic parameter there are none.
  const each = layout.moments - (options.replicas - 1) * parameters;
  const [firstMoments, secondMoments] = [moments >= 1 ? each : 0, moments >= 2 ? each : 0];
  const quads = [states + costs, sums, parameters, firstMoments, secondMoments].map((count) => Math.max(count, 1));
  const bytes = 16 * quads.reduce((sum, count) => sum + count, Math.ceil(width / 4));
  if (bytes > options.tuning.networkMemory) return null;
  return { states, costs, sums, parameters, firstMoments, secondMoments, bytes };
}

/** The layout as a network in the memory of its workgroup sees it: its costs stand behind its own state. */
export function localLayout(layout: Layout): Layout {
  const back = layout.costs.first - layout.strides.state;
  const places = [...layout.places].map(([key, place]) => {
    return [key, key.startsWith("cost/") ? { ...place, first: place.first - back } : place] as const;
  });
  return { ...layout, places: new Map(places) };
}
