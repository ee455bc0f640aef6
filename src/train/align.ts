/**
 * Measures how close rules come to the exact gradient on a preset, with the weights that it starts from and after a short
 * training with local errors, and how errors answer tones. Runs unchanged in Node and in a page.
 */

import {
  align,
  frequencyResponse,
  type Alignment,
  type FrequencyResponse,
  type MeasuredOn,
  type NeuronTimes,
} from "../align.ts";
import type { AdapterFacts } from "../device.ts";
import { SpecError } from "../errors.ts";
import type { RunOptions } from "../run.ts";
import type { SimulatorOptions } from "../simulator.ts";
import type { ScheduleKind } from "../spec.ts";
import type { Digits } from "../tasks/digits.ts";
import { lengthsOf, openMaterial, writeWeights, type Material, type Piece } from "./align-material.ts";
import { etaAt } from "./schedule.ts";
import type { CreateSimulator, Trainable } from "./train.ts";

export interface AlignRequest {
  /** One of `alignable`. */
  readonly preset: string;
  readonly seed: number;
  /** Steps of each measurement, and of the training between them; 0: no training. Null: the preset's. */
  readonly steps: number | null;
  readonly trained: number | null;
  /** Null: the preset's. */
  readonly schedule: ScheduleKind | null;
}

export interface Measurement extends Alignment {
  /** Steps of training with local errors before it. */
  readonly trained: number;
}

/** What is told while it goes on: the adapter first and once, what is begun, and what came of it. */
export type AlignEvent =
  | { readonly kind: "adapter"; readonly adapter: AdapterFacts }
  | { readonly kind: "stage"; readonly stage: "measuring" | "training" | "tones"; readonly steps: number }
  | { readonly kind: "measured"; readonly measurement: Measurement };

/** Plain data. */
export interface AlignReport {
  readonly preset: string;
  readonly seed: number;
  readonly schedule: ScheduleKind;
  readonly batch: number;
  readonly adapter: Pick<AdapterFacts, "vendor" | "architecture" | "description" | "software">;
  readonly measurements: readonly Measurement[];
  readonly responses: readonly FrequencyResponse[];
}

export interface AlignWorkplace {
  readonly createSimulator: CreateSimulator;
  readonly host?: Pick<SimulatorOptions, "device" | "gpu">;
  readonly digits: () => Promise<Digits>;
  /** Awaited. */
  readonly report?: (event: AlignEvent) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

/** Steps that are trained at once. */
const BLOCK = 400;
/** Longest window of the exact gradient: its input and target stand on the device as a whole. */
export const LONGEST_WINDOW = 4096;

/** A neuron that remembers, one without lag, one that leads, and three in a row. */
export const toneChains: readonly (readonly NeuronTimes[])[] = [
  [{ tauM: 1, tauR: 0.1 }],
  [{ tauM: 1, tauR: 1 }],
  [{ tauM: 0.5, tauR: 1 }],
  [
    { tauM: 1, tauR: 0.1 },
    { tauM: 0.5, tauR: 0.2 },
    { tauM: 0.5, tauR: 1 },
  ],
];
const TONE_DT = 0.01;
/** Two decades around the corners of these neurons, which are at 1 to 10. */
const frequencies = Array.from({ length: 11 }, (_, i) => 0.2 * 10 ** (i / 5));

/**
 * @throws SpecError if the request is not valid, the signal's reason if aborted, and what simulators throw. No simulator
 *   is left behind.
 */
export async function alignPreset(request: AlignRequest, workplace: AlignWorkplace): Promise<AlignReport> {
  const { createSimulator, host, digits, signal } = workplace;
  const lengths = requestedLengths(request);
  const { preset, seed, schedule } = request;
  const stop = signal && { signal };
  const place = { createSimulator, digits, ...(host && { host }), ...stop };
  const material = await openMaterial(preset, { seed, ...place, ...(schedule && { schedule }) });
  let learner: Trainable | undefined;
  try {
    const { network, batch, learning } = material;
    learner = await createSimulator(network, { ...host, ...stop, batch, seed, learning });
    writeWeights(learner, material.start);
    await workplace.report?.({ kind: "adapter", adapter: learner.adapter });
    const measurements = await measureAll(material, learner, { ...lengths, seed }, workplace);
    const { vendor, architecture, description, software } = learner.adapter;
    return {
      preset,
      seed,
      schedule: network.schedule ?? "jacobi",
      batch,
      adapter: { vendor, architecture, description, software },
      measurements,
      responses: await respond(workplace),
    };
  } finally {
    learner?.destroy();
    material.close();
  }
}

interface Lengths {
  readonly seed: number;
  readonly steps: number;
  readonly window: number;
  readonly trained: number;
}

/** On the same piece of data before the training and after it; the training goes on where the piece ends. */
async function measureAll(
  material: Material,
  learner: Trainable,
  { seed, steps, window: length, trained }: Lengths,
  workplace: AlignWorkplace,
): Promise<Measurement[]> {
  const { signal, report } = workplace;
  const piece = copyOf(await material.next(steps));
  const measurements: Measurement[] = [];
  const measure = async (after: number): Promise<void> => {
    await report?.({ kind: "stage", stage: "measuring", steps });
    const { network, batch } = material;
    const own = { steps, window: length, batch, seed, parametersOf: learner };
    const options = { ...placeOf(workplace), ...piece, ...own };
    const measurement = { trained: after, ...(await align(network, options)) };
    measurements.push(measurement);
    await report?.({ kind: "measured", measurement });
  };
  await measure(0);
  if (trained === 0) return measurements;
  await report?.({ kind: "stage", stage: "training", steps: trained });
  await train(material, learner, piece, { steps, trained }, signal);
  await measure(trained);
  return measurements;
}

/** Trains with the learning rates of a whole run of so many steps, from the states at the end of `piece` on. */
async function train(
  material: Material,
  learner: Trainable,
  piece: Piece,
  { steps, trained }: Pick<Lengths, "steps" | "trained">,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { rates } = material;
  const advance = async (part: Piece, options: Omit<RunOptions, keyof Piece>): Promise<void> => {
    const running = learner.run({ ...part, ...options, ...(signal && { signal }) });
    while ((await running.next()).done !== true);
  };
  await advance(piece, { steps, learn: false });
  for (let done = 0; done < trained;) {
    const count = Math.min(BLOCK, trained - done);
    const eta = rates && { eta: etaAt(rates, (done + count / 2) / trained) };
    await advance(await material.next(count), { steps: count, ...eta });
    done += count;
  }
}

async function respond(workplace: AlignWorkplace): Promise<FrequencyResponse[]> {
  await workplace.report?.({ kind: "stage", stage: "tones", steps: 0 });
  const responses: FrequencyResponse[] = [];
  for (const chain of toneChains) {
    responses.push(await frequencyResponse({ ...placeOf(workplace), dt: TONE_DT, chain, frequencies }));
  }
  return responses;
}

function placeOf({ createSimulator, host, signal }: AlignWorkplace): MeasuredOn {
  return { createSimulator, ...host, ...(signal && { signal }) };
}

function copyOf({ input, target }: Piece): Piece {
  return { input: input.slice(), target: target.slice() };
}

function requestedLengths({ preset, steps, trained }: AlignRequest): Omit<Lengths, "seed"> {
  const lengths = lengthsOf(preset);
  const check = (path: string, value: number, least: number): number => {
    if (Number.isSafeInteger(value) && value >= least && value % lengths.unit === 0) return value;
    const nearest = Math.max(1, Math.round(value / lengths.unit) || 1) * lengths.unit;
    throw new SpecError(path, `is ${value}; expected a multiple of ${lengths.unit}, such as ${nearest}.`, { value });
  };
  const count = check("steps", steps ?? lengths.steps, 1);
  return { steps: count, window: windowOf(count), trained: check("trained", trained ?? lengths.trained, 0) };
}

/** All steps, or the fewest equal windows that are short enough. */
function windowOf(steps: number): number {
  const fewest = Math.ceil(steps / LONGEST_WINDOW);
  for (let count = fewest; count <= 4 * fewest; count++) if (steps % count === 0) return steps / count;
  const near = Math.round(steps / fewest / 20) * fewest * 20;
  throw new SpecError(
    "steps",
    `is ${steps}; above ${LONGEST_WINDOW} they are cut into equal windows, for which ${near} would do.`,
    { value: steps },
  );
}
