import { SpecError } from "../errors.ts";
import { at, boolean, fields, fraction, integerRange, nonNegative, number, oneOf, positive } from "./read.ts";
import type { Errors, Learning, LearningSpec, Optimizer, OptimizerSpec } from "./types.ts";

const DEFAULT_OPTIMIZER: OptimizerSpec = { kind: "adam", eta: 1e-3 };

const KEYS = ["errors", "window", "feedback", "traces", "lagAligned", "gain", "optimizer"] as const;
const WINDOW = integerRange(1, 2 ** 20);

/**
 * Checks a learning rule and fills in its defaults: errors "local"; feedback "transpose"; no traces, no alignment, the
 * published gain; Adam with eta 1e-3, beta1 0.9, beta2 0.999, epsilon 1e-8; mu 0.9 for momentum.
 *
 * @throws SpecError naming the field, its value, the limit and the cure.
 */
export function resolveLearning(spec: LearningSpec = {}): Learning {
  const given = fields(spec, "learning", KEYS);
  const { feedback = "transpose", traces = "none", lagAligned = false, gain = "published" } = given;
  const errors = oneOf(given.errors ?? "local", "learning.errors", ["local", "instantaneous", "adjoint", "none"]);
  const learning: Learning = {
    errors,
    window: readWindow(given.window, errors),
    feedback: oneOf(feedback, "learning.feedback", ["transpose", "random", "none"]),
    traces: oneOf(traces, "learning.traces", ["none", "matched"]),
    lagAligned: boolean(lagAligned, "learning.lagAligned"),
    gain: oneOf(gain, "learning.gain", ["published", "corrected"]),
    optimizer: readOptimizer(given.optimizer ?? DEFAULT_OPTIMIZER, "learning.optimizer"),
  };
  refuseContradictions(learning);
  return learning;
}

function readWindow(value: unknown, errors: Errors): number {
  if (errors === "adjoint") return number(value, "learning.window", WINDOW);
  if (value === undefined) return 1;
  throw new SpecError("learning.window", `is for errors "adjoint"; they are "${errors}". Leave it out, or set them.`);
}

/** What only errors of the moment can use. */
function refuseContradictions({ errors, feedback, traces, lagAligned, gain }: Learning): void {
  const refuse = (field: string, value: string | boolean, cure: string): never => {
    throw new SpecError(
      `learning.${field}`,
      `is ${JSON.stringify(value)}, which errors "${errors}" cannot use. ${cure}`,
    );
  };
  const isOnline = errors === "local" || errors === "instantaneous";
  if (traces === "matched" && !isOnline) refuse("traces", traces, 'Use errors "local" or "instantaneous".');
  if (lagAligned && !isOnline) refuse("lagAligned", true, 'Use errors "local" or "instantaneous".');
  if (gain === "corrected" && errors !== "local") refuse("gain", gain, 'Use errors "local".');
  if (errors === "adjoint" && feedback !== "transpose") {
    refuse("feedback", feedback, 'The exact gradient goes through the transpose: leave it out, or use errors "local".');
  }
}

function readOptimizer(value: unknown, path: string): Optimizer {
  const { kind: given } = fields(value, path, ["kind", "eta", "mu", "beta1", "beta2", "epsilon"]);
  const kind = oneOf(given, at(path, "kind"), ["sgd", "momentum", "adam", "accumulate"]);
  switch (kind) {
    case "sgd": {
      const { eta } = fields(value, path, ["kind", "eta"]);
      return { kind, eta: readEta(eta, path), beta1: 0, beta2: 0, epsilon: 0 };
    }
    case "momentum": {
      const { eta, mu = 0.9 } = fields(value, path, ["kind", "eta", "mu"]);
      return { kind, eta: readEta(eta, path), beta1: number(mu, at(path, "mu"), fraction), beta2: 0, epsilon: 0 };
    }
    case "adam": {
      const given = fields(value, path, ["kind", "eta", "beta1", "beta2", "epsilon"]);
      const { eta, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = given;
      return {
        kind,
        eta: readEta(eta, path),
        beta1: number(beta1, at(path, "beta1"), fraction),
        beta2: number(beta2, at(path, "beta2"), fraction),
        epsilon: number(epsilon, at(path, "epsilon"), positive),
      };
    }
    case "accumulate":
      fields(value, path, ["kind"]);
      return { kind, eta: 0, beta1: 1, beta2: 0, epsilon: 0 };
  }
}

function readEta(value: unknown, path: string): number {
  return number(value, at(path, "eta"), nonNegative);
}
