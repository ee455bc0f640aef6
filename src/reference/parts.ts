/** The arrays of a network, by group and projection. */

import { DataError, VleError } from "../errors.ts";
import { biasStream, feedbackStream, initialize } from "../random.ts";
import { distancesOf, type Learning, type Network, type Population, type Projection } from "../spec.ts";
import { createNeuronState, type NeuronState, type TimeConstants } from "./neurons.ts";
import { createParameters, type Parameters } from "./synapses.ts";
import { Delay, NeuronTraces, SynapticTraces } from "./traces.ts";

export interface Between {
  readonly from: string;
  readonly to: string;
}

/** The parameters of a population's neurons; "bias" is also meant where a population is named alone. */
export interface PartOf {
  readonly population: string;
  readonly of: "bias" | "tauM" | "tauR";
}

export type Where = string | Between | PartOf;

export interface SourceUnit {
  readonly name: string;
  readonly rate: Float64Array;
  readonly feedback: Float64Array;
}

export interface Unit {
  readonly population: Population;
  readonly state: NeuronState;
  readonly bias: Parameters;
  readonly tauM: Parameters;
  readonly tauR: Parameters;
  /** The same arrays as in tauM and tauR. */
  readonly tau: TimeConstants;
  /** What the cost adds to the feedback, [batch][neurons]; the target of the last step, null if there was none. */
  readonly pull: Float64Array;
  previousTarget: Float64Array | null;
  /** What projections with delay return in a sweep, for the next step. */
  readonly returned: Float64Array;
  /** Zero steps unless lags are aligned. */
  readonly slopeDelay: Delay;
  readonly derivativeDelay: Delay;
  readonly biasTrace: NeuronTraces;
  readonly derivativeTrace: NeuronTraces;
  /** Of the last window of adjoint errors: dC/du of its start, [batch][neurons], and lambda and alpha, [step][batch][neurons]. */
  potentialGradient: Float64Array;
  adjoint: Float64Array;
  adjointTopDown: Float64Array;
}

export interface Link {
  readonly projection: Projection;
  readonly between: Between;
  readonly weights: Parameters;
  /** What carries errors back: the weights themselves, fixed ones, or none. */
  readonly backward: Float64Array | null;
  readonly from: SourceUnit | Unit;
  readonly to: Unit;
  readonly rateDelay: Delay;
  /** Only with matched traces. */
  readonly traces: SynapticTraces | null;
}

export interface Parts {
  readonly batch: number;
  readonly sources: readonly SourceUnit[];
  readonly units: readonly Unit[];
  readonly links: readonly Link[];
  /** Units by level, lowest first. */
  readonly levels: readonly (readonly Unit[])[];
}

/** Rates that enter a projection in this step, [batch][pre], once those of lower levels are there. */
export function presynaptic({ projection, from }: Link, schedule: Network["schedule"]): Float64Array {
  if (!("state" in from)) return from.rate;
  // In jacobi the rates are still those of the last step when they are read.
  return projection.delay === 1 && schedule === "sweep" ? from.state.previousRate : from.state.rate;
}

/** @throws SpecError if lags cannot be aligned. */
export function build(network: Network, learning: Learning, batch: number, seed: number): Parts {
  const sources = network.sources.map(({ name, size }) => {
    return { name, rate: new Float64Array(batch * size), feedback: new Float64Array(batch * size) };
  });
  const distances = learning.lagAligned ? distancesOf(network) : null;
  const units = network.populations.map((population, position) =>
    buildUnit(network, population, position, distances?.[position] ?? null, batch, seed),
  );
  const links = network.projections.map((projection, position): Link => {
    const { from, fromSource, to, pre, post, init } = projection;
    const sender = fromSource ? pick(sources, from) : pick(units, from);
    const receiver = pick(units, to);
    const weights = createParameters(initialize(init, seed, position, pre * post));
    const distance = distances?.[to] ?? null;
    return {
      projection,
      between: { from: nameOf(sender), to: receiver.population.name },
      weights,
      backward: backwardOf(learning, weights, () =>
        Float64Array.from(initialize(init, seed, feedbackStream(network, position), pre * post)),
      ),
      from: sender,
      to: receiver,
      rateDelay: new Delay(distance === null ? 0 : lagOfRates(distance), batch * pre),
      traces: learning.traces === "matched" ? new SynapticTraces(batch, post, pre) : null,
    };
  });
  const top = Math.max(...network.populations.map(({ level }) => level));
  const levels = Array.from({ length: top + 1 }, (_, level) => units.filter((unit) => unit.population.level === level));
  return { batch, sources, units, links, levels };
}

/** How late, in jacobi, an error meets the slope and the rates that it is about, `distance` projections below the cost. */
export const lagOfSlopes = (distance: number): number => 2 * distance;
export const lagOfRates = (distance: number): number => 2 * distance + 1;

function buildUnit(
  network: Network,
  population: Population,
  position: number,
  distance: number | null,
  batch: number,
  seed: number,
): Unit {
  const { size, bias } = population;
  const [tauM, tauR] = [createParameters(population.tauM), createParameters(population.tauR)];
  const count = batch * size;
  return {
    population,
    state: createNeuronState(count),
    bias: createParameters(initialize(bias.init, seed, biasStream(network, position), size)),
    tauM,
    tauR,
    tau: { tauM: tauM.value, tauR: tauR.value },
    pull: new Float64Array(count),
    previousTarget: null,
    returned: new Float64Array(count),
    slopeDelay: new Delay(distance === null ? 0 : lagOfSlopes(distance), count),
    derivativeDelay: new Delay(distance === null ? 0 : lagOfRates(distance), count),
    biasTrace: new NeuronTraces(size),
    derivativeTrace: new NeuronTraces(count),
    potentialGradient: new Float64Array(count),
    adjoint: new Float64Array(0),
    adjointTopDown: new Float64Array(0),
  };
}

function backwardOf({ feedback }: Learning, weights: Parameters, draw: () => Float64Array): Float64Array | null {
  return { transpose: () => weights.value, random: draw, none: () => null }[feedback]();
}

function nameOf(unit: SourceUnit | Unit): string {
  return "population" in unit ? unit.population.name : unit.name;
}

function pick<T>(entries: readonly T[], position: number): T {
  const entry = entries[position];
  if (entry === undefined) throw new VleError("INTERNAL", `The resolved network has no group at position ${position}.`);
  return entry;
}

/** All states to zero. */
export function clear({ sources, units, links }: Parts): void {
  for (const { rate, feedback } of sources) for (const values of [rate, feedback]) values.fill(0);
  for (const unit of units) {
    for (const values of Object.values<Float64Array>({ ...unit.state })) values.fill(0);
    unit.previousTarget = null;
    unit.returned.fill(0);
    for (const part of [unit.slopeDelay, unit.derivativeDelay, unit.biasTrace, unit.derivativeTrace]) part.reset();
  }
  for (const { rateDelay, traces } of links) {
    rateDelay.reset();
    traces?.reset();
  }
}

/** Finds an array by quantity and place; undefined if there is none. */
export function findArray({ sources, units, links }: Parts, quantity: string, where: Where): Float64Array | undefined {
  if (typeof where !== "string" && "from" in where) {
    const link = links.find(({ between }) => between.from === where.from && between.to === where.to);
    if (quantity === "feedbackWeight") return link?.backward ?? undefined;
    return link && parameterOf(link.weights, "weight", quantity);
  }
  const { population: name, of } = typeof where === "string" ? { population: where, of: "bias" as const } : where;
  const unit = units.find(({ population }) => population.name === name);
  if (unit !== undefined) {
    if (quantity === "tauM" || quantity === "tauR") return unit[quantity].value;
    const kept = { ...unit.state, ...windowOf(unit) } as Readonly<Record<string, Float64Array | undefined>>;
    const parameter = parameterOf(unit[of], of, quantity);
    return parameter ?? (Object.hasOwn(kept, quantity) ? kept[quantity] : undefined);
  }
  const source = sources.find((candidate) => candidate.name === name);
  return quantity === "rate" || quantity === "feedback" ? source?.[quantity] : undefined;
}

function windowOf({ potentialGradient, adjoint, adjointTopDown }: Unit): Readonly<Record<string, Float64Array>> {
  return { potentialGradient, adjoint, adjointTopDown };
}

function parameterOf(parameters: Parameters, own: string, quantity: string): Float64Array | undefined {
  if (quantity === own) return parameters.value;
  if (quantity === "firstMoment" || quantity === "secondMoment" || quantity === "gradient") return parameters[quantity];
  return undefined;
}

/** @throws DataError */
export function arrayOf(parts: Parts, quantity: string, where: Where): Float64Array {
  const array = findArray(parts, quantity, where);
  if (array !== undefined) return array;
  const place =
    typeof where === "string"
      ? `"${where}"`
      : "from" in where
        ? `"${where.from}" -> "${where.to}"`
        : `${where.of} of "${where.population}"`;
  throw new DataError(quantity, `of ${place} does not exist in this network.`);
}
