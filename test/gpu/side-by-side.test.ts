/** Rules that train side by side come to what each comes to alone. */

import { expect, it } from "vitest";
import { createSimulator } from "../../src/index.ts";
import type { TaskData } from "../../src/tasks/samples.ts";
import type { Rule } from "../../src/tasks/presets.ts";
import { trainEpochs, type CreateLearner } from "../../src/train/epochs.ts";
import { rulesBeside, trainSideBySide, type SideBySideEvent } from "../../src/train/side-by-side.ts";
import type { EpochRow } from "../../src/train/training-state.ts";
import { lineExperiment, points, samplesOf } from "./points.ts";
import { useLazyDevice } from "./shared-device.ts";

const device = useLazyDevice();

const data: TaskData = { ...points, train: samplesOf(24, 1), validation: null };
const experiment = lineExperiment({ presentation: { stepsPerFrame: 10 }, epochs: 2, seeds: [7] });
const rules: readonly Rule[] = ["local", "read-out only"];

async function trainAll(createLearner: CreateLearner = createSimulator): Promise<SideBySideEvent[]> {
  const events: SideBySideEvent[] = [];
  const report = (event: SideBySideEvent): Promise<void> => Promise.resolve(void events.push(event));
  await trainSideBySide(experiment, rules, {
    data,
    createSimulator: createLearner,
    host: { device: device() },
    report,
  });
  return events;
}

const withoutTime = (row: EpochRow): EpochRow => ({ ...row, seconds: 0 });

it("gives each rule the rows and the result that it has alone", async () => {
  const events = await trainAll();
  for (const rule of rules) {
    const alone = await trainEpochs({ ...experiment, rule }, { data, createSimulator, host: { device: device() } });
    const own = events.filter((each) => each.rule === rule).map(({ event }) => event);
    const rows = own.flatMap((event) => (event.kind === "epoch" ? event.rows : []));
    expect(rows.map(withoutTime)).toEqual(alone.rows.map(withoutTime));
    expect(rows).toHaveLength(2);
    expect(own.at(-1)).toEqual({ kind: "result", result: alone.results[0] });
  }
  const [local, readOut] = rules.map((rule) => events.findLast((each) => each.rule === rule)?.event);
  expect(local).not.toEqual(readOut);
});

it("lets a rule that diverges end alone", async () => {
  const events = await trainAll(async (network, options) => {
    const simulator = await createSimulator(network, options);
    const isReadOut = network.projections.some(({ plastic }) => plastic === false);
    if (!isReadOut) simulator.write("weight", { from: "input", to: "hidden" }, new Float32Array(10).fill(3e38));
    return simulator;
  });
  const kindsOf = (rule: Rule): string[] => events.filter((each) => each.rule === rule).map(({ event }) => event.kind);
  expect(kindsOf("local")).toContain("diverged");
  expect(kindsOf("local")).not.toContain("result");
  expect(kindsOf("read-out only").at(-1)).toBe("result");
});

it("ends all with what went wrong in one, and leaves no simulator behind", async () => {
  let open = 0;
  const failing = trainAll(async (network, options) => {
    const simulator = await createSimulator(network, options);
    open++;
    const destroy = simulator.destroy.bind(simulator);
    simulator.destroy = () => {
      open--;
      destroy();
    };
    if (network.projections.some(({ plastic }) => plastic === false)) {
      simulator.run = () => {
        throw new TypeError("broken on purpose");
      };
    }
    return simulator;
  });
  await expect(failing).rejects.toThrow("broken on purpose");
  expect(open).toBe(0);
});

it("sets a rule beside the published one and what either is measured by", () => {
  expect(rulesBeside(experiment)).toEqual(["local", "instantaneous", "read-out only"]);
  const traced = rulesBeside({ ...experiment, rule: "matched traces" });
  expect(traced).toEqual(["local", "matched traces", "instantaneous", "read-out only"]);
});
