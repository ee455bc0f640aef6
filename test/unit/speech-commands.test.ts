import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { createLogMel, speechFrontEnd, standardize } from "../../src/io/log-mel.ts";
import { writeWav } from "../../src/io/wav.ts";
import { createRandom } from "../../src/random.ts";
import type { Samples } from "../../src/tasks/samples.ts";
import { folderOf, type SoundFolder } from "../../src/tasks/sound-folder.ts";
import {
  openSpeechCommands,
  shifted,
  SPEECH_WORDS,
  speechCommandsData,
  withNoise,
  type SpeechCommands,
  type SpeechCommandsOptions,
} from "../../src/tasks/speech-commands.ts";
import { indexSpeech, speechPart } from "../../src/tasks/speech-split.ts";

describe("the part of a speaker", () => {
  const shares = { validation: 10, test: 10 };

  // hashlib.sha1(name).hexdigest() of Python, modulo 2^27, times 100 / (2^27 - 1), in the comments.
  it.each([
    // Of the data set; its testing_list.txt and validation_list.txt have the first seven.
    ["bb05582b_nohash_3.wav", "test"], // 18.13
    ["97f4c236_nohash_3.wav", "test"], // 14.78
    ["4c6167ca_nohash_4.wav", "test"], // 14.20
    ["a69b9b3e_nohash_0.wav", "validation"], // 4.88
    ["026290a7_nohash_0.wav", "validation"], // 0.68
    ["060cd039_nohash_0.wav", "validation"], // 7.82
    ["099d52ad_nohash_0.wav", "validation"], // 9.29
    ["0a7c2a8d_nohash_0.wav", "train"], // 56.84
    ["0a7c2a8d_nohash_4.wav", "train"],
    ["0a7c2a8d.wav", "train"], // 93.79, of another text
  ])("%s: %s", async (name, part) => {
    expect(await speechPart(name, shares)).toBe(part);
  });

  it("changes with the percentages", async () => {
    expect(await speechPart("bb05582b_nohash_3.wav", { validation: 10, test: 8.13 })).toBe("train");
    expect(await speechPart("bb05582b_nohash_3.wav", { validation: 10, test: 8.14 })).toBe("test");
    expect(await speechPart("099d52ad_nohash_0.wav", { validation: 9.288, test: 0.1 })).toBe("test");
  });

  it("is test or validation for a tenth of many", async () => {
    const names = Array.from({ length: 4000 }, (_, i) => `${i.toString(16).padStart(8, "0")}_nohash_0.wav`);
    const parts = await Promise.all(names.map((each) => speechPart(each, shares)));
    for (const part of ["validation", "test"]) {
      // Four deviations of a binomial count.
      expect(Math.abs(parts.filter((each) => each === part).length - 400)).toBeLessThan(4 * 19);
    }
  });
});

const SPEAKERS = {
  train: ["0a7c2a8d", "9e3779b9", "3c6ef372", "daa66d2b", "78dde6e4"],
  validation: ["a69b9b3e", "026290a7"],
  test: ["bb05582b"],
};

function wav(path: string, samples: Float32Array, sampleRate = 16_000): { path: string; bytes: Uint8Array } {
  return { path: `speech/${path}`, bytes: writeWav(samples, { sampleRate }) };
}

function tone(hertz: number, length = 16_000): Float32Array {
  return Float32Array.from({ length }, (_, n) => 0.3 * Math.sin((2 * Math.PI * hertz * n) / 16_000));
}

function noise(length: number): Float32Array {
  const random = createRandom(1);
  return Float32Array.from({ length }, () => random.uniform() - 0.5);
}

/** Two words and two others, each by all speakers, "yes" twice by each that trains; words are tones. */
function folder(more: readonly { path: string; bytes: Uint8Array }[] = []): SoundFolder {
  const speakers = [...SPEAKERS.test, ...SPEAKERS.train, ...SPEAKERS.validation];
  const files = ["yes", "tree", "no", "bed"].flatMap((word, i) =>
    speakers.map((speaker, k) => wav(`${word}/${speaker}_nohash_0.wav`, tone(300 + 500 * i + 10 * k))),
  );
  const again = SPEAKERS.train.map((speaker, k) => wav(`yes/${speaker}_nohash_1.wav`, tone(305 + 10 * k, 12_000)));
  const background = wav("_background_noise_/white.wav", noise(20_000));
  const list = { path: "speech/testing_list.txt", bytes: new Uint8Array() };
  return folderOf([...files, ...again, background, list, ...more]);
}

const words = ["yes", "no"];

function labelsOf({ answers }: Samples): number[] {
  return answers.kind === "class" ? [...answers.labels] : [];
}

function frame(sound: Float32Array): Float32Array {
  return standardize(createLogMel(speechFrontEnd.mel)(sound).data as Float32Array);
}

function sampleOf({ inputs }: Samples, place: number): Float32Array {
  return inputs.slice(1312 * place, 1312 * (place + 1));
}

/** Of two arrays. */
function distance(a: Float32Array, b: Float32Array): number {
  expect(a).toHaveLength(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? NaN))), 0);
}

describe("the parts", () => {
  it("have the words of their speakers, and a tenth of unknown words and of silence, rounded up", async () => {
    const { classes, counts } = await openSpeechCommands({ folder: folder(), words });
    expect(classes).toEqual(["yes", "no", "unknown", "silence"]);
    // 15 words, 2 and 2; 4 and 1 and 1; 2 and 1 and 1.
    expect(counts).toEqual({ train: 19, validation: 6, test: 4 });
  });

  it("of the published counts: 30,769 recordings of the words make 36,923 samples to train with", async () => {
    const names = (count: number, word: string): string[] =>
      Array.from({ length: count }, (_, i) => `${word}/0a7c2a8d_nohash_${i}.wav`);
    const paths = [...names(30_769, "yes"), ...names(9000, "bed"), ...names(9, "_background_noise_")];
    const others = ["yes/bb05582b_nohash_0.wav", "yes/a69b9b3e_nohash_0.wav"];
    const shares = { validation: 10, test: 10, unknown: 10, silence: 10 };
    const listed = { paths: [...paths, ...others], read: () => new Uint8Array() };
    const { clips, noises } = await indexSpeech(listed, ["yes"], shares, 0);
    expect([clips.train.length, noises.length]).toEqual([36_923, 9]);
    expect(new Set(clips.train.map(({ path }) => path ?? "")).size).toBe(30_769 + 3077 + 1);
  });

  it("choose other unknown words for another seed, and the same for the same", async () => {
    const shares = { validation: 10, test: 10, unknown: 20, silence: 0 };
    const unknown = async (seed: number): Promise<unknown> =>
      (await indexSpeech(folder(), words, shares, seed)).clips.train.filter(({ label }) => label === 2);
    expect(await unknown(1)).toEqual(await unknown(1));
    expect(await unknown(1)).not.toEqual(await unknown(2));
  });
});

describe("what is heard", () => {
  let opened: SpeechCommands;
  beforeAll(async () => {
    opened = await openSpeechCommands({ folder: folder(), words });
  });

  it("without training is the sound itself, and background noise for silence", async () => {
    const test = await opened.all("test");
    expect([test.count, test.frames, test.channels, test.inputs.length]).toEqual([4, 41, 32, 4 * 1312]);
    expect(labelsOf(test)).toEqual([1, 0, 2, 3]);
    // In 16 bits, as in the files.
    const rounded = tone(300).map((value) => Math.round(value * 32_768) / 32_768);
    expect(distance(sampleOf(test, 1), frame(rounded))).toBeLessThan(1e-6);
    for (let place = 0; place < 4; place++) {
      const values = sampleOf(test, place);
      expect(values.reduce((sum, x) => sum + x, 0) / 1312).toBeCloseTo(0, 5);
      expect(values.reduce((sum, x) => sum + x * x, 0) / 1311).toBeCloseTo(1, 4);
    }
    // White noise is nearly even over bands, a tone is not.
    const [word, silence] = [1, 3].map((place) => Math.max(...sampleOf(test, place)));
    expect(silence).toBeLessThan(word ?? 0);
    expect(await opened.all("test")).toEqual(test);
  });

  it("in training is drawn with all classes equally likely", async () => {
    const { classes, draw } = await openSpeechCommands({ folder: folder(), words, noise: 0, shift: 0 });
    const labels = labelsOf(await draw(0, 400));
    for (const [label] of classes.entries()) {
      // Four deviations of a binomial count.
      expect(Math.abs(labels.filter((each) => each === label).length - 100)).toBeLessThan(4 * 8.7);
    }
  });

  it("in training is the same for a draw, whatever is drawn with it, and differs between draws", async () => {
    const { draw } = opened;
    const [whole, start, end] = [await draw(3, 8), await draw(3, 5), await draw(8, 3)];
    expect(labelsOf(whole)).toEqual([...labelsOf(start), ...labelsOf(end)]);
    expect(whole.inputs).toEqual(Float32Array.of(...start.inputs, ...end.inputs));
    const seeded = await openSpeechCommands({ folder: folder(), words, seed: 1 });
    expect((await seeded.draw(3, 8)).inputs).not.toEqual(whole.inputs);
  });

  it("in training is altered as often and as much as asked for", async () => {
    const one = { folder: folder(), words: ["yes"], unknownPercent: 0, silencePercent: 0 };
    const { all } = await openSpeechCommands(one);
    const clean = await all("train");
    const isClean = (values: Float32Array): boolean =>
      Array.from({ length: clean.count }, (_, place) => distance(values, sampleOf(clean, place))).some((d) => d === 0);
    const cleanOf = async (options: Pick<SpeechCommandsOptions, "noise" | "shift">): Promise<number> => {
      const drawn = await (await openSpeechCommands({ ...one, ...options })).draw(0, 60);
      return Array.from({ length: 60 }, (_, place) => sampleOf(drawn, place)).filter((values) => isClean(values))
        .length;
    };
    expect(await cleanOf({ noise: 0, shift: 0 })).toBe(60);
    expect(await cleanOf({ noise: 1, shift: 0 })).toBe(0);
    expect(await cleanOf({ noise: 0, shift: 1600 })).toBeLessThan(5);
    // 12 expected; four deviations of a binomial count.
    expect(Math.abs((await cleanOf({ noise: 0.8, shift: 0 })) - 12)).toBeLessThan(4 * 3.1);
  });

  it("as a data set has other draws in each epoch, and the same other parts", async () => {
    const options = { folder: folder(), words, draws: 5 };
    const [first, second] = [await speechCommandsData(options), await speechCommandsData({ ...options, epoch: 1 })];
    expect([first.train.count, first.validation?.count, first.test.count]).toEqual([5, 6, 4]);
    const { draw } = opened;
    expect(first.train).toEqual(await draw(0, 5));
    expect(second.train).toEqual(await draw(5, 5));
    expect(second.test).toEqual(first.test);
    expect(first.classes).toEqual(["yes", "no", "unknown", "silence"]);
    expect((await speechCommandsData({ folder: folder(), words })).train.count).toBe(19);
  });
});

describe("a sound", () => {
  it("is shifted to either side, with zeros behind it", () => {
    const sound = Float32Array.of(1, 2, 3, 4);
    expect([...shifted(sound, 1)]).toEqual([0, 1, 2, 3]);
    expect([...shifted(sound, -3)]).toEqual([4, 0, 0, 0]);
    expect([...shifted(sound, 0)]).toEqual([1, 2, 3, 4]);
  });

  it.each([20, 10, 3])("has noise %i dB below it", (ratio) => {
    const sound = tone(440);
    const heard = withNoise(sound, noise(16_000), ratio);
    const power = (values: Float32Array): number => values.reduce((sum, x) => sum + x * x, 0);
    const added = heard.map((value, i) => value - (sound[i] ?? NaN));
    expect(10 * Math.log10(power(sound) / power(added))).toBeCloseTo(ratio, 3);
  });

  it("that is silent stays so", () => {
    expect(withNoise(new Float32Array(4), noise(4), 10)).toEqual(new Float32Array(4));
    expect(withNoise(tone(440, 4), new Float32Array(4), 10)).toEqual(tone(440, 4));
  });
});

describe("refuses", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it("a page that has no SHA-1", async () => {
    vi.stubGlobal("crypto", {});
    await expect(openSpeechCommands({ folder: folder(), words })).rejects.toThrow(
      "speechCommands needs SHA-1 of the browser, which only safe pages have; open the page by https, or from localhost.",
    );
  });

  const silent = folderOf([]);
  it.each<[string, SpeechCommandsOptions, string]>([
    [
      "a word that nobody says",
      { folder: folder() },
      'speechCommands.folder has no recording of "up" that trains; choose the folder of the whole data set, or other words.',
    ],
    ["an empty folder", { folder: silent }, 'has no recording of "yes" that trains'],
    [
      "a part without recordings",
      { folder: folder(), words, testPercent: 0.01 },
      "speechCommands.folder has no recording for test; choose the folder of the whole data set.",
    ],
    [
      "no background noise",
      { folder: { ...folder(), paths: folder().paths.filter((path) => !path.includes("_background")) }, words },
      'speechCommands.folder has no .wav in "_background_noise_"; choose the whole folder, or set silencePercent and noise to 0.',
    ],
    [
      "background noise below a second",
      { folder: folder([wav("_background_noise_/white.wav", noise(400))]), words },
      'speech/_background_noise_/white.wav: length is 400 samples, but must be 16000 or more; take it out of "_background_noise_".',
    ],
    [
      "another sample rate",
      { folder: folder([wav("no/bb05582b_nohash_0.wav", tone(9), 8000)]), words },
      "speech/no/bb05582b_nohash_0.wav: sample rate is 8000 Hz, but must be 16000; set resample to have it brought to that, or convert it.",
    ],
    [
      "a word twice",
      { folder: folder(), words: ["yes", "yes"] },
      "speechCommands.words is an array of length 2, but must be one word or more, each once.",
    ],
    [
      "no percentage",
      { folder: folder(), testPercent: 60 },
      "speechCommands.testPercent is 60, but must be a number from 0.001 to 49.",
    ],
    ["no number of draws", { folder: folder(), draws: 0 }, "speechCommands.draws is 0, but must be an integer from 1"],
  ])("%s", async (_, options, said) => {
    await expect(speechCommandsData(options)).rejects.toThrow(said);
  });

  it("draws that there are not", async () => {
    const { draw } = await openSpeechCommands({ folder: folder(), words });
    await expect(draw(2 ** 31, 1)).rejects.toThrow('speechCommands.draw is "2147483648, 1", but must be two whole');
  });
});

it("has ten words", () => {
  expect(SPEECH_WORDS).toHaveLength(10);
});
