/** What a run came to, in lines for people. */

import { bandOf, RULE_NAMES, within, type Preset } from "../tasks/presets.ts";
import type { RuleResult, Summary } from "../train/summary.ts";
import { adapterName, large, percent, table, whole } from "./format.ts";

/** The table of rules and crossfades, with the band of accuracies that a right simulator reaches where one was measured. */
export function resultLines(preset: Preset, { results, throughput, adapter }: Summary): string[] {
  const head = ["rule", "crossfade", "steps", "loss", "test accuracy", "expected", "", "seconds", "steps/s"];
  const rows = results.map((result) => [
    RULE_NAMES[result.rule],
    whole(result.crossfade),
    whole(result.steps),
    result.finalLoss.toFixed(3),
    percent(result.testAccuracy, 1),
    ...expectation(preset, result),
    result.seconds.toFixed(1),
    whole(result.stepsPerSecond),
  ]);
  const { neurons, synapses, stepsPerSecond, synapticUpdatesPerSecond } = throughput;
  return [
    ...table(head, rows),
    "",
    `Throughput: ${whole(stepsPerSecond)} steps/s of ${whole(neurons)} neurons and ${whole(synapses)} synapses, ` +
      `${preset.batch} sequences side by side: ${large(synapticUpdatesPerSecond)} synaptic updates/s`,
    `Adapter:    ${adapterName(adapter)}${adapter.software ? " (software: no benchmark of a GPU)" : ""}`,
  ];
}

function expectation(preset: Preset, result: RuleResult): [band: string, verdict: string] {
  const { steps, testAccuracy } = result;
  const band = bandOf(preset, result, steps);
  if (!band) return ["-", ""];
  const [least, most] = band;
  return [`${Math.round(100 * least)}-${percent(most)}`, within(band, testAccuracy) ? "inside" : "OUTSIDE"];
}
