import { describe, expect, it } from "vitest";
import { SpecError } from "../../src/errors.ts";
import { createLogMel } from "../../src/io/log-mel.ts";
import { writeWav } from "../../src/io/wav.ts";
import { folderOf, type SoundFolder } from "../../src/tasks/sound-folder.ts";
import {
  SPOKEN_DIGIT_MEL,
  spokenDigitsData,
  timeNormalized,
  type SpokenDigitsOptions,
} from "../../src/tasks/spoken-digits.ts";

/** A falling chirp, another one for each place. */
function chirp(place = 0, length = 3000): Float32Array {
  return Float32Array.from({ length }, (_, t) => 0.5 * Math.sin((t * t) / (9000 + 500 * place)) * Math.exp(-t / 2000));
}

function wav(path: string, samples = chirp(), sampleRate = 8000): { path: string; bytes: Uint8Array } {
  return { path: `recordings/${path}`, bytes: writeWav(samples, { sampleRate }) };
}

/** Takes 0 to 11 of two digits by two speakers, in a mixed order, of several lengths, beside a file of another kind. */
function recordings(): SoundFolder {
  const names = [...Array(12).keys()].flatMap((take) =>
    ["theo", "george"].flatMap((speaker) => [7, 0].map((digit) => `${digit}_${speaker}_${11 - take}.wav`)),
  );
  const files = names.map((name, place) => wav(name, chirp(place, 2000 + 50 * place)));
  return folderOf([...files, { path: "recordings/README.md", bytes: new Uint8Array() }]);
}

describe("spoken digits", () => {
  it("are split by their takes, and in the order of digits, speakers, takes", async () => {
    const { train, validation, test, classes } = await spokenDigitsData({ folder: recordings() });
    expect([train.count, validation?.count, test.count]).toEqual([8, 20, 20]);
    expect([train.frames, train.channels, train.inputs.length]).toEqual([40, 20, 8 * 800]);
    expect(classes).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    expect(train.answers).toEqual({ kind: "class", labels: Int32Array.of(0, 0, 0, 0, 7, 7, 7, 7) });
    expect(test.answers).toEqual({ kind: "class", labels: new Int32Array(20).fill(7, 10) });
  });

  it("are the same whatever the order of the files", async () => {
    const folder = recordings();
    const turned = { ...folder, paths: folder.paths.toReversed() };
    expect(await spokenDigitsData({ folder: turned })).toEqual(await spokenDigitsData({ folder }));
  });

  it("take other takes for validation and test, and may have no validation", async () => {
    const options = { folder: recordings(), testTakes: [11, 11], validationTakes: null } as const;
    const { train, validation, test } = await spokenDigitsData(options);
    expect([train.count, validation, test.count]).toEqual([44, null, 4]);
  });

  it("have mean 0 and deviation 1, each", async () => {
    const { train } = await spokenDigitsData({ folder: recordings() });
    for (let sample = 0; sample < train.count; sample++) {
      const values = train.inputs.subarray(800 * sample, 800 * (sample + 1));
      const mean = values.reduce((sum, x) => sum + x, 0) / 800;
      expect(mean).toBeCloseTo(0, 5);
      expect(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 799).toBeCloseTo(1, 5);
    }
  });

  it("are heard as numpy hears them", async () => {
    // numpy.fft.rfft, numpy.log and numpy.interp in f64, of the same chirp in 16 bits: 31 frames before there are 40.
    const files = ["1_a_0.wav", "1_a_5.wav", "1_a_10.wav"].map((name) => wav(name));
    const { inputs } = (await spokenDigitsData({ folder: folderOf(files) })).test;
    const places = [0, 19, 7 * 20 + 3, 20 * 20 + 10, 39 * 20, 39 * 20 + 19];
    const expected = [0.3639919, -0.659179, 0.4524551, -0.6211172, 1.394664, 0.9517395];
    for (const [i, place] of places.entries()) expect(inputs[place]).toBeCloseTo(expected[i] ?? NaN, 5);
    expect(inputs.reduce((sum, x) => sum + Math.abs(x), 0) / 800).toBeCloseTo(0.8000829, 5);
  });

  it("of other sample rates are brought to 8 kHz, if asked for", async () => {
    const tone = (rate: number): Float32Array =>
      Float32Array.from({ length: rate / 2 }, (_, t) => Math.sin((2 * Math.PI * 700 * t) / rate) / 2);
    const folder = folderOf([wav("1_a_0.wav", tone(8000)), wav("1_a_9.wav", tone(16_000), 16_000), wav("1_a_10.wav")]);
    const { validation, test } = await spokenDigitsData({ folder, resample: true });
    // In the middle: at its ends a sound follows silence.
    const difference = test.inputs.map((value, i) => Math.abs(value - (validation?.inputs[i] ?? NaN)));
    expect(Math.max(...difference.subarray(100, 700))).toBeLessThan(0.05);
  });
});

describe("time normalisation", () => {
  it("keeps the ends and what lies between, channel by channel", () => {
    const ramp = Float32Array.of(0, 10, 2, 30, 4, 20);
    expect([...timeNormalized(ramp, 2, 3)]).toEqual([...ramp]);
    expect([...timeNormalized(ramp, 2, 5)]).toEqual([0, 10, 1, 20, 2, 30, 3, 25, 4, 20]);
    expect([...timeNormalized(ramp, 2, 2)]).toEqual([0, 10, 4, 20]);
  });

  it("has a band for every channel", () => {
    const { shape, data } = createLogMel(SPOKEN_DIGIT_MEL)(new Float32Array(129));
    expect(shape).toEqual([2, 20]);
    expect(data[0]).toBeCloseTo(Math.log2(1e-6), 5);
    const noise = Float32Array.from({ length: 800 }, (_, t) => Math.sin(t * t));
    expect((createLogMel(SPOKEN_DIGIT_MEL)(noise).data as Float32Array).every((value) => value > -10)).toBe(true);
  });
});

describe("refuses", () => {
  const digits = ["1_a_0.wav", "1_a_5.wav", "1_a_10.wav"].map((name) => wav(name));
  const cases: readonly (readonly [string, Omit<SpokenDigitsOptions, "folder">, SoundFolder, string])[] = [
    [
      "no takes for test",
      {},
      folderOf(digits.slice(1)),
      "spokenDigits.folder has no recording for test, of 2 in all; get the published test part, or choose other testTakes.",
    ],
    [
      "a name of another kind",
      {},
      folderOf([...digits, wav("noise.wav")]),
      'spokenDigits.folder: name is "recordings/noise.wav", but must be a digit, a speaker and a take, as in "7_jackson_0.wav"; rename it, or take it out of the folder.',
    ],
    [
      "a name twice",
      {},
      folderOf([...digits, wav("more/1_a_0.wav")]),
      'spokenDigits.folder: name is "recordings/more/1_a_0.wav", there twice, but must be there once; choose one of the folders.',
    ],
    [
      "another sample rate",
      {},
      folderOf([...digits, wav("1_a_1.wav", chirp(), 44_100)]),
      "recordings/1_a_1.wav: sample rate is 44100 Hz, but must be 8000; set resample to have it brought to that, or convert it.",
    ],
    [
      "a sound shorter than half a window",
      {},
      folderOf([...digits, wav("1_a_1.wav", chirp(0, 128))]),
      "recordings/1_a_1.wav: length is 128 samples, but must be more than 128, half a window; leave it out.",
    ],
    [
      "takes that do both",
      { validationTakes: [4, 6] },
      folderOf(digits),
      "spokenDigits.validationTakes are 4 to 6, some of the testTakes, 0 to 4; choose others, as no take may do both.",
    ],
    [
      "takes in the wrong order",
      { testTakes: [4, 0] },
      folderOf(digits),
      "spokenDigits.testTakes is an array of length 2, but must be the first and the last take, as in [0, 4].",
    ],
    [
      "takes that are none",
      { validationTakes: [5, 6.5] },
      folderOf(digits),
      "spokenDigits.validationTakes[1] is 6.5, but must be an integer from 0 to 999999.",
    ],
    ["one frame", { frames: 1 }, folderOf(digits), "spokenDigits.frames is 1, but must be an integer from 2 to 10000."],
  ];

  it.each(cases)("%s", async (_, options, folder, said) => {
    await expect(spokenDigitsData({ ...options, folder })).rejects.toThrow(said);
  });

  it("an option that there is not", async () => {
    const options = { folder: folderOf(digits), take: 3 };
    await expect(spokenDigitsData(options)).rejects.toThrow(SpecError);
  });

  it.each([
    [undefined, "spokenDigits.folder is missing; it must be an object with the fields paths, read."],
    [{ paths: [3], read: () => new Uint8Array() }, "spokenDigits.folder.paths[0] is 3, but must be a text."],
    [{ paths: [] }, "spokenDigits.folder.read is missing; it must be a function that reads a path."],
  ])("%j for a folder", async (folder, said) => {
    await expect(spokenDigitsData({ folder: folder as unknown as SoundFolder })).rejects.toThrow(said);
  });

  it("a path that is not in the folder", () => {
    expect(() => folderOf([]).read("a.wav")).toThrow('folder has no "a.wav"; choose the whole folder.');
  });
});
