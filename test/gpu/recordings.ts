/** Golden recordings: those of the public implementation, and what the f64 reference records at other shapes. */

import { readFileSync } from "node:fs";
import { createRandom } from "../../src/random.ts";
import { resolveNetwork, type NetworkSpec } from "../../src/spec.ts";
import { parseRecording, type Recording } from "../../src/tasks/recording.ts";
import { replayExact, replayFrozen, replayOnline } from "../../src/train/replay.ts";
import { createReferenceSimulator } from "../unit/reference-simulator.ts";

/** A file of test/fixtures/golden. */
export function loadRecording(name: string): Recording {
  return parseRecording(readFileSync(new URL(`../fixtures/golden/${name}.json`, import.meta.url), "utf8"), name);
}

export interface Shape {
  readonly network: NetworkSpec;
  readonly batch: number;
  readonly errors: Recording["errors"];
  readonly steps: number;
}

/** Runs the reference as a recording says. That replaying itself is right, the recordings of others show. */
export async function recordReference({ network, batch, errors, steps }: Shape): Promise<Recording> {
  const random = createRandom(5, 6);
  const uniform = (length: number, bound: number): Float32Array =>
    Float32Array.from({ length }, () => bound * (2 * random.uniform() - 1));
  const layers = resolveNetwork(network).projections;
  const output = network.populations.at(-1);
  const outputs = output?.size ?? 0;
  const weights = layers.map(({ pre, post }) => uniform(pre * post, 2 / Math.sqrt(pre)));
  const biases = layers.map(({ post }) => uniform(post, 0.5));
  const nothing = new Float32Array();
  const run = { eta: 0.02, loss: nothing, lossEvery: 1, weights, biases, output: nothing };
  const wanted = [0, 1, steps - 1].filter((step) => step < steps);
  const draft: Recording = {
    name: "reference",
    network,
    errors,
    batch,
    steps,
    weights,
    biases,
    input: uniform(steps * batch * (network.sources[0]?.size ?? 0), 1),
    target:
      output?.cost?.kind === "cross-entropy"
        ? Float32Array.from({ length: steps * batch }, () => random.integer(outputs))
        : uniform(steps * batch * outputs, 1),
    frozen: {
      snapshots: [...new Set(wanted)].map((step) => ({ step, layers: [] })),
      gradient: layers.map(({ pre, post }) => ({
        weightGradient: new Float32Array(pre * post),
        biasGradient: new Float32Array(post),
        tauMGradient: new Float32Array(post),
      })),
      output: nothing,
    },
    exact: { value: 0, gradient: [] },
    sgd: run,
    adam: { ...run, eta: 1e-3 },
  };
  const oracle = { createSimulator: createReferenceSimulator };
  const frozen = await replayFrozen(draft, oracle);
  const exact = await replayExact(draft, oracle);
  const sgd = await replayOnline(draft, "sgd", oracle);
  const adam = await replayOnline(draft, "adam", oracle);
  return {
    ...draft,
    frozen: {
      snapshots: draft.frozen.snapshots.map(({ step }, i) => ({ step, layers: frozen.snapshots[i] ?? [] })),
      gradient: frozen.sums.map(({ weightGradient, biasGradient, tauMGradient }) => ({
        weightGradient: Float32Array.from(weightGradient),
        biasGradient: Float32Array.from(biasGradient),
        tauMGradient: Float32Array.from(tauMGradient),
      })),
      output: frozen.output,
    },
    exact,
    sgd: { ...draft.sgd, ...sgd, loss: Float32Array.from(sgd.losses ?? []) },
    adam: { ...draft.adam, ...adam, loss: Float32Array.from(adam.losses ?? []) },
  };
}
