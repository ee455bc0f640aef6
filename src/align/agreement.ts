/** How a gradient compares with the exact one. */

/** Of one group of parameters. Null where a figure has no meaning, as a gradient is zero. */
export interface Agreement {
  /** Of the angle between the two. */
  readonly cosine: number | null;
  /** Part of the entries that have the same sign. Entries that are 0 in both do not count; 0 is a sign of its own. */
  readonly signs: number | null;
  /**
   * Coefficient of the regression on the exact gradient g: (rule . g) / (g . g). 1 is right; below 0 it points the wrong
   * way. Of a single parameter it is the ratio of the two.
   */
  readonly gain: number | null;
}

/** @param exact as long as `gradient`. */
export function agreementOf(gradient: ArrayLike<number>, exact: ArrayLike<number>): Agreement {
  let [product, square, exactSquare, counted, same] = [0, 0, 0, 0, 0];
  for (let i = 0; i < exact.length; i++) {
    const [ours, theirs] = [gradient[i] ?? Number.NaN, exact[i] ?? Number.NaN];
    product += ours * theirs;
    square += ours ** 2;
    exactSquare += theirs ** 2;
    if (ours === 0 && theirs === 0) continue;
    counted += 1;
    if (Math.sign(ours) === Math.sign(theirs)) same += 1;
  }
  return {
    cosine: ratio(product, Math.sqrt(square * exactSquare)),
    signs: ratio(same, counted),
    gain: ratio(product, exactSquare),
  };
}

export function normOf(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, value) => sum + value ** 2, 0));
}

function ratio(a: number, b: number): number | null {
  return b === 0 ? null : a / b;
}
