/** Samples of several engines, taken in turns, so that what disturbs the machine disturbs all of them. */

export interface Timed {
  /** Hands over steps, which may be under way when it resolves. */
  run(steps: number): void | Promise<void>;
  /** Resolves when all are done. */
  settle(): Promise<unknown>;
}

export interface Effort {
  readonly samples: number;
  /** Of one sample, at least. */
  readonly milliseconds: number;
  /** Milliseconds since any time. */
  readonly now: () => number;
}

export interface Rates {
  readonly median: number;
  /** Median of the distances from the median. */
  readonly mad: number;
  readonly min: number;
  readonly samples: readonly number[];
}

/** No sample has more steps. */
const MOST_STEPS = 2 ** 20;
/** Short samples that are not counted, after compilation and before calibration. */
const WARM_UPS = 3;

/** Steps per second of each, in the order given: A B C A B C ... */
export async function interleave(timed: readonly Timed[], effort: Effort): Promise<Rates[]> {
  const lengths: number[] = [];
  for (const each of timed) lengths.push(await calibrate(each, effort));
  const taken: number[][] = timed.map(() => []);
  for (let sample = 0; sample < effort.samples; sample++) {
    for (const [k, each] of timed.entries()) {
      const steps = lengths[k] as number;
      taken[k]?.push((1000 * steps) / (await durationOf(each, steps, effort)));
    }
  }
  return taken.map(ratesOf);
}

/** How many steps last for a sample. */
async function calibrate(timed: Timed, effort: Effort): Promise<number> {
  for (let k = 0; k < WARM_UPS; k++) await durationOf(timed, 1, effort);
  let steps = 1;
  for (;;) {
    const took = await durationOf(timed, steps, effort);
    if (took >= effort.milliseconds / 2 || steps >= MOST_STEPS) {
      return Math.min(MOST_STEPS, Math.max(1, Math.ceil((1.1 * steps * effort.milliseconds) / took)));
    }
    steps *= 2;
  }
}

async function durationOf(timed: Timed, steps: number, { now }: Effort): Promise<number> {
  const start = now();
  await timed.run(steps);
  await timed.settle();
  return now() - start;
}

export function ratesOf(samples: readonly number[]): Rates {
  const middle = median(samples);
  return {
    median: middle,
    mad: median(samples.map((value) => Math.abs(value - middle))),
    min: Math.min(...samples),
    samples,
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? NaN) + upper) / 2;
}
