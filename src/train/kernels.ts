/** Choices among kernels as messages: those that were kept go with a request, and what was chosen is told. */

import type { SimulatorOptions } from "../simulator.ts";
import type { Tuned, TuningChoice } from "../variants.ts";

/** Which kernels train: the fastest that were measured here, those measured once more, or the default. */
export const KERNEL_CHOICES = ["measured", "anew", "default"] as const;
export type KernelChoice = (typeof KERNEL_CHOICES)[number];

/** Null: the default kernels; those chosen by measurement, with what was kept by key; or those that a run began with. */
export type KernelsRequest = null | { readonly kept: Readonly<Record<string, unknown>> } | TuningChoice;

/** What simulators that train are made with. */
export type KernelOptions = Pick<SimulatorOptions, "tunings" | "tuning">;

/** With a store that lasts as long as the work: whoever asks keeps what is told. */
export function kernelOptions(request: KernelsRequest): KernelOptions {
  if (request === null) return {};
  if ("kept" in request) return { tunings: new Map<string, unknown>(Object.entries(request.kept)) };
  return { tuning: request.tuning };
}

/** What is kept of it. */
export function choiceOf({ name, gain, tuning }: Tuned): TuningChoice {
  return { name, gain, tuning };
}

/** In words, each choice once. */
export function kernelWords(choices: readonly TuningChoice[]): string {
  const words = choices.map(({ name, gain }) => {
    return name === "default" ? "the default" : `${name}, ${gain.toFixed(2)} times the default`;
  });
  return [...new Set(words)].join("; ");
}

/** The same, and whether they were measured just now. */
export function tunedWords(tuned: readonly Tuned[]): string {
  const isAlone = tuned.every(({ variants, untried }) => variants.length === 1 && untried.length > 0);
  if (isAlone) return "the default, as trying others would take long here; kept for this adapter";
  const isKnown = tuned.every(({ isStored }) => isStored);
  return `${kernelWords(tuned)}; ${isKnown ? "measured before on this adapter" : "kept for this adapter"}`;
}
