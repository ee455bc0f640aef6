/** What a link to the page may say: index.html?seed=7&steps=4000&crossfade=0. */

export interface Link {
  readonly seed: number;
  /** Null: what the preset has for this adapter. */
  readonly steps: number | null;
  /** Steps over which a digit fades into the next. */
  readonly crossfade: number;
  /** A sentence for each part of the link that was not understood, and for which the default stands in. */
  readonly problems: readonly string[];
}

const DEFAULT_SEED = 1;
/** A hundred times the largest budget: a link must not keep a machine busy for days. */
const MOST_STEPS = 6_000_000;

/**
 * @param search of the address, with or without its question mark.
 * @param period what steps must be a multiple of.
 * @param crossfades that there are, the default first.
 */
export function readLink(search: string, period: number, crossfades: readonly number[]): Link {
  const parameters = new URLSearchParams(search);
  const problems: string[] = [];
  const read = (name: string, expected: string, isValid: (value: number) => boolean): number | null => {
    const given = parameters.get(name);
    if (given === null) return null;
    const value = Number(given);
    if (/^\d{1,16}$/.test(given) && isValid(value)) return value;
    problems.push(`The link says ${name}=${given.slice(0, 20)}, which is not ${expected}; the default is used.`);
    return null;
  };
  const seed = read("seed", "a whole number from 0 to 2^53 - 1", Number.isSafeInteger);
  const steps = read("steps", `a multiple of ${period} from ${period} to ${MOST_STEPS}`, (value) => {
    return value > 0 && value <= MOST_STEPS && value % period === 0;
  });
  const crossfade = read("crossfade", crossfades.join(" or "), (value) => crossfades.includes(value));
  return { seed: seed ?? DEFAULT_SEED, steps, crossfade: crossfade ?? crossfades[0] ?? 0, problems };
}
