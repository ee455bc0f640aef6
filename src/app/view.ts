/** Everything of the page that changes, and what its visitors press. */

import type { AdapterFacts } from "../index.ts";
import { DIGIT_CLASSES } from "../tasks/digits.ts";
import { crossfadesOf, rulesOf, type Condition, type Preset, type Rule } from "../tasks/presets.ts";
import type { Progress } from "../train/train.ts";
import { createChart } from "./chart.ts";
import { byId, element } from "./dom.ts";
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
  showTest(condition: Condition, accuracy: number): void;
  /** Null: there is none. */
  showProblem(sentence: string | null): void;
}

export interface Handlers {
  /** Pause or go on. */
  readonly onToggle: () => void;
  readonly onRestart: (settings: Settings) => void;
}

/** What a visitor chooses. */
export interface Settings {
  readonly seed: number;
  readonly crossfade: number;
}

export function createView(preset: Preset, { seed, crossfade }: Settings, { onToggle, onRestart }: Handlers): View {
  const play = byId("play", HTMLButtonElement);
  const seedInput = byId("seed", HTMLInputElement);
  const crossfadeInput = byId("crossfade", HTMLSelectElement);
  const controls = byId("controls", HTMLFormElement);
  const progressBar = byId("progress", HTMLProgressElement);
  const figures = byId("figures", HTMLElement);
  const software = byId("software", HTMLElement);
  const problem = byId("problem", HTMLElement);
  const rules = rulesOf(preset.conditions);
  const chart = createChart(byId("chart", HTMLElement), rules, 1 / DIGIT_CLASSES, preset.budgets.software);
  const results = createResults(byId("results", HTMLElement), rules);
  const stream = byId("stream", HTMLTableElement);
  let phase: Phase = "Starting";

  document.title = preset.title;
  byId("title", HTMLElement).textContent = preset.title;
  byId("sentence", HTMLElement).textContent = preset.sentence;
  seedInput.value = String(seed);
  crossfadeInput.append(...crossfadesOf(preset.conditions).map((choice) => optionFor(choice, preset)));
  crossfadeInput.value = String(crossfade);
  play.addEventListener("click", onToggle);
  controls.addEventListener("submit", (event) => {
    event.preventDefault();
    onRestart({ seed: seedInput.valueAsNumber, crossfade: Number(crossfadeInput.value) });
  });
  crossfadeInput.addEventListener("change", () => controls.requestSubmit());
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
    showTest({ rule }, accuracy) {
      chart.mark(rule, accuracy);
      results.mark(rule, accuracy);
    },
    showProblem(sentence) {
      problem.hidden = sentence === null;
      problem.textContent = sentence;
    },
  };
}

function optionFor(crossfade: number, { period }: Preset): HTMLOptionElement {
  const option = element("option", crossfade === 0 ? "0: hard switches" : `${crossfade} of ${period} steps`);
  option.value = String(crossfade);
  return option;
}

function whole(value: number): string {
  return value.toLocaleString("en-US");
}

/** 1:08 */
function time(seconds: number): string {
  const total = Math.round(seconds);
  return `${Math.floor(total / 60)}:${String(total % 60).padStart(2, "0")}`;
}
