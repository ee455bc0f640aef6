/** Everything of the page that changes, and what its visitors press. */

import type { AdapterFacts } from "../index.ts";
import { DIGIT_CLASSES } from "../tasks/digits.ts";
import type { Preset, Rule } from "../tasks/presets.ts";
import type { Progress } from "../train/train.ts";
import { createChart } from "./chart.ts";
import { byId } from "./dom.ts";
import type { Glimpse } from "./glimpse.ts";
import { createResults } from "./results.ts";
import { showStream } from "./stream.ts";

export type Phase = "Starting" | "Learning" | "Pausing" | "Paused" | "Testing" | "Done" | "Stopped";

export interface View {
  phase: Phase;
  /** Forgets the run that was shown. */
  clear(): void;
  showAdapter(adapter: AdapterFacts): void;
  showProgress(progress: Progress): void;
  showStream(glimpses: ReadonlyMap<Rule, readonly Glimpse[]>): void;
  showTest(rule: Rule, accuracy: number): void;
  /** Null: there is none. */
  showProblem(sentence: string | null): void;
}

export interface Handlers {
  /** Pause or go on. */
  readonly onToggle: () => void;
  readonly onRestart: (seed: number) => void;
}

export function createView(preset: Preset, seed: number, { onToggle, onRestart }: Handlers): View {
  const play = byId("play", HTMLButtonElement);
  const seedInput = byId("seed", HTMLInputElement);
  const progressBar = byId("progress", HTMLProgressElement);
  const figures = byId("figures", HTMLElement);
  const software = byId("software", HTMLElement);
  const problem = byId("problem", HTMLElement);
  const chart = createChart(byId("chart", HTMLElement), 1 / DIGIT_CLASSES, preset.budgets.software);
  const results = createResults(byId("results", HTMLElement));
  const stream = byId("stream", HTMLTableElement);
  let phase: Phase = "Starting";

  document.title = preset.title;
  byId("title", HTMLElement).textContent = preset.title;
  byId("sentence", HTMLElement).textContent = preset.sentence;
  seedInput.value = String(seed);
  play.addEventListener("click", onToggle);
  byId("controls", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    onRestart(seedInput.valueAsNumber);
  });
  document.addEventListener("keydown", (event) => {
    // On a control, Space is the control's.
    if (event.code !== "Space" || event.target !== document.body) return;
    event.preventDefault();
    onToggle();
  });

  return {
    get phase() {
      return phase;
    },
    set phase(value) {
      phase = value;
      byId("phase", HTMLElement).textContent = value;
      play.disabled = !(value === "Learning" || value === "Pausing" || value === "Paused");
      play.textContent = value === "Paused" || value === "Pausing" ? "Go on" : "Pause";
    },
    clear() {
      progressBar.value = 0;
      figures.textContent = "";
      software.hidden = true;
      chart.clear();
      results.clear();
      stream.replaceChildren();
    },
    showAdapter({ vendor, architecture, description, software: isSoftware }) {
      const name = description || `${vendor} ${architecture}`.trim() || "an adapter without a name";
      byId("adapter", HTMLElement).textContent = `Computed in WebGPU shaders on ${name}.`;
      software.hidden = !isSoftware;
      software.textContent =
        `Software rendering (${name}): this browser computes on the processor instead of a GPU. ` +
        "The results are right but come much slower, and are no benchmark.";
    },
    showProgress(progress) {
      const { rule, step, steps, accuracy, secondsLeft } = progress;
      progressBar.value = step / steps;
      // Says in a hidden tab how far it is.
      document.title = `${Math.round((100 * step) / steps)} % ${preset.title}`;
      const left = step < steps ? `, about ${time(secondsLeft)} left` : "";
      figures.textContent = `Step ${whole(step)} of ${whole(steps)}${left}`;
      chart.add(rule, step, steps, accuracy);
      results.show(progress);
    },
    showStream: (glimpses) => showStream(stream, glimpses),
    showTest(rule, accuracy) {
      chart.mark(rule, accuracy);
      results.mark(rule, accuracy);
    },
    showProblem(sentence) {
      problem.hidden = sentence === null;
      problem.textContent = sentence;
    },
  };
}

function whole(value: number): string {
  return value.toLocaleString("en-US");
}

/** 1:08 */
function time(seconds: number): string {
  const total = Math.round(seconds);
  return `${Math.floor(total / 60)}:${String(total % 60).padStart(2, "0")}`;
}
