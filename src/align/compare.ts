/** Gradients of several rules against the exact one, with frozen parameters. */

import { DataError } from "../errors.ts";
import type { SignalData } from "../frames.ts";
import type { Simulator } from "../simulator.ts";
import type { LearningSpec, NetworkSpec } from "../spec.ts";
import { agreementOf, normOf, type Agreement } from "./agreement.ts";
import { asMeasured, groupsOf, groupsOfRule, type LeftOut, type ParameterGroup, type ParameterKind } from "./groups.ts";
import { frameBytesOf, withSimulator, type Measurable, type MeasuredOn } from "./places.ts";

/** A rule without its optimiser, which only adds up. */
export type MeasuredRule = Omit<LearningSpec, "optimizer">;

/** What `align` compares with the exact gradient if it is not told otherwise. */
export const alignmentRules = {
  local: { errors: "local" },
  "matched traces (ours)": { errors: "local", traces: "matched" },
  "corrected gain (ours)": { errors: "local", gain: "corrected" },
  instantaneous: { errors: "instantaneous" },
} as const satisfies Readonly<Record<string, MeasuredRule>>;

export interface AlignOptions extends MeasuredOn {
  readonly input: SignalData;
  readonly target: SignalData;
  /** Steps from rest over which gradients are summed. */
  readonly steps: number;
  /** Steps of a window of the exact gradient, which divides `steps`. Default: all of them. */
  readonly window?: number;
  /** Batch rows. Default 1. */
  readonly batch?: number;
  /** Of the parameters. Default 0. */
  readonly seed?: number;
  /** A simulator of the same network whose parameters are taken instead. It is only read. */
  readonly parametersOf?: Pick<Simulator, "read">;
  /** By name. Default `alignmentRules`. */
  readonly rules?: Readonly<Record<string, MeasuredRule>>;
  /** Bytes for what the exact gradient keeps of a window; see `SimulatorOptions`. */
  readonly trajectoryBytes?: number;
}

export interface GroupAlignment {
  readonly parameters: ParameterKind;
  /** "from -> to" of weights, else the population. */
  readonly name: string;
  /** Number of parameters. */
  readonly size: number;
  /** Of the exact gradient. */
  readonly norm: number;
  /** By rule; a rule that cannot be measured here is missing. */
  readonly rules: Readonly<Record<string, Agreement>>;
}

/** Plain data. */
export interface Alignment {
  readonly steps: number;
  readonly window: number;
  /** As `Metrics` has it. */
  readonly loss: number;
  readonly groups: readonly GroupAlignment[];
  /** What was not measured, and why. */
  readonly leftOut: readonly LeftOut[];
}

interface Gradients {
  readonly loss: number;
  readonly of: ReadonlyMap<ParameterGroup, Float32Array>;
}

/**
 * Runs rules side by side on one network, input and target, all from rest and with parameters that stay as they are, and
 * compares the gradient that each sums up with the exact one. All weights, all biases that there are, and all time
 * constants that can learn are measured, whether or not the network has them plastic.
 *
 * @throws SpecError or DataError for an option that is not valid, and what simulators throw.
 */
export async function align(network: NetworkSpec, options: AlignOptions): Promise<Alignment> {
  const { steps, window: length = steps, rules = alignmentRules } = options;
  if (!(Number.isSafeInteger(length) && length >= 1 && steps % length === 0)) {
    throw new DataError("align.window", `is ${length}, but must be a whole number that divides the ${steps} steps.`);
  }
  const all = groupsOf(network);
  const exact = await gradientsOf(network, all.groups, { errors: "adjoint", window: length }, options);
  const leftOut = [...all.leftOut];
  const agreements = new Map<ParameterGroup, Record<string, Agreement>>(all.groups.map((group) => [group, {}]));
  for (const [name, rule] of Object.entries<MeasuredRule>(rules)) {
    const own = groupsOfRule(network, all.groups, name, rule);
    leftOut.push(...own.leftOut);
    if (own.groups.length === 0) continue;
    const gradients = await gradientsOf(network, own.groups, rule, options);
    for (const [group, gradient] of gradients.of) {
      const known = agreements.get(group);
      if (known !== undefined) known[name] = agreementOf(gradient, exact.of.get(group) ?? []);
    }
  }
  const groups = Array.from(exact.of, ([group, gradient]): GroupAlignment => {
    const { parameters, name } = group;
    return {
      parameters,
      name,
      size: gradient.length,
      norm: normOf(gradient),
      rules: agreements.get(group) ?? {},
    };
  });
  return { steps, window: length, loss: exact.loss, groups, leftOut };
}

/** Summed over the steps; signs as in -dW. */
async function gradientsOf(
  spec: NetworkSpec,
  groups: readonly ParameterGroup[],
  rule: MeasuredRule,
  options: AlignOptions,
): Promise<Gradients> {
  const { batch = 1, seed = 0, steps, input, target, signal, trajectoryBytes, parametersOf } = options;
  const network = asMeasured(spec, groups);
  const own = {
    batch,
    seed,
    learning: { ...rule, optimizer: { kind: "accumulate" } },
    frameBytes: frameBytesOf(network, batch, rule.window ?? 1),
    ...(trajectoryBytes !== undefined && { trajectoryBytes }),
  } as const;
  return withSimulator(options, network, own, async (simulator) => {
    if (parametersOf !== undefined) await copyParameters(network, parametersOf, simulator);
    let loss = Number.NaN;
    for await (const metrics of simulator.run({ input, target, steps, ...(signal && { signal }) })) loss = metrics.loss;
    const of = new Map<ParameterGroup, Float32Array>();
    for (const group of groups) of.set(group, await simulator.read("firstMoment", group.where));
    return { loss, of };
  });
}

async function copyParameters(spec: NetworkSpec, from: Pick<Simulator, "read">, to: Measurable): Promise<void> {
  for (const projection of spec.projections) {
    const between = { from: projection.from, to: projection.to };
    to.write("weight", between, await from.read("weight", between));
  }
  for (const { name, bias } of spec.populations) {
    for (const quantity of ["bias", "tauM", "tauR"] as const) {
      if (quantity === "bias" && bias === false) continue;
      to.write(quantity, name, await from.read(quantity, name));
    }
  }
}
