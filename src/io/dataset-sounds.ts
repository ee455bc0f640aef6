/**
 * Data sets as .wav files that are labelled by their names: "7_jackson_0.wav" (digit, speaker, take: the Free Spoken Digit
 * Dataset), or by their folders: "yes/0a7c2a8d_nohash_0.wav" (Google Speech Commands).
 */

import { DataError } from "../errors.ts";
import { MOST_CLASSES } from "./csv.ts";
import { checkNames } from "./dataset-classes.ts";
import type { DataFile, DatasetOptions, OpenedPart, OpenedParts, PartName } from "./dataset.ts";
import { createLogMel, melFrames, standardize, stretch, type LogMel, type MelSettings } from "./log-mel.ts";
import { checkCap, plain, quote, refuse, type Source } from "./refusal.ts";
import { createWavResampler } from "./resample.ts";
import { openWav, type Wav } from "./wav.ts";

export interface SoundOptions {
  /** Hz to which sounds of other sample rates are brought. Default: that of all files, which must have the same. */
  readonly sampleRate?: number;
  /** Length of every sound: longer ones are cut, shorter ones followed by silence. Default: that of the longest. */
  readonly seconds?: number;
  /** Settings of a log-mel spectrogram, by default at the sounds' sample rate. Default: none, the waveform itself. */
  readonly logMel?: Partial<MelSettings>;
  /** Whether each sample is standardised. Default false. */
  readonly standardize?: boolean;
  /** Steps for each, with linear interpolation. Default 1. */
  readonly stretch?: number;
}

/**
 * @param others files that are no sounds: among them validation_list.txt and testing_list.txt, which name those of
 * validation and test by their paths from where the list is. Takes of spoken digits below 5 are test, as published.
 * @throws DataError for a sound without a label, of another sample rate than the first if none is given, or that is no .wav.
 */
export function openSounds(
  files: readonly DataFile[],
  others: readonly DataFile[],
  options: DatasetOptions,
  source: Source,
): OpenedParts {
  const notes: string[] = [];
  const labelled = labelFiles(files, others, notes);
  const classes = classesOf(labelled, options.classes);
  const indices = new Map(classes.map((name, index) => [name, index]));
  const opened = labelled.flatMap(({ file, word, part }) => {
    const label = indices.get(word) ?? indices.get(UNKNOWN);
    return label === undefined ? [] : [{ ...openSound(file, source), label, part }];
  });
  const sounds = atOneRate(opened, options.sound?.sampleRate, source, notes);
  const left = labelled.length - sounds.length;
  if (left > 0) notes.push(`Left out, as their word is no class: ${left}.`);
  const [first] = sounds;
  if (first === undefined) throw new DataError("classes", "have no sound; name words that there are.");
  const other = sounds.find(({ wav }) => wav.sampleRate !== first.wav.sampleRate);
  if (other !== undefined) {
    const expected = `${first.wav.sampleRate}, as of ${first.name}`;
    throw refuse(
      other.name,
      "sample rate",
      `${other.wav.sampleRate} Hz`,
      expected,
      "give sound.sampleRate, or leave it out",
    );
  }
  const front = frontEnd(sounds, options.sound ?? {}, source, notes);
  return {
    parts: (["all", "train", "validation", "test"] as const).flatMap((part) => openPart(part, sounds, front)),
    steps: front.steps,
    channels: front.channels,
    classes,
    targetShape: null,
    notes,
  };
}

const UNKNOWN = "unknown";

interface Labelled {
  readonly file: DataFile;
  readonly word: string;
  readonly part: PartName;
}

interface Sound {
  readonly name: string;
  readonly wav: Wav;
  readonly label: number;
  readonly part: PartName;
}

function openSound({ path, bytes }: DataFile, { maxBytes }: Source): { readonly name: string; readonly wav: Wav } {
  const name = plain(path);
  return { name, wav: openWav(bytes, { file: name, maxBytes }) };
}

function atOneRate(
  sounds: readonly Sound[],
  sampleRate: number | undefined,
  { maxBytes }: Source,
  notes: string[],
): readonly Sound[] {
  if (sampleRate === undefined) return sounds;
  const resample = createWavResampler(sampleRate, "sound.sampleRate");
  const others = sounds.filter(({ wav }) => wav.sampleRate !== sampleRate).length;
  if (others > 0) notes.push(`Brought to ${sampleRate} Hz: ${others}.`);
  return sounds.map((sound) => {
    const wav = resample(sound.wav);
    checkCap({ file: sound.name, maxBytes }, "data", wav.frames * Float32Array.BYTES_PER_ELEMENT);
    return { ...sound, wav };
  });
}

// ---- labels ---------------------------------------------------------------------------------------------------

const SPOKEN_DIGIT = /^(\d{1,4})_[^_/]+_(\d+)\.wav$/i;
const TEST_TAKES = 5;

function labelFiles(files: readonly DataFile[], others: readonly DataFile[], notes: string[]): readonly Labelled[] {
  const names = files.map(({ path }) => SPOKEN_DIGIT.exec(path.split("/").at(-1) ?? ""));
  const isDigits = names.every((match) => match !== null);
  if (isDigits) {
    notes.push(`Labels are the digits in the names; takes 0 to ${TEST_TAKES - 1} are test.`);
    return files.map((file, index) => {
      const [, digit = "", take = ""] = names[index] ?? [];
      return { file, word: String(Number(digit)), part: Number(take) < TEST_TAKES ? "test" : "train" };
    });
  }
  notes.push("Labels are the names of the folders.");
  return labelByFolder(files, readLists(others, notes), notes);
}

function labelByFolder(files: readonly DataFile[], lists: Lists, notes: string[]): readonly Labelled[] {
  const labelled: Labelled[] = [];
  let left = 0;
  let listed = 0;
  for (const file of files) {
    const word = file.path.split("/").at(-2);
    if (word === undefined || word === "" || word === "." || word === "..") {
      const expected = '"DIGIT_SPEAKER_TAKE.wav" or "WORD/NAME.wav"';
      throw refuse(
        "files",
        "name",
        quote(file.path),
        expected,
        "rename it, or put it into a folder with the name of its class",
      );
    }
    if (word.startsWith("_")) left += 1;
    else {
      const part = lists.parts.get(file.path);
      listed += part === undefined ? 0 : 1;
      labelled.push({ file, word, part: part ?? (lists.parts.size > 0 ? "train" : "all") });
    }
  }
  if (left > 0) notes.push(`Left out, as their folder begins with "_": ${left}.`);
  const missing = lists.parts.size - listed;
  if (missing > 0) notes.push(`In the lists, but not among the files: ${missing}.`);
  return labelled;
}

interface Lists {
  /** By path. */
  readonly parts: ReadonlyMap<string, PartName>;
}

const LISTS: Readonly<Record<string, PartName>> = { "validation_list.txt": "validation", "testing_list.txt": "test" };

function readLists(others: readonly DataFile[], notes: string[]): Lists {
  const parts = new Map<string, PartName>();
  for (const { path, bytes } of others) {
    const name = path.split("/").at(-1) ?? "";
    const part = Object.hasOwn(LISTS, name) ? LISTS[name] : undefined;
    if (part === undefined) continue;
    const folder = path.slice(0, path.length - name.length);
    const lines = new TextDecoder()
      .decode(bytes)
      .split(/\r?\n/)
      .filter((line) => line !== "");
    for (const line of lines) {
      const other = parts.get(folder + line);
      if (other !== undefined && other !== part) {
        throw refuse(plain(path), "line", quote(line), "in one list", "take it out of the other");
      }
      parts.set(folder + line, part);
    }
    notes.push(`Listed as ${part} in ${quote(path)}: ${lines.length}.`);
  }
  return { parts };
}

/** @throws DataError for names that are not, and for more than 65,536 classes. */
function classesOf(labelled: readonly Labelled[], given: readonly string[] | undefined): readonly string[] {
  const words = [...new Set(labelled.map(({ word }) => word))].sort();
  if (words.length > MOST_CLASSES)
    throw new DataError("files", `have ${words.length} classes, but at most ${MOST_CLASSES} can be; choose fewer.`);
  const isDigits = words.every((word) => /^\d+$/.test(word));
  if (given === undefined && isDigits) {
    const most = words.reduce((largest, word) => Math.max(largest, Number(word)), 0);
    return Array.from({ length: most + 1 }, (_, index) => String(index));
  }
  if (given !== undefined) checkNames(given);
  return given ?? words;
}

// ---- sounds to steps ------------------------------------------------------------------------------------------

/** What a sound becomes. */
interface FrontEnd {
  readonly steps: number;
  readonly channels: number;
  /** [step][channel] */
  readonly apply: (wav: Wav) => Float32Array;
}

const LONGEST_STRETCH = 1000;

function frontEnd(sounds: readonly Sound[], options: SoundOptions, source: Source, notes: string[]): FrontEnd {
  const { seconds, logMel, standardize: isStandard = false, stretch: factor = 1 } = options;
  const rate = sounds[0]?.wav.sampleRate ?? 1;
  if (!(Number.isInteger(factor) && factor >= 1 && factor <= LONGEST_STRETCH)) {
    throw new DataError("sound.stretch", `is ${factor}, but must be a whole number from 1 to ${LONGEST_STRETCH}.`);
  }
  const length = lengthOf(sounds, seconds, rate, notes);
  checkCap(source, "sound", length * Float32Array.BYTES_PER_ELEMENT);
  const settings = { ...logMel, sampleRate: logMel?.sampleRate ?? rate };
  if (settings.sampleRate !== rate) {
    throw new DataError(
      "sound.logMel.sampleRate",
      `is ${settings.sampleRate}, but the sounds have ${rate} Hz; leave it out, or give sound.sampleRate.`,
    );
  }
  const spectrum: LogMel | null = logMel === undefined ? null : createLogMel(settings);
  const frames = spectrum === null ? length : melFrames(length, settings);
  const channels = spectrum === null ? 1 : (settings.mels ?? 32);
  const apply = (wav: Wav): Float32Array => {
    const samples = new Float32Array(length);
    samples.set(wav.read().subarray(0, length));
    const heard = spectrum === null ? samples : (spectrum(samples).data as Float32Array);
    const standard = isStandard ? standardize(heard) : heard;
    return factor === 1 ? standard : stretch(standard, channels, factor);
  };
  return { steps: frames * factor, channels, apply };
}

/** Samples of every sound. */
function lengthOf(sounds: readonly Sound[], seconds: number | undefined, rate: number, notes: string[]): number {
  const longest = sounds.reduce((most, { wav }) => Math.max(most, wav.frames), 0);
  if (seconds !== undefined && !(seconds > 0 && seconds <= 3600)) {
    throw new DataError("sound.seconds", `is ${seconds}, but must be above 0 and at most 3600.`);
  }
  const length = seconds === undefined ? longest : Math.max(1, Math.round(seconds * rate));
  if (length === 0) throw new DataError("files", "have sounds without samples only; choose others.");
  const shorter = sounds.filter(({ wav }) => wav.frames < length).length;
  const longer = sounds.filter(({ wav }) => wav.frames > length).length;
  notes.push(
    `Sounds at ${rate} Hz: ${sounds.length}. Shorter than ${length} samples, followed by silence: ${shorter}; longer, cut: ${longer}.`,
  );
  return length;
}

function openPart(
  part: PartName,
  sounds: readonly Sound[],
  { steps, channels, apply }: FrontEnd,
): readonly OpenedPart[] {
  const own = sounds.filter((sound) => sound.part === part);
  if (own.length === 0) return [];
  const size = steps * channels;
  const inputs = (first: number, count: number): Float32Array => {
    const data = new Float32Array(count * size);
    for (let i = 0; i < count; i++) {
      const sound = own[first + i];
      if (sound !== undefined) data.set(apply(sound.wav), i * size);
    }
    return data;
  };
  return [
    {
      name: part,
      file: "files",
      samples: own.length,
      inputs,
      labels: Int32Array.from(own, ({ label }) => label),
      targets: null,
    },
  ];
}
