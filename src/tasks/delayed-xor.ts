/**
 * Delayed exclusive or: two bits are shown one after the other, with a pause between them and another behind them; at a cue
 * the network should tell whether they differ. No sum over time answers it, and neither bit alone. It is a task of ours: the
 * publications about latent equilibrium give no sizes for one.
 */

import { createRandom } from "../random.ts";
import type { Answers, Samples, TaskData } from "./samples.ts";
import { allocateInputs, between, gaussian, readOptions } from "./task-options.ts";

const TASK = "delayedXor";
/** Keeps these draws apart from other uses of the same seed; the parts take this stream and the two behind it. */
const RANDOM_STREAM = 0x786f7200;

/** The channel of both bits, 1 for a set bit and -1 for one that is not, and that of the cue. */
const CHANNELS = 2;
const CLASSES = ["same", "different"] as const;
/** Pairs of bits. */
const PAIRS = 4;

const LONGEST = 10_000;

export interface DelayedXorOptions {
  /** Samples of each part, multiples of the four pairs of bits. Default 400, 100 and 100; validation may be 0. */
  readonly train?: number;
  readonly validation?: number;
  readonly test?: number;
  /** Frames of each bit. Default 5. */
  readonly bit?: number;
  /** Frames between the bits. Default 10. */
  readonly delay?: number;
  /** Frames from the second bit to the cue. Default 5. */
  readonly wait?: number;
  /** Frames of the cue, in which the network answers. Default 5. */
  readonly cue?: number;
  /** Deviation of the normal noise on the channel of the bits. Default 0.1; at 0 there are four different samples only. */
  readonly noise?: number;
  /** Whether the class belongs to the frames of the cue, and to no others, or to the whole sample. Default "frames". */
  readonly answer?: "frames" | "sample";
  /** Default 0. */
  readonly seed?: number;
}

interface Times {
  readonly bit: number;
  readonly delay: number;
  readonly wait: number;
  readonly cue: number;
}

/**
 * Makes the data set, the same one for the same options. In every part all four pairs of bits are equally frequent, in
 * random order, so each class has half of the samples.
 *
 * @throws SpecError for an option that is not valid.
 */
export function delayedXorData(options: DelayedXorOptions = {}): TaskData {
  const read = readOptions(options, TASK, [
    "train",
    "validation",
    "test",
    "bit",
    "delay",
    "wait",
    "cue",
    "noise",
    "answer",
    "seed",
  ]);
  const counts = {
    train: read.multiple("train", PAIRS, PAIRS, 400),
    validation: read.multiple("validation", PAIRS, 0, 100),
    test: read.multiple("test", PAIRS, PAIRS, 100),
  };
  const times: Times = {
    bit: read.integer("bit", 1, LONGEST, 5),
    delay: read.integer("delay", 0, LONGEST, 10),
    wait: read.integer("wait", 0, LONGEST, 5),
    cue: read.integer("cue", 1, LONGEST, 5),
  };
  const noise = read.number("noise", between(0, 100), 0.1);
  const answer = read.oneOf("answer", ["frames", "sample"], "frames");
  const seed = read.integer("seed", 0, Number.MAX_SAFE_INTEGER, 0);
  const part = (count: number, stream: number): Samples => {
    const random = createRandom(seed, RANDOM_STREAM + stream);
    const pairs = Array.from(random.permutation(count), (place) => place % PAIRS);
    return samplesOf(pairs, times, answer, () => (noise === 0 ? 0 : noise * gaussian(random)));
  };
  return {
    train: part(counts.train, 0),
    validation: counts.validation === 0 ? null : part(counts.validation, 1),
    test: part(counts.test, 2),
    classes: CLASSES,
  };
}

/** @param pairs the first bit of a sample and, doubled, its second. */
function samplesOf(pairs: readonly number[], times: Times, answer: "frames" | "sample", noise: () => number): Samples {
  const { bit, delay, wait, cue } = times;
  const cued = 2 * bit + delay + wait;
  const frames = cued + cue;
  const count = pairs.length;
  const inputs = allocateInputs(TASK, count, frames, CHANNELS);
  const bitAt = (pair: number, frame: number): number => {
    if (frame < bit) return levelOf(pair % 2);
    const second = frame - bit - delay;
    return second >= 0 && second < bit ? levelOf(Math.floor(pair / 2)) : 0;
  };
  for (const [sample, pair] of pairs.entries()) {
    for (let frame = 0; frame < frames; frame++) {
      const at = (sample * frames + frame) * CHANNELS;
      inputs[at] = bitAt(pair, frame) + noise();
      inputs[at + 1] = frame >= cued ? 1 : 0;
    }
  }
  return { count, frames, channels: CHANNELS, inputs, answers: answersOf(pairs.map(classOf), answer, frames, cue) };
}

function answersOf(classes: readonly number[], answer: "frames" | "sample", frames: number, cue: number): Answers {
  if (answer === "sample") return { kind: "class", labels: Int32Array.from(classes) };
  const labels = new Int32Array(classes.length * frames).fill(-1);
  for (const [sample, label] of classes.entries())
    labels.fill(label, (sample + 1) * frames - cue, (sample + 1) * frames);
  return { kind: "classes", labels };
}

function levelOf(bit: number): number {
  return 2 * bit - 1;
}

function classOf(pair: number): number {
  return pair === 1 || pair === 2 ? 1 : 0;
}
