import type { Activation } from "../spec.ts";

/** Rate of a neuron with look-ahead potential `x`. */
export function activate(activation: Activation, x: number): number {
  switch (activation) {
    case "linear":
      return x;
    case "tanh":
      return Math.tanh(x);
    case "sigmoid":
      return sigmoid(x);
    case "hard-sigmoid":
      return Math.min(1, Math.max(0, x));
    case "relu":
      return Math.max(0, x);
    case "softplus":
      // log(1 + exp(x)) overflows for large x.
      return Math.max(0, x) + Math.log1p(Math.exp(-Math.abs(x)));
  }
}

/** Derivative of `activate` at `x`; 0 at the kinks of relu and hard-sigmoid. */
export function activationSlope(activation: Activation, x: number): number {
  switch (activation) {
    case "linear":
      return 1;
    case "tanh":
      return 1 - Math.tanh(x) ** 2;
    case "sigmoid":
      return sigmoid(x) * sigmoid(-x);
    case "hard-sigmoid":
      return x > 0 && x < 1 ? 1 : 0;
    case "relu":
      return x > 0 ? 1 : 0;
    case "softplus":
      return sigmoid(x);
  }
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
