/** From a `NetworkSpec` that a user wrote to a `Network` in which every value is checked and every default filled in. */

import { SpecError } from "../errors.ts";
import {
  at,
  boolean,
  fields,
  finite,
  integerRange,
  list,
  name,
  nonNegative,
  number,
  oneOf,
  positive,
  show,
  suggestion,
  wrong,
} from "./read.ts";
import type {
  Activation,
  Init,
  InitSpec,
  Network,
  NetworkSpec,
  Population,
  Projection,
  ScheduleKind,
  Source,
} from "./types.ts";
import { levelsOf } from "./levels.ts";

/** Largest number of neurons, sources included, of a network. */
export const MAX_NEURONS = 2 ** 24;

const ACTIVATIONS: readonly Activation[] = ["linear", "tanh", "sigmoid", "hard-sigmoid", "relu", "softplus"];
const SIZE = integerRange(1, MAX_NEURONS);
const NEURON_FIELDS = [
  "name",
  "size",
  "tauM",
  "tauR",
  "activation",
  "plasticTauM",
  "plasticTauR",
  "gamma",
  "bias",
  "cost",
] as const;
/** A time constant that learns stays at so many dt or above. */
export const PLASTIC_TAU_STEPS = 10;

/**
 * Checks a network and fills in its defaults.
 *
 * A tau array shorter than its population splits it into equal contiguous blocks: neuron i takes
 * `values[floor(i * values.length / size)]`. The half-width of a uniform start is scale / sqrt(fan-in), where the
 * fan-in of a weight is the size of its projection's `from`, and that of a bias the sum over all incoming projections.
 *
 * @throws SpecError naming the field, its value, the limit and the cure.
 */
export function resolveNetwork(spec: NetworkSpec): Network {
  const given = fields(spec, "", ["dt", "schedule", "targetDelay", "sources", "populations", "projections"]);
  const dt = number(given.dt, "dt", positive);
  const schedule = oneOf(given.schedule ?? "jacobi", "schedule", ["jacobi", "sweep"]);
  const targetDelay = readTargetDelay(given.targetDelay, schedule);
  const sources = list(given.sources, "sources", readSource);
  const drafts = list(given.populations, "populations", readPopulation);
  if (drafts.length === 0) throw new SpecError("populations", "is empty. Give at least one population.");
  const groups = nameGroups(sources, drafts);
  const links = readLinks(given.projections, groups);
  const fanIn = new Array<number>(drafts.length).fill(0);
  for (const { from, to } of links) fanIn[to.index] = (fanIn[to.index] ?? 0) + from.size;
  const projections = links.map((link) => resolveProjection(link, schedule));
  const levels = levelsOf(drafts, projections);
  const populations = drafts.map((draft, index) => resolvePopulation(draft, fanIn[index] ?? 0, levels[index] ?? 0, dt));
  return { dt, schedule, targetDelay, sources, populations, projections };
}

function readTargetDelay(value: unknown, schedule: ScheduleKind): 0 | 1 {
  if (value === undefined || value === 0) return 0;
  if (value !== 1) throw wrong("targetDelay", value, "0 or 1");
  if (schedule === "jacobi") return 1;
  throw new SpecError("targetDelay", 'is 1, but a "sweep" compares rates and targets of the same step. Leave it out.');
}

// ---- groups -------------------------------------------------------------------------------------------------

interface Group {
  readonly path: string;
  readonly name: string;
  readonly size: number;
  /** Position among the sources or among the populations. */
  readonly index: number;
  readonly isSource: boolean;
}

type Draft = ReturnType<typeof readPopulation>;

function readSource(value: unknown, path: string): Source {
  const given = fields(value, path, ["name", "size"]);
  return { name: name(given.name, at(path, "name")), size: number(given.size, at(path, "size"), SIZE) };
}

function readPopulation(value: unknown, path: string) {
  const given = fields(value, path, NEURON_FIELDS);
  const { tauM, tauR, plasticTauM = false, plasticTauR = false, gamma = 0, cost } = given;
  const size = number(given.size, at(path, "size"), SIZE);
  return {
    path,
    name: name(given.name, at(path, "name")),
    size,
    tauM,
    tauR,
    activation: oneOf(given.activation, at(path, "activation"), ACTIVATIONS),
    plasticTauM: boolean(plasticTauM, at(path, "plasticTauM")),
    plasticTauR: boolean(plasticTauR, at(path, "plasticTauR")),
    gamma: number(gamma, at(path, "gamma"), finite),
    bias: readBias(given.bias, at(path, "bias")),
    cost: cost === undefined ? null : readCost(cost, at(path, "cost"), size),
  };
}

function readBias(value: unknown, path: string): { readonly plastic: boolean; readonly init: Required<InitSpec> } {
  if (value === undefined) return { plastic: true, init: readInit(undefined, path) };
  if (value === false) return { plastic: false, init: { kind: "constant", value: 0 } };
  if (typeof value !== "object") throw wrong(path, value, "false or an object with the fields plastic, init");
  const { plastic = true, init } = fields(value, path, ["plastic", "init"]);
  return { plastic: boolean(plastic, at(path, "plastic")), init: readInit(init, at(path, "init")) };
}

function readInit(value: unknown, path: string): Required<InitSpec> {
  if (value === undefined) return { kind: "uniform", scale: 1 };
  const { kind } = fields(value, path, ["kind", "scale", "value"]);
  if (oneOf(kind, at(path, "kind"), ["uniform", "constant"]) === "constant") {
    const given = fields(value, path, ["kind", "value"]);
    return { kind: "constant", value: number(given.value, at(path, "value"), finite) };
  }
  const { scale = 1 } = fields(value, path, ["kind", "scale"]);
  return { kind: "uniform", scale: number(scale, at(path, "scale"), nonNegative) };
}

function readCost(value: unknown, path: string, size: number): NonNullable<Population["cost"]> {
  const { kind: given, beta = 1 } = fields(value, path, ["kind", "beta"]);
  const kind = oneOf(given, at(path, "kind"), ["squared-error", "cross-entropy"]);
  if (kind === "cross-entropy" && size === 1) {
    const cure = "Give it a neuron per class, at least 2, or use squared-error.";
    const problem = `is "cross-entropy" on a population of 1 neuron, which is always right. ${cure}`;
    throw new SpecError(at(path, "kind"), problem);
  }
  return { kind, beta: number(beta, at(path, "beta"), nonNegative) };
}

function nameGroups(sources: readonly Source[], drafts: readonly Draft[]): ReadonlyMap<string, Group> {
  const groups = new Map<string, Group>();
  let neurons = 0;
  const add = (group: Group): void => {
    const twin = groups.get(group.name);
    if (twin !== undefined) {
      const owner = `already the name of ${twin.path}`;
      throw new SpecError(at(group.path, "name"), `is ${show(group.name)}, ${owner}. Give every group its own name.`);
    }
    groups.set(group.name, group);
    neurons += group.size;
    if (neurons > MAX_NEURONS) {
      const limit = `above the limit of ${MAX_NEURONS}. Make the groups smaller.`;
      throw new SpecError(at(group.path, "size"), `brings the network to ${neurons} neurons, ${limit}`);
    }
  };
  for (const [index, source] of sources.entries()) {
    add({ path: at("sources", index), name: source.name, size: source.size, index, isSource: true });
  }
  for (const [index, { path, name, size }] of drafts.entries()) add({ path, name, size, index, isSource: false });
  return groups;
}

function resolvePopulation(draft: Draft, fanIn: number, level: number, dt: number): Population {
  const { path, name, size, activation, plasticTauM, plasticTauR, gamma, cost } = draft;
  if (fanIn === 0) {
    const cure = `Add { from: ..., to: ${JSON.stringify(name)} } to projections.`;
    throw new SpecError(path, `(${JSON.stringify(name)}) has no incoming projection. ${cure}`);
  }
  const bias = { plastic: draft.bias.plastic, init: resolveInit(draft.bias.init, fanIn) };
  const tauM = resolveTau(draft.tauM, { path, field: "tauM", size, dt, plastic: plasticTauM });
  const tauR = resolveTau(draft.tauR, { path, field: "tauR", size, dt, plastic: plasticTauR });
  return { name, size, tauM, tauR, activation, plasticTauM, plasticTauR, level, gamma, bias, cost };
}

interface TauPlace {
  readonly path: string;
  readonly field: "tauM" | "tauR";
  readonly size: number;
  readonly dt: number;
  readonly plastic: boolean;
}

function resolveTau(value: unknown, place: TauPlace): Float64Array {
  const { path, field, size } = place;
  const whole = at(path, field);
  if (!Array.isArray(value)) return new Float64Array(size).fill(readTau(value, whole, place));
  if (value.length === 0 || value.length > size) {
    const cure = "Give one value, one per neuron, or one per equal block of neurons.";
    throw new SpecError(whole, `has ${value.length} values for ${size} neurons. ${cure}`);
  }
  const values = list(value, whole, (each, eachPath) => readTau(each, eachPath, place));
  return new Float64Array(size).map((_, i) => values[Math.floor((i * values.length) / size)] ?? NaN);
}

function readTau(value: unknown, path: string, { field, dt, plastic }: TauPlace): number {
  const tau = number(value, path, positive);
  if (tau < dt)
    throw new SpecError(path, `is ${tau}, below dt (${dt}). Raise ${field} or lower dt.`, { value: tau, dt });
  // A rounding of 10 dt is no reason to refuse it.
  const least = PLASTIC_TAU_STEPS * dt;
  if (!plastic || tau >= least * (1 - 1e-12)) return tau;
  const cure = `Raise ${field}, lower dt, or leave out ${field === "tauM" ? "plasticTauM" : "plasticTauR"}.`;
  throw new SpecError(path, `is ${tau}, but one that learns is held at ${least} (10 dt) or above. ${cure}`, {
    value: tau,
    least,
  });
}

function resolveInit(spec: Required<InitSpec>, fanIn: number): Init {
  return spec.kind === "constant" ? spec : { kind: "uniform", bound: spec.scale / Math.sqrt(fanIn) };
}

// ---- projections --------------------------------------------------------------------------------------------

interface Link {
  readonly from: Group;
  readonly to: Group;
  readonly plastic: boolean;
  readonly recurrent: boolean;
  readonly init: Required<InitSpec>;
}

function readLinks(value: unknown, groups: ReadonlyMap<string, Group>): readonly Link[] {
  const paths = new Map<string, string>();
  return list(value, "projections", (value, path) => {
    const link = readLink(value, path, groups);
    const key = JSON.stringify([link.from.name, link.to.name]);
    const twin = paths.get(key);
    if (twin !== undefined) {
      const cure = "Keep one of them; a pair of groups has at most one projection.";
      throw new SpecError(path, `repeats ${twin} (${link.from.name} -> ${link.to.name}). ${cure}`);
    }
    paths.set(key, path);
    return link;
  });
}

function readLink(value: unknown, path: string, groups: ReadonlyMap<string, Group>): Link {
  const { plastic = true, init, ...given } = fields(value, path, ["from", "to", "plastic", "recurrent", "init"]);
  const from = readEnd(given.from, at(path, "from"), groups);
  const to = readEnd(given.to, at(path, "to"), groups);
  if (to.isSource) {
    const cure = "Let the projection end in a population.";
    throw new SpecError(at(path, "to"), `is ${show(to.name)}, a source, whose rates come from outside. ${cure}`);
  }
  return {
    from,
    to,
    plastic: boolean(plastic, at(path, "plastic")),
    recurrent: readRecurrent(given.recurrent, at(path, "recurrent"), from, to),
    init: readInit(init, at(path, "init")),
  };
}

function readRecurrent(value: unknown, path: string, from: Group, to: Group): boolean {
  const isLoop = from === to;
  const recurrent = boolean(value ?? isLoop, path);
  if (recurrent && from.isSource) throw new SpecError(path, "is true, but it comes from a source. Leave it out.");
  if (!recurrent && isLoop)
    throw new SpecError(path, "is false, but it goes from a population to itself. Leave it out.");
  return recurrent;
}

function readEnd(value: unknown, path: string, groups: ReadonlyMap<string, Group>): Group {
  const group = typeof value === "string" ? groups.get(value) : undefined;
  if (group !== undefined) return group;
  const hint = typeof value === "string" ? suggestion(value, [...groups.keys()]) : "";
  throw wrong(path, value, "the name of a source or population", hint);
}

function resolveProjection({ from, to, plastic, recurrent, init }: Link, schedule: ScheduleKind): Projection {
  return {
    from: from.index,
    fromSource: from.isSource,
    to: to.index,
    pre: from.size,
    post: to.size,
    plastic,
    delay: !from.isSource && (recurrent || schedule === "jacobi") ? 1 : 0,
    init: resolveInit(init, from.size),
    name: `${from.name} -> ${to.name}`,
  };
}
