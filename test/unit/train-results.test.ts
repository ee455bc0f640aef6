import { expect, it } from "vitest";
import type { AdapterFacts } from "../../src/device.ts";
import { summarizeTraining, trainingLines } from "../../src/cli/train-results.ts";
import { trainingNamed } from "../../src/tasks/experiments.ts";
import type { SeedResult, TrainingState } from "../../src/train/training-state.ts";

const adapter = { vendor: "none", architecture: "", description: "a test", software: true } as AdapterFacts;
const experiment = { ...trainingNamed("yin-yang"), seeds: [1, 2, 3] };

function resultOf(seed: number, accuracy: number): SeedResult {
  const test = { loss: 0.25, accuracy, nrmse: null };
  const best = { score: accuracy, epoch: 4, part: "validation" } as SeedResult["best"];
  return { seed, epochs: 5, steps: 7500, isStoppedEarly: seed === 1, trainLoss: 0.2, test, best, confusion: [] };
}

it("a summary has the means of the seeds that came to their end, and says which did not and why", () => {
  const divergence = { seed: 2, epoch: 3, step: 4321, population: "hidden", isTesting: false };
  const state = {
    results: [resultOf(1, 0.9), resultOf(3, 0.96)],
    diverged: [divergence],
    seconds: 75,
    groups: [[1, 2, 3]],
  };
  const summary = summarizeTraining(experiment, adapter, state as unknown as TrainingState, ["weights.npz"]);
  expect(summary.test.mean).toBeCloseTo(0.93, 12);
  expect(summary.test.deviation).toBeCloseTo(0.03, 12);
  expect(summary.diverged).toEqual([divergence]);
  expect(summary.throughput).toEqual({ neurons: 3 * 123, synapses: 3 * (4 * 120 + 120 * 3), stepsPerSecond: 100 });

  const lines = trainingLines(summary);
  expect(lines.map((line) => line.split(/ {2,}/)).slice(1, 4)).toEqual([
    ["1", "5 (early stop)", "7,500", "0.2000", "0.2500", "90.0 %", "90.0 %", "4"],
    ["3", "5", "7,500", "0.2000", "0.2500", "96.0 %", "96.0 %", "4"],
    ["2", "diverged in 3", "4,321", "-", "-", "-", "-", "-"],
  ]);
  expect(lines).toContain("Test accuracy: 93.0 % +- 3.0 % (mean and deviation over 2 seeds)");
  expect(lines).toContain(
    'Seed 2 diverged at step 4321, in epoch 3: a value of population "hidden" is no longer finite.',
  );
});
