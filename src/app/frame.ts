/** What both pages have around their results: title, controls, phase, progress, notices. */

import type { AdapterFacts, Tuned } from "../index.ts";
import { kernelWords } from "../train/kernels.ts";
import { byId, element } from "./dom.ts";
import { addressWith } from "./link.ts";

export type Phase = "Starting" | "Learning" | "Pausing" | "Paused" | "Testing" | "Done" | "Stopped";

/** A preset as the page offers it. */
export interface Choice {
  readonly name: string;
  readonly title: string;
  readonly sentence: string;
}

export interface Frame {
  phase: Phase;
  /** What the visitor typed, or the link said. */
  readonly seed: number;
  /** Forgets how far the run was that was shown. */
  clear(): void;
  showAdapter(adapter: AdapterFacts): void;
  /** Those of the simulators so far; none: the default ones were asked for. */
  showKernels(tuned: readonly Tuned[]): void;
  /** @param done part of the whole, 0 to 1; @param secondsLeft null at the end. */
  showProgress(done: number, where: string, secondsLeft: number | null): void;
  /** Null: there is none. */
  showProblem(sentence: string | null): void;
  /** As if the visitor had pressed Restart. */
  readonly restart: () => void;
}

export interface Handlers {
  /** Pause or go on. */
  readonly onToggle: () => void;
  readonly onRestart: () => void;
  readonly onChoose: (preset: string) => void;
}

/** @param preset which one of the choices it is. */
export function createFrame(
  preset: Choice,
  choices: readonly Choice[],
  seed: number,
  { onToggle, onRestart, onChoose }: Handlers,
): Frame {
  const play = byId("play", HTMLButtonElement);
  const seedInput = byId("seed", HTMLInputElement);
  const presetInput = byId("preset", HTMLSelectElement);
  const controls = byId("controls", HTMLFormElement);
  const progressBar = byId("progress", HTMLProgressElement);
  const figures = byId("figures", HTMLElement);
  const software = byId("software", HTMLElement);
  const problem = byId("problem", HTMLElement);
  let phase: Phase = "Starting";

  document.title = preset.title;
  byId("title", HTMLElement).textContent = preset.title;
  byId("sentence", HTMLElement).textContent = preset.sentence;
  seedInput.value = String(seed);
  presetInput.replaceChildren(...choices.map(({ name, title }) => optionOf(name, title)));
  presetInput.value = preset.name;
  presetInput.addEventListener("change", () => {
    onChoose(presetInput.value);
  });
  play.addEventListener("click", onToggle);
  controls.addEventListener("submit", (event) => {
    event.preventDefault();
    onRestart();
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
    get seed() {
      return seedInput.valueAsNumber;
    },
    clear() {
      progressBar.value = 0;
      figures.textContent = "";
      software.hidden = true;
    },
    showAdapter({ vendor, architecture, description, software: isSoftware }) {
      const name = description || `${vendor} ${architecture}`.trim() || "an adapter without a name";
      byId("adapter", HTMLElement).textContent = `Computed in WebGPU shaders on ${name}.`;
      software.hidden = !isSoftware;
      software.textContent =
        `Software rendering (${name}): this browser computes on the processor instead of a GPU. ` +
        "The results are right but come much slower, and are no benchmark.";
    },
    showKernels(tuned) {
      const isMeasured = tuned.length > 0;
      const other = element("a", isMeasured ? "Use the default" : "Use the fastest");
      other.href = addressWith(isMeasured ? "default" : "measured", location.href);
      const again = element("a", "Measure again");
      again.href = addressWith("anew", location.href);
      const words = isMeasured ? `measured on this adapter: ${kernelWords(tuned)}` : "the default";
      byId("kernels", HTMLElement).replaceChildren(`Kernels, ${words}. `, again, " ", other);
    },
    showProgress(done, where, secondsLeft) {
      progressBar.value = done;
      // Says in a hidden tab how far it is.
      document.title = `${Math.round(100 * done)} % ${preset.title}`;
      figures.textContent = secondsLeft === null ? where : `${where}, about ${time(secondsLeft)} left`;
    },
    showProblem(sentence) {
      problem.hidden = sentence === null;
      problem.textContent = sentence;
    },
    restart: () => {
      controls.requestSubmit();
    },
  };
}

export function optionOf(value: string, text: string): HTMLOptionElement {
  const option = element("option", text);
  option.value = value;
  return option;
}

/** 1:08 */
function time(seconds: number): string {
  const total = Math.round(seconds);
  return `${Math.floor(total / 60)}:${String(total % 60).padStart(2, "0")}`;
}
