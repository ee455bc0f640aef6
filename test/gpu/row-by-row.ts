/**
 * A batch as simulators of one row each, so that kernels for a batch of 1 can replay what was recorded in a larger one: states
 * stand side by side, and what the gradient is in is the mean over rows. So are weights after a plain gradient step, which every
 * row takes from the same weights. After a step of Adam they are not, as it is not linear.
 */

import { createSimulator } from "../../src/create.ts";
import type { Simulator, SimulatorOptions } from "../../src/simulator.ts";
import type { Metrics, RunOptions } from "../../src/run.ts";
import type { Plan } from "../../src/plan.ts";
import type { CreateSimulator, Trainable } from "../../src/train/train.ts";
import { metricsOf } from "./networks.ts";
import { readBuffer } from "./twin.ts";

export const createRowByRow =
  (forced: SimulatorOptions, whenMade: (plan: Plan) => void): CreateSimulator =>
  async (network, { batch = 1, ...options }) => {
    const rows: Simulator[] = [];
    for (let row = 0; row < batch; row++) {
      const simulator = await createSimulator(network, { ...options, ...forced, batch: 1 });
      whenMade(simulator.plan);
      rows.push(simulator);
    }
    const [first] = rows as [Simulator];
    const movesWeights = options.learning?.optimizer?.kind === "sgd";
    const all: Pick<Trainable, "run" | "read" | "write" | "destroy"> = {
      async *run({ steps, ...data }) {
        const stretch = movesWeights ? 1 : steps;
        for (let from = 0; from < steps; from += stretch) {
          const running = rows.map((simulator, row) => {
            const own = dataOf(data, { row, rows: batch, from, to: from + stretch, steps });
            return metricsOf(simulator, { ...own, steps: stretch });
          });
          const metrics = (await Promise.all(running)).flat();
          if (movesWeights) await shareMean(rows);
          yield besideEachOther(metrics, stretch);
        }
      },
      async read(quantity, where) {
        const parts = await Promise.all(rows.map((simulator) => simulator.read(quantity, where)));
        return quantity === "rate" ? joined(parts, 1) : meanOf(parts);
      },
      write: (...what) => rows.forEach((simulator) => simulator.write(...what)),
      destroy: () => rows.forEach((simulator) => simulator.destroy()),
    };
    return { ...all, device: first.device, adapter: first.adapter, reset: () => rows.forEach((each) => each.reset()) };
  };

interface Part {
  readonly row: number;
  readonly rows: number;
  readonly from: number;
  readonly to: number;
  readonly steps: number;
}

/** The frames of one row, of steps `from` to `to`. */
function dataOf({ input, target }: Pick<RunOptions, "input" | "target">, part: Part) {
  const cut = (values: unknown): Float32Array => {
    if (!(values instanceof Float32Array)) throw new Error("A recording has one input and one target.");
    const { row, rows, from, to, steps } = part;
    const size = values.length / steps / rows;
    return Float32Array.from({ length: (to - from) * size }, (_, i) => {
      const step = from + Math.floor(i / size);
      return values[(step * rows + row) * size + (i % size)] ?? NaN;
    });
  };
  return { input: cut(input), target: cut(target) };
}

/** Metrics of the same steps of all rows: traces are [step][row][neurons]. */
function besideEachOther(metrics: readonly Metrics[], steps: number): Metrics {
  const [first] = metrics as [Metrics];
  return {
    ...first,
    loss: metrics.reduce((sum, { loss }) => sum + loss, 0) / metrics.length,
    traces: first.traces.map((_, i) =>
      joined(
        metrics.map(({ traces }) => traces[i] ?? new Float32Array()),
        steps,
      ),
    ),
  };
}

function joined(parts: readonly Float32Array[], steps: number): Float32Array {
  const [first] = parts as [Float32Array];
  const size = first.length / steps;
  return Float32Array.from({ length: parts.length * first.length }, (_, i) => {
    const step = Math.floor(i / size / parts.length);
    return parts[Math.floor(i / size) % parts.length]?.[step * size + (i % size)] ?? NaN;
  });
}

/** In f64, so that the mean of equal values is that value. */
function meanOf(parts: readonly Float32Array[]): Float32Array {
  const [first] = parts as [Float32Array];
  return first.map((_, i) => parts.reduce((sum, part) => sum + (part[i] ?? NaN), 0) / parts.length);
}

/** Gives every row the mean of all weights and biases; time constants and padding are the same in all. */
async function shareMean(rows: readonly Simulator[]): Promise<void> {
  const buffers = rows.map((simulator) => {
    const [name = ""] = simulator.plan.network.populations.map((each) => each.name);
    return { device: simulator.device, ...simulator.buffer("bias", name) };
  });
  const mean = meanOf(
    await Promise.all(buffers.map(({ device, buffer }) => readBuffer(device, buffer, 0, buffer.size))),
  );
  for (const { device, buffer } of buffers) device.queue.writeBuffer(buffer, 0, mean.buffer);
}
