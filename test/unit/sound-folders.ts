/** Small folders of sounds in the form of the data sets that `npm run train` and `npm run reproduce` take. */

import type { DataFile } from "../../src/io/dataset.ts";
import { writeWav } from "../../src/io/wav.ts";
import { createRandom } from "../../src/random.ts";
import { SPEECH_WORDS } from "../../src/tasks/speech-commands.ts";

function tone(hertz: number, length: number, sampleRate: number): Float32Array {
  return Float32Array.from({ length }, (_, n) => 0.3 * Math.sin((2 * Math.PI * hertz * n) / sampleRate));
}

/** Takes 0 to `takes` - 1 of ten digits by one speaker: a tone for each digit, of slightly different heights. */
export function spokenDigitFiles(takes: number): DataFile[] {
  return Array.from({ length: 10 * takes }, (_, i) => {
    const [digit, take] = [i % 10, Math.floor(i / 10)];
    const sound = tone(300 + 250 * digit + 5 * take, 2000 + 40 * take, 8000);
    return { path: `recordings/${digit}_theo_${take}.wav`, bytes: writeWav(sound, { sampleRate: 8000 }) };
  });
}

/** Of known parts: two speakers validate, one tests, the others train. */
const SPEAKERS = ["a69b9b3e", "026290a7", "bb05582b", "0a7c2a8d", "9e3779b9", "3c6ef372", "daa66d2b", "78dde6e4"];

/** The ten words and two others by eight speakers, and a background noise. */
export function speechCommandFiles(): DataFile[] {
  const files = [...SPEECH_WORDS, "tree", "bed"].flatMap((word, i) =>
    SPEAKERS.map((speaker, k) => {
      const sound = tone(200 + 300 * i + 10 * k, 16_000, 16_000);
      return { path: `${word}/${speaker}_nohash_0.wav`, bytes: writeWav(sound, { sampleRate: 16_000 }) };
    }),
  );
  const random = createRandom(1);
  const noise = Float32Array.from({ length: 20_000 }, () => 0.1 * (random.uniform() - 0.5));
  return [...files, { path: "_background_noise_/white.wav", bytes: writeWav(noise, { sampleRate: 16_000 }) }];
}
