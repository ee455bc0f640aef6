/** What windows, time constants and what is kept only sometimes refuse, and that all goes on as before. */

import { describe, expect, it } from "vitest";
import { createSimulator, DataError, layered, SpecError, type NetworkSpec } from "../../src/index.ts";
import type { Simulator, SimulatorOptions } from "../../src/simulator.ts";
import { metricsOf, numbers, tiny, tinyData } from "./networks.ts";
import { useLazyDevice } from "./shared-device.ts";
import { rejection } from "./watched.ts";

const device = useLazyDevice();

const window = { errors: "adjoint", window: 8 } as const;

const create = (spec: NetworkSpec, options: Omit<SimulatorOptions, "device"> = {}): Promise<Simulator> =>
  createSimulator(spec, { device: device(), ...options });

/** `tiny` with hidden time constants that learn, tauM or both. */
const plastic = (more: object): NetworkSpec => ({
  ...tiny,
  populations: tiny.populations.map((each) =>
    each.name === "hidden" ? { ...each, tauM: 2, tauR: 1.5, ...more } : each,
  ),
});

/** That it is refused as bad data, in these words, at this path. */
async function expectRefused(use: Promise<unknown>, message: string, details: object = {}): Promise<void> {
  const error = await rejection(use);
  expect(error).toBeInstanceOf(DataError);
  expect((error as DataError).message).toBe(message);
  expect(error).toMatchObject({ code: "DATA_INVALID", details: { path: message.split(" ")[0], ...details } });
}

/** The same of what throws at once. */
const expectRefusedNow = (use: () => unknown, message: string, details: object = {}): Promise<void> =>
  // A promise rejects with what its maker throws.
  expectRefused(new Promise((resolve) => resolve(use())), message, details);

describe("a run of windows refuses", () => {
  it("steps that are no whole windows, and names the nearest that are", async () => {
    using sim = await create(tiny, { learning: window });
    const problem = (steps: number): string =>
      `run.steps is ${steps}, but learning.window is 8, and a run that learns has whole windows: give a multiple, such as`;
    const data = tinyData(8);
    await expectRefused(metricsOf(sim, { steps: 13, ...data }), `${problem(13)} 16.`, { found: 13, window: 8 });
    await expectRefused(metricsOf(sim, { steps: 11, ...data }), `${problem(11)} 8.`);
    await expectRefused(metricsOf(sim, { steps: 1, ...data }), `${problem(1)} 8.`);
    expect(sim.step).toBe(0);
    // Whole windows, and any number of steps without learning.
    await metricsOf(sim, { steps: 16, ...data });
    await metricsOf(sim, { steps: 13, learn: false, ...data });
    expect(sim.step).toBe(29);
  });

  it("metrics within a window", async () => {
    using sim = await create(tiny, { learning: window });
    const data = tinyData(8);
    await expectRefused(
      metricsOf(sim, { steps: 16, every: 12, ...data }),
      "run.every is 12, but learning.window is 8, and a run that learns has whole windows: give a multiple, such as 16.",
      { found: 12, window: 8 },
    );
    expect(sim.step).toBe(0);
    const metrics = await metricsOf(sim, { steps: 24, every: 16, ...data });
    expect(metrics.map(({ steps }) => steps)).toEqual([16, 8]);
    // The end is a metric anyway.
    expect(await metricsOf(sim, { steps: 8, every: 100, ...data })).toHaveLength(1);
    expect(await metricsOf(sim, { steps: 9, every: 3, learn: false, ...data })).toHaveLength(3);
  });

  it("data of fewer frames than a window has", async () => {
    using sim = await create(tiny, { learning: window });
    const problem = "has 5 frames, fewer than the window of 8 steps.";
    const cure = "Give as many frames, one frame that is held, or a shorter learning.window.";
    await expectRefused(metricsOf(sim, { steps: 8, ...tinyData(5) }), `run.input.input ${problem} ${cure}`, {
      found: 5,
      window: 8,
    });
    const { input } = tinyData(1);
    await expectRefused(
      metricsOf(sim, { steps: 8, input, target: tinyData(5).target }),
      `run.target.output ${problem} ${cure}`,
    );
    expect(sim.step).toBe(0);
    // A frame that is held, and short data without learning.
    await metricsOf(sim, { steps: 8, ...tinyData(1) });
    await metricsOf(sim, { steps: 8, learn: false, ...tinyData(5) });
    expect(sim.step).toBe(16);
  });

  it("a window of more frames than fit the device", async () => {
    // A frame is two quads of input and one of target.
    using sim = await create(tiny, { learning: window, frameBytes: 7 * 3 * 16 });
    expect(sim.plan.frameCapacity).toBe(7);
    await expectRefused(
      metricsOf(sim, { steps: 16, ...tinyData(16) }),
      "run.input.input has a window of 8 frames, of which 7 fit the device. Raise options.frameBytes, or lower " +
        "learning.window or options.batch.",
      { window: 8, capacity: 7 },
    );
    expect(sim.step).toBe(0);
    // Without learning frames are streamed.
    await metricsOf(sim, { steps: 16, learn: false, ...tinyData(16) });
    using larger = await create(tiny, { learning: window, frameBytes: 8 * 3 * 16 });
    await metricsOf(larger, { steps: 16, ...tinyData(16) });
    expect([sim.step, larger.step]).toEqual([16, 16]);
  });

  it("no frame that is held, however few fit the device", async () => {
    using sim = await create(tiny, { learning: window, frameBytes: 7 * 3 * 16 });
    // It would go on for ever if no step were available.
    await metricsOf(sim, { steps: 16, ...tinyData(1), signal: AbortSignal.timeout(5000) });
    expect(sim.step).toBe(16);
  });
});

describe("encode refuses", () => {
  it("steps that are no whole windows, unless nothing learns", async () => {
    using sim = await create(tiny, { learning: window });
    const encoder = device().createCommandEncoder();
    await expectRefusedNow(
      () => sim.encode(encoder, { steps: 12 }),
      "encode.steps is 12, but learning.window is 8, and a run that learns has whole windows: give a multiple, such as 16.",
      { found: 12, window: 8 },
    );
    await expectRefusedNow(
      () => sim.encode(encoder, { steps: 0 }),
      "encode.steps must be a whole number of at least 1; it is 0.",
    );
    expect(sim.step).toBe(0);
    sim.encode(encoder, { steps: 12, learn: false });
    sim.encode(encoder, { steps: 16 });
    device().queue.submit([encoder.finish()]);
    expect(sim.step).toBe(28);
  });
});

describe("write refuses", () => {
  it("time constants below dt, and keeps those that it has", async () => {
    using sim = await create(tiny);
    for (const quantity of ["tauM", "tauR"] as const) {
      const before = await sim.read(quantity, "hidden");
      for (const wrong of [0.05, 0, -1, NaN, Infinity]) {
        const values = Float32Array.of(1, 1, wrong, 1, 1, 1);
        await expectRefusedNow(
          () => sim.write(quantity, "hidden", values),
          `write("${quantity}")[2] is ${values[2]}; it must be finite and at least dt (0.1).`,
        );
      }
      expect(await sim.read(quantity, "hidden")).toEqual(before);
      const least = new Float32Array(6).fill(0.1);
      sim.write(quantity, "hidden", least);
      expect(await sim.read(quantity, "hidden")).toEqual(least);
    }
  });

  it("time constants that learn below 10 dt", async () => {
    for (const quantity of ["tauM", "tauR"] as const) {
      const other = quantity === "tauM" ? "tauR" : "tauM";
      const flag = quantity === "tauM" ? { plasticTauM: true } : { plasticTauR: true };
      using sim = await create(plastic(flag));
      const values = Float32Array.of(2, 2, 2, 2, 2, 0.75);
      await expectRefusedNow(
        () => sim.write(quantity, "hidden", values),
        `write("${quantity}")[5] is 0.75; it must be finite and at least 1 (10 dt), as it learns.`,
      );
      // The other does not learn, and has the limit of all.
      sim.write(other, "hidden", values);
      sim.write(quantity, "hidden", new Float32Array(6).fill(1));
      expect(await sim.read(other, "hidden")).toEqual(values);
    }
  });

  it("time constants of a wrong number, and of a source", async () => {
    using sim = await create(tiny);
    await expectRefusedNow(
      () => sim.write("tauM", "hidden", new Float32Array(5).fill(1)),
      'write("tauM") takes 6 values, f32[neurons=6, padded to 8]; it was given 5.',
    );
    await expectRefusedNow(
      () => sim.write("tauM", "input", new Float32Array(5).fill(1)),
      "tauM/input does not exist; there is tauM/hidden, tauM/output.",
    );
  });
});

describe("read refuses", () => {
  it("adjoints of a window that is cut, of which not all are there, and gives those of a whole one", async () => {
    const long = { ...window, window: 50 };
    const batch = 3;
    using whole = await create(tiny, { batch, learning: long });
    using cut = await create(tiny, { batch, learning: long, trajectoryBytes: 19_000 });
    expect([whole.plan.segments?.count, cut.plan.segments?.count]).toEqual([1, 2]);
    const data = tinyData(50, batch);
    for (const sim of [whole, cut]) await metricsOf(sim, { steps: 50, ...data });
    await expectRefused(
      cut.read("adjoint", "hidden"),
      'adjoint/hidden does not exist: there is no quantity "adjoint" here.',
    );
    expect(await whole.read("adjoint", "hidden")).toHaveLength(50 * batch * 6);
    // What is of the whole window is there.
    const between = { from: "hidden", to: "output" };
    expect(await cut.read("gradient", between)).toEqual(await whole.read("gradient", between));
    expect(await cut.read("potentialGradient", "hidden")).toEqual(await whole.read("potentialGradient", "hidden"));
  });

  it("gradients of other errors, which are never summed up", async () => {
    using sim = await create(tiny);
    await expectRefused(
      sim.read("gradient", { from: "input", to: "hidden" }),
      'gradient/input/hidden does not exist: there is no quantity "gradient" here.',
    );
    await expectRefused(
      sim.read("potentialGradient", "hidden"),
      'potentialGradient/hidden does not exist: there is no quantity "potentialGradient" here.',
    );
  });

  it("gradients of time constants that neither learn nor are measured", async () => {
    const places = { population: "hidden", of: "tauM" } as const;
    using fixed = await create(tiny, { learning: window });
    await expectRefused(
      fixed.read("gradient", places),
      "gradient//tauM/hidden does not exist; there is gradient/input/hidden, gradient/hidden/output, gradient/hidden, " +
        "gradient/output.",
    );
    using measured = await create(tiny, { learning: { ...window, optimizer: { kind: "accumulate" } } });
    expect(await measured.read("gradient", places)).toEqual(new Float32Array(6));
  });

  it("top-down signals and derivatives that nothing needs, and gives those that are kept", async () => {
    using sim = await create(tiny);
    for (const quantity of ["topDown", "potentialDerivative"] as const) {
      await expectRefused(
        sim.read(quantity, "hidden"),
        `${quantity}/hidden does not exist: there is no quantity "${quantity}" here.`,
      );
    }
    using recorded = await create(tiny, { record: [{ population: "output", quantity: "topDown" }] });
    expect(await recorded.read("topDown", "hidden")).toEqual(new Float32Array(6));
    using matched = await create(tiny, { learning: { traces: "matched" } });
    expect(await matched.read("topDown", "hidden")).toEqual(new Float32Array(6));
    using learning = await create(plastic({ plasticTauM: true }));
    expect(await learning.read("potentialDerivative", "output")).toEqual(new Float32Array(3));
  });

  it("random feedback where it is the transpose", async () => {
    const between = { from: "hidden", to: "output" };
    using sim = await create(tiny);
    await expectRefused(
      sim.read("feedbackWeight", between),
      'feedbackWeight/hidden/output does not exist: there is no quantity "feedbackWeight" here.',
    );
    using random = await create(tiny, { learning: { feedback: "random" } });
    const weights = await random.read("feedbackWeight", between);
    expect(weights).toHaveLength(18);
    expect(weights).not.toEqual(await random.read("weight", between));
  });

  it("nothing of a window where nothing learns", async () => {
    const fixed = layered({
      dt: 0.1,
      input: 5,
      hidden: [],
      output: { size: 3, tauM: 1, tauR: 1, activation: "linear", plastic: false, bias: { plastic: false } },
      cost: { kind: "squared-error" },
    });
    using sim = await create(fixed, { learning: window });
    // There is no window, so any number of steps will do, and nothing to read either.
    await metricsOf(sim, { steps: 3, input: numbers(15), target: numbers(9) });
    const error = await rejection(sim.read("gradient", { from: "input", to: "output" }));
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).message).toMatch(/^gradient\/input\/output /);
  });
});

describe("createSimulator refuses", () => {
  const wrong: readonly (readonly [what: string, options: Omit<SimulatorOptions, "device">, message: string])[] = [
    [
      "a window that does not fit however it is cut",
      { learning: { ...window, window: 50 }, trajectoryBytes: 500 },
      "options.trajectoryBytes is 500, too little for a window of 50 steps: cut as well as can be, into segments of ",
    ],
    [
      "windows without a length",
      { learning: { errors: "adjoint" } },
      "learning.window is missing; it must be an integer from 1 to 1048576.",
    ],
    [
      "windows of other errors",
      { learning: { window: 8 } },
      'learning.window is for errors "adjoint"; they are "local". Leave it out, or set them.',
    ],
    [
      "errors of a step of a window",
      { learning: window, record: [{ population: "hidden", quantity: "topDown" }] },
      'record[0] asks for "topDown", which adjoint errors do not have in a step. Read "adjoint" after a window, or use other errors.',
    ],
    [
      "traces of windows",
      { learning: { ...window, traces: "matched" } },
      'learning.traces is "matched", which errors "adjoint" cannot use. Use errors "local" or "instantaneous".',
    ],
  ];

  it.each(wrong)("%s", async (_, options, message) => {
    const error = await rejection(create(tiny, options));
    expect(error).toBeInstanceOf(SpecError);
    expect((error as SpecError).message.slice(0, message.length)).toBe(message);
  });
});
