/** The f64 reference behind the face of a simulator: what runs on a simulator can be tested without a GPU. */

import { createReference, resolveLearning, resolveNetwork, type Reference } from "../../src/reference/index.ts";
import type { CreateSimulator, Trainable } from "../../src/train/train.ts";

/** Takes one input and at most one target, as Float32Array, with as many frames as steps. */
export const createReferenceSimulator: CreateSimulator = (network, { batch = 1, seed = 0, learning, record = [] }) => {
  const reference = createReference(resolveNetwork(network), resolveLearning(learning), { batch, seed });
  const simulator: Pick<Trainable, "run" | "read" | "write" | "reset" | "destroy"> = {
    async *run({ input, target, steps, every = steps, learn = true }) {
      if (!(input instanceof Float32Array)) throw new Error("one array as input");
      if (!(target === undefined || target instanceof Float32Array)) throw new Error("one array as target");
      let traces = record.map((): number[] => []);
      let loss = 0;
      for (let k = 0; k < steps; k++) {
        loss += reference.step(frameOf(input, k, steps), target ? frameOf(target, k, steps) : null, learn) / every;
        for (const [i, { quantity, population }] of record.entries()) {
          traces[i]?.push(...reference.read(quantity as "rate", population));
        }
        if ((k + 1) % every !== 0) continue;
        const metrics = { step: reference.steps, steps: every, seconds: 1, stepsPerSecond: every };
        yield {
          ...metrics,
          loss,
          losses: [loss],
          traces: traces.map((values) => Float32Array.from(values)),
          energies: [],
        };
        traces = record.map(() => []);
        loss = 0;
      }
    },
    read: async (quantity, where) => Float32Array.from(readFrom(reference, quantity, where)),
    write: (quantity, where, data) => reference.write(quantity as "rate", where as string, data),
    reset: () => reference.reset(),
    destroy: () => undefined,
  };
  return Promise.resolve(simulator as Trainable);
};

function readFrom(reference: Reference, quantity: string, where: unknown): Float64Array {
  return reference.read(quantity as "rate", where as string);
}

function frameOf(values: Float32Array, step: number, steps: number): Float32Array {
  const length = values.length / steps;
  return values.subarray(step * length, (step + 1) * length);
}
