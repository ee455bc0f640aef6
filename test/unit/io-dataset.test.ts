import { describe, expect, it } from "vitest";
import type { NumericArray } from "../../src/io/array.ts";
import { openDataset, type DataFile, type DatasetOptions } from "../../src/io/dataset.ts";
import { createLogMel, standardize, stretch } from "../../src/io/log-mel.ts";
import { writeNpy } from "../../src/io/npy.ts";
import { writeNpz } from "../../src/io/npz.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { writeWav } from "../../src/io/wav.ts";
import { f32, fixture, fuzz, numbers, sentence } from "./io-files.ts";
import { utf8 } from "./io-makers.ts";
import { CAP, refuses } from "./malformed.ts";

const ints = (...values: number[]): NumericArray => ({
  shape: [values.length],
  dtype: "int64",
  data: BigInt64Array.from(values, BigInt),
});
const npz = (arrays: Record<string, NumericArray>, path = "data/a.npz"): DataFile[] => [
  { path, bytes: writeNpz(new Map(Object.entries(arrays))) },
];
const range = (count: number): number[] => [...Array(count).keys()];
const open = (files: readonly DataFile[], options?: DatasetOptions): ReturnType<typeof openDataset> =>
  openDataset(files, options);

describe("arrays", () => {
  const x = f32(3, 2, 2)(...range(12));

  it("of the fields x and y, described before they are read", () => {
    const { description, read } = open([{ path: "a.npz", bytes: fixture("deflated.npz") }]);
    expect(description).toEqual({
      kind: "npz",
      parts: [{ name: "all", samples: 2 }],
      steps: 3,
      channels: 2,
      classes: ["0", "1"],
      targetShape: null,
      inputBytes: 48,
      notes: ['Array "weight/input/output" [1, 2] is no part of the data set and left out.'],
    });
    const { inputs, labels, targets } = read();
    expect(inputs).toEqual(f32(2, 3, 2)(...range(12).map((i) => i / 4)));
    expect(labels).toEqual(Int32Array.of(1, 0));
    expect(targets).toBe(null);
  });

  it("in ranges", () => {
    const { read } = open(npz({ inputs: x, labels: ints(2, 0, 1) }));
    expect(read({ first: 1, count: 2 })).toMatchObject({
      inputs: f32(2, 2, 2)(4, 5, 6, 7, 8, 9, 10, 11),
      labels: Int32Array.of(0, 1),
    });
    expect(read({ first: 3 }).inputs.shape).toEqual([0, 2, 2]);
  });

  it("in parts, with names behind or before", () => {
    const arrays = {
      x_train: x,
      y_train: ints(0, 1, 5),
      "test-inputs": f32(1, 2, 2)(1, 2, 3, 4),
      "test-labels": ints(3),
    };
    const { description, read } = open([
      { path: "m.safetensors", bytes: writeSafetensors(new Map(Object.entries(arrays))) },
    ]);
    expect(description.parts).toEqual([
      { name: "train", samples: 3 },
      { name: "test", samples: 1 },
    ]);
    expect(description.classes).toEqual(["0", "1", "2", "3", "4", "5"]);
    expect(read({ part: "test" }).labels).toEqual(Int32Array.of(3));
  });

  it("of .npy files, without channels, with targets", () => {
    const files = [
      { path: "d/X.npy", bytes: writeNpy({ shape: [2, 3], dtype: "uint8", data: Uint8Array.of(1, 2, 3, 4, 5, 6) }) },
      { path: "d/targets.npy", bytes: writeNpy(f32(2, 3, 1)(1, 2, 3, 4, 5, 6)) },
      { path: "d/readme.md", bytes: utf8("x") },
    ];
    const { description, read } = open(files);
    expect(description).toMatchObject({ kind: "npy", steps: 3, channels: 1, classes: null, targetShape: [3, 1] });
    expect(description.notes).toEqual(['"d/readme.md" is no part of the data set and left out.']);
    expect(read({ first: 1 })).toMatchObject({
      inputs: f32(1, 3, 1)(4, 5, 6),
      targets: f32(1, 3, 1)(4, 5, 6),
      labels: null,
    });
  });

  it("y of floats is targets, of one axis one output", () => {
    const { description, read } = open(npz({ x, y: f32(3)(0.5, 1, 2) }));
    expect(description.targetShape).toEqual([1]);
    expect(read().targets).toEqual(f32(3, 1)(0.5, 1, 2));
  });

  it("with names for classes", () => {
    expect(open(npz({ x, y: ints(0, 1, 1) }), { classes: ["no", "yes", "-"] }).read().classes).toEqual([
      "no",
      "yes",
      "-",
    ]);
  });

  const cases: readonly (readonly [what: string, files: readonly DataFile[], said: string])[] = [
    [
      "no files",
      [],
      "files have no data set: of 0 none ends with .npz, .safetensors, .npy, .csv, .wav; choose such files.",
    ],
    [
      "other files",
      [{ path: "a.png", bytes: utf8("") }],
      "files have no data set: of 1 none ends with .npz, .safetensors, .npy, .csv, .wav; choose such files.",
    ],
    [
      "files of two kinds",
      [...npz({ x }), { path: "b.csv", bytes: utf8("1") }],
      "files are of several kinds (.npz, .csv); choose one kind.",
    ],
    [
      "two archives",
      [...npz({ x }), ...npz({ x })],
      "data set: files is 2 of .npz, but must be one; choose one, with all arrays in it.",
    ],
    [
      "no inputs",
      npz({ y: ints(1) }),
      "data/a.npz: inputs is missing, but must be there; call the arrays inputs (or x) and labels (or y) or targets.",
    ],
    [
      "no labels",
      npz({ x }),
      "data/a.npz: labels or targets is missing, but must be one of them; call the arrays inputs (or x) and labels (or y) or targets.",
    ],
    [
      "labels and targets",
      npz({ x, labels: ints(1, 2, 3), targets: f32(3)(1, 2, 3) }),
      "data/a.npz: labels or targets is both there, but must be one of them; call the arrays inputs (or x) and labels (or y) or targets.",
    ],
    [
      "inputs twice",
      npz({ x, inputs: x, y: ints(1, 2, 3) }),
      'data/a.npz: "inputs" is the same as "x", but must be one of them; rename one.',
    ],
    [
      "inputs of one axis",
      npz({ x: f32(3)(1, 2, 3), y: ints(1, 2, 3) }),
      'data/a.npz: "x" is [3], but must be [samples, steps, channels] or [samples, steps], 1 or more of each; reshape the array.',
    ],
    [
      "no samples",
      npz({ x: f32(0, 2, 2)(), y: ints() }),
      'data/a.npz: "x" is [0, 2, 2], but must be [samples, steps, channels] or [samples, steps], 1 or more of each; reshape the array.',
    ],
    [
      "a label too few",
      npz({ x, y: ints(1, 2) }),
      'data/a.npz: "y" is [2], but must be [3], a label for each of the inputs; reshape the array.',
    ],
    [
      "a label below 0",
      npz({ x, y: ints(1, 2, -1) }),
      "data/a.npz: y[2] is -1, but must be a whole number from 0 to 65535; renumber it.",
    ],
    [
      "labels of one hot",
      npz({ x, labels: f32(3, 2)(1, 0, 0, 1, 1, 0) }),
      'data/a.npz: "labels" is [3, 2], but must be [3], a label for each of the inputs; reshape the array.',
    ],
    [
      "a label beyond numbers",
      npz({ x, y: { shape: [3], dtype: "int64", data: BigInt64Array.of(1n, 2n ** 60n + 1n, 0n) } }),
      "data/a.npz: y[1] is 1152921504606846977, but must be within +-2^53 to be exact; use smaller numbers.",
    ],
    [
      "targets of other steps",
      npz({ x, targets: f32(3, 1, 1)(1, 2, 3) }),
      'data/a.npz: "targets" is [3, 1, 1], but must be [3, outputs] or [3, 2, outputs]; reshape the array.',
    ],
    [
      "parts of other shapes",
      npz({ x_train: x, y_train: ints(1, 2, 3), x_test: f32(1, 2)(1, 2), y_test: ints(1) }),
      'data/a.npz: "test" is [2, 1] with labels, but must be [2, 2] with labels, as "train"; give all parts one shape.',
    ],
    [
      "an input that is not finite",
      npz({ x: f32(1, 2, 2)(1, 2, 3, NaN), y: ints(1) }),
      "data/a.npz: inputs[0][1][1] is NaN, but must be a finite number; leave the sample out, or fill the value in.",
    ],
    [
      "a broken archive",
      [{ path: "<b>.npz", bytes: utf8("PK") }],
      "<b>.npz: end record is missing, but must be at the end of the file; save it again with numpy.savez.",
    ],
    [
      "a broken array",
      [{ path: "x.npy", bytes: utf8("x") }],
      'x.npy: magic is "x", but must be "?NUMPY" (the first byte is 0x93); save it again with numpy.save.',
    ],
  ];

  it.each(cases)("refuses %s", (_, files, said) => {
    expect(sentence(() => open(files).read())).toBe(said);
  });

  it("refuses classes and ranges that there are not, and what is beyond the cap", () => {
    const files = npz({ x, y: ints(0, 1, 2) });
    expect(sentence(() => open(files, { classes: ["a", "b"] }))).toBe(
      "data/a.npz: labels is up to 2, but must be below 2, the number of classes; name all classes.",
    );
    expect(sentence(() => open(files, { classes: ["a", "b", "a"] }))).toBe('classes have "a" twice; name each once.');
    expect(sentence(() => open(files).read({ part: "test" }))).toBe(
      'part is "test", but the data set has "all"; choose one.',
    );
    expect(sentence(() => open(files).read({ first: 1, count: 3 }))).toBe(
      'samples from 1, 3 of them, are not among the 3 of "all"; choose fewer.',
    );
    expect(sentence(() => open(files, { maxBytes: 100 }))).toBe(
      "data/a.npz: entries is 328 bytes when read, but must be at most 100; read less of it, or raise maxBytes.",
    );
  });
});

describe("tables", () => {
  const csv = (text: string, path = "a.csv"): DataFile => ({ path, bytes: utf8(text) });

  it("with a column of labels", () => {
    const { description, read } = open([csv("a,b,label\n1,2,cat\n3,4,dog\n5,6,cat\n")]);
    expect(description).toEqual({
      kind: "csv",
      parts: [{ name: "all", samples: 3 }],
      steps: 2,
      channels: 1,
      classes: ["cat", "dog"],
      targetShape: null,
      inputBytes: 24,
      notes: ['a.csv has a header in line 1; labels are in column 3 ("label").'],
    });
    expect(read({ first: 1 })).toMatchObject({ inputs: f32(2, 2, 1)(3, 4, 5, 6), labels: Int32Array.of(1, 0) });
  });

  it("without a header, of several channels and parts", () => {
    const files = [csv("7,1,2,3,4\n", "test.csv"), csv("2,5,6,7,8\n0,1,1,1,1", "train.csv")];
    const { description, read } = open(files, { label: 0, channels: 2 });
    expect(description).toMatchObject({
      steps: 2,
      channels: 2,
      parts: [{ name: "test" }, { name: "train", samples: 2 }],
    });
    expect(description.classes).toHaveLength(8);
    expect(read({ part: "train" })).toMatchObject({
      inputs: f32(2, 2, 2)(5, 6, 7, 8, 1, 1, 1, 1),
      labels: Int32Array.of(2, 0),
    });
  });

  it("gives a class one index in all parts", () => {
    const files = [csv("y,a\ndog,1\n", "train.csv"), csv("y,a\ncat,1\ndog,2\n", "val.csv")];
    const { description, read } = open(files);
    expect(description.classes).toEqual(["cat", "dog"]);
    expect(read().labels).toEqual(Int32Array.of(1));
    expect(read({ part: "validation" }).labels).toEqual(Int32Array.of(0, 1));
    expect(open(files, { classes: ["dog", "cat"] }).read().labels).toEqual(Int32Array.of(0));
  });

  const cases: readonly (readonly [what: string, files: readonly DataFile[], said: string, options: DatasetOptions])[] =
    [
      [
        "no header and no label",
        [csv("1,2\n3,4")],
        "a.csv: label is unknown, as there is no header, but must be in one called label, class, target or y; set the option label to a name or a position from 0.",
        {},
      ],
      [
        "no column of that name",
        [csv("a,b\n3,4")],
        'a.csv: label is in no column, but must be in one called "c"; set the option label to a name or a position from 0.',
        { label: "c" },
      ],
      [
        "no column there",
        [csv("1,2\n3,4")],
        "a.csv: label is column 2, but must be from 0 to 1; set the option label.",
        { label: 2 },
      ],
      [
        "two columns of labels",
        [csv("y,label,a\n3,4,5")],
        "a.csv: label is in 2 columns, but must be in one called label, class, target or y; set the option label to a name or a position from 0.",
        {},
      ],
      ["a header alone", [csv("a,label\n")], "a.csv: rows is none, but must be 1 or more; add samples.", {}],
      [
        "channels that do not divide",
        [csv("a,b,c,label\n1,2,3,4")],
        "a.csv: channels is 2, but must be a whole number that divides the 3 columns besides the label; set the option channels.",
        { channels: 2 },
      ],
      [
        "labels alone",
        [csv("label\n1")],
        "a.csv: channels is 1, but must be a whole number that divides the 0 columns besides the label; set the option channels.",
        {},
      ],
      [
        "parts without names",
        [csv("1,2"), csv("1,2", "b.csv")],
        "a.csv: name is of no part, but must be with one of train, validation and test in it; rename it, or choose one file.",
        { label: 0 },
      ],
      [
        "parts of other columns",
        [csv("1,2", "train.csv"), csv("1,2,3", "test.csv")],
        "test.csv: table is 3 columns, the label in 1, but must be 2, the label in 1, as in train.csv; give all parts the same columns.",
        { label: 0 },
      ],
      [
        "a part twice",
        [csv("1,2", "train.csv"), csv("1,2", "b/train.csv")],
        'b/train.csv: name is another of "train", but must be the only one; choose one file for each part.',
        { label: 0 },
      ],
      [
        "a class without a name",
        [csv("label,a\ncat,1\ndog,2")],
        'a.csv: label is "dog", but must be one of the classes; name all classes.',
        { classes: ["cat"] },
      ],
      [
        "a word among numbers",
        [csv("label,a\n1,2\n2,x")],
        'a.csv: line 3, column 2 ("a") is "x", but must be a finite number (float32); correct the field, or leave its row out.',
        {},
      ],
    ];

  it.each(cases)("refuse %s", (_, files, said, options) => {
    expect(sentence(() => open(files, options).read())).toBe(said);
  });
});

describe("sounds", () => {
  const sound = (path: string, samples: readonly number[], sampleRate = 8000): DataFile => ({
    path,
    bytes: writeWav(Float32Array.from(samples), { sampleRate, format: "float32" }),
  });
  const digits = [
    sound("fsdd/7_jackson_0.wav", [0.5, 0.25]),
    sound("fsdd/0_theo_12.wav", [1, 2, 3]),
    sound("fsdd/7_lucas_5.wav", [4]),
  ];

  it("of spoken digits, labelled by their names, takes below 5 for test", () => {
    const { description, read } = open(digits);
    expect(description).toEqual({
      kind: "wav",
      parts: [
        { name: "train", samples: 2 },
        { name: "test", samples: 1 },
      ],
      steps: 3,
      channels: 1,
      classes: ["0", "1", "2", "3", "4", "5", "6", "7"],
      targetShape: null,
      inputBytes: 36,
      notes: [
        "Labels are the digits in the names; takes 0 to 4 are test.",
        "Sounds at 8000 Hz: 3. Shorter than 3 samples, followed by silence: 2; longer, cut: 0.",
      ],
    });
    expect(read()).toMatchObject({ inputs: f32(2, 3, 1)(1, 2, 3, 4, 0, 0), labels: Int32Array.of(0, 7) });
    expect(read({ part: "test" })).toMatchObject({ inputs: f32(1, 3, 1)(0.5, 0.25, 0), labels: Int32Array.of(7) });
    expect(numbers(read({ first: 1 }).inputs)).toEqual([4, 0, 0]);
  });

  const speech = [
    sound("sc/yes/a_nohash_0.wav", [1]),
    sound("sc/yes/b_nohash_0.wav", [2]),
    sound("sc/no/a_nohash_0.wav", [3]),
    sound("sc/tree/a_nohash_1.wav", [4]),
    sound("sc/_background_noise_/rain.wav", [5, 5, 5]),
  ];
  const lists = [
    { path: "sc/validation_list.txt", bytes: utf8("yes/b_nohash_0.wav\n") },
    { path: "sc/testing_list.txt", bytes: utf8("no/a_nohash_0.wav\r\nno/c_nohash_0.wav\r\n") },
  ];

  it("of Speech Commands, labelled by their folders, parts by the lists", () => {
    const { description, read } = open([...speech, ...lists]);
    expect(description.classes).toEqual(["no", "tree", "yes"]);
    expect(description.parts).toEqual([
      { name: "train", samples: 2 },
      { name: "validation", samples: 1 },
      { name: "test", samples: 1 },
    ]);
    expect(description.notes).toEqual([
      "Labels are the names of the folders.",
      'Listed as validation in "sc/validation_list.txt": 1.',
      'Listed as test in "sc/testing_list.txt": 2.',
      'Left out, as their folder begins with "_": 1.',
      "In the lists, but not among the files: 1.",
      "Sounds at 8000 Hz: 4. Shorter than 1 samples, followed by silence: 0; longer, cut: 0.",
    ]);
    expect(numbers(read({ part: "validation" }).inputs)).toEqual([2]);
    expect(open(speech).description.parts).toEqual([{ name: "all", samples: 4 }]);
  });

  it("of some words only, or of all others as unknown", () => {
    expect(open(speech, { classes: ["yes", "no"] }).read().labels).toEqual(Int32Array.of(0, 0, 1));
    expect(open(speech, { classes: ["unknown", "yes"] }).read().labels).toEqual(Int32Array.of(1, 1, 0, 0));
  });

  it("of several sample rates, brought to one", () => {
    const tone = (rate: number): number[] =>
      Array.from({ length: rate }, (_, n) => Math.sin((2 * Math.PI * 440 * n) / rate) / 2);
    const files = [sound("a/1.wav", tone(8000)), sound("a/2.wav", tone(44_100), 44_100)];
    const { description, read } = open(files, { sound: { sampleRate: 8000 } });
    expect(description).toMatchObject({ steps: 8000, channels: 1 });
    expect(description.notes).toContain("Brought to 8000 Hz: 1.");
    const [plain, brought] = [0, 1].map((first) => numbers(read({ first, count: 1 }).inputs).slice(1000, 7000));
    const wrong = plain?.map((value, i) => Math.abs(value - (brought?.[i] ?? NaN))) ?? [];
    // Samples of 16 bits are rounded to 1.5e-5.
    expect(Math.max(...wrong)).toBeLessThan(5e-5);
  });

  it("as log-mel spectrograms, standardised and stretched, of one length", () => {
    const tone = Array.from({ length: 4000 }, (_, n) => Math.sin(n / 3));
    const options = { seconds: 0.25, logMel: { fftSize: 256, hop: 100, mels: 8 }, standardize: true, stretch: 3 };
    const { description, read } = open([sound("a/1.wav", tone)], { sound: options });
    expect(description).toMatchObject({ steps: 63, channels: 8, inputBytes: 63 * 8 * 4 });
    const { data } = createLogMel({ sampleRate: 8000, ...options.logMel })(Float32Array.from(tone.slice(0, 2000)));
    expect(read().inputs.data).toEqual(stretch(standardize(data as Float32Array), 8, 3));
  });

  const cases: readonly (readonly [what: string, files: readonly DataFile[], said: string, options: DatasetOptions])[] =
    [
      [
        "a sound without a label",
        [sound("rain.wav", [1])],
        'files: name is "rain.wav", but must be "DIGIT_SPEAKER_TAKE.wav" or "WORD/NAME.wav"; rename it, or put it into a folder with the name of its class.',
        {},
      ],
      [
        "a sample rate out of range",
        digits,
        "sound.sampleRate is 0 Hz, but must be a whole number from 1 to 768000.",
        { sound: { sampleRate: 0 } },
      ],
      [
        "another sample rate",
        [...digits, sound("1_a_1.wav", [1], 16_000)],
        "1_a_1.wav: sample rate is 16000 Hz, but must be 8000, as of fsdd/7_jackson_0.wav; give sound.sampleRate, or leave it out.",
        {},
      ],
      [
        "a broken sound",
        [{ path: "yes/a.wav", bytes: utf8("RIFF") }],
        'yes/a.wav: mark is "", but must be "RIFFWAVE"; save it as 16-bit PCM.',
        {},
      ],
      [
        "sounds without samples",
        [sound("yes/a.wav", [])],
        "files have sounds without samples only; choose others.",
        {},
      ],
      ["words that there are not", speech, "classes have no sound; name words that there are.", { classes: ["up"] }],
      ["no classes", speech, "classes are none; name one or more, or leave them out.", { classes: [] }],
      [
        "a sound in both lists",
        [
          ...speech,
          ...lists,
          { path: "sc/b/../validation_list.txt", bytes: utf8("") },
          { path: "sc/testing_list.txt", bytes: utf8("yes/b_nohash_0.wav") },
        ],
        'sc/testing_list.txt: line is "yes/b_nohash_0.wav", but must be in one list; take it out of the other.',
        {},
      ],
      [
        "a length that is none",
        digits,
        "sound.seconds is 0, but must be above 0 and at most 3600.",
        { sound: { seconds: 0 } },
      ],
      [
        "a length beyond the cap",
        digits,
        "data set: sound is 32000 bytes when read, but must be at most 1000; read less of it, or raise maxBytes.",
        { maxBytes: 1000, sound: { seconds: 1 } },
      ],
      [
        "a stretch that is none",
        digits,
        "sound.stretch is 1.5, but must be a whole number from 1 to 1000.",
        { sound: { stretch: 1.5 } },
      ],
      [
        "sounds too short for a spectrum",
        digits,
        "samples are 3, but must be more than 512, half of fftSize; lower it, or pad the sound.",
        { sound: { logMel: {} } },
      ],
      [
        "a spectrum at another rate",
        digits,
        "sound.logMel.sampleRate is 16000, but the sounds have 8000 Hz; leave it out, or give sound.sampleRate.",
        { sound: { logMel: { sampleRate: 16_000 } } },
      ],
    ];

  refuses(
    "folders of sounds",
    ([files, options]) => open(files, { maxBytes: CAP, ...options }).read(),
    cases.map(([what, files, said, options]) => [what, [files, options] as const, said]),
  );
});

it("reads or refuses damaged files, in memory of at most four times the file", () => {
  const table = utf8("label,a,b\ncat,1,2\ndog,3,4\n");
  const wav = writeWav(Float32Array.of(0.1, 0.2, 0.3), { sampleRate: 8000 });
  for (const [name, bytes] of [
    ["a.csv", table],
    ["a/b.wav", wav],
    ["a.npz", fixture("stored.npz")],
  ] as const) {
    const { read, refused } = fuzz([bytes], (damage) => open([{ path: name, bytes: damage }]).read(), { runs: 500 });
    expect(read).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(250);
  }
});
