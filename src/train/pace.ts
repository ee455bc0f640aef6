/** How much the newest measurement counts; a tenth follows a laptop that slows down and rides out a hiccup. */
const WEIGHT = 0.1;

export interface Pace {
  /** Reports work done in so many seconds; returns the seconds left. */
  advance(work: number, seconds: number): number;
}

/** Estimates the time left for `total` units of work from an exponentially weighted mean of the seconds per unit. */
export function createPace(total: number): Pace {
  let left = total;
  let mean = 0;
  let trust = 0;
  return {
    advance(work, seconds) {
      left -= work;
      // Dividing by `trust`, the sum of the weights so far, makes the first estimates as fair as later ones.
      mean += WEIGHT * (seconds / work - mean);
      trust += WEIGHT * (1 - trust);
      return (left * mean) / trust;
    },
  };
}
