/** Replays a golden recording on a simulator and measures how far it strays. */

import type { NetworkSpec } from "../spec.ts";
import type { LayerGradient, LayerSnapshot, OnlineRun, Recording } from "../tasks/recording.ts";
import {
  replayExact,
  replayFrozen,
  replayOnline,
  type ExactReplay,
  type FrozenReplay,
  type OnlineReplay,
  type Parameters,
  type ReplayOptions,
} from "./replay.ts";

export interface Check {
  /** The run and the quantity, over all layers and snapshots: "frozen.potential". */
  readonly name: string;
  /** Largest difference, relative to the largest recorded entry of its array; NaN if a value is not a number. */
  readonly error: number;
  readonly tolerance: number;
  readonly holds: boolean;
  /** Where that difference is: place, entry and both values. */
  readonly worst: string;
}

/** The f32 rounding of a few hundred steps is 1e-6; a wrong sign, index, slope or order of update is 1e-2 and more. */
const FROZEN_TOLERANCE = 1e-4;
/**
 * The f32 rounding of recordings is 4e-5 where contributions of the steps cancel, and the device's is added to it; one step
 * less of some hundred moves the gradients by 4e-3 and more.
 */
const EXACT_TOLERANCE = 1e-3;
/** Learning feeds rounding back, and Adam divides the rounding of small gradients by their size. */
const ONLINE_TOLERANCE = 1e-3;

/** What a recording holds, in the order of the checks. */
export const recordedRuns = ["frozen", "exact", "online-sgd", "online-adam"] as const;
export type RecordedRun = (typeof recordedRuns)[number];

/**
 * Compares the run without learning, the exact gradient and both runs with learning, on four simulators that are gone
 * afterwards.
 *
 * @throws what simulators throw, or the signal's reason.
 */
export async function verifyRecording(recording: Recording, options: ReplayOptions): Promise<Check[]> {
  const checks: Check[] = [];
  for (const run of recordedRuns) checks.push(...(await verifyRun(run, recording, options)));
  return checks;
}

/** The checks of one of the runs, on one simulator. */
export async function verifyRun(run: RecordedRun, recording: Recording, options: ReplayOptions): Promise<Check[]> {
  switch (run) {
    case "frozen":
      return compareFrozen(recording, await replayFrozen(recording, options));
    case "exact":
      return compareExact(recording, await replayExact(recording, options));
    case "online-sgd":
      return compareOnline(run, recording.sgd, await replayOnline(recording, "sgd", options));
    case "online-adam":
      return compareOnline(run, recording.adam, await replayOnline(recording, "adam", options));
  }
}

// ---- comparing ----------------------------------------------------------------------------------------------

interface Pair {
  readonly place: string;
  readonly ours: ArrayLike<number>;
  readonly theirs: ArrayLike<number>;
}

type Gradient = Readonly<Record<keyof LayerGradient, ArrayLike<number>>>;

const GRADIENTS: Readonly<Record<keyof LayerGradient, string>> = {
  weightGradient: "weight-gradient",
  biasGradient: "bias-gradient",
  tauMGradient: "tau-m-gradient",
};
const SNAPSHOTS: Readonly<Record<keyof LayerSnapshot, string>> = {
  potential: "potential",
  lowPassedError: "low-passed-error",
  rate: "rate",
  error: "error",
  feedback: "feedback",
  ...GRADIENTS,
};

function compareFrozen({ network, frozen, ...initial }: Recording, replay: FrozenReplay): Check[] {
  const layers = network.populations.map(({ name }, index) => ({ name, index }));
  const compare = (name: string, tolerance: number, pairs: readonly Pair[]): Check[] =>
    check(`frozen.${name}`, tolerance, pairs);
  return [
    ...entriesOf(SNAPSHOTS).flatMap(([field, title]) =>
      compare(
        title,
        FROZEN_TOLERANCE,
        layers.map(({ name, index }) => ({
          place: name,
          ours: replay.snapshots.flatMap((snapshot) => [...(snapshot[index]?.[field] ?? [])]),
          theirs: frozen.snapshots.flatMap((snapshot) => [...(snapshot.layers[index]?.[field] ?? [])]),
        })),
      ),
    ),
    ...entriesOf(GRADIENTS).flatMap(([field, title]) =>
      compare(`sum-of-${title}`, FROZEN_TOLERANCE, gradientPairs(network, field, replay.sums, frozen.gradient)),
    ),
    ...compare("output", FROZEN_TOLERANCE, [{ place: "output", ours: replay.output, theirs: frozen.output }]),
    // Summing gradients must leave every bit of the parameters alone.
    ...compare("parameters", 0, parameterPairs(replay, initial)),
  ];
}

function compareExact({ network, exact }: Recording, { value, gradient }: ExactReplay): Check[] {
  return [
    ...check("exact.value", EXACT_TOLERANCE, [{ place: "value", ours: [value], theirs: [exact.value] }]),
    ...entriesOf(GRADIENTS).flatMap(([field, title]) =>
      check(`exact.${title}`, EXACT_TOLERANCE, gradientPairs(network, field, gradient, exact.gradient)),
    ),
  ];
}

function compareOnline(run: string, recorded: OnlineRun, replay: OnlineReplay): Check[] {
  const { losses } = replay;
  const theirs = losses === null ? [] : recorded.loss;
  const ours = Array.from(theirs, (_, i) => losses?.[i * recorded.lossEvery] ?? NaN);
  return [
    ...check(`${run}.parameters`, ONLINE_TOLERANCE, parameterPairs(replay, recorded)),
    ...check(`${run}.output`, ONLINE_TOLERANCE, [{ place: "output", ours: replay.output, theirs: recorded.output }]),
    ...check(`${run}.loss`, ONLINE_TOLERANCE, [{ place: "loss", ours, theirs }]),
  ];
}

/** A pair for each layer. */
function gradientPairs(
  { populations }: NetworkSpec,
  field: keyof LayerGradient,
  ours: readonly Gradient[],
  theirs: readonly Gradient[],
): Pair[] {
  return populations.map(({ name }, l) => ({
    place: name,
    ours: ours[l]?.[field] ?? [],
    theirs: theirs[l]?.[field] ?? [],
  }));
}

function parameterPairs(ours: Parameters, theirs: Parameters): Pair[] {
  return (["weights", "biases"] as const).flatMap((kind) =>
    theirs[kind].map((array, l) => ({ place: `${kind} of layer ${l + 1}`, ours: ours[kind][l] ?? [], theirs: array })),
  );
}

/** One check, or none where nothing was recorded. */
function check(name: string, tolerance: number, pairs: readonly Pair[]): Check[] {
  const strays = pairs.filter(({ theirs }) => theirs.length > 0).map(strayOf);
  const [first, ...rest] = strays;
  if (!first) return [];
  const { error, worst } = rest.reduce((a, b) => (isWorse(b.error, a.error) ? b : a), first);
  return [{ name, error, tolerance, holds: error <= tolerance, worst }];
}

function strayOf({ place, ours, theirs }: Pair): Pick<Check, "error" | "worst"> {
  const count = `${place} has ${ours.length} entries, recorded ${theirs.length}`;
  if (ours.length !== theirs.length) return { error: NaN, worst: count };
  let at = 0;
  let scale = 0;
  let largest = 0;
  for (let i = 0; i < theirs.length; i++) {
    const difference = Math.abs((ours[i] ?? NaN) - (theirs[i] ?? NaN));
    if (isWorse(difference, largest)) [largest, at] = [difference, i];
    scale = Math.max(scale, Math.abs(theirs[i] ?? NaN));
  }
  const worst = `${place}[${at}] is ${ours[at] ?? NaN}, recorded ${theirs[at] ?? NaN}`;
  // What was recorded as 0 throughout has no scale; it must be small as it is.
  return { error: scale > 0 ? largest / scale : largest, worst };
}

/** NaN is worse than any number. */
function isWorse(a: number, b: number): boolean {
  return a > b || (Number.isNaN(a) && !Number.isNaN(b));
}

function entriesOf<Key extends string, Value>(record: Readonly<Record<Key, Value>>): [Key, Value][] {
  return Object.entries(record) as [Key, Value][];
}
