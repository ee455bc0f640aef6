/** Training on simulators that compute: the f64 reference in their place, and a network in small. */

import { describe, expect, it } from "vitest";
import type { AdapterFacts } from "../../src/device.ts";
import { tunings } from "../../src/layout.ts";
import { layered } from "../../src/spec.ts";
import { DIGIT_PIXELS, type DigitSet } from "../../src/tasks/digits.ts";
import { conditionsOf, type Preset, previousDigit, RULES } from "../../src/tasks/presets.ts";
import { createDigitStream } from "../../src/tasks/previous-digit.ts";
import { kernelOptions } from "../../src/train/kernels.ts";
import { type CreateSimulator, type Trainable, trainRules } from "../../src/train/train.ts";
import { createReferenceSimulator } from "./reference-simulator.ts";

const set: DigitSet = {
  count: 10,
  pixels: new Float32Array(10 * DIGIT_PIXELS).map((_, i) => Math.floor(i / DIGIT_PIXELS) / 10),
  labels: Uint8Array.from({ length: 10 }, (_, i) => i),
};
const facts: AdapterFacts = { vendor: "none", architecture: "", description: "a stand-in", software: true };

describe("training on the reference", () => {
  const layer = { size: 6, tauM: [10, 5, 10], tauR: [10, 1, 1], activation: "tanh" } as const;
  const tiny: Preset = {
    ...previousDigit,
    batch: 3,
    block: 2,
    evaluation: { lanes: 4, presentations: 5, skip: 3, seed: 1 },
    network: layered({
      dt: 1,
      input: DIGIT_PIXELS,
      hidden: [layer, layer],
      output: { size: 10, tauM: 10, tauR: 10, activation: "linear" },
      cost: { kind: "cross-entropy" },
    }),
  };
  /** With what a run needs besides; -1 stands for no target. */
  const create: CreateSimulator = async (network, options) => {
    const simulator = await createReferenceSimulator(network, options);
    const run: Trainable["run"] = (given) =>
      simulator.run({ target: new Float32Array(given.steps * (options.batch ?? 1)).fill(-1), ...given });
    return { ...simulator, run, adapter: facts, device: {} as GPUDevice };
  };

  it("every rule learns in its own way from the same start", async () => {
    const conditions = conditionsOf(RULES, [8, 0]);
    const base = { preset: tiny, digits: { train: set, test: set }, seed: 7, steps: 80, conditions };
    const { summary, curves } = await trainRules({ ...base, createSimulator: create });
    const windows = tiny.evaluation.lanes * (tiny.evaluation.presentations - tiny.evaluation.skip);
    for (const { testAccuracy } of summary.results) expect(Number.isInteger(testAccuracy * windows)).toBe(true);
    const losses = curves.map(({ points }) => points.map(({ loss }) => loss));
    for (const [first = NaN, second = NaN] of losses) expect(first + second).toBeGreaterThan(0);
    expect(new Set(losses.map(([first]) => first)).size).toBe(conditions.length);

    const { input, target } = createDigitStream({ images: set, lanes: 3, seed: 7, fade: 0 }).next(2);
    const untouched = await create(tiny.network, { batch: 3, seed: 7, learning: { errors: "none" } });
    for await (const { loss } of untouched.run({ input, target, steps: 40, learn: false })) {
      // The exact rule learns only after its first window; all others from the first error on.
      const firstLosses = losses.slice(5).map(([first = NaN]) => Math.abs(first - loss));
      expect(firstLosses.map((difference) => difference > 1e-6)).toEqual([true, true, true, true, false]);
      // The same sum, in f64.
      expect(firstLosses[4]).toBeLessThan(1e-12);
    }
  });

  it("lets what trains choose its kernels, and tests with the default ones", async () => {
    const choice = { name: "4 quads of columns", gain: 1.2, tuning: tunings.gpu };
    const given: unknown[] = [];
    const createSimulator: CreateSimulator = (network, { tunings: store, tuning, ...options }) => {
      given.push([options.learning?.errors, store?.get("a"), tuning]);
      return create(network, options);
    };
    const conditions = conditionsOf(["local", "instantaneous"], [0]);
    const base = { preset: tiny, digits: { train: set, test: set }, steps: 20, conditions, createSimulator };
    await trainRules({ ...base, kernels: kernelOptions({ kept: { a: choice } }) });
    await trainRules({ ...base, kernels: kernelOptions(choice) });
    await trainRules({ ...base, kernels: kernelOptions(null) });
    expect(given).toEqual([
      ["local", choice, undefined],
      ["instantaneous", choice, undefined],
      ["none", undefined, undefined],
      ["local", undefined, tunings.gpu],
      ["instantaneous", undefined, tunings.gpu],
      ["none", undefined, undefined],
      ["local", undefined, undefined],
      ["instantaneous", undefined, undefined],
      ["none", undefined, undefined],
    ]);
  });
});
