/** What the examples of docs/api.md import, on the f64 reference: no GPU is needed, and their steps are quick. */

import type { SimulatorOptions } from "../../src/index.ts";
import type { NetworkSpec } from "../../src/spec.ts";
import type { Trainable } from "../../src/train/train.ts";
import { createReferenceSimulator } from "./reference-simulator.ts";

export { layered } from "../../src/reference/index.ts";

/** For one source and one population with a cost; frames are repeated as a simulator repeats them. */
export async function createSimulator(
  network: NetworkSpec,
  options: SimulatorOptions,
): Promise<Pick<Trainable, "run" | "read">> {
  const simulator = await createReferenceSimulator(network, options);
  const costed = network.populations.find(({ cost }) => cost !== undefined);
  const inputs = network.sources[0]?.size ?? NaN;
  const targets = costed?.cost?.kind === "cross-entropy" ? 1 : (costed?.size ?? NaN);
  return {
    read: simulator.read,
    run: ({ input, target, ...rest }) =>
      simulator.run({
        ...rest,
        input: repeated(input as Float32Array, rest.steps * inputs),
        target: repeated(target as Float32Array, rest.steps * targets),
      }),
  };
}

function repeated(values: Float32Array, length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => values[i % values.length] ?? NaN);
}
