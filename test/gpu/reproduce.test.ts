/** P20 on the GPU: the teacher-student experiments come to the figures that are known of them (npm run reproduce). */

import { expect, test } from "vitest";
import { createSimulator } from "../../src/index.ts";
import { BIN, experimentNamed, type ExperimentName, type Way } from "../../src/tasks/teacher-student.ts";
import { reproduce, type Reproduction } from "../../src/train/reproduce.ts";
import { useLazyDevice } from "./shared-device.ts";

const device = useLazyDevice();

/** A hundred thousand steps of two networks on a software adapter that others use, too. */
const timeout = 240_000;

function run(experiment: ExperimentName, way: Way, steps: number): Promise<Reproduction> {
  return reproduce({ ...way, experiment, seed: null, steps }, { createSimulator, host: { device: device() } });
}

/** Mean of the squared error from one time to another. */
function errorOf({ experiment, errors }: Reproduction, from: number, to: number): number {
  const { dt } = experimentNamed(experiment);
  const bins = errors.slice(Math.round(from / dt / BIN), Math.round(to / dt / BIN));
  return bins.reduce((sum, error) => sum + error, 0) / bins.length;
}

function endOf({ points }: Reproduction): readonly number[] {
  return points.at(-1)?.parameters ?? [];
}

function verdictsOf({ verdicts }: Reproduction): string[] {
  return verdicts.map(({ verdict }) => verdict);
}

test("LagLine without delay: local errors make the student the teacher", { timeout }, async () => {
  const outcome = await run("lagline", { rule: "local", schedule: "sweep" }, 70_000);
  expect(errorOf(outcome, 450, 600)).toBeLessThan(5e-5);
  // The bound of a whole run in f32; seen 1e-12.
  expect(errorOf(outcome, 680, 700)).toBeLessThan(1e-9);
  for (const [i, teacher] of [1, 2, 1, 2].entries()) expect(endOf(outcome)[i]).toBeCloseTo(teacher, 3);
});

test("LagLine in the published order: instantaneous errors do not", { timeout }, async () => {
  const outcome = await run("lagline", { rule: "instantaneous", schedule: "jacobi" }, 40_000);
  // It has stood there since t = 310.
  expect(errorOf(outcome, 340, 400)).toBeGreaterThan(5e-3);
  expect(endOf(outcome).slice(2)).toEqual([Math.fround(0.1), Math.fround(0.1)]);
});

test("LagNet in the published order: local errors, three figures", { timeout }, async () => {
  const outcome = await run("lagnet", { rule: "local", schedule: "jacobi" }, 30_000);
  expect(verdictsOf(outcome)).toEqual(["quoted", "quoted", "quoted"]);
});

test("LagNet: the adjoint makes the student the teacher", { timeout }, async () => {
  const outcome = await run("lagnet", { rule: "adjoint", schedule: "jacobi" }, 60_000);
  expect(verdictsOf(outcome)).toEqual(["quoted", "quoted", "quoted", "quoted"]);
  const [fast = NaN, slow = NaN] = endOf(outcome);
  expect(Math.max(Math.abs(fast + 0.5), Math.abs(slow - 1))).toBeLessThan(1e-3);
});
