/**
 * Which errors are worth computing: those that something learns from, feels or records, and those that they come from.
 * Pure.
 */

import type { PlanOptions } from "./layout.ts";
import type { Network, Population, Projection } from "./spec.ts";

export interface ErrorPaths {
  /** Whether anything learns at all, and whether weights or biases do. */
  readonly learns: boolean;
  readonly learnsSynapses: boolean;
  /** Per projection: whether its weights, or the biases added with it, have a gradient. */
  readonly learnsWeight: readonly boolean[];
  readonly learnsBias: readonly boolean[];
  /** Per population: whether an error is computed. */
  readonly hasError: readonly boolean[];
  /** Per projection: whether it returns feedback. */
  readonly returns: readonly boolean[];
}

export function errorPaths(network: Network, options: PlanOptions): ErrorPaths {
  const { projections, populations } = network;
  const hasError = populationsWithError(network, options);
  const hasErrors = options.learning.errors !== "none";
  const measuresAll = measuresEverything(options);
  const learnsWeight = projections.map(({ plastic }) => measuresAll || plastic);
  const learnsBias = projections.map(
    ({ to }, index) => carriesBias(network, index) && (measuresAll || populations[to]?.bias.plastic === true),
  );
  const learnsSynapses = [...learnsWeight, ...learnsBias].includes(true);
  return {
    learns: hasErrors && (learnsSynapses || populations.some(learnsTau)),
    learnsSynapses: hasErrors && learnsSynapses,
    learnsWeight,
    learnsBias,
    hasError,
    returns: projections.map((projection) => returnsFeedback(network, projection, hasError, options)),
  };
}

/** A window whose gradient is only measured tells that of all parameters. */
const measuresEverything = ({ learning: { errors, optimizer } }: PlanOptions): boolean =>
  errors === "adjoint" && optimizer.kind === "accumulate";

const learnsTau = ({ plasticTauM, plasticTauR }: Population): boolean => plasticTauM || plasticTauR;

/** The biases of a population are added, and learn, with its first projection. */
export function carriesBias(network: Network, index: number): boolean {
  const to = network.projections[index]?.to;
  return network.projections.findIndex((projection) => projection.to === to) === index;
}

/** An error is computed where something learns from it, feels it or records it, and wherever it comes from. */
function populationsWithError(network: Network, options: PlanOptions): boolean[] {
  const { learning, record, energies } = options;
  const hasError = network.populations.map((population, index) => {
    if (learning.errors === "none") return false;
    // The way back through a window visits all.
    if (learning.errors === "adjoint" || energies.length > 0) return true;
    const into = network.projections.filter((projection) => projection.to === index);
    const isRecorded = record.some(
      (entry) =>
        entry.population === population.name &&
        ["error", "lowPassedError", "feedback", "topDown"].includes(entry.quantity),
    );
    const feedsRecord = network.projections.some(
      (projection) => projection.to === index && record.some((entry) => recordsFeedbackOf(network, projection, entry)),
    );
    return (
      population.gamma !== 0 ||
      population.bias.plastic ||
      learnsTau(population) ||
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
  if (learning.errors === "none" || learning.feedback === "none") return false;
  const isFelt = !projection.fromSource && hasError[projection.from] === true;
  return isFelt || record.some((entry) => recordsFeedbackOf(network, projection, entry));
}
