/** Verification itself, with the f64 reference in place of the GPU: it accepts what is right and finds what is not. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseRecording, type LayerSnapshot, type Recording } from "../../src/tasks/recording.ts";
import type { CreateSimulator } from "../../src/train/train.ts";
import { verifyRecording, type Check } from "../../src/train/verification.ts";
import { createReferenceSimulator } from "./reference-simulator.ts";

const names = ["chain-softplus", "instantaneous-errors", "latent-equilibrium-mse", "mlp-tanh-ce"];
const options = { createSimulator: createReferenceSimulator };

function load(name: string): Recording {
  return parseRecording(readFileSync(new URL(`../fixtures/golden/${name}.json`, import.meta.url), "utf8"), name);
}

function failing(checks: readonly Check[]): string[] {
  return checks.filter(({ holds }) => !holds).map(({ name }) => name);
}

test.each(names)("the f64 reference passes every check of %s", async (name) => {
  const checks = await verifyRecording(load(name), options);
  expect(checks.map((check) => check.name)).toEqual([
    "frozen.potential",
    "frozen.low-passed-error",
    "frozen.rate",
    "frozen.error",
    "frozen.feedback",
    "frozen.weight-gradient",
    "frozen.bias-gradient",
    "frozen.tau-m-gradient",
    "frozen.sum-of-weight-gradient",
    "frozen.sum-of-bias-gradient",
    "frozen.sum-of-tau-m-gradient",
    "frozen.output",
    "frozen.parameters",
    "exact.value",
    "exact.weight-gradient",
    "exact.bias-gradient",
    "exact.tau-m-gradient",
    "online-sgd.parameters",
    "online-sgd.output",
    "online-sgd.loss",
    "online-adam.parameters",
    "online-adam.output",
    "online-adam.loss",
  ]);
  expect(failing(checks)).toEqual([]);
  // Those of test/unit/golden.test.ts, and the f32 in which the replay hands its figures on.
  for (const { name: check, error } of checks) {
    const isCancelled = name === "chain-softplus" && check === "exact.tau-m-gradient";
    expect.soft(error, check).toBeLessThan(isCancelled ? 4e-5 : 1e-5);
  }
  for (const { name, tolerance } of checks) {
    expect(tolerance, name).toBe(name === "frozen.parameters" ? 0 : name.startsWith("frozen") ? 1e-4 : 1e-3);
  }
});

describe("a recording with one wrong number fails the check of that number alone", () => {
  const recording = load("latent-equilibrium-mse");

  test.each<[keyof LayerSnapshot, string]>([
    ["potential", "frozen.potential"],
    ["lowPassedError", "frozen.low-passed-error"],
    ["rate", "frozen.rate"],
    ["error", "frozen.error"],
    ["feedback", "frozen.feedback"],
    ["weightGradient", "frozen.weight-gradient"],
    ["biasGradient", "frozen.bias-gradient"],
    ["tauMGradient", "frozen.tau-m-gradient"],
  ])("%s of a snapshot", async (field, name) => {
    const copy = structuredClone(recording);
    spoil(copy.frozen.snapshots[3]?.layers[0]?.[field], scaleOf(recording, 0, field));
    expect(failing(await verifyRecording(copy, options))).toEqual([name]);
  });

  test.each<[string, string, (copy: Recording) => Float32Array | undefined]>([
    ["sum of weight gradients", "frozen.sum-of-weight-gradient", (copy) => copy.frozen.gradient[1]?.weightGradient],
    ["sum of bias gradients", "frozen.sum-of-bias-gradient", (copy) => copy.frozen.gradient[1]?.biasGradient],
    ["sum of tau_m gradients", "frozen.sum-of-tau-m-gradient", (copy) => copy.frozen.gradient[1]?.tauMGradient],
    ["output", "frozen.output", (copy) => copy.frozen.output],
    ["exact weight gradient", "exact.weight-gradient", (copy) => copy.exact.gradient[0]?.weightGradient],
    ["exact bias gradient", "exact.bias-gradient", (copy) => copy.exact.gradient[1]?.biasGradient],
    ["exact tau_m gradient", "exact.tau-m-gradient", (copy) => copy.exact.gradient[0]?.tauMGradient],
    ["weights after SGD", "online-sgd.parameters", (copy) => copy.sgd.weights[1]],
    ["biases after Adam", "online-adam.parameters", (copy) => copy.adam.biases[0]],
    ["output of SGD", "online-sgd.output", (copy) => copy.sgd.output],
    ["loss of Adam", "online-adam.loss", (copy) => copy.adam.loss],
  ])("%s", async (_, name, arrayOf) => {
    const copy = structuredClone(recording);
    const array = arrayOf(copy);
    spoil(array, largest(array ?? new Float32Array()));
    expect(failing(await verifyRecording(copy, options))).toEqual([name]);
  });

  test("value of the summed cost", async () => {
    const copy = { ...recording, exact: { ...recording.exact, value: recording.exact.value * 1.01 } };
    expect(failing(await verifyRecording(copy, options))).toEqual(["exact.value"]);
  });

  test("its place and both values are named", async () => {
    const copy = structuredClone(recording);
    const { output } = copy.frozen;
    output[2] = 7;
    const check = (await verifyRecording(copy, options)).find(({ name }) => name === "frozen.output");
    expect(check?.worst).toMatch(/^output\[2\] is -?\d\S+, recorded 7$/);
    expect(check?.error).toBeCloseTo(1, 0);
  });
});

test("a value that is not a number fails", async () => {
  const createSimulator: CreateSimulator = async (network, own) => {
    const simulator = await createReferenceSimulator(network, own);
    const read: typeof simulator.read = async (quantity, where) => {
      const values = await simulator.read(quantity, where);
      return quantity === "rate" ? values.fill(NaN, 1, 2) : values;
    };
    return { ...simulator, read };
  };
  const checks = await verifyRecording(load("latent-equilibrium-mse"), { createSimulator });
  expect(failing(checks)).toEqual(["frozen.output", "online-sgd.output", "online-adam.output"]);
  expect(checks.find(({ name }) => name === "frozen.output")?.error).toBeNaN();
});

test("an optimiser that moves parameters while it accumulates fails", async () => {
  const createSimulator: CreateSimulator = async (network, own) => {
    const simulator = await createReferenceSimulator(network, own);
    const read: typeof simulator.read = async (quantity, where) => {
      const values = await simulator.read(quantity, where);
      return own.record?.length && quantity === "weight" ? values.map((value) => value * (1 + 2 ** -23)) : values;
    };
    return { ...simulator, read };
  };
  expect(failing(await verifyRecording(load("latent-equilibrium-mse"), { createSimulator }))).toEqual([
    "frozen.parameters",
  ]);
});

describe("the exact gradient", () => {
  const recording = load("latent-equilibrium-mse");

  test("is that of one window over all steps, without beta and with gamma as it was recorded", async () => {
    const made: Parameters<CreateSimulator>[] = [];
    const createSimulator: CreateSimulator = (...given) => {
      made.push(given);
      return createReferenceSimulator(...given);
    };
    await verifyRecording(recording, { createSimulator });
    const [network, own] = made.find(([, { learning }]) => learning?.errors === "adjoint") ?? [];
    expect(own?.learning).toEqual({ errors: "adjoint", window: 200, optimizer: { kind: "accumulate" } });
    expect(network?.populations.map(({ gamma, cost }) => ({ gamma, cost }))).toEqual([
      { gamma: 0.5, cost: undefined },
      { gamma: 0.5, cost: { kind: "squared-error", beta: 1 } },
    ]);
  });

  /** Of the exact replay alone. */
  const wrongly = (change: (...given: Parameters<CreateSimulator>) => Parameters<CreateSimulator>): CreateSimulator => {
    return (network, own) => {
      const given: Parameters<CreateSimulator> = [network, own];
      return createReferenceSimulator(...(own.learning?.errors === "adjoint" ? change(...given) : given));
    };
  };

  test.each<[string, CreateSimulator]>([
    ["a window that is one step short", wrongly((n, o) => [n, { ...o, learning: { ...o.learning, window: 199 } }])],
    ["a cost that compares the target of the step before", wrongly((n, o) => [{ ...n, targetDelay: 1 }, o])],
    ["the other schedule", wrongly((n, o) => [{ ...n, schedule: "sweep" }, o])],
  ])("of %s fails", async (_, createSimulator) => {
    expect(failing(await verifyRecording(recording, { createSimulator }))).toEqual(
      expect.arrayContaining(["exact.weight-gradient", "exact.bias-gradient", "exact.tau-m-gradient"]),
    );
  });
});

test.each([
  ["latent-equilibrium-mse", ["output", "hidden"], ["frozen.tau-m-gradient", "frozen.sum-of-tau-m-gradient"]],
  ["mlp-tanh-ce", [], []],
])("in %s the device sums the tau_m gradient of %j without learning", async (name, populations, failures) => {
  const asked = new Set<string>();
  const createSimulator: CreateSimulator = async (network, own) => {
    const simulator = await createReferenceSimulator(network, own);
    const read: typeof simulator.read = async (quantity, where) => {
      const values = await simulator.read(quantity, where);
      if (typeof where === "string" || "from" in where || quantity !== "firstMoment") return values;
      asked.add(where.population);
      return values.map((value) => -value);
    };
    return { ...simulator, read };
  };
  expect(failing(await verifyRecording(load(name), { createSimulator }))).toEqual(failures);
  expect(asked).toEqual(new Set(populations));
});

test("without snapshots there is nothing to say about them", async () => {
  const recording = load("latent-equilibrium-mse");
  const checks = await verifyRecording({ ...recording, frozen: { ...recording.frozen, snapshots: [] } }, options);
  expect(checks.map(({ name }) => name)).not.toContain("frozen.rate");
  expect(failing(checks)).toEqual([]);
});

test("beta 0 has no cost on the device, so its loss is not compared", async () => {
  const recording = load("latent-equilibrium-mse");
  const network = structuredClone(recording.network);
  const output = network.populations.at(-1);
  Object.assign(output ?? {}, { cost: { kind: "squared-error", beta: 0 } });
  const checks = await verifyRecording({ ...recording, network }, options);
  expect(checks.map(({ name }) => name)).not.toContain("online-sgd.loss");
});

/** Moves the first entry by a hundredth of the array's scale: ten times the widest tolerance. */
function spoil(array: Float32Array | undefined, scale: number): void {
  if (array === undefined || !(scale > 0)) throw new Error("There is nothing to spoil.");
  array[0] = (array[0] ?? 0) + 0.01 * scale;
}

function scaleOf({ frozen }: Recording, layer: number, field: keyof LayerSnapshot): number {
  return Math.max(...frozen.snapshots.map(({ layers }) => largest(layers[layer]?.[field] ?? new Float32Array())));
}

function largest(array: Float32Array): number {
  return array.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
