/** Schedules and rules beyond the published one, against the f64 twin. */

import { describe, expect, it } from "vitest";
import type { LearningSpec, NetworkSpec, OptimizerSpec } from "../../src/spec.ts";
import { tunings } from "../../src/layout.ts";
import { useLazyDevice } from "./shared-device.ts";
import { expectSmall, Twin, type TwinOptions } from "./twin.ts";

/** Bytes of a workgroup; every adapter that the tests run on has them. */
const memory = 32768;

const device = useLazyDevice({ requiredLimits: { maxComputeWorkgroupStorageSize: memory } });

/** Two sources, skip connections, a loop on one population and one over two, both costs, sizes around quads. */
function graph(more: Partial<NetworkSpec> = {}, plastic = false): NetworkSpec {
  const tau = { plasticTauM: plastic, plasticTauR: plastic };
  return {
    dt: 0.1,
    sources: [
      { name: "x", size: 5 },
      { name: "z", size: 3 },
    ],
    populations: [
      { name: "a", size: 9, tauM: [1, 2, 3], tauR: [1, 1.5], activation: "tanh", gamma: 0.01, ...tau },
      { name: "b", size: 6, tauM: 1.5, tauR: [1.2, 1], activation: "softplus" },
      {
        name: "c",
        size: 4,
        tauM: 1,
        tauR: 1,
        activation: "linear",
        cost: { kind: "squared-error", beta: 0.5 },
        ...tau,
      },
      { name: "d", size: 5, tauM: 2, tauR: 1, activation: "linear", cost: { kind: "cross-entropy", beta: 0.3 } },
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

/** A stack in which every error has one way down. */
const stack: NetworkSpec = {
  dt: 0.1,
  sources: [{ name: "x", size: 5 }],
  populations: [
    { name: "a", size: 7, tauM: [1, 2, 3], tauR: [1, 0.3], activation: "tanh" },
    { name: "b", size: 6, tauM: 1.5, tauR: [0.2, 1], activation: "tanh" },
    { name: "c", size: 4, tauM: 1, tauR: 1, activation: "linear", cost: { kind: "squared-error", beta: 0.5 } },
  ],
  projections: [
    { from: "x", to: "a" },
    { from: "a", to: "b" },
    { from: "b", to: "c" },
  ],
};

const sgd: OptimizerSpec = { kind: "sgd", eta: 0.01 };
const momentum: OptimizerSpec = { kind: "momentum", eta: 0.01 };

interface Case {
  readonly name: string;
  readonly spec: NetworkSpec;
  readonly learning: LearningSpec;
}

const cases: readonly Case[] = [
  { name: "sweep", spec: graph({ schedule: "sweep" }), learning: { optimizer: sgd } },
  {
    name: "sweep, instantaneous",
    spec: graph({ schedule: "sweep" }),
    learning: { errors: "instantaneous", optimizer: momentum },
  },
  { name: "sweep, no errors", spec: graph({ schedule: "sweep" }), learning: { errors: "none" } },
  { name: "target delay 1", spec: graph({ targetDelay: 1 }), learning: { optimizer: sgd } },
  { name: "time constants, jacobi", spec: graph({}, true), learning: { optimizer: sgd } },
  {
    name: "time constants, jacobi, target delay 1",
    spec: graph({ targetDelay: 1 }, true),
    learning: { optimizer: momentum },
  },
  { name: "time constants, sweep", spec: graph({ schedule: "sweep" }, true), learning: { optimizer: momentum } },
  { name: "matched traces, jacobi", spec: graph(), learning: { traces: "matched", optimizer: sgd } },
  {
    name: "matched traces, sweep",
    spec: graph({ schedule: "sweep" }),
    learning: { traces: "matched", optimizer: sgd },
  },
  {
    name: "matched traces, time constants, jacobi",
    spec: graph({}, true),
    learning: { traces: "matched", optimizer: sgd },
  },
  {
    name: "matched traces, time constants, sweep",
    spec: graph({ schedule: "sweep" }, true),
    learning: { traces: "matched", optimizer: sgd },
  },
  {
    name: "matched traces, instantaneous",
    spec: graph(),
    learning: { errors: "instantaneous", traces: "matched", optimizer: sgd },
  },
  { name: "aligned lags", spec: stack, learning: { lagAligned: true, optimizer: sgd } },
  {
    name: "aligned lags, matched traces",
    spec: stack,
    learning: { lagAligned: true, traces: "matched", optimizer: sgd },
  },
  { name: "corrected gain", spec: graph(), learning: { gain: "corrected", optimizer: sgd } },
  {
    name: "corrected gain, sweep",
    spec: graph({ schedule: "sweep" }),
    learning: { gain: "corrected", optimizer: sgd },
  },
  { name: "random feedback", spec: graph(), learning: { feedback: "random", optimizer: sgd } },
  {
    name: "random feedback, sweep",
    spec: graph({ schedule: "sweep" }),
    learning: { feedback: "random", optimizer: sgd },
  },
  { name: "no feedback", spec: graph(), learning: { feedback: "none", optimizer: sgd } },
];

async function follow(spec: NetworkSpec, options: TwinOptions): Promise<void> {
  const { learning, fuseSteps = false, tuning } = options;
  using twin = await Twin.create(device(), spec, { ...options, fuseSteps });
  expect(twin.sim.plan.programs.network !== null).toBe(fuseSteps);
  expect(twin.sim.plan.workgroupBytes > 0).toBe((tuning?.networkMemory ?? 0) > 0);
  // Slopes that wait for their errors cannot be written.
  if (learning?.lagAligned !== true) twin.randomise();
  // Loops that look ahead feed the rounding of f32 back in every step; a wrong index, sign or order is 1e-2 and more.
  const within = 2e-5;
  expectSmall(await twin.step(1), within);
  expectSmall({ ...(await twin.step(5)), ...(await twin.differences()) }, within);
  // A run without learning leaves parameters alone; one without a target has no cost.
  expectSmall({ ...(await twin.step(3, { learn: false })), ...(await twin.differences()) }, within);
  expectSmall({ ...(await twin.step(2, { target: false })), ...(await twin.differences()) }, within);
  expectSmall({ ...(await twin.step(4)), ...(await twin.differences()) }, within);
  expect((await twin.padding()).every((value) => value === 0)).toBe(true);
}

describe.each([1, 3])("batch %i", (batch) => {
  it.each(cases)("$name", ({ spec, learning }) => follow(spec, { batch, seed: 5, learning }));
});

/** It takes a software adapter seconds to compile, and lavapipe up to a minute: few cases, that together have every part. */
const fused = [
  "sweep, no errors",
  "time constants, jacobi, target delay 1",
  "matched traces, time constants, sweep",
  "aligned lags, matched traces",
];

describe.each([
  { batch: 1, networkWidth: 1, networkMemory: 0 },
  { batch: 3, networkWidth: 8, networkMemory: 0 },
  { batch: 1, networkWidth: 8, networkMemory: memory },
])("in one workgroup of $networkWidth with $networkMemory bytes", ({ batch, ...given }) => {
  // Traces of synapses for every time constant are more than the memory holds.
  const own = fused.filter((name) => given.networkMemory === 0 || name !== "matched traces, time constants, sweep");
  // The traces of derivatives go on where nothing learns.
  if (batch > 1) own.push("matched traces, time constants, jacobi");
  it.each(cases.filter(({ name }) => own.includes(name)))("$name", { timeout: 180_000 }, ({ spec, learning }) =>
    follow(spec, { batch, seed: 5, learning, fuseSteps: true, tuning: { ...tunings.cpu, ...given } }),
  );
});
