import { describe, expect, test } from "vitest";
import type { Reference } from "../../../src/reference/index.ts";
import type { LearningSpec, NetworkSpec } from "../../../src/spec.ts";
import { SpecError } from "../../../src/errors.ts";
import {
  ACCUMULATE,
  distance,
  expectNear,
  placesOf,
  randomGraph,
  randomSteps,
  stack,
  start,
  take,
  type Place,
  type StackOptions,
} from "./graphs.ts";

/**
 * Aligned lags (ours), in jacobi: an error that comes to a layer d projections below the cost meets the slope of 2 d steps
 * before the one that it would meet, and the rates and du/dt of 2 d + 1 steps before.
 */

const ALIGNED = { lagAligned: true, ...ACCUMULATE } as const;
const BATCH = 2;
const sizes = [2, 4, 3, 3, 2];
/** Layers of neurons; they are called "1" to "4". */
const L = sizes.length - 1;

function network(options: Pick<StackOptions, "schedule"> & Partial<StackOptions>): NetworkSpec {
  return stack({
    dt: 0.1,
    sizes,
    tauM: (layer, i) => 1 + 0.4 * i + 0.1 * layer,
    tauR: (layer, i) => 1 + 0.3 * ((i + layer) % 3),
    plastic: "all",
    ...options,
  });
}

/** The layer of a place, or whose weights enter it. */
const layerOf = (place: Place): number => Number("from" in place ? place.to : place.population);

describe("in a stack without biases, aligned jacobi with target delay 1 is the sweep, late", () => {
  const rules: [string, LearningSpec][] = [
    ["local errors", {}],
    ["instantaneous errors", { errors: "instantaneous" }],
    ["matched traces", { traces: "matched" }],
    ["corrected gain", { gain: "corrected" }],
    ["random feedback", { feedback: "random" }],
  ];

  test.each(rules)("%s: errors and gradients of a layer come L + d steps later, to the last bit", (_, learning) => {
    const spec = network({ schedule: "sweep", bias: false });
    const sweep = start(spec, { ...learning, ...ACCUMULATE }, BATCH);
    const late = network({ schedule: "jacobi", targetDelay: 1, bias: false });
    const jacobi = start(late, { ...learning, ...ALIGNED }, BATCH);
    const places = placesOf(spec).filter((place) => "from" in place || place.of !== "bias");
    const record = (reference: Reference) => ({
      errors: spec.populations.map(({ name }) => reference.read("error", name)),
      gradients: places.map((place) => reference.read("firstMoment", place)),
    });

    const steps = randomSteps(spec, 60, BATCH, 5);
    const expected = steps.map(({ input, target }) => {
      sweep.step(input, target);
      return record(sweep);
    });
    // The output of jacobi is L - 1 steps behind that of the sweep, and so is its target.
    const actual = steps.map(({ input }, k) => {
      jacobi.step(input, steps[k - (L - 1)]?.target ?? null);
      return record(jacobi);
    });
    for (const [k, { errors, gradients }] of actual.entries()) {
      for (const [index, error] of errors.entries()) {
        const layer = index + 1;
        const same = expected[k - (2 * L - layer)]?.errors[index];
        if (same === undefined) expect(Math.max(...error.map(Math.abs))).toBe(0);
        else expect(error).toEqual(same);
      }
      for (const [index, place] of places.entries()) {
        const same = expected[k - (2 * L - layerOf(place))]?.gradients[index];
        if (same === undefined) expect(Math.max(...(gradients[index] ?? []).map(Math.abs))).toBe(0);
        else expect(gradients[index]).toEqual(same);
      }
    }
  });
});

/** What is kept of every step, by layer: [batch][neurons]. Layer 0 has rates only. */
interface Snapshot {
  readonly rate: Float64Array[];
  readonly slope: Float64Array[];
  readonly feedback: Float64Array[];
  readonly error: Float64Array[];
  readonly topDown: Float64Array[];
  readonly potentialDerivative: Float64Array[];
}

function snapshotOf(reference: Reference): Snapshot {
  const read = (quantity: Exclude<keyof Snapshot, "rate">): Float64Array[] =>
    sizes.map((_, layer) => (layer === 0 ? new Float64Array() : reference.read(quantity, String(layer))));
  return {
    rate: sizes.map((_, layer) => reference.read("rate", String(layer))),
    slope: read("slope"),
    feedback: read("feedback"),
    error: read("error"),
    topDown: read("topDown"),
    potentialDerivative: read("potentialDerivative"),
  };
}

/** Sum over steps and batch rows of signal [step][batch][post] times activity [step][batch][pre]: [post][pre]. */
function outerSum(signal: readonly Float64Array[], activity: readonly (Float64Array | undefined)[]): number[] {
  const post = (signal[0]?.length ?? NaN) / BATCH;
  const pre = (activity.find((values) => values !== undefined)?.length ?? NaN) / BATCH;
  const sums = new Array<number>(post * pre).fill(0);
  for (const [k, values] of signal.entries()) {
    for (const [place] of sums.entries()) {
      for (let lane = 0; lane < BATCH; lane++) {
        const r = activity[k]?.[lane * pre + (place % pre)] ?? 0;
        sums[place] = (sums[place] ?? NaN) + (values[lane * post + Math.floor(place / pre)] ?? NaN) * r;
      }
    }
  }
  return sums;
}

function productSum(signal: readonly Float64Array[], other: readonly (Float64Array | undefined)[]): number[] {
  const size = (signal[0]?.length ?? NaN) / BATCH;
  const sums = new Array<number>(size).fill(0);
  for (const [k, values] of signal.entries()) {
    for (const [i, value] of values.entries()) sums[i % size] = (sums[i % size] ?? NaN) + value * (other[k]?.[i] ?? 0);
  }
  return sums;
}

describe("delays", () => {
  test.each([true, false])("of slopes are 2 d, of rates and du/dt 2 d + 1 (aligned: %s)", (isAligned) => {
    const spec = network({ schedule: "jacobi", beta: 0.6 });
    const reference = start(spec, isAligned ? ALIGNED : ACCUMULATE, BATCH);
    const steps = randomSteps(spec, 40, BATCH, 8);
    const snapshots = steps.map(({ input, target }) => {
      reference.step(input, target);
      return snapshotOf(reference);
    });

    for (const layer of [1, 2, 3, 4]) {
      const d = L - layer;
      const [ofSlopes, ofRates] = isAligned ? [2 * d, 2 * d + 1] : [0, 0];
      // alpha(k) = slope (feedback(k - 1) + pull(r(k - 1), y(k))), with the slope of step k - 1 - 2 d.
      for (const [k, { topDown }] of snapshots.entries()) {
        const target = (steps[k]?.target as { [layer: string]: number[] } | null)?.[layer];
        const expected = (topDown[layer] ?? new Float64Array()).map((_, i) => {
          const r = snapshots[k - 1]?.rate[layer]?.[i] ?? 0;
          const pull = layer === L ? 0.6 * ((target?.[i] ?? NaN) - r) : 0;
          const slope = snapshots[k - 1 - ofSlopes]?.slope[layer]?.[i] ?? 0;
          return slope * ((snapshots[k - 1]?.feedback[layer]?.[i] ?? 0) + pull);
        });
        expectNear(topDown[layer] ?? [], expected, 1e-14);
      }
      const errors = snapshots.map(({ error }) => error[layer] ?? new Float64Array());
      const alphas = snapshots.map(({ topDown }) => topDown[layer] ?? new Float64Array());
      // A source's rates are those of the step itself, a population's those of the step before.
      const entering = snapshots.map((_, k) => snapshots[k - ofRates - (layer === 1 ? 0 : 1)]?.rate[layer - 1]);
      const derivatives = snapshots.map((_, k) => snapshots[k - ofRates]?.potentialDerivative[layer]);
      const ones = snapshots.map(({ error }) => error[layer]?.map(() => 1));
      const [population, negative] = [String(layer), (value: number) => -value / BATCH];
      const gradients: [Place, number[]][] = [
        [{ from: String(layer - 1), to: population }, outerSum(errors, entering).map(negative)],
        [{ population, of: "bias" }, productSum(errors, ones).map(negative)],
        [{ population, of: "tauM" }, productSum(errors, derivatives).map((value) => value / BATCH)],
        [{ population, of: "tauR" }, productSum(alphas, derivatives).map(negative)],
      ];
      // Sums of 80 products in another order.
      for (const [place, expected] of gradients) expectNear(reference.read("firstMoment", place), expected, 1e-13);
    }
  });

  test("change what is learnt, and leave rates alone", () => {
    const spec = network({ schedule: "jacobi" });
    const steps = randomSteps(spec, 40, BATCH, 8);
    const [plain, aligned] = [ACCUMULATE, ALIGNED].map((learning) => {
      const reference = start(spec, learning, BATCH);
      take(reference, steps);
      return reference;
    });
    if (plain === undefined || aligned === undefined) throw new Error("two runs");
    for (const place of placesOf(spec)) {
      // The bias of the output alone meets no slope that changes and no rate.
      const isExact = "of" in place && place.of === "bias" && place.population === "4";
      const far = distance(aligned.read("firstMoment", place), plain.read("firstMoment", place));
      if (isExact) expect(far).toBe(0);
      else expect(far).toBeGreaterThan(0.01);
    }
    expect(aligned.read("rate", "4")).toEqual(plain.read("rate", "4"));
  });

  test("are cleared by reset", () => {
    const spec = network({ schedule: "jacobi" });
    const steps = randomSteps(spec, 40, BATCH, 8);
    const [reset, fresh] = [start(spec, ALIGNED, BATCH), start(spec, ALIGNED, BATCH)];
    take(reset, steps.slice(0, 15), false);
    reset.reset();
    for (const reference of [reset, fresh]) take(reference, steps);
    for (const place of placesOf(spec)) {
      expect(reset.read("firstMoment", place)).toEqual(fresh.read("firstMoment", place));
    }
  });

  test("cannot be told where errors come on several ways, or in a sweep", () => {
    for (const schedule of ["jacobi", "sweep"] as const) {
      expect(() => start(randomGraph(1, { schedule }), ALIGNED)).toThrow(SpecError);
      expect(() => start(randomGraph(1, { schedule }), ALIGNED)).toThrow("learning.lagAligned is true, but");
    }
  });
});
