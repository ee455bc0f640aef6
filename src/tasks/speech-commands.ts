/**
 * Google Speech Commands (Warden, arXiv 1804.03209, CC BY 4.0; version 2): ten words, unknown words and silence, as Generalized
 * Latent Equilibrium was tested on them. Its folder has a folder for every word, and one of background noise. Sounds of a second
 * at 16 kHz become 41 frames of 32 mels, log2(power + 1e-9), with mean 0 and deviation 1, each; frames become steps of a
 * network later, twenty each, so that the steps of 37,000 sounds are never held together.
 *
 * Training draws sounds with all classes equally likely, shifts them and adds noise, anew in each epoch. What publications do
 * not say is ours: silence is a second of the background noise, as zeros would have no deviation; a sound is shifted first;
 * and the signal-to-noise ratio is that of the second that is heard.
 */

import { DataError } from "../errors.ts";
import { createLogMel, melFrames, speechFrontEnd, standardize } from "../io/log-mel.ts";
import { plain, quote, refuse } from "../io/refusal.ts";
import { createRandom, type Random } from "../random.ts";
import { at, list, name as readName, wrong } from "../spec/read.ts";
import type { Samples, TaskData } from "./samples.ts";
import { checkFolder, createSoundReader, type SoundFolder } from "./sound-folder.ts";
import { indexSpeech, type Clip, type SpeechIndex, type SpeechPart } from "./speech-split.ts";
import { allocateInputs, between, readOptions } from "./task-options.ts";

const TASK = "speechCommands";
export const SPEECH_WORDS: readonly string[] = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"];

const { mel } = speechFrontEnd;
/** Samples of a sound: a second. */
const LENGTH = mel.sampleRate;
const FRAMES = melFrames(LENGTH, {});
const MELS = 32;
/** Decibels of the sound over the noise, each equally likely. */
const RATIOS = [20, 10, 3] as const;

// Streams of random numbers: one for each draw, and one for each silence of the other parts.
const DRAWS = 0x80000000;
const MOST_DRAWS = 0x7fffffff;
const SILENCES: Readonly<Record<SpeechPart, number>> = { train: 0, validation: 0x60000000, test: 0x61000000 };

export interface SpeechCommandsOptions {
  readonly folder: SoundFolder;
  /** Default the ten of the published task. */
  readonly words?: readonly string[];
  /** Percent of the speakers, roughly. Default 10 and 10. */
  readonly validationPercent?: number;
  readonly testPercent?: number;
  /** Percent of a part's words that are added as unknown words and as silence. Default 10 and 10. */
  readonly unknownPercent?: number;
  readonly silencePercent?: number;
  /** Of training: how likely noise is added. Default 0.8. */
  readonly noise?: number;
  /** Of training: the most samples by which a sound is shifted to either side. Default 1600. */
  readonly shift?: number;
  /** Sounds that `speechCommandsData` draws for training. Default: as many as train. */
  readonly draws?: number;
  /** Which draws: those of epoch 3 are others than those of epoch 2. Default 0. */
  readonly epoch?: number;
  /** Whether sounds that do not have 16 kHz are brought to it. Default false: they are refused. */
  readonly resample?: boolean;
  /** Default 0. */
  readonly seed?: number;
}

export interface SpeechCommands {
  /** Words, "unknown" and "silence". */
  readonly classes: readonly string[];
  /** Sounds of each part. */
  readonly counts: Readonly<Record<SpeechPart, number>>;
  /** `count` draws of training, from draw `first` on; a draw is the same whichever are asked for together. */
  readonly draw: (first: number, count: number) => Promise<Samples>;
  /** All sounds of a part as they are. */
  readonly all: (part: SpeechPart) => Promise<Samples>;
}

type Settings = Required<Omit<SpeechCommandsOptions, "draws">> & { readonly draws: number | null };

/**
 * Looks at the names of a folder; sounds are read as they are asked for.
 *
 * @throws SpecError for an option that is not valid; DataError for a word or a part without recordings, or if there is no
 * background noise and it is needed. What it gives throws DataError for a sound that cannot be read.
 */
export async function openSpeechCommands(options: SpeechCommandsOptions): Promise<SpeechCommands> {
  const settings = readSettings(options);
  return open(settings, await indexOf(settings));
}

/**
 * The parts as arrays: for training the draws of one epoch, 200 MB of them by default, which each epoch draws anew.
 *
 * @throws as `openSpeechCommands` and what it gives.
 */
export async function speechCommandsData(options: SpeechCommandsOptions): Promise<TaskData> {
  const settings = readSettings(options);
  const { classes, counts, draw, all } = open(settings, await indexOf(settings));
  const draws = settings.draws ?? counts.train;
  const redraw = (epoch: number): Promise<Samples> => draw((settings.epoch + epoch) * draws, draws);
  return {
    train: await redraw(0),
    redraw,
    validation: await all("validation"),
    test: await all("test"),
    classes,
  };
}

function readSettings(options: SpeechCommandsOptions): Settings {
  const read = readOptions(options, TASK, [
    "folder",
    "words",
    "validationPercent",
    "testPercent",
    "unknownPercent",
    "silencePercent",
    "noise",
    "shift",
    "draws",
    "epoch",
    "resample",
    "seed",
  ]);
  return {
    folder: checkFolder(options.folder, at(TASK, "folder")),
    words: readWords(options.words ?? SPEECH_WORDS),
    validationPercent: read.number("validationPercent", between(0.001, 49), 10),
    testPercent: read.number("testPercent", between(0.001, 49), 10),
    unknownPercent: read.number("unknownPercent", between(0, 1000), 10),
    silencePercent: read.number("silencePercent", between(0, 1000), 10),
    noise: read.number("noise", between(0, 1), 0.8),
    shift: read.integer("shift", 0, LENGTH, 1600),
    draws: options.draws === undefined ? null : read.integer("draws", 1, 1e6, 1),
    epoch: read.integer("epoch", 0, 1e6, 0),
    resample: read.boolean("resample", false),
    seed: read.integer("seed", 0, Number.MAX_SAFE_INTEGER, 0),
  };
}

function readWords(words: readonly string[]): readonly string[] {
  const read = list(words, at(TASK, "words"), readName);
  if (read.length > 0 && new Set(read).size === read.length) return read;
  throw wrong(at(TASK, "words"), words, "one word or more, each once");
}

async function indexOf(settings: Settings): Promise<SpeechIndex> {
  const { folder, words, seed, validationPercent: validation, testPercent: test } = settings;
  const { unknownPercent: unknown, silencePercent: silence, noise } = settings;
  const index = await indexSpeech(folder, words, { validation, test, unknown, silence }, seed);
  if (index.noises.length > 0 || (silence === 0 && noise === 0)) return index;
  const problem = 'has no .wav in "_background_noise_"; choose the whole folder, or set silencePercent and noise to 0.';
  throw new DataError(`${TASK}.folder`, problem);
}

function open(settings: Settings, { clips, noises }: SpeechIndex): SpeechCommands {
  const { words, seed } = settings;
  const ear = createEar(settings, noises);
  const classes = [...words, "unknown", "silence"];
  const trained = classes.map((_, label) => clips.train.filter((clip) => clip.label === label));
  const pools = trained.filter((pool) => pool.length > 0);
  return {
    classes,
    counts: { train: clips.train.length, validation: clips.validation.length, test: clips.test.length },
    draw: async (first, count) => {
      checkDraws(first, count);
      return collect(count, async (place) => {
        const random = createRandom(seed, DRAWS + first + place);
        const clip = drawClip(pools, random);
        return { label: clip.label, values: spectrum(await ear.altered(clip, random)) };
      });
    },
    all: (part) =>
      collect(clips[part].length, async (place) => {
        const clip = clips[part][place] ?? { path: null, label: -1 };
        return {
          label: clip.label,
          values: spectrum(await ear.plain(clip, createRandom(seed, SILENCES[part] + place))),
        };
      }),
  };

  function spectrum(sound: Float32Array): Float32Array {
    return standardize(ear.logMel(sound).data as Float32Array);
  }
}

function checkDraws(first: number, count: number): void {
  const isRange = Number.isSafeInteger(first) && Number.isSafeInteger(count) && first >= 0 && count >= 1;
  if (isRange && first + count <= MOST_DRAWS) return;
  throw wrong(at(TASK, "draw"), `${first}, ${count}`, `two whole numbers, together at most ${MOST_DRAWS}`);
}

/** The class first, so that all are equally likely; with replacement. */
function drawClip(pools: readonly (readonly Clip[])[], random: Random): Clip {
  const pool = pools[random.integer(pools.length)] ?? [];
  return pool[random.integer(pool.length)] ?? { path: null, label: -1 };
}

async function collect(
  count: number,
  make: (place: number) => Promise<{ readonly label: number; readonly values: Float32Array }>,
): Promise<Samples> {
  const inputs = allocateInputs(TASK, count, FRAMES, MELS);
  const labels = new Int32Array(count);
  for (let place = 0; place < count; place++) {
    const { label, values } = await make(place);
    inputs.set(values, place * FRAMES * MELS);
    labels[place] = label;
  }
  return { count, frames: FRAMES, channels: MELS, inputs, answers: { kind: "class", labels } };
}

// ---- what is heard ------------------------------------------------------------------------------------------

interface Ear {
  readonly logMel: ReturnType<typeof createLogMel>;
  /** A second of a recording, which is followed by zeros if it is shorter; or, for silence, of the background. */
  readonly plain: (clip: Clip, random: Random) => Promise<Float32Array>;
  /** The same shifted, and with noise. */
  readonly altered: (clip: Clip, random: Random) => Promise<Float32Array>;
}

function createEar({ folder, resample, noise, shift }: Settings, noises: readonly string[]): Ear {
  const readSound = createSoundReader(mel.sampleRate, resample);
  const background = createBackground(folder, noises, readSound);
  const plainSound = async ({ path }: Clip, random: Random): Promise<Float32Array> => {
    if (path === null) return background(random);
    const sound = new Float32Array(LENGTH);
    sound.set((await readSound(folder, path)).subarray(0, LENGTH));
    return sound;
  };
  const altered = async (clip: Clip, random: Random): Promise<Float32Array> => {
    if (clip.path === null) return background(random);
    const sound = shifted(await plainSound(clip, random), random.integer(2 * shift + 1) - shift);
    if (random.uniform() >= noise) return sound;
    const ratio = RATIOS[random.integer(RATIOS.length)] ?? 0;
    return withNoise(sound, await background(random), ratio);
  };
  return { logMel: createLogMel(mel), plain: plainSound, altered };
}

/** A random second of a random recording. They are minutes long, and few, so they are kept. */
function createBackground(
  folder: SoundFolder,
  noises: readonly string[],
  readSound: ReturnType<typeof createSoundReader>,
): (random: Random) => Promise<Float32Array> {
  const kept = new Map<string, Float32Array>();
  return async (random) => {
    const path = noises[random.integer(noises.length)] ?? "";
    const recording = kept.get(path) ?? (await readSound(folder, path));
    kept.set(path, recording);
    if (recording.length < LENGTH) {
      const found = `${recording.length} samples`;
      throw refuse(plain(path), "length", found, `${LENGTH} or more`, `take it out of ${quote("_background_noise_")}`);
    }
    const start = random.integer(recording.length - LENGTH + 1);
    return recording.slice(start, start + LENGTH);
  };
}

/** Later by so many samples, or earlier if negative; zeros where nothing was. */
export function shifted(sound: Float32Array, samples: number): Float32Array {
  const result = new Float32Array(sound.length);
  if (samples >= 0) result.set(sound.subarray(0, sound.length - samples), samples);
  else result.set(sound.subarray(-samples));
  return result;
}

/** The sum of both, the noise so loud that the power of the sound is `ratio` dB above it. Silence is left alone. */
export function withNoise(sound: Float32Array, noise: Float32Array, ratio: number): Float32Array {
  const [heard, added] = [powerOf(sound), powerOf(noise)];
  if (heard === 0 || added === 0) return sound;
  const gain = Math.sqrt(heard / (added * 10 ** (ratio / 10)));
  return sound.map((value, i) => value + gain * (noise[i] ?? 0));
}

/** Mean of the squares. */
function powerOf(sound: Float32Array): number {
  return sound.reduce((sum, value) => sum + value * value, 0) / sound.length;
}
