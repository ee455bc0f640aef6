/** Trainings whose epochs have samples of their own, whose weights start as said, and whose states begin anew in parts. */

import { expect, it } from "vitest";
import { createSimulator } from "../../src/index.ts";
import { readNpz } from "../../src/io/npz.ts";
import { readExperiment } from "../../src/tasks/read-experiment.ts";
import type { Samples, TaskData } from "../../src/tasks/samples.ts";
import { trainEpochs, type EpochEvent } from "../../src/train/epochs.ts";
import type { TrainingState } from "../../src/train/training-state.ts";
import { samplesOf } from "./points.ts";
import { useLazyDevice } from "./shared-device.ts";

const device = useLazyDevice();

const redrawn: number[] = [];
const data: TaskData = {
  train: samplesOf(32, 100),
  redraw: (epoch) => {
    redrawn.push(epoch);
    return Promise.resolve(samplesOf(32, 100 + epoch));
  },
  validation: null,
  test: samplesOf(8, 3),
  classes: ["below", "above"],
};

const experiment = readExperiment({
  network: {
    dt: 0.2,
    input: 2,
    hidden: [
      { name: "lag", size: 2, tauM: 4, tauR: 0.2, activation: "linear", bias: false, plastic: false },
      { name: "hidden", size: 5, tauM: 1, tauR: 1, activation: "tanh" },
    ],
    output: { size: 2, tauM: 1, tauR: 1, activation: "linear" },
    cost: { kind: "cross-entropy" },
  },
  weights: [{ from: "input", to: "lag", values: [1, 0, 0, 1] }],
  task: { name: "files" },
  presentation: { stepsPerFrame: 20 },
  state: { reset: ["lag"] },
  batch: 4,
  epochs: 3,
  seeds: [7],
});

async function train(
  own: Partial<typeof experiment>,
  checkpoint?: Uint8Array,
): Promise<{ state: TrainingState; events: EpochEvent[] }> {
  const events: EpochEvent[] = [];
  const state = await trainEpochs(
    { ...experiment, ...own },
    {
      data,
      createSimulator,
      host: { device: device() },
      checkpointSeconds: 0,
      ...(checkpoint && { checkpoint }),
      report: (event) => {
        events.push(event);
      },
    },
  );
  return { state, events };
}

const timeless = ({ rows, results }: TrainingState): unknown => ({
  rows: rows.map((row) => ({ ...row, seconds: 0 })),
  results,
});

it("each epoch trains on samples of its own, and from every checkpoint goes on to the same bits", async () => {
  const whole = await train({});
  expect(redrawn).toEqual([1, 2]);
  expect((await train({ epochs: 1 })).state.rows[0]?.trainLoss).toBe(whole.state.rows[0]?.trainLoss);
  const checkpoints = whole.events.flatMap((event) => (event.kind === "checkpoint" ? [event.bytes] : []));
  expect(checkpoints.length).toBeGreaterThan(10);
  for (const place of [3, 12, 20]) {
    expect(timeless((await train({}, checkpoints[place])).state)).toEqual(timeless(whole.state));
  }
});

it("weights start as they are said to, and those that do not learn stay so", async () => {
  const { events } = await train({ epochs: 1 });
  const npz = events.find((event) => event.kind === "weights")?.npz ?? new Uint8Array();
  const arrays = [...readNpz(npz)].filter(([name]) => name.includes("lag") && name.includes("input"));
  expect(arrays.map(([, { data: values }]) => [...values])).toEqual([[1, 0, 0, 1]]);
});

it("a population begins anew with every batch, and the others go on", async () => {
  // Nothing is learnt to speak of, and all samples are one, so that a loss tells of states alone.
  const still = { optimizer: { kind: "sgd", eta: 1e-12 }, epochs: 4 } as const;
  const one: Samples = {
    ...samplesOf(32, 1),
    inputs: new Float32Array(64).fill(1),
    answers: { kind: "class", labels: new Int32Array(32) },
  };
  const lossesIn = async (state: (typeof experiment)["state"]): Promise<number[]> => {
    const same: TaskData = { train: one, validation: null, test: { ...one }, classes: data.classes };
    const place = { data: same, createSimulator, host: { device: device() } };
    return (await trainEpochs({ ...experiment, ...still, state }, place)).rows.map(({ loss }) => loss);
  };
  const [, , carried = 0, later = 0] = await lossesIn("carried");
  const [, , anew = 0, again = 0] = await lossesIn({ reset: ["lag"] });
  expect(carried).toBeCloseTo(later, 6);
  expect(anew).toBeCloseTo(again, 6);
  expect(Math.abs(anew - carried)).toBeGreaterThan(1e-3);
  // Where all begin anew, so does what is behind the lags.
  const [, , whole = 0] = await lossesIn("reset");
  expect(Math.abs(whole - anew)).toBeGreaterThan(1e-6);
});
