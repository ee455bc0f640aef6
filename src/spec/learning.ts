import { at, fields, fraction, nonNegative, number, oneOf, positive } from "./read.ts";
import type { Learning, LearningSpec, Optimizer, OptimizerSpec } from "./types.ts";

const DEFAULT_OPTIMIZER: OptimizerSpec = { kind: "adam", eta: 1e-3 };

/**
 * Checks a learning rule and fills in its defaults: errors "local"; Adam with eta 1e-3, beta1 0.9, beta2 0.999,
 * epsilon 1e-8; mu 0.9 for momentum.
 *
 * @throws SpecError naming the field, its value, the limit and the cure.
 */
export function resolveLearning(spec: LearningSpec = {}): Learning {
  const { errors = "local", optimizer = DEFAULT_OPTIMIZER } = fields(spec, "learning", ["errors", "optimizer"]);
  return {
    errors: oneOf(errors, "learning.errors", ["local", "instantaneous", "none"]),
    optimizer: readOptimizer(optimizer, "learning.optimizer"),
  };
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
