/** A seed whose values stopped being finite: what is kept of it, and how it is said. */

import { VleError } from "../errors.ts";
import { parameterPlaces } from "../io/parameters.ts";
import type { Simulator } from "../simulator.ts";
import type { NetworkSpec } from "../spec.ts";

export interface Divergence {
  readonly seed: number;
  /** From 1, in which it trained, or after which it was tested. */
  readonly epoch: number;
  /** Trained until then. */
  readonly step: number;
  readonly population: string;
  readonly isTesting: boolean;
}

/** "Seed 5 diverged at step 523, in epoch 2: a value of population "hidden" is no longer finite." */
export function divergenceSentence({ seed, epoch, step, population, isTesting }: Divergence): string {
  const where = isTesting ? `in the test after epoch ${epoch}` : `at step ${step}, in epoch ${epoch}`;
  return `Seed ${seed} diverged ${where}: a value of population "${population}" is no longer finite.`;
}

/** Ends a training of which no seed is left. */
export class AllDivergedError extends VleError {
  /** @param last of `count` seeds. */
  constructor(last: Divergence, count: number, cause: unknown) {
    const none = count > 1 ? `None of the ${count} seeds is left. ` : "";
    const cure = "Lower the learning rate or the beta of the cost, raise tauR towards tauM, or lower dt.";
    super("DIVERGED", `${none}${divergenceSentence(last)} ${cure}`, { details: { ...last }, cause });
  }
}

/** On its way to where the seed is left out. */
export class Diverged extends Error {
  readonly divergence: Divergence;

  constructor(divergence: Divergence, cause: unknown) {
    super(divergenceSentence(divergence), { cause });
    this.divergence = divergence;
  }
}

/** A network without weights, at a learning rate of 0, diverges no more. */
export function silence(simulator: Pick<Simulator, "write">, network: NetworkSpec, replica: number): void {
  for (const { quantity, where, shape } of parameterPlaces(network)) {
    const size = shape.reduce((product, length) => product * length, 1);
    if (quantity === "weight") simulator.write(quantity, where, new Float32Array(size), { replica });
  }
}
