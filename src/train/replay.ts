/**
 * Runs on a simulator what a recording ran. Every figure comes from the simulator's device: states from what it records
 * at every step, gradients from its optimiser or from its way back, parameters from its buffers.
 */

import type { RecordSpec, TraceQuantity } from "../layout.ts";
import type { RunOptions } from "../run.ts";
import type { Between, PartOf, SimulatorOptions, Where } from "../simulator.ts";
import { PLASTIC_TAU_STEPS, type LearningSpec, type NetworkSpec, type OptimizerSpec } from "../spec.ts";
import type { LayerGradient, LayerSnapshot, Recording } from "../tasks/recording.ts";
import type { CreateSimulator, Trainable } from "./train.ts";

export interface ReplayOptions {
  readonly createSimulator: CreateSimulator;
  /** Where the simulators live. Default: a new device each. */
  readonly host?: Pick<SimulatorOptions, "device" | "gpu">;
  readonly signal?: AbortSignal;
}

/** Per layer, [post][pre] and [neurons]. */
export interface Parameters {
  readonly weights: readonly Float32Array[];
  readonly biases: readonly Float32Array[];
}

export interface FrozenReplay extends Parameters {
  /** [snapshot][layer] */
  readonly snapshots: readonly (readonly LayerSnapshot[])[];
  /** Per layer, over all steps. */
  readonly sums: readonly Readonly<Record<keyof LayerGradient, Float64Array>>[];
  /** Output rates before the last step. */
  readonly output: Float32Array;
}

export type OnlineReplay = Parameters & {
  /** Of the rates before each step, measured as in `OnlineRun`; null if beta is 0, as the device then has no cost. */
  readonly losses: readonly number[] | null;
  readonly output: Float32Array;
};

/** As in `Recording`: the summed cost without beta, and its exact gradient per layer. */
export interface ExactReplay {
  readonly value: number;
  readonly gradient: readonly LayerGradient[];
}

/** The run without updates. Its simulator is gone afterwards, as are those of the other replays. */
export async function replayFrozen(recording: Recording, options: ReplayOptions): Promise<FrozenReplay> {
  const { frozen, steps, errors } = recording;
  const setup: Setup = {
    network: withPlasticTauM(recording.network),
    learning: { errors, optimizer: { kind: "accumulate" } },
    record: recordOf(recording),
  };
  return withSimulator(recording, setup, options, async (simulator) => {
    const sums = frozen.gradient.map(({ weightGradient, biasGradient, tauMGradient }) => ({
      weightGradient: new Float64Array(weightGradient.length),
      biasGradient: new Float64Array(biasGradient.length),
      tauMGradient: new Float64Array(tauMGradient.length),
    }));
    const advance = async (from: number, to: number): Promise<LayerSnapshot[]> => {
      const layers = await runPart(simulator, recording, from, to, options.signal);
      for (const [l, sum] of sums.entries()) add(sum, layers[l]);
      return layers;
    };
    const wanted = new Set(frozen.snapshots.map(({ step }) => step));
    const snapshots: LayerSnapshot[][] = [];
    let output: Float32Array = new Float32Array();
    let position = 0;
    // A step with a snapshot is run alone: then the gradient summed since the last reading is its own.
    for (const step of [...new Set([...wanted, steps - 1])].sort((a, b) => a - b)) {
      if (position < step) await advance(position, step);
      if (step === steps - 1) output = await simulator.read("rate", outputOf(recording));
      const layers = await advance(step, step + 1);
      if (wanted.has(step)) snapshots.push(layers);
      position = step + 1;
    }
    return { snapshots, sums, output, ...(await readParameters(simulator, recording)) };
  });
}

/** A run in which every step ends with an update of all weights and biases. */
export async function replayOnline(
  recording: Recording,
  kind: "sgd" | "adam",
  options: ReplayOptions,
): Promise<OnlineReplay> {
  const { network, errors, steps } = recording;
  const last = steps - 1;
  const optimizer: OptimizerSpec = { kind, eta: recording[kind].eta };
  const scale = lossScale(recording);
  return withSimulator(recording, { network, learning: { errors, optimizer } }, options, async (simulator) => {
    const losses: number[] = [];
    const advance = async (from: number, to: number): Promise<void> => {
      const part = { ...partOf(recording, from, to), every: 1, ...signalOf(options.signal) };
      for await (const { loss } of simulator.run(part)) losses.push(loss * scale);
    };
    if (last > 0) await advance(0, last);
    const output = await simulator.read("rate", outputOf(recording));
    await advance(last, last + 1);
    return { losses: Number.isFinite(scale) ? losses : null, output, ...(await readParameters(simulator, recording)) };
  });
}

/**
 * One window of adjoint errors over all steps. They do not act on the neurons, so the trajectory is the free one whatever
 * gamma is.
 */
export async function replayExact(recording: Recording, options: ReplayOptions): Promise<ExactReplay> {
  const { steps } = recording;
  const setup: Setup = {
    network: withUnitBeta(recording.network),
    // This optimiser keeps the gradients of time constants that do not learn, too.
    learning: { errors: "adjoint", window: steps, optimizer: { kind: "accumulate" } },
  };
  return withSimulator(recording, setup, options, async (simulator) => {
    let value = 0;
    const whole = { ...partOf(recording, 0, steps), ...signalOf(options.signal) };
    for await (const metrics of simulator.run(whole)) value += metrics.loss * metrics.steps;
    const gradient: LayerGradient[] = [];
    for (const { name, between } of layersOf(recording)) {
      gradient.push({
        weightGradient: await simulator.read("gradient", between),
        biasGradient: await simulator.read("gradient", name),
        tauMGradient: await simulator.read("gradient", tauMOf(name)),
      });
    }
    return { value, gradient };
  });
}

// ---- running ------------------------------------------------------------------------------------------------

/** What a replay makes of a recording; nothing is recorded unless said. */
interface Setup {
  readonly network: NetworkSpec;
  readonly learning: LearningSpec;
  readonly record?: readonly RecordSpec[];
}

interface Layer {
  /** Population of this layer, and the group that projects to it. */
  readonly name: string;
  readonly size: number;
  readonly below: string;
  readonly between: Between;
  /** See `withPlasticTauM`. */
  readonly canLearnTauM: boolean;
}

const TRACED = ["potential", "lowPassedError", "rate", "error", "potentialDerivative"] as const;

async function withSimulator<T>(
  recording: Recording,
  { network, learning, record = [] }: Setup,
  { createSimulator, host, signal }: ReplayOptions,
  use: (simulator: Trainable) => Promise<T>,
): Promise<T> {
  const { batch } = recording;
  const simulator = await createSimulator(network, { ...host, batch, learning, record, ...signalOf(signal) });
  try {
    for (const [l, { name, between }] of layersOf(recording).entries()) {
      simulator.write("weight", between, recording.weights[l] ?? new Float32Array());
      simulator.write("bias", name, recording.biases[l] ?? new Float32Array());
    }
    return await use(simulator);
  } finally {
    simulator.destroy();
  }
}

/** Runs steps `from` to `to`. Gives every layer's state after the last of them, and the gradients summed over them. */
async function runPart(
  simulator: Trainable,
  recording: Recording,
  from: number,
  to: number,
  signal: AbortSignal | undefined,
): Promise<LayerSnapshot[]> {
  const { batch } = recording;
  const traces = new Map<string, Float32Array>();
  for await (const metrics of simulator.run({ ...partOf(recording, from, to), ...signalOf(signal) })) {
    for (const [i, { quantity, population }] of recordOf(recording).entries()) {
      traces.set(`${quantity}/${population}`, metrics.traces[i] ?? new Float32Array());
    }
  }
  const trace = (quantity: TraceQuantity, group: string): Float32Array =>
    traces.get(`${quantity}/${group}`) ?? new Float32Array();
  const after = (quantity: TraceQuantity, group: string): Float32Array => {
    const values = trace(quantity, group);
    return values.slice(values.length - values.length / (to - from));
  };
  const layers: LayerSnapshot[] = [];
  for (const { name, size, below, between, canLearnTauM } of layersOf(recording)) {
    layers.push({
      potential: after("potential", name),
      lowPassedError: after("lowPassedError", name),
      rate: after("rate", name),
      error: after("error", name),
      feedback: after("feedback", below),
      weightGradient: await takeMoment(simulator, between),
      biasGradient: await takeMoment(simulator, name),
      tauMGradient: canLearnTauM
        ? await takeMoment(simulator, tauMOf(name))
        : tauMGradient(trace("error", name), trace("potentialDerivative", name), batch, size),
    });
  }
  return layers;
}

/** The gradient summed since the last call: the optimiser that accumulates keeps it in the first moment. */
async function takeMoment(simulator: Trainable, where: Where): Promise<Float32Array> {
  const moment = await simulator.read("firstMoment", where);
  simulator.write("firstMoment", where, new Float32Array(moment.length));
  return moment;
}

/**
 * Mean over batch rows of e du/dt, summed over steps, where the device does not sum it: it computes the two factors alone,
 * and their products are summed here from what it recorded, [step][batch][neurons].
 */
function tauMGradient(error: Float32Array, potentialDerivative: Float32Array, batch: number, size: number) {
  const sum = new Float64Array(size);
  for (const [i, e] of error.entries()) {
    sum[i % size] = (sum[i % size] ?? 0) + (e * (potentialDerivative[i] ?? NaN)) / batch;
  }
  return Float32Array.from(sum);
}

async function readParameters(simulator: Trainable, recording: Recording): Promise<Parameters> {
  const weights: Float32Array[] = [];
  const biases: Float32Array[] = [];
  for (const { name, between } of layersOf(recording)) {
    weights.push(await simulator.read("weight", between));
    biases.push(await simulator.read("bias", name));
  }
  return { weights, biases };
}

// ---- what a recording says ----------------------------------------------------------------------------------

function layersOf({ network }: Recording): Layer[] {
  return network.projections.map(({ from, to }, l) => {
    const { size = 0, tauM = 0 } = network.populations[l] ?? {};
    return { name: to, size, below: from, between: { from, to }, canLearnTauM: canLearn(tauM, network.dt) };
  });
}

function tauMOf(population: string): PartOf {
  return { population, of: "tauM" };
}

/**
 * The device sums the gradient of time constants that learn alone, and those must not be short. Layers with shorter ones,
 * which a recording may well have, keep theirs fixed, and the sum is made from what was recorded.
 */
function withPlasticTauM(network: NetworkSpec): NetworkSpec {
  const populations = network.populations.map((each) => ({ ...each, plasticTauM: canLearn(each.tauM, network.dt) }));
  return { ...network, populations };
}

function canLearn(tau: number | readonly number[], dt: number): boolean {
  return [tau].flat().every((each) => each >= PLASTIC_TAU_STEPS * dt);
}

/** The exact gradient is that of the cost as it is, whatever the strength it was learnt with. */
function withUnitBeta(network: NetworkSpec): NetworkSpec {
  const populations = network.populations.map(({ cost, ...each }) =>
    cost === undefined ? each : { ...each, cost: { ...cost, beta: 1 } },
  );
  return { ...network, populations };
}

function recordOf(recording: Recording): RecordSpec[] {
  return layersOf(recording).flatMap(({ name, below }) => [
    ...TRACED.map((quantity) => ({ population: name, quantity })),
    { population: below, quantity: "feedback" as const },
  ]);
}

function outputOf({ network }: Recording): string {
  return network.populations.at(-1)?.name ?? "";
}

/** Input and target of steps `from` to `to`. */
function partOf({ input, target, steps }: Recording, from: number, to: number): RunOptions {
  const cut = (values: Float32Array): Float32Array =>
    values.subarray((from * values.length) / steps, (to * values.length) / steps);
  return { input: cut(input), target: cut(target), steps: to - from };
}

/** From our cost, with beta, to that of `OnlineRun.loss`. */
function lossScale({ network }: Recording): number {
  const { cost, size = 1 } = network.populations.at(-1) ?? {};
  return (cost?.kind === "squared-error" ? 2 / size : 1) / (cost?.beta ?? 1);
}

function add(sum: Record<keyof LayerGradient, Float64Array>, layer: LayerSnapshot | undefined): void {
  for (const field of ["weightGradient", "biasGradient", "tauMGradient"] as const) {
    for (const [i, value] of (layer?.[field] ?? []).entries()) sum[field][i] = (sum[field][i] ?? 0) + value;
  }
}

/** An option that is undefined is no option. */
function signalOf(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal ? { signal } : {};
}
