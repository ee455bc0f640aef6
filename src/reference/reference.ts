import { SpecError } from "../errors.ts";
import { checkSeed } from "../random.ts";
import { PLASTIC_TAU_STEPS, type Learning, type Network } from "../spec.ts";
import { enteringRates, goBack, keepFrame, type Frame as WindowFrame } from "./adjoint.ts";
import { addTo, at, row } from "./array.ts";
import { addCost } from "./cost.ts";
import { checkLength, readInput, readTarget, type Frame } from "./frame.ts";
import { beginNeurons, finishNeurons, type NeuronState } from "./neurons.ts";
import {
  arrayOf,
  build,
  clear,
  presynaptic,
  type Between,
  type Link,
  type PartOf,
  type Parts,
  type Unit,
} from "./parts.ts";
import { addColumnSums, addCurrent, addFeedback, addOuter, descend, type Update } from "./synapses.ts";

export type { Between, PartOf, Where } from "./parts.ts";

export interface ReferenceOptions {
  /** Batch rows: independent states that share the parameters; gradients are their mean. Default 1. */
  readonly batch?: number;
  /** Seed of the initial parameters, an integer from 0 to 2^53 - 1. Default 0. */
  readonly seed?: number;
}

/** [batch][neurons] of a population; a source has rate (its last input) and feedback (W^T e) only. */
export type NeuronQuantity = keyof NeuronState;
/** Of the last window of adjoint errors: dC/du at its start, [batch][neurons]; lambda and alpha, [step][batch][neurons]. */
export type WindowQuantity = "potentialGradient" | "adjoint" | "adjointTopDown";
/** Of the optimiser, for weights, biases or time constants; the gradient is that of the last window of adjoint errors. */
export type Moment = "firstMoment" | "secondMoment" | "gradient";

/** Of the whole network in the last step, [batch] (docs/theory.md, "Energy"). */
export interface Energy {
  /** Half the sum of e^2. */
  readonly mismatch: Float64Array;
  /** What the step's cost compared, with beta. */
  readonly cost: Float64Array;
  /** Their sum, and dt times that summed since creation or reset. */
  readonly energy: Float64Array;
  readonly action: Float64Array;
  /** Sum of du/dt (tauM e - tauR alpha), less the cost: constant for exact errors and a constant input and target. */
  readonly conserved: Float64Array;
}

/** A network in f64 on the CPU, one step at a time: what the GPU must agree with. */
export interface Reference {
  /** Steps since creation or reset. */
  readonly steps: number;
  /**
   * Integrates one dt in the order of the network's schedule. With adjoint errors, every `window`-th step that learns goes
   * back through the window and updates the parameters.
   *
   * @param input Rates of the sources, [batch][neurons] each.
   * @param target Targets of the populations with a cost: [batch][neurons] for squared error, [batch] class indices
   *   (-1: none) for cross-entropy. Left out, or a name left out: no cost there in this step.
   * @param learn Whether parameters are updated. Default true; with errors "none" every gradient is 0.
   * @returns Cost that this step compares, summed over neurons and populations, mean over batch rows. NaN without one.
   * @throws DataError if an array has the wrong length or name, or a class index does not exist.
   */
  step(input: Frame, target?: Frame | null, learn?: boolean): number;
  /** Of the last step; with adjoint errors e and alpha are 0. */
  energy(): Energy;
  /**
   * A copy of a quantity: of a population's neurons, its biases and time constants [neurons], or the weights [post][pre]
   * between groups.
   *
   * @throws DataError if the network has no such quantity or place.
   */
  read(quantity: NeuronQuantity | WindowQuantity | "bias" | "tauM" | "tauR", group: string): Float64Array;
  read(quantity: "weight" | "feedbackWeight", between: Between): Float64Array;
  read(quantity: Moment, place: string | Between | PartOf): Float64Array;
  /**
   * Replaces a quantity.
   *
   * @throws DataError if the network has no such quantity or place, or the number of values is wrong.
   */
  write(quantity: NeuronQuantity | "bias" | "tauM" | "tauR", group: string, values: ArrayLike<number>): void;
  write(quantity: "weight" | "feedbackWeight", between: Between, values: ArrayLike<number>): void;
  write(quantity: Moment, place: string | Between | PartOf, values: ArrayLike<number>): void;
  /** All states to zero and the step counter to 0; parameters and their moments stay. */
  reset(): void;
}

/** @throws SpecError if batch or seed are out of range, or the rule cannot be used on this network. */
export function createReference(network: Network, learning: Learning, options: ReferenceOptions = {}): Reference {
  const { batch = 1, seed = 0 } = options;
  if (!Number.isSafeInteger(batch) || batch < 1) {
    throw new SpecError("batch", `is ${batch}, but must be an integer, 1 or more.`);
  }
  checkSeed(seed);
  const stepper = new Stepper(network, learning, build(network, learning, batch, seed));
  const { parts } = stepper;
  return {
    get steps() {
      return stepper.steps;
    },
    step: (input, target = null, learn = true) => stepper.step(input, target, learn),
    energy: () => stepper.energy(),
    read: (quantity: string, place: string | Between | PartOf) => arrayOf(parts, quantity, place).slice(),
    write(quantity: string, place: string | Between | PartOf, values: ArrayLike<number>) {
      const array = arrayOf(parts, quantity, place);
      checkLength(quantity, values, array.length);
      array.set(values);
    },
    reset: () => stepper.reset(),
  };
}

class Stepper {
  readonly parts: Parts;
  steps = 0;
  private updates = 0;
  private readonly network: Network;
  private readonly learning: Learning;
  /** Of the window in progress. */
  private frames: WindowFrame[] = [];
  private costs: Float64Array = new Float64Array(0);
  private action: Float64Array = new Float64Array(0);

  constructor(network: Network, learning: Learning, parts: Parts) {
    this.network = network;
    this.learning = learning;
    this.parts = parts;
    this.reset();
  }

  step(input: Frame, target: Frame | null, learn: boolean): number {
    const { parts, network } = this;
    readInput(input, parts.sources);
    for (const { state } of parts.units) state.previousRate.set(state.rate);
    const targets = readTarget(target, network.populations, parts.batch);
    this.costs.fill(0);
    const isJacobi = network.schedule === "jacobi";
    // What enters in jacobi is overwritten by the end of the step.
    const before = isJacobi ? enteringRates(parts, "jacobi") : [];
    const hasCost = isJacobi ? this.jacobi(targets) : this.sweep(targets);
    const entering = isJacobi ? before : enteringRates(parts, "sweep");
    this.learn(entering, learn);
    const { energy } = this.energy();
    for (const [lane, value] of energy.entries()) addTo(this.action, lane, network.dt * value);
    this.steps += 1;
    return hasCost ? this.costs.reduce((sum, cost) => sum + cost, 0) / parts.batch : NaN;
  }

  energy(): Energy {
    const { parts, costs: cost } = this;
    const mismatch = new Float64Array(parts.batch);
    const conserved = cost.map((value) => -value);
    for (const { state, tau } of parts.units) {
      for (const [k, e] of state.error.entries()) {
        const lane = Math.floor((k * parts.batch) / state.error.length);
        const i = k % tau.tauM.length;
        mismatch[lane] = at(mismatch, lane) + e ** 2 / 2;
        const momentum = at(tau.tauM, i) * e - at(tau.tauR, i) * at(state.topDown, k);
        conserved[lane] = at(conserved, lane) + at(state.potentialDerivative, k) * momentum;
      }
    }
    const energy = mismatch.map((value, lane) => value + at(cost, lane));
    return { mismatch, cost: cost.slice(), energy, action: this.action.slice(), conserved };
  }

  reset(): void {
    clear(this.parts);
    this.steps = 0;
    this.frames = [];
    this.costs = new Float64Array(this.parts.batch);
    this.action = new Float64Array(this.parts.batch);
  }

  /** Every population from values of the step before. @returns whether anything was compared with a target. */
  private jacobi(targets: ReadonlyMap<string, Float64Array>): boolean {
    const { units, links } = this.parts;
    const hasCost = this.pull(targets);
    for (const unit of units) this.begin(unit);
    this.clearFeedback();
    for (const link of links) this.feedBack(link);
    this.advance(units, links);
    return hasCost;
  }

  /** Rates up through the levels, errors down through them. */
  private sweep(targets: ReadonlyMap<string, Float64Array>): boolean {
    const { levels, links } = this.parts;
    for (const level of levels) {
      this.advance(
        level,
        links.filter(({ to }) => level.includes(to)),
      );
    }
    const hasCost = this.pull(targets);
    this.clearFeedback();
    for (const { state, returned } of this.parts.units) state.feedback.set(returned);
    for (const level of [...levels].reverse()) {
      for (const unit of level) this.begin(unit);
      for (const link of links) if (link.projection.delay === 0 && level.includes(link.to)) this.feedBack(link);
    }
    for (const { returned } of this.parts.units) returned.fill(0);
    for (const link of links) {
      if (link.projection.delay === 1 && "returned" in link.from) this.feedBack(link, link.from.returned);
    }
    return hasCost;
  }

  private advance(units: readonly Unit[], links: readonly Link[]): void {
    const { batch } = this.parts;
    for (const { state, bias } of units) {
      for (let lane = 0; lane < batch; lane++) row(state.current, lane, bias.value.length).set(bias.value);
    }
    for (const link of links) {
      addCurrent(link.weights.value, presynaptic(link, this.network.schedule), link.to.state.current, batch);
    }
    for (const { population, state, tau } of units) finishNeurons(population, state, tau, this.network.dt);
  }

  /** What the costs add to the feedback. */
  private pull(targets: ReadonlyMap<string, Float64Array>): boolean {
    let hasCost = false;
    for (const unit of this.parts.units) {
      const { name, cost } = unit.population;
      const now = targets.get(name) ?? null;
      const target = this.network.targetDelay === 1 ? unit.previousTarget : now;
      unit.previousTarget = now;
      unit.pull.fill(0);
      hasCost ||= now !== null;
      if (cost === null || target === null) continue;
      addCost(cost, unit.state.rate, target, unit.pull, this.costs);
      hasCost = true;
    }
    return hasCost;
  }

  private begin({ population, state, tau, pull, slopeDelay }: Unit): void {
    const { errors } = this.learning;
    const slope = slopeDelay.advance(state.slope);
    if (errors === "none" || errors === "adjoint") return;
    beginNeurons(population, state, tau, pull, slope, this.learning, this.network.dt);
  }

  private clearFeedback(): void {
    for (const { feedback } of this.parts.sources) feedback.fill(0);
    for (const { state } of this.parts.units) state.feedback.fill(0);
  }

  private feedBack(
    { backward, from, to }: Link,
    feedback = "state" in from ? from.state.feedback : from.feedback,
  ): void {
    if (backward !== null) addFeedback(backward, to.state.error, feedback, this.parts.batch);
  }

  // ---- learning ---------------------------------------------------------------------------------------------

  private learn(entering: readonly Float64Array[], learn: boolean): void {
    const { parts, network, learning } = this;
    if (learning.errors !== "adjoint") {
      this.online(entering, learn);
      return;
    }
    if (!learn) {
      this.frames = [];
      return;
    }
    this.frames.push(keepFrame(parts, entering));
    if (this.frames.length < learning.window) return;
    goBack(parts, network, this.frames);
    this.frames = [];
    this.updates += 1;
    for (const link of parts.links) if (link.projection.plastic) this.update(link.weights, link.weights.gradient);
    for (const unit of parts.units) {
      const { bias, plasticTauM, plasticTauR } = unit.population;
      if (bias.plastic) this.update(unit.bias, unit.bias.gradient);
      if (plasticTauM) this.update(unit.tauM, unit.tauM.gradient, true);
      if (plasticTauR) this.update(unit.tauR, unit.tauR.gradient, true);
    }
  }

  private update(parameters: Unit["bias"], gradient: Float64Array, isTau = false): void {
    const update: Update = { optimizer: this.learning.optimizer, count: this.updates };
    descend(parameters, gradient, update, isTau ? PLASTIC_TAU_STEPS * this.network.dt : -Infinity);
  }

  /** The gradient of the moment. Traces advance whether or not anything learns from them. */
  private online(entering: readonly Float64Array[], learn: boolean): void {
    const { units, links, batch } = this.parts;
    const { dt } = this.network;
    const isMatched = this.learning.traces === "matched";
    if (learn) this.updates += 1;
    const updates: (() => void)[] = [];
    links.forEach(({ weights, to, projection, traces, rateDelay }, index) => {
      const rate = rateDelay.advance(entering[index] ?? new Float64Array(0));
      traces?.advance(rate, to.tau, dt);
      if (!learn || !projection.plastic) return;
      const gradient = new Float64Array(weights.value.length);
      if (traces === null) addOuter(gradient, to.state.error, rate, batch, -1 / batch);
      else traces.addOuter(gradient, to.state.topDown, -1 / batch);
      updates.push(() => this.update(weights, gradient));
    });
    for (const { population, state, bias, tauM, tauR, tau, biasTrace, derivativeTrace, derivativeDelay } of units) {
      const derivative = derivativeDelay.advance(state.potentialDerivative);
      if (isMatched) biasTrace.advance(() => 1, tau, dt);
      if (isMatched) derivativeTrace.advance((k) => at(derivative, k), tau, dt);
      if (!learn) continue;
      const size = population.size;
      const gradientOf = (signal: Float64Array, sign: 1 | -1, other?: Float64Array): Float64Array => {
        const gradient = new Float64Array(size);
        addColumnSums(gradient, signal, sign / batch, other);
        return gradient;
      };
      const { error, topDown } = state;
      const ofBias = isMatched
        ? gradientOf(topDown, -1).map((value, i) => value * at(biasTrace.value, i))
        : gradientOf(error, -1);
      const ofTauM = isMatched ? gradientOf(topDown, 1, derivativeTrace.value) : gradientOf(error, 1, derivative);
      const ofTauR = gradientOf(topDown, -1, derivative);
      if (population.bias.plastic) updates.push(() => this.update(bias, ofBias));
      if (population.plasticTauM) updates.push(() => this.update(tauM, ofTauM, true));
      if (population.plasticTauR) updates.push(() => this.update(tauR, ofTauR, true));
    }
    for (const update of updates) update();
  }
}
