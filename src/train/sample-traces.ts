/** What a trained network does with one sample, step by step: for a figure. */

import type { RecordSpec } from "../layout.ts";
import type { Parameter } from "../io/parameters.ts";
import type { SimulatorOptions } from "../simulator.ts";
import { outputOf, setupOf, type Experiment } from "../tasks/experiments.ts";
import type { Samples } from "../tasks/samples.ts";
import { trainingPiece, type Shape } from "./batches.ts";
import type { CreateLearner } from "./epochs.ts";

/** A neuron over the steps of a sample. */
export interface NeuronTrace {
  readonly population: string;
  readonly neuron: number;
  readonly values: readonly number[];
}

export interface SampleTraces {
  readonly dt: number;
  /** The first channel of the sample at every step. */
  readonly input: readonly number[];
  /** Class of the sample, where it has one. */
  readonly label: number | null;
  /** Rates of the output, and of a few hidden neurons. */
  readonly outputs: readonly NeuronTrace[];
  readonly hidden: readonly NeuronTrace[];
  /** Errors of the output; none where errors are those of windows. */
  readonly errors: readonly NeuronTrace[];
}

/** Neurons that are shown of the output and of all hidden populations together. */
const MOST_OUTPUTS = 12;
const MOST_HIDDEN = 6;

interface Place {
  readonly createSimulator: CreateLearner;
  readonly host?: Pick<SimulatorOptions, "device" | "gpu">;
  readonly parameters: readonly Parameter[];
  readonly signal?: AbortSignal;
}

/** The second sample after rest, so that states are those of a network at work. Nothing is learnt. */
export async function sampleTraces(
  experiment: Experiment,
  shape: Shape,
  samples: Samples,
  { createSimulator, host, parameters, signal }: Place,
): Promise<SampleTraces> {
  const { network, learning } = setupOf(experiment, shape.steps);
  const output = outputOf(experiment);
  const hidden = network.populations.map(({ name }) => name).filter((name) => name !== output);
  const hasErrors = learning.errors !== "adjoint";
  const record: RecordSpec[] = [
    { population: output, quantity: "rate" },
    ...(hasErrors ? [{ population: output, quantity: "error" } as const] : []),
    ...hidden.map((population): RecordSpec => ({ population, quantity: "rate" })),
  ];
  const stop = signal && { signal };
  const simulator = await createSimulator(network, { ...host, ...stop, batch: 1, learning, record });
  try {
    for (const { quantity, where, data } of parameters) simulator.write(quantity, where, data);
    const own = { ...shape, batch: 1 };
    const shown = Uint32Array.from([Math.min(1, samples.count - 1), 0]);
    const { input, target, steps } = trainingPiece(experiment, own, samples, shown);
    let traces: readonly Float32Array[] = [];
    const run = { input, ...(target && { target }), steps, every: shape.steps, learn: false, ...stop };
    for await (const metrics of simulator.run(run)) ({ traces } = metrics);
    const [rates, ...rest] = traces;
    const errors = hasErrors ? rest.shift() : undefined;
    const sizeOf = (name: string): number => network.populations.find((each) => each.name === name)?.size ?? 1;
    const channels = shape.channels;
    return {
      dt: network.dt,
      input: column(input.subarray(shape.steps * channels), channels, 0),
      label: samples.answers.kind === "class" ? (samples.answers.labels[0] ?? null) : null,
      outputs: tracesOf(output, rates, sizeOf(output), MOST_OUTPUTS),
      errors: tracesOf(output, errors, sizeOf(output), MOST_OUTPUTS),
      hidden: chosenHidden(hidden, rest, sizeOf),
    };
  } finally {
    simulator.destroy();
  }
}

function chosenHidden(
  names: readonly string[],
  traces: readonly Float32Array[],
  sizeOf: (name: string) => number,
): NeuronTrace[] {
  // Of each population equally many, the first and the last ones first: often a fast and a slow neuron.
  const each = Math.max(1, Math.floor(MOST_HIDDEN / Math.max(1, names.length)));
  const all = names.flatMap((name, index) => {
    const size = sizeOf(name);
    const neurons = [...new Set(Array.from({ length: each }, (_, k) => (k % 2 === 0 ? k / 2 : size - (k + 1) / 2)))];
    return neurons
      .filter((neuron) => neuron >= 0 && neuron < size)
      .map((neuron) => ({ population: name, neuron, values: column(traces[index], size, neuron) }));
  });
  return all.slice(0, MOST_HIDDEN);
}

function tracesOf(population: string, values: Float32Array | undefined, size: number, most: number): NeuronTrace[] {
  if (values === undefined) return [];
  return Array.from({ length: Math.min(size, most) }, (_, neuron) => {
    return { population, neuron, values: column(values, size, neuron) };
  });
}

function column(values: Float32Array | undefined, columns: number, index: number): number[] {
  return Array.from({ length: (values?.length ?? 0) / columns }, (_, step) => values?.[step * columns + index] ?? 0);
}
