/** The order of a sweep, and what may go wrong around a loop. */

import { SpecError } from "../errors.ts";
import type { Activation, Network, Population, Projection } from "./types.ts";

interface Named {
  readonly name: string;
}

type Edge = Pick<Projection, "from" | "to" | "fromSource" | "delay">;

/**
 * The turn of every population: one after the latest of those that project to it without delay.
 *
 * @throws SpecError if they project to each other in a circle, so that none can be first.
 */
export function levelsOf(populations: readonly Named[], projections: readonly Edge[]): number[] {
  const immediate = projections.filter(({ fromSource, delay }) => !fromSource && delay === 0);
  const levels = populations.map(() => 0);
  // A path without a circle has fewer steps than there are populations.
  for (let round = 0; round < populations.length; round++) {
    let isSettled = true;
    for (const { from, to } of immediate) {
      const least = (levels[from] ?? 0) + 1;
      if ((levels[to] ?? 0) >= least) continue;
      levels[to] = least;
      isSettled = false;
    }
    if (isSettled) return levels;
  }
  if (immediate.length === 0) return levels;
  const circle = findCircle(populations.length, immediate).map((index) => populations[index]?.name ?? "?");
  throw new SpecError(
    "schedule",
    `is "sweep", but ${[...circle, circle[0]].join(" -> ")} is a circle, in which no population can be first. ` +
      'Set recurrent: true on one of these projections, or use "jacobi".',
  );
}

/** Populations of one circle, in its direction. There is one. */
function findCircle(count: number, edges: readonly Edge[]): number[] {
  // Whoever has no way in from those that are left is in no circle; what remains after that has one for each.
  const left = new Set(Array.from({ length: count }, (_, index) => index));
  const wayIn = (to: number): number | undefined => edges.find((edge) => edge.to === to && left.has(edge.from))?.from;
  for (let changed = true; changed;) {
    changed = false;
    for (const index of [...left]) {
      if (wayIn(index) !== undefined) continue;
      left.delete(index);
      changed = true;
    }
  }
  const path: number[] = [];
  let at = [...left][0] ?? 0;
  while (!path.includes(at)) {
    path.push(at);
    at = wayIn(at) ?? at;
  }
  return path.slice(path.indexOf(at)).reverse();
}

/**
 * Projections between every population and the cost that its error comes from, for rules that align what meets an error.
 *
 * @throws SpecError in a sweep, or if errors come to a population on ways of different length, or not at all.
 */
export function distancesOf({ schedule, populations, projections }: Network): number[] {
  if (schedule === "sweep") {
    throw new SpecError(
      "learning.lagAligned",
      'is true, but in a "sweep" nothing lags. Leave it out, or use "jacobi".',
    );
  }
  const distances = populations.map(({ cost }) => (cost === null ? Infinity : 0));
  const upward = projections.filter(({ fromSource }) => !fromSource);
  for (let round = 0; round < populations.length; round++) {
    for (const { from, to } of upward) {
      distances[from] = Math.min(distances[from] ?? Infinity, (distances[to] ?? Infinity) + 1);
    }
  }
  const stray = upward.find(({ from, to }) => distances[from] !== (distances[to] ?? NaN) + 1);
  if (stray !== undefined) {
    const problem = `but errors come to "${populations[stray.from]?.name ?? "?"}" on ways of different length`;
    throw new SpecError(
      "learning.lagAligned",
      `is true, ${problem} (${stray.name} is one). Use it on a stack of layers.`,
    );
  }
  const lost = distances.indexOf(Infinity);
  if (lost < 0) return distances;
  const problem = `but no error comes to "${populations[lost]?.name ?? "?"}"`;
  throw new SpecError(
    "learning.lagAligned",
    `is true, ${problem}. Use it on a stack of layers with a cost at its end.`,
  );
}

const steepest: Readonly<Record<Activation, number>> = {
  linear: 1,
  tanh: 1,
  sigmoid: 0.25,
  "hard-sigmoid": 1,
  relu: 1,
  softplus: 1,
};

/**
 * How strongly rates that look ahead feed back on themselves within a step, around all loops of delayed projections, with
 * the weights that the network starts with: the spectral radius of diag(tauR / tauM) W diag(max phi'), as expected for
 * independent uniform weights and as it is for equal ones. Above 1 the look-ahead is an iteration that grows with every
 * step, however small dt is (docs/theory.md, "Loops that look ahead").
 */
export function loopGain(network: Network): number {
  return Math.max(Math.sqrt(spectralRadius(gainsOf(network, "uniform"))), spectralRadius(gainsOf(network, "constant")));
}

/** From population to population: of uniform weights the squares, which add up where signs are random; of equal ones the gains. */
function gainsOf({ populations, projections }: Network, kind: "uniform" | "constant"): number[][] {
  const gains = populations.map(() => populations.map(() => 0));
  for (const { from, fromSource, to, init } of projections) {
    const [sender, receiver] = [populations[from], populations[to]];
    if (fromSource || sender === undefined || receiver === undefined) continue;
    const slope = steepest[sender.activation];
    const row = gains[to];
    if (row === undefined || init.kind !== kind) continue;
    const ratios = ratiosOf(receiver);
    const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
    row[from] =
      init.kind === "uniform"
        ? ((slope * init.bound) ** 2 * sum(ratios.map((ratio) => ratio ** 2))) / 3
        : slope * Math.abs(init.value) * sum(ratios);
  }
  return gains;
}

function ratiosOf({ tauM, tauR }: Population): number[] {
  return Array.from(tauR, (value, i) => value / (tauM[i] ?? NaN));
}

/** Of a matrix without negative entries: the geometric mean of the growth of its powers, until it no longer matters. */
function spectralRadius(matrix: readonly (readonly number[])[]): number {
  // A multiple of the length of most loops, so that each half has whole turns.
  const rounds = 240;
  let vector = matrix.map(() => 1);
  let logarithm = 0;
  for (let round = 0; round < rounds; round++) {
    const next = matrix.map((row) => row.reduce((sum, entry, j) => sum + entry * (vector[j] ?? 0), 0));
    const size = Math.max(...next);
    if (size === 0) return 0;
    // The first half only turns the vector; a loop over several populations makes the growth of single rounds swing.
    if (round >= rounds / 2) logarithm += Math.log(size);
    vector = next.map((value) => value / size);
  }
  return Math.exp(logarithm / (rounds / 2));
}

/** Sentences about a network that is valid and may still disappoint; empty for most. */
export function warningsOf(network: Network): string[] {
  const gain = loopGain(network);
  if (gain <= 1) return [];
  return [
    `Loops that look ahead have a gain of about ${gain.toPrecision(3)} with the weights that the network starts with; ` +
      "above 1 they grow with every step, whatever dt is. Lower tauR / tauM of the populations in a loop, or their weights.",
  ];
}
