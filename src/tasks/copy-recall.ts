/**
 * Copy and recall: the network sees symbols, waits, and at a cue should name them in their order. After the copying problem
 * of Hochreiter and Schmidhuber (Neural Computation 9, 1997) as Arjovsky, Shah and Bengio have it (arXiv 1511.06464: ten of
 * eight symbols), but only the recall is compared. Here each symbol may last for several frames.
 */

import { createRandom } from "../random.ts";
import type { Samples, TaskData } from "./samples.ts";
import { allocateInputs, readOptions } from "./task-options.ts";

const TASK = "copyRecall";
/** Keeps these draws apart from other uses of the same seed; the parts take this stream and the two behind it. */
const RANDOM_STREAM = 0x636f7079;

export interface CopyRecallOptions {
  /** Samples of each part. Default 400, 100 and 100; validation may be 0. */
  readonly train?: number;
  readonly validation?: number;
  readonly test?: number;
  /** Different symbols, 2 to 1000: a channel and a class for each. Default 4. */
  readonly symbols?: number;
  /** Symbols to be remembered. Default 3. */
  readonly length?: number;
  /** Frames of a symbol, of the cue, and of each answer. Default 5. */
  readonly hold?: number;
  /** Frames from the last symbol to the cue. Default 10. */
  readonly delay?: number;
  /** Default 0. */
  readonly seed?: number;
}

interface Sizes {
  readonly symbols: number;
  readonly length: number;
  readonly hold: number;
  readonly delay: number;
}

/**
 * Makes the data set, the same one for the same options. A sample is `length` symbols, one-hot, of `hold` frames each;
 * `delay` frames of nothing; `hold` frames of the cue, which has the last channel; and for each symbol `hold` frames of nothing
 * in which its class is compared. All sequences of symbols are equally likely.
 *
 * @throws SpecError for an option that is not valid.
 */
export function copyRecallData(options: CopyRecallOptions = {}): TaskData {
  const read = readOptions(options, TASK, [
    "train",
    "validation",
    "test",
    "symbols",
    "length",
    "hold",
    "delay",
    "seed",
  ]);
  const counts = {
    train: read.integer("train", 1, 1e6, 400),
    validation: read.integer("validation", 0, 1e6, 100),
    test: read.integer("test", 1, 1e6, 100),
  };
  const sizes: Sizes = {
    symbols: read.integer("symbols", 2, 1000, 4),
    length: read.integer("length", 1, 1000, 3),
    hold: read.integer("hold", 1, 1000, 5),
    delay: read.integer("delay", 0, 1e6, 10),
  };
  const seed = read.integer("seed", 0, Number.MAX_SAFE_INTEGER, 0);
  return {
    train: samplesOf(counts.train, sizes, seed, 0),
    validation: counts.validation === 0 ? null : samplesOf(counts.validation, sizes, seed, 1),
    test: samplesOf(counts.test, sizes, seed, 2),
    classes: Array.from({ length: sizes.symbols }, (_, symbol) => String(symbol)),
  };
}

function samplesOf(count: number, { symbols, length, hold, delay }: Sizes, seed: number, part: number): Samples {
  const random = createRandom(seed, RANDOM_STREAM + part);
  const channels = symbols + 1;
  const cued = length * hold + delay;
  const recalled = cued + hold;
  const frames = recalled + length * hold;
  const inputs = allocateInputs(TASK, count, frames, channels);
  const labels = new Int32Array(count * frames).fill(-1);
  for (let sample = 0; sample < count; sample++) {
    const start = sample * frames;
    const raise = (frame: number, channel: number): void => {
      for (let k = 0; k < hold; k++) inputs[(start + frame + k) * channels + channel] = 1;
    };
    for (let place = 0; place < length; place++) {
      const symbol = random.integer(symbols);
      raise(place * hold, symbol);
      const answer = start + recalled + place * hold;
      labels.fill(symbol, answer, answer + hold);
    }
    raise(cued, symbols);
  }
  return { count, frames, channels, inputs, answers: { kind: "classes", labels } };
}
