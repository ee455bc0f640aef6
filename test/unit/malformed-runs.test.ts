/** Experiments, checkpoints, snapshots and run folders that are cut, changed, or of another kind. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { UsageError } from "../../src/cli/options.ts";
import { openTraining, readFinishedRun, TRAIN_CONFIG_SCHEMA } from "../../src/cli/train-folder.ts";
import { TRAINING_SCHEMA } from "../../src/cli/train-results.ts";
import { crc32 } from "../../src/io/crc.ts";
import type { RunContext } from "../../src/run.ts";
import { restoreSnapshot } from "../../src/snapshot.ts";
import { parseExperiment } from "../../src/tasks/read-experiment.ts";
import { yinYang } from "../../src/tasks/experiments-digits.ts";
import {
  epochsCsv,
  packCheckpoint,
  parseEpochs,
  STATE_SCHEMA,
  unpackCheckpoint,
} from "../../src/train/training-state.ts";
import { patched } from "./io-files.ts";
import { u32, utf8 } from "./io-makers.ts";
import { refuses } from "./malformed.ts";

// ---- experiments ----------------------------------------------------------------------------------------------

const least = {
  network: {
    dt: 1,
    input: 4,
    hidden: [],
    output: { size: 3, tauM: 1, tauR: 1, activation: "linear" },
    cost: { kind: "cross-entropy" },
  },
  task: { name: "yin-yang" },
};
const spec = (more: object = {}): string => JSON.stringify({ ...least, ...more });
const KNOWN =
  "name, title, sentence, network, weights, task, presentation, comparedSteps, state, rule, window, optimizer, schedule, batch, epochs, earlyStop, seeds, shuffle";
const WRITE = "write it as docs/training.md shows.";

refuses<string>("experiments", (text) => parseExperiment(text, "a.json"), [
  ["an empty file", "", `a.json is not JSON (Unexpected end of JSON input); ${WRITE}`],
  [
    "a file that is cut",
    spec().slice(0, -1),
    `a.json is not JSON (Expected ',' or '}' after property value in JSON at position ${spec().length - 1}); ${WRITE}`,
  ],
  ["lists in lists without end", "[".repeat(500_000), `a.json is not JSON (Unexpected end of JSON input); ${WRITE}`],
  [
    "lists in lists that end",
    spec({ network: 0 }).replace('"network":0', `"network":${"[".repeat(100_000)}${"]".repeat(100_000)}`),
    "a.json: experiment.network is an array of length 1, but must be a network, or a stack with input, hidden and output.",
  ],
  ["another kind of JSON", "3", `a.json: experiment is 3, but must be an object with the fields ${KNOWN}.`],
  [
    "a prototype",
    spec().replace("{", '{"__proto__":{"batch":3},'),
    `a.json: experiment.__proto__ is not a known field. Known fields: ${KNOWN}.`,
  ],
  [
    "a prototype of the network",
    spec().replace('"dt"', '"__proto__":{"dt":1},"dt"'),
    "a.json: experiment.network.__proto__ is not a known field. Known fields: dt, schedule, targetDelay, input, hidden, output, cost.",
  ],
  [
    "a text for a number",
    spec({ batch: "4" }),
    'a.json: experiment.batch is "4", but must be an integer from 1 to 65536.',
  ],
  [
    "an infinity",
    spec().replace('"dt":1', '"dt":1e999'),
    "a.json: experiment.network.dt is Infinity, but must be a finite number above 0 (at least 1.2e-38).",
  ],
  [
    "a size beyond all memory",
    spec().replace('"size":3', '"size":1e15'),
    "a.json: experiment.network.populations[0].size is 1000000000000000, but must be an integer from 1 to 16777216.",
  ],
  [
    "a seed twice behind a hundred thousand",
    spec({ seeds: [...Array(100_000).keys(), 3] }),
    "a.json: experiment.seeds has 3 twice. Give every seed once.",
  ],
  [
    "weights that are not enough",
    spec({ weights: [{ from: "input", to: "output", values: [1] }] }),
    "a.json: experiment.weights[0].values has 1 numbers, but the projection has 3 x 4: give 12.",
  ],
  [
    "a schedule without its field",
    spec({ schedule: { kind: "step" } }),
    "a.json: experiment.schedule.after is missing; it must be an integer from 0 to 1000000.",
  ],
]);

// ---- checkpoints ----------------------------------------------------------------------------------------------

const lists = { groups: [[1]], courses: [], rows: [], results: [], diverged: [] };
const state = { schema: STATE_SCHEMA, experiment: "", ...lists, group: 0, epoch: 0, batch: 0, steps: 0, seconds: 0 };
const checkpoint = packCheckpoint(state, new Uint8Array(64));

/** A checkpoint whose checksum is right, whatever stands in it. */
function checkpointOf(text: string): Uint8Array {
  const head = utf8(text);
  const bytes = new Uint8Array([...utf8("VLETRAIN"), ...u32(head.length, crc32(head)), ...head]);
  return bytes;
}
const with_ = (more: object): Uint8Array => checkpointOf(JSON.stringify({ ...state, ...more }));
const OLDER = "go on from an older one, or start again.";

refuses<Uint8Array>("checkpoints", unpackCheckpoint, [
  ["an empty file", new Uint8Array(0), `checkpoint does not begin like one; ${OLDER}`],
  ["another file", utf8("PK\x03\x04 and so on, and on"), `checkpoint does not begin like one; ${OLDER}`],
  ["a file that ends in its prologue", checkpoint.subarray(0, 15), `checkpoint does not begin like one; ${OLDER}`],
  ["a file that is cut", checkpoint.subarray(0, -1), `checkpoint is cut or was changed since; ${OLDER}`],
  ["a state of gigabytes", patched(checkpoint, 8, u32(0xffffffff)), `checkpoint is cut or was changed since; ${OLDER}`],
  ["a changed byte", patched(checkpoint, 40, [0]), `checkpoint is cut or was changed since; ${OLDER}`],
  ["a state that is cut", checkpointOf('{"schema":'), `checkpoint has a state that is not an object of JSON; ${OLDER}`],
  ["a state that is null", checkpointOf("null"), `checkpoint has a state that is not an object of JSON; ${OLDER}`],
  [
    "lists in lists without end",
    checkpointOf("[".repeat(100_000)),
    `checkpoint has a state that is not an object of JSON; ${OLDER}`,
  ],
  [
    "another form",
    with_({ schema: "vle-webgpu/training-state/1" }),
    `checkpoint is of the form "vle-webgpu/training-state/1", not ${STATE_SCHEMA}; ${OLDER}`,
  ],
  ["rows that are none", with_({ rows: {} }), `checkpoint has an object for rows, which is not a list; ${OLDER}`],
  [
    "an epoch below 0",
    with_({ epoch: -1 }),
    `checkpoint has -1 for epoch, which is not a whole number from 0 on; ${OLDER}`,
  ],
]);

// ---- snapshots ------------------------------------------------------------------------------------------------

/** As the snapshots of simulators have it: FNV-1a by words. */
function checksum(bytes: Uint8Array): number {
  const words = new Uint32Array(bytes.slice().buffer);
  return words.reduce((sum, word) => Math.imul(sum ^ word, 0x01000193), 0x811c9dc5) >>> 0;
}

function snapshotOf(text: string): Uint8Array {
  const head = utf8(text.padEnd(Math.ceil(text.length / 16) * 16));
  return new Uint8Array([...utf8("VLE-SNAP"), ...u32(head.length, checksum(head)), ...head]);
}
const head = { schema: "vle-webgpu/snapshot/1", step: 0, eta: 0.1, plan: {} };
const snapshot = snapshotOf(JSON.stringify(head));
const SAVED = "give the bytes that save() gave, whole and unchanged.";
/** What is malformed is refused before the simulator is looked at. */
const nowhere = { engine: {}, constants: {} } as unknown as RunContext;

refuses<unknown>("snapshots", (bytes) => restoreSnapshot(nowhere, bytes as Uint8Array), [
  ["a text", "abc", 'snapshot is "abc", but must be the Uint8Array that save() gave.'],
  ["an empty file", new Uint8Array(0), `snapshot does not begin like one; ${SAVED}`],
  ["zeros", new Uint8Array(100), `snapshot does not begin like one; ${SAVED}`],
  ["a file that ends in its prologue", snapshot.subarray(0, 12), `snapshot does not begin like one; ${SAVED}`],
  ["a file that is cut", snapshot.subarray(0, -16), `snapshot is cut or was changed since; ${SAVED}`],
  ["a head of gigabytes", patched(snapshot, 8, u32(0xffffffff)), `snapshot is cut or was changed since; ${SAVED}`],
  ["a changed byte", patched(snapshot, 20, [0]), `snapshot is cut or was changed since; ${SAVED}`],
  ["a head that is cut", snapshotOf('{"schema":'), `snapshot has a head that is not an object of JSON; ${SAVED}`],
  ["a head that is null", snapshotOf("null"), `snapshot has a head that is not an object of JSON; ${SAVED}`],
  [
    "another form",
    snapshotOf(JSON.stringify({ ...head, schema: 7 })),
    `snapshot is of the form 7, but this version reads "vle-webgpu/snapshot/1"; ${SAVED}`,
  ],
  [
    "a head without its plan",
    snapshotOf(JSON.stringify({ ...head, plan: null })),
    `snapshot has a head without step, eta or plan; ${SAVED}`,
  ],
  [
    "a step that is a text",
    snapshotOf(JSON.stringify({ ...head, step: "3" })),
    `snapshot has a head without step, eta or plan; ${SAVED}`,
  ],
]);

// ---- tables of a run ------------------------------------------------------------------------------------------

const columns = epochsCsv([]).trim();
const line = "1,12,400,2.25,0.125,test,2.125,0.25,,0.001,1.5";
const csvOf = (text: string): string => `${columns}\n${line}\n${text}\n`;

refuses<string>("metrics.csv", parseEpochs, [
  ["an empty file", "", "metrics.csv is not that of a training over epochs."],
  ["another table", "a,b\n1,2\n", "metrics.csv is not that of a training over epochs."],
  [
    "columns in another order",
    columns.split(",").reverse().join(","),
    "metrics.csv is not that of a training over epochs.",
  ],
  ["a row that is cut", csvOf("1,34,40"), "metrics.csv: line 3 is 3 fields, but must be 11, as in line 1."],
  ["a row that is too long", csvOf(`${line},1`), "metrics.csv: line 3 is 12 fields, but must be 11, as in line 1."],
  ["an empty line", csvOf(`\n${line}`), "metrics.csv: line 3 is 1 fields, but must be 11, as in line 1."],
  [
    "a word for a loss",
    csvOf(line.replace("2.25", "low")),
    'metrics.csv: line 3, trainLoss is "low", but must be a number.',
  ],
  ["a loss left out", csvOf(line.replace("2.125", "")), 'metrics.csv: line 3, loss is "", but must be a number.'],
  ["an epoch left out", csvOf(line.replace("1,", ",")), 'metrics.csv: line 3, epoch is "", but must be a number.'],
  [
    "a word for an accuracy",
    csvOf(line.replace("0.25,", "x,")),
    'metrics.csv: line 3, accuracy is "x", but must be a number.',
  ],
]);

// ---- run folders ----------------------------------------------------------------------------------------------

describe("refuses malformed run folders:", async () => {
  const folder = await mkdtemp(join(tmpdir(), "vle-malformed-"));
  afterAll(() => rm(folder, { recursive: true }));
  const config = { schema: TRAIN_CONFIG_SCHEMA, host: "node", data: null, experiment: yinYang };
  const summary = JSON.stringify({ schema: TRAINING_SCHEMA });

  type Files = Readonly<Record<string, string>>;
  const resumed: readonly (readonly [what: string, files: Files, said: string])[] = [
    ["no configuration", {}, "has no config.json"],
    ["a configuration that is cut", { "config.json": '{"schema":' }, "has a config.json that is not an object of JSON"],
    ["a configuration that is null", { "config.json": "null" }, "has a config.json that is not an object of JSON"],
    ["a configuration that is a list", { "config.json": "[]" }, "has a config.json that is not an object of JSON"],
    [
      "another form",
      { "config.json": '{"schema":3}' },
      `has a config.json of the form 3, not "${TRAIN_CONFIG_SCHEMA}"`,
    ],
    [
      "data that are a path alone",
      { "config.json": JSON.stringify({ ...config, data: "x.npz" }) },
      'has a config.json whose data are "x.npz", not null or a path and a checksum',
    ],
    [
      "an experiment that is none",
      { "config.json": JSON.stringify({ ...config, experiment: { ...yinYang, batch: 0 } }) },
      "has a config.json that cannot be read (experiment.batch is 0, but must be an integer from 1 to 65536)",
    ],
  ];

  const written = async (what: string, files: Files): Promise<string> => {
    const path = join(folder, what.replaceAll(" ", "-"));
    await mkdir(path);
    for (const [name, content] of Object.entries(files)) await writeFile(join(path, name), content);
    return path;
  };

  it.each(resumed)("%s", async (what, files, said) => {
    const path = await written(what, files);
    const error: unknown = await openTraining(path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toBe(`--resume: ${path} ${said}; name the folder of a run of npm run train.`);
  });

  const whole = { "config.json": JSON.stringify(config), "summary.json": summary, "metrics.csv": csvOf("") };
  const finished: readonly (readonly [what: string, files: Files, said: string])[] = [
    [
      "a summary that is cut",
      { "summary.json": "{" },
      ": summary.json is not an object of JSON, but must be of the form",
    ],
    [
      "a summary of another form",
      { "summary.json": "{}" },
      ": summary.json is of the form undefined, but must be of the",
    ],
    ["a table that is cut", { "metrics.csv": csvOf("1,2") }, ": metrics.csv: line 3 is 2 fields, but must be 11"],
  ];

  it.each(finished)("%s", async (what, files, said) => {
    const path = await written(what, { ...whole, ...files });
    const error: unknown = await readFinishedRun(path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain(`${path}${said}`);
  });

  it("says what is wrong with a checkpoint, and takes the one before it", async () => {
    const path = await written("torn", { "config.json": JSON.stringify(config) });
    await mkdir(join(path, "checkpoints"));
    await writeFile(join(path, "checkpoints", "000000-000001-000000.ckpt"), checkpoint);
    await writeFile(join(path, "checkpoints", "000000-000002-000000.ckpt"), checkpoint.subarray(0, 50));
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    try {
      expect((await openTraining(path)).checkpoint).toEqual(Buffer.from(checkpoint));
      expect(log.mock.calls.join()).toContain(
        `000000-000002-000000.ckpt is left aside: checkpoint is cut or was changed since; ${OLDER}`,
      );
    } finally {
      log.mockRestore();
    }
  });
});
