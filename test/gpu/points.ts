import { createRandom } from "../../src/random.ts";
import type { Experiment } from "../../src/tasks/experiments.ts";
import { readExperiment } from "../../src/tasks/read-experiment.ts";
import type { Samples, TaskData } from "../../src/tasks/samples.ts";

/** Two classes of points, on either side of a line. */
export function samplesOf(count: number, seed: number): Samples {
  const random = createRandom(seed);
  const inputs = Float32Array.from({ length: 2 * count }, () => 2 * random.uniform() - 1);
  const labels = Int32Array.from({ length: count }, (_, i) => Number((inputs[2 * i] ?? 0) > (inputs[2 * i + 1] ?? 0)));
  return { count, frames: 1, channels: 2, inputs, answers: { kind: "class", labels } };
}

/** Numbers of samples that are no multiples of a batch. */
export const points: TaskData = {
  train: samplesOf(66, 1),
  validation: samplesOf(11, 2),
  test: samplesOf(14, 3),
  classes: ["below", "above"],
};

/** A small network that learns on which side a point is. @param own what is to be otherwise, as a file says it. */
export function lineExperiment(own: object = {}): Experiment {
  return readExperiment({
    name: "line",
    network: {
      dt: 0.2,
      input: 2,
      hidden: [{ size: 5, tauM: 1, tauR: 0.6, activation: "tanh" }],
      output: { size: 2, tauM: 1, tauR: 1, activation: "linear" },
      cost: { kind: "cross-entropy" },
    },
    task: { name: "files" },
    presentation: { stepsPerFrame: 20 },
    batch: 4,
    epochs: 3,
    optimizer: { kind: "adam", eta: 0.005 },
    schedule: { kind: "plateau", factor: 0.9, patience: 0, threshold: 0.9 },
    seeds: [7, 3],
    ...own,
  });
}
