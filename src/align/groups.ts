/** The parameters of a network in groups, and which of them a rule can give a gradient of. Pure. */

import { SpecError } from "../errors.ts";
import { mostClasses, needsOf } from "../needs.ts";
import type { Where } from "../simulator.ts";
import {
  PLASTIC_TAU_STEPS,
  resolveLearning,
  resolveNetwork,
  type LearningSpec,
  type Network,
  type NetworkSpec,
  type Population,
  type PopulationSpec,
} from "../spec.ts";

export type ParameterKind = "weight" | "bias" | "tauM" | "tauR";

export interface ParameterGroup {
  readonly parameters: ParameterKind;
  /** "from -> to" of weights, else the population. */
  readonly name: string;
  readonly where: Where;
}

/** What is not measured. */
export interface LeftOut {
  /** The rule that it is left out of; null: of all. */
  readonly rule: string | null;
  /** What is left out; null: all parameters. */
  readonly parameters: ParameterKind | null;
  /** Of which population; null: of all. */
  readonly population: string | null;
  readonly reason: string;
}

export interface Grouped {
  readonly groups: readonly ParameterGroup[];
  readonly leftOut: readonly LeftOut[];
}

const taus = ["tauM", "tauR"] as const;

/**
 * All weights, and the biases and time constants that can learn.
 *
 * @throws SpecError if the network is not valid.
 */
export function groupsOf(spec: NetworkSpec): Grouped {
  const network = resolveNetwork(spec);
  const leftOut: LeftOut[] = [];
  const groups: ParameterGroup[] = spec.projections.map(({ from, to }) => {
    return { parameters: "weight", name: `${from} -> ${to}`, where: { from, to } };
  });
  for (const { name, bias } of spec.populations) {
    if (bias === false) continue;
    groups.push({ parameters: "bias", name, where: name });
  }
  for (const population of network.populations) {
    for (const of of taus) {
      const reason = tooFast(population[of], network.dt);
      const { name } = population;
      if (reason === null) groups.push({ parameters: of, name, where: { population: name, of } });
      else leftOut.push({ rule: null, parameters: of, population: name, reason });
    }
  }
  return { groups, leftOut };
}

/**
 * Those of `groups` that a rule can be measured on.
 *
 * @param learning the rule, whose name is `rule`.
 * @throws SpecError if the rule is not valid in itself.
 */
export function groupsOfRule(
  spec: NetworkSpec,
  groups: readonly ParameterGroup[],
  rule: string,
  learning: LearningSpec,
): Grouped {
  const resolved = resolveLearning(learning);
  const network = resolveNetwork(asMeasured(spec, []));
  try {
    needsOf(network, resolved);
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    return { groups: [], leftOut: [{ rule, parameters: null, population: null, reason: error.message }] };
  }
  const leftOut: LeftOut[] = [];
  const kept = groups.filter(({ parameters, name }) => {
    if (parameters !== "tauM" && parameters !== "tauR") return true;
    const reason = obstacle(network, name, learning);
    if (reason !== null) leftOut.push({ rule, parameters, population: name, reason });
    return reason === null;
  });
  return { groups: kept, leftOut };
}

/** The network with these groups plastic, and all weights and biases. */
export function asMeasured(spec: NetworkSpec, groups: readonly ParameterGroup[]): NetworkSpec {
  const isPlastic = (of: ParameterKind, population: string): boolean =>
    groups.some(({ parameters, name }) => parameters === of && name === population);
  return {
    ...spec,
    projections: spec.projections.map((projection) => ({ ...projection, plastic: true })),
    populations: spec.populations.map((population): PopulationSpec => {
      const { name, bias } = population;
      return {
        ...population,
        ...(bias !== false && { bias: { ...bias, plastic: true } }),
        plasticTauM: isPlastic("tauM", name),
        plasticTauR: isPlastic("tauR", name),
      };
    }),
  };
}

function tooFast(tau: Float64Array, dt: number): string | null {
  const least = PLASTIC_TAU_STEPS * dt;
  const lowest = Math.min(...tau);
  // The bound of the network, with its room for rounding.
  if (lowest >= least * (1 - 1e-12)) return null;
  return `is ${lowest}${tau.some((value) => value !== lowest) ? " at its lowest" : ""}, and learns only from ${least} (10 dt) on`;
}

/** Why a rule cannot learn the time constants of a population, if it cannot. */
function obstacle({ populations }: Network, name: string, { traces, lagAligned }: LearningSpec): string | null {
  if (lagAligned === true) return "has a lag that aligned rules do not align";
  const { size } = populations.find((candidate): candidate is Population => candidate.name === name) ?? { size: 0 };
  if (traces !== "matched" || size <= mostClasses) return null;
  return `would need traces for each of ${size} neurons, and matched traces have room for ${mostClasses}`;
}
