/** Experiments as people write them, tasks by name, data from files, and the flags of `npm run train`. */

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { keepCheckpoint, openTraining, TRAIN_CONFIG_SCHEMA } from "../../src/cli/train-folder.ts";
import { readTrainOptions, trainHelp } from "../../src/cli/train-options.ts";
import { createRunFolder } from "../../src/cli/run-folder.ts";
import type { NumericArray } from "../../src/io/array.ts";
import { writeNpz } from "../../src/io/npz.ts";
import { resolveNetwork } from "../../src/spec.ts";
import { experiments, setupOf, trainingNamed } from "../../src/tasks/experiments.ts";
import { mnist1d, yinYang } from "../../src/tasks/experiments-digits.ts";
import { fileData } from "../../src/tasks/file-data.ts";
import { packTaskData, unpackTaskData } from "../../src/tasks/pack-data.ts";
import { parseExperiment, readExperiment } from "../../src/tasks/read-experiment.ts";
import { DIGIT_ROWS, FILES, FOLDER_TASKS, taskData, TASKS } from "../../src/tasks/tasks.ts";
import { shapeOf } from "../../src/train/batches.ts";
import { packCheckpoint, STATE_SCHEMA, type TrainingState } from "../../src/train/training-state.ts";

const stack = {
  dt: 1,
  input: 4,
  hidden: [],
  output: { size: 3, tauM: 1, tauR: 1, activation: "linear" },
  cost: { kind: "cross-entropy" },
};
const least = { network: stack, task: { name: "yin-yang" } };

describe("reading", () => {
  it("fills in all but the network and the task", () => {
    const read = readExperiment(least);
    expect(read).toMatchObject({
      name: "experiment",
      presentation: { stepsPerFrame: 1, interpolation: "hold" },
      comparedSteps: null,
      state: "carried",
      rule: "local",
      optimizer: { kind: "adam", eta: 1e-3 },
      schedule: { kind: "constant" },
      batch: 1,
      epochs: 10,
      earlyStop: null,
      seeds: [1],
      shuffle: 0,
    });
    expect(read.network.projections).toEqual([{ from: "input", to: "output", plastic: true }]);
  });

  it.each(experiments)("gives $name back as it is", (experiment) => {
    expect(readExperiment(JSON.parse(JSON.stringify(experiment)))).toEqual(experiment);
  });

  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [[], /^experiment is an array of length 0, but must be an object with the fields name, title/],
    [{ ...least, bach: 3 }, /^experiment\.bach is not a known field\. Did you mean "batch"\?/],
    [{ ...least, batch: 0 }, /^experiment\.batch is 0, but must be an integer from 1 to 65536/],
    [{ ...least, name: "../up" }, /^experiment\.name is "\.\.\/up", but must be 1 to 64 letters, digits and hyphens/],
    [{ task: least.task }, /^experiment\.network is missing; it must be a network, or a stack with input/],
    [{ ...least, network: { ...stack, dt: 0 } }, /^experiment\.network\.dt is 0, but must be a finite number above 0/],
    [
      { ...least, network: { ...stack, output: { ...stack.output, tauM: 0.5 } } },
      /^experiment\.network\.populations\[0\]\.tauM is 0\.5, below dt \(1\)\. Raise tauM or lower dt\./,
    ],
    [
      { ...least, network: { ...stack, cost: undefined } },
      /^experiment\.network\.populations are 0 with a cost; there must be one, the population that answers/,
    ],
    [{ network: stack }, /^experiment\.task is missing/],
    [
      { ...least, task: { name: "yin-yan" } },
      /^experiment\.task\.name is "yin-yan", but must be one of .*Did you mean "yin-yang"/,
    ],
    [{ ...least, state: "kept" }, /^experiment\.state is "kept", but must be one of "carried", "reset"/],
    [{ ...least, rule: "adjoint" }, /^experiment\.rule is "adjoint", but must be one of "local", "matched traces"/],
    [{ ...least, window: 5 }, /^experiment\.window is for the rule "exact"; it is "local"/],
    [{ ...least, optimizer: { kind: "adam" } }, /^experiment\.optimizer\.eta is missing; it must be a finite number/],
    [
      { ...least, optimizer: { kind: "accumulate" } },
      /^experiment\.optimizer\.kind is "accumulate", but must be one of "sgd"/,
    ],
    [
      { ...least, schedule: { kind: "step", after: 8, factor: 1 } },
      /^experiment\.schedule\.factor is 1, but must be a number above 0 and below 1/,
    ],
    [{ ...least, schedule: { kind: "plateau", hold: 1 } }, /^experiment\.schedule\.hold is not a known field/],
    [{ ...least, earlyStop: {} }, /^experiment\.earlyStop\.patience is missing/],
    [{ ...least, seeds: [] }, /^experiment\.seeds is empty/],
    [{ ...least, seeds: [3, 3] }, /^experiment\.seeds has 3 twice/],
    [
      { ...least, state: { reset: ["hiden"] } },
      /^experiment\.state\.reset\[0\] is "hiden", but must be one of "output"/,
    ],
    [
      { ...least, weights: [{ from: "output", to: "output", values: [] }] },
      /^experiment\.weights\[0\] is of "output" to "output", between which the network has no projection/,
    ],
    [
      { ...least, weights: [{ from: "input", to: "output", values: [1] }] },
      /^experiment\.weights\[0\]\.values has 1 numbers, but the projection has 3 x 4: give 12/,
    ],
    [{ ...least, presentation: { stepsPerFrame: 0 } }, /^experiment\.presentation\.stepsPerFrame is 0/],
  ];
  it.each(wrong)("refuses %j", (value, message) => {
    expect(() => readExperiment(value)).toThrow(message);
  });

  it("takes the example of docs/training.md", async () => {
    const page = await readFile(join(import.meta.dirname, "../../docs/training.md"), "utf8");
    const [, example = ""] = /```json\n([^]*?)```/.exec(page) ?? [];
    const read = parseExperiment(example, "docs/training.md");
    expect(read).toMatchObject({ name: "my-digits", seeds: [1, 2, 3], earlyStop: { patience: 8 } });
    expect(shapeOf(read, taskData(read.task))).toMatchObject({ steps: 120, batches: 40 });
    for (const field of Object.keys(read)) expect(page).toContain(`\`${field}\``);
    for (const name of [...TASKS, ...FOLDER_TASKS, DIGIT_ROWS, FILES]) expect(page).toContain(`\`${name}\``);
    for (const { name } of experiments) expect(page).toContain(`\`${name}\``);
  });

  it("says what is wrong with a file", () => {
    expect(() => parseExperiment("{", "mine.json")).toThrow(
      /^mine\.json is not JSON \(.*\); write it as docs\/training\.md/,
    );
    expect(() => parseExperiment(JSON.stringify({ ...least, batch: 0 }), "mine.json")).toThrow(
      /^mine\.json: experiment\.batch is 0, but must be an integer from 1 to 65536/,
    );
    // Some editors put a mark of UTF-8 before it.
    expect(parseExperiment(`\ufeff${JSON.stringify(least)}`, "mine.json").batch).toBe(1);
  });
});

describe("ready-made experiments", () => {
  it("have the published neurons", () => {
    const { projections, populations } = resolveNetwork(mnist1d.network);
    const weights = projections.reduce((sum, { pre, post }) => sum + pre * post, 0);
    expect(weights + populations.reduce((sum, { size }) => sum + size, 0)).toBe(14_956);
    expect(populations.map(({ activation }) => activation)).toEqual([
      "linear",
      ...Array.from({ length: 5 }, () => "tanh"),
      "linear",
    ]);
    const [first] = populations;
    const pairs = new Map<string, number>();
    first?.tauM.forEach((tauM, i) => {
      const key = `${tauM} ${first.tauR[i] ?? 0}`;
      pairs.set(key, (pairs.get(key) ?? 0) + 1);
    });
    expect(Object.fromEntries(pairs)).toEqual({ "1.2 1.2": 17, "0.6 0.2": 18, "1.2 0.2": 18 });
    expect(shapeOf(mnist1d, taskData(mnist1d.task))).toMatchObject({ steps: 360, batches: 40 });
  });

  it("set up each rule", () => {
    expect(setupOf({ ...yinYang, rule: "exact" }, 10).learning).toMatchObject({ errors: "adjoint", window: 10 });
    expect(setupOf({ ...yinYang, rule: "matched traces" }, 10).learning).toMatchObject({ traces: "matched" });
    const { network } = setupOf({ ...yinYang, rule: "read-out only" }, 10);
    expect(network.projections.map(({ plastic }) => plastic)).toEqual([false, true]);
  });

  it("are found by name", () => {
    expect(trainingNamed("yin-yang")).toBe(yinYang);
    expect(() => trainingNamed("mnist1d")).toThrow(
      /^preset is "mnist1d"; there are: lagnet, .*Did you mean "mnist-1d"\?/,
    );
  });
});

describe("tasks", () => {
  it.each(TASKS)("%s has data of one shape", (name) => {
    const { train, validation, test } = taskData({ name });
    for (const part of [train, validation ?? test, test]) {
      expect(part.inputs).toHaveLength(part.count * part.frames * part.channels);
      expect([part.frames, part.channels]).toEqual([train.frames, train.channels]);
    }
  });

  it("refuses what there is not", () => {
    expect(() => taskData({ name: "constructor" })).toThrow(/^task\.name is "constructor"; there are: mnist-1d, /);
    expect(() => taskData({ name: "mnist-1d", options: { lenght: 3 } })).toThrow(
      /^mnist1d\.lenght is not a known field/,
    );
    expect(() => taskData({ name: "yin-yang", options: { samples: 0 } })).toThrow(/^yinYang\.samples is 0/);
  });

  it("travel as bytes", () => {
    const data = taskData({ name: "yin-yang", options: { samples: 20 } });
    expect(unpackTaskData(packTaskData(data))).toEqual(data);
    const values = taskData({ name: "mackey-glass" });
    expect(unpackTaskData(packTaskData(values))).toEqual(values);
  });
});

describe("data from files", () => {
  const x = { shape: [20, 3, 2], dtype: "float32", data: Float32Array.from({ length: 120 }, (_, i) => i) } as const;
  const y = { shape: [20], dtype: "int32", data: Int32Array.from({ length: 20 }, (_, i) => i % 2) } as const;
  const bytes = writeNpz(
    new Map<string, NumericArray>([
      ["x", x],
      ["labels", y],
    ]),
  );

  it("without parts are split into 80, 10 and 10 percent, each sample once", () => {
    const { train, validation, test, classes } = fileData([{ path: "a.npz", bytes }]);
    expect([train.count, validation?.count, test.count]).toEqual([16, 2, 2]);
    const firsts = [train, validation ?? test, test].flatMap(({ inputs, count }) =>
      Array.from({ length: count }, (_, i) => inputs[i * 6] ?? NaN),
    );
    expect([...firsts].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i * 6));
    expect(firsts).not.toEqual([...firsts].sort((a, b) => a - b));
    // Labels went with their samples.
    const labels = train.answers.kind === "class" ? [...train.answers.labels] : [];
    expect(labels).toEqual(firsts.slice(0, 16).map((first) => (first / 6) % 2));
    expect(classes).toHaveLength(2);
    const other = fileData([{ path: "a.npz", bytes }], { splitSeed: 1 }).train.inputs;
    expect(other).not.toEqual(train.inputs);
  });

  it("are the same from a Buffer of Node, which may stand in a larger one", () => {
    const whole = Buffer.concat([Buffer.alloc(7), bytes]);
    expect(fileData([{ path: "a.npz", bytes: whole.subarray(7) }])).toEqual(fileData([{ path: "a.npz", bytes }]));
  });

  it("keep parts of their own; one answer for a sample is that of each of its frames", () => {
    const part = (count: number) => ({ ...x, shape: [count, 3, 2], data: x.data.subarray(0, count * 6) });
    const told = (count: number) =>
      ({ shape: [count, 2], dtype: "float32", data: x.data.slice(0, count * 2) }) as const;
    const both = writeNpz(
      new Map<string, NumericArray>([
        ["x_train", part(4)],
        ["targets_train", told(4)],
        ["x_test", part(2)],
        ["targets_test", told(2)],
      ]),
    );
    const { train, validation, test } = fileData([{ path: "a.npz", bytes: both }]);
    expect([train.count, validation, test.count]).toEqual([4, null, 2]);
    expect(train.answers.kind === "values" && [...train.answers.targets].slice(0, 8)).toEqual([0, 1, 0, 1, 0, 1, 2, 3]);
  });

  it("are refused where they are too few", () => {
    const few = writeNpz(
      new Map<string, NumericArray>([
        ["x", { ...x, shape: [5, 3, 2], data: x.data.subarray(0, 30) }],
        ["labels", { ...y, shape: [5], data: y.data.subarray(0, 5) }],
      ]),
    );
    expect(() => fileData([{ path: "a.npz", bytes: few }])).toThrow(/^files have 5 samples without parts; 10 or more/);
  });
});

describe("flags of npm run train", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vle-train-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("change a preset", async () => {
    const out = ["--out", join(folder, "runs")];
    const args = ["--preset", "yin-yang", "--epochs", "7", "--seeds", "4, 5", "--rule", "read-out-only", ...out];
    const options = await readTrainOptions([...args, "--host", "node", "--checkpoint", "0"]);
    expect(options).toMatchObject({ host: "node", checkpointSeconds: 0, json: undefined });
    expect(options?.what).toMatchObject({
      data: null,
      experiment: { epochs: 7, seeds: [4, 5], rule: "read-out only" },
    });
  });

  it("read a file, and data in place of the task's", async () => {
    const file = join(folder, "mine.json");
    await writeFile(file, JSON.stringify({ ...least, name: "mine" }));
    const options = await readTrainOptions(["--spec", file, "--data", "some/where.npz", "--out", join(folder, "runs")]);
    expect(options?.what).toMatchObject({ experiment: { name: "mine", task: { name: "files" } } });
  });

  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /^Say what to train: --preset NAME \(lagnet, .*\), --spec FILE\.json, or --resume DIR\.$/],
    [["--preset", "yinyang"], /^--preset is "yinyang"; there are: .*Did you mean "yin-yang"\?/],
    [["--preset", "yin-yang", "--spec", "a.json"], /^--preset and --spec exclude each other/],
    [["--resume", "runs/x", "--epochs", "3"], /^--epochs and --resume exclude each other: a run goes on as it began/],
    [["--preset", "yin-yang", "--seeds", "1,x"], /^--seeds is "x"; it must be a whole number from 0/],
    [["--preset", "yin-yang", "--seeds", "1,1"], /^experiment\.seeds has 1 twice/],
    [["--preset", "yin-yang", "--rule", "hebb"], /^--rule is "hebb"; it can be local or matched-traces or/],
    [["--spec", "nowhere.json"], /^--spec: .*nowhere\.json cannot be read \(ENOENT\)/],
    [["--preset", "gsc"], /^gsc learns from the recordings of a folder, .*: name it with --data DIR\.$/],
    [["yin-yang"], /^"yin-yang" is not a flag; npm run train takes flags only\./],
  ];
  it.each(wrong)("%j are refused", async (args, message) => {
    await expect(readTrainOptions(args)).rejects.toThrow(message);
  });

  it("are all in the help", () => {
    for (const flag of [
      "preset",
      "spec",
      "resume",
      "data",
      "epochs",
      "seeds",
      "rule",
      "host",
      "checkpoint",
      "out",
      "json",
    ]) {
      expect(trainHelp()).toContain(`--${flag} `);
    }
    for (const { name } of experiments) expect(trainHelp()).toContain(`    ${name} `);
  });

  test("a folder keeps two checkpoints, and what is torn is left aside", async () => {
    const run = await createRunFolder(folder, "kept", new Date());
    const state: TrainingState = {
      schema: STATE_SCHEMA,
      experiment: "",
      groups: [[1]],
      group: 0,
      epoch: 0,
      batch: 0,
      steps: 0,
      seconds: 0,
      courses: [],
      rows: [],
      results: [],
      diverged: [],
    };
    const bytesOf = (epoch: number): Uint8Array => packCheckpoint({ ...state, epoch }, new Uint8Array(64));
    await expect(openTraining(run.path)).rejects.toThrow(/has no config\.json; name the folder of a run/);
    const config = { schema: TRAIN_CONFIG_SCHEMA, host: "node", data: null, experiment: yinYang };
    await run.write("config.json", JSON.stringify(config));
    expect(await openTraining(run.path)).toMatchObject({ checkpoint: null, isFinished: false });
    for (const epoch of [1, 2, 3, 4]) {
      const name = `000000-00000${epoch}-000000`;
      await keepCheckpoint(run, { kind: "checkpoint", bytes: bytesOf(epoch), name });
    }
    const names = async (): Promise<string[]> => (await readdir(join(run.path, "checkpoints"))).sort();
    expect(await names()).toEqual(["000000-000003-000000.ckpt", "000000-000004-000000.ckpt"]);
    expect((await openTraining(run.path)).checkpoint).toEqual(Buffer.from(bytesOf(4)));
    await writeFile(join(run.path, "checkpoints", "000000-000004-000000.ckpt"), bytesOf(4).subarray(0, 100));
    await writeFile(join(run.path, "checkpoints", "000000-000005-000000.ckpt.17.part"), "torn");
    await writeFile(join(run.path, "metrics.csv.17.part"), "torn");
    const resumed = await openTraining(run.path);
    expect(resumed.checkpoint).toEqual(Buffer.from(bytesOf(3)));
    expect(resumed.config).toMatchObject({ host: "node", experiment: yinYang });
    expect((await readdir(run.path)).sort()).toEqual(["checkpoints", "config.json"]);
    expect(await names()).toHaveLength(2);
  });
});
