/** Drives a chain of neurons with tones, and measures how its errors answer. */

import { DataError } from "../errors.ts";
import type { RecordSpec } from "../layout.ts";
import type { LearningSpec, NetworkSpec } from "../spec.ts";
import { frameBytesOf, withSimulator, type MeasuredOn } from "./places.ts";
import {
  closedForm,
  fitTone,
  nearestTurn,
  toneRules,
  type NeuronTimes,
  type ToneResponse,
  type ToneRule,
} from "./transfer.ts";

export interface FrequencyOptions extends MeasuredOn {
  readonly dt: number;
  /** Neurons from the lowest to the top one, at least one; each time constant at least dt. */
  readonly chain: readonly NeuronTimes[];
  /** Angular, above 0 and below pi / dt. */
  readonly frequencies: readonly number[];
}

/** A frequency: for each rule, what was measured and its closed form. */
export interface Tone {
  readonly frequency: number;
  readonly measured: Readonly<Record<ToneRule, ToneResponse>>;
  readonly expected: Readonly<Record<ToneRule, ToneResponse>>;
  /** Of the local error and the adjoint, as measured: its phase less that of the adjoint in radians, and the ratio of gains. */
  readonly phaseDifference: number;
  readonly gainRatio: number;
  readonly expectedGainRatio: number;
}

/** Plain data. */
export interface FrequencyResponse {
  readonly dt: number;
  readonly chain: readonly NeuronTimes[];
  /** That were run. */
  readonly steps: Readonly<Record<ToneRule, number>>;
  readonly tones: readonly Tone[];
}

/** Time constants after which a transient no longer counts: exp(-12) is 6e-6. */
const SETTLED = 12;

/**
 * The gain and phase of the errors of a chain's lowest neuron, relative to the top-down signal of its top neuron, which is
 * a tone. Neurons are linear, weights are 1, input is 0; the order is that of the sweep, in which errors and adjoints
 * have no lag. All frequencies run side by side, as batch rows.
 *
 * @throws SpecError or DataError for an option that is not valid, and what simulators throw.
 */
export async function frequencyResponse(options: FrequencyOptions): Promise<FrequencyResponse> {
  const { dt, chain, frequencies } = options;
  check(options);
  const measured: Record<ToneRule, readonly ToneResponse[]> = {
    local: await drive("local", options),
    adjoint: await drive("adjoint", options),
    instantaneous: await drive("instantaneous", options),
  };
  const tones = frequencies.map((frequency, index): Tone => {
    const expected = byRule((rule) => closedForm(rule, chain, dt, frequency));
    const own = byRule((rule) => {
      const { gain = Number.NaN, phase = Number.NaN } = measured[rule][index] ?? {};
      return { gain, phase: nearestTurn(phase, expected[rule].phase) };
    });
    return {
      frequency,
      measured: own,
      expected,
      phaseDifference: nearestTurn(own.local.phase - own.adjoint.phase, 0),
      gainRatio: own.local.gain / own.adjoint.gain,
      expectedGainRatio: expected.local.gain / expected.adjoint.gain,
    };
  });
  return { dt, chain, steps: byRule((rule) => spanOf(rule, options).steps), tones };
}

interface Span {
  readonly steps: number;
  /** Steps that are fitted, the last one excluded. */
  readonly from: number;
  readonly to: number;
}

/**
 * Half a period of the lowest frequency, which is enough to tell gain and phase apart, after what was there at the start
 * has decayed, or, for the adjoint, which runs backward, before what the end brings about.
 */
function spanOf(rule: ToneRule, { dt, chain, frequencies }: FrequencyOptions): Span {
  const sum = (of: keyof NeuronTimes): number => chain.reduce((total, neuron) => total + neuron[of], 0);
  // The filters of a chain settle one after the other: those of errors have poles at tauR, those of adjoints at tauM.
  const times = { local: sum("tauR"), adjoint: sum("tauM"), instantaneous: 0 }[rule];
  const settling = Math.ceil((SETTLED * times) / dt);
  const fitted = Math.ceil(Math.PI / Math.min(...frequencies) / dt);
  const from = rule === "adjoint" ? 0 : settling;
  return { steps: settling + fitted, from, to: from + fitted };
}

/** The response at each frequency. */
async function drive(rule: ToneRule, options: FrequencyOptions): Promise<ToneResponse[]> {
  const { dt, chain, frequencies, signal } = options;
  const { steps, from, to } = spanOf(rule, options);
  const batch = frequencies.length;
  const [bottom, top] = [nameOf(0), nameOf(chain.length - 1)];
  const learning: LearningSpec = {
    errors: rule,
    ...(rule === "adjoint" && { window: steps }),
    optimizer: { kind: "accumulate" },
  };
  const record: RecordSpec[] = [
    { population: top, quantity: "topDown" },
    { population: bottom, quantity: "error" },
  ];
  const target = tonesOf(frequencies, dt, steps);
  const run = { input: new Float32Array(target.length), target, steps, ...(signal && { signal }) };
  // The adjoint of every step is there only if the window is kept whole.
  const network = networkOf(options);
  const own =
    rule === "adjoint" ? { trajectoryBytes: 2 ** 31, frameBytes: frameBytesOf(network, batch, steps) } : { record };
  return withSimulator(options, network, { batch, learning, ...own }, async (simulator) => {
    let traces: readonly Float32Array[] = [];
    for await (const metrics of simulator.run({ ...run, learn: rule === "adjoint" })) traces = metrics.traces;
    // Rates stay 0, so the cost pulls with the target itself; adjoint errors have no top-down signal to record.
    const signalDown = rule === "adjoint" ? target : traces[0];
    const errors = rule === "adjoint" ? await simulator.read("adjoint", bottom) : traces[1];
    return frequencies.map((frequency, lane) => {
      const fit = (values: Float32Array | undefined): ToneResponse => {
        const own = Float32Array.from({ length: steps }, (_, k) => values?.[k * batch + lane] ?? Number.NaN);
        return fitTone(own, frequency * dt, from, to);
      };
      const [cause, effect] = [fit(signalDown), fit(errors)];
      return { gain: effect.gain / cause.gain, phase: effect.phase - cause.phase };
    });
  });
}

function networkOf({ dt, chain }: FrequencyOptions): NetworkSpec {
  const one = { kind: "constant", value: 1 } as const;
  return {
    dt,
    schedule: "sweep",
    sources: [{ name: "input", size: 1 }],
    populations: chain.map(({ tauM, tauR }, index) => ({
      name: nameOf(index),
      size: 1,
      tauM,
      tauR,
      activation: "linear",
      bias: false,
      ...(index === chain.length - 1 && { cost: { kind: "squared-error" } }),
    })),
    projections: chain.map((_, index) => ({
      from: index === 0 ? "input" : nameOf(index - 1),
      to: nameOf(index),
      init: one,
    })),
  };
}

const nameOf = (index: number): string => `neuron${index + 1}`;

/** [step][frequency] */
function tonesOf(frequencies: readonly number[], dt: number, steps: number): Float32Array {
  return Float32Array.from({ length: steps * frequencies.length }, (_, i) => {
    const step = Math.floor(i / frequencies.length);
    return Math.cos((frequencies[i % frequencies.length] ?? 0) * dt * step);
  });
}

function byRule<T>(value: (rule: ToneRule) => T): Record<ToneRule, T> {
  return Object.fromEntries(toneRules.map((rule) => [rule, value(rule)])) as Record<ToneRule, T>;
}

function check({ dt, chain, frequencies }: FrequencyOptions): void {
  if (chain.length === 0) throw new DataError("frequencyResponse.chain", "is empty; give at least one neuron.");
  if (frequencies.length === 0) throw new DataError("frequencyResponse.frequencies", "is empty; give at least one.");
  const wrong = frequencies.find((frequency) => !(frequency > 0 && frequency * dt < Math.PI));
  if (wrong === undefined) return;
  const limit = `the largest that steps of ${dt} can show is ${(Math.PI / dt).toPrecision(4)}`;
  throw new DataError("frequencyResponse.frequencies", `has ${wrong}; each must be above 0, and ${limit}.`);
}
