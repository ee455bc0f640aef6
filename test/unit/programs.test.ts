/** Which dispatches make a step, and a window, in which order. */

import { describe, expect, it } from "vitest";
import { assemble, kernels, type KernelName } from "../../src/kernels.ts";
import { energyQuantities, tuningFor, type PlanOptions } from "../../src/layout.ts";
import { describePlan, type Plan, type Program } from "../../src/plan.ts";
import { requirements } from "../../src/simulator.ts";
import { layered, resolveLearning, type LearningSpec, type NetworkSpec } from "../../src/spec.ts";
import { dispatchesOf, plan } from "./planning.ts";

const neurons = { tauM: 2, tauR: 1, activation: "tanh" } as const;

/** `depth` populations, one above the other; the last has a cost. */
const deep = (depth: number, more: Partial<Parameters<typeof layered>[0]> = {}): NetworkSpec =>
  layered({
    dt: 0.1,
    input: 3,
    hidden: Array.from({ length: depth - 1 }, () => ({ ...neurons, size: 5 })),
    output: { ...neurons, size: 2 },
    cost: { kind: "squared-error" },
    ...more,
  });

/** The same with a projection from the second last population to itself. */
function looped(spec: NetworkSpec): NetworkSpec {
  const name = spec.populations.at(-2)?.name ?? "";
  return { ...spec, projections: [...spec.projections, { from: name, to: name }] };
}

interface Options extends Partial<Omit<PlanOptions, "learning">> {
  readonly learning?: LearningSpec;
}

const planned = (spec: NetworkSpec, { learning = {}, ...options }: Options = {}): Plan =>
  plan(spec, { ...options, learning: resolveLearning(learning) });

const labels = (dispatches: readonly { readonly label: string }[]): string[] => dispatches.map(({ label }) => label);

const stepOf = ({ step, join }: Program): string[] => labels([...step, ...join]);

const sweep = { schedule: "sweep" } as const;
const plasticOutput = { output: { ...neurons, size: 2, plasticTauM: true } };

describe("a step of jacobi", () => {
  const cases: readonly [what: string, spec: NetworkSpec, options: Options, dispatches: readonly string[]][] = [
    ["batch 1", deep(2), {}, ["synapses", "neurons"]],
    ["batch 17", deep(2), { batch: 17 }, ["propagate", "learn", "neurons"]],
    ["batch 17, deep and recurrent", looped(deep(5)), { batch: 17 }, ["propagate", "learn", "neurons"]],
    ["target delay, batch 1", deep(2, { targetDelay: 1 }), {}, ["synapses", "neurons"]],
    ["corrected gain, batch 1", deep(2), { learning: { gain: "corrected" } }, ["synapses", "neurons"]],
    ["random feedback, batch 1", deep(2), { learning: { feedback: "random" } }, ["propagate", "learn", "neurons"]],
    ["no errors", deep(2), { learning: { errors: "none" } }, ["synapses frozen", "neurons"]],
    [
      "matched traces, batch 1",
      deep(2),
      { learning: { traces: "matched" } },
      ["propagate", "traces", "learn", "neurons"],
    ],
    [
      "aligned lags, batch 17",
      deep(2),
      { batch: 3, learning: { lagAligned: true } },
      ["propagate", "traces", "learn", "neurons"],
    ],
    [
      // What learns needs the derivative of the step, and the next step what has learnt.
      "time constants, batch 1",
      deep(2, plasticOutput),
      {},
      ["synapses", "neurons finish", "learn_time_constants", "neurons begin"],
    ],
    [
      "time constants, batch 17",
      deep(2, plasticOutput),
      { batch: 17 },
      ["propagate", "learn", "neurons finish", "learn_time_constants", "neurons begin"],
    ],
    [
      "time constants, matched traces",
      deep(2, plasticOutput),
      { learning: { traces: "matched" } },
      [
        ...["propagate", "traces", "learn", "neurons finish"],
        ...["traces of derivatives", "learn_time_constants", "neurons begin"],
      ],
    ],
  ];

  it.each(cases)("%s", (_, spec, options, dispatches) => {
    const { learning } = planned(spec, options).programs;
    expect(stepOf(learning)).toEqual(dispatches);
    // It starts where a join ends, and ends where a join starts.
    expect(labels(learning.start)).toEqual(["neurons begin"]);
    const isJoined = dispatches.includes("neurons");
    const finishes = isJoined ? ["neurons finish"] : labels(learning.join.slice(0, -1));
    expect(labels(learning.end)).toEqual(finishes);
  });

  it("learns nothing where it is frozen, and its traces go on", () => {
    const frozen = (spec: NetworkSpec, options: Options): string[] => stepOf(planned(spec, options).programs.frozen);
    const matched = { learning: { traces: "matched" } } as const;
    expect(frozen(deep(2), {})).toEqual(["synapses frozen", "neurons"]);
    expect(frozen(deep(2), { batch: 17 })).toEqual(["propagate", "neurons"]);
    expect(frozen(deep(2), matched)).toEqual(["propagate", "traces", "neurons"]);
    expect(frozen(deep(2, plasticOutput), {})).toEqual(["synapses frozen", "neurons"]);
    expect(frozen(deep(2, plasticOutput), matched)).toEqual([
      ...["propagate", "traces", "neurons finish", "traces of derivatives", "neurons begin"],
    ]);
  });

  it("learns time constants alone where no synapse is plastic", () => {
    const fixed = layered({
      dt: 0.1,
      input: 3,
      hidden: [],
      output: { ...neurons, size: 2, plastic: false, bias: { plastic: false }, plasticTauR: true },
      cost: { kind: "squared-error" },
    });
    const after = ["neurons finish", "learn_time_constants", "neurons begin"];
    expect(stepOf(planned(fixed).programs.learning)).toEqual(["synapses frozen", ...after]);
    expect(stepOf(planned(fixed, { batch: 17 }).programs.learning)).toEqual(["propagate", ...after]);
  });
});

describe("a step of a sweep", () => {
  const up = (levels: number): string[] =>
    Array.from({ length: levels }, (_, level) => [`propagate up ${level}`, `neurons finish ${level}`]).flat();
  /** Nothing is propagated back to the sources. */
  const down = (levels: number): string[] =>
    Array.from({ length: levels }, (_, index) => levels - 1 - index).flatMap((level) =>
      level === 0 ? ["neurons begin 0"] : [`neurons begin ${level}`, `propagate down ${level}`],
    );

  it.each([1, 2, 5])("of %i levels goes up, down, learns and loads the next input", (levels) => {
    for (const batch of [1, 3]) {
      const { learning, frozen } = planned(deep(levels, sweep), { batch }).programs;
      expect(stepOf(learning)).toEqual([...up(levels), ...down(levels), "learn", "neurons load"]);
      expect(stepOf(learning)).toHaveLength(4 * levels + 1);
      expect(stepOf(frozen)).toEqual([...up(levels), ...down(levels), "neurons load"]);
      for (const { start, end } of [learning, frozen]) {
        expect([labels(start), labels(end)]).toEqual([["neurons load"], []]);
      }
    }
  });

  it("propagates back over a delay at its end", () => {
    const { learning } = planned(looped(deep(2, sweep))).programs;
    expect(stepOf(learning)).toEqual([...up(2), ...down(2), "propagate back", "learn", "neurons load"]);
  });

  it("with traces and time constants that learn has them after the errors", () => {
    const { learning } = planned(deep(2, { ...sweep, ...plasticOutput }), { learning: { traces: "matched" } }).programs;
    const rest = ["traces", "traces of derivatives", "learn", "learn_time_constants", "neurons load"];
    expect(stepOf(learning)).toEqual([...up(2), ...down(2), ...rest]);
  });

  it("without errors compares costs only", () => {
    const { learning } = planned(deep(3, sweep), { learning: { errors: "none" } }).programs;
    expect(stepOf(learning)).toEqual([...up(3), "neurons begin 2", "neurons load"]);
  });

  it("records sources at its end, once all feedback is there", () => {
    const record = [{ population: "input", quantity: "feedback" }] as const;
    const { learning } = planned(deep(2, sweep), { record }).programs;
    const back = [...down(2), "propagate down 0", "traces of sources"];
    expect(stepOf(learning)).toEqual([
      ...up(2),
      ...back.map((each) => each.replace(/^traces/, "neurons traces")),
      "learn",
      "neurons load",
    ]);
  });
});

describe("a window", () => {
  const learning = { errors: "adjoint", window: 12 } as const;

  function window(spec: NetworkSpec, options: Options = {}): NonNullable<Plan["programs"]["window"]> {
    const { programs } = planned(spec, { learning, ...options });
    if (programs.window === null) throw new Error("There is no window.");
    return programs.window;
  }

  it("of jacobi goes forward without errors, and back with two dispatches a step", () => {
    for (const batch of [1, 3]) {
      const { first, forward, again, back, gradient, lastGradient, apply } = window(looped(deep(3)), { batch });
      expect(stepOf(first)).toEqual(["propagate", "neurons forward"]);
      expect(labels(first.start)).toEqual(["neurons begin forward"]);
      expect(labels(first.end)).toEqual(["neurons finish forward"]);
      // A window that is kept whole has one segment.
      expect(forward).toBe(first);
      expect(again).toBe(first);
      expect(labels(back)).toEqual(["reverse 0", "propagate back"]);
      expect(labels([...gradient, ...lastGradient, ...apply])).toEqual(["gradient of 12", "gradient of 12", "apply"]);
    }
  });

  it("of a sweep goes back level by level", () => {
    const { first, back } = window(looped(deep(3, sweep)));
    expect(stepOf(first)).toEqual([
      ...[0, 1, 2].flatMap((level) => [`propagate up ${level}`, `neurons finish ${level} forward`]),
      "neurons begin 2 forward",
      "neurons load forward",
    ]);
    expect(labels(back)).toEqual([
      ...["reverse 2", "propagate down 2", "reverse 1", "propagate down 1", "reverse 0"],
      // It counts the step down, be there delays or not.
      "propagate back",
    ]);
    expect(labels(window(deep(1, sweep)).back)).toEqual(["reverse 0", "propagate back"]);
  });

  it("in segments starts each of them, and goes again without costs, targets and traces", () => {
    const spec = deep(2, { targetDelay: 1 });
    const record = [{ population: "output", quantity: "rate" }] as const;
    const long = { errors: "adjoint", window: 60 } as const;
    const cut = planned(spec, { learning: long, record, batch: 8, trajectoryBytes: 30_000 });
    const { segments, programs } = cut;
    expect(segments?.count).toBeGreaterThan(1);
    const { first, forward, again, gradient, lastGradient } = programs.window ?? {};
    const constantsOf = (program: Program | undefined) =>
      [...(program?.start ?? []), ...(program?.join ?? [])].map(({ constants }) => constants);
    const [firstStart, firstJoin] = constantsOf(first);
    const [forwardStart, forwardJoin] = constantsOf(forward);
    const [againStart, againJoin] = constantsOf(again);
    expect(firstStart).toMatchObject({ SEGMENT_START: 2, COSTS: 1, KEEPS_TARGET: 1 });
    expect(forwardStart).toEqual({ ...firstStart, SEGMENT_START: 1 });
    expect(againStart).toEqual({ ...forwardStart, COSTS: 0, KEEPS_TARGET: 0 });
    for (const join of [firstJoin, forwardJoin]) {
      expect(join).toMatchObject({ SEGMENT_START: 0, COSTS: 1, KEEPS_TARGET: 1, TRACES: 1, TRAJECTORY: 1 });
    }
    expect(againJoin).toMatchObject({ SEGMENT_START: 0, COSTS: 0, KEEPS_TARGET: 0, TRACES: 0, TRAJECTORY: 1 });
    // Which of the two lengths of struct Params a dispatch sums over.
    expect(gradient?.[0]?.constants["CONTINUES"]).toBe(1);
    expect(lastGradient?.[0]?.constants["CONTINUES"]).toBe(0);
  });

  it("keeps derivatives where it sums up the gradients of time constants", () => {
    const kept = (spec: NetworkSpec): (number | undefined)[] =>
      window(spec).first.join.map(({ constants }) => constants["TRAJECTORY"]);
    expect(kept(deep(2))).toEqual([1]);
    expect(kept(deep(2, plasticOutput))).toEqual([2]);
  });

  it("is not there where nothing learns, or learns in every step", () => {
    const fixed = layered({
      dt: 0.1,
      input: 3,
      hidden: [],
      output: { ...neurons, size: 2, plastic: false, bias: { plastic: false } },
      cost: { kind: "squared-error" },
    });
    expect(planned(fixed, { learning }).programs.window).toBeNull();
    expect(planned(deep(2)).programs.window).toBeNull();
    // Steps without learning are those of any other rule.
    const { programs } = planned(deep(2), { learning });
    expect(programs.learning).toBe(programs.frozen);
    expect(stepOf(programs.frozen)).toEqual(["propagate", "neurons"]);
  });

  it("is described with its segments", () => {
    const lines = (options: Options): string[] =>
      describePlan(planned(deep(2), { learning, ...options }))
        .split("\n")
        .filter((line) => line.startsWith("window"));
    expect(lines({})).toEqual(["window   12 steps, kept whole; every step is computed 1.00 times forward"]);
    const line = lines({ batch: 50, trajectoryBytes: 80_000 });
    expect(line).toEqual([
      expect.stringMatching(
        /^window {3}12 steps, in \d+ segments of \d or fewer; every step is computed 1\.\d\d times/,
      ),
    ]);
  });
});

/** Overrides that a kernel has from a snippet and uses nowhere. */
function unusedBy(kernel: KernelName): string[] {
  const code = assemble(kernel).code.replace(/\/\/.*/g, "");
  // Once it is declared; every further time it is used.
  return kernels[kernel].overrides.filter((name) => code.split(new RegExp(`\\b${name}\\b`)).length === 2);
}

/** Given to every dispatch by the plan, where there are several networks. */
const ofReplicas = kernels.initialize.overrides;

describe("every dispatch", () => {
  const rules: readonly LearningSpec[] = [
    {},
    { errors: "instantaneous", feedback: "random" },
    { errors: "none" },
    { traces: "matched" },
    { errors: "adjoint", window: 7, optimizer: { kind: "accumulate" } },
  ];
  const plans = rules.flatMap((learning) =>
    [deep(3), looped(deep(3, sweep)), looped(deep(2, plasticOutput))].flatMap((spec) =>
      [1, 3].flatMap((batch) => [false, true].map((fuseSteps) => planned(spec, { batch, learning, fuseSteps }))),
    ),
  );
  const withEnergies = planned(deep(2), { batch: 3, energies: energyQuantities });
  const wide = [{}, { tuning: tuningFor({ software: true, subgroupSize: 4 }) }].map((tuning) =>
    planned(deep(2), { batch: 17, ...tuning }),
  );
  const every = [...plans, withEnergies, ...wide].flatMap((one) =>
    dispatchesOf(one).map((dispatch) => ({ plan: one, dispatch })),
  );

  it("is one of every kernel, here", () => {
    const met = new Set(every.map(({ dispatch }) => dispatch.kernel));
    expect([...met].toSorted()).toEqual((Object.keys(kernels) as KernelName[]).toSorted());
  });

  it("gives a buffer of the plan to every binding of its kernel, and a value to every override", () => {
    for (const { plan, dispatch } of every) {
      const { bindings, overrides } = kernels[dispatch.kernel];
      const bound = Object.keys(dispatch.buffers);
      expect(bound.toSorted(), dispatch.label).toEqual(bindings.map(({ name }) => name as string).toSorted());
      const names: readonly string[] = plan.buffers.map(({ name }) => name);
      expect(
        Object.values(dispatch.buffers).filter((name) => !names.includes(name)),
        dispatch.label,
      ).toEqual([]);
      const given = Object.keys(dispatch.constants);
      expect(
        given.filter((name) => !(overrides as readonly string[]).includes(name)),
        dispatch.label,
      ).toEqual([]);
      // Most workgroups are as wide as it is by default; a lone network has no strides, and no step waits for others.
      const mayLack = [...given, "WIDTH", "DEFERRED", "MEAN", ...ofReplicas, ...unusedBy(dispatch.kernel)];
      expect(
        overrides.filter((name) => !mayLack.includes(name)),
        dispatch.label,
      ).toEqual([]);
      const values = Object.values(dispatch.constants);
      expect(values.filter((value) => !Number.isInteger(value) || value < 0 || value >= 2 ** 32)).toEqual([]);
    }
  });

  it("has a workgroup for every tile that it is given", () => {
    for (const { plan, dispatch } of every) {
      const { buffers, workgroups, tiles } = dispatch;
      const table = new Map<string, string>(Object.entries(buffers)).get("tiles");
      // One workgroup takes all tiles of a small network.
      if (table === undefined || dispatch.kernel.startsWith("network")) continue;
      const bytes = plan.buffers.find(({ name }) => name === table)?.bytes ?? NaN;
      expect(workgroups[0] * workgroups[1], dispatch.label).toBe(tiles?.count ?? bytes / 32);
      expect(((tiles?.first ?? 0) + (tiles?.count ?? 0)) * 32).toBeLessThanOrEqual(bytes);
    }
  });
});

describe("requirements", () => {
  it("count the dispatches of a step that learns, of a window forward and back", () => {
    const count = (spec: NetworkSpec, options: Parameters<typeof requirements>[1] = {}): number =>
      requirements(spec, { fuseSteps: false, ...options }).dispatchesPerStep;
    const window = { errors: "adjoint", window: 5 } as const;
    expect(count(deep(3))).toBe(2);
    expect(count(deep(3), { batch: 17 })).toBe(3);
    expect(count(deep(3), { learning: { traces: "matched" } })).toBe(4);
    expect(count(deep(3, sweep))).toBe(13);
    expect(count(deep(3), { learning: window })).toBe(4);
    // Up and finished at three levels, a cost, a load; reversed at three levels, two of them propagate down, and back.
    expect(count(deep(3, sweep), { learning: window })).toBe(8 + 6);
  });

  it("warn of a loop that looks ahead with a gain above 1", () => {
    const loop = (tauR: number, value: number): NetworkSpec => ({
      dt: 0.1,
      sources: [{ name: "eye", size: 1 }],
      populations: [{ name: "ring", size: 1, tauM: 2, tauR, activation: "tanh" }],
      projections: [
        { from: "eye", to: "ring" },
        { from: "ring", to: "ring", init: { kind: "constant", value } },
      ],
    });
    // The gain of one neuron is its weight times tauR / tauM.
    const warning =
      "Loops that look ahead have a gain of about 1.50 with the weights that the network starts with; above 1 they grow " +
      "with every step, whatever dt is. Lower tauR / tauM of the populations in a loop, or their weights.";
    expect(requirements(loop(1, 3)).warnings).toEqual([warning]);
    expect(requirements(loop(2, 1.5)).warnings).toEqual([warning]);
    expect(requirements(loop(2, 0.99)).warnings).toEqual([]);
    expect(requirements(loop(0.5, 3)).warnings).toEqual([]);
    expect(requirements(deep(3)).warnings).toEqual([]);
    expect(describePlan(planned(loop(1, 3)))).toContain(`\nwarning  ${warning}\n`);
  });
});
