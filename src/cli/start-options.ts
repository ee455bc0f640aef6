import { SpecError } from "../errors.ts";
import {
  conditionsOf,
  crossfadesOf,
  presetNamed,
  presets,
  previousDigit,
  RULES,
  rulesOf,
  stepUnit,
  type Condition,
  type Preset,
  type Rule,
} from "../tasks/presets.ts";
import type { TrainRequest } from "../train/job.ts";
import type { KernelChoice } from "../train/kernels.ts";
import { whole } from "./format.ts";
import { HOST_KINDS, type HostKind } from "./host.ts";
import { KERNELS_HELP, readKernels } from "./kept-tunings.ts";
import { readChoice, readFlags, readOutputs, readWholeNumber, UsageError, type Outputs } from "./options.ts";

export interface StartOptions extends Outputs {
  readonly request: TrainRequest;
  readonly preset: Preset;
  /** Undefined: Chrome, and Node where Chrome has no WebGPU. */
  readonly host: HostKind | undefined;
  readonly kernels: KernelChoice;
}

/**
 * Reads the flags of `npm start`, and sees to it that what they name can be written.
 *
 * @returns null if the user asks for help.
 * @throws UsageError
 */
export async function readStartOptions(args: readonly string[]): Promise<StartOptions | null> {
  const names = ["preset", "rules", "crossfade", "steps", "seed", "host", "kernels", "out", "json"];
  const { values, positionals, wantsHelp } = readFlags(args, names);
  if (wantsHelp) return null;
  const [stray] = positionals;
  if (stray !== undefined) throw new UsageError(`"${stray}" is not a flag; npm start takes flags only.`);
  const preset = readPreset(values["preset"]);
  const conditions = readConditions(values["rules"], values["crossfade"], preset);
  return {
    preset,
    request: {
      preset: preset.name,
      conditions,
      steps: readSteps(values["steps"], preset, conditions),
      seed: readWholeNumber("--seed", values["seed"], 0) ?? 1,
    },
    host: readChoice("--host", values["host"], HOST_KINDS),
    kernels: readKernels(values["kernels"]),
    ...(await readOutputs(values)),
  };
}

export function startHelp(): string {
  const { name, period, budgets, conditions, adjoint } = previousDigit;
  const defaults = crossfadesOf(conditions).map((crossfade) => {
    const alike = conditions.filter((condition) => condition.crossfade === crossfade);
    return `${" ".repeat(17)}at crossfade ${crossfade}: ${alike.map(({ rule }) => flagNameOf(rule)).join(", ")}`;
  });
  return `npm start -- [flags]

Trains a preset on real data, with several learning rules side by side on one GPU, and tests what they learnt.

  --preset NAME  ${presets.map((preset) => preset.name).join(", ")}; default ${name}
  --rules A,B    of ${RULES.map(flagNameOf).join(", ")}, each at every crossfade of the preset;
                 default of ${name}:
${defaults.join("\n")}
  --crossfade N  only this one, for every rule: a digit fades in over N of its ${period} steps; 0 is a hard switch
  --steps N      a multiple of ${period}, with the rule exact of ${adjoint.window}; default ${whole(budgets.hardware)}, or ${whole(budgets.software)} on a software adapter
  --seed N       of the initial weights and of the training data; default 1
  --host HOST    ${HOST_KINDS.join(" or ")}; default chrome, and node where Chrome has no WebGPU
  --kernels K    ${KERNELS_HELP}
  --out DIR      where the folder of the run is made; default runs
  --json FILE    writes the summary there, too
  --help         this text`;
}

function readPreset(name: string | undefined): Preset {
  if (name === undefined) return previousDigit;
  try {
    return presetNamed(name);
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    throw new UsageError(`--${error.message}`);
  }
}

/** The preset's; or the named rules, or all that the preset compares, at the named crossfade, or all of the preset's. */
function readConditions(
  rules: string | undefined,
  crossfade: string | undefined,
  preset: Preset,
): readonly Condition[] {
  const { conditions } = preset;
  if (rules === undefined && crossfade === undefined) return conditions;
  return conditionsOf(
    rules === undefined ? rulesOf(conditions) : readRules(rules),
    crossfade === undefined ? crossfadesOf(conditions) : [readCrossfade(crossfade, preset)],
  );
}

function readRules(list: string): readonly Rule[] {
  const named = list.split(",").map((name) => readChoice("--rules", name.trim(), RULES.map(flagNameOf)));
  return RULES.filter((rule) => named.includes(flagNameOf(rule)));
}

function readCrossfade(given: string, { period }: Preset): number {
  const crossfade = readWholeNumber("--crossfade", given, 0) ?? 0;
  if (crossfade <= period) return crossfade;
  throw new UsageError(
    `--crossfade is ${crossfade}; a digit is shown for ${period} steps, so it must be 0 to ${period}.`,
  );
}

/** As it is written without quotes. */
function flagNameOf(rule: Rule): string {
  return rule.replaceAll(" ", "-");
}

function readSteps(given: string | undefined, preset: Preset, conditions: readonly Condition[]): number | null {
  const steps = readWholeNumber("--steps", given, 1);
  const unit = stepUnit(preset, conditions);
  if (steps === undefined || steps % unit === 0) return steps ?? null;
  const near = Math.max(1, Math.round(steps / unit)) * unit;
  const reason =
    unit === preset.period ? `a digit is shown for ${unit} steps` : `the rule exact learns once in ${unit} steps`;
  throw new UsageError(`--steps is ${steps}; ${reason}, so it must be a multiple, such as ${near}.`);
}
