/**
 * Digits row by row: a handwritten digit is shown as one row of pixels after another, from the top, then blank rows, in which
 * the network is asked which digit it was. A task of ours; sequential MNIST in its common form shows one pixel at a time.
 */

import { DIGIT_CLASSES, DIGIT_SIDE, splitDigits, type Digits, type DigitSet } from "./digits.ts";
import type { Samples, TaskData } from "./samples.ts";
import { allocateInputs, between, readOptions } from "./task-options.ts";

const TASK = "digitRows";
const LONGEST = 1000;

export interface DigitRowsOptions {
  /** Blank rows behind the last one. Default 2. */
  readonly blank?: number;
  /** Part of the training images of each class, its last ones, that settings are chosen by; may be 0. Default 0.2. */
  readonly validation?: number;
}

/**
 * Makes the data set of the digits, in their order. A frame is a row.
 *
 * @throws SpecError for an option that is not valid.
 */
export function digitRowsData(options: DigitRowsOptions, { train, test }: Digits): TaskData {
  const read = readOptions(options, TASK, ["blank", "validation"]);
  const blank = read.integer("blank", 0, LONGEST, 2);
  const held = read.number("validation", between(0, 0.9), 0.2);
  const [first, rest] = splitDigits(train, 1 - held);
  return {
    train: samplesOf(first, blank),
    validation: rest.count === 0 ? null : samplesOf(rest, blank),
    test: samplesOf(test, blank),
    classes: Array.from({ length: DIGIT_CLASSES }, (_, digit) => String(digit)),
  };
}

function samplesOf({ count, pixels, labels }: DigitSet, blank: number): Samples {
  const frames = DIGIT_SIDE + blank;
  const inputs = allocateInputs(TASK, count, frames, DIGIT_SIDE);
  const size = DIGIT_SIDE * DIGIT_SIDE;
  for (let image = 0; image < count; image++) {
    inputs.set(pixels.subarray(image * size, (image + 1) * size), image * frames * DIGIT_SIDE);
  }
  return { count, frames, channels: DIGIT_SIDE, inputs, answers: { kind: "class", labels: Int32Array.from(labels) } };
}
