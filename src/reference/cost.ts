import type { Population } from "../spec.ts";
import { addTo, at, row } from "./array.ts";

type Cost = NonNullable<Population["cost"]>;

/**
 * Cost of rates [batch][neurons] against a target: squared error beta |y - r|^2 / 2 with targets [batch][neurons], or
 * cross-entropy -beta log softmax(r)[class] with a class per batch row, -1 for none. Adds -d cost / d r of every row
 * to `pull` and its cost, summed over neurons, to `costs` [batch].
 */
export function addCost(
  { kind, beta }: Cost,
  rate: Float64Array,
  target: Float64Array,
  pull: Float64Array,
  costs: Float64Array,
): void {
  const size = rate.length / costs.length;
  for (let lane = 0; lane < costs.length; lane++) {
    const [r, signal] = [row(rate, lane, size), row(pull, lane, size)];
    const cost =
      kind === "squared-error"
        ? addSquaredError(beta, r, row(target, lane, size), signal)
        : addCrossEntropy(beta, r, at(target, lane), signal);
    addTo(costs, lane, cost);
  }
}

function addSquaredError(beta: number, rate: Float64Array, target: Float64Array, topDown: Float64Array): number {
  let sum = 0;
  for (const [i, r] of rate.entries()) {
    const error = at(target, i) - r;
    addTo(topDown, i, beta * error);
    sum += (beta * error ** 2) / 2;
  }
  return sum;
}

function addCrossEntropy(beta: number, rate: Float64Array, wanted: number, topDown: Float64Array): number {
  if (wanted < 0) return 0;
  const largest = rate.reduce((a, b) => Math.max(a, b), -Infinity);
  const exponentials = rate.map((r) => Math.exp(r - largest));
  const total = exponentials.reduce((a, b) => a + b, 0);
  for (const [i, exponential] of exponentials.entries()) {
    addTo(topDown, i, beta * ((i === wanted ? 1 : 0) - exponential / total));
  }
  return beta * (Math.log(total) + (largest - at(rate, wanted)));
}
