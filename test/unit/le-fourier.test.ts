/** Fourier synthesis with and without look-ahead, on the f64 reference, and what the command shows of it. */

import { tmpdir } from "node:os";
import { describe, expect, test } from "vitest";
import {
  agreesOf,
  readSynthesisOptions,
  synthesisFigure,
  synthesisHelp,
  synthesisLines,
} from "../../src/cli/le-fourier.ts";
import { UsageError } from "../../src/cli/options.ts";
import { SpecError } from "../../src/errors.ts";
import { resolveNetwork } from "../../src/spec.ts";
import { bestSumOfSines, fitOf, synthesisLearning, synthesisNetwork, synthesisOf } from "../../src/tasks/le-fourier.ts";
import { synthesize, type Synthesis, type SynthesisEvent, type SynthesisRequest } from "../../src/train/le-fourier.ts";
import type { CreateSimulator } from "../../src/train/train.ts";
import { createReferenceSimulator } from "./reference-simulator.ts";

const adapter = { vendor: "", architecture: "", description: "f64 reference", software: true };
const request: SynthesisRequest = { seed: 1234, steps: 12_000, networks: ["look-ahead", "no look-ahead"] };

function workplace(): { readonly createSimulator: CreateSimulator; readonly count: { open: number } } {
  const count = { open: 0 };
  const createSimulator: CreateSimulator = async (network, options) => {
    const simulator = await createReferenceSimulator(network, options);
    count.open += 1;
    const destroy = (): void => void (count.open -= 1);
    return { ...simulator, adapter, destroy };
  };
  return { createSimulator, count };
}

describe("the task", () => {
  test("is that of the published code", () => {
    const task = synthesisOf(120_000);
    expect(task).toMatchObject({ dt: 0.005, learned: 80_000, steps: 120_000 });
    const { sources, populations } = resolveNetwork(synthesisNetwork("look-ahead", task));
    expect([...sources, ...populations].map(({ size }) => size)).toEqual([50, 30, 1]);
    for (const { tauM, tauR } of populations) expect(new Set([...tauM, ...tauR])).toEqual(new Set([10]));
    expect(synthesisLearning("look-ahead", task)).toEqual({
      errors: "local",
      optimizer: { kind: "sgd", eta: 0.00125 },
    });
    const plain = resolveNetwork(synthesisNetwork("no look-ahead", task));
    for (const { tauR } of plain.populations) expect(new Set(tauR)).toEqual(new Set([0.005]));
  });

  test("could be done by the sines themselves up to a small error", () => {
    const task = synthesisOf(120_000);
    // A period of the sawtooth, and the sum of the sines that it has.
    const steps = 10_000;
    const target = task.targets(0, steps);
    const inputs = task.inputs(0, steps);
    const sums = Array.from({ length: steps }, (_, k) => {
      let sum = 0;
      for (let n = 1; n <= 25; n++) sum -= ((2 / Math.PI) * (inputs[k * 50 + 2 * n - 1] ?? NaN)) / n;
      return sum;
    });
    expect(fitOf(sums, target).error).toBeCloseTo(bestSumOfSines(task), 3);
    expect(bestSumOfSines(task)).toBeCloseTo(0.00795, 5);
  });

  test("is measured by squares and by correlation", () => {
    expect(fitOf([0, 1, 2], [1, 3, 5])).toEqual({ error: (1 + 4 + 9) / 3, correlation: 1 });
    expect(fitOf([1, 1], [0, 2])).toEqual({ error: 1, correlation: 0 });
    expect(fitOf([1, -1], [-1, 1]).correlation).toBe(-1);
  });
});

describe("a run", () => {
  test("with look-ahead learns, and leaves nothing behind", { timeout: 120_000 }, async () => {
    const { createSimulator, count } = workplace();
    const events: SynthesisEvent[] = [];
    const report = (event: SynthesisEvent): void => void events.push(event);
    const long: SynthesisRequest = { ...request, steps: 30_000, networks: ["look-ahead"] };
    const synthesis = await synthesize(long, { createSimulator, report });
    expect(count.open).toBe(0);
    const [ahead] = synthesis.outcomes;
    expect(ahead?.after.error).toBeLessThan(0.5 * (ahead?.before.error ?? 0));
    expect(ahead?.after.correlation).toBeGreaterThan(0.8);
    expect(events.map(({ kind }) => kind)).toEqual(["adapter", ...Array<string>(20).fill("progress")]);
    expect(events.at(-1)).toMatchObject({ progress: { done: 40_000, total: 40_000, secondsLeft: 0 } });
    const waves = ahead?.waves;
    expect([waves?.before.from, waves?.during.from, waves?.after.to]).toEqual([100, 37.5, 150]);
    for (const wave of Object.values(waves ?? {})) expect(wave.output).toHaveLength(500);
    expect(waves?.before.target.slice(0, 2)).toEqual([-1, Math.fround(2 * (0.05 / 50) - 1)]);

    const lines = synthesisLines(synthesis).join("\n");
    expect(lines).toMatch(/^with look-ahead \(published\) +0\.\d{4} +0\.\d{4} +0\.\d{4}/m);
    expect(lines).toContain("The published figure is a picture and has no number.");
    expect(lines).toContain("No figure is known of a run of this length.");
    expect(lines).toContain("0.0079 for the best sum of the sines");
    const svg = synthesisFigure(synthesis);
    expect(svg).not.toMatch(/NaN|undefined/);
    expect(svg.match(/<polyline/g)).toHaveLength(6);
    expect(svg).toContain("30,000 steps of 0.005 ms, seed 1234, on f64 reference");
  });

  test("without look-ahead comes after it, from weights of the same seed", async () => {
    const { outcomes } = await synthesize({ ...request, steps: 6000 }, workplace());
    expect(outcomes.map(({ network }) => network)).toEqual(["look-ahead", "no look-ahead"]);
    const [ahead, behind] = outcomes.map(({ waves }) => waves.before.output.map(Math.abs));
    // The sines of 10 to 500 Hz come through two membranes of 10 ms.
    expect(Math.max(...(behind ?? []))).toBeLessThan(0.5 * Math.max(...(ahead ?? [])));
  });

  test("of full length is judged by the reference", () => {
    const outcome = (error: number): Synthesis => {
      const fit = { error, correlation: 1 };
      const network = { network: "look-ahead" as const, before: fit, after: fit, seconds: 1, stepsPerSecond: 1 };
      return { seed: 1, steps: 120_000, adapter, outcomes: [{ ...network, waves: {} as never }] };
    };
    expect([0.0086, 0.0102, 0.05, NaN].map((error) => agreesOf(outcome(error)))).toEqual([true, true, false, false]);
    expect(agreesOf({ ...outcome(0.5), steps: 30_000 })).toBeNull();
    expect(synthesisLines(outcome(0.05)).join("\n")).toContain("OUTSIDE what our f64 reference comes to");
  });

  test("that is stopped leaves nothing behind, too", async () => {
    const { createSimulator, count } = workplace();
    const stopping = new AbortController();
    const report = (event: SynthesisEvent): void => {
      if (event.kind === "progress") stopping.abort(new Error("stopped"));
    };
    await expect(synthesize(request, { createSimulator, report, signal: stopping.signal })).rejects.toThrow("stopped");
    expect(count.open).toBe(0);
  });

  test.each([
    [{ steps: 1000 }, /^steps is 1000; expected a multiple of 6000, such as 6000\.$/],
    [{ networks: [] }, /^networks are none; there are: look-ahead, no look-ahead\.$/],
  ])("is refused with %j", async (change, message) => {
    const failed = synthesize({ ...request, ...change }, workplace());
    await expect(failed).rejects.toThrow(SpecError);
    await expect(failed).rejects.toThrow(message);
  });
});

describe("flags", () => {
  const out = ["--out", tmpdir()];

  test("have defaults, and a quick run has one network", async () => {
    const full = await readSynthesisOptions(["le-fourier", ...out]);
    expect(full?.request).toEqual({ ...request, steps: 120_000 });
    const quick = await readSynthesisOptions(["le-fourier", "--quick", "--seed", "2", ...out]);
    expect(quick?.request).toEqual({ seed: 2, steps: 30_000, networks: ["look-ahead"] });
    expect(await readSynthesisOptions(["le-fourier", "--help"])).toBeNull();
    expect(synthesisHelp()).toContain("has no number");
  });

  test.each([
    [["--steps", "7000"], '--steps is "7000"; it must be a multiple of 6000 up to 10000000, such as 6000.'],
    [["--rule", "local"], "--rule is not a flag."],
    [["too", "much"], '"too" is too much'],
  ])("%j is refused", async (flags, message) => {
    const read = readSynthesisOptions(["le-fourier", ...flags]);
    await expect(read).rejects.toThrow(UsageError);
    await expect(read).rejects.toThrow(message);
  });
});
