/** What a link to the page may say: index.html?preset=yin-yang&seed=7, or ?seed=7&steps=4000&crossfade=0 of the stream. */

import { KERNEL_CHOICES, type KernelChoice } from "../train/kernels.ts";

interface Read {
  /** A sentence for each part of the link that was not understood, and for which the default stands in. */
  readonly problems: readonly string[];
}

export interface PresetLink extends Read {
  readonly preset: string;
}

export interface StreamLink extends Read {
  readonly seed: number;
  /** Null: what the preset has for this adapter. */
  readonly steps: number | null;
  /** Steps over which a digit fades into the next. */
  readonly crossfade: number;
}

export interface EpochsLink extends Read {
  readonly seed: number;
  /** Null: those of the preset. */
  readonly epochs: number | null;
}

export interface KernelsLink extends Read {
  readonly kernels: KernelChoice;
}

const DEFAULT_SEED = 1;
const SEED = "a whole number from 0 to 2^53 - 1";
/** A hundred times the largest budget: a link must not keep a machine busy for days. */
const MOST_STEPS = 6_000_000;
const MOST_EPOCHS = 1000;

/** @param names of the presets that there are, the default first. */
export function readPreset(search: string, names: readonly [string, ...string[]]): PresetLink {
  const { problems, text } = createReader(search);
  return { preset: text("preset", `one of ${names.join(", ")}`, (name) => names.includes(name)) ?? names[0], problems };
}

/**
 * @param search of the address, with or without its question mark.
 * @param period what steps must be a multiple of.
 * @param crossfades that there are, the default first.
 */
export function readStreamLink(search: string, period: number, crossfades: readonly number[]): StreamLink {
  const { problems, number } = createReader(search);
  const seed = number("seed", SEED, Number.isSafeInteger);
  const steps = number("steps", `a multiple of ${period} from ${period} to ${MOST_STEPS}`, (value) => {
    return value > 0 && value <= MOST_STEPS && value % period === 0;
  });
  const crossfade = number("crossfade", crossfades.join(" or "), (value) => crossfades.includes(value));
  return { seed: seed ?? DEFAULT_SEED, steps, crossfade: crossfade ?? crossfades[0] ?? 0, problems };
}

export function readEpochsLink(search: string): EpochsLink {
  const { problems, number } = createReader(search);
  const seed = number("seed", SEED, Number.isSafeInteger);
  const epochs = number(
    "epochs",
    `a whole number from 1 to ${MOST_EPOCHS}`,
    (value) => value >= 1 && value <= MOST_EPOCHS,
  );
  return { seed: seed ?? DEFAULT_SEED, epochs, problems };
}

export function readKernelsLink(search: string): KernelsLink {
  const { problems, text } = createReader(search);
  const given = text("kernels", KERNEL_CHOICES.join(" or "), (name) => KERNEL_CHOICES.some((each) => each === name));
  return { kernels: KERNEL_CHOICES.find((each) => each === given) ?? "measured", problems };
}

/** The same address with other kernels. */
export function addressWith(kernels: KernelChoice, address: string): string {
  const changed = new URL(address);
  if (kernels === "measured") changed.searchParams.delete("kernels");
  else changed.searchParams.set("kernels", kernels);
  return changed.href;
}

function createReader(search: string) {
  const parameters = new URLSearchParams(search);
  const problems: string[] = [];
  /** Null if it is not there, or wrong. */
  const text = (name: string, expected: string, isValid: (value: string) => boolean): string | null => {
    const given = parameters.get(name);
    if (given === null || isValid(given)) return given;
    problems.push(`The link says ${name}=${given.slice(0, 20)}, which is not ${expected}; the default is used.`);
    return null;
  };
  const number = (name: string, expected: string, isValid: (value: number) => boolean): number | null => {
    const valid = text(name, expected, (given) => /^\d{1,16}$/.test(given) && isValid(Number(given)));
    return valid === null ? null : Number(valid);
  };
  return { problems, text, number };
}
