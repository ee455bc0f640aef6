import { describe, expect, it } from "vitest";
import { loadDigits } from "../../src/cli/digits-data.ts";
import { SpecError } from "../../src/errors.ts";
import { resolveLearning, resolveNetwork } from "../../src/spec.ts";
import { DIGIT_PIXELS, type DigitSet } from "../../src/tasks/digits.ts";
import {
  bandOf,
  conditionName,
  conditionsOf,
  crossfadesOf,
  previousDigit,
  previousDigitHard,
  presetNamed,
  presets,
  RULES,
  rulesOf,
  setupOf,
  stepUnit,
  within,
  type Rule,
} from "../../src/tasks/presets.ts";
import { createDigitStream, scoreWindows } from "../../src/tasks/previous-digit.ts";

/** Ten images: image c has class c, and every pixel is (c + 1) / 16, so that blends by eighths are exact. */
const flat: DigitSet = {
  count: 10,
  pixels: Float32Array.from({ length: 10 * DIGIT_PIXELS }, (_, i) => (Math.floor(i / DIGIT_PIXELS) + 1) / 16),
  labels: Uint8Array.from({ length: 10 }, (_, i) => i),
};
const inkOf = (label: number): number => (label < 0 ? 0 : (label + 1) / 16);

/** The grey of each step of one presentation in one lane. */
function greys(input: Float32Array, presentation: number, lane: number, lanes: number, period = 20): number[] {
  return Array.from(
    { length: period },
    (_, k) => input[((presentation * period + k) * lanes + lane) * DIGIT_PIXELS] ?? Number.NaN,
  );
}

describe("the stream of digits", () => {
  it("fades each digit into the next over 8 of 20 steps, the first from blank paper", () => {
    const { frames, input, labels } = createDigitStream({ images: flat, lanes: 2, seed: 5 }).next(4);
    expect(frames).toBe(80);
    expect(input).toHaveLength(80 * 2 * DIGIT_PIXELS);
    for (const lane of [0, 1]) {
      // The labels name the previous digits: those of presentations 1, 2, 3 are what 0, 1, 2 showed.
      const shown = [1, 2, 3].map((presentation) => labels[presentation * 2 + lane] ?? -1);
      shown.forEach((label, presentation) => {
        const before = inkOf(shown[presentation - 1] ?? -1);
        const now = inkOf(label);
        const expected = Array.from({ length: 20 }, (_, k) => (k < 8 ? before + ((now - before) * (k + 1)) / 8 : now));
        expect(greys(input, presentation, lane, 2)).toEqual(expected);
      });
    }
  });

  it("has as target the class of the previous digit at every step, and none at first", () => {
    const { target, labels } = createDigitStream({ images: flat, lanes: 3, seed: 9 }).next(5);
    expect([...labels.subarray(0, 3)]).toEqual([-1, -1, -1]);
    expect(labels.subarray(3).every((label) => label >= 0 && label <= 9)).toBe(true);
    for (let frame = 0; frame < 100; frame++) {
      const due = labels.subarray(3 * Math.floor(frame / 20), 3 * Math.floor(frame / 20) + 3);
      expect([...target.subarray(3 * frame, 3 * frame + 3)]).toEqual([...due]);
    }
  });

  it.each([0, 1])("switches hard with a fade of %i", (fade) => {
    const { input, labels } = createDigitStream({ images: flat, lanes: 1, seed: 3, fade }).next(3);
    for (const presentation of [0, 1]) {
      expect(new Set(greys(input, presentation, 0, 1))).toEqual(new Set([inkOf(labels[presentation + 1] ?? -1)]));
    }
  });

  it("leaves a fade unfinished that is longer than the presentation", () => {
    const { input, labels } = createDigitStream({ images: flat, lanes: 1, seed: 3, period: 4, fade: 8 }).next(2);
    const now = inkOf(labels[1] ?? -1);
    expect(greys(input, 0, 0, 1, 4)).toEqual([now / 8, now / 4, (3 * now) / 8, now / 2]);
  });

  it("is the same in one piece and in many", () => {
    const whole = createDigitStream({ images: flat, lanes: 2, seed: 1 }).next(6);
    const stream = createDigitStream({ images: flat, lanes: 2, seed: 1 });
    const pieces = [1, 3, 2].map((presentations) => structuredClone(stream.next(presentations)));
    const joined = (part: "input" | "target" | "labels"): number[] => pieces.flatMap((piece) => [...piece[part]]);
    expect(joined("input")).toEqual([...whole.input]);
    expect(joined("target")).toEqual([...whole.target]);
    expect(joined("labels")).toEqual([...whole.labels]);
  });

  it("reuses its arrays for pieces of equal length", () => {
    const stream = createDigitStream({ images: flat, lanes: 1, seed: 1 });
    expect(stream.next(2).input).toBe(stream.next(2).input);
  });

  it("depends on the seed, and its lanes on their own draws", () => {
    const labels = (seed: number): string =>
      createDigitStream({ images: flat, lanes: 2, seed }).next(40).labels.join(" ");
    expect(labels(1)).toBe(labels(1));
    expect(labels(1)).not.toBe(labels(2));
    const drawn = createDigitStream({ images: flat, lanes: 2, seed: 1 }).next(40).labels;
    const lane = (n: number): string => drawn.filter((_, i) => i % 2 === n).join(" ");
    expect(lane(0)).not.toBe(lane(1));
  });

  it("draws every image equally often", () => {
    const { labels } = createDigitStream({ images: flat, lanes: 100, seed: 2, period: 1 }).next(41);
    const counts = new Array<number>(10).fill(0);
    for (const label of labels) if (label >= 0) counts[label] = (counts[label] ?? 0) + 1;
    // 4,000 draws: 400 of each, standard deviation 19; four of them either side.
    for (const count of counts) expect(Math.abs(count - 400)).toBeLessThan(76);
  });

  it("shows the same test sequence on every machine", async () => {
    const { test } = await loadDigits();
    const { labels } = createDigitStream({ images: test, lanes: 200, seed: 1 }).next(2);
    expect(labels.subarray(200, 220).join(" ")).toBe("1 4 6 0 0 4 9 1 3 3 6 5 7 9 2 7 0 9 7 6");
  });

  it.each([
    ["lanes", { lanes: 0 }, /stream\.lanes is 0; expected an integer of at least 1/],
    ["period", { period: 1.5 }, /stream\.period is 1\.5/],
    ["fade", { fade: -1 }, /stream\.fade is -1; expected an integer of at least 0/],
    ["images", { images: { ...flat, count: 0 } }, /stream\.images\.count is 0/],
  ])("refuses %s that make no stream", (_, wrong, message) => {
    const make = (): unknown => createDigitStream({ images: flat, lanes: 1, seed: 1, ...wrong });
    expect(make).toThrow(SpecError);
    expect(make).toThrow(message);
    expect(() => createDigitStream({ images: flat, lanes: 1, seed: 1 }).next(0)).toThrow(/presentations is 0/);
  });
});

describe("the score of windows", () => {
  const shape = { lanes: 2, classes: 3, period: 2 };
  // [step][lane][class]; windows of two steps.
  const rates = Float32Array.from(
    [
      [9, 0, 0, /**/ 0, 9, 0],
      [9, 0, 0, /**/ 0, 9, 0],
      // Lane 0: step by step classes 0 and 2 win, their sum says 2. Lane 1: a tie of 0 and 1 goes to 0.
      [2, 0, 1, /**/ 1, 0, -5],
      [0, 0, 2, /**/ 0, 1, -5],
      [-1, -3, -2, /**/ 0, 0, 1],
      [-1, -3, -2, /**/ 0, 0, 1],
    ].flat(),
  );

  it("adds the rates of a presentation and takes the largest sum", () => {
    expect(scoreWindows(rates, Int8Array.from([-1, -1, 2, 0, 0, 2]), shape)).toEqual({ correct: 4, counted: 4 });
    expect(scoreWindows(rates, Int8Array.from([-1, 1, 0, 1, 1, 2]), shape)).toEqual({ correct: 2, counted: 5 });
  });

  it("leaves the first windows out", () => {
    expect(scoreWindows(rates, Int8Array.from([0, 0, 2, 0, 1, 2]), { ...shape, skip: 1 })).toEqual({
      correct: 3,
      counted: 4,
    });
    expect(scoreWindows(rates, Int8Array.from([0, 0, 2, 0, 1, 2]), { ...shape, skip: 3 })).toEqual({
      correct: 0,
      counted: 0,
    });
  });

  it("refuses rates of other presentations", () => {
    expect(() => scoreWindows(rates, new Int8Array(4), shape)).toThrow(
      /have 36 values; expected 24 for 2 presentations/,
    );
  });
});

describe("the preset", () => {
  it("is the network that was measured", () => {
    const { populations, projections } = resolveNetwork(previousDigit.network);
    expect(populations.map(({ size }) => size)).toEqual([64, 64, 10]);
    const weights = projections.reduce((sum, { pre, post }) => sum + pre * post, 0);
    expect(weights).toBe(17_280);
    expect(weights + populations.reduce((sum, { size }) => sum + size, 0)).toBe(17_418);
    for (const { tauM, tauR } of populations.slice(0, 2)) {
      const pairs = Array.from(tauM, (value, i) => `${value}/${tauR[i]}`);
      expect(pairs.filter((pair) => pair === "10/10")).toHaveLength(21);
      expect(pairs.filter((pair) => pair === "5/1")).toHaveLength(22);
      expect(pairs.filter((pair) => pair === "10/1")).toHaveLength(21);
    }
    const bounds = [...projections, ...populations.map(({ bias }) => bias)].map(({ init }) =>
      init.kind === "uniform" ? init.bound : 0,
    );
    const expected = [1.7 / 14, 1.7 / 8, 1.7 / 8];
    [...expected, ...expected].forEach((bound, i) => expect(bounds[i]).toBeCloseTo(bound, 12));
  });

  it("scores 1,800 test windows", () => {
    const { lanes, presentations, skip } = previousDigit.evaluation;
    expect(lanes * (presentations - skip)).toBe(1800);
  });

  it("changes with the rule only what the rule says", () => {
    const { network: free, optimizer, schedule } = previousDigit;
    const learningOf = (rule: Rule): unknown => {
      const setup = setupOf(previousDigit, rule);
      expect(setup.network).toBe(free);
      return setup.learning;
    };
    expect(learningOf("local")).toEqual({ errors: "local", optimizer });
    expect(learningOf("matched traces")).toEqual({ errors: "local", traces: "matched", optimizer });
    expect(learningOf("instantaneous")).toEqual({ errors: "instantaneous", optimizer });
    expect(learningOf("exact")).toEqual({ errors: "adjoint", window: 40, optimizer });
    for (const rule of RULES) {
      const eta = rule === "exact" ? 1e-2 : 2e-3;
      expect(setupOf(previousDigit, rule).schedule).toEqual({ ...schedule, eta });
      expect(() => resolveLearning(setupOf(previousDigit, rule).learning)).not.toThrow();
    }
  });

  it("keeps all but the read-out fixed where only that learns", () => {
    const { network, learning } = setupOf(previousDigit, "read-out only");
    const { populations, projections } = resolveNetwork(network);
    expect(learning.errors).toBe("local");
    expect(projections.map(({ plastic }) => plastic)).toEqual([false, false, true]);
    expect(populations.map(({ bias }) => bias.plastic)).toEqual([false, false, true]);
    const free = resolveNetwork(previousDigit.network);
    expect(free.projections.every(({ plastic }) => plastic)).toBe(true);
    expect(projections.map(({ init }) => init)).toEqual(free.projections.map(({ init }) => init));
    expect(populations.map(({ bias }) => bias.init)).toEqual(free.populations.map(({ bias }) => bias.init));
  });

  it("accepts what was measured and tells the rules apart", () => {
    const measured = {
      4_000: { local: [0.785, 0.793, 0.783], instantaneous: [0.543, 0.569], "read-out only": [0.603, 0.582, 0.616] },
      8_000: { local: [0.817, 0.803, 0.799], instantaneous: [0.515, 0.548], "read-out only": [0.646, 0.63, 0.657] },
      16_000: { local: [0.821, 0.845], instantaneous: [0.53, 0.58], "read-out only": [0.663, 0.7] },
      60_000: { local: [0.862, 0.868], instantaneous: [0.519, 0.551], "read-out only": [0.722, 0.732] },
    };
    for (const [key, accuracies] of Object.entries(measured)) {
      const fits = fitsAt(8, Number(key), ["local", "instantaneous", "read-out only"]);
      for (const accuracy of accuracies.local) expect(fits(accuracy)).toEqual([true, false, false]);
      // Short runs leave the two controls too close to tell them apart for sure.
      for (const accuracy of accuracies.instantaneous) expect(fits(accuracy).slice(0, 2)).toEqual([false, true]);
      for (const accuracy of accuracies["read-out only"])
        expect([fits(accuracy)[0], fits(accuracy)[2]]).toEqual([false, true]);
      expect(fits(0.1)).toEqual([false, false, false]);
    }
  });

  it("expects the published rule to fail at hard switches, and matched traces to learn as the exact rule does", () => {
    const fits = fitsAt(0, 16_000, RULES);
    for (const accuracy of [0.197, 0.209, 0.184, 0.24])
      expect(fits(accuracy)).toEqual([true, false, false, false, false]);
    for (const accuracy of [0.824, 0.834, 0.823, 0.819, 0.831, 0.818]) {
      expect(fits(accuracy)).toEqual([false, true, false, false, true]);
    }
    for (const accuracy of [0.363, 0.309]) expect(fits(accuracy).slice(1)).toEqual([false, true, false, false]);
    expect(fits(0.627)).toEqual([false, false, false, true, false]);
    const faded = fitsAt(8, 16_000, ["matched traces", "exact"]);
    for (const accuracy of [0.853, 0.845, 0.839, 0.841, 0.823, 0.832]) expect(faded(accuracy)).toEqual([true, true]);
  });

  it("knows no band where none was measured", () => {
    const local = { rule: "local", crossfade: 8 } as const;
    expect(bandOf(previousDigit, local, 16_000)).toBeDefined();
    expect(bandOf(previousDigit, local, 1000)).toBeUndefined();
    expect(bandOf(previousDigit, { ...local, crossfade: 3 }, 16_000)).toBeUndefined();
    expect(within([0.2, 0.3], 0.2)).toBe(true);
    expect(within([0.2, 0.3], 0.3001)).toBe(false);
    expect(within([0.2, 0.3], Number.NaN)).toBe(false);
  });

  it("is found by its name", () => {
    for (const preset of presets) expect(presetNamed(preset.name)).toBe(preset);
    expect(() => presetNamed("constructor")).toThrow(
      /preset is "constructor"; there are: previous-digit, previous-digit-hard\./,
    );
  });

  it("divides its runs into whole blocks and windows, and knows what to expect of them", () => {
    const { budgets, block, period, adjoint } = previousDigit;
    expect(adjoint.window % period).toBe(0);
    expect((block * period) % adjoint.window).toBe(0);
    for (const steps of Object.values(budgets)) {
      expect(steps % (block * period)).toBe(0);
      expect(bandOf(previousDigit, { rule: "local", crossfade: 8 }, steps)).toBeDefined();
      expect(bandOf(previousDigit, { rule: "matched traces", crossfade: 0 }, steps)).toBeDefined();
    }
    expect(stepUnit(previousDigit, previousDigit.conditions)).toBe(20);
    expect(stepUnit(previousDigitHard, previousDigitHard.conditions)).toBe(40);
  });

  it("compares four rules on fades and two on hard switches, the other preset all on hard switches", () => {
    const { conditions } = previousDigit;
    expect(conditions.map(conditionName)).toEqual([
      "local, crossfade 8",
      "matched traces (ours), crossfade 8",
      "instantaneous, crossfade 8",
      "read-out only, crossfade 8",
      "local, hard switches",
      "matched traces (ours), hard switches",
    ]);
    expect(crossfadesOf(conditions)).toEqual([8, 0]);
    expect(rulesOf(conditions)).toEqual(["local", "matched traces", "instantaneous", "read-out only"]);
    const { name, title, conditions: hard, ...shared } = previousDigitHard;
    expect(hard).toEqual(conditionsOf(RULES, [0]));
    expect({ name, title }).toEqual({
      name: "previous-digit-hard",
      title: "Name the previous digit after hard switches",
    });
    expect(previousDigit).toMatchObject(shared);
  });
});

/** For a run of so many steps: which of the rules an accuracy could be of. */
function fitsAt(crossfade: number, steps: number, rules: readonly Rule[]) {
  const bands = rules.map((rule) => bandOf(previousDigit, { rule, crossfade }, steps));
  return (accuracy: number): (boolean | undefined)[] => bands.map((band) => band && within(band, accuracy));
}
