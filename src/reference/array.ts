/** Element of an array; NaN outside of it, so that a wrong index shows in every result it enters. */
export function at(values: Float64Array, index: number): number {
  return values[index] ?? NaN;
}

/** `values[index] += value`. */
export function addTo(values: Float64Array, index: number, value: number): void {
  values[index] = at(values, index) + value;
}

/** `target += factor * values`, element by element. */
export function addScaled(target: Float64Array, values: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i] = at(target, i) + factor * at(values, i);
}

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += at(a, i) * at(b, i);
  return sum;
}

/** Row `index` of a matrix with rows of `length`, not copied. */
export function row(matrix: Float64Array, index: number, length: number): Float64Array {
  return matrix.subarray(index * length, (index + 1) * length);
}
