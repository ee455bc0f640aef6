/** Whether a simulator computes what it should, before any of its timings counts. */

import { DivergedError, type Simulator } from "../../src/index.ts";
import { createReference, resolveLearning, resolveNetwork } from "../../src/reference/index.ts";
import { learns, networkOf, optimizerOf, PATTERNS, SEED, synapsesOf, type Group, type VariantName } from "./cases.ts";
import { advance, framesOf } from "./subject.ts";

/** Largest difference that passes, relative to the largest value: what f32 sums leave of some thousand terms. */
export const TOLERANCE = 1e-4;
/** Enough for every product to enter the rates by way of changed weights. */
export const CHECK_STEPS = 6;
/** Synapses up to which the reference takes seconds. */
const referenceSynapses = 4096 ** 2;

/** Values by what they are, such as "rate of block1". */
export type Values = ReadonlyMap<string, ArrayLike<number>>;

export interface Verdict {
  readonly ok: boolean;
  /** What was compared: with the f64 reference, or, of networks too large for it, variants with each other. */
  readonly against: "reference" | "variants" | "nothing";
  /** Largest difference relative to the largest value; null if it was not compared. */
  readonly error: number | null;
  readonly sentence: string;
}

export const hasReference = ({ shape }: Group): boolean => synapsesOf(shape) <= referenceSynapses;

/** The learning rate of the check changes the weights by a few percent. */
export function checkEta({ optimizer, shape }: Pick<Group, "optimizer" | "shape">): number {
  return optimizer === "adam" ? 0.05 / Math.sqrt(shape.size) / CHECK_STEPS : 100 / shape.size;
}

/** What the f64 reference comes to after the steps of the check. A batch is represented by its different rows. */
export function expectedOf(group: Group, variant: VariantName, steps = CHECK_STEPS): Values {
  const network = resolveNetwork(networkOf(group.shape));
  const learning = resolveLearning({ optimizer: optimizerOf(group.optimizer, checkEta(group)) });
  const batch = Math.min(variant === "single" ? 1 : group.batch, PATTERNS);
  const reference = createReference(network, learning, { batch, seed: SEED });
  const { input, target } = framesOf(network, batch);
  for (let step = 0; step < steps; step++) reference.step(input, target, learns(variant));
  return new Map<string, ArrayLike<number>>([
    ...network.populations.map(({ name }) => [`rate of ${name}`, reference.read("rate", name)] as const),
    ...betweens(group).map((each) => [`weight of ${each.to}`, reference.read("weight", each)] as const),
  ]);
}

function betweens({ shape }: Pick<Group, "shape">): readonly { readonly from: string; readonly to: string }[] {
  return networkOf(shape).projections;
}

/**
 * Runs the steps of the check from rest and reads what came out; afterwards the simulator is at rest again, with weights
 * that have learnt a little. Null if it diverged.
 */
export async function outcomeOf(
  sim: Simulator,
  group: Group,
  variant: VariantName,
  steps = CHECK_STEPS,
): Promise<Values | null> {
  const isCompared = hasReference(group);
  const eta = sim.plan.learning.optimizer.eta;
  try {
    await advance(sim, { steps, eta: isCompared ? checkEta(group) : 0, learn: learns(variant) });
    const values = new Map<string, ArrayLike<number>>();
    for (const { name } of sim.plan.network.populations) values.set(`rate of ${name}`, await sim.read("rate", name));
    if (isCompared) {
      for (const each of betweens(group)) values.set(`weight of ${each.to}`, await sim.read("weight", each));
    }
    await advance(sim, { steps: 1, eta, learn: false });
    sim.reset();
    return values;
  } catch (error) {
    if (error instanceof DivergedError) return null;
    throw error;
  }
}

/** Compares values, where `expected` may be shorter: then it repeats. */
export function verdictOf(found: Values | null, expected: Values | null, against: "reference" | "variants"): Verdict {
  if (found === null) return notFinite("it diverged");
  let worst = { error: 0, name: "" };
  for (const [name, values] of found) {
    if (!allFinite(values)) return notFinite(`a ${name} is not finite`);
    const wanted = expected?.get(name);
    if (wanted === undefined) continue;
    const error = differenceOf(values, wanted);
    if (!(error <= worst.error)) worst = { error, name };
  }
  if (expected === null) return { ok: true, against: "nothing", error: null, sentence: "finite, not compared" };
  const { error, name } = worst;
  const with_ = against === "reference" ? "the f64 reference" : "another variant";
  const far = `${error.toExponential(1)} of the largest value`;
  return error <= TOLERANCE
    ? { ok: true, against, error, sentence: `agrees with ${with_} to ${far}` }
    : { ok: false, against, error, sentence: `${name} is off from ${with_} by ${far}, more than ${TOLERANCE}` };
}

function notFinite(sentence: string): Verdict {
  return { ok: false, against: "nothing", error: null, sentence };
}

export function allFinite(values: ArrayLike<number>): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

/** Largest difference over the largest expected value. */
export function differenceOf(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (expected.length === 0 || found.length % expected.length !== 0) return Infinity;
  let largest = 0;
  let apart = 0;
  for (let i = 0; i < found.length; i++) {
    const wanted = expected[i % expected.length] ?? NaN;
    largest = Math.max(largest, Math.abs(wanted));
    apart = Math.max(apart, Math.abs((found[i] ?? NaN) - wanted));
  }
  return apart === 0 ? 0 : apart / largest;
}
