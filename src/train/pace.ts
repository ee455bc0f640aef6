/** How much the newest measurement counts; a tenth follows a laptop that slows down and rides out a hiccup. */
const WEIGHT = 0.1;

/** An exponentially weighted mean of the seconds that a unit of work takes. */
export interface UnitSeconds {
  /** Reports work done in so many seconds. */
  add(work: number, seconds: number): void;
  /** Null before the first report. */
  readonly mean: number | null;
}

export function createUnitSeconds(): UnitSeconds {
  let sum = 0;
  let trust = 0;
  return {
    add(work, seconds) {
      sum += WEIGHT * (seconds / work - sum);
      trust += WEIGHT * (1 - trust);
    },
    get mean() {
      // Dividing by `trust`, the sum of the weights so far, makes the first estimates as fair as later ones.
      return trust === 0 ? null : sum / trust;
    },
  };
}

export interface Pace {
  /** Reports work done in so many seconds; returns the seconds left. */
  advance(work: number, seconds: number): number;
}

/** Estimates the time left for `total` units of work that are all alike. */
export function createPace(total: number): Pace {
  const unit = createUnitSeconds();
  let left = total;
  return {
    advance(work, seconds) {
      left -= work;
      unit.add(work, seconds);
      return left * (unit.mean ?? 0);
    },
  };
}
