/**
 * The reference against recordings of the public implementation of the paper on Generalized Latent Equilibrium
 * (arXiv 2403.16933; PyTorch, f32, CPU), which shares no code with this one.
 */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createReference, resolveLearning, resolveNetwork, type Reference } from "../../src/reference/index.ts";
import type { LearningSpec, NetworkSpec, OptimizerSpec } from "../../src/spec.ts";
import { parseRecording, type LayerGradient, type LayerSnapshot, type Recording } from "../../src/tasks/recording.ts";

// The recordings were made in f32, whose rounding accumulates over 200 to 400 steps to 9e-7 of the largest entry of an
// array. Twice that still tells every sign, index and order of update apart.
const FROZEN_TOLERANCE = 2e-6;
// The exact gradient sums as many steps, seen twice.
const EXACT_TOLERANCE = 1e-6;
// In the chain's slow first neuron the steps' contributions to the tau_m gradient cancel to 1e-3 of that of a weight, and
// what f32 left of it is good to 3.6e-5.
const CANCELLED_TOLERANCE = 4e-5;
// Learning feeds the rounding back (2.1e-6, in a bias): Adam divides by the root of a moment, and so magnifies the
// rounding of gradients near 0.
const ONLINE_TOLERANCE = 5e-6;

const names = ["chain-softplus", "instantaneous-errors", "latent-equilibrium-mse", "mlp-tanh-ce"];

describe.each(names)("recording %s", (name) => {
  const recording = parseRecording(
    readFileSync(new URL(`../fixtures/golden/${name}.json`, import.meta.url), "utf8"),
    name,
  );

  test("without learning: states, errors, feedback and gradients", () => {
    const { snapshots, sums, output } = replayFrozen(recording);
    const recorded = recording.frozen.snapshots;
    expect(snapshots.map(({ step }) => step)).toEqual(recorded.map(({ step }) => step));
    for (const [l, first] of (recorded[0]?.layers ?? []).entries()) {
      for (const field of Object.keys(first) as (keyof LayerSnapshot)[]) {
        const ours = snapshots.flatMap(({ layers }) => [...(layers[l]?.[field] ?? [])]);
        const theirs = recorded.flatMap(({ layers }) => [...(layers[l]?.[field] ?? [])]);
        expect.soft(relativeError(ours, theirs), `layer ${l}, ${field}`).toBeLessThan(FROZEN_TOLERANCE);
      }
    }
    for (const [l, theirs] of recording.frozen.gradient.entries()) {
      for (const field of Object.keys(theirs) as (keyof LayerGradient)[]) {
        const error = relativeError(sums[l]?.[field] ?? [], theirs[field]);
        expect.soft(error, `layer ${l}, sum of ${field}`).toBeLessThan(FROZEN_TOLERANCE);
      }
    }
    expect(relativeError(output, recording.frozen.output)).toBeLessThan(FROZEN_TOLERANCE);
  });

  test("the exact gradient of the summed cost, and that cost", () => {
    const { value, gradient } = replayExact(recording);
    const { exact } = recording;
    expect(Math.abs(value / exact.value - 1)).toBeLessThan(EXACT_TOLERANCE);
    expect(gradient).toHaveLength(exact.gradient.length);
    for (const [l, theirs] of exact.gradient.entries()) {
      for (const field of Object.keys(theirs) as (keyof LayerGradient)[]) {
        const error = relativeError(gradient[l]?.[field] ?? [], theirs[field]);
        const isCancelled = name === "chain-softplus" && field === "tauMGradient";
        const tolerance = isCancelled ? CANCELLED_TOLERANCE : EXACT_TOLERANCE;
        expect.soft(error, `layer ${l}, ${field}`).toBeLessThan(tolerance);
      }
    }
  });

  test.each(["sgd", "adam"] as const)("%s after every step: parameters, output and loss", (kind) => {
    const theirs = recording[kind];
    const { reference, output, losses } = replayOnline(recording, { kind, eta: theirs.eta });
    for (const [l, { population, between }] of layersOf(recording).entries()) {
      const weights = relativeError(reference.read("weight", between), theirs.weights[l] ?? []);
      const biases = relativeError(reference.read("bias", population), theirs.biases[l] ?? []);
      expect.soft(weights, `layer ${l}, weights`).toBeLessThan(ONLINE_TOLERANCE);
      expect.soft(biases, `layer ${l}, biases`).toBeLessThan(ONLINE_TOLERANCE);
    }
    expect(relativeError(output, theirs.output)).toBeLessThan(ONLINE_TOLERANCE);
    const sampled = Array.from(theirs.loss, (_, i) => losses[i * theirs.lossEvery] ?? NaN);
    expect(relativeError(sampled, theirs.loss)).toBeLessThan(ONLINE_TOLERANCE);
  });
});

/** A reference that starts from the recorded parameters, and its steps. */
function start(recording: Recording, learning: LearningSpec, network = recording.network) {
  const { batch, steps, input, target } = recording;
  const reference = createReference(resolveNetwork(network), resolveLearning(learning), { batch });
  for (const [l, { population, between }] of layersOf(recording).entries()) {
    reference.write("weight", between, recording.weights[l] ?? []);
    reference.write("bias", population, recording.biases[l] ?? []);
  }
  const frame = (values: Float32Array, k: number): Float32Array => {
    const length = values.length / steps;
    return values.subarray(k * length, (k + 1) * length);
  };
  return { reference, step: (k: number) => reference.step(frame(input, k), frame(target, k)) };
}

function layersOf({ network }: Recording) {
  return network.projections.map(({ from, to }) => ({ population: to, source: from, between: { from, to } }));
}

function replayFrozen(recording: Recording) {
  const { reference, step } = start(recording, { errors: recording.errors, optimizer: { kind: "accumulate" } });
  const layers = layersOf(recording);
  const sums = layers.map(() => ({ weightGradient: [0], biasGradient: [0], tauMGradient: [0] }));
  const snapshots: { step: number; layers: Record<keyof LayerSnapshot, Float64Array>[] }[] = [];
  let output: Float64Array = new Float64Array();
  for (let k = 0; k < recording.steps; k++) {
    output = reference.read("rate", "output");
    step(k);
    const wanted = recording.frozen.snapshots.some((snapshot) => snapshot.step === k);
    const states = layers.map(({ population, source, between }, l) => {
      const state = {
        potential: reference.read("potential", population),
        lowPassedError: reference.read("lowPassedError", population),
        rate: reference.read("rate", population),
        error: reference.read("error", population),
        feedback: reference.read("feedback", source),
        weightGradient: takeMoment(reference, between),
        biasGradient: takeMoment(reference, population),
        tauMGradient: tauMGradient(reference, population, recording.batch),
      };
      for (const [field, sum] of Object.entries(sums[l] ?? {})) {
        const gradient = state[field as keyof LayerGradient];
        for (const [i, value] of gradient.entries()) sum[i] = (sum[i] ?? 0) + value;
      }
      return state;
    });
    if (wanted) snapshots.push({ step: k, layers: states });
  }
  return { snapshots, sums, output };
}

function replayOnline(recording: Recording, optimizer: OptimizerSpec) {
  const { reference, step } = start(recording, { errors: recording.errors, optimizer });
  const { cost, size = 1 } = recording.network.populations.at(-1) ?? {};
  // Ours is beta |y - r|^2 / 2 or beta times the cross-entropy; theirs (y - r)^2, mean over outputs, or as it is.
  const scale = (cost?.kind === "squared-error" ? 2 / size : 1) / (cost?.beta ?? 1);
  const losses: number[] = [];
  let output: Float64Array = new Float64Array();
  for (let k = 0; k < recording.steps; k++) {
    output = reference.read("rate", "output");
    losses.push(step(k) * scale);
  }
  return { reference, output, losses };
}

function replayExact(recording: Recording) {
  const { steps, network } = recording;
  // The value is that of the cost without beta.
  const populations = network.populations.map((each): NetworkSpec["populations"][number] =>
    each.cost ? { ...each, cost: { ...each.cost, beta: 1 } } : each,
  );
  const learning = { errors: "adjoint", window: steps, optimizer: { kind: "accumulate" } } as const;
  const { reference, step } = start(recording, learning, { ...network, populations });
  let value = 0;
  for (let k = 0; k < steps; k++) value += step(k);
  const gradient = layersOf(recording).map(({ population, between }) => ({
    weightGradient: reference.read("gradient", between),
    biasGradient: reference.read("gradient", population),
    tauMGradient: reference.read("gradient", { population, of: "tauM" }),
  }));
  return { value, gradient };
}

/** The gradient summed since the last call: `accumulate` keeps it in the first moment. */
function takeMoment(reference: Reference, place: string | { from: string; to: string }): Float64Array {
  const moment = reference.read("firstMoment", place);
  reference.write("firstMoment", place, new Float64Array(moment.length));
  return moment;
}

/** Mean over the batch of e du/dt. */
function tauMGradient(reference: Reference, population: string, batch: number): Float64Array {
  const error = reference.read("error", population);
  const derivative = reference.read("potentialDerivative", population);
  const size = error.length / batch;
  const mean = new Float64Array(size);
  for (const [i, e] of error.entries()) mean[i % size] = (mean[i % size] ?? 0) + (e * (derivative[i] ?? NaN)) / batch;
  return mean;
}

/** Largest difference, relative to the largest recorded entry. */
function relativeError(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  if (ours.length !== theirs.length) return NaN;
  const differences = Array.from(ours, (value, i) => Math.abs(value - (theirs[i] ?? NaN)));
  const scale = Array.from(theirs).reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const largest = differences.reduce((a, b) => Math.max(a, b), 0);
  return scale === 0 ? largest : largest / scale;
}
