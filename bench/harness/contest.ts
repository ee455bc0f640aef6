/** Takes samples of things that can be repeated, in turns, so that the drift of a machine hits all of them alike. */

export interface Contestant {
  readonly name: string;
  /** Does the work `count` times; resolves when the device is done. */
  readonly run: (count: number) => Promise<unknown>;
  /** A count that it is a multiple of, in samples that are to be alike. Default 1. */
  readonly grain?: number;
}

export interface Method {
  /** Milliseconds that a sample lasts at least. */
  readonly sampleMilliseconds: number;
  readonly samples: number;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number;
}

/** Runs before anything counts. */
const warmUps = 3;

/** Times per second of every sample, by the name of the contestant. Rejects with the reason of the signal. */
export async function contest(
  contestants: readonly Contestant[],
  method: Method,
): Promise<Readonly<Record<string, readonly number[]>>> {
  const { samples, signal, now = () => performance.now() } = method;
  const counts: number[] = [];
  for (const contestant of contestants) counts.push(await calibrate(contestant, method));
  const rates = contestants.map(({ name }) => [name, [] as number[]] as const);
  for (let sample = 0; sample < samples; sample++) {
    for (const [index, contestant] of contestants.entries()) {
      signal?.throwIfAborted();
      const count = counts[index] ?? 1;
      const start = now();
      await contestant.run(count);
      rates[index]?.[1].push((1000 * count) / (now() - start));
    }
  }
  return Object.fromEntries(rates);
}

/** How often the work must be done to last as long as a sample; at the end it is warm, too. */
async function calibrate({ run, grain = 1 }: Contestant, method: Method): Promise<number> {
  const { sampleMilliseconds, signal, now = () => performance.now() } = method;
  for (let count = grain, runs = 1; ; runs++) {
    signal?.throwIfAborted();
    const start = now();
    await run(count);
    const milliseconds = Math.max(now() - start, 1e-3);
    if (milliseconds >= sampleMilliseconds) {
      if (runs >= warmUps || milliseconds >= 4 * sampleMilliseconds) return count;
      continue;
    }
    // A little more than what just suffices; at first, when much is not yet paid for, not too much of it.
    const factor = Math.min((1.2 * sampleMilliseconds) / milliseconds, runs < warmUps ? 8 : 100);
    count = Math.ceil((count * factor) / grain) * grain;
  }
}
