/** Every ready-made experiment resolves and fits its data; the published networks have the published sizes. */

import { describe, expect, it } from "vitest";
import { loadDigits } from "../../src/cli/digits-data.ts";
import { packSamples, packTaskData, unpackSamples, unpackTaskData } from "../../src/tasks/pack-data.ts";
import { requirements } from "../../src/index.ts";
import { resolveNetwork } from "../../src/spec.ts";
import { experiments, outputOf, setupOf, trainingNamed, type Experiment } from "../../src/tasks/experiments.ts";
import { lagNetData, teacherAnswers } from "../../src/tasks/lag-net.ts";
import type { TaskData } from "../../src/tasks/samples.ts";
import { folderOf } from "../../src/tasks/sound-folder.ts";
import { DIGIT_ROWS, digitTaskData, folderTaskData, isFolderTask, taskData } from "../../src/tasks/tasks.ts";
import { shapeOf } from "../../src/train/batches.ts";
import { speechCommandFiles, spokenDigitFiles } from "./sound-folders.ts";

const folders = {
  "spoken-digits": folderOf(spokenDigitFiles(10)),
  "speech-commands": folderOf(speechCommandFiles()),
} as const;

function dataOf({ task }: Experiment): Promise<TaskData> | TaskData {
  if (task.name === DIGIT_ROWS) return loadDigits().then((digits) => digitTaskData(task, digits));
  if (!isFolderTask(task)) return taskData(task);
  return folderTaskData(task, folders[task.name as keyof typeof folders]);
}

/** Weights and biases that learn. */
function plasticOf({ network }: Experiment): number {
  const { projections, populations } = resolveNetwork(network);
  const weights = projections.filter(({ plastic }) => plastic).reduce((sum, { pre, post }) => sum + pre * post, 0);
  return weights + populations.filter(({ bias }) => bias.plastic).reduce((sum, { size }) => sum + size, 0);
}

it("there are eight or more, from five neurons to thousands", () => {
  const sizes = experiments.map(({ network }) => network.populations.reduce((sum, { size }) => sum + size, 0));
  expect(experiments.length).toBeGreaterThanOrEqual(8);
  expect([Math.min(...sizes), Math.max(...sizes)]).toEqual([5, 4097]);
  expect(new Set(experiments.map(({ name }) => name)).size).toBe(experiments.length);
});

describe.each(experiments)("$name", (experiment) => {
  it("fits its data", async () => {
    const data = await dataOf(experiment);
    // The synthetic folders are smaller than a batch.
    const batch = Math.min(experiment.batch, data.train.count);
    const shape = shapeOf({ ...experiment, batch }, data);
    expect(shape.batches).toBe(Math.floor(data.train.count / batch));
    expect(resolveNetwork(experiment.network).populations.at(-1)?.name).toBe(outputOf(experiment));
    expect(data.classes === null || data.classes.length <= shape.outputs).toBe(true);
  });

  it("may be asked of a device with the limits that every one has", () => {
    const { network, learning } = setupOf(experiment, 400);
    const { requiredLimits } = requirements(network, { batch: experiment.batch, learning });
    expect(requiredLimits["maxStorageBufferBindingSize"]).toBeLessThanOrEqual(2 ** 27);
  });
});

it.each([
  ["mnist-1d", 14_956],
  ["mnist-1d-42k", 42_040],
  ["mnist-1d-static", 4_930],
  ["gsc", 1_160_262],
  ["yin-yang", 963],
])("%s has %i parameters that learn", (name, count) => {
  expect(plasticOf(trainingNamed(name))).toBe(count);
});

it("samples of their own for each epoch are the same whenever they are asked for, and travel", async () => {
  const data = await folderTaskData(trainingNamed("gsc").task, folders["speech-commands"]);
  const [first, second, again] = [await data.redraw?.(0), await data.redraw?.(1), await data.redraw?.(1)];
  expect(first).toEqual(data.train);
  expect(second?.inputs).not.toEqual(first?.inputs);
  expect(again).toEqual(second);
  expect(unpackSamples(packSamples(data.train))).toEqual(data.train);
  const { redraw, ...rest } = data;
  expect(redraw).toBeDefined();
  expect(unpackTaskData(packTaskData(data))).toEqual(rest);
});

it("folders are for the tasks that take them", async () => {
  const folder = folders["spoken-digits"];
  await expect(folderTaskData({ name: "yin-yang" }, folder)).rejects.toThrow(
    /^task\.name is "yin-yang", which takes no/,
  );
  const options = { folder: "/home" };
  await expect(folderTaskData({ name: "spoken-digits", options }, folder)).rejects.toThrow(/^task\.options\.folder/);
  expect(() => taskData({ name: "spoken-digits" })).toThrow(/whose recordings are in a folder; name it/);
});

describe("the teacher of lagnet", () => {
  it("answers a constant as the net without lag does, once it has settled", () => {
    const answer = teacherAnswers(new Float32Array(5000).fill(1)).at(-1) ?? NaN;
    const fast = Math.tanh(0.5 * Math.tanh(-0.5));
    const slow = Math.tanh(Math.tanh(1));
    expect(answer).toBeCloseTo(0.5 * fast + slow, 6);
  });

  it("reads each layer a step late, and a fast neuron passes on at once", () => {
    // Input at step 0: hidden rates at step 0, those above at step 1, the output at step 2. The lagging neuron passes on
    // tauR / tauM = a tenth at once.
    const answers = teacherAnswers([1, 0, 0]);
    const [fast, slow] = [Math.tanh(-0.5), Math.tanh(0.1)];
    expect([...answers.subarray(0, 2)]).toEqual([0, 0]);
    expect(answers[2]).toBeCloseTo(0.5 * Math.tanh(0.5 * fast) + Math.tanh(0.1 * slow), 7);
  });

  it("is the same for the same seed", () => {
    expect(lagNetData({ frames: 50 })).toEqual(lagNetData({ frames: 50 }));
    expect(lagNetData({ frames: 50, seed: 1 })).not.toEqual(lagNetData({ frames: 50 }));
  });
});
