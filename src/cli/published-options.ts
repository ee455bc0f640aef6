/** Flags of `npm run reproduce` for published trainings over epochs. */

import { readExperiment } from "../tasks/read-experiment.ts";
import type { Experiment } from "../tasks/experiments.ts";
import { RULES, type Rule } from "../tasks/presets.ts";
import {
  ANNEAL_EPOCHS,
  annealed,
  TRAINING_NAMES,
  trainingReproductions,
  trainingReproductionNamed,
  type TrainingReproduction,
} from "../tasks/reproductions.ts";
import { HOST_KINDS, type HostKind } from "./host.ts";
import { pathOf, readChoice, readFlags, readOutputs, readWholeNumber, UsageError, type Outputs } from "./options.ts";
import { asUsage, CHECKPOINT_SECONDS, flagNameOf, requireData } from "./train-options.ts";

export interface PublishedOptions extends Outputs {
  readonly reproduction: TrainingReproduction;
  /** With the first of the rules. */
  readonly experiment: Experiment;
  readonly rules: readonly Rule[];
  readonly data: string | null;
  /** Folders of runs that are taken, or gone on with, in place of new ones. */
  readonly resumed: readonly string[];
  readonly host: HostKind | undefined;
  readonly checkpointSeconds: number;
}

export const PUBLISHED_FLAGS = [
  "rule",
  "data",
  "test-takes",
  "epochs",
  "seeds",
  "resume",
  "host",
  "checkpoint",
  "out",
  "json",
] as const;
export const PUBLISHED_SWITCHES = ["anneal", "quick"] as const;

/** @returns null if the user asks for help. @throws UsageError */
export async function readPublishedOptions(args: readonly string[]): Promise<PublishedOptions | null> {
  const { values, switches, positionals, wantsHelp } = readFlags(args, PUBLISHED_FLAGS, PUBLISHED_SWITCHES);
  if (wantsHelp) return null;
  const [named, stray] = positionals;
  if (stray !== undefined) throw new UsageError(`"${stray}" is too much; name one experiment.`);
  const name = readChoice("The experiment", named, TRAINING_NAMES) ?? "";
  const reproduction = trainingReproductionNamed(name);
  const isQuick = switches.has("quick");
  const rule = readRule(values["rule"]);
  const resumed = values["resume"] === undefined ? [] : values["resume"].split(",").map((path) => pathOf(path.trim()));
  const experiment = setUp(reproduction, values, isQuick, switches.has("anneal"));
  const data = values["data"];
  if (resumed.length === 0) requireData(experiment, data);
  const byDefault = isQuick ? reproduction.quickRules : reproduction.rules;
  return {
    reproduction,
    experiment,
    rules: rule === undefined ? byDefault : [rule],
    data: data === undefined ? null : pathOf(data),
    resumed,
    host: readChoice("--host", values["host"], HOST_KINDS),
    checkpointSeconds: readWholeNumber("--checkpoint", values["checkpoint"], 0) ?? CHECKPOINT_SECONDS,
    ...(await readOutputs(values)),
  };
}

type Values = Readonly<Record<string, string | undefined>>;

function setUp(
  { name, experiment, quick, canAnneal }: TrainingReproduction,
  values: Values,
  isQuick: boolean,
  isAsked: boolean,
): Experiment {
  const epochs = readWholeNumber("--epochs", values["epochs"], 1);
  if (isQuick && isAsked) throw new UsageError("--quick and --anneal exclude each other; leave one of them out.");
  if (isAsked && !canAnneal) throw new UsageError(`--anneal is for the runs on MNIST-1D, not for ${name}.`);
  const isAnnealed = isAsked || (canAnneal && !isQuick && epochs === ANNEAL_EPOCHS);
  const task = withTestTakes(experiment, values["test-takes"]);
  const chosen = { ...experiment, task, seeds: readSeeds(values["seeds"], experiment.seeds), ...(isQuick && quick) };
  const length = epochs ?? (isAnnealed ? ANNEAL_EPOCHS : chosen.epochs);
  const run = isAnnealed ? annealed(chosen, length) : { ...chosen, epochs: length };
  return asUsage("", () => readExperiment(run));
}

/** Takes that stand in for the published test part, where not all recordings are at hand. */
function withTestTakes({ name, task }: Experiment, given: string | undefined): Experiment["task"] {
  if (given === undefined) return task;
  if (task.name !== "spoken-digits") throw new UsageError(`--test-takes is for spoken-digits, not for ${name}.`);
  const takes = /^(\d{1,6})-(\d{1,6})$/.exec(given)?.slice(1).map(Number) ?? [];
  const [first = 1, last = 0] = takes;
  if (first > last) {
    throw new UsageError(`--test-takes is "${given}"; write the first and the last take, as in 5-9.`);
  }
  return { ...task, options: { ...task.options, testTakes: takes } };
}

/** The first one unless it is asked for more: a software adapter is slow. */
function readSeeds(given: string | undefined, published: readonly number[]): readonly number[] {
  if (given === undefined) return published.slice(0, 1);
  if (given === "all") return published;
  return given.split(",").map((seed) => readWholeNumber("--seeds", seed.trim(), 0) ?? 0);
}

function readRule(given: string | undefined): Rule | undefined {
  const named = readChoice("--rule", given, RULES.map(flagNameOf));
  return RULES.find((rule) => named !== undefined && flagNameOf(rule) === named);
}

export function publishedHelp(): string {
  const list = trainingReproductions.map(({ name, experiment, rules }) => {
    return `  ${name.padEnd(16)}${experiment.title}; ${experiment.epochs} epochs, ${rules.map(flagNameOf).join(", ")}`;
  });
  return `npm run reproduce -- ${TRAINING_NAMES.join("|")} [flags]

Trains as it was published, or as near as this comes, and sets the accuracies beside the published ones. Each rule is a run
of npm run train, in a folder of its own. The exit code is 0 only if all figures that are known are inside their ranges.

${list.join("\n")}

  --quick          a run of minutes: the first epochs, or less data
  --epochs N       how often the training samples are gone through; ${ANNEAL_EPOCHS} on MNIST-1D anneals
  --anneal         on MNIST-1D: the rate is halved every epoch after two fifths of them; default ${ANNEAL_EPOCHS} epochs
  --seeds 1,2|all  default the first of the published ones
  --rule RULE      ${RULES.map(flagNameOf).join(", ")}; default those above, one after the other
  --data DIR       the folder of the recordings, for spoken-digits and gsc
  --test-takes A-B for spoken-digits: these takes of each speaker test in place of 0-4, the published ones
  --resume D1,D2   folders of runs, each of another rule, that are taken as they are or gone on with
  --host HOST      ${HOST_KINDS.join(" or ")}; default chrome, and node where Chrome has no WebGPU
  --checkpoint N   seconds between checkpoints within an epoch; default ${CHECKPOINT_SECONDS}
  --out DIR        where the folders of the runs are made; default runs
  --json FILE      writes the figures there, too
  --help           this text`;
}
