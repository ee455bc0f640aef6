/** A look into a run from outside: the last digits of one sequence, and what the network said to each. */

import type { Metrics, RunOptions } from "../index.ts";
import { DIGIT_CLASSES, DIGIT_PIXELS } from "../tasks/digits.ts";
import type { CreateSimulator } from "../train/train.ts";

/** One digit of the stream. */
export interface Glimpse {
  /** [14][14], 0 to 1, at the end of its presentation. */
  readonly pixels: Float32Array;
  /** The right answer: the class of the digit before it; -1 if there is none. */
  readonly due: number;
  /** The class whose output, summed over the presentation, is largest. */
  readonly answer: number;
}

export interface StreamShape {
  readonly lanes: number;
  /** Steps of a presentation. */
  readonly period: number;
}

/** Told of every run that learns. The arrays are used again by the next one. */
export type Watcher = (options: RunOptions, metrics: Metrics) => void;

/** The same simulators, and `onRun` hears of what they learn from. */
export function watched(create: CreateSimulator, onRun: Watcher): CreateSimulator {
  return async (network, options) => {
    const simulator = await create(network, options);
    return {
      device: simulator.device,
      adapter: simulator.adapter,
      tuned: simulator.tuned ?? null,
      async *run(options) {
        for await (const metrics of simulator.run(options)) {
          if (options.target !== undefined) onRun(options, metrics);
          yield metrics;
        }
      },
      read: (...args) => simulator.read(...args),
      write: (...args) => simulator.write(...args),
      reset: () => simulator.reset(),
      destroy: () => simulator.destroy(),
    };
  };
}

/**
 * The last `count` digits of the first lane, or as many as there are.
 *
 * @param input [step][lane][pixel]
 * @param target class indices, [step][lane]
 * @param rates of the output, [step][lane][class]
 */
export function lastDigits(
  input: Float32Array,
  target: Float32Array,
  rates: Float32Array,
  { lanes, period }: StreamShape,
  count: number,
): Glimpse[] {
  const presentations = target.length / lanes / period;
  const first = Math.max(0, presentations - count);
  return Array.from({ length: presentations - first }, (_, i) => {
    const start = (first + i) * period;
    const last = (start + period - 1) * lanes * DIGIT_PIXELS;
    return {
      pixels: input.slice(last, last + DIGIT_PIXELS),
      due: target[start * lanes] ?? -1,
      answer: answerOf(rates, start, period, lanes),
    };
  });
}

function answerOf(rates: Float32Array, start: number, period: number, lanes: number): number {
  const sums = Array.from({ length: DIGIT_CLASSES }, (_, c) => {
    let sum = 0;
    for (let step = start; step < start + period; step++) sum += rates[step * lanes * DIGIT_CLASSES + c] ?? 0;
    return sum;
  });
  return sums.indexOf(Math.max(...sums));
}
