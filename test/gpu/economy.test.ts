/** What a step costs, counted: dispatches, submits, writes, and nothing that is made anew. */

import { describe, expect, it } from "vitest";
import { createSimulator, layered } from "../../src/index.ts";
import { callsDuring } from "./counting.ts";
import { metricsOf, tiny, tinyData } from "./networks.ts";
import { useDevice } from "./shared-device.ts";

const device = useDevice();

/** `depth` populations, one above the other. */
const deep = (depth: number) =>
  layered({
    dt: 0.1,
    input: 5,
    hidden: Array.from({ length: depth - 1 }, () => ({ size: 4, tauM: 1, tauR: 1, activation: "tanh" as const })),
    output: { size: 3, tauM: 1, tauR: 1, activation: "linear" },
    cost: { kind: "squared-error" },
  });

describe("dispatches", () => {
  it.each([1, 3, 8])("of a batch of 1 are two a step and one more, depth %i", async (depth) => {
    using sim = await createSimulator(deep(depth), { device: device() });
    for (const learn of [true, false]) {
      const { dispatches, submits } = await callsDuring(device(), () =>
        metricsOf(sim, { steps: 50, learn, ...tinyData(5) }),
      );
      // A submit for what is cleared at the start has no dispatch.
      expect(dispatches).toBe(2 * 50 + (submits - 1));
    }
  });

  it.each([1, 8])("of a larger batch are three a step, two if nothing learns, depth %i", async (depth) => {
    const batch = 3;
    using sim = await createSimulator(deep(depth), { device: device(), batch });
    for (const learn of [true, false]) {
      const { dispatches, submits } = await callsDuring(device(), () =>
        metricsOf(sim, { steps: 50, learn, ...tinyData(5, batch) }),
      );
      expect(dispatches).toBe((learn ? 3 : 2) * 50 + (submits - 1));
    }
  });

  it.each([1, 3])("of encode are as many, without submit, write or anything made, batch %i", async (batch) => {
    using sim = await createSimulator(tiny, { device: device(), batch });
    const calls = await callsDuring(device(), async () => {
      const encoder = device().createCommandEncoder();
      sim.encode(encoder, { steps: 8 });
      encoder.finish();
    });
    expect(calls).toEqual({
      made: 0,
      submits: 0,
      writes: 0,
      passes: 1,
      copies: 0,
      dispatches: (batch === 1 ? 2 : 3) * 8 + 1,
    });
  });
});

describe("a run of 2,000 steps", () => {
  const steps = 2000;

  it("makes nothing and submits once for 32 steps or more", async () => {
    using sim = await createSimulator(tiny, { device: device() });
    const calls = await callsDuring(device(), () => metricsOf(sim, { steps, chunkMilliseconds: 100, ...tinyData(20) }));
    expect(calls.made).toBe(0);
    expect(calls.submits).toBeLessThanOrEqual(steps / 32);
    // One pass in each but the first, which clears the costs.
    expect(calls.passes).toBe(calls.submits - 1);
  });

  it("makes nothing with traces and metrics either", async () => {
    const record = [{ population: "output", quantity: "rate" }] as const;
    using sim = await createSimulator(tiny, { device: device(), record });
    const calls = await callsDuring(device(), () => metricsOf(sim, { steps, every: 100, ...tinyData(20) }));
    expect(calls.made).toBe(0);
  });

  it("writes as much as a run of 20", async () => {
    using sim = await createSimulator(tiny, { device: device() });
    const writes = async (steps: number) =>
      (await callsDuring(device(), () => metricsOf(sim, { steps, ...tinyData(20) }))).writes;
    const few = await writes(20);
    expect(few).toBeLessThanOrEqual(4);
    expect(await writes(steps)).toBe(few);
  });

  it("keeps its chunks when its consumer is slow", async () => {
    using sim = await createSimulator(tiny, { device: device() });
    const submitsOf = async (milliseconds: number): Promise<number> => {
      const { submits } = await callsDuring(device(), async () => {
        for await (const { steps } of sim.run({ steps: 100, every: 20, chunkMilliseconds: 100, ...tinyData(20) })) {
          expect(steps).toBe(20);
          await new Promise((resolve) => setTimeout(resolve, milliseconds));
        }
      });
      return submits;
    };
    await submitsOf(0);
    const quick = await submitsOf(0);
    // A page that draws between the metrics: its time is not the device's, and must not shrink the chunks.
    expect(await submitsOf(300)).toBeLessThanOrEqual(quick + 1);
  });
});

describe("submits in flight", () => {
  it("are three at most, whatever the consumer does", async () => {
    using sim = await createSimulator(tiny, { device: device() });
    let [inFlight, most] = [0, 0];
    const { queue } = device();
    const submit = queue.submit.bind(queue);
    queue.submit = (commands) => {
      submit(commands);
      inFlight += 1;
      most = Math.max(most, inFlight);
      void queue.onSubmittedWorkDone().then(() => (inFlight -= 1));
    };
    for await (const { steps } of sim.run({ steps: 300, every: 10, chunkMilliseconds: 0.1, ...tinyData(20) })) {
      expect(steps).toBe(10);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    Reflect.deleteProperty(queue, "submit");
    // And the one that clears the costs.
    expect(most).toBeLessThanOrEqual(4);
  });
});
