/** Golden recordings on the GPU: those of the public implementation, and of the f64 reference at other shapes. */

import { expect, test } from "vitest";
import { createSimulator } from "../../src/index.ts";
import { layered } from "../../src/spec.ts";
import { verifyRecording } from "../../src/train/verification.ts";
import { testGpu } from "./device.ts";
import { loadRecording, recordReference, type Shape } from "./recordings.ts";
import { useLazyDevice } from "./shared-device.ts";

const device = useLazyDevice();

test.each(["chain-softplus", "instantaneous-errors", "mlp-tanh-ce"])("recording %s", async (name) => {
  const checks = await verifyRecording(loadRecording(name), { createSimulator, host: { device: device() } });
  expect(checks).toHaveLength(23);
  expect(checks.filter(({ holds }) => !holds)).toEqual([]);
});

test("recording latent-equilibrium-mse; with no device given, every simulator has its own", async () => {
  const checks = await verifyRecording(loadRecording("latent-equilibrium-mse"), {
    createSimulator,
    host: { gpu: testGpu },
  });
  expect(checks).toHaveLength(23);
  expect(checks.filter(({ holds }) => !holds)).toEqual([]);
});

const wide = layered({
  dt: 0.2,
  input: 65,
  hidden: [{ size: 70, tauM: [0.8, 1.6, 2.4], tauR: [0.4, 0.8, 2.4], activation: "tanh", gamma: 0.3 }],
  output: { size: 3, tauM: 1, tauR: 0.5, activation: "sigmoid", gamma: 0.3 },
  cost: { kind: "squared-error", beta: 0.7 },
});
const manyClasses = layered({
  dt: 1,
  input: 5,
  hidden: [
    { size: 9, tauM: 5, tauR: 2, activation: "hard-sigmoid" },
    { size: 8, tauM: [3, 6], tauR: 3, activation: "softplus" },
  ],
  output: { size: 70, tauM: 4, tauR: 4, activation: "linear" },
  cost: { kind: "cross-entropy", beta: 1 },
});
const deep = layered({
  dt: 0.1,
  input: 33,
  hidden: [
    { size: 130, tauM: [1, 2, 3], tauR: [0.5, 1.5], activation: "relu", gamma: 0.5 },
    { size: 67, tauM: 0.3, tauR: 0.6, activation: "tanh", gamma: 0.2 },
    { size: 20, tauM: 1.5, tauR: 0.1, activation: "softplus" },
  ],
  output: { size: 70, tauM: 1, tauR: 1, activation: "linear", gamma: 0.2 },
  cost: { kind: "cross-entropy", beta: 0.5 },
});
const nudged = layered({
  dt: 0.05,
  input: 4,
  hidden: [
    { size: 30, tauM: [0.1, 0.2, 0.5], tauR: 0.05, activation: "sigmoid", gamma: 0.4 },
    { size: 11, tauM: 0.6, tauR: 0.3, activation: "hard-sigmoid", gamma: 0.4 },
  ],
  output: { size: 66, tauM: 0.5, tauR: 0.2, activation: "tanh", gamma: 1 },
  cost: { kind: "squared-error", beta: 0.2 },
});
const straight = layered({
  dt: 0.5,
  input: 1,
  hidden: [],
  output: { size: 130, tauM: 2, tauR: 1, activation: "linear" },
  cost: { kind: "squared-error" },
});

test.each<[string, Shape]>([
  ["65-70-3, one batch row, somatic nudging", { network: wide, batch: 1, errors: "local", steps: 30 }],
  ["5-9-8-70, 70 classes", { network: manyClasses, batch: 3, errors: "local", steps: 40 }],
  ["5-9-8-70, instantaneous errors", { network: manyClasses, batch: 2, errors: "instantaneous", steps: 20 }],
  ["33-130-67-20-70, 70 classes, somatic nudging", { network: deep, batch: 4, errors: "local", steps: 50 }],
  ["4-30-11-66, strong nudging, 8 batch rows", { network: nudged, batch: 8, errors: "local", steps: 120 }],
  ["4-30-11-66, one batch row, instantaneous", { network: nudged, batch: 1, errors: "instantaneous", steps: 33 }],
  ["1-130, no hidden layer, one step", { network: straight, batch: 65, errors: "local", steps: 1 }],
])("recording of the f64 reference: %s", async (_, shape) => {
  const recording = await recordReference(shape);
  const checks = await verifyRecording(recording, { createSimulator, host: { device: device() } });
  expect(checks).toHaveLength(23);
  expect(checks.filter(({ holds }) => !holds)).toEqual([]);
});
