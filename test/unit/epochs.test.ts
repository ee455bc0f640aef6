/** What trainings over epochs are made of: rates, ends, batches, scores, tables and checkpoints. */

import { describe, expect, it, test } from "vitest";
import type { Experiment, RateSchedule } from "../../src/tasks/experiments.ts";
import { mnist1dSmall, yinYang } from "../../src/tasks/experiments-digits.ts";
import type { Samples, TaskData } from "../../src/tasks/samples.ts";
import { labelsOf, orderOf, shapeOf, testPieces, trainingPiece } from "../../src/train/batches.ts";
import { eventOfPlain, fromBase64, plainEvent, toBase64 } from "../../src/train/epochs-job.ts";
import { afterLoss, betterOf, isExhausted, noPlateau, rateFactor, type Best } from "../../src/train/rates.ts";
import { addAnswers, createTally, meritOf, scoreOf } from "../../src/train/scores.ts";
import {
  epochsCsv,
  packCheckpoint,
  parseEpochs,
  STATE_SCHEMA,
  unpackCheckpoint,
  type EpochRow,
  type TrainingState,
} from "../../src/train/training-state.ts";

// ---- rates --------------------------------------------------------------------------------------------------

describe("a plateau", () => {
  const plateau = { kind: "plateau", factor: 0.5, patience: 2, threshold: 1e-4, epsilon: 1e-8 } as const;

  /** The factor after each loss. */
  function scalesOf(losses: readonly number[], schedule: RateSchedule = plateau, eta = 1e-3): number[] {
    let state = noPlateau;
    return losses.map((loss) => {
      state = afterLoss(schedule, state, loss, eta);
      return state.scale;
    });
  }

  it("lowers the rate in the third bad epoch for patience 2, and counts anew", () => {
    expect(scalesOf([1, 1, 1, 1, 1, 1, 1])).toEqual([1, 1, 1, 0.5, 0.5, 0.5, 0.25]);
  });

  it("begins anew with every loss that is lower by the threshold, and only by that", () => {
    expect(scalesOf([1, 1, 1, 0.9, 0.9, 0.9, 0.9])).toEqual([1, 1, 1, 1, 1, 1, 0.5]);
    // 0.99991 is not below 1 - 1e-4; the best stays 1.
    expect(scalesOf([1, 0.99991, 0.99991, 0.99991])).toEqual([1, 1, 1, 0.5]);
    expect(scalesOf([1, 0.9998, 0.9998, 0.9998])).toEqual([1, 1, 1, 1]);
  });

  it("does not count a loss that is no number as better", () => {
    expect(scalesOf([1, NaN, NaN, NaN])).toEqual([1, 1, 1, 0.5]);
    expect(scalesOf([NaN, 1, 1, 1, 1])).toEqual([1, 1, 1, 1, 0.5]);
  });

  it("leaves a rate that would hardly change", () => {
    expect(scalesOf([1, 1], { ...plateau, patience: 0 }, 1e-8)).toEqual([1, 1]);
    expect(scalesOf([1, 1, 1], { ...plateau, patience: 0 }, 3e-8)).toEqual([1, 0.5, 0.5]);
  });

  it("is the business of no other schedule", () => {
    expect(scalesOf([1, 1, 1, 1], { kind: "constant" })).toEqual([1, 1, 1, 1]);
  });
});

test("steps: constant for 8 epochs, then halved in every one", () => {
  const schedule = { kind: "step", factor: 0.5, after: 8, every: 1 } as const;
  const factors = [0, 7, 7.99, 8, 8.5, 9, 10.9].map((epoch) => rateFactor(schedule, epoch, 20));
  expect(factors).toEqual([1, 1, 1, 0.5, 0.5, 0.25, 0.125]);
  expect(rateFactor({ ...schedule, every: 3 }, 10.9, 20)).toBe(0.5);
  expect(rateFactor({ ...schedule, every: 3 }, 11, 20)).toBe(0.25);
});

test("exponential: held, then down to its end", () => {
  const schedule = { kind: "exponential", hold: 0.5, final: 0.01 } as const;
  expect([0, 5, 10].map((epoch) => rateFactor(schedule, epoch, 10))).toEqual([1, 1, 0.01]);
  expect(rateFactor(schedule, 7.5, 10)).toBeCloseTo(0.1, 12);
});

test("the best epoch, and the end after epochs without a better one", () => {
  const course = (scores: readonly number[], isHigherBetter: boolean): (number | undefined)[] => {
    let best: Best | null = null;
    return scores.map((score, epoch) => (best = betterOf(best, epoch, score, isHigherBetter))?.epoch);
  };
  expect(course([0.3, 0.5, 0.5, 0.4], true)).toEqual([0, 1, 1, 1]);
  expect(course([0.3, 0.5, 0.2], false)).toEqual([0, 0, 2]);
  // What is no number is never the best, nor does it keep a later one from being it.
  expect(course([NaN, 0.5, NaN], true)).toEqual([undefined, 1, 1]);
  expect(course([NaN, 0.5, NaN], false)).toEqual([undefined, 1, 1]);
  const best = { epoch: 1, score: 0.5 };
  const stop = { earlyStop: { patience: 2 } };
  expect([1, 2, 3].map((epoch) => isExhausted(stop, best, epoch))).toEqual([false, false, true]);
  expect([0, 1].map((epoch) => isExhausted(stop, null, epoch))).toEqual([false, true]);
  expect(isExhausted({ earlyStop: null }, best, 1000)).toBe(false);
});

// ---- batches ------------------------------------------------------------------------------------------------

/** Samples of two frames and two channels: sample i has 10 i + frame in the first channel, 0.5 in the second. */
function samplesOf(count: number): Samples {
  const inputs = Float32Array.from({ length: count * 4 }, (_, i) => {
    return i % 2 === 1 ? 0.5 : 10 * Math.floor(i / 4) + (Math.floor(i / 2) % 2);
  });
  const labels = Int32Array.from({ length: count }, (_, i) => i % 3);
  return { count, frames: 2, channels: 2, inputs, answers: { kind: "class", labels } };
}

const data: TaskData = { train: samplesOf(7), validation: null, test: samplesOf(5), classes: ["a", "b", "c"] };
const tiny: Experiment = {
  ...yinYang,
  network: {
    dt: 1,
    sources: [{ name: "eye", size: 2 }],
    populations: [{ name: "word", size: 3, tauM: 1, tauR: 1, activation: "linear", cost: { kind: "cross-entropy" } }],
    projections: [{ from: "eye", to: "word" }],
  },
  presentation: { stepsPerFrame: 2, interpolation: "hold" },
  comparedSteps: null,
  batch: 3,
};

describe("the order of an epoch", () => {
  it("is a permutation that depends on seed and epoch alone", () => {
    const orders = [orderOf(1, 0, 100), orderOf(1, 1, 100), orderOf(2, 0, 100)].map((order) => [...order]);
    for (const order of orders) {
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    }
    expect(new Set(orders.map((order) => order.join())).size).toBe(3);
    expect([...orderOf(1, 1, 100)]).toEqual(orders[1]);
  });
});

describe("frames", () => {
  it("are held, one sample in a row, one batch after the other", () => {
    const shape = shapeOf(tiny, data);
    expect(shape).toMatchObject({
      frames: 2,
      steps: 4,
      batches: 2,
      outputs: 3,
      comparedFrom: 0,
      targetsAre: "classes",
    });
    const piece = trainingPiece(tiny, shape, data.train, Uint32Array.of(4, 0, 2, 1, 3, 5));
    expect(piece.steps).toBe(8);
    const first = [...piece.input].filter((_, i) => i % 2 === 0);
    const held = [
      [40, 0, 20],
      [40, 0, 20],
      [41, 1, 21],
      [41, 1, 21],
      [10, 30, 50],
    ];
    expect(first.slice(0, 15)).toEqual(held.flat());
    expect([...piece.input].filter((_, i) => i % 2 === 1)).toEqual(Array.from({ length: 24 }, () => 0.5));
    expect([...(piece.target ?? [])].slice(0, 6)).toEqual([1, 0, 2, 1, 0, 2]);
    expect([...(piece.target ?? [])].slice(12, 15)).toEqual([1, 0, 2]);
  });

  it("are stretched linearly, between the middles of frames", () => {
    const linear: Experiment = { ...tiny, presentation: { stepsPerFrame: 4, interpolation: "linear" } };
    const piece = trainingPiece(linear, shapeOf(linear, data), data.train, Uint32Array.of(0, 1, 2));
    const ofFirst = Array.from({ length: 8 }, (_, step) => piece.input[step * 6]);
    expect(ofFirst).toEqual([0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1]);
  });

  it("are compared in the last steps alone if it is so said", () => {
    const late: Experiment = { ...tiny, comparedSteps: 1 };
    const shape = shapeOf(late, data);
    expect([...(labelsOf(late, shape, data.train, 2) ?? [])]).toEqual([-1, -1, -1, 2]);
    const piece = trainingPiece(late, shape, data.train, Uint32Array.of(1, 2, 3));
    expect([...(piece.target ?? [])]).toEqual([...Array.from({ length: 9 }, () => -1), 1, 2, 0]);
  });

  it("are those of all test samples, the last batch filled up", () => {
    const shape = shapeOf(tiny, data);
    const [piece, ...more] = [...testPieces(tiny, shape, data.test)];
    expect(more).toEqual([]);
    expect(piece).toMatchObject({ counted: 5, steps: 8, target: null });
    expect([...(piece?.samples ?? [])]).toEqual([0, 1, 2, 3, 4, 0]);
  });

  it("have targets of ones and zeros for a squared error, and values as they are", () => {
    const squared: Experiment = { ...tiny, network: withCost("squared-error") };
    const piece = trainingPiece(squared, shapeOf(squared, data), data.train, Uint32Array.of(0, 1, 2));
    expect([...(piece.target ?? [])].slice(0, 9)).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
    const targets = Float32Array.from({ length: 7 * 2 * 3 }, (_, i) => i);
    const values: Samples = { ...data.train, answers: { kind: "values", outputs: 3, targets } };
    const told = { ...data, train: values, test: values, classes: null };
    const wanted = trainingPiece(squared, shapeOf(squared, told), values, Uint32Array.of(1, 0, 2)).target ?? [];
    expect([...wanted].slice(0, 9)).toEqual([6, 7, 8, 0, 1, 2, 12, 13, 14]);
    expect([...wanted].slice(18, 24)).toEqual([9, 10, 11, 3, 4, 5]);
  });

  it("are run in blocks that depend on sizes alone, and come back in chunks of them", () => {
    const shape = shapeOf(mnist1dSmall, dataOf(4000, 72));
    expect(shape).toMatchObject({ steps: 72, batches: 40, chunk: 4, block: 28 });
    expect(shapeOf({ ...mnist1dSmall, state: "reset" }, dataOf(4000, 72))).toMatchObject({ block: 1, chunk: 1 });
    expect(shapeOf(mnist1dSmall, dataOf(4000, 5000))).toMatchObject({ block: 1, chunk: 1 });
  });
});

function withCost(kind: "cross-entropy" | "squared-error"): Experiment["network"] {
  return { ...tiny.network, populations: tiny.network.populations.map((each) => ({ ...each, cost: { kind } })) };
}

function dataOf(count: number, frames: number): TaskData {
  const labels = new Int32Array(count);
  const part: Samples = { count, frames, channels: 1, inputs: new Float32Array(), answers: { kind: "class", labels } };
  return { train: part, validation: null, test: part, classes: null };
}

describe("experiments that do not fit their data are refused", () => {
  const wrong: readonly (readonly [string, Experiment, TaskData, RegExp])[] = [
    [
      "channels",
      tiny,
      dataOf(10, 2),
      /^experiment\.network\.sources\[0\]\.size is 2, but samples have 1 channels: set/,
    ],
    [
      "classes",
      tiny,
      { ...data, train: { ...data.train, answers: { kind: "class", labels: Int32Array.of(0, 1, 2, 3, 4, 0, 1) } } },
      /population "word" has 3 neurons, but there are 5 classes: set its size to 5\./,
    ],
    ["too few samples", { ...tiny, batch: 8 }, data, /^experiment\.batch is 8, but only 7 samples train; lower it\./],
    ["late steps", { ...tiny, comparedSteps: 5 }, data, /^experiment\.comparedSteps is 5, but a sample has 4 steps/],
    [
      "gaps in a squared error",
      { ...tiny, comparedSteps: 2, network: withCost("squared-error") },
      data,
      /^experiment\.comparedSteps leaves out steps, but a squared error is taken at every step/,
    ],
    ["windows", { ...tiny, rule: "exact", window: 3 }, data, /^experiment\.window is 3, but a sample has 4 steps/],
    ["lengths", tiny, { ...data, test: { ...data.test, frames: 3 } }, /samples of 2 frames to train and of 3 to test/],
  ];
  it.each(wrong)("%s", (_, experiment, task, message) => {
    expect(() => shapeOf(experiment, task)).toThrow(message);
  });
});

// ---- scores -------------------------------------------------------------------------------------------------

describe("scores", () => {
  it("take the largest sum over compared steps, for each replica", () => {
    const shape = shapeOf(tiny, data);
    const [piece] = [...testPieces(tiny, shape, data.test)];
    if (!piece) throw new Error("There is a piece.");
    const tallies = [createTally(data.test, shape), createTally(data.test, shape)];
    // Replica 0 always says class 1, replica 1 says the truth, by one large value at the last step.
    const truth = [0, 1, 2, 0, 1, 0];
    const rates = new Float32Array(8 * 2 * 3 * 3);
    for (let step = 0; step < 8; step++) {
      for (let row = 0; row < 3; row++) {
        rates[((step * 2 + 0) * 3 + row) * 3 + 1] = 1;
        const answer = truth[Math.floor(step / 4) * 3 + row] ?? 0;
        if (step % 4 === 3) rates[((step * 2 + 1) * 3 + row) * 3 + answer] = 1;
      }
    }
    addAnswers(tallies, tiny, shape, data.test, { rates, piece, first: 0, losses: null });
    const [first, second] = tallies.map(scoreOf);
    expect(first).toMatchObject({ accuracy: 2 / 5, nrmse: null });
    expect(second?.accuracy).toBe(1);
    const soft = (wanted: number): number => Math.log(2 + Math.E) - wanted;
    expect(first?.loss).toBeCloseTo((2 * soft(1) + 3 * soft(0)) / 5, 12);
    expect(second?.loss).toBeCloseTo((3 * Math.log(3) + soft(1)) / 4, 12);
    expect(tallies[0]?.confusion).toEqual([0, 2, 0, 0, 2, 0, 0, 1, 0]);
    expect(tallies[1]?.confusion).toEqual([2, 0, 0, 0, 2, 0, 0, 0, 1]);
    expect(meritOf(first ?? scoreOf(tallies[0] ?? createTally(data.test, shape)))).toEqual({
      score: 0.4,
      isHigherBetter: true,
    });
  });

  it("add up in parts to the same", () => {
    const shape = shapeOf(tiny, data);
    const piece = trainingPiece(tiny, shape, data.train, Uint32Array.of(0, 1, 2, 3, 4, 5));
    const rates = Float32Array.from({ length: 8 * 3 * 3 }, (_, i) => Math.sin(i));
    const [whole, parts] = [createTally(data.train, shape), createTally(data.train, shape)];
    addAnswers([whole], tiny, shape, data.train, { rates, piece, first: 0, losses: [0.5] });
    const half = rates.length / 2;
    addAnswers([parts], tiny, shape, data.train, { rates: rates.subarray(0, half), piece, first: 0, losses: [0.25] });
    addAnswers([parts], tiny, shape, data.train, { rates: rates.subarray(half), piece, first: 1, losses: [0.75] });
    expect(parts).toEqual(whole);
    expect(scoreOf(whole).loss).toBe(0.5);
  });

  it("are NRMSE where answers are values", () => {
    const targets = Float32Array.from({ length: 7 * 2 }, (_, i) => i % 2);
    const values: Samples = { ...data.train, answers: { kind: "values", outputs: 1, targets } };
    const told = { train: values, validation: null, test: values, classes: null };
    const network = {
      ...withCost("squared-error"),
      populations: withCost("squared-error").populations.map((each) => ({ ...each, size: 1 })),
    };
    const experiment: Experiment = { ...tiny, network };
    const shape = shapeOf(experiment, told);
    const piece = trainingPiece(experiment, shape, values, Uint32Array.of(0, 1, 2));
    const tally = createTally(values, shape);
    addAnswers([tally], experiment, shape, values, { rates: new Float32Array(12), piece, first: 0, losses: null });
    // Half of the values are 1, told as 0: the mean square is 1/2, the deviation 1/2.
    expect(scoreOf(tally).nrmse).toBeCloseTo(Math.SQRT2, 12);
    expect(scoreOf(tally)).toMatchObject({ loss: 0.25, accuracy: null });
    expect(meritOf(scoreOf(tally)).isHigherBetter).toBe(false);
  });
});

// ---- what is kept -------------------------------------------------------------------------------------------

const row: EpochRow = {
  epoch: 1,
  seed: 12,
  steps: 400,
  trainLoss: 2.25,
  trainAccuracy: 0.125,
  part: "test",
  loss: 2.125,
  accuracy: 0.25,
  nrmse: null,
  eta: 1e-3,
  seconds: 1.5,
};

test("metrics.csv has a line for each epoch and seed", () => {
  expect(epochsCsv([row, { ...row, seed: 34, trainAccuracy: null, accuracy: null, nrmse: 0.5 }])).toBe(
    "epoch,seed,steps,trainLoss,trainAccuracy,part,loss,accuracy,nrmse,eta,seconds\n" +
      "1,12,400,2.25,0.125,test,2.125,0.25,,0.001,1.5\n1,34,400,2.25,,test,2.125,,0.5,0.001,1.5\n",
  );
});

test("metrics.csv has a last line for each seed that diverged, which is no row", () => {
  const diverged = { seed: 34, epoch: 2, step: 523, population: "word", isTesting: false };
  const csv = epochsCsv([row], [diverged]);
  expect(csv.split("\n").slice(1)).toEqual([
    "1,12,400,2.25,0.125,test,2.125,0.25,,0.001,1.5",
    "2,34,523,NaN,,,NaN,,,,",
    "",
  ]);
  expect(parseEpochs(csv)).toEqual([row]);
});

describe("a checkpoint", () => {
  const state: TrainingState = {
    schema: STATE_SCHEMA,
    experiment: JSON.stringify(tiny),
    groups: [[1, 2]],
    group: 0,
    epoch: 3,
    batch: 2,
    steps: 1000,
    seconds: 0.1,
    courses: [],
    rows: [row],
    results: [],
    diverged: [],
  };
  const snapshot = Uint8Array.from({ length: 100 }, (_, i) => i);

  it("comes back as it was", () => {
    expect(unpackCheckpoint(packCheckpoint(state, snapshot))).toEqual({ state, snapshot });
  });

  it("is refused if a byte is missing or another one", () => {
    const bytes = packCheckpoint(state, snapshot);
    for (const at of [0, 9, 13, 40, bytes.length - 1]) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => unpackCheckpoint(changed)).toThrow(/^checkpoint (is cut or was changed|does not begin)/);
    }
    for (const length of [0, 7, 15, 60, bytes.length - 1]) {
      expect(() => unpackCheckpoint(bytes.subarray(0, length))).toThrow(/^checkpoint/);
    }
    const other = packCheckpoint({ ...state, schema: "another/9" }, snapshot);
    expect(() => unpackCheckpoint(other)).toThrow('is of the form "another/9", not vle-webgpu/training-state/2; go on');
  });
});

test("bytes travel as texts", () => {
  const bytes = Uint8Array.from({ length: 100_001 }, (_, i) => (i * 7) % 256);
  expect(fromBase64(toBase64(bytes))).toEqual(bytes);
  const event = { kind: "weights", of: "best", seed: 3, npz: bytes } as const;
  expect(eventOfPlain(JSON.parse(JSON.stringify(plainEvent(event))))).toEqual(event);
  const note = { kind: "note", text: "A sentence." } as const;
  expect(eventOfPlain(plainEvent(note))).toEqual(note);
});
