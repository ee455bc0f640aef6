/** What an alignment came to, in lines for people. */

import type { Agreement, FrequencyResponse, LeftOut, NeuronTimes, Tone } from "../index.ts";
import type { Measurement } from "../train/align.ts";
import { percent, table, whole } from "./format.ts";

/** Limits of a tone: radians between local error and adjoint, and the part by which their ratio of gains may be off. */
export const TONE_LIMITS = { phase: 1e-3, gain: 1e-2 } as const;

function measurementTitle({ trained, loss, steps, window: length }: Measurement): string {
  const weights = trained === 0 ? "Fresh weights" : `After ${whole(trained)} steps of training with local errors`;
  const cut = length === steps ? "" : `; exact gradient in windows of ${whole(length)} steps`;
  return `${weights} (loss ${loss.toPrecision(3)}${cut})`;
}

/** For each group of parameters, a line for each rule. */
export function measurementLines(measurement: Measurement): string[] {
  const rows = measurement.groups.flatMap(({ parameters, name, size, rules }) => [
    [`${wordOf(parameters, size)} ${name} (${whole(size)})`],
    ...Object.entries(rules).map(([rule, agreement]) => [`  ${rule}`, ...figuresOf(agreement)]),
  ]);
  return [
    measurementTitle(measurement),
    "",
    ...table(["", "cosine", "signs", "gain"], rows),
    ...(measurement.leftOut.length === 0 ? [] : ["", "Not measured:"]),
    ...leftOutLines(measurement.leftOut),
  ];
}

/** Same reasons of several populations share a line. */
function leftOutLines(leftOut: readonly LeftOut[]): string[] {
  const lines = new Map<string, string[]>();
  for (const { rule, parameters, population, reason } of leftOut) {
    const key = `${rule === null ? "" : ` (${rule})`}: ${reason}`;
    const what = parameters === null ? "all" : `${parameters} of ${population ?? "all"}`;
    lines.set(key, [...(lines.get(key) ?? []), what]);
  }
  return Array.from(lines, ([key, what]) => `  ${what.join(", ")}${key}`);
}

function wordOf(parameters: string, size: number): string {
  if (parameters === "weight") return size === 1 ? "weight" : "weights";
  return parameters === "bias" && size > 1 ? "biases" : parameters;
}

function figuresOf({ cosine, signs, gain }: Agreement): string[] {
  return [cosine?.toFixed(3) ?? "-", signs === null ? "-" : percent(signs), gain === null ? "-" : gain.toPrecision(3)];
}

// ---- tones --------------------------------------------------------------------------------------------------

export function chainName(chain: readonly NeuronTimes[]): string {
  const neurons = chain.map(({ tauM, tauR }) => `(${tauM}, ${tauR})`).join(" ");
  return chain.length === 1 ? `Neuron ${neurons}` : `Chain ${neurons}`;
}

/** Whether the measured errors answer a tone as the closed forms say. */
export function holds({ phaseDifference, gainRatio, expectedGainRatio }: Tone): boolean {
  return (
    Math.abs(phaseDifference) < TONE_LIMITS.phase && Math.abs(gainRatio / expectedGainRatio - 1) < TONE_LIMITS.gain
  );
}

/** A line for each frequency: the local error against the adjoint. */
export function responseLines({ dt, chain, tones }: FrequencyResponse): string[] {
  const rows = tones.map((tone) => [
    tone.frequency.toPrecision(3),
    tone.phaseDifference.toExponential(1),
    tone.gainRatio.toPrecision(5),
    tone.expectedGainRatio.toPrecision(5),
    percent(Math.abs(tone.gainRatio / tone.expectedGainRatio - 1), 4),
    holds(tone) ? "ok" : "FAIL",
  ]);
  return [
    `${chainName(chain)}, dt ${dt}: local error against adjoint`,
    "",
    ...table(["frequency", "phase difference", "gain ratio", "closed form", "off by", ""], rows),
  ];
}
