import { describe, expect, it } from "vitest";
import { groups, type Group } from "../../bench/harness/cases.ts";
import { CHECK_STEPS, expectedOf, outcomeOf, verdictOf } from "../../bench/harness/check.ts";
import { runBench, type BenchEvent } from "../../bench/harness/run.ts";
import { openSubject } from "../../bench/harness/subject.ts";
import { testGpu, withDevice } from "./device.ts";

const smallest: Group = {
  ...(groups.find(({ name }) => name === "recurrent 32") as Group),
  variants: ["learning", "frozen", "replicas"],
  withPasses: true,
};
const between = { from: "block1", to: "block1" };

describe("bench", () => {
  it("measures the smallest case, beside what the device can do", { timeout: 120_000 }, async () => {
    const events: BenchEvent[] = [];
    const report = (event: BenchEvent) => void events.push(event);
    const result = await runBench({ quick: true, only: smallest.name }, { gpu: testGpu, report, groups: [smallest] });
    expect(events.map(({ kind }) => kind)).toEqual(["opened", "begins", "begins", "measured"]);
    const { flops, dispatchSeconds, submitSeconds, roundTripSeconds, bandwidths } = result.denominators;
    for (const each of [flops, dispatchSeconds, submitSeconds, roundTripSeconds]) expect(each).toBeGreaterThan(0);
    expect(bandwidths).toMatchObject([{ group: "recurrent 32", footprint: 4 * 32 * 32 }]);
    for (const each of [bandwidths[0]?.inPlace, bandwidths[0]?.copy, bandwidths[0]?.read]) {
      expect(each?.median).toBeGreaterThan(0);
    }
    const [learning, frozen, replicas] = result.cases;
    expect(learning).toMatchObject({
      name: "recurrent 32",
      neurons: 32,
      synapses: 1024,
      batch: 1,
      dispatchesPerStep: 2,
    });
    expect(frozen).toMatchObject({ name: "recurrent 32, frozen", learning: false });
    for (const each of [learning, frozen]) {
      expect(each).toMatchObject({ status: "measured", check: { ok: true, against: "reference" } });
      expect(each?.samples).toHaveLength(5);
      expect(each?.stepsPerSecond?.median).toBeGreaterThan(0);
      expect(each?.checksum).not.toBeNull();
    }
    expect(["measured", "skipped"]).toContain(replicas?.status);
    expect(result.ratios["G5"]?.parts.map(({ at }) => at)).toEqual(["32", "32 against copy"]);
    expect(result.ratios["G18"]).toMatchObject({ value: null, reason: expect.any(String) as string });
  });

  it("ends when it is told to", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    const run = runBench({ quick: true, only: null }, { gpu: testGpu, report: () => undefined, signal, groups: [] });
    await expect(run).rejects.toThrow("enough");
  });
});

describe("checks of the bench", () => {
  const verdictWith = (change: (weight: Float32Array) => void) =>
    withDevice(async (device) => {
      const { sim } = await openSubject(device, smallest, "learning", new Map());
      const weight = await sim.read("weight", between);
      change(weight);
      sim.write("weight", between, weight);
      const verdict = verdictOf(
        await outcomeOf(sim, smallest, "learning"),
        expectedOf(smallest, "learning"),
        "reference",
      );
      sim.destroy();
      return verdict;
    });

  it("pass what is right", async () => {
    const verdict = await verdictWith(() => undefined);
    expect(verdict).toMatchObject({ ok: true, against: "reference" });
    // f32 sums of 32 terms in a few steps.
    expect(verdict.error).toBeLessThan(1e-6);
  });

  it("find a weight that is 1 % off", async () => {
    const verdict = await verdictWith((weight) => (weight[33] = 1.01 * (weight[33] ?? 0) + 0.001));
    expect(verdict.ok).toBe(false);
    expect(verdict.sentence).toContain("is off from the f64 reference");
  });

  it("find what is not finite", async () => {
    const verdict = await verdictWith((weight) => (weight[33] = NaN));
    expect(verdict).toMatchObject({ ok: false, sentence: "it diverged" });
  });

  it("find that nothing was learnt", async () => {
    await withDevice(async (device) => {
      const { sim } = await openSubject(device, smallest, "learning", new Map());
      // "frozen" leaves the weights as they are; the reference of "learning" does not.
      const found = await outcomeOf(sim, smallest, "frozen", CHECK_STEPS);
      expect(verdictOf(found, expectedOf(smallest, "learning"), "reference").ok).toBe(false);
      sim.destroy();
    });
  });
});
