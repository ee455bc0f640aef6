/** Trainings over epochs on the device: what they learn, and that they go on from any checkpoint to the same bits. */

import { describe, expect, it, vi } from "vitest";
import { createSimulator, DeviceError, type NetworkSpec, type SimulatorOptions } from "../../src/index.ts";
import { readNpz } from "../../src/io/npz.ts";
import type { Experiment } from "../../src/tasks/experiments.ts";
import { trainEpochs, type EpochEvent, type EpochWorkplace, type Learner } from "../../src/train/epochs.ts";
import { unpackCheckpoint, type TrainingState } from "../../src/train/training-state.ts";
import { lineExperiment, points } from "./points.ts";
import { useLazyDevice } from "./shared-device.ts";

const device = useLazyDevice();

const data = points;
const experiment = lineExperiment();

/** Epochs of more than one block. */
const long = { stepsPerFrame: 150, interpolation: "hold" } as const;

interface Told {
  readonly state: TrainingState;
  readonly events: readonly EpochEvent[];
}

async function train(own: Partial<Experiment> = {}, place: Partial<EpochWorkplace> = {}): Promise<Told> {
  const events: EpochEvent[] = [];
  const state = await trainEpochs(
    { ...experiment, ...own },
    {
      data,
      createSimulator,
      host: { device: device() },
      // So often as it may.
      checkpointSeconds: 0,
      ...place,
      report: (event) => {
        events.push(event);
      },
    },
  );
  return { state, events };
}

const weightsOf = ({ events }: Told): [number, Uint8Array][] =>
  events.flatMap((event) =>
    event.kind === "weights" && event.of === "end" ? [[event.seed, event.npz] as [number, Uint8Array]] : [],
  );

const checkpointsOf = ({ events }: Told): Uint8Array[] =>
  events.flatMap((event) => (event.kind === "checkpoint" ? [event.bytes] : []));

/** All that there is besides times. */
function timeless({ rows, results }: TrainingState): unknown {
  return { rows: rows.map((row) => ({ ...row, seconds: 0 })), results };
}

/** Those of the best epoch, as they came. */
const bestOf = ({ events }: Told, seed: number): Uint8Array[] =>
  events.flatMap((event) =>
    event.kind === "weights" && event.of === "best" && event.seed === seed ? [event.npz] : [],
  );

describe("a training", () => {
  it("learns, tells every epoch of every seed, and leaves nothing out", async () => {
    const told = await train({ epochs: 4, presentation: long });
    const { rows, results } = told.state;
    expect(rows.map(({ epoch, seed }) => [epoch, seed])).toEqual(
      [1, 2, 3, 4].flatMap((epoch) => [
        [epoch, 7],
        [epoch, 3],
      ]),
    );
    // 16 whole batches of 4, of 150 steps each.
    expect(rows.filter(({ seed }) => seed === 7).map(({ steps }) => steps)).toEqual([2400, 4800, 7200, 9600]);
    for (const { trainLoss, part, eta } of rows) {
      expect(trainLoss).toBeGreaterThan(0);
      expect(part).toBe("validation");
      expect(eta).toBeLessThanOrEqual(0.005);
    }
    expect(results.map(({ seed }) => seed)).toEqual([7, 3]);
    for (const { test, confusion, epochs } of results) {
      expect(test.accuracy).toBeGreaterThan(0.75);
      expect(confusion.reduce((sum, count) => sum + count, 0)).toBe(14);
      expect(epochs).toBe(4);
    }
    const [traces] = told.events.flatMap((event) => (event.kind === "traces" ? [event.traces] : []));
    expect(traces?.outputs.map(({ values }) => values.length)).toEqual([150, 150]);
    expect(traces?.hidden).toHaveLength(5);
    expect(traces?.errors.flatMap(({ values }) => values).some((value) => value !== 0)).toBe(true);
    const [[, npz] = [0, new Uint8Array()]] = weightsOf(told);
    expect([...readNpz(npz).keys()]).toEqual([
      "weight/input/hidden",
      "weight/hidden/output",
      "bias/hidden",
      "bias/output",
    ]);
  });

  it("goes on from each of its checkpoints to the same bits", async () => {
    const own = { presentation: long, epochs: 2 };
    const whole = await train(own);
    const checkpoints = checkpointsOf(whole);
    // One at the end of each epoch, one between.
    const places = checkpoints.map((bytes) => unpackCheckpoint(bytes).state).map(({ epoch, batch }) => [epoch, batch]);
    expect(places).toEqual([
      [0, 12],
      [1, 0],
      [1, 12],
      [2, 0],
    ]);
    for (const checkpoint of checkpoints) {
      const resumed = await train(own, { checkpoint });
      expect(weightsOf(resumed)).toEqual(weightsOf(whole));
      expect(timeless(resumed.state)).toEqual(timeless(whole.state));
    }
  });

  it("keeps the weights of the best epoch of each seed: those with which a training of so many epochs ends", async () => {
    const told = await train({ epochs: 6, optimizer: { kind: "adam", eta: 0.1 } });
    const epochs = told.state.results.map(({ best }) => best.epoch);
    // Otherwise there is nothing to see.
    expect(Math.min(...epochs)).toBeLessThan(6);
    for (const [index, { seed }] of told.state.results.entries()) {
      const short = await train({ epochs: epochs[index] ?? 0, optimizer: { kind: "adam", eta: 0.1 }, seeds: [seed] });
      const [[, npz] = [0, new Uint8Array()]] = weightsOf(short);
      expect(bestOf(told, seed).at(-1)).toEqual(npz);
      const scores = told.state.rows.filter((row) => row.seed === seed).map(({ accuracy }) => accuracy ?? NaN);
      expect(scores.indexOf(Math.max(...scores)) + 1).toBe(epochs[index]);
      expect(bestOf(told, seed)).toHaveLength(
        scores.filter((score, i) => score > Math.max(0, ...scores.slice(0, i))).length,
      );
    }
  });

  it("gives every seed what it comes to alone", async () => {
    const [both, alone] = [await train(), await train({ seeds: [3] })];
    expect(weightsOf(alone)).toEqual(weightsOf(both).slice(1));
    expect(alone.state.results).toEqual(both.state.results.slice(1));
    const scales = both.state.rows.map(({ eta }) => eta);
    expect(Math.min(...scales)).toBeLessThan(0.005);
  });

  it("trains seeds one after the other where they do not fit at once, and goes on there, too", async () => {
    const few = async (network: NetworkSpec, options: SimulatorOptions): Promise<Learner> => {
      if ((options.replicas ?? 1) > 1) throw new DeviceError("LIMIT_EXCEEDED", "One at a time.");
      return createSimulator(network, options);
    };
    const [both, one] = [await train(), await train({}, { createSimulator: few })];
    expect(one.events).toContainEqual({
      kind: "note",
      text: "The device does not hold 2 networks at once, so the seeds train one after the other.",
    });
    expect(weightsOf(one)).toEqual(weightsOf(both));
    expect(one.state.results).toEqual(both.state.results);
    const last = checkpointsOf(one).at(-2) ?? new Uint8Array();
    expect(unpackCheckpoint(last).state).toMatchObject({ group: 1, groups: [[7], [3]] });
    const resumed = await train({}, { createSimulator: few, checkpoint: last });
    expect(resumed.state.results).toEqual(both.state.results);
    expect(weightsOf(resumed)).toEqual(weightsOf(both).slice(1));
  });

  it("resets states before every batch if it is so said, and learns by windows", async () => {
    const short = { seeds: [1], epochs: 1 };
    const [carried, reset] = [await train(short), await train({ ...short, state: "reset" })];
    expect(weightsOf(reset)).not.toEqual(weightsOf(carried));
    const exact = await train({ ...short, state: "reset", rule: "exact", window: 10 });
    expect(weightsOf(exact)).not.toEqual(weightsOf(reset));
    expect(exact.events.some(({ kind }) => kind === "traces")).toBe(true);
    const checkpoint = checkpointsOf(exact)[5];
    if (checkpoint === undefined) throw new Error("There are checkpoints.");
    const resumed = await train({ ...short, state: "reset", rule: "exact", window: 10 }, { checkpoint });
    expect(weightsOf(resumed)).toEqual(weightsOf(exact));
  });

  it("ends the training of a seed that gets no better, and holds its weights from then on", async () => {
    const stop = { epochs: 12, earlyStop: { patience: 1 } };
    const both = await train(stop);
    const epochs = both.state.results.map((result) => result.epochs);
    expect(Math.min(...epochs)).toBeLessThan(12);
    for (const [index, seed] of [7, 3].entries()) {
      const alone = await train({ ...stop, seeds: [seed] });
      expect(alone.state.results).toEqual([both.state.results[index]]);
      expect(weightsOf(alone)).toEqual([weightsOf(both)[index]]);
    }
  });

  it("says which seed diverged where", async () => {
    const optimizer = { kind: "sgd", eta: 1e30 } as const;
    const failed = await train({ optimizer, seeds: [5] }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "DIVERGED", details: { seed: 5, epoch: 1 } });
    const { message, details } = failed as Error & { details: { step: number } };
    expect(details.step).toBeLessThan(100);
    expect(message).toMatch(
      /^Seed 5 diverged at step \d+, in epoch 1: a value of population "(hidden|output)" is no longer finite\. Lower/,
    );
  });

  it("stops at once when it is told to, and leaves no simulator behind", async () => {
    const stopping = new AbortController();
    const reason = new Error("enough");
    const report = vi.fn((event: EpochEvent) => {
      if (event.kind === "progress") stopping.abort(reason);
    });
    const place = { data, createSimulator, host: { device: device() }, report, signal: stopping.signal };
    await expect(trainEpochs(experiment, place)).rejects.toBe(reason);
    expect(report.mock.calls.map(([{ kind }]) => kind)).not.toContain("epoch");
  });

  it("refuses a checkpoint of another experiment", async () => {
    const [checkpoint] = checkpointsOf(await train({ epochs: 1 }));
    if (checkpoint === undefined) throw new Error("There are checkpoints.");
    await expect(train({ epochs: 2 }, { checkpoint })).rejects.toThrow("The checkpoint is of another experiment");
  });
});
