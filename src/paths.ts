/**
 * Which errors are worth computing: those that something learns from, feels or records, and those that they come from.
 * Pure.
 */

import type { PlanOptions } from "./layout.ts";
import type { Network, Projection } from "./spec.ts";

export interface ErrorPaths {
  /** Whether anything learns at all. */
  readonly learns: boolean;
  /** Per population: whether an error is computed. */
  readonly hasError: readonly boolean[];
  /** Per projection: whether it returns feedback. */
  readonly returns: readonly boolean[];
}

export function errorPaths(network: Network, options: PlanOptions): ErrorPaths {
  const hasError = populationsWithError(network, options);
  const learns = network.projections.some((_, index) => learnsBlock(network, index));
  return {
    learns: options.learning.errors !== "none" && learns,
    hasError,
    returns: network.projections.map((projection) => returnsFeedback(network, projection, hasError, options)),
  };
}

/** The biases of a population are added, and learn, with its first projection. */
export function carriesBias(network: Network, index: number): boolean {
  const to = network.projections[index]?.to;
  return network.projections.findIndex((projection) => projection.to === to) === index;
}

export function learnsBias(network: Network, index: number): boolean {
  const population = network.populations[network.projections[index]?.to ?? -1];
  return carriesBias(network, index) && population?.bias.plastic === true;
}

/** Whether the weights, or the biases that are added with them, learn. */
export function learnsBlock(network: Network, index: number): boolean {
  return network.projections[index]?.plastic === true || learnsBias(network, index);
}

/** An error is computed where something learns from it, feels it or records it, and wherever it comes from. */
function populationsWithError(network: Network, { learning, record }: PlanOptions): boolean[] {
  const hasError = network.populations.map((population, index) => {
    if (learning.errors === "none") return false;
    const into = network.projections.filter((projection) => projection.to === index);
    const isRecorded = record.some(
      (entry) =>
        entry.population === population.name && ["error", "lowPassedError", "feedback"].includes(entry.quantity),
    );
    const feedsRecord = network.projections.some(
      (projection) => projection.to === index && record.some((entry) => recordsFeedbackOf(network, projection, entry)),
    );
    return (
      population.gamma !== 0 ||
      population.bias.plastic ||
      into.some((projection) => projection.plastic) ||
      isRecorded ||
      feedsRecord
    );
  });
  // Errors come from above: whoever needs one needs those of every population it projects to.
  for (let changed = true; changed;) {
    changed = false;
    for (const { from, fromSource, to } of network.projections) {
      if (fromSource || hasError[from] !== true || hasError[to] === true) continue;
      hasError[to] = true;
      changed = true;
    }
  }
  return hasError;
}

function recordsFeedbackOf(network: Network, projection: Projection, entry: PlanOptions["record"][number]): boolean {
  const from = (projection.fromSource ? network.sources : network.populations)[projection.from];
  return entry.quantity === "feedback" && entry.population === from?.name;
}

function returnsFeedback(
  network: Network,
  projection: Projection,
  hasError: readonly boolean[],
  { learning, record }: PlanOptions,
): boolean {
  if (learning.errors === "none") return false;
  const isFelt = !projection.fromSource && hasError[projection.from] === true;
  return isFelt || record.some((entry) => recordsFeedbackOf(network, projection, entry));
}
