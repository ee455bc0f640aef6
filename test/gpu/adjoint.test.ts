/** Windows of adjoint errors on the GPU: against the f64 adjoint, and against themselves when they are cut into segments. */

import { describe, expect, it } from "vitest";
import { createSimulator } from "../../src/index.ts";
import { tunings } from "../../src/layout.ts";
import { resolvePlanning } from "../../src/options.ts";
import { planNetwork } from "../../src/plan.ts";
import type { Simulator, SimulatorOptions } from "../../src/simulator.ts";
import { resolveNetwork, type LearningSpec, type NetworkSpec } from "../../src/spec.ts";
import { dataOf, followWindows, type Windows } from "./graphs.ts";
import { metricsOf } from "./networks.ts";
import { onCpu } from "../unit/planning.ts";
import { useLazyDevice } from "./shared-device.ts";

const device = useLazyDevice();

/** Loops over one population and over two, skip connections, all activations, both costs, sizes around quads. */
function graph(more: Partial<NetworkSpec> = {}, plastic = false): NetworkSpec {
  const tau = { plasticTauM: plastic, plasticTauR: plastic };
  return {
    dt: 0.1,
    sources: [
      { name: "x", size: 5 },
      { name: "z", size: 3 },
    ],
    populations: [
      { name: "a", size: 9, tauM: [1, 2, 3], tauR: [1, 1.5], activation: "tanh", gamma: 0.05, ...tau },
      { name: "b", size: 66, tauM: 1.5, tauR: [0.2, 1], activation: "softplus" },
      {
        name: "c",
        size: 4,
        tauM: 1,
        tauR: 1,
        activation: "linear",
        cost: { kind: "squared-error", beta: 0.5 },
        ...tau,
      },
      { name: "d", size: 5, tauM: 2, tauR: 1, activation: "sigmoid", cost: { kind: "cross-entropy", beta: 0.3 } },
    ],
    projections: [
      { from: "x", to: "a" },
      { from: "z", to: "b", plastic: false },
      { from: "a", to: "b" },
      { from: "a", to: "c" },
      { from: "b", to: "c" },
      { from: "b", to: "d" },
      { from: "a", to: "a", init: { kind: "uniform", scale: 0.5 } },
      { from: "c", to: "a", recurrent: true, init: { kind: "uniform", scale: 0.5 } },
    ],
    ...more,
  };
}

const parameters = ["weight", "bias", "tauM", "tauR"] as const;

/** Every parameter, by quantity and place. */
async function parametersOf(sim: Simulator, spec: NetworkSpec): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  for (const { from, to } of spec.projections)
    found.set(`weight ${from} ${to}`, await sim.read("weight", { from, to }));
  for (const { name } of spec.populations) {
    for (const quantity of parameters.slice(1)) found.set(`${quantity} ${name}`, await sim.read(quantity, name));
  }
  return found;
}

interface Case extends Windows {
  readonly name: string;
}

const cases: readonly Case[] = [
  { name: "jacobi", spec: graph() },
  { name: "jacobi, target delay 1", spec: graph({ targetDelay: 1 }) },
  { name: "sweep", spec: graph({ schedule: "sweep" }) },
  { name: "jacobi, momentum, time constants", spec: graph({}, true), optimizer: { kind: "momentum", eta: 0.01 } },
  {
    name: "sweep, Adam, time constants",
    spec: graph({ schedule: "sweep" }, true),
    optimizer: { kind: "adam", eta: 0.001 },
  },
];

describe.each([1, 3])("batch %i", (batch) => {
  it.each(cases)("$name", (given) => followWindows(device(), given, { batch }));
});

/** It takes a software adapter seconds to compile: few cases. */
describe.each([
  { batch: 1, networkWidth: 1 },
  { batch: 3, networkWidth: 8 },
])("in one workgroup of $networkWidth", ({ batch, networkWidth }) => {
  it.each(cases.filter(({ name }) => name.endsWith("time constants")))("$name", (given) =>
    followWindows(device(), given, {
      batch,
      fuseSteps: true,
      tuning: { ...tunings.cpu, networkWidth, networkProducts: 8192 },
    }),
  );
});

/** Bytes of the trajectory of a window that is kept whole, and of its checkpoints. */
function wholeBytes(spec: NetworkSpec, options: SimulatorOptions): number {
  const plan = planNetwork(resolveNetwork(spec), resolvePlanning({ ...options, trajectoryBytes: 2 ** 40 }, onCpu));
  const bytesOf = (name: string): number => plan.buffers.find((buffer) => buffer.name === name)?.bytes ?? 0;
  return bytesOf("record") + bytesOf("checkpoints");
}

describe("a window that is cut into segments", () => {
  it.each(["jacobi", "sweep"] as const)("gives the same bits, %s", async (schedule) => {
    const [batch, window] = [3, 40];
    const spec = graph({ schedule }, true);
    const learning: LearningSpec = { errors: "adjoint", window, optimizer: { kind: "adam", eta: 0.01 } };
    const record = [{ population: "d", quantity: "rate" }] as const;
    const base = { batch, seed: 5, learning, device: device(), record };
    const data = dataOf(spec, 2 * window, batch);
    const whole = await createSimulator(spec, base);
    const [expected] = await metricsOf(whole, { ...data, steps: 2 * window });
    const bytes = wholeBytes(spec, { batch, learning });
    // From two segments up to as many as checkpoints allow.
    for (const share of [0.65, 0.55, 0.48]) {
      const sim = await createSimulator(spec, { ...base, trajectoryBytes: Math.floor(share * bytes) });
      const { segments } = sim.plan;
      expect(segments?.count).toBeGreaterThan(1);
      expect(segments?.recomputation).toBeGreaterThanOrEqual(1.5);
      const [metrics] = await metricsOf(sim, { ...data, steps: 2 * window });
      expect(metrics?.loss).toBe(expected?.loss);
      expect(metrics?.traces).toEqual(expected?.traces);
      expect(await parametersOf(sim, spec)).toEqual(await parametersOf(whole, spec));
      expect(await sim.read("gradient", { from: "a", to: "a" })).toEqual(
        await whole.read("gradient", { from: "a", to: "a" }),
      );
      expect(await sim.read("potentialGradient", "a")).toEqual(await whole.read("potentialGradient", "a"));
      expect(await sim.read("potential", "a")).toEqual(await whole.read("potential", "a"));
      sim.destroy();
    }
    whole.destroy();
  });

  it("of 1,000 steps of 512 recurrent neurons, batch 16, in a quarter of the memory", async () => {
    const [batch, window] = [16, 1000];
    const neurons = { tauM: [2, 5, 10], tauR: 1, activation: "tanh" } as const;
    const spec: NetworkSpec = {
      dt: 1,
      sources: [{ name: "x", size: 8 }],
      populations: [
        { name: "a", size: 512, ...neurons },
        { name: "y", size: 4, tauM: 1, tauR: 1, activation: "linear", cost: { kind: "squared-error" } },
      ],
      projections: [
        { from: "x", to: "a" },
        { from: "a", to: "a" },
        { from: "a", to: "y" },
      ],
    };
    const learning: LearningSpec = { errors: "adjoint", window, optimizer: { kind: "sgd", eta: 1e-6 } };
    const data = dataOf(spec, window, batch);
    // A processor is quicker with wide products here.
    const options = { batch, seed: 1, learning, tuning: { ...tunings.cpu, wideBatch: batch } };
    const bytes = wholeBytes(spec, options);
    const gradients: Float32Array[] = [];
    for (const trajectoryBytes of [bytes, Math.floor(bytes / 4)]) {
      const sim = await createSimulator(spec, { ...options, device: device(), trajectoryBytes });
      const kept = sim.plan.buffers.filter(({ name }) => name === "record" || name === "checkpoints");
      expect(kept.reduce((sum, buffer) => sum + buffer.bytes, 0)).toBeLessThanOrEqual(trajectoryBytes);
      await metricsOf(sim, { ...data, steps: window });
      gradients.push(
        await sim.read("gradient", { from: "a", to: "a" }),
        await sim.read("weight", { from: "a", to: "a" }),
      );
      sim.destroy();
    }
    expect(gradients[0]?.some((value) => value !== 0)).toBe(true);
    expect(gradients[2]).toEqual(gradients[0]);
    expect(gradients[3]).toEqual(gradients[1]);
  }, 300_000);
});
