import { createRandom } from "../../src/random.ts";
import type { Samples } from "../../src/tasks/samples.ts";

/** Two classes of points, on either side of a line. */
export function samplesOf(count: number, seed: number): Samples {
  const random = createRandom(seed);
  const inputs = Float32Array.from({ length: 2 * count }, () => 2 * random.uniform() - 1);
  const labels = Int32Array.from({ length: count }, (_, i) => Number((inputs[2 * i] ?? 0) > (inputs[2 * i + 1] ?? 0)));
  return { count, frames: 1, channels: 2, inputs, answers: { kind: "class", labels } };
}
