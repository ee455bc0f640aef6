/** Data for networks of any shape, and windows of adjoint errors beside their f64 twin. */

import { expect } from "vitest";
import { createSimulator } from "../../src/index.ts";
import { createReference } from "../../src/reference/index.ts";
import type { Between, SimulatorOptions, Where } from "../../src/simulator.ts";
import { resolveLearning, resolveNetwork, type LearningSpec, type NetworkSpec } from "../../src/spec.ts";
import { metricsOf, numbers } from "./networks.ts";
import { difference, expectSmall } from "./twin.ts";

export interface Data {
  readonly input: Readonly<Record<string, Float32Array>>;
  readonly target: Readonly<Record<string, Float32Array>>;
}

export function dataOf(spec: NetworkSpec, frames: number, batch: number): Data {
  const input = Object.fromEntries(
    spec.sources.map(({ name, size }, i) => [name, numbers(frames * batch * size, i + 1)]),
  );
  const target = Object.fromEntries(
    spec.populations.flatMap(({ name, size, cost }, i) => {
      if (cost === undefined) return [];
      if (cost.kind === "squared-error") return [[name, numbers(frames * batch * size, 20 + i)]];
      return [[name, numbers(frames * batch, 20 + i).map((value) => Math.floor((value + 1) * 0.5 * (size + 1)) - 1)]];
    }),
  );
  return { input, target };
}

export const placesOf = (spec: NetworkSpec): [string, Where][] => [
  ...spec.projections.map(({ from, to }): [string, Where] => [`${from} -> ${to}`, { from, to }]),
  ...spec.populations.flatMap(({ name }): [string, Where][] => [
    [`bias of ${name}`, name],
    [`tauM of ${name}`, { population: name, of: "tauM" }],
    [`tauR of ${name}`, { population: name, of: "tauR" }],
  ]),
];

export function frameOf(
  arrays: Readonly<Record<string, Float32Array>>,
  step: number,
  frames: number,
): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, values]) => {
      const size = values.length / frames;
      return [name, values.subarray(step * size, (step + 1) * size)];
    }),
  );
}

const isFixed = ({ projections }: NetworkSpec, { from, to }: Between): boolean =>
  projections.find((each) => each.from === from && each.to === to)?.plastic === false;

export interface Windows {
  readonly spec: NetworkSpec;
  readonly optimizer?: LearningSpec["optimizer"];
  /** Steps of a window, and how many of them. */
  readonly window?: number;
  readonly windows?: number;
}

/**
 * Runs a simulator with windows of adjoint errors and its twin over a few windows, and compares all that there is then. By
 * default the gradients of all parameters are summed up, and nothing learns.
 */
export async function followWindows(
  device: GPUDevice,
  { spec, optimizer = { kind: "accumulate" }, window = 12, windows = 3 }: Windows,
  own: SimulatorOptions,
): Promise<void> {
  const { batch = 1, fuseSteps = false } = own;
  const frames = window * windows;
  const learning: LearningSpec = { errors: "adjoint", window, optimizer };
  const { input, target } = dataOf(spec, frames, batch);
  const reference = createReference(resolveNetwork(spec), resolveLearning(learning), { batch, seed: 5 });
  let loss = 0;
  for (let k = 0; k < frames; k++) {
    loss += (reference.step(frameOf(input, k, frames), frameOf(target, k, frames)) || 0) / frames;
  }
  using sim = await createSimulator(spec, { ...own, fuseSteps, seed: 5, learning, device });
  expect(sim.plan.programs.network !== null).toBe(fuseSteps);
  const [metrics] = await metricsOf(sim, { input, target, steps: frames });
  const found: Record<string, number> = { loss: Math.abs((metrics?.loss ?? NaN) - loss) / loss };
  const isAll = optimizer.kind === "accumulate";
  const hasTau = isAll || spec.populations.some((each) => each.plasticTauM === true || each.plasticTauR === true);
  for (const [name, where] of placesOf(spec)) {
    if (typeof where !== "string" && "of" in where && !hasTau) continue;
    if (!isAll && typeof where !== "string" && "from" in where && isFixed(spec, where)) continue;
    const gradient = reference.read("gradient", where);
    expect(
      gradient.some((value) => value !== 0),
      `gradient of ${name}`,
    ).toBe(true);
    found[`gradient of ${name}`] = difference(await sim.read("gradient", where), gradient);
  }
  for (const { name } of spec.populations) {
    found[`adjoint of ${name}`] = difference(await sim.read("adjoint", name), reference.read("adjoint", name));
    const gradient = await sim.read("potentialGradient", name);
    found[`potential gradient of ${name}`] = difference(gradient, reference.read("potentialGradient", name));
    for (const quantity of ["potential", "rate", "bias", "tauM", "tauR"] as const) {
      found[`${quantity} of ${name}`] = difference(await sim.read(quantity, name), reference.read(quantity, name));
    }
  }
  for (const { from, to } of spec.projections) {
    found[`weight ${from} ${to}`] = difference(
      await sim.read("weight", { from, to }),
      reference.read("weight", { from, to }),
    );
  }
  // The table of properties asks for 1e-4; a wrong sign, row or step is 1e-2 and more.
  expectSmall(found, 1e-4);
}

/** One neuron, both sides of a quad's and of a workgroup's neurons, and one quad more than a workgroup has invocations. */
export const sizes = { one: 1, below: 63, equal: 64, above: 65, many: 257 } as const;

/**
 * Populations of these sizes, of which there must be all, and "out": three levels and a loop, projections that are wide and
 * tall, several into one population and out of one, and one that is fixed.
 */
export const graphOfSizes = (populations: NetworkSpec["populations"]): NetworkSpec => ({
  dt: 0.1,
  sources: [{ name: "x", size: sizes.above }],
  populations,
  projections: [
    ...["one", "below", "equal", "above"].flatMap((name) => [
      { from: "x", to: name },
      { from: name, to: "many" },
    ]),
    { from: "many", to: "many", init: { kind: "uniform", scale: 0.5 } },
    { from: "above", to: "out", plastic: false },
    { from: "many", to: "out" },
  ],
});

/** A population of each of these sizes, by its name; time constants are repeated over its neurons. */
export const populationsOfSizes = (tauM: readonly number[], tauR: readonly number[], more: object = {}) =>
  Object.entries(sizes).map(
    ([name, size]) =>
      ({ name, size, tauM: tauM.slice(0, size), tauR: tauR.slice(0, size), activation: "tanh", ...more }) as const,
  );
