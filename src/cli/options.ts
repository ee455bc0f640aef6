/** Flags of the commands. Whatever is wrong with one is a UsageError: one sentence, and exit code 2. */

import { access, constants, mkdir, stat } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../../scripts/modules.mjs";
import { suggestion } from "../spec/read.ts";

export class UsageError extends Error {}

export const USAGE_EXIT_CODE = 2;

export interface Flags {
  /** By name, without the dashes. */
  readonly values: Readonly<Record<string, string | undefined>>;
  /** Those without a value that are there, without the dashes. */
  readonly switches: ReadonlySet<string>;
  readonly positionals: readonly string[];
  readonly wantsHelp: boolean;
}

/**
 * @param names of the flags with a value; --help needs no mention.
 * @param switchNames of the flags without one.
 * @throws UsageError for a flag that is unknown, lacks its value, has one that it does not take, or is there twice.
 */
export function readFlags(
  args: readonly string[],
  names: readonly string[],
  switchNames: readonly string[] = [],
): Flags {
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
  const { tokens } = parseArgs({ args: [...args], options, tokens: true, strict: false, allowPositionals: true });
  const values: Record<string, string | undefined> = {};
  const switches = new Set<string>();
  const positionals: string[] = [];
  let wantsHelp = false;
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const { rawName, name, value } = token;
    const isHelp = name === "help" || rawName === "-h";
    const isSwitch = switchNames.includes(name);
    const hasValue = !isHelp && !isSwitch;
    if (hasValue && !names.includes(name)) throw unknownFlag(rawName, name, [...names, ...switchNames]);
    if (!hasValue && value !== undefined) throw new UsageError(`${rawName} takes no value.`);
    if (hasValue && (value === undefined || value === "")) throw new UsageError(`${rawName} needs a value.`);
    if (Object.hasOwn(values, name) || switches.has(name)) {
      throw new UsageError(`${rawName} is given twice; keep one of them.`);
    }
    if (isHelp) wantsHelp = true;
    else if (isSwitch) switches.add(name);
    else values[name] = value;
  }
  return { values, switches, positionals, wantsHelp };
}

/** @throws UsageError unless `value` is one of `options`; undefined stays undefined. */
export function readChoice<Option extends string>(
  flag: string,
  value: string | undefined,
  options: readonly Option[],
): Option | undefined {
  if (value === undefined) return undefined;
  const found = options.find((option) => bare(option) === bare(value));
  if (found !== undefined) return found;
  throw new UsageError(`${flag} is "${value}"; it can be ${options.join(" or ")}.${suggestion(value, options)}`);
}

/** @throws UsageError unless `value` is a whole number from `least` to 2^53 - 1; undefined stays undefined. */
export function readWholeNumber(flag: string, value: string | undefined, least: number): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= least && Number.isSafeInteger(number)) return number;
  throw new UsageError(`${flag} is "${value}"; it must be a whole number from ${least} to 2^53 - 1.`);
}

/** Where a command writes. */
export interface Outputs {
  /** Where the run folder is made. */
  readonly out: string;
  /** Where the summary is written, too. */
  readonly json: string | undefined;
}

/**
 * Reads --out, by default the folder "runs", and --json, and sees to it that they can be written.
 *
 * @throws UsageError
 */
export async function readOutputs(values: Flags["values"]): Promise<Outputs> {
  const { out, json } = values;
  const outputs = {
    out: out === undefined ? join(root, "runs") : pathOf(out),
    json: json === undefined ? undefined : pathOf(json),
  };
  await requireFolder("--out", outputs.out);
  if (outputs.json !== undefined) await requireFile("--json", outputs.json);
  return outputs;
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

/** @throws UsageError unless a file can be written there. */
export async function requireFile(flag: string, path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory() === true) throw new UsageError(`${flag} is ${path}, a folder; name a file.`);
  await requireFolder(flag, dirname(path));
}

/** A path that the user gave. */
export function pathOf(given: string): string {
  return resolve(whereTheUserIs(), given);
}

/** A path as short as the user can use it. */
export function shownPath(path: string): string {
  const short = relative(whereTheUserIs(), path);
  return short.startsWith("..") ? path : short;
}

/** npm starts commands in the root of the project, wherever the user is. */
function whereTheUserIs(): string {
  return process.env["INIT_CWD"] ?? process.cwd();
}

/**
 * Runs a command, and answers a UsageError with its sentence.
 *
 * @returns the exit code.
 */
export async function withUsage(command: string, run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\nAll flags: npm ${command === "start" ? "start" : `run ${command}`} -- --help`);
    return USAGE_EXIT_CODE;
  }
}

function unknownFlag(rawName: string, name: string, names: readonly string[]): UsageError {
  const known = [...names, "help"].map((each) => `--${each}`);
  return new UsageError(
    `${rawName} is not a flag.${suggestion(`--${name}`, known) || ` There are ${known.join(", ")}.`}`,
  );
}

/** Names are alike that differ in case, spaces, hyphens or underscores. */
function bare(name: string): string {
  return name.toLowerCase().replace(/[\s_-]+/g, "");
}
