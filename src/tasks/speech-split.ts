/**
 * Which recording of Google Speech Commands trains, validates and tests, and which count as unknown words, by the rules that
 * came with the data set (Warden, arXiv 1804.03209; the audio recognition tutorial of TensorFlow): a speaker is in one part
 * for all words, and stays there when recordings are added, as the part comes from a hash of the speaker's name.
 */

import { DataError } from "../errors.ts";
import { quote } from "../io/refusal.ts";
import { createRandom } from "../random.ts";
import { fileNameOf, soundsIn, type SoundFolder } from "./sound-folder.ts";

export type SpeechPart = "train" | "validation" | "test";
export const SPEECH_PARTS: readonly SpeechPart[] = ["train", "validation", "test"];

/** Of the recordings, in percent: the speakers of the first two parts; then, of those of a part's words, what is added. */
export interface SpeechShares {
  readonly validation: number;
  readonly test: number;
  readonly unknown: number;
  readonly silence: number;
}

/** A sample: a recording, or null where nobody speaks. */
export interface Clip {
  readonly path: string | null;
  readonly label: number;
}

export interface SpeechIndex {
  /** Of each part: the words in the order of their paths, then unknown words, then silence. */
  readonly clips: Readonly<Record<SpeechPart, readonly Clip[]>>;
  /** Recordings of background noise. */
  readonly noises: readonly string[];
}

/** The order of other words; the parts take this stream and the two behind it. */
const RANDOM_STREAM = 0x67736301;
const NOISE_FOLDER = "_background_noise_";
/** A hash is its last 27 bits; the largest of them is 100 %. */
const HASH_BITS = 27;

/** The words have the labels 0, 1, ..., unknown words the next, silence the last. @throws DataError for a word without sounds. */
export async function indexSpeech(
  folder: SoundFolder,
  words: readonly string[],
  shares: SpeechShares,
  seed: number,
): Promise<SpeechIndex> {
  const labels = new Map(words.map((word, label) => [word, label]));
  const partOf = createPartFinder(shares);
  const noises: string[] = [];
  const known: Record<SpeechPart, Clip[]> = { train: [], validation: [], test: [] };
  const others: Record<SpeechPart, Clip[]> = { train: [], validation: [], test: [] };
  for (const path of soundsIn(folder)) {
    const word = path.split("/").at(-2)?.toLowerCase() ?? "";
    if (word === NOISE_FOLDER) noises.push(path);
    else if (word !== "" && !word.startsWith("_")) {
      const label = labels.get(word);
      const list = label === undefined ? others : known;
      list[await partOf(fileNameOf(path))].push({ path, label: label ?? words.length });
    }
  }
  checkWords(words, known);
  const added = (count: number, percent: number): number => Math.ceil((count * percent) / 100);
  const clipsOf = (part: SpeechPart): readonly Clip[] => {
    const clips = known[part];
    const random = createRandom(seed, RANDOM_STREAM + SPEECH_PARTS.indexOf(part));
    const order = random.permutation(others[part].length).subarray(0, added(clips.length, shares.unknown));
    const silent = Array<Clip>(added(clips.length, shares.silence)).fill({ path: null, label: words.length + 1 });
    return [...clips, ...Array.from(order).flatMap((place) => others[part][place] ?? []), ...silent];
  };
  return { clips: { train: clipsOf("train"), validation: clipsOf("validation"), test: clipsOf("test") }, noises };
}

function checkWords(words: readonly string[], known: Readonly<Record<SpeechPart, readonly Clip[]>>): void {
  const missing = words.find((_, label) => !known.train.some((clip) => clip.label === label));
  if (missing !== undefined) {
    const cure = "choose the folder of the whole data set, or other words";
    throw new DataError("speechCommands.folder", `has no recording of ${quote(missing)} that trains; ${cure}.`);
  }
  const empty = SPEECH_PARTS.find((part) => known[part].length === 0);
  if (empty === undefined) return;
  throw new DataError(
    "speechCommands.folder",
    `has no recording for ${empty}; choose the folder of the whole data set.`,
  );
}

/**
 * A recording's part, by the published rule.
 *
 * @param fileName as in "0a7c2a8d_nohash_0.wav": what comes behind "_nohash_" is not hashed.
 */
export async function speechPart(
  fileName: string,
  { validation, test }: Pick<SpeechShares, "validation" | "test">,
): Promise<SpeechPart> {
  const hash = await lastBits(speakerOf(fileName));
  const percent = hash * (100 / (2 ** HASH_BITS - 1));
  if (percent < validation) return "validation";
  return percent < validation + test ? "test" : "train";
}

/** The same, with the part of a speaker found once: there are fifty recordings of each. */
function createPartFinder(shares: SpeechShares): (fileName: string) => Promise<SpeechPart> {
  const parts = new Map<string, SpeechPart>();
  return async (fileName) => {
    const speaker = speakerOf(fileName);
    const part = parts.get(speaker) ?? (await speechPart(fileName, shares));
    parts.set(speaker, part);
    return part;
  };
}

function speakerOf(fileName: string): string {
  return fileName.replace(/_nohash_.*$/, "");
}

/** Of the SHA-1 of a text, which is a sum that spreads here, and keeps no secret. */
async function lastBits(text: string): Promise<number> {
  // Pages that do not come by https, or from this machine, have none.
  const subtle = crypto.subtle as SubtleCrypto | undefined;
  if (subtle === undefined) {
    const cure = "open the page by https, or from localhost";
    throw new DataError("speechCommands", `needs SHA-1 of the browser, which only safe pages have; ${cure}.`);
  }
  const digest = await subtle.digest("SHA-1", new TextEncoder().encode(text));
  return new DataView(digest).getUint32(16) & (2 ** HASH_BITS - 1);
}
