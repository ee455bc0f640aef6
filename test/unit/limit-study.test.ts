/** The study of where the published rule stops: its predictions, its conditions, and a run of it on the f64 reference. */

import { describe, expect, test } from "vitest";
import { SpecError } from "../../src/errors.ts";
import { resolveLearning, resolveNetwork } from "../../src/spec.ts";
import { DIGIT_PIXELS, splitDigits, type Digits, type DigitSet } from "../../src/tasks/digits.ts";
import {
  etasOf,
  STUDY_RULES,
  STUDY_SETS,
  studyConditionName,
  studyConditionNamed,
  studySetupOf,
  weightAtArrival,
  type StudyPlan,
  type StudyResult,
} from "../../src/tasks/limit-study.ts";
import { createDigitStream, scoreWindows } from "../../src/tasks/previous-digit.ts";
import { chosenOf, doneOf, nextTask, runStudy, taskCount, type StudyEvent } from "../../src/train/limit-study.ts";
import type { CreateSimulator } from "../../src/train/train.ts";

/** Ten images of each class, the n-th of class c with the ink (10 c + n) / 100. */
const images: DigitSet = {
  count: 100,
  pixels: Float32Array.from({ length: 100 * DIGIT_PIXELS }, (_, i) => Math.floor(i / DIGIT_PIXELS) / 100),
  labels: Uint8Array.from({ length: 100 }, (_, i) => Math.floor(i / 10)),
};
const digits: Digits = { train: images, test: images };

describe("the rule of temporal support", () => {
  test.each([
    ["local:14/0", 1],
    ["local:17/0", 1],
    ["local:20/0", 0],
    ["local:20/3", 0],
    ["local:20/6", 0.5],
    ["local:25/8", 0],
    ["local:25/10", 0.2],
    ["local:30/10", 0],
    ["sweep:local:17/0", 1],
    ["sweep:local:20/0", 0],
    ["sweep:local:20/3", 2 / 3],
    ["sweep:local:25/8", 0.25],
    ["sweep:local:30/10", 0],
    // Aligned rates are five steps old at the input, three more than errors come late.
    ["aligned:20/0", 1],
    ["aligned:25/0", 0],
    ["matched-aligned:25/10", 0.7],
  ])("%s leaves a weight of %d", (name, weight) => {
    expect(weightAtArrival(studyConditionNamed(name))).toBeCloseTo(weight, 12);
  });

  test("is about what the stream shows", () => {
    for (const name of ["local:20/6", "local:25/10", "sweep:local:20/3", "local:17/0", "local:3/10"]) {
      const { delay, crossfade: fade, ...rest } = studyConditionNamed(name);
      const { input } = createDigitStream({ images, lanes: 1, seed: 4, fade, delay }).next(3);
      // Ink over time is linear in the digits shown: the second one's share is what differs between two streams.
      const other = { ...images, pixels: images.pixels.map((ink) => ink * ink) };
      const changed = createDigitStream({ images: other, lanes: 1, seed: 4, fade, delay }).next(3).input;
      const inkOf = (values: Float32Array, step: number): number => values[step * DIGIT_PIXELS] ?? NaN;
      const shown = [19, 39, 59].map((step) => inkOf(input, step));
      const arrival = 20 + delay + (rest.schedule === "sweep" ? 0 : 2);
      const weight = weightAtArrival({ ...rest, delay, crossfade: fade });
      const neighbour = arrival >= 40 ? 2 : 0;
      const mixed = weight * (shown[1] ?? NaN) + (1 - weight) * (shown[neighbour] ?? NaN);
      expect(inkOf(input, arrival)).toBeCloseTo(mixed, 6);
      expect(inkOf(changed, arrival)).toBeCloseTo(
        weight * (shown[1] ?? NaN) ** 2 + (1 - weight) * (shown[neighbour] ?? NaN) ** 2,
        6,
      );
    }
  });
});

describe("a stream with a delay", () => {
  test("of a period is the one without", () => {
    const plain = createDigitStream({ images, lanes: 3, seed: 2 }).next(4);
    expect(createDigitStream({ images, lanes: 3, seed: 2, delay: 20 }).next(4)).toEqual(plain);
  });

  test.each([0, 5, 14, 20, 25, 40, 47])("of %i steps names each digit so much later, for a period", (delay) => {
    const stream = createDigitStream({ images, lanes: 2, seed: 3, fade: 0, delay });
    const pieces = [3, 1, 2].map((presentations) => structuredClone(stream.next(presentations)));
    const targets = pieces.flatMap(({ target }) => [...target]);
    const inks = pieces.flatMap(({ input }) => [...input].filter((_, i) => i % DIGIT_PIXELS === 0));
    for (let i = 0; i < targets.length; i++) {
      const ink = inks[i - 2 * delay];
      expect(targets[i]).toBe(ink === undefined ? -1 : Math.floor(10 * ink + 1e-6));
    }
    // A label is what is due from the middle of a presentation's window on.
    const labels = pieces.flatMap(({ labels: each }) => [...each]);
    labels.forEach((label, i) => {
      const [presentation, lane] = [Math.floor(i / 2), i % 2];
      expect(label).toBe(targets[2 * (20 * presentation + (delay % 20)) + lane]);
    });
    // What is shown does not depend on it.
    const shown = createDigitStream({ images, lanes: 2, seed: 3, fade: 0 }).next(3).input;
    expect([...(pieces[0]?.input ?? [])]).toEqual([...shown]);
  });

  test("is scored where its windows lie", () => {
    const labels = Int8Array.from([1, 0, 1]);
    // Two classes, windows of two steps that begin one step late: [step][class].
    const rates = Float32Array.from([9, 0, 0, 1, 0, 1, 1, 0, 1, 0, 9, 0]);
    const shape = { lanes: 1, classes: 2, period: 2 };
    expect(scoreWindows(rates, labels, { ...shape, offset: 1 })).toEqual({ correct: 2, counted: 2 });
    expect(scoreWindows(rates, labels, { ...shape, offset: 1, skip: 1 })).toEqual({ correct: 1, counted: 1 });
    expect(scoreWindows(rates, labels, shape)).toEqual({ correct: 1, counted: 3 });
  });

  test("is refused if it is no delay", () => {
    expect(() => createDigitStream({ images, lanes: 1, seed: 1, delay: -1 })).toThrow(/stream\.delay is -1/);
  });
});

test("validation images are the last of each class, and none of them trains", () => {
  const [train, validation] = splitDigits(images, 0.8);
  expect([train.count, validation.count]).toEqual([80, 20]);
  const inkOf = ({ pixels }: DigitSet): number[] => [...pixels].filter((_, i) => i % DIGIT_PIXELS === 0);
  const last = inkOf(images).filter((_, i) => i % 10 >= 8);
  expect(inkOf(validation)).toEqual(last);
  expect(inkOf(train)).toEqual(inkOf(images).filter((_, i) => i % 10 < 8));
  expect([...validation.labels]).toEqual(Array.from({ length: 20 }, (_, i) => Math.floor(i / 2)));
});

describe("the conditions", () => {
  test("have names that lead back to them, and networks that are valid", () => {
    for (const conditions of Object.values(STUDY_SETS)) {
      const names = conditions.map(studyConditionName);
      expect(new Set(names).size).toBe(names.length);
      for (const condition of conditions) {
        expect(studyConditionNamed(studyConditionName(condition))).toEqual(condition);
        const { network, learning, schedule } = studySetupOf({ ...condition, seed: 1, eta: 0.5 });
        expect(resolveNetwork(network).schedule).toBe(condition.schedule);
        expect(() => resolveLearning(learning)).not.toThrow();
        expect(schedule.eta).toBe(0.5);
      }
    }
    expect(STUDY_SETS.full.length).toBeGreaterThan(STUDY_SETS.main.length);
  });

  test.each(["local", "local:20", "local:20/21", "locl:20/8", "local:41/0", "sweep:aligned:20/0", "local:-1/3"])(
    "%s is none",
    (name) => {
      expect(() => studyConditionNamed(name)).toThrow(SpecError);
      expect(() => studyConditionNamed(name)).toThrow(/expected RULE:DELAY\/CROSSFADE .* such as local:20\/8/);
    },
  );

  test("learn with the rate of the preset unless others are tried", () => {
    for (const rule of STUDY_RULES) expect(etasOf(rule)[0]).toBe(rule === "exact" ? 1e-2 : 2e-3);
  });
});

// ---- plans --------------------------------------------------------------------------------------------------

const [local, readOut] = ["local:20/8", "read-out-only:17/0"].map(studyConditionNamed);
if (!local || !readOut) throw new Error("two conditions");
const plan: StudyPlan = { conditions: [local, readOut], seeds: [1, 2], steps: 40, tune: true };

function resultOf(change: Partial<StudyResult>): StudyResult {
  const outcome = { validation: 0.5, test: 0.5, seconds: 1, adapter: "f64 reference" };
  return { ...(local as StudyResult), seed: 1, eta: 2e-3, steps: 40, ...outcome, ...change };
}

describe("a plan", () => {
  test("tries all rates with the first seed, and the best on validation images with the others", () => {
    expect(taskCount(plan)).toBe(8);
    expect(taskCount({ ...plan, tune: false })).toBe(4);
    const results = [2e-3, 1e-3, 5e-4].map((eta, i) =>
      resultOf({ eta, validation: [0.5, 0.9, 0.6][i] ?? 0, test: 1 - i / 10 }),
    );
    expect(nextTask(plan, [])).toEqual({ ...local, seed: 1, eta: 2e-3 });
    expect(nextTask(plan, results.slice(0, 1))).toEqual({ ...local, seed: 1, eta: 1e-3 });
    expect(nextTask(plan, results)).toEqual({ ...readOut, seed: 1, eta: 2e-3 });
    const others = [2e-3, 1e-3, 5e-4].map((eta) => resultOf({ ...readOut, eta }));
    const next = nextTask(plan, [...results, ...others]);
    expect(next).toEqual({ ...local, seed: 2, eta: 1e-3 });
    const last = resultOf({ seed: 2, eta: 1e-3, test: 0.7 });
    expect(chosenOf(plan, local, [...results, ...others, last]).map(({ test }) => test)).toEqual([0.9, 0.7]);
    // Of equals the usual one.
    expect(chosenOf(plan, readOut, others).map(({ eta }) => eta)).toEqual([2e-3]);
    const all = [...results, ...others, last, resultOf({ ...readOut, seed: 2 })];
    expect(nextTask(plan, all)).toBeNull();
    expect(doneOf(plan, all)).toHaveLength(8);
  });

  test("does not count what belongs to another one", () => {
    const strangers = [
      resultOf({ steps: 80 }),
      resultOf({ seed: 3 }),
      resultOf({ crossfade: 6 }),
      resultOf({ eta: 1 }),
    ];
    expect(doneOf(plan, strangers)).toEqual([]);
    expect(nextTask(plan, strangers)).toEqual({ ...local, seed: 1, eta: 2e-3 });
  });
});

// ---- runs ---------------------------------------------------------------------------------------------------

const adapter = { vendor: "", architecture: "", description: "f64 reference", software: true };

/** Simulators that answer at random and count how many are open. */
function workplace(report: (event: StudyEvent) => void, signal?: AbortSignal) {
  const count = { open: 0, made: 0 };
  const createSimulator: CreateSimulator = (_, { batch = 1, seed = 0 }) => {
    count.open += 1;
    count.made += 1;
    const simulator = {
      adapter,
      device: {},
      async *run({ steps }: { readonly steps: number }) {
        const rates = Float32Array.from({ length: steps * batch * 10 }, (_, i) => ((i + seed) * 7919) % 10);
        yield await Promise.resolve({ traces: [rates], loss: 1, steps, stepsPerSecond: 1, seconds: 1 });
      },
      read: () => Promise.resolve(new Float32Array(1)),
      write: () => undefined,
      reset: () => undefined,
      destroy: () => void (count.open -= 1),
    };
    return Promise.resolve(simulator as unknown as Awaited<ReturnType<CreateSimulator>>);
  };
  const place = { digits: () => Promise.resolve(digits), createSimulator, report, ...(signal && { signal }) };
  return { place, count };
}

describe("a study", () => {
  const short: StudyPlan = { ...plan, tune: false };

  test("tells the adapter once, its progress and every result, and leaves nothing behind", async () => {
    const events: StudyEvent[] = [];
    const { place, count } = workplace((event) => void events.push(event));
    const results = await runStudy({ plan: short, done: [] }, place);
    expect(results).toHaveLength(4);
    expect(count.open).toBe(0);
    expect(events.filter(({ kind }) => kind === "adapter")).toHaveLength(1);
    expect(events.filter(({ kind }) => kind === "result")).toHaveLength(4);
    const progress = events.flatMap((event) => (event.kind === "progress" ? [event.progress] : []));
    expect(progress.map(({ done }) => done)).toEqual([0, 1, 2, 3]);
    expect(progress.every(({ total, step }) => total === 4 && step === 40)).toBe(true);
    for (const { validation, test, steps, adapter: name } of results) {
      expect(validation).toBeGreaterThan(0);
      expect(test).toBeLessThan(0.5);
      expect([steps, name]).toEqual([40, "f64 reference"]);
    }
  });

  test("that was stopped goes on and comes to the same results", async () => {
    const whole = await runStudy({ plan: short, done: [] }, workplace(() => undefined).place);
    const stopping = new AbortController();
    const kept: StudyResult[] = [];
    const first = workplace((event) => {
      if (event.kind === "result") kept.push(event.result);
      if (kept.length === 2) stopping.abort(new Error("stopped"));
    }, stopping.signal);
    await expect(runStudy({ plan: short, done: [] }, first.place)).rejects.toThrow("stopped");
    expect(first.count.open).toBe(0);
    expect(kept).toHaveLength(2);
    let counted = 0;
    const second = workplace((event) => void (counted += Number(event.kind === "result")));
    const all = await runStudy({ plan: short, done: kept }, second.place);
    expect(counted).toBe(2);
    const timeless = (results: readonly StudyResult[]) => results.map((result) => ({ ...result, seconds: 0 }));
    expect(timeless(all)).toEqual(timeless(whole));
  });

  test.each([
    [{ steps: 50 }, /^steps is 50; expected whole windows of 40 steps.* such as 40\.$/],
    [{ conditions: [] }, /^conditions are none/],
    [{ seeds: [] }, /^seeds are none/],
  ])("is refused with %j", async (change, message) => {
    const { place, count } = workplace(() => undefined);
    const failed = runStudy({ plan: { ...short, ...change }, done: [] }, place);
    await expect(failed).rejects.toThrow(SpecError);
    await expect(failed).rejects.toThrow(message);
    expect(count.made).toBe(0);
  });
});
