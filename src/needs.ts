/** What a learning rule needs of a network besides its published, plain form. Pure. */

import { SpecError } from "./errors.ts";
import { distancesOf, type Learning, type Network, type Population } from "./spec.ts";

/** Neurons of a population that share both time constants share the traces of their synapses. */
export interface Classes {
  /** A neuron of each class. */
  readonly representatives: readonly number[];
  /** Class of every neuron. */
  readonly of: Uint8Array;
}

export interface Needs {
  /** Errors of the moment: local or instantaneous. */
  readonly isOnline: boolean;
  readonly isAdjoint: boolean;
  readonly isSweep: boolean;
  /** Whether one pass over the weights can do all that synapses do, for a batch of 1. */
  readonly allowsOnePass: boolean;
  /** Whether synapses learn from traces: filtered, delayed or both. */
  readonly isTraced: boolean;
  readonly isMatched: boolean;
  /** Per population, projections up to the cost; null unless lags are aligned. */
  readonly distances: readonly number[] | null;
  /** Per population; one class for all unless traces are matched. */
  readonly classes: readonly Classes[];
  readonly learnsTauM: boolean;
  readonly learnsTauR: boolean;
  /** Whether rates of the step before outlive the finish of a population. */
  readonly keepsRates: boolean;
  /** Whether a window keeps the derivatives of the potentials, and sums up the gradients of the time constants. */
  readonly sumsTau: boolean;
}

export const mostClasses = 16;

/** @throws SpecError if the network is not one that the rule can be used on. */
export function needsOf(network: Network, learning: Learning, hasEnergies = false): Needs {
  const { populations, projections } = network;
  const isOnline = learning.errors === "local" || learning.errors === "instantaneous";
  const isAdjoint = learning.errors === "adjoint";
  const isSweep = network.schedule === "sweep";
  const isMatched = learning.traces === "matched";
  const isTraced = isMatched || learning.lagAligned;
  const learnsTauM = populations.some(({ plasticTauM }) => plasticTauM);
  const learnsTauR = populations.some(({ plasticTauR }) => plasticTauR);
  if (learning.lagAligned && (learnsTauM || learnsTauR)) {
    const cure = "Leave it out, or leave out plasticTauM and plasticTauR.";
    throw new SpecError("learning.lagAligned", `is true, but time constants learn, whose lag is not aligned. ${cure}`);
  }
  return {
    isOnline,
    isAdjoint,
    isSweep,
    allowsOnePass: !isSweep && !isAdjoint && !isTraced && learning.feedback !== "random",
    isTraced,
    isMatched,
    distances: learning.lagAligned ? distancesOf(network) : null,
    classes: populations.map((population) => (isMatched ? classesOf(population) : oneClass(population))),
    learnsTauM,
    learnsTauR,
    keepsRates: isSweep && projections.some(({ delay }) => delay === 1),
    sumsTau: isAdjoint && (learnsTauM || learnsTauR || hasEnergies || learning.optimizer.kind === "accumulate"),
  };
}

function oneClass({ size }: Population): Classes {
  return { representatives: [0], of: new Uint8Array(size) };
}

function classesOf({ name, size, tauM, tauR, plasticTauM, plasticTauR }: Population): Classes {
  const representatives: number[] = [];
  const of = new Uint8Array(size);
  const seen = new Map<string, number>();
  for (let i = 0; i < size; i++) {
    // What learns goes its own way.
    const key = plasticTauM || plasticTauR ? String(i) : `${tauM[i] ?? NaN} ${tauR[i] ?? NaN}`;
    let known = seen.get(key);
    if (known === undefined) {
      known = seen.size;
      seen.set(key, known);
      representatives.push(i);
    }
    of[i] = known;
    if (known < mostClasses) continue;
    const what = plasticTauM || plasticTauR ? "neurons whose time constants learn" : "pairs of tauM and tauR";
    throw new SpecError(
      "learning.traces",
      `is "matched", for which each distinct pair of time constants needs traces of its own: population "${name}" has more ` +
        `than ${mostClasses} ${what}. Use fewer, or traces "none".`,
      { population: name, limit: mostClasses },
    );
  }
  return { representatives, of };
}
