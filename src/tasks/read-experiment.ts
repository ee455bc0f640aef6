/** From JSON that nobody has checked to an `Experiment`: defaults are filled in, and what is wrong is named by its path. */

import { SpecError } from "../errors.ts";
import { layered, resolveLearning, resolveNetwork, type LayeredSpec, type NetworkSpec } from "../spec.ts";
import {
  at,
  fields,
  finite,
  fraction,
  integerRange,
  list,
  nonNegative,
  number,
  oneOf,
  positive,
  show,
  wrong,
} from "../spec/read.ts";
import type { Experiment, Presentation, RateSchedule, StartWeights } from "./experiments.ts";
import { mnist1d } from "./experiments-digits.ts";
import { RULES } from "./presets.ts";
import { DIGIT_ROWS, FILES, FOLDER_TASKS, TASKS, type TaskSpec } from "./tasks.ts";

const ROOT = "experiment";
const KNOWN = [
  "name",
  "title",
  "sentence",
  "network",
  "weights",
  "task",
  "presentation",
  "comparedSteps",
  "state",
  "rule",
  "window",
  "optimizer",
  "schedule",
  "batch",
  "epochs",
  "earlyStop",
  "seeds",
  "shuffle",
] as const;
const COUNT = integerRange(1, 1e6);
const SEED = integerRange(0, Number.MAX_SAFE_INTEGER);
const FACTOR = { description: "a number above 0 and below 1", holds: (x: number) => x > 0 && x < 1 };
const SHARE = { description: "a number from 0 to 1", holds: (x: number) => x >= 0 && x <= 1 };

/**
 * Reads an experiment. Only `network` and `task` are needed.
 * @throws SpecError naming the field, its value, the limit and the cure.
 */
export function readExperiment(value: unknown): Experiment {
  const given = fields(value, ROOT, KNOWN);
  const { name = "experiment", title = name, sentence = "", window = null, comparedSteps = null } = given;
  const { earlyStop = null, seeds = [1], presentation = {}, schedule = { kind: "constant" } } = given;
  const steps = (key: "window" | "comparedSteps", steps: unknown): number | null =>
    steps === null ? null : number(steps, at(ROOT, key), COUNT);
  const network = readNetwork(given.network);
  const experiment: Experiment = {
    name: readName(name),
    title: text(title, "title"),
    sentence: text(sentence, "sentence"),
    network,
    ...(given.weights !== undefined && { weights: readWeights(given.weights, network) }),
    task: readTask(given.task),
    presentation: readPresentation(presentation, at(ROOT, "presentation")),
    comparedSteps: steps("comparedSteps", comparedSteps),
    state: readState(given.state ?? "carried", network),
    rule: oneOf(given.rule ?? "local", at(ROOT, "rule"), RULES),
    window: steps("window", window),
    optimizer: readOptimizer(given.optimizer ?? mnist1d.optimizer),
    schedule: readSchedule(schedule, at(ROOT, "schedule")),
    batch: number(given.batch ?? 1, at(ROOT, "batch"), integerRange(1, 65536)),
    epochs: number(given.epochs ?? 10, at(ROOT, "epochs"), COUNT),
    earlyStop: earlyStop === null ? null : readEarlyStop(earlyStop, at(ROOT, "earlyStop")),
    seeds: readSeeds(seeds, at(ROOT, "seeds")),
    shuffle: number(given.shuffle ?? 0, at(ROOT, "shuffle"), SEED),
  };
  if (experiment.window !== null && experiment.rule !== "exact") {
    throw new SpecError(
      at(ROOT, "window"),
      `is for the rule "exact"; it is "${experiment.rule}". Leave one of them out.`,
    );
  }
  return experiment;
}

/** @throws SpecError if one is there twice or there is none. */
export function readSeeds(value: unknown, path: string): number[] {
  const seeds = list(value, path, (seed, at) => number(seed, at, SEED));
  if (seeds.length === 0) throw new SpecError(path, "is empty. Give at least one seed, such as [1].");
  const seen = new Set<number>();
  const twice = seeds.find((seed) => seen.size === seen.add(seed).size);
  if (twice === undefined) return seeds;
  throw new SpecError(path, `has ${twice} twice. Give every seed once.`, { value: twice });
}

function text(value: unknown, key: string): string {
  if (typeof value === "string" && value.length <= 1000) return value;
  throw wrong(at(ROOT, key), value, "a text of at most 1000 characters");
}

function readName(value: unknown): string {
  if (typeof value === "string" && /^[a-z0-9][a-z0-9-]{0,63}$/i.test(value)) return value;
  throw wrong(at(ROOT, "name"), value, "1 to 64 letters, digits and hyphens, as the run folder is called so");
}

// ---- network ------------------------------------------------------------------------------------------------

/** A network, or a stack as `layered` takes it. */
function readNetwork(value: unknown): NetworkSpec {
  const path = at(ROOT, "network");
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(path, value, "a network, or a stack with input, hidden and output");
  return under(path, () => {
    // Whatever is not as its type says is refused by what takes it.
    const network = "sources" in value ? (value as NetworkSpec) : layered(value as LayeredSpec);
    const { sources, populations } = resolveNetwork(network);
    const costs = populations.filter(({ cost }) => cost !== null).map(({ name }) => name);
    const groups = [
      ["sources", sources.length, "the input"],
      ["populations", costs.length, "the population that answers: give it, and no other, a cost"],
    ] as const;
    for (const [key, count, what] of groups) {
      const have = key === "sources" ? "" : " with a cost";
      if (count !== 1) throw new SpecError(key, `are ${count}${have}; there must be one, ${what}.`, { value: count });
    }
    return network;
  });
}

/** Puts `path` before the paths of refusals, in place of what they begin with. */
function under<T>(path: string, read: () => T, prefix = ""): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    const whole = String(error.details["path"]);
    const place = at(path, whole.slice(prefix.length));
    throw new SpecError(place, error.message.slice(whole.length + 1), { ...error.details, path: place });
  }
}

function readOptimizer(value: unknown): Experiment["optimizer"] {
  const path = at(ROOT, "optimizer");
  const { kind } = fields(value, path, ["kind", "eta", "mu", "beta1", "beta2", "epsilon"]);
  oneOf(kind, at(path, "kind"), ["sgd", "momentum", "adam"]);
  const optimizer = value as Experiment["optimizer"];
  under(ROOT, () => resolveLearning({ optimizer }), "learning.");
  return optimizer;
}

function readWeights(value: unknown, network: NetworkSpec): readonly StartWeights[] {
  const { sources, populations, projections } = resolveNetwork(network);
  return list(value, at(ROOT, "weights"), (entry, path) => {
    const { from, to, values } = fields(entry, path, ["from", "to", "values"]);
    const found = projections.find((each) => {
      return populations[each.to]?.name === to && (each.fromSource ? sources : populations)[each.from]?.name === from;
    });
    if (found === undefined) {
      throw new SpecError(path, `is of ${show(from)} to ${show(to)}, between which the network has no projection.`);
    }
    const numbers = list(values, at(path, "values"), (weight, place) => number(weight, place, finite));
    const size = found.pre * found.post;
    if (numbers.length !== size) {
      const problem = `has ${numbers.length} numbers, but the projection has ${found.post} x ${found.pre}: give ${size}.`;
      throw new SpecError(at(path, "values"), problem);
    }
    return { from: String(from), to: String(to), values: numbers };
  });
}

function readState(value: unknown, { populations }: NetworkSpec): Experiment["state"] {
  const path = at(ROOT, "state");
  if (typeof value !== "object") return oneOf(value, path, ["carried", "reset"] as const);
  const names = populations.map(({ name }) => name);
  const { reset } = fields(value, path, ["reset"]);
  return { reset: list(reset, at(path, "reset"), (name, place) => oneOf(name, place, names)) };
}

// ---- the rest -----------------------------------------------------------------------------------------------

function readTask(value: unknown): TaskSpec {
  const path = at(ROOT, "task");
  const { name, options } = fields(value, path, ["name", "options"]);
  const task = oneOf(name, at(path, "name"), [...TASKS, ...FOLDER_TASKS, DIGIT_ROWS, FILES]);
  if (options === undefined) return { name: task };
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw wrong(at(path, "options"), options, "an object with the options of the task");
  }
  return { name: task, options: options as Readonly<Record<string, unknown>> };
}

function readPresentation(value: unknown, path: string): Presentation {
  const { stepsPerFrame = 1, interpolation = "hold" } = fields(value, path, ["stepsPerFrame", "interpolation"]);
  return {
    stepsPerFrame: number(stepsPerFrame, at(path, "stepsPerFrame"), integerRange(1, 10_000)),
    interpolation: oneOf(interpolation, at(path, "interpolation"), ["hold", "linear"]),
  };
}

function readSchedule(value: unknown, path: string): RateSchedule {
  const { kind: given } = fields(value, path, [
    "kind",
    "factor",
    "patience",
    "threshold",
    "epsilon",
    "after",
    "every",
    "hold",
    "final",
  ]);
  const kind = oneOf(given, at(path, "kind"), ["constant", "plateau", "step", "exponential"]);
  switch (kind) {
    case "constant":
      fields(value, path, ["kind"]);
      return { kind };
    case "plateau": {
      const {
        factor = 0.1,
        patience = 10,
        threshold = 1e-4,
        epsilon = 1e-8,
      } = fields(value, path, ["kind", "factor", "patience", "threshold", "epsilon"]);
      return {
        kind,
        factor: number(factor, at(path, "factor"), FACTOR),
        patience: number(patience, at(path, "patience"), integerRange(0, 1e6)),
        threshold: number(threshold, at(path, "threshold"), fraction),
        epsilon: number(epsilon, at(path, "epsilon"), nonNegative),
      };
    }
    case "step": {
      const { factor = 0.5, after, every = 1 } = fields(value, path, ["kind", "factor", "after", "every"]);
      return {
        kind,
        factor: number(factor, at(path, "factor"), FACTOR),
        after: number(after, at(path, "after"), integerRange(0, 1e6)),
        every: number(every, at(path, "every"), COUNT),
      };
    }
    case "exponential": {
      const { hold = 0, final } = fields(value, path, ["kind", "hold", "final"]);
      return {
        kind,
        hold: number(hold, at(path, "hold"), fraction),
        final: number(final, at(path, "final"), {
          ...positive,
          holds: (x) => positive.holds(x) && SHARE.holds(x),
          description: "a number above 0, at most 1",
        }),
      };
    }
  }
}

function readEarlyStop(value: unknown, path: string): { readonly patience: number } {
  const { patience } = fields(value, path, ["patience"]);
  return { patience: number(patience, at(path, "patience"), COUNT) };
}

/** Reads the text of a file. @throws SpecError that begins with its name */
export function parseExperiment(content: string, file: string): Experiment {
  let value: unknown;
  try {
    // Some editors begin UTF-8 with a mark.
    value = JSON.parse(content.replace(/^\ufeff/, ""));
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/\s+/g, " ") : show(error);
    throw new SpecError(file, `is not JSON (${reason}); write it as docs/training.md shows.`);
  }
  try {
    return readExperiment(value);
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    const path = String(error.details["path"]);
    throw new SpecError(`${file}: ${path}`, error.message.slice(path.length + 1), { ...error.details, path });
  }
}
