/**
 * Spoken digits: recordings of the Free Spoken Digit Dataset (Zohar Jackson and others, CC BY-SA 4.0), whose files are called
 * DIGIT_SPEAKER_TAKE.wav, as log-mel spectrograms. Takes 0 to 4 of every speaker are its published test part.
 * The spectrogram: Hann windows of 256 samples at 8 kHz, 100 samples from frame to frame, 20 mels from 100 to 4000 Hz,
 * ln(power + 1e-6); brought to 40 frames, whatever the length of the recording, and to mean 0 and deviation 1, each.
 */

import { DataError, SpecError } from "../errors.ts";
import { createLogMel, standardize } from "../io/log-mel.ts";
import { plain, quote, refuse } from "../io/refusal.ts";
import { integerRange, list, number, wrong } from "../spec/read.ts";
import type { Samples, TaskData } from "./samples.ts";
import { checkFolder, createSoundReader, fileNameOf, soundsIn, type SoundFolder } from "./sound-folder.ts";
import { allocateInputs, readOptions } from "./task-options.ts";

const TASK = "spokenDigits";

/** The logarithm is to base 2 there; which base is no matter, as its factor goes when deviations become 1. */
export const SPOKEN_DIGIT_MEL = {
  sampleRate: 8000,
  fftSize: 256,
  hop: 100,
  mels: 20,
  low: 100,
  high: 4000,
  floor: 1e-6,
} as const;
/** Digit, speaker and take. */
const NAME = /^(\d)_([^_/]+)_(\d{1,6})\.wav$/i;
const CLASSES = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"] as const;

const TAKES = integerRange(0, 999_999);

/** The first and the last of them. */
export type Takes = readonly [first: number, last: number];

export interface SpokenDigitsOptions {
  readonly folder: SoundFolder;
  /** Takes of each speaker and digit that test. Default 0 to 4, the published part. */
  readonly testTakes?: Takes;
  /** Takes that are held out of training to choose settings by; null for none. Default 5 to 9. All others train. */
  readonly validationTakes?: Takes | null;
  /** Frames of every sample. Default 40. */
  readonly frames?: number;
  /** Whether recordings that do not have 8 kHz are brought to it. Default false: they are refused. */
  readonly resample?: boolean;
}

interface Recording {
  readonly path: string;
  readonly digit: number;
  readonly speaker: string;
  readonly take: number;
}

/**
 * Reads all recordings. Samples are in the order of digits, then speakers, then takes, whatever the folder's.
 *
 * @throws SpecError for an option that is not valid; DataError for a .wav of another name, twice the same name, a part without
 * recordings, and a recording that cannot be read, is too short or of another sample rate.
 */
export async function spokenDigitsData(options: SpokenDigitsOptions): Promise<TaskData> {
  const read = readOptions(options, TASK, ["folder", "testTakes", "validationTakes", "frames", "resample"]);
  const frames = read.integer("frames", 2, 10_000, 40);
  const resample = read.boolean("resample", false);
  const folder = checkFolder(options.folder, `${TASK}.folder`);
  const testTakes = checkTakes("testTakes", options.testTakes ?? [0, 4]);
  const { validationTakes = [5, 9] } = options;
  if (validationTakes !== null) checkApart(testTakes, checkTakes("validationTakes", validationTakes));
  const recordings = recordingsIn(folder);
  const isTest = ({ take }: Recording): boolean => within(testTakes, take);
  const isHeld = ({ take }: Recording): boolean => validationTakes !== null && within(validationTakes, take);
  const hear = createHearing(folder, frames, resample);
  const part = async (name: string, chosen: readonly Recording[], cure: string): Promise<Samples> => {
    if (chosen.length > 0) return samplesOf(chosen, frames, hear);
    const sentence = `has no recording for ${name}, of ${recordings.length} in all; ${cure}.`;
    throw new DataError(`${TASK}.folder`, sentence, { part: name, recordings: recordings.length });
  };
  const trained = recordings.filter((each) => !isTest(each) && !isHeld(each));
  const held = recordings.filter(isHeld);
  return {
    train: await part("training", trained, "choose fewer takes for the other parts"),
    validation: validationTakes === null ? null : await part("validation", held, "choose other validationTakes"),
    test: await part("test", recordings.filter(isTest), "get the published test part, or choose other testTakes"),
    classes: CLASSES,
  };
}

// ---- which recordings ---------------------------------------------------------------------------------------

/** @param takes that nobody has checked */
function checkTakes(key: string, takes: unknown): Takes {
  const path = `${TASK}.${key}`;
  const [first = -1, last = -1, ...others] = list(takes, path, (entry, place) => number(entry, place, TAKES));
  if (first >= 0 && first <= last && others.length === 0) return [first, last];
  throw wrong(path, takes, "the first and the last take, as in [0, 4]");
}

function checkApart(test: Takes, validation: Takes): void {
  if (test[1] < validation[0] || validation[1] < test[0]) return;
  const found = `are ${validation.join(" to ")}, some of the testTakes, ${test.join(" to ")}`;
  throw new SpecError(`${TASK}.validationTakes`, `${found}; choose others, as no take may do both.`);
}

function within([first, last]: Takes, take: number): boolean {
  return take >= first && take <= last;
}

function recordingsIn(folder: SoundFolder): readonly Recording[] {
  const recordings = soundsIn(folder).map((path): Recording => {
    const [, digit, speaker = "", take] = NAME.exec(fileNameOf(path)) ?? [];
    if (digit !== undefined) return { path, digit: Number(digit), speaker, take: Number(take) };
    const expected = 'a digit, a speaker and a take, as in "7_jackson_0.wav"';
    throw refuse(`${TASK}.folder`, "name", quote(path), expected, "rename it, or take it out of the folder");
  });
  const names = new Set<string>();
  for (const { path, digit, speaker, take } of recordings) {
    const name = `${digit} ${speaker} ${take}`;
    if (names.has(name)) {
      throw refuse(`${TASK}.folder`, "name", `${quote(path)}, there twice`, "there once", "choose one of the folders");
    }
    names.add(name);
  }
  return recordings.toSorted((a, b) => a.digit - b.digit || compare(a.speaker, b.speaker) || a.take - b.take);
}

/** The order of the characters' numbers, the same in every language. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

// ---- what is heard ------------------------------------------------------------------------------------------

/** [frame][mel] */
type Hear = (path: string) => Promise<Float32Array>;

async function samplesOf(recordings: readonly Recording[], frames: number, hear: Hear): Promise<Samples> {
  const { mels } = SPOKEN_DIGIT_MEL;
  const inputs = allocateInputs(TASK, recordings.length, frames, mels);
  for (const [sample, { path }] of recordings.entries()) inputs.set(await hear(path), sample * frames * mels);
  const labels = Int32Array.from(recordings, ({ digit }) => digit);
  return { count: recordings.length, frames, channels: mels, inputs, answers: { kind: "class", labels } };
}

function createHearing(folder: SoundFolder, frames: number, resample: boolean): Hear {
  const { mels, sampleRate, fftSize } = SPOKEN_DIGIT_MEL;
  const readSound = createSoundReader(sampleRate, resample);
  const logMel = createLogMel(SPOKEN_DIGIT_MEL);
  return async (path) => {
    const samples = await readSound(folder, path);
    if (samples.length <= fftSize / 2) {
      const expected = `more than ${fftSize / 2}, half a window`;
      throw refuse(plain(path), "length", `${samples.length} samples`, expected, "leave it out");
    }
    return standardize(timeNormalized(logMel(samples).data as Float32Array, mels, frames));
  };
}

/**
 * As many frames as asked for, linearly between those there are: the first stays the first and the last the last.
 *
 * @param values [frame][channel]
 */
export function timeNormalized(values: Float32Array, channels: number, frames: number): Float32Array {
  const last = values.length / channels - 1;
  const result = new Float32Array(frames * channels);
  for (let frame = 0; frame < frames; frame++) {
    // Multiplied before it is divided: a whole number comes out whole.
    const at = (frame * last) / (frames - 1);
    const below = Math.floor(at);
    const above = Math.min(last, below + 1);
    for (let channel = 0; channel < channels; channel++) {
      const [a, b] = [values[below * channels + channel] ?? 0, values[above * channels + channel] ?? 0];
      result[frame * channels + channel] = a + (b - a) * (at - below);
    }
  }
  return result;
}
