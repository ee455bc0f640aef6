/** What a step costs, counted: dispatches, submits, writes, and nothing that is made anew. */

import { describe, expect, it } from "vitest";
import {
  createSimulator,
  layered,
  tunings,
  type NetworkSpec,
  type Simulator,
  type SimulatorOptions,
} from "../../src/index.ts";
import { callsDuring } from "./counting.ts";
import { metricsOf, tiny, tinyData } from "./networks.ts";
import { useDevice } from "./shared-device.ts";

const device = useDevice();

/** A step is counted in dispatches of several kernels, also where one workgroup could do many steps. */
const apart = { fuseSteps: false } as const;

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
    using sim = await createSimulator(deep(depth), { device: device(), ...apart });
    for (const learn of [true, false]) {
      const { dispatches, submits } = await callsDuring(device(), () =>
        metricsOf(sim, { steps: 50, learn, ...tinyData(5) }),
      );
      // A submit for what is cleared at the start has no dispatch.
      expect(dispatches).toBe(2 * 50 + (submits - 1));
    }
  });

  it.each([2, 16])("of a batch of %i are two a step and one more, too", async (batch) => {
    const tuning = { ...tunings.cpu, onePassBatch: 16 };
    using sim = await createSimulator(deep(3), { device: device(), batch, tuning, ...apart });
    for (const learn of [true, false]) {
      const { dispatches, submits } = await callsDuring(device(), () =>
        metricsOf(sim, { steps: 50, learn, ...tinyData(5, batch) }),
      );
      expect(dispatches).toBe(2 * 50 + (submits - 1));
    }
  });

  it.each([1, 8])("of a larger batch are three a step, two if nothing learns, depth %i", async (depth) => {
    const batch = 17;
    using sim = await createSimulator(deep(depth), { device: device(), batch, ...apart });
    for (const learn of [true, false]) {
      const { dispatches, submits } = await callsDuring(device(), () =>
        metricsOf(sim, { steps: 50, learn, ...tinyData(5, batch) }),
      );
      expect(dispatches).toBe((learn ? 3 : 2) * 50 + (submits - 1));
    }
  });

  it.each([1, 17])("of encode are as many, without submit, write or anything made, batch %i", async (batch) => {
    using sim = await createSimulator(tiny, { device: device(), batch, ...apart });
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

/** Two populations: two levels of a sweep. */
const sweep = { ...deep(2), schedule: "sweep" } as const;
const plastic = { plasticTauM: true, plasticTauR: true } as const;
const withTaus = { ...deep(2), populations: deep(2).populations.map((each) => ({ ...each, ...plastic })) };
const window = 10;
const adjoint = { errors: "adjoint", window } as const;

interface Rule {
  readonly spec: NetworkSpec;
  readonly options: Omit<SimulatorOptions, "device">;
  /** Dispatches, passes and copies of so many steps in one encoder. */
  readonly dispatches: (steps: number) => number;
  readonly passes?: (steps: number) => number;
  readonly copies?: (steps: number) => number;
}

/** A window of `window` steps in segments of these lengths. */
function windowCalls(lengths: readonly number[]): Pick<Rule, "dispatches" | "passes" | "copies"> {
  const count = lengths.length;
  const last = lengths.at(-1) ?? NaN;
  const checkpoints = count === 1 ? 1 : count + 1;
  // Two dispatches a step and one more; forward through all segments, and again through all but the last.
  const forward = 2 * (2 * window - last) + 2 * count - 1;
  // Two a step back, a gradient for each segment, and what applies them.
  const back = 2 * window + count + 1;
  return {
    dispatches: (steps) => (steps / window) * (forward + back),
    passes: (steps) => (steps / window) * (2 * count - 1 + 2 * count + 1),
    // State and clock, saved at every checkpoint, restored at all but the first way forward, and at the end.
    copies: (steps) => (steps / window) * 2 * (checkpoints + count),
  };
}

const rules: Readonly<Record<string, Rule>> = {
  sweep: { spec: sweep, options: {}, dispatches: (steps) => 9 * steps },
  "sweep, batch 3": { spec: sweep, options: { batch: 3 }, dispatches: (steps) => 9 * steps },
  "matched traces": {
    spec: deep(2),
    options: { learning: { traces: "matched" } },
    dispatches: (steps) => 4 * steps + 1,
  },
  "matched traces in a sweep": {
    spec: sweep,
    options: { learning: { traces: "matched" } },
    dispatches: (steps) => 10 * steps,
  },
  "time constants": { spec: withTaus, options: {}, dispatches: (steps) => 4 * steps },
  windows: { spec: deep(2), options: { learning: adjoint }, ...windowCalls([window]) },
  "windows in segments": {
    spec: deep(2),
    options: { learning: adjoint, batch: 20, trajectoryBytes: 25_000 },
    ...windowCalls([5, 5]),
  },
  "one workgroup": { spec: deep(2), options: { fuseSteps: true }, dispatches: powersIn },
};

/** Ones in binary: a dispatch does a power of two of steps. */
function powersIn(steps: number): number {
  return steps.toString(2).split("1").length - 1;
}

describe.each(Object.entries(rules))("%s", (_, { spec, options, dispatches, passes, copies }) => {
  const create = (): Promise<Simulator> => createSimulator(spec, { device: device(), ...apart, ...options });
  const dataOf = (frames: number): ReturnType<typeof tinyData> => tinyData(frames, options.batch);

  it("costs in encode what it is planned to, without submit, write or anything made", async () => {
    using sim = await create();
    for (const steps of [window, 7 * window]) {
      const calls = await callsDuring(device(), async () => {
        const encoder = device().createCommandEncoder();
        sim.encode(encoder, { steps });
        encoder.finish();
      });
      const counted = {
        passes: passes?.(steps) ?? 1,
        copies: copies?.(steps) ?? 0,
        dispatches: dispatches(steps),
      };
      expect(calls).toEqual({ made: 0, submits: 0, writes: 0, ...counted });
    }
  });

  it("makes nothing in a run, and writes as much for 500 steps as for 50", async () => {
    using sim = await create();
    const data = dataOf(window);
    const callsOf = (steps: number) => callsDuring(device(), () => metricsOf(sim, { steps, ...data }));
    const [few, many] = [await callsOf(50), await callsOf(500)];
    expect([few.made, many.made]).toEqual([0, 0]);
    expect(many.writes).toBe(few.writes);
    expect(few.writes).toBeLessThanOrEqual(4);
  });
});

describe("a run of 2,000 steps", () => {
  const steps = 2000;

  it("makes nothing and submits once for 32 steps or more", async () => {
    using sim = await createSimulator(tiny, { device: device(), ...apart });
    const calls = await callsDuring(device(), () => metricsOf(sim, { steps, chunkMilliseconds: 100, ...tinyData(20) }));
    expect(calls.made).toBe(0);
    expect(calls.submits).toBeLessThanOrEqual(steps / 32);
    // One pass in each but the first, which clears the costs.
    expect(calls.passes).toBe(calls.submits - 1);
  });

  it("makes nothing with traces and metrics either", async () => {
    const record = [{ population: "output", quantity: "rate" }] as const;
    using sim = await createSimulator(tiny, { device: device(), record, ...apart });
    const calls = await callsDuring(device(), () => metricsOf(sim, { steps, every: 100, ...tinyData(20) }));
    expect(calls.made).toBe(0);
  });

  it("writes as much as a run of 20", async () => {
    using sim = await createSimulator(tiny, { device: device(), ...apart });
    const writes = async (steps: number) =>
      (await callsDuring(device(), () => metricsOf(sim, { steps, ...tinyData(20) }))).writes;
    const few = await writes(20);
    expect(few).toBeLessThanOrEqual(4);
    expect(await writes(steps)).toBe(few);
  });

  it("keeps its chunks when its consumer is slow", async () => {
    using sim = await createSimulator(tiny, { device: device(), ...apart });
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
    using sim = await createSimulator(tiny, { device: device(), ...apart });
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
