/** Trainings of several seeds of which one diverges: the others go on to what they come to alone. */

import { describe, expect, it } from "vitest";
import { createSimulator, DeviceError, type NetworkSpec, type SimulatorOptions } from "../../src/index.ts";
import type { Experiment } from "../../src/tasks/experiments.ts";
import { readExperiment } from "../../src/tasks/read-experiment.ts";
import { trainEpochs, type EpochEvent, type EpochWorkplace, type Learner } from "../../src/train/epochs.ts";
import { unpackCheckpoint, type TrainingState } from "../../src/train/training-state.ts";
import { lineExperiment, points } from "./points.ts";
import { useLazyDevice } from "./shared-device.ts";

const device = useLazyDevice();

const data = points;
const experiment = lineExperiment({ earlyStop: { patience: 2 }, seeds: [7, 5, 3] });

/**
 * Makes simulators in which the weights of one seed are no longer finite before the run of this number, from 1: of training
 * and of tests alike.
 */
function failing(seed: number, inRun: number): EpochWorkplace["createSimulator"] {
  return async (network: NetworkSpec, options: SimulatorOptions): Promise<Learner> => {
    const simulator = await createSimulator(network, options);
    const replica = options.seeds?.indexOf(seed) ?? -1;
    let runs = 0;
    const run: Learner["run"] = (options) => {
      runs += 1;
      const values = new Float32Array(10).fill(3e38);
      if (runs === inRun && replica >= 0)
        simulator.write("weight", { from: "hidden", to: "output" }, values, { replica });
      return simulator.run(options);
    };
    return new Proxy<Learner>(simulator, {
      get: (target, key) => {
        const value: unknown = key === "run" ? run : Reflect.get(target, key);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  };
}

interface Told {
  readonly state: TrainingState;
  readonly events: readonly EpochEvent[];
}

async function train(own: Partial<Experiment> = {}, place: Partial<EpochWorkplace> = {}): Promise<Told> {
  const events: EpochEvent[] = [];
  const report = (event: EpochEvent): void => void events.push(event);
  const workplace = { data, createSimulator, host: { device: device() }, checkpointSeconds: 0, ...place, report };
  return { state: await trainEpochs({ ...experiment, ...own }, workplace), events };
}

const weightsOf = ({ events }: Told): [string, number, Uint8Array][] =>
  events.flatMap((event) =>
    event.kind === "weights" ? [[event.of, event.seed, event.npz] as [string, number, Uint8Array]] : [],
  );
const rowsOf = ({ state }: Told, seed?: number): unknown =>
  state.rows.filter((row) => seed === undefined || row.seed === seed).map((row) => ({ ...row, seconds: 0 }));

describe.each([
  // A run of training or of a test each; an epoch has one of each.
  { what: "in its first epoch", inRun: 1, rows: 0, diverged: { epoch: 1, isTesting: false } },
  { what: "in its second epoch", inRun: 3, rows: 1, diverged: { epoch: 2, isTesting: false } },
  { what: "in the test after it", inRun: 4, rows: 1, diverged: { epoch: 2, isTesting: true, step: 640 } },
  { what: "in the test at the end", inRun: 7, rows: 3, diverged: { epoch: 3, isTesting: true, step: 960 } },
])("a seed that diverges $what", ({ inRun, rows, diverged }) => {
  it("is told and left out, and changes not a bit of the others", async () => {
    const both = await train({ seeds: [7, 3] });
    const told = await train({}, { createSimulator: failing(5, inRun) });
    expect(told.state.diverged).toEqual([
      { seed: 5, step: expect.any(Number) as number, population: "output", ...diverged },
    ]);
    const events = told.events.filter(({ kind }) => kind === "diverged");
    expect(events).toEqual([{ kind: "diverged", divergence: told.state.diverged[0] }]);
    expect(told.state.results).toEqual(both.state.results);
    for (const seed of [7, 3]) expect(rowsOf(told, seed)).toEqual(rowsOf(both, seed));
    const of = (event: [string, number, Uint8Array]): boolean => event[1] !== 5;
    expect(weightsOf(told).filter(of)).toEqual(weightsOf(both));
    // Its curve ends with the last epoch whose test it stood.
    expect(told.state.rows.filter(({ seed }) => seed === 5)).toHaveLength(rows);
    expect(weightsOf(told).filter(([kind, seed]) => kind === "end" && seed === 5)).toEqual([]);
    expect(told.events.flatMap((event) => (event.kind === "epoch" ? event.rows : []))).toEqual(told.state.rows);
  });
});

it("goes on from every checkpoint to the same bits, whichever seeds are left", async () => {
  const createFailing = failing(7, 3);
  const whole = await train({}, { createSimulator: createFailing });
  const places = whole.events.flatMap((event) => (event.kind === "checkpoint" ? [event.bytes] : []));
  const after = places.filter((bytes) => unpackCheckpoint(bytes).state.diverged.length > 0);
  expect(after.length).toBeGreaterThan(0);
  for (const checkpoint of after) {
    const resumed = await train({}, { checkpoint });
    expect(resumed.state.results).toEqual(whole.state.results);
    expect(resumed.state.diverged).toEqual(whole.state.diverged);
    expect(rowsOf(resumed)).toEqual(rowsOf(whole));
    const ends = (told: Told): unknown => weightsOf(told).filter(([of]) => of === "end");
    expect(ends(resumed)).toEqual(ends(whole));
  }
  // The picture is of the first network that is left.
  expect(whole.events.filter(({ kind }) => kind === "traces")).toHaveLength(1);
});

it("goes on with the next seed where they train one after the other", async () => {
  const create = failing(5, 2);
  const few: EpochWorkplace["createSimulator"] = async (network, options) => {
    if ((options.replicas ?? 1) > 1) throw new DeviceError("LIMIT_EXCEEDED", "One at a time.");
    return create(network, options);
  };
  const [both, one] = [await train({ seeds: [7, 3] }), await train({}, { createSimulator: few })];
  expect(one.state.results).toEqual(both.state.results);
  expect(one.state.diverged).toEqual([{ seed: 5, epoch: 1, step: 320, population: "output", isTesting: true }]);
});

/** A loop that feeds itself with a weight between -4 and 4: what it is drawn as is finite or not. */
const loop: Experiment = readExperiment({
  network: {
    dt: 0.2,
    sources: [{ name: "input", size: 2 }],
    populations: [
      { name: "hidden", size: 6, tauM: 1, tauR: 1, activation: "tanh" },
      { name: "loop", size: 1, tauM: 1, tauR: 0.2, activation: "linear" },
      { name: "output", size: 2, tauM: 1, tauR: 1, activation: "linear", cost: { kind: "cross-entropy" } },
    ],
    projections: [
      { from: "input", to: "hidden" },
      { from: "hidden", to: "output" },
      { from: "hidden", to: "loop", plastic: false },
      { from: "loop", to: "loop", plastic: false, init: { kind: "uniform", scale: 4 } },
    ],
  },
  task: { name: "files" },
  presentation: { stepsPerFrame: 20 },
  batch: 4,
  epochs: 3,
  seeds: [1, 2],
});

it("diverges by the weights that it drew, does so no more once it is left out, and is all that does", async () => {
  const [both, alone] = [await train(loop), await train({ ...loop, seeds: [1] })];
  expect(both.state.diverged).toMatchObject([{ seed: 2, epoch: 3, population: "loop", isTesting: false }]);
  expect(both.state.results).toEqual(alone.state.results);
  expect(rowsOf(both, 1)).toEqual(rowsOf(alone));
  expect(weightsOf(both).filter(([, seed]) => seed === 1)).toEqual(weightsOf(alone));
  // Its state had grown for long before, and is in the checkpoint from which the other goes on.
  const [, ...later] = both.events.flatMap((event) =>
    event.kind === "checkpoint" ? [unpackCheckpoint(event.bytes)] : [],
  );
  expect(later.some(({ state }) => state.diverged.length === 0)).toBe(true);
});

it("ends the run where no seed is left", async () => {
  const optimizer = { kind: "sgd", eta: 1e30 } as const;
  const failed: unknown = await train({ optimizer, seeds: [5, 7] }).catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: "DIVERGED" });
  expect((failed as Error).message).toMatch(
    /^None of the 2 seeds is left\. Seed (5|7) diverged at step \d+, in epoch 1: a value of population "(hidden|output)" is no longer finite\. Lower/,
  );
});
