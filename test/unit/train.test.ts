import { describe, expect, it } from "vitest";
import type { AdapterFacts } from "../../src/device.ts";
import { SpecError } from "../../src/errors.ts";
import type { Metrics, RunOptions } from "../../src/run.ts";
import type { SimulatorOptions, Where } from "../../src/simulator.ts";
import type { NetworkSpec } from "../../src/spec.ts";
import { DIGIT_PIXELS, type Digits, type DigitSet } from "../../src/tasks/digits.ts";
import { conditionName, conditionsOf, type Condition, type Preset, previousDigit } from "../../src/tasks/presets.ts";
import { createDigitStream } from "../../src/tasks/previous-digit.ts";
import { etaAt } from "../../src/train/schedule.ts";
import { metricsCsv, SUMMARY_SCHEMA } from "../../src/train/summary.ts";
import { type CreateSimulator, type Progress, type Trainable, trainRules } from "../../src/train/train.ts";

const set: DigitSet = {
  count: 10,
  pixels: new Float32Array(10 * DIGIT_PIXELS).map((_, i) => Math.floor(i / DIGIT_PIXELS) / 10),
  labels: Uint8Array.from({ length: 10 }, (_, i) => i),
};
const digits: Digits = { train: set, test: set };

/** The preset in small: blocks of two presentations in three lanes. */
const small: Preset = {
  ...previousDigit,
  batch: 3,
  block: 2,
  evaluation: { lanes: 4, presentations: 5, skip: 3, seed: 1 },
};

const facts: AdapterFacts = { vendor: "none", architecture: "", description: "a stand-in", software: true };

interface Call {
  readonly options: RunOptions;
  /** Copies: the arrays are used again. */
  readonly input: readonly number[];
  readonly target: readonly number[] | undefined;
}

interface Double {
  readonly network: NetworkSpec;
  readonly options: SimulatorOptions;
  readonly calls: Call[];
  readonly simulator: Trainable;
}

/**
 * Stand-ins for simulators, for the book-keeping alone. In training they answer with the target in lane 0 and with
 * class 0 elsewhere, and take a second for ten steps; at the end each "learns" to answer one class: 3 for the first
 * rule, 4 for the second, 5 for the third, which it keeps as the weight of the read-out and as every bias.
 */
function doubles(software = true): { create: CreateSimulator; made: Double[]; events: string[] } {
  const made: Double[] = [];
  const events: string[] = [];
  const create: CreateSimulator = (network, options) => {
    const index = made.length;
    const parameters = new Map<string, Float32Array>();
    const calls: Call[] = [];
    const keyOf = (quantity: string, where: Where): string =>
      typeof where === "string" || !("from" in where)
        ? `${quantity} ${where as string}`
        : `${quantity} ${where.from} ${where.to}`;
    const simulator: Trainable = {
      device: { label: `device ${index}` } as GPUDevice,
      adapter: { ...facts, software },
      async *run(run: RunOptions): AsyncGenerator<Metrics, void, undefined> {
        run.signal?.throwIfAborted();
        await Promise.resolve();
        events.push(`run ${index}`);
        const target = run.target as Float32Array | undefined;
        calls.push({ options: run, input: [...(run.input as Float32Array)], target: target && [...target] });
        const batch = options.batch ?? 1;
        const learnt = parameters.get("weight hidden2 output")?.[0] ?? 0;
        const trace = new Float32Array(run.steps * batch * 10);
        for (let row = 0; row < run.steps * batch; row++) {
          const answer = target ? (row % batch === 0 ? Math.max(0, target[row] ?? 0) : 0) : learnt;
          trace[row * 10 + answer] = 1;
        }
        const loss = target ? 1 / calls.length : Number.NaN;
        const seconds = run.steps / 10;
        yield {
          step: 0,
          steps: run.steps,
          loss,
          seconds,
          stepsPerSecond: 10,
          losses: [loss],
          traces: [trace],
          energies: [],
        };
      },
      read: (quantity, where) => Promise.resolve(Float32Array.of(3 + index, keyOf(quantity, where).length)),
      write: (quantity, where, data) => void parameters.set(keyOf(quantity, where), data),
      reset: () => void events.push(`reset ${index} ${[...parameters.keys()].join(", ")}`),
      destroy: () => void events.push(`destroy ${index}`),
    };
    made.push({ network, options, calls, simulator });
    return Promise.resolve(simulator);
  };
  return { create, made, events };
}

const three = conditionsOf(["local", "instantaneous", "read-out only"], [8]);
const base = { preset: small, digits, seed: 7, steps: 100, conditions: three };

describe("training the rules side by side", () => {
  it("gives every rule the same frames, in blocks, with the schedule's rate at the middle of each", async () => {
    const { create, made, events } = doubles();
    await trainRules({ ...base, createSimulator: create });
    const learners = made.slice(0, 3);
    const stream = createDigitStream({ images: set, lanes: 3, seed: 7 });
    for (const [block, frames, middle] of [
      [0, 40, 20],
      [1, 40, 60],
      [2, 20, 90],
    ] as const) {
      const piece = stream.next(frames / 20);
      for (const { calls } of learners) {
        const call = calls[block];
        expect(call?.input).toEqual([...piece.input]);
        expect(call?.target).toEqual([...piece.target]);
        expect(call?.options.steps).toBe(frames);
        expect(call?.options.eta).toBe(etaAt(small.schedule, middle / 100));
        expect(call?.options.learn).not.toBe(false);
      }
    }
    expect(events.slice(0, 6)).toEqual(["run 0", "run 1", "run 2", "run 0", "run 1", "run 2"]);
  });

  it("makes one simulator a rule and one that only examines, on the device of the first", async () => {
    const { create, made } = doubles();
    await trainRules({ ...base, createSimulator: create });
    expect(made.map(({ options }) => options.learning?.errors)).toEqual(["local", "instantaneous", "local", "none"]);
    expect(made.map(({ options }) => options.batch)).toEqual([3, 3, 3, 4]);
    expect(made.slice(0, 3).map(({ options }) => options.seed)).toEqual([7, 7, 7]);
    expect(made.map(({ options }) => options.device)).toEqual([
      undefined,
      ...new Array<unknown>(3).fill(made[0]?.simulator.device),
    ]);
    expect(made.map(({ network }) => network.projections[0]?.plastic)).toEqual([true, true, false, true]);
    for (const { options } of made) expect(options.record).toEqual([{ population: "output", quantity: "rate" }]);
  });

  it("stays on the host's device", async () => {
    const { create, made } = doubles();
    const device = { label: "the host's" } as GPUDevice;
    // A simulator on a host's device says so.
    const onHost: CreateSimulator = async (network, options) => ({
      ...(await create(network, options)),
      ...(options.device && { device: options.device }),
    });
    await trainRules({ ...base, createSimulator: onHost, host: { device } });
    expect(made.map(({ options }) => options.device)).toEqual(Array(4).fill(device));
  });

  it("tests copies of the parameters without learning, and counts only the later windows", async () => {
    const { create, made, events } = doubles();
    const { summary } = await trainRules({ ...base, createSimulator: create });
    const piece = createDigitStream({ images: set, lanes: 4, seed: 1 }).next(5);
    const examiner = made[3];
    expect(examiner?.calls).toHaveLength(3);
    for (const { options, input, target } of examiner?.calls ?? []) {
      expect(options.learn).toBe(false);
      expect(options.steps).toBe(100);
      expect(target).toBeUndefined();
      expect(input).toEqual([...piece.input]);
    }
    const counted = [...piece.labels].slice(3 * 4);
    const shareOf = (answer: number): number => counted.filter((label) => label === answer).length / counted.length;
    expect(counted).toHaveLength(8);
    expect(summary.results.map(({ testAccuracy }) => testAccuracy)).toEqual([3, 4, 5].map(shareOf));
    const copied = ["weight input hidden1", "weight hidden1 hidden2", "weight hidden2 output"];
    const everything = [...copied, "bias hidden1", "bias hidden2", "bias output"].join(", ");
    expect(events.filter((event) => event.startsWith("reset"))).toEqual(Array(3).fill(`reset 3 ${everything}`));
  });

  it("reports every test as it ends", async () => {
    const { create, events } = doubles();
    const tell = (condition: Condition, accuracy: number): string => `${conditionName(condition)}: ${accuracy}`;
    const onTested = (condition: Condition, accuracy: number): void => void events.push(tell(condition, accuracy));
    const { summary } = await trainRules({ ...base, createSimulator: create, onTested });
    const ended = summary.results.map((result) => tell(result, result.testAccuracy));
    expect(events.slice(9, 18).filter((event) => !event.startsWith("reset"))).toEqual(
      ended.flatMap((event) => ["run 3", event]),
    );
  });

  it("sums up in the form that is kept", async () => {
    const { create } = doubles();
    const { summary, curves } = await trainRules({ ...base, createSimulator: create });
    expect(summary).toEqual({
      schema: SUMMARY_SCHEMA,
      adapter: facts,
      preset: "previous-digit",
      seed: 7,
      results: three.map((condition, index) => ({
        ...condition,
        // 5 presentations in 3 lanes.
        samples: 15,
        steps: 100,
        // The last tenth of the run lies in the third block.
        finalLoss: 1 / 3,
        testAccuracy: summary.results[index]?.testAccuracy,
        seconds: 10,
        stepsPerSecond: 10,
      })),
      throughput: { neurons: 138, synapses: 17_280, stepsPerSecond: 10, synapticUpdatesPerSecond: 172_800 },
      files: [],
    });
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
    expect(curves.map(({ rule, crossfade }) => ({ rule, crossfade }))).toEqual(three);
    expect(curves[0]?.points.map(({ step, loss, seconds }) => [step, loss, seconds])).toEqual([
      [40, 1, 4],
      [80, 1 / 2, 8],
      [100, 1 / 3, 10],
    ]);
  });

  it("reports every block of every rule", async () => {
    const { create } = doubles();
    const reports: Progress[] = [];
    const { curves } = await trainRules({ ...base, createSimulator: create, onProgress: (p) => void reports.push(p) });
    expect(reports.map(({ rule, crossfade, step, steps }) => ({ rule, crossfade, step, steps }))).toEqual(
      [40, 80, 100].flatMap((step) => three.map((condition) => ({ ...condition, step, steps: 100 }))),
    );
    expect(reports.map(({ stepsPerSecond }) => stepsPerSecond)).toEqual(Array(9).fill(10));
    expect(reports.every(({ secondsLeft }) => secondsLeft > 0 && secondsLeft < 60)).toBe(true);
    // Lane 0 is right wherever there is a target, lanes 1 and 2 where it happens to be class 0.
    const stream = createDigitStream({ images: set, lanes: 3, seed: 7 });
    for (const [block, presentations] of [2, 2, 1].entries()) {
      const labels = [...stream.next(presentations).labels];
      const due = labels.flatMap((label, i) => (label < 0 ? [] : [i % 3 === 0 || label === 0 ? 1 : 0]));
      const accuracy = due.reduce<number>((sum, right) => sum + right, 0) / due.length;
      expect(reports[3 * block]?.accuracy).toBe(accuracy);
      expect(curves[0]?.points[block]?.accuracy).toBe(accuracy);
    }
  });

  it("knows no accuracy before there is a previous digit", async () => {
    const { create } = doubles();
    const { curves } = await trainRules({
      ...base,
      preset: { ...small, block: 1 },
      steps: 40,
      createSimulator: create,
    });
    expect(curves[0]?.points.map(({ accuracy }) => accuracy === null)).toEqual([true, false]);
    expect(metricsCsv(curves.slice(0, 1)).split("\n")).toEqual([
      "rule,crossfade,step,loss,trainAccuracy,seconds",
      "local,8,20,1,,2",
      `local,8,40,0.5,${curves[0]?.points[1]?.accuracy},4`,
      "",
    ]);
  });

  it("waits for the listener, so that a run can pause", async () => {
    const { create, events } = doubles();
    await trainRules({
      ...base,
      steps: 20,
      conditions: conditionsOf(["instantaneous"], [8]),
      createSimulator: create,
      onProgress: async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        events.push("heard");
      },
    });
    expect(events.slice(0, 2)).toEqual(["run 0", "heard"]);
  });

  it.each([
    [true, 16_000],
    [false, 60_000],
  ])("takes its length from the adapter: software %s, %i steps", async (software, steps) => {
    const { create } = doubles(software);
    let planned = 0;
    const controller = new AbortController();
    const run = trainRules({
      preset: small,
      digits,
      createSimulator: create,
      signal: controller.signal,
      onProgress: (progress) => {
        planned = progress.steps;
        controller.abort();
      },
    });
    await expect(run).rejects.toThrow(/aborted/);
    expect(planned).toBe(steps);
  });

  it("destroys every simulator, the owner of the device last", async () => {
    const { create, events } = doubles();
    await trainRules({ ...base, createSimulator: create });
    expect(events.slice(-4)).toEqual(["destroy 3", "destroy 2", "destroy 1", "destroy 0"]);
  });

  it("leaves nothing behind when it is aborted", async () => {
    const { create, made, events } = doubles();
    const reason = new Error("enough");
    const controller = new AbortController();
    const run = trainRules({
      ...base,
      createSimulator: create,
      signal: controller.signal,
      onProgress: ({ rule, step }) => {
        if (rule === "instantaneous" && step === 80) controller.abort(reason);
      },
    });
    await expect(run).rejects.toBe(reason);
    expect(made).toHaveLength(3);
    expect(events.slice(-4)).toEqual(["run 1", "destroy 2", "destroy 1", "destroy 0"]);
  });

  it("leaves nothing behind when a simulator cannot be made", async () => {
    const { create, made, events } = doubles();
    const failing: CreateSimulator = (network, options) =>
      made.length === 2 ? Promise.reject(new Error("no memory")) : create(network, options);
    await expect(trainRules({ ...base, createSimulator: failing })).rejects.toThrow("no memory");
    expect(events).toEqual(["destroy 1", "destroy 0"]);
  });

  it.each([0, -20, 30, 20.5, Number.NaN])("refuses %d steps", async (steps) => {
    const { create, made } = doubles();
    const run = trainRules({ ...base, steps, createSimulator: create });
    await expect(run).rejects.toThrow(SpecError);
    await expect(run).rejects.toThrow(/steps is .*; expected whole presentations of 20 steps, such as \d*[02468]0\./);
    expect(made).toHaveLength(0);
  });

  it("refuses to train nothing", async () => {
    const { create } = doubles();
    await expect(trainRules({ ...base, conditions: [], createSimulator: create })).rejects.toThrow(
      /conditions are none; name at least one rule of: local, matched traces, instantaneous/,
    );
  });
});

describe("training at several crossfades", () => {
  const conditions: readonly Condition[] = [
    { rule: "local", crossfade: 8 },
    { rule: "local", crossfade: 0 },
    { rule: "matched traces", crossfade: 0 },
  ];

  it("shows everyone the same digits, each with its own crossfade, in training and test", async () => {
    const { create, made } = doubles();
    await trainRules({ ...base, conditions, createSimulator: create });
    const inputOf = (lanes: number, seed: number, fade: number, presentations: number): number[] => [
      ...createDigitStream({ images: set, lanes, seed, fade }).next(presentations).input,
    ];
    const first = made.slice(0, 3).map(({ calls }) => calls[0]);
    const tests = made[3]?.calls.map(({ input }) => input);
    for (const [i, { crossfade }] of conditions.entries()) {
      expect(first[i]?.input).toEqual(inputOf(3, 7, crossfade, 2));
      expect(tests?.[i]).toEqual(inputOf(4, 1, crossfade, 5));
    }
    expect(first[0]?.input).not.toEqual(first[1]?.input);
    expect(first[0]?.target).toEqual(first[1]?.target);
  });

  it("compares by default what the preset compares", async () => {
    const { create } = doubles();
    const { preset, seed, steps } = base;
    const { summary } = await trainRules({ preset, digits, seed, steps, createSimulator: create });
    expect(summary.results.map(({ rule, crossfade }) => ({ rule, crossfade }))).toEqual(previousDigit.conditions);
  });

  it("gives the exact rule its own rate, and whole windows only", async () => {
    const { create, made } = doubles();
    const both = conditionsOf(["local", "exact"], [0]);
    await trainRules({ ...base, steps: 120, conditions: both, createSimulator: create });
    expect(made.map(({ options }) => options.learning?.errors)).toEqual(["local", "adjoint", "none"]);
    const rates = made.slice(0, 2).map(({ calls }) => calls.map(({ options }) => options.eta ?? NaN));
    expect(rates[0]).toEqual([20, 60, 100].map((middle) => etaAt(small.schedule, middle / 120)));
    // 1e-2 instead of 2e-3.
    rates[1]?.forEach((eta, i) => expect(eta / (rates[0]?.[i] ?? NaN)).toBeCloseTo(5, 12));
    for (const { options } of made[1]?.calls ?? []) expect(options.steps % 40).toBe(0);
    const run = trainRules({ ...base, steps: 100, conditions: both, createSimulator: create });
    await expect(run).rejects.toThrow(
      "steps is 100; expected whole windows of 40 steps, after each of which the exact rule learns, such as 120.",
    );
  });

  it("refuses a crossfade that is none", async () => {
    const { create, events } = doubles();
    const run = trainRules({ ...base, conditions: conditionsOf(["local"], [-1]), createSimulator: create });
    await expect(run).rejects.toThrow(/stream\.fade is -1/);
    expect(events).toEqual(["destroy 0"]);
  });
});
