/**
 * Rows on the host are dense, rows on the device are padded to whole quads of four. Pure.
 */

import { quadsOf } from "./layout.ts";

/**
 * Rows of `columns` values, padded with zeros or with their last value, and `more` rows of zeros. What needs none is given
 * back as it is.
 */
export function pad(data: Float32Array, columns: number, more = 0, withLast = false): Float32Array {
  const pitch = quadsOf(columns) * 4;
  if (pitch === columns && more === 0) return data;
  const rows = data.length / columns;
  const padded = new Float32Array((rows + more) * pitch);
  for (let row = 0; row < rows; row++) {
    padded.set(data.subarray(row * columns, (row + 1) * columns), row * pitch);
    if (withLast) padded.fill(data[(row + 1) * columns - 1] ?? 0, row * pitch + columns, (row + 1) * pitch);
  }
  return padded;
}

/** The same rows without padding. */
export function unpad(data: Float32Array, columns: number): Float32Array {
  const pitch = quadsOf(columns) * 4;
  if (pitch === columns) return data;
  const rows = data.length / pitch;
  const dense = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    dense.set(data.subarray(row * pitch, row * pitch + columns), row * columns);
  }
  return dense;
}
