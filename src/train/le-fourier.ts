/**
 * Fourier synthesis on a simulator: a network that learns for two thirds of a run and is then left alone, once as it is
 * published and once without look-ahead. Runs unchanged in Node and in a page.
 */

import type { AdapterFacts } from "../device.ts";
import { SpecError, VleError } from "../errors.ts";
import type { RunOptions } from "../run.ts";
import type { SimulatorOptions } from "../simulator.ts";
import type { FourierSynthesis } from "../tasks/fourier-synthesis.ts";
import {
  fitOf,
  SYNTHESIS_NETWORKS,
  synthesisLearning,
  synthesisNetwork,
  synthesisOf,
  type Fit,
  type SynthesisNetwork,
} from "../tasks/le-fourier.ts";
import { OUTPUT } from "../tasks/presets.ts";
import { outputOf } from "./outcome-of-run.ts";
import type { CreateSimulator, Trainable } from "./train.ts";

export interface SynthesisRequest {
  readonly seed: number;
  readonly steps: number;
  readonly networks: readonly SynthesisNetwork[];
}

/** What is told while it goes on: the adapter first and once, then every block. */
export type SynthesisEvent =
  | { readonly kind: "adapter"; readonly adapter: AdapterFacts }
  | { readonly kind: "progress"; readonly progress: SynthesisProgress };

export interface SynthesisProgress {
  readonly network: SynthesisNetwork;
  /** Steps that are done of all, over all networks. */
  readonly done: number;
  readonly total: number;
  readonly secondsLeft: number;
}

/** A piece of a run to be looked at. */
export interface Wave {
  /** Milliseconds from the start of the run. */
  readonly from: number;
  readonly to: number;
  /** At equal distances. */
  readonly output: readonly number[];
  readonly target: readonly number[];
}

export interface SynthesisOutcome {
  readonly network: SynthesisNetwork;
  /** Over the last third of the run, with the first weights and with the last ones; errors do not act there. */
  readonly before: Fit;
  readonly after: Fit;
  readonly waves: Readonly<Record<"before" | "during" | "after", Wave>>;
  readonly seconds: number;
  readonly stepsPerSecond: number;
}

/** Plain data. */
export interface Synthesis {
  readonly seed: number;
  readonly steps: number;
  readonly adapter: AdapterFacts;
  readonly outcomes: readonly SynthesisOutcome[];
}

export interface SynthesisWorkplace {
  readonly createSimulator: CreateSimulator;
  /** Where the simulators live. Default: one new device for all, destroyed at the end. */
  readonly host?: Pick<SimulatorOptions, "device" | "gpu">;
  /** Awaited: a promise that waits is a pause. */
  readonly report?: (event: SynthesisEvent) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

/** Steps that are run at once; a divisor of a third of every run. */
const BLOCK = 2000;
/** Points of a wave. */
const POINTS = 500;

/**
 * @throws SpecError if the request is not valid, the signal's reason if aborted, and what simulators throw. No simulator
 *   is left behind.
 */
export async function synthesize(request: SynthesisRequest, workplace: SynthesisWorkplace): Promise<Synthesis> {
  const { seed, steps, networks } = request;
  const task = synthesisOf(steps);
  const unknown = networks.find((network) => !SYNTHESIS_NETWORKS.includes(network));
  if (unknown !== undefined || networks.length === 0) {
    throw new SpecError(
      "networks",
      `are ${networks.join(", ") || "none"}; there are: ${SYNTHESIS_NETWORKS.join(", ")}.`,
    );
  }
  const open: Trainable[] = [];
  try {
    const outcomes: SynthesisOutcome[] = [];
    const clock = new Clock(networks.length * (steps + steps - task.learned), workplace);
    for (const network of networks) {
      const simulator = await openNetwork(network, task, seed, workplace, open);
      if (open.length === 1) await workplace.report?.({ kind: "adapter", adapter: simulator.adapter });
      outcomes.push(await teach(network, task, simulator, clock));
    }
    const [first] = open;
    if (!first) throw new VleError("INTERNAL", "A synthesis ended without a simulator.");
    const { vendor, architecture, description, software } = first.adapter;
    return { seed, steps, adapter: { vendor, architecture, description, software }, outcomes };
  } finally {
    // The first simulator may own the device of the others.
    for (const simulator of open.reverse()) simulator.destroy();
  }
}

async function openNetwork(
  network: SynthesisNetwork,
  task: FourierSynthesis,
  seed: number,
  { createSimulator, host, signal }: SynthesisWorkplace,
  open: Trainable[],
): Promise<Trainable> {
  signal?.throwIfAborted();
  const device = open[0]?.device;
  const simulator = await createSimulator(synthesisNetwork(network, task), {
    ...host,
    ...(device && { device }),
    ...(signal && { signal }),
    seed,
    learning: synthesisLearning(network, task),
    record: [{ population: OUTPUT, quantity: "rate" }],
    // A hundred thousand steps of a few neurons are worth a kernel of their own.
    fuseSteps: true,
  });
  open.push(simulator);
  return simulator;
}

/** The last third with the first weights, then the whole run: what is measured has no errors in it. */
async function teach(
  network: SynthesisNetwork,
  task: FourierSynthesis,
  simulator: Trainable,
  clock: Clock,
): Promise<SynthesisOutcome> {
  const { learned, steps, targets, dt } = task;
  const started = performance.now();
  const untaught = await passOf(network, task, simulator, clock, { from: learned, to: steps, learn: false });
  simulator.reset();
  const taught = await passOf(network, task, simulator, clock, { from: 0, to: learned, learn: true });
  const alone = await passOf(network, task, simulator, clock, { from: learned, to: steps, learn: false });
  const seconds = (performance.now() - started) / 1000;
  const wanted = targets(learned, steps - learned);
  const shown = steps / 6;
  const wave = (output: Float32Array, first: number, at: number): Wave => ({
    from: at * dt,
    to: (at + shown) * dt,
    output: thinned(output.subarray(at - first, at - first + shown)),
    target: thinned(targets(at, shown)),
  });
  return {
    network,
    before: fitOf(untaught, wanted),
    after: fitOf(alone, wanted),
    waves: {
      before: wave(untaught, learned, learned),
      during: wave(taught, 0, (learned - shown) / 2),
      after: wave(alone, learned, steps - shown),
    },
    seconds,
    stepsPerSecond: (2 * steps - learned) / seconds,
  };
}

interface Pass {
  readonly from: number;
  readonly to: number;
  /** Whether weights change and errors act; without, there is no target, so that there is no error either. */
  readonly learn: boolean;
}

async function passOf(
  network: SynthesisNetwork,
  { inputs, targets }: FourierSynthesis,
  simulator: Trainable,
  clock: Clock,
  { from, to, learn }: Pass,
): Promise<Float32Array> {
  const output = new Float32Array(to - from);
  for (let step = from; step < to; step += BLOCK) {
    const steps = Math.min(BLOCK, to - step);
    const target = learn ? { target: targets(step, steps) } : {};
    const rates = await outputOf(simulator, { input: inputs(step, steps), ...target, steps, learn, ...clock.stop });
    output.set(rates, step - from);
    await clock.advance(network, steps);
  }
  return output;
}

/** Steps that are done, and what is told of them. */
class Clock {
  private readonly total: number;
  private readonly workplace: SynthesisWorkplace;
  private readonly started = performance.now();
  private done = 0;

  constructor(total: number, workplace: SynthesisWorkplace) {
    this.total = total;
    this.workplace = workplace;
  }

  get stop(): Pick<RunOptions, "signal"> {
    const { signal } = this.workplace;
    return signal ? { signal } : {};
  }

  async advance(network: SynthesisNetwork, steps: number): Promise<void> {
    this.workplace.signal?.throwIfAborted();
    this.done += steps;
    const { done, total } = this;
    const secondsLeft = ((performance.now() - this.started) / 1000) * (total / done - 1);
    await this.workplace.report?.({ kind: "progress", progress: { network, done, total, secondsLeft } });
  }
}

function thinned(values: Float32Array): number[] {
  const stride = Math.max(1, Math.floor(values.length / POINTS));
  return Array.from({ length: Math.floor(values.length / stride) }, (_, i) => values[i * stride] ?? 0);
}
