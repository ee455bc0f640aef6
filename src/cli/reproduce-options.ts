import { EXPERIMENTS, experimentNamed, SCHEDULES, STUDENT_RULES, type Experiment } from "../tasks/teacher-student.ts";
import type { ReproduceRequest } from "../train/reproduce.ts";
import { HOST_KINDS, type HostKind } from "./host.ts";
import { readChoice, readFlags, readOutputs, readWholeNumber, UsageError, type Outputs } from "./options.ts";

export interface ReproduceOptions extends Outputs {
  readonly request: ReproduceRequest;
  readonly experiment: Experiment;
  /** Undefined: Node, and Chrome where Node has no WebGPU. */
  readonly host: HostKind | undefined;
}

/**
 * Reads the flags of `npm run reproduce`, and sees to it that what they name can be written.
 *
 * @returns null if the user asks for help.
 * @throws UsageError
 */
export async function readReproduceOptions(args: readonly string[]): Promise<ReproduceOptions | null> {
  const names = ["rule", "schedule", "seed", "host", "out", "json"];
  const { values, positionals, wantsHelp } = readFlags(args, names);
  if (wantsHelp) return null;
  const [named, stray] = positionals;
  if (stray !== undefined) throw new UsageError(`"${stray}" is too much; name one experiment.`);
  const name = readChoice("The experiment", named, EXPERIMENTS);
  if (name === undefined) {
    throw new UsageError(
      `Name an experiment, ${EXPERIMENTS.join(" or ")}: npm run reproduce -- ${EXPERIMENTS[0] ?? ""}`,
    );
  }
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
  const sentences = EXPERIMENTS.map((name) => `  ${name.padEnd(9)}${experimentNamed(name).sentence}`);
  return `npm run reproduce -- ${EXPERIMENTS.join("|")} [flags]

Runs a published teacher-student experiment and sets its figures beside those that a right simulator reaches. The exit code
is 0 only if all of them are in their ranges.

${sentences.join("\n")}

  --rule RULE     ${STUDENT_RULES.join(", ")}; default local
  --schedule ORD  ${SCHEDULES.join(" (the published order) or ")}; default jacobi
  --seed N        of the student's start and of the input's shifts; default that of the quoted figures (${seeds})
  --host HOST     ${HOST_KINDS.join(" or ")}; default node, and chrome where Node has no WebGPU
  --out DIR       where the folder of the run is made; default runs
  --json FILE     writes the summary there, too
  --help          this text`;
}
