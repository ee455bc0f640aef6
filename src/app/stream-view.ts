/** What changes on the page of a stream of digits, and what its visitors press. */

import { DIGIT_CLASSES } from "../tasks/digits.ts";
import { crossfadesOf, rulesOf, type Condition, type Preset, type Rule } from "../tasks/presets.ts";
import type { Progress } from "../train/train.ts";
import { createChart } from "./chart.ts";
import { byId, element, percent } from "./dom.ts";
import { optionOf, type Frame } from "./frame.ts";
import type { Glimpse } from "./glimpse.ts";
import { COLUMNS, createResults } from "./results.ts";
import { showStream } from "./stream.ts";

export interface StreamView {
  /** Steps over which a digit fades into the next, as the visitor chose. */
  readonly crossfade: number;
  /** Forgets the run that was shown. */
  clear(): void;
  showProgress(progress: Progress): void;
  showStream(glimpses: ReadonlyMap<Rule, readonly Glimpse[]>): void;
  showTest(condition: Condition, accuracy: number): void;
}

export function createStreamView(frame: Frame, preset: Preset, crossfade: number): StreamView {
  const label = element("label", "Crossfade ");
  const crossfadeInput = element("select", ...crossfadesOf(preset.conditions).map((each) => choiceOf(each, preset)));
  crossfadeInput.id = "crossfade";
  crossfadeInput.value = String(crossfade);
  crossfadeInput.addEventListener("change", frame.restart);
  label.append(crossfadeInput);
  byId("phase", HTMLElement).before(label);
  const rules = rulesOf(preset.conditions);
  const chart = createChart(byId("chart", HTMLElement), {
    rules,
    steps: preset.budgets.software,
    top: 1,
    format: percent,
    guess: { score: 1 / DIGIT_CLASSES, name: "guessing" },
  });
  const results = createResults(rules, COLUMNS);
  const stream = byId("stream", HTMLTableElement);
  byId("sample-section", HTMLElement).remove();

  return {
    get crossfade() {
      return Number(crossfadeInput.value);
    },
    clear() {
      chart.clear();
      results.clear();
      stream.replaceChildren();
    },
    showProgress({ rule, step, steps, accuracy, loss, stepsPerSecond, secondsLeft }) {
      frame.showProgress(step / steps, `Step ${whole(step)} of ${whole(steps)}`, step < steps ? secondsLeft : null);
      chart.add(rule, step, steps, accuracy);
      results.show(rule, {
        training: accuracy === null ? "" : percent(accuracy),
        loss: loss.toFixed(2),
        stepsPerSecond: whole(Math.round(stepsPerSecond)),
      });
    },
    showStream: (glimpses) => showStream(stream, glimpses),
    showTest({ rule }, accuracy) {
      chart.mark(rule, accuracy);
      results.show(rule, { test: percent(accuracy, 1) });
    },
  };
}

function choiceOf(crossfade: number, { period }: Preset): HTMLOptionElement {
  return optionOf(String(crossfade), crossfade === 0 ? "0: hard switches" : `${crossfade} of ${period} steps`);
}

function whole(value: number): string {
  return value.toLocaleString("en-US");
}
