/** What becomes of samples. */

/** `mad` is the median of the distances from the median. */
export interface Spread {
  readonly median: number;
  readonly mad: number;
  readonly min: number;
}

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[half] ?? NaN) : ((sorted[half - 1] ?? NaN) + (sorted[half] ?? NaN)) / 2;
}

export function spreadOf(samples: readonly number[]): Spread {
  const middle = median(samples);
  return {
    median: middle,
    mad: median(samples.map((value) => Math.abs(value - middle))),
    min: Math.min(...samples),
  };
}

/** Median of the quotients of samples that were taken side by side; so the drift of a machine cancels out. */
export function pairedRatio(above: readonly number[], below: readonly number[]): number {
  return median(above.map((value, round) => value / (below[round] ?? NaN)));
}
