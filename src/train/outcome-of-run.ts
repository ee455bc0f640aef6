/** What trainings take from a run: its last metrics, or the recorded output. */

import { VleError } from "../errors.ts";
import type { Metrics, RunOptions } from "../run.ts";
import type { Simulator } from "../simulator.ts";

type Runner = Pick<Simulator, "run">;

export async function lastMetrics(simulator: Runner, options: RunOptions): Promise<Metrics> {
  let last: Metrics | undefined;
  for await (const metrics of simulator.run(options)) last = metrics;
  if (!last) throw new VleError("INTERNAL", `A run of ${options.steps} steps gave no metrics.`);
  return last;
}

/** The first trace: [step][batch][neuron]. */
export async function outputOf(simulator: Runner, options: RunOptions): Promise<Float32Array> {
  const [rates] = (await lastMetrics(simulator, options)).traces;
  if (!rates) throw new VleError("INTERNAL", "A run with a recorded output gave no trace.");
  return rates;
}
