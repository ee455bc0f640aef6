import { EXPERIMENTS, experimentNamed, SCHEDULES, STUDENT_RULES, type Experiment } from "../tasks/teacher-student.ts";
import { TRAINING_NAMES, trainingReproductions } from "../tasks/reproductions.ts";
import type { ReproduceRequest } from "../train/reproduce.ts";
import { HOST_KINDS, type HostKind } from "./host.ts";
import { SYNTHESIS_FLAGS, SYNTHESIS_NAME, SYNTHESIS_SWITCHES } from "./le-fourier.ts";
import { STUDY_FLAGS, STUDY_NAME, STUDY_SWITCHES } from "./limit-options.ts";
import { PUBLISHED_FLAGS, PUBLISHED_SWITCHES } from "./published-options.ts";
import { readChoice, readFlags, readOutputs, readWholeNumber, UsageError, type Outputs } from "./options.ts";

export interface ReproduceOptions extends Outputs {
  readonly request: ReproduceRequest;
  readonly experiment: Experiment;
  /** Undefined: Node, and Chrome where Node has no WebGPU. */
  readonly host: HostKind | undefined;
}

const FLAGS = ["rule", "schedule", "seed", "host", "out", "json"];

/** All that can be reproduced; each has flags of its own. */
export const REPRODUCTIONS: readonly string[] = [...EXPERIMENTS, SYNTHESIS_NAME, STUDY_NAME, ...TRAINING_NAMES];

/**
 * What is to be reproduced; null: the user asks for help, and names nothing.
 *
 * @throws UsageError
 */
export function readReproduction(args: readonly string[]): string | null {
  const names = [...new Set([...FLAGS, ...SYNTHESIS_FLAGS, ...STUDY_FLAGS, ...PUBLISHED_FLAGS])];
  const switches = [...new Set([...SYNTHESIS_SWITCHES, ...STUDY_SWITCHES, ...PUBLISHED_SWITCHES])];
  const { positionals, wantsHelp } = readFlags(args, names, switches);
  const name = readChoice("The experiment", positionals[0], REPRODUCTIONS);
  if (name !== undefined) return name;
  if (wantsHelp) return null;
  throw new UsageError(`Name an experiment, ${REPRODUCTIONS.join(" or ")}: npm run reproduce -- ${EXPERIMENTS[0]}`);
}

/**
 * Reads the flags of a teacher-student experiment, and sees to it that what they name can be written.
 *
 * @returns null if the user asks for help.
 * @throws UsageError
 */
export async function readReproduceOptions(args: readonly string[]): Promise<ReproduceOptions | null> {
  const { values, positionals, wantsHelp } = readFlags(args, FLAGS);
  if (wantsHelp) return null;
  const [named, stray] = positionals;
  if (stray !== undefined) throw new UsageError(`"${stray}" is too much; name one experiment.`);
  const name = readChoice("The experiment", named, EXPERIMENTS);
  if (name === undefined) throw new UsageError(`Name an experiment: ${EXPERIMENTS.join(" or ")}.`);
  return {
    experiment: experimentNamed(name),
    request: {
      experiment: name,
      rule: readChoice("--rule", values["rule"], STUDENT_RULES) ?? "local",
      schedule: readChoice("--schedule", values["schedule"], SCHEDULES) ?? "jacobi",
      seed: readWholeNumber("--seed", values["seed"], 0) ?? null,
      steps: null,
    },
    host: readChoice("--host", values["host"], HOST_KINDS),
    ...(await readOutputs(values)),
  };
}

export function reproduceHelp(): string {
  const seeds = EXPERIMENTS.map((name) => `${name} ${experimentNamed(name).seed}`).join(", ");
  const sentences = EXPERIMENTS.map((name) => `  ${name.padEnd(16)}${experimentNamed(name).sentence}`);
  const others = [
    [SYNTHESIS_NAME, "A sawtooth made of fifty sines, as in Fig. 2a of Latent Equilibrium."],
    [STUDY_NAME, "Where the published rule stops, why, and what removes the stop: a study."],
    ...trainingReproductions.map(({ name, experiment }) => [name, experiment.sentence]),
  ];
  return `npm run reproduce -- ${REPRODUCTIONS.join("|")} [flags]

Runs a published experiment and sets its figures beside those that a right simulator reaches. The exit code is 0 only if all
of them are in their ranges.

${sentences.join("\n")}
${others.map(([name = "", sentence = ""]) => `  ${name.padEnd(16)}${sentence}`).join("\n")}

All but the first two have flags of their own: npm run reproduce -- ${SYNTHESIS_NAME} --help. Of these two:

  --rule RULE     ${STUDENT_RULES.join(", ")}; default local
  --schedule ORD  ${SCHEDULES.join(" (the published order) or ")}; default jacobi
  --seed N        of the student's start and of the input's shifts; default that of the quoted figures (${seeds})
  --host HOST     ${HOST_KINDS.join(" or ")}; default node, and chrome where Node has no WebGPU
  --out DIR       where the folder of the run is made; default runs
  --json FILE     writes the summary there, too
  --help          this text`;
}
