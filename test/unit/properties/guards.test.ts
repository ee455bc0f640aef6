import { describe, expect, test } from "vitest";
import { SpecError } from "../../../src/errors.ts";
import { PLASTIC_TAU_STEPS, resolveNetwork, type LearningSpec, type OptimizerSpec } from "../../../src/spec.ts";
import { randomSteps, SCHEDULES, stack, start, take } from "./graphs.ts";

/** P22: what keeps a run from blowing up. A GPU run that does is stopped by the simulator, which has its own tests. */

const dt = 0.1;
const layers = (schedule: "jacobi" | "sweep", tau: number, plastic = true) =>
  stack({
    schedule,
    dt,
    sizes: [2, 3, 2],
    tauM: (_, i) => tau + i,
    tauR: (_, i) => tau + i / 2,
    beta: 3,
    ...(plastic && { plastic: "all" }),
  });

describe("P22: time constants", () => {
  test.each([dt / 2, 0.99 * dt, 0.0027])("of %d, below dt, are refused", (tau) => {
    for (const field of ["tauM", "tauR"] as const) {
      const { populations, ...network } = layers("sweep", 1, false);
      const spec = { ...network, populations: populations.map((each) => ({ ...each, [field]: tau })) };
      expect(() => resolveNetwork(spec)).toThrow(SpecError);
      expect(() => resolveNetwork(spec)).toThrow(
        `populations[0].${field} is ${tau}, below dt (0.1). Raise ${field} or`,
      );
    }
  });

  test("of dt are taken, and so are 10 dt of one that learns", () => {
    expect(resolveNetwork(layers("jacobi", dt, false)).populations[0]?.tauM[0]).toBe(dt);
    expect(resolveNetwork(layers("jacobi", 10 * dt)).populations[0]?.tauM[0]).toBe(10 * dt);
  });

  const rules: [string, LearningSpec][] = [
    ["local", {}],
    ["instantaneous", { errors: "instantaneous" }],
    ["matched traces", { traces: "matched" }],
    ["adjoint", { errors: "adjoint", window: 3 }],
  ];
  // Large enough that an update would throw many of them below 0.
  const optimizers: OptimizerSpec[] = [
    { kind: "sgd", eta: 1 },
    { kind: "momentum", eta: 0.3 },
    { kind: "adam", eta: 1 },
  ];
  const cases = SCHEDULES.flatMap((schedule) =>
    rules.flatMap(([name, learning]) => optimizers.map((optimizer) => ({ schedule, name, learning, optimizer }))),
  );

  test.each(cases)(
    "that learn stay at 10 dt or above: $schedule, $name, $optimizer.kind",
    ({ schedule, learning, optimizer }) => {
      const network = layers(schedule, 1);
      const frozen = {
        ...network,
        populations: network.populations.map((each) => ({ ...each, bias: false as const })),
        projections: network.projections.map((each) => ({ ...each, plastic: false })),
      };
      const reference = start(frozen, { ...learning, optimizer }, 2);
      let [touched, moved] = [0, 0];
      for (const step of randomSteps(frozen, 60, 2, 1)) {
        take(reference, [step]);
        for (const layer of ["1", "2"]) {
          for (const quantity of ["tauM", "tauR"] as const) {
            for (const tau of reference.read(quantity, layer)) {
              expect(tau).toBeGreaterThanOrEqual(PLASTIC_TAU_STEPS * dt);
              if (tau === PLASTIC_TAU_STEPS * dt) touched += 1;
              else moved += 1;
            }
          }
        }
      }
      expect(touched).toBeGreaterThan(10);
      expect(moved).toBeGreaterThan(10);
    },
  );

  test("that do not learn may be below 10 dt and are not lifted", () => {
    const reference = start(layers("jacobi", dt, false), { optimizer: { kind: "sgd", eta: 0.1 } });
    take(reference, randomSteps(layers("jacobi", dt), 5, 1, 1));
    expect([...reference.read("tauM", "1")]).toEqual([dt, 1 + dt, 2 + dt]);
    expect([...reference.read("tauR", "1")]).toEqual([dt, 0.5 + dt, 1 + dt]);
  });

  test("a run that blows up shows it in its cost", () => {
    const network = layers("jacobi", 1);
    const linear = {
      ...network,
      populations: network.populations.map((each) => ({ ...each, activation: "linear" as const, gamma: -50 })),
    };
    const reference = start(linear, { optimizer: { kind: "sgd", eta: 1 } });
    const costs = randomSteps(linear, 400, 1, 1).map(({ input, target }) => reference.step(input, target));
    expect(costs.slice(0, 5).every(Number.isFinite)).toBe(true);
    // From some step on none is finite, and it stays so: nothing hides it.
    const first = costs.findIndex((cost) => !Number.isFinite(cost));
    expect(first).toBeGreaterThan(5);
    expect(costs.slice(first).some(Number.isFinite)).toBe(false);
  });
});
