/**
 * P22 on the GPU: what keeps a run from blowing up, and what tells of one that does. The other properties are in
 * properties-*.test.ts, and P20 is in reproduce.test.ts. P10, P11, P18, P21 and P23 are of the f64 reference alone.
 */

import { describe, expect, test } from "vitest";
import { createSimulator, DataError, DivergedError, SpecError } from "../../src/index.ts";
import {
  PLASTIC_TAU_STEPS,
  type LearningSpec,
  type NetworkSpec,
  type OptimizerSpec,
  type PopulationSpec,
} from "../../src/spec.ts";
import { largest, randomSteps, SCHEDULES, stack, start } from "../unit/properties/graphs.ts";
import { framesOf, Probe } from "./properties.ts";
import { useLazyDevice } from "./shared-device.ts";
import { rejection } from "./watched.ts";

const device = useLazyDevice();

const [dt, batch] = [0.1, 2];
const least = Math.fround(PLASTIC_TAU_STEPS * dt);

const layers = (schedule: "jacobi" | "sweep", tau: number, plastic = true): NetworkSpec =>
  stack({
    schedule,
    dt,
    sizes: [2, 3, 2],
    tauM: (_, i) => tau + i,
    tauR: (_, i) => tau + i / 2,
    beta: 3,
    ...(plastic && { plastic: "all" }),
  });

const each = (network: NetworkSpec, change: Partial<PopulationSpec>): NetworkSpec => ({
  ...network,
  populations: network.populations.map((population) => ({ ...population, ...change })),
});

describe("P22: time constants", () => {
  test.each([dt / 2, 0.99 * dt, 0.0027])("of %d, below dt, are refused", async (tau) => {
    using probe = await Probe.create(device(), layers("sweep", 1, false));
    for (const field of ["tauM", "tauR"] as const) {
      const refused = await rejection(
        createSimulator(each(layers("sweep", 1, false), { [field]: tau }), { device: device() }),
      );
      expect(refused).toBeInstanceOf(SpecError);
      expect((refused as Error).message).toContain(
        `populations[0].${field} is ${tau}, below dt (0.1). Raise ${field} or`,
      );
      // Later on, too.
      expect(() => probe.sim.write(field, "1", Float32Array.of(1, tau, 1))).toThrow(DataError);
      expect((await probe.sim.read(field, "1"))[1]).not.toBe(Math.fround(tau));
    }
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
    async ({ schedule, learning, optimizer }) => {
      const network = each(layers(schedule, 1), { bias: false });
      const frozen = { ...network, projections: network.projections.map((one) => ({ ...one, plastic: false })) };
      using probe = await Probe.create(device(), frozen, { batch, learning: { ...learning, optimizer } });
      const steps = randomSteps(frozen, 60, batch, 1);
      let [touched, moved] = [0, 0];
      for (let k = 0; k < steps.length; k += 3) {
        await probe.take(framesOf(steps.slice(k, k + 3)));
        for (const layer of ["1", "2"]) {
          for (const quantity of ["tauM", "tauR"] as const) {
            for (const tau of await probe.sim.read(quantity, layer)) {
              expect(tau).toBeGreaterThanOrEqual(least);
              if (tau === least) touched += 1;
              else moved += 1;
            }
          }
        }
      }
      expect(touched).toBeGreaterThan(10);
      expect(moved).toBeGreaterThan(10);
    },
  );

  test("that do not learn may be below 10 dt and are not lifted", async () => {
    const network = layers("jacobi", dt, false);
    using probe = await Probe.create(device(), network, { learning: { optimizer: { kind: "sgd", eta: 0.1 } } });
    await probe.take(framesOf(randomSteps(network, 5, 1, 1)));
    expect(await probe.sim.read("tauM", "1")).toEqual(Float32Array.of(dt, 1 + dt, 2 + dt));
    expect(await probe.sim.read("tauR", "1")).toEqual(Float32Array.of(dt, 0.5 + dt, 1 + dt));
  });
});

describe("P22: a run that blows up", () => {
  test.each(SCHEDULES)("is stopped where f32 ends: %s", async (schedule) => {
    // An error that acts with the wrong sign multiplies all that there is in every step.
    const network = each(layers(schedule, 1), { activation: "linear", gamma: -3 });
    const steps = randomSteps(network, 120, 1, 1);
    const reference = start(network, {});
    const end = steps.findIndex(({ input, target }) => {
      reference.step(input, target, false);
      const values = ["1", "2"].flatMap((name) => [reference.read("rate", name), reference.read("error", name)]);
      return values.some((each) => largest(each) >= 2 ** 128);
    });
    expect(end).toBeGreaterThan(10);
    using probe = await Probe.create(device(), network);
    const error = await rejection(probe.take(framesOf(steps), { learn: false }));
    expect(error).toBeInstanceOf(DivergedError);
    const { step, population } = (error as DivergedError).details as { step: number; population: string };
    // All grows by 9 or more in a step, so that its end is found to the step; a product within it may be the first.
    expect([end - 1, end]).toContain(step);
    expect(["1", "2"]).toContain(population);
  });
});
