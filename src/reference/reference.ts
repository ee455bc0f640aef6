import { DataError, SpecError, VleError } from "../errors.ts";
import { biasStream, checkSeed, initialize } from "../random.ts";
import type { Learning, Network, Population } from "../spec.ts";
import { checkLength, readInput, readTarget, type Frame } from "./frame.ts";
import { beginNeurons, createNeuronState, finishNeurons, type NeuronState } from "./neurons.ts";
import { biases, createParameters, synapses, type Ends, type Parameters, type Update } from "./synapses.ts";

export interface ReferenceOptions {
  /** Batch rows: independent states that share the parameters; gradients are their mean. Default 1. */
  readonly batch?: number;
  /** Seed of the initial parameters, an integer from 0 to 2^53 - 1. Default 0. */
  readonly seed?: number;
}

/** [batch][neurons] of a population; a source has rate (its last input) and feedback (W^T e) only. */
export type NeuronQuantity = keyof NeuronState;
/** Of the optimiser, for the weights of a projection or the biases of a population. */
export type Moment = "firstMoment" | "secondMoment";

export interface Between {
  readonly from: string;
  readonly to: string;
}

/** A network in f64 on the CPU, one step at a time: what the GPU must agree with. */
export interface Reference {
  /** Steps since creation or reset. */
  readonly steps: number;
  /**
   * Integrates one dt in the published order: every population advances from the values of the last step.
   *
   * @param input Rates of the sources, [batch][neurons] each.
   * @param target Targets of the populations with a cost: [batch][neurons] for squared error, [batch] class indices
   *   (-1: none) for cross-entropy. Left out, or a name left out: no cost there in this step.
   * @param learn Whether parameters are updated. Default true; with errors "none" every gradient is 0.
   * @returns Cost of the rates before this step against the target, summed over neurons and populations, mean over
   *   batch rows. NaN without a target.
   * @throws DataError if an array has the wrong length or name, or a class index does not exist.
   */
  step(input: Frame, target?: Frame | null, learn?: boolean): number;
  /**
   * A copy of a quantity: of a population's neurons, its biases [neurons], or the weights [post][pre] between groups.
   *
   * @throws DataError if the network has no such quantity or place.
   */
  read(quantity: NeuronQuantity | "bias", group: string): Float64Array;
  read(quantity: "weight", between: Between): Float64Array;
  read(quantity: Moment, place: string | Between): Float64Array;
  /**
   * Replaces a quantity.
   *
   * @throws DataError if the network has no such quantity or place, or the number of values is wrong.
   */
  write(quantity: NeuronQuantity | "bias", group: string, values: ArrayLike<number>): void;
  write(quantity: "weight", between: Between, values: ArrayLike<number>): void;
  write(quantity: Moment, place: string | Between, values: ArrayLike<number>): void;
  /** All states to zero and the step counter to 0; parameters and their moments stay. */
  reset(): void;
}

/** @throws SpecError if batch or seed are out of range. */
export function createReference(network: Network, learning: Learning, options: ReferenceOptions = {}): Reference {
  const { batch = 1, seed = 0 } = options;
  if (!Number.isSafeInteger(batch) || batch < 1) {
    throw new SpecError("batch", `is ${batch}, but must be an integer, 1 or more.`);
  }
  checkSeed(seed);
  const { dt, populations } = network;
  const { errors, optimizer } = learning;
  const parts = build(network, batch, seed);
  const arrays = index(parts);
  let steps = 0;
  let updates = 0;

  const find = (quantity: string, place: string | Between): Float64Array => {
    const array = arrays.get(key(quantity, place));
    if (array !== undefined) return array;
    const where = typeof place === "string" ? `"${place}"` : `"${place.from}" -> "${place.to}"`;
    throw new DataError(quantity, `of ${where} does not exist in this network.`);
  };

  return {
    get steps() {
      return steps;
    },
    step(input, target = null, learn = true) {
      readInput(input, parts.sources);
      const targets = readTarget(target, populations, batch);
      const costs = parts.units.map(({ population, state }) =>
        beginNeurons(population, state, { dt, errors, target: targets.get(population.name) ?? null }),
      );
      if (learn) updates += 1;
      runSynapses(parts, learn ? { optimizer, count: updates } : null);
      for (const { population, state } of parts.units) finishNeurons(population, state, dt);
      steps += 1;
      return total(costs);
    },
    read(quantity: string, place: string | Between) {
      return find(quantity, place).slice();
    },
    write(quantity: string, place: string | Between, values: ArrayLike<number>) {
      const array = find(quantity, place);
      checkLength(quantity, values, array.length);
      array.set(values);
    },
    reset() {
      const ofSources = parts.sources.flatMap(({ rate, feedback }) => [rate, feedback]);
      const ofNeurons = parts.units.flatMap(({ state }) => Object.values<Float64Array>({ ...state }));
      for (const values of [...ofSources, ...ofNeurons]) values.fill(0);
      steps = 0;
    },
  };
}

// ---- the parts of a network ---------------------------------------------------------------------------------

interface Named {
  readonly name: string;
}

interface SourceUnit extends Named {
  readonly rate: Float64Array;
  readonly feedback: Float64Array;
}

interface Unit {
  readonly population: Population;
  readonly state: NeuronState;
  readonly bias: Parameters;
}

interface Link {
  readonly between: Between;
  readonly plastic: boolean;
  readonly weights: Parameters;
  readonly ends: Ends;
}

interface Parts {
  readonly sources: readonly SourceUnit[];
  readonly units: readonly Unit[];
  readonly links: readonly Link[];
}

function build(network: Network, batch: number, seed: number): Parts {
  const sources = network.sources.map(({ name, size }) => {
    return { name, rate: new Float64Array(batch * size), feedback: new Float64Array(batch * size) };
  });
  const units = network.populations.map((population, position) => {
    const { size, bias } = population;
    const initial = initialize(bias.init, seed, biasStream(network, position), size);
    return { population, state: createNeuronState(batch * size), bias: createParameters(initial) };
  });
  const links = network.projections.map(({ from, fromSource, to, pre, post, plastic, init }, position) => {
    const { rate, feedback } = fromSource ? pick(sources, from) : pick(units, from).state;
    const { error, current } = pick(units, to).state;
    const sender = pick<Named>(fromSource ? network.sources : network.populations, from);
    return {
      between: { from: sender.name, to: pick(network.populations, to).name },
      plastic,
      weights: createParameters(initialize(init, seed, position, pre * post)),
      ends: { pre, post, batch, rate, feedback, error, current },
    };
  });
  return { sources, units, links };
}

function pick<T>(entries: readonly T[], position: number): T {
  const entry = entries[position];
  if (entry === undefined) throw new VleError("INTERNAL", `The resolved network has no group at position ${position}.`);
  return entry;
}

/** Currents, feedback and updates of a step, from the rates of the last step and the errors of this one. */
function runSynapses({ sources, units, links }: Parts, update: Update | null): void {
  for (const { feedback } of sources) feedback.fill(0);
  for (const { population, state, bias } of units) {
    state.feedback.fill(0);
    biases(bias, state.error, state.current, population.bias.plastic ? update : null);
  }
  for (const { weights, ends, plastic } of links) synapses(weights, ends, plastic ? update : null);
}

/** Sum of the costs that there are; NaN if there is none. */
function total(costs: readonly (number | null)[]): number {
  const present = costs.filter((cost) => cost !== null);
  return present.length === 0 ? NaN : present.reduce((sum, cost) => sum + cost, 0);
}

/** Every array by quantity and place. */
function index({ sources, units, links }: Parts): ReadonlyMap<string, Float64Array> {
  const arrays = new Map<string, Float64Array>();
  const add = (place: string | Between, quantities: Readonly<Record<string, Float64Array>>): void => {
    for (const [quantity, array] of Object.entries(quantities)) arrays.set(key(quantity, place), array);
  };
  for (const { name, rate, feedback } of sources) add(name, { rate, feedback });
  for (const { population, state, bias } of units) {
    const { value, ...moments } = bias;
    add(population.name, { ...state, bias: value, ...moments });
  }
  for (const { between, weights } of links) {
    const { value, ...moments } = weights;
    add(between, { weight: value, ...moments });
  }
  return arrays;
}

function key(quantity: string, place: string | Between): string {
  return JSON.stringify(typeof place === "string" ? [quantity, place] : [quantity, place.from, place.to]);
}
