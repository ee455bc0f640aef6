import { DataError, SpecError } from "../errors.ts";
import {
  PERIOD,
  STUDY_RULES,
  STUDY_SETS,
  STUDY_UNIT,
  studyConditionNamed,
  studyConditionName,
  type StudyCondition,
  type StudyPlan,
  type StudySet,
} from "../tasks/limit-study.ts";
import { taskCount } from "../train/limit-study.ts";
import { HOST_KINDS, type HostKind } from "./host.ts";
import { readStudy, type Study } from "./limit-file.ts";
import {
  pathOf,
  readChoice,
  readFlags,
  readOutputs,
  readWholeNumber,
  UsageError,
  type Flags,
  type Outputs,
} from "./options.ts";

export interface StudyOptions extends Outputs {
  readonly study: Study;
  /** The run folder that goes on; undefined: a new one. */
  readonly resumed: string | undefined;
  /** Those of its conditions that are trained now; undefined: all. */
  readonly only: readonly StudyCondition[] | undefined;
  /** Whether docs/limit.* is written from it. */
  readonly docs: boolean;
  readonly host: HostKind | undefined;
}

export const STUDY_NAME = "previous-digit";
export const STUDY_FLAGS = ["conditions", "seeds", "steps", "tune", "resume", "host", "out", "json"];
export const STUDY_SWITCHES = ["quick", "docs"];
/** What a study that goes on has already. */
const SETTLED = ["steps", "tune", "out"];
const SET_NAMES = Object.keys(STUDY_SETS) as StudySet[];
const MOST_SEEDS = 100;
const MOST_STEPS = 10_000_000;
const STEPS = { quick: 8000, full: 16_000 };
const SEEDS = { quick: 1, full: 5 };

/**
 * Reads the flags of the study.
 *
 * @returns null if the user asks for help.
 * @throws UsageError
 */
export async function readStudyOptions(args: readonly string[]): Promise<StudyOptions | null> {
  const { values, switches, positionals, wantsHelp } = readFlags(args, STUDY_FLAGS, STUDY_SWITCHES);
  if (wantsHelp) return null;
  const stray = positionals[1];
  if (stray !== undefined) throw new UsageError(`"${stray}" is too much; name one experiment.`);
  const docs = switches.has("docs");
  const host = readChoice("--host", values["host"], HOST_KINDS);
  if (values["resume"] !== undefined) {
    const study = await readResumed(values["resume"], values, switches);
    const only = values["conditions"] === undefined ? undefined : readConditions(values["conditions"]);
    const resumed = pathOf(values["resume"]);
    return { study: widened(study, values, only), resumed, only, docs, host, ...(await readOutputs(values)) };
  }
  const plan = readPlan(values, switches.has("quick") ? "quick" : "full");
  return {
    study: { plan, results: [] },
    resumed: undefined,
    only: undefined,
    docs,
    host,
    ...(await readOutputs(values)),
  };
}

async function readResumed(given: string, values: Flags["values"], switches: Flags["switches"]): Promise<Study> {
  const doubled = SETTLED.find((name) => values[name] !== undefined) ?? (switches.has("quick") ? "quick" : undefined);
  if (doubled !== undefined) {
    throw new UsageError(`--${doubled} does not go with --resume: the study goes on as it was begun.`);
  }
  return usage("--resume", () => readStudy(pathOf(given)));
}

/** With more seeds, and with conditions that it did not have, if they are asked for. */
function widened({ plan, results }: Study, values: Flags["values"], only: readonly StudyCondition[] = []): Study {
  const seeds = readSeeds(values["seeds"]) ?? plan.seeds.length;
  if (seeds < plan.seeds.length) {
    throw new UsageError(
      `--seeds is "${seeds}", but the study has ${plan.seeds.length}; with --resume it can have more.`,
    );
  }
  const known = new Set(plan.conditions.map(studyConditionName));
  const added = only.filter((condition) => !known.has(studyConditionName(condition)));
  return { plan: { ...plan, conditions: [...plan.conditions, ...added], seeds: countedTo(seeds) }, results };
}

function readSeeds(given: string | undefined): number | undefined {
  const seeds = readWholeNumber("--seeds", given, 1);
  if (seeds === undefined || seeds <= MOST_SEEDS) return seeds;
  throw new UsageError(`--seeds is "${seeds}"; it can be up to ${MOST_SEEDS}.`);
}

function countedTo(seeds: number): readonly number[] {
  return Array.from({ length: seeds }, (_, i) => i + 1);
}

function readPlan(values: Flags["values"], size: "quick" | "full"): StudyPlan {
  const seeds = readSeeds(values["seeds"]) ?? SEEDS[size];
  const tune = readChoice("--tune", values["tune"], ["yes", "no"]) ?? (size === "quick" ? "no" : "yes");
  return {
    conditions: readConditions(values["conditions"] ?? size),
    seeds: countedTo(seeds),
    steps: readSteps(values["steps"]) ?? STEPS[size],
    tune: tune === "yes",
  };
}

function readSteps(given: string | undefined): number | undefined {
  const steps = readWholeNumber("--steps", given, 1);
  if (steps === undefined || (steps % STUDY_UNIT === 0 && steps <= MOST_STEPS)) return steps;
  const nearest = Math.min(MOST_STEPS, Math.max(1, Math.round(steps / STUDY_UNIT)) * STUDY_UNIT);
  throw new UsageError(
    `--steps is "${steps}"; it must be a multiple of ${STUDY_UNIT} up to ${MOST_STEPS}, such as ${nearest}.`,
  );
}

/** Names of sets and of single conditions, with commas between them. */
function readConditions(given: string): readonly StudyCondition[] {
  const found = new Map<string, StudyCondition>();
  for (const name of given.split(",").map((part) => part.trim())) {
    const set = SET_NAMES.find((each) => each === name);
    for (const condition of set ? STUDY_SETS[set] : [readCondition(name)]) {
      found.set(studyConditionName(condition), condition);
    }
  }
  return [...found.values()];
}

function readCondition(name: string): StudyCondition {
  try {
    return studyConditionNamed(name);
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    const sets = SET_NAMES.join(", ");
    throw new UsageError(`--conditions: ${error.message} Or name a set: ${sets}.`);
  }
}

/** What is wrong with a file that a flag names is a matter of use. */
async function usage<T>(flag: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof DataError) throw new UsageError(`${flag}: ${error.message}`);
    throw error;
  }
}

export function studyHelp(): string {
  const size = (name: StudySet): string => `${name} (${STUDY_SETS[name].length})`;
  const trainings = (name: "quick" | "full"): number =>
    taskCount({
      conditions: STUDY_SETS[name],
      seeds: Array.from({ length: SEEDS[name] }, (_, i) => i),
      steps: STEPS[name],
      tune: name === "full",
    });
  return `npm run reproduce -- ${STUDY_NAME} [flags]

Where the published rule stops on "name the previous digit", why, and what removes the stop: every rule, in settings in
which the digit is still there when its error arrives and in others. Four fifths of the training images train, the others
choose the learning rate, the test images only test. The exit code is 0 only if the published rule does better wherever
the digit is still there than wherever it is not. All results are kept as they come; a study can be stopped and goes on
with --resume. Without flags it is one for a GPU, of ${trainings("full")} trainings; see --quick.

  --quick          ${STUDY_SETS.quick.length} conditions, one seed, ${STEPS.quick} steps, no tuning: minutes on a software adapter
  --conditions ... sets, ${SET_NAMES.map(size).join(", ")}, or conditions as RULE:DELAY/CROSSFADE, sweep:... for the
                   order sweep, with commas between; a digit takes ${PERIOD} steps. Rules:
                   ${STUDY_RULES.join(", ")}
  --seeds N        of starts and streams, counted from 1; default ${SEEDS.full}
  --steps N        of each training, a multiple of ${STUDY_UNIT}; default ${STEPS.full}
  --tune yes|no    whether the first seed tries three learning rates; default yes
  --resume DIR     goes on with the study of that run folder, or shows it again if it is done; --seeds N gives it more
                   seeds, --conditions trains only these of it now, and adds those that it has not
  --docs           writes docs/limit.svg, docs/limit.json and the table of docs/limit.md from it
  --host HOST      ${HOST_KINDS.join(" or ")}; default node, and chrome where Node has no WebGPU
  --out DIR        where the folder of the run is made; default runs
  --json FILE      writes the summary there, too
  --help           this text`;
}
