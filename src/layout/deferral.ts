/** Updates of weights that wait until those of several steps are done at once (ours; docs/theory.md, "Deferred updates"). */

import type { Needs } from "../needs.ts";
import type { Network } from "../spec.ts";
import { pathOf, quadsOf, type Allocator, type PlanOptions } from "./types.ts";

/** Steps whose updates are done at once; 1 where they cannot wait, or where it is not asked for. */
export function deferredSteps(network: Network, options: PlanOptions, needs: Needs): number {
  const { batch, learning, tuning, fuseSteps } = options;
  const products = network.projections.reduce((sum, { pre, post }) => sum + pre * post, 0);
  const isSmall = fuseSteps && products <= tuning.networkProducts;
  // Only the plain gradient step is linear in what is kept, so that the order of the updates does not matter.
  const isLinear = needs.isOnline && learning.optimizer.kind === "sgd";
  const isOnePass = batch === 1 && tuning.onePassBatch >= 1 && needs.allowsOnePass && !isSmall;
  const learns = network.projections.some(({ plastic }) => plastic);
  const isLarge = products >= tuning.deferredProducts;
  return isLinear && isOnePass && learns && isLarge ? tuning.deferredSteps : 1;
}

/** Rates of what projects onto plastic synapses, and errors behind them, one quad row for each step. */
export function placePairs(behind: Allocator, inner: Map<string, number>, network: Network, steps: number): void {
  if (steps === 1) return;
  const place = (key: string, size: number): void => {
    if (!inner.has(key)) inner.set(key, behind.take(steps * quadsOf(size)));
  };
  for (const projection of network.projections) {
    if (!projection.plastic) continue;
    const [from, to] = pathOf(network, projection);
    place(`keptRates/${from}`, projection.pre);
    place(`keptErrors/${to}`, projection.post);
  }
}
