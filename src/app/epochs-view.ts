/** What changes on the page of a training over epochs. */

import { RULE_NAMES, type Rule } from "../tasks/presets.ts";
import type { TaskData } from "../tasks/samples.ts";
import type { Divergence } from "../train/divergence.ts";
import type { EpochProgress } from "../train/epoch-pace.ts";
import type { SampleTraces } from "../train/sample-traces.ts";
import { meritOf, type Score } from "../train/scores.ts";
import type { EpochRow, SeedResult } from "../train/training-state.ts";
import { createChart, type Chart } from "./chart.ts";
import { byId, percent } from "./dom.ts";
import type { Frame } from "./frame.ts";
import { COLUMNS, createResults } from "./results.ts";
import { drawSample } from "./sample-chart.ts";

export interface EpochsView {
  /** Forgets the run that was shown. */
  clear(): void;
  /** @param steps of all epochs. */
  begin(steps: number): void;
  showProgress(rule: Rule, progress: EpochProgress): void;
  showEpoch(rule: Rule, row: EpochRow): void;
  showResult(rule: Rule, result: SeedResult): void;
  showDivergence(rule: Rule, divergence: Divergence): void;
  showSample(rule: Rule, traces: SampleTraces): void;
}

const COUNTS = ["No", "One", "Two", "Three", "Four", "Five"];

export function createEpochsView(frame: Frame, rules: readonly Rule[], { classes, validation }: TaskData): EpochsView {
  const isClasses = classes !== null;
  const heldOut = validation === null ? "test" : "validation";
  say("curves-title", isClasses ? "Right answers after each epoch" : "Error after each epoch");
  say(
    "curves-remark",
    `A dot for the ${heldOut} samples after each epoch, a line for their mean, a disc for the test at the end.` +
      (isClasses ? "" : " The error is that of the values, over their deviation: 1 is as good as telling the mean."),
  );
  say("results-title", `${COUNTS[rules.length] ?? ""} ways to learn`);
  say("results-remark", "The same network, samples, order and first weights; the rules train side by side.");
  byId("stream-section", HTMLElement).remove();
  const section = byId("sample-section", HTMLElement);
  const sample = byId("sample", HTMLElement);
  const chart: Chart = createChart(byId("chart", HTMLElement), {
    rules,
    steps: 1,
    top: isClasses ? 1 : 1.2,
    format: isClasses ? percent : (error) => error.toFixed(1),
    guess: isClasses ? { score: 1 / classes.length, name: "guessing" } : { score: 1, name: "telling the mean" },
  });
  // Values have no right answers to count while they train.
  const columns = isClasses ? COLUMNS : COLUMNS.filter((column) => column !== "training");
  const results = createResults(rules, columns);
  const progressOf = new Map<Rule, EpochProgress>();
  let steps = 1;
  const text = (score: Score, digits = 1): string => {
    return isClasses ? percent(score.accuracy ?? NaN, digits) : (score.nrmse ?? NaN).toFixed(3);
  };

  return {
    clear() {
      chart.clear();
      results.clear();
      progressOf.clear();
      section.hidden = true;
    },
    begin(newSteps) {
      steps = newSteps;
    },
    showProgress(rule, progress) {
      progressOf.set(rule, progress);
      const all = [...progressOf.values()];
      const done = all.reduce((sum, each) => sum + each.done, 0) / rules.length;
      const epoch = Math.min(...all.map((each) => each.epoch));
      const secondsLeft = Math.max(...all.map((each) => each.secondsLeft));
      frame.showProgress(done, `Epoch ${epoch} of ${progress.epochs}`, secondsLeft);
      if (progress.isTesting) return;
      results.show(rule, {
        ...(progress.accuracy !== null && { training: percent(progress.accuracy) }),
        ...(progress.loss !== null && { loss: progress.loss.toPrecision(3) }),
        stepsPerSecond: Math.round(progress.stepsPerSecond).toLocaleString("en-US"),
      });
    },
    showEpoch(rule, row) {
      chart.add(rule, row.steps, steps, meritOf(row).score);
      results.show(rule, { test: text(row) });
    },
    showResult(rule, { test }) {
      chart.mark(rule, meritOf(test).score);
      results.show(rule, { test: text(test) });
      const last = progressOf.get(rule);
      if (last !== undefined) progressOf.set(rule, { ...last, done: 1, epoch: last.epochs, secondsLeft: 0 });
      if ([...progressOf.values()].every(({ done }) => done === 1)) {
        frame.showProgress(1, `Epoch ${last?.epochs ?? 0} of ${last?.epochs ?? 0}`, null);
      }
    },
    showDivergence(rule, { step, population }) {
      results.show(rule, { test: "diverged", loss: "" });
      progressOf.delete(rule);
      frame.showProblem(
        `With this rule a value of population "${population}" is not a finite number any more in step ${step}: ${rule} ends here.`,
      );
    },
    showSample(rule, traces) {
      section.hidden = false;
      const due = traces.label === null ? null : (classes?.[traces.label] ?? String(traces.label));
      const answers =
        due === null ? "what the network tells" : `the output of the right class, ${due}; grey: the others`;
      say("sample-remark", `After training with ${RULE_NAMES[rule]}. Dotted: the input. Blue: ${answers}.`);
      drawSample(sample, traces);
    },
  };
}

function say(id: string, text: string): void {
  byId(id, HTMLElement).textContent = text;
}
