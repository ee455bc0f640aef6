/** The study and Fourier synthesis on the GPU, small: what they come to is what is known of runs of that length. */

import { expect, test } from "vitest";
import { loadDigits } from "../../src/cli/digits-data.ts";
import { createSimulator } from "../../src/index.ts";
import { studyConditionNamed, type StudyResult } from "../../src/tasks/limit-study.ts";
import { synthesize } from "../../src/train/le-fourier.ts";
import { runStudy } from "../../src/train/limit-study.ts";
import { createReferenceSimulator } from "../unit/reference-simulator.ts";
import { useLazyDevice } from "./shared-device.ts";

const device = useLazyDevice();

test("a study goes on to the same bits where it was stopped, in both orders", async () => {
  const names = ["local:17/0", "sweep:local:20/3"];
  const plan = { conditions: names.map(studyConditionNamed), seeds: [1], steps: 40, tune: false };
  const place = { digits: () => loadDigits(), createSimulator, host: { device: device() }, report: () => undefined };
  const scoresOf = (results: readonly StudyResult[]) =>
    results.map(({ validation, test: unseen }) => [validation, unseen]);
  const whole = await runStudy({ plan, done: [] }, place);
  expect(whole.map(({ rule, schedule }) => `${schedule} ${rule}`)).toEqual(["jacobi local", "sweep local"]);
  for (const [validation = NaN, unseen = NaN] of scoresOf(whole)) {
    expect(validation).toBeGreaterThan(0);
    expect(unseen).toBeLessThan(0.5);
  }
  const resumed = await runStudy({ plan, done: whole.slice(0, 1) }, place);
  expect(scoresOf(resumed)).toEqual(scoresOf(whole));
  expect(resumed[0]).toBe(whole[0]);
});

test("Fourier synthesis is that of the reference, with look-ahead and without", async () => {
  const request = { seed: 1234, steps: 6000, networks: ["look-ahead", "no look-ahead"] } as const;
  const adapter = { vendor: "", architecture: "", description: "", software: true };
  const reference = await synthesize(request, {
    createSimulator: async (network, options) => ({ ...(await createReferenceSimulator(network, options)), adapter }),
  });
  const { outcomes } = await synthesize(request, { createSimulator, host: { device: device() } });
  for (const [i, { before, after, waves }] of outcomes.entries()) {
    const wanted = reference.outcomes[i];
    expect(before.error).toBeCloseTo(wanted?.before.error ?? NaN, 4);
    expect(after.error).toBeCloseTo(wanted?.after.error ?? NaN, 4);
    for (const [k, value] of waves.during.output.entries()) {
      expect(Math.abs(value - (wanted?.waves.during.output[k] ?? NaN))).toBeLessThan(1e-3);
    }
  }
});
