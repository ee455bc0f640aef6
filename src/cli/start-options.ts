import { access, constants, mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { root } from "../../scripts/modules.mjs";
import { SpecError } from "../errors.ts";
import { presetNamed, presets, previousDigit, RULES, type Preset, type Rule } from "../tasks/presets.ts";
import type { TrainRequest } from "../train/job.ts";
import { whole } from "./format.ts";
import { HOST_KINDS, type HostKind } from "./host.ts";
import { pathOf, readChoice, readFlags, readWholeNumber, UsageError } from "./options.ts";

export interface StartOptions {
  readonly request: TrainRequest;
  readonly preset: Preset;
  /** Undefined: Chrome, and Node where Chrome has no WebGPU. */
  readonly host: HostKind | undefined;
  /** Where the run folder is made. */
  readonly out: string;
  /** Where the summary is written, too. */
  readonly json: string | undefined;
}

/**
 * Reads the flags of `npm start`, and sees to it that what they name can be written.
 *
 * @returns null if the user asks for help.
 * @throws UsageError
 */
export async function readStartOptions(args: readonly string[]): Promise<StartOptions | null> {
  const names = ["preset", "rules", "steps", "seed", "host", "out", "json"];
  const { values, positionals, wantsHelp } = readFlags(args, names);
  if (wantsHelp) return null;
  const [stray] = positionals;
  if (stray !== undefined) throw new UsageError(`"${stray}" is not a flag; npm start takes flags only.`);
  const preset = readPreset(values["preset"]);
  const options = {
    preset,
    request: {
      preset: preset.name,
      rules: readRules(values["rules"]),
      steps: readSteps(values["steps"], preset),
      seed: readWholeNumber("--seed", values["seed"], 0) ?? 1,
    },
    host: readChoice("--host", values["host"], HOST_KINDS),
    out: values["out"] === undefined ? join(root, "runs") : pathOf(values["out"]),
    json: values["json"] === undefined ? undefined : pathOf(values["json"]),
  };
  await requireFolder("--out", options.out);
  if (options.json !== undefined) await requireFile("--json", options.json);
  return options;
}

export function startHelp(): string {
  const { name, period, budgets } = previousDigit;
  return `npm start -- [flags]

Trains a preset on real data, with several learning rules side by side on one GPU, and tests what they learnt.

  --preset NAME  ${presets.map((preset) => preset.name).join(", ")}; default ${name}
  --rules A,B    of ${RULES.map(flagNameOf).join(", ")}; default all
  --steps N      a multiple of ${period}; default ${whole(budgets.hardware)}, or ${whole(budgets.software)} on a software adapter
  --seed N       of the initial weights and of the training data; default 1
  --host HOST    ${HOST_KINDS.join(" or ")}; default chrome, and node where Chrome has no WebGPU
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

function readRules(list: string | undefined): readonly Rule[] {
  if (list === undefined) return RULES;
  const named = list.split(",").map((name) => readChoice("--rules", name.trim(), RULES.map(flagNameOf)));
  return RULES.filter((rule) => named.includes(flagNameOf(rule)));
}

/** As it is written without quotes. */
function flagNameOf(rule: Rule): string {
  return rule.replaceAll(" ", "-");
}

function readSteps(given: string | undefined, { period }: Preset): number | null {
  const steps = readWholeNumber("--steps", given, 1);
  if (steps === undefined || steps % period === 0) return steps ?? null;
  const near = Math.max(1, Math.round(steps / period)) * period;
  throw new UsageError(
    `--steps is ${steps}; a digit is shown for ${period} steps, so it must be a multiple, such as ${near}.`,
  );
}

async function requireFolder(flag: string, path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK);
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new UsageError(`${flag}: nothing can be written to the folder ${path} (${reason}).`);
  }
}

async function requireFile(flag: string, path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory() === true) throw new UsageError(`${flag} is ${path}, a folder; name a file.`);
  await requireFolder(flag, dirname(path));
}
