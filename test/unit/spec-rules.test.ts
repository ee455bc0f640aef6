import { describe, expect, test } from "vitest";
import { SpecError } from "../../src/errors.ts";
import {
  layered,
  PLASTIC_TAU_STEPS,
  resolveLearning,
  resolveNetwork,
  type LearningSpec,
  type NetworkSpec,
} from "../../src/spec.ts";

/** What schedules, plastic time constants and rules of learning accept, fill in and refuse. */

const spec: NetworkSpec = {
  dt: 0.1,
  sources: [{ name: "eye", size: 4 }],
  populations: [
    { name: "hidden", size: 2, tauM: [1, 2], tauR: 0.1, activation: "tanh" },
    { name: "output", size: 2, tauM: 1, tauR: 1, activation: "linear", cost: { kind: "squared-error" } },
  ],
  projections: [
    { from: "eye", to: "hidden" },
    { from: "hidden", to: "hidden" },
    { from: "hidden", to: "output" },
  ],
};

describe("schedule", () => {
  test("is jacobi with target delay 0 by default; every projection between populations takes one step", () => {
    const { schedule, targetDelay, projections, populations } = resolveNetwork(spec);
    expect([schedule, targetDelay]).toEqual(["jacobi", 0]);
    expect(projections.map(({ delay }) => delay)).toEqual([0, 1, 1]);
    expect(populations.map(({ level }) => level)).toEqual([0, 0]);
  });

  test("in a sweep only what is recurrent takes a step", () => {
    const { schedule, targetDelay, projections, populations } = resolveNetwork({ ...spec, schedule: "sweep" });
    expect([schedule, targetDelay]).toEqual(["sweep", 0]);
    expect(projections.map(({ delay }) => delay)).toEqual([0, 1, 0]);
    expect(populations.map(({ level }) => level)).toEqual([0, 1]);
  });

  test("recurrent is kept for any projection between populations, and costs nothing in jacobi", () => {
    const projections = spec.projections.map((each) => (each.from === "eye" ? each : { ...each, recurrent: true }));
    for (const [schedule, levels] of [
      ["sweep", [0, 0]],
      ["jacobi", [0, 0]],
    ] as const) {
      const network = resolveNetwork({ ...spec, schedule, projections });
      expect(network.projections.map(({ delay }) => delay)).toEqual([0, 1, 1]);
      expect(network.populations.map(({ level }) => level)).toEqual(levels);
    }
  });

  test("target delay 1 is for jacobi; 0 may be said in both", () => {
    expect(resolveNetwork({ ...spec, targetDelay: 1 }).targetDelay).toBe(1);
    expect(resolveNetwork({ ...spec, schedule: "sweep", targetDelay: 0 }).targetDelay).toBe(0);
  });

  test("layered hands schedule, target delay and plasticity of time constants on", () => {
    const layer = { size: 2, tauM: 2, tauR: 1, activation: "tanh", plasticTauM: true, plasticTauR: true } as const;
    const output = { size: 1, tauM: 2, tauR: 2, activation: "linear" } as const;
    const stack = layered({ dt: 0.1, schedule: "jacobi", targetDelay: 1, input: 1, hidden: [layer], output });
    const { schedule, targetDelay, populations } = resolveNetwork(stack);
    expect([schedule, targetDelay]).toEqual(["jacobi", 1]);
    expect(populations.map(({ plasticTauM, plasticTauR }) => [plasticTauM, plasticTauR])).toEqual([
      [true, true],
      [false, false],
    ]);
  });

  test.each<[string, object, string]>([
    [
      "another schedule",
      { schedule: "sweeps" },
      'schedule is "sweeps", but must be one of "jacobi", "sweep". Did you mean "sweep"?',
    ],
    ["a target delay of 2", { targetDelay: 2 }, "targetDelay is 2, but must be 0 or 1."],
    ["a target delay of true", { targetDelay: true }, "targetDelay is true, but must be 0 or 1."],
    [
      "a target delay in a sweep",
      { schedule: "sweep", targetDelay: 1 },
      'targetDelay is 1, but a "sweep" compares rates and targets of the same step. Leave it out.',
    ],
    [
      "a loop that is not recurrent",
      withProjection({ from: "hidden", to: "hidden", recurrent: false }),
      "projections[0].recurrent is false, but it goes from a population to itself. Leave it out.",
    ],
    [
      "a source that is recurrent",
      withProjection({ from: "eye", to: "hidden", recurrent: true }),
      "projections[0].recurrent is true, but it comes from a source. Leave it out.",
    ],
    [
      "a recurrence that is a number",
      withProjection({ from: "eye", to: "hidden", recurrent: 0 }),
      "projections[0].recurrent is 0, but must be true or false.",
    ],
  ])("refuses %s", (_, change, message) => {
    expect(failure(() => resolveNetwork({ ...spec, ...change }))).toBe(message);
  });
});

describe("time constants that learn", () => {
  test("are off by default, and each is on by itself", () => {
    const plastic = (change: object): (boolean | undefined)[] => {
      const { plasticTauM, plasticTauR } = resolveNetwork(withHidden(change)).populations[0] ?? {};
      return [plasticTauM, plasticTauR];
    };
    expect(plastic({})).toEqual([false, false]);
    expect(plastic({ plasticTauM: true })).toEqual([true, false]);
    expect(plastic({ plasticTauR: true, tauR: 1 })).toEqual([false, true]);
  });

  test("start at 10 dt or above, up to a rounding of it", () => {
    expect(PLASTIC_TAU_STEPS).toBe(10);
    for (const tauM of [1, 1 - 1e-13, 1.0001]) {
      expect(resolveNetwork(withHidden({ tauM, plasticTauM: true })).populations[0]?.tauM[0]).toBe(tauM);
    }
    // 10 * 0.07 is 0.7 + 1e-16 in floating point.
    expect(resolveNetwork({ ...withHidden({ tauM: 0.7, plasticTauM: true }), dt: 0.07 }).dt).toBe(0.07);
  });

  test.each<[string, object, string]>([
    ["tauM below dt", { tauM: 0.09 }, "populations[0].tauM is 0.09, below dt (0.1). Raise tauM or lower dt."],
    [
      "one tauR below dt",
      { tauR: [1, 0.05] },
      "populations[0].tauR[1] is 0.05, below dt (0.1). Raise tauR or lower dt.",
    ],
    [
      "tauM below dt, though it learns",
      { tauM: 0.05, plasticTauM: true },
      "populations[0].tauM is 0.05, below dt (0.1). Raise tauM or lower dt.",
    ],
    [
      "plastic tauM below 10 dt",
      { tauM: [1, 0.9], plasticTauM: true },
      "populations[0].tauM[1] is 0.9, but one that learns is held at 1 (10 dt) or above. " +
        "Raise tauM, lower dt, or leave out plasticTauM.",
    ],
    [
      "plastic tauR below 10 dt",
      { plasticTauR: true },
      "populations[0].tauR is 0.1, but one that learns is held at 1 (10 dt) or above. " +
        "Raise tauR, lower dt, or leave out plasticTauR.",
    ],
    ["plasticTauM 1", { plasticTauM: 1 }, "populations[0].plasticTauM is 1, but must be true or false."],
    ["plasticTauR null", { plasticTauR: null }, "populations[0].plasticTauR is null, but must be true or false."],
    [
      "another spelling",
      { plasticTaum: true },
      'populations[0].plasticTaum is not a known field. Did you mean "plasticTauM"?',
    ],
  ])("refuses %s", (_, change, message) => {
    expect(failure(() => resolveNetwork(withHidden(change)))).toBe(message);
  });

  test("the details hold the value and the least one", () => {
    expect(() => resolveNetwork(withHidden({ tauM: 0.5, plasticTauM: true }))).toThrow(
      expect.objectContaining({
        code: "SPEC_INVALID",
        details: { path: "populations[0].tauM", value: 0.5, least: 1 },
      }),
    );
  });
});

describe("learning", () => {
  test.each<[LearningSpec, object]>([
    [
      { errors: "adjoint", window: 40 },
      { errors: "adjoint", window: 40, feedback: "transpose" },
    ],
    [{ errors: "adjoint", window: 2 ** 20 }, { window: 2 ** 20 }],
    [{ feedback: "random" }, { errors: "local", window: 1, feedback: "random" }],
    [{ errors: "none", feedback: "none" }, { feedback: "none" }],
    [
      { traces: "matched", lagAligned: true, gain: "corrected" },
      { traces: "matched", lagAligned: true, gain: "corrected" },
    ],
    [
      { errors: "instantaneous", traces: "matched", lagAligned: true },
      { traces: "matched", lagAligned: true, gain: "published" },
    ],
  ])("takes %j", (given, expected) => {
    expect(resolveLearning(given)).toMatchObject(expected);
  });

  test.each<[unknown, string]>([
    [{ errors: "adjoint" }, "learning.window is missing; it must be an integer from 1 to 1048576."],
    [{ errors: "adjoint", window: 0 }, "learning.window is 0, but must be an integer from 1 to 1048576."],
    [{ errors: "adjoint", window: 1.5 }, "learning.window is 1.5, but must be an integer from 1 to 1048576."],
    [{ errors: "adjoint", window: 1048577 }, "learning.window is 1048577, but must be an integer from 1 to 1048576."],
    [{ window: 10 }, 'learning.window is for errors "adjoint"; they are "local". Leave it out, or set them.'],
    [
      { errors: "instantaneous", window: 1 },
      'learning.window is for errors "adjoint"; they are "instantaneous". Leave it out, or set them.',
    ],
    [
      { errors: "adjoint", window: 2, traces: "matched" },
      'learning.traces is "matched", which errors "adjoint" cannot use. Use errors "local" or "instantaneous".',
    ],
    [
      { errors: "none", traces: "matched" },
      'learning.traces is "matched", which errors "none" cannot use. Use errors "local" or "instantaneous".',
    ],
    [
      { errors: "adjoint", window: 2, lagAligned: true },
      'learning.lagAligned is true, which errors "adjoint" cannot use. Use errors "local" or "instantaneous".',
    ],
    [
      { errors: "none", lagAligned: true },
      'learning.lagAligned is true, which errors "none" cannot use. Use errors "local" or "instantaneous".',
    ],
    [
      { errors: "instantaneous", gain: "corrected" },
      'learning.gain is "corrected", which errors "instantaneous" cannot use. Use errors "local".',
    ],
    [
      { errors: "adjoint", window: 2, gain: "corrected" },
      'learning.gain is "corrected", which errors "adjoint" cannot use. Use errors "local".',
    ],
    [
      { errors: "none", gain: "corrected" },
      'learning.gain is "corrected", which errors "none" cannot use. Use errors "local".',
    ],
    ...(["random", "none"] as const).map((feedback): [unknown, string] => [
      { errors: "adjoint", window: 2, feedback },
      `learning.feedback is "${feedback}", which errors "adjoint" cannot use. ` +
        'The exact gradient goes through the transpose: leave it out, or use errors "local".',
    ]),
    [
      { feedback: "transposed" },
      'learning.feedback is "transposed", but must be one of "transpose", "random", "none". Did you mean "transpose"?',
    ],
    [{ traces: true }, 'learning.traces is true, but must be one of "none", "matched".'],
    [{ lagAligned: "yes" }, 'learning.lagAligned is "yes", but must be true or false.'],
    [{ gain: 1 }, 'learning.gain is 1, but must be one of "published", "corrected".'],
    [{ windows: 3 }, 'learning.windows is not a known field. Did you mean "window"?'],
    [
      null,
      "learning is null, but must be an object with the fields errors, window, feedback, traces, lagAligned, gain, optimizer.",
    ],
  ])("refuses %j", (given, message) => {
    expect(failure(() => resolveLearning(given as LearningSpec))).toBe(message);
  });
});

function withProjection(projection: object): object {
  return { projections: [projection, ...spec.projections.slice(2)] };
}

function withHidden(change: object): NetworkSpec {
  const [hidden, ...others] = spec.populations;
  return { ...spec, populations: [{ ...hidden, ...change }, ...others] } as NetworkSpec;
}

function failure(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof SpecError) return error.message;
    throw error;
  }
  return "nothing was refused";
}
