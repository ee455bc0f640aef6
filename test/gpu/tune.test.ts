/** The choice among ways of cutting the work, by trying them. */

import { describe, expect, it } from "vitest";
import { targetOf } from "../../src/device.ts";
import { createSimulator, tune, tunings, type Tuning } from "../../src/index.ts";
import { tuningFor } from "../../src/layout.ts";
import { tiny } from "./networks.ts";
import { useDevice } from "./shared-device.ts";
import { rejection } from "./watched.ts";

const device = useDevice();

describe("tune", () => {
  it("takes the fastest of what it tried, and keeps it by adapter, network and batch", async () => {
    const store = new Map<string, Tuning>();
    using standard = await createSimulator(tiny, { device: device(), fuseSteps: false });
    const { tuning } = standard.plan;
    expect(tuning).toEqual(tuningFor(targetOf(device(), device().adapterInfo)));
    const options = { device: device(), fuseSteps: false, milliseconds: 60_000, store } as const;
    const tuned = await tune(tiny, options);
    expect(tuned.isStored).toBe(false);
    expect(tuned.untried).toEqual([]);
    expect(tuned.variants.map(({ name }) => name)).toEqual([
      "default",
      tuning.columnQuads === 1 ? "4 quads of columns" : "1 quad of columns",
      tuning.sharedCurrents ? "currents apart" : "currents behind a barrier",
      // No tile of so few neurons is taller than 16 rows.
      "products and update apart",
    ]);
    expect(tuned.variants[0]?.tuning).toEqual(tuning);
    const fastest = Math.max(...tuned.variants.map(({ stepsPerSecond }) => stepsPerSecond));
    expect(tuned.variants.find(({ stepsPerSecond }) => stepsPerSecond === fastest)?.tuning).toBe(tuned.tuning);
    expect([...store]).toEqual([[tuned.key, tuned.tuning]]);
    const again = await tune(tiny, options);
    expect(again).toMatchObject({ tuning: tuned.tuning, key: tuned.key, isStored: true, variants: [] });
    using sim = await createSimulator(tiny, { device: device(), tuning: again.tuning });
    expect(sim.plan.tuning).toEqual(tuned.tuning);
  });

  it("tries no more than it has time for, but the default", async () => {
    const tuned = await tune(tiny, { device: device(), fuseSteps: false, batch: 20, milliseconds: 0 });
    expect(tuned.variants.map(({ name }) => name)).toEqual(["default"]);
    // One of them is the default; subgroups may be larger, or not there.
    const wide = ["wide products, 8 rows by 2 quads", "wide products, 16 rows by 1 quad"];
    const shared = ["products shared by 4 of a subgroup, 2 quads", "products shared by 8 of a subgroup, 1 quad"];
    const { subgroupSize } = targetOf(device(), device().adapterInfo);
    const all = ["narrow products", ...wide, ...shared.slice(0, Math.min(subgroupSize / 4, 2))];
    expect(tuned.untried).toHaveLength(all.length - 1);
    expect(all).toEqual(expect.arrayContaining([...tuned.untried]));
  });

  it("tries nothing twice: a network in one workgroup has other variants, one of which is the default", async () => {
    const { networkMemory } = tunings.gpu;
    const tuning = { ...tunings.cpu, networkMemory };
    using inMemory = await createSimulator(tiny, { device: device(), fuseSteps: true, tuning });
    expect(inMemory.plan.workgroupBytes).toBeGreaterThan(0);
    const tuned = await tune(tiny, { device: device(), fuseSteps: true, milliseconds: 60_000 });
    const names = tuned.variants.map(({ name }) => name);
    expect(names).toEqual([
      "default",
      tuned.variants[0]?.tuning.networkMemory === 0
        ? "network in the memory of its workgroup"
        : "network in its buffers",
      "network on 32 invocations",
      "network on 128 invocations",
    ]);
    expect(tuned.untried).toEqual([]);
  });

  it("refuses a time that is none", async () => {
    for (const milliseconds of [-1, NaN]) {
      expect(await rejection(tune(tiny, { device: device(), milliseconds }))).toMatchObject({ code: "DATA_INVALID" });
    }
  });
});
