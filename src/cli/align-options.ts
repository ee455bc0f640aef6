import { SCHEDULES } from "../tasks/teacher-student.ts";
import { alignable, lengthsOf } from "../train/align-material.ts";
import type { AlignRequest } from "../train/align.ts";
import { whole } from "./format.ts";
import { HOST_KINDS, type HostKind } from "./host.ts";
import { readChoice, readFlags, readOutputs, readWholeNumber, UsageError, type Outputs } from "./options.ts";

export interface AlignOptions extends Outputs {
  readonly request: AlignRequest;
  /** Undefined: Node, and Chrome where Node has no WebGPU. */
  readonly host: HostKind | undefined;
}

const DEFAULT_PRESET = "previous-digit";

/**
 * Reads the flags of `npm run align`, and sees to it that what they name can be written.
 *
 * @returns null if the user asks for help.
 * @throws UsageError
 */
export async function readAlignOptions(args: readonly string[]): Promise<AlignOptions | null> {
  const names = ["preset", "schedule", "steps", "trained", "seed", "host", "out", "json"];
  const { values, positionals, wantsHelp } = readFlags(args, names);
  if (wantsHelp) return null;
  const [stray] = positionals;
  if (stray !== undefined) throw new UsageError(`"${stray}" is not a flag; npm run align takes flags only.`);
  const preset = readChoice("--preset", values["preset"], alignable) ?? DEFAULT_PRESET;
  return {
    request: {
      preset,
      schedule: readChoice("--schedule", values["schedule"], SCHEDULES) ?? null,
      steps: readSteps("--steps", values["steps"], preset, 1),
      trained: readSteps("--trained", values["trained"], preset, 0),
      seed: readWholeNumber("--seed", values["seed"], 0) ?? 1,
    },
    host: readChoice("--host", values["host"], HOST_KINDS),
    ...(await readOutputs(values)),
  };
}

export function alignHelp(): string {
  const { steps, trained } = lengthsOf(DEFAULT_PRESET);
  return `npm run align -- [flags]

Measures how close learning rules come to the exact gradient, per group of parameters and with frozen weights, before and
after a short training with local errors; and how errors of single neurons and chains answer tones, against their closed
forms. The exit code is 0 only if all tones are within their limits.

  --preset NAME   ${alignable.join(", ")}; default ${DEFAULT_PRESET}
  --schedule ORD  ${SCHEDULES.join(" (the published order) or ")}; default that of the preset, jacobi
  --steps N       over which gradients are summed; default ${whole(steps)} for ${DEFAULT_PRESET}
  --trained N     steps of training before the second measurement, 0 for none; default ${whole(trained)} for ${DEFAULT_PRESET}
  --seed N        of the initial weights and of the data; default 1
  --host HOST     ${HOST_KINDS.join(" or ")}; default node, and chrome where Node has no WebGPU
  --out DIR       where the folder of the run is made; default runs
  --json FILE     writes the summary there, too
  --help          this text`;
}

function readSteps(flag: string, given: string | undefined, preset: string, least: number): number | null {
  const steps = readWholeNumber(flag, given, least);
  const { unit } = lengthsOf(preset);
  if (steps === undefined || steps % unit === 0) return steps ?? null;
  const near = Math.max(1, Math.round(steps / unit)) * unit;
  throw new UsageError(
    `${flag} is ${steps}; a digit is shown for ${unit} steps, so it must be a multiple, such as ${near}.`,
  );
}
