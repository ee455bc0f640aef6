import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pad, unpad } from "../../src/padding.ts";

const rows = (...values: readonly number[]): Float32Array => Float32Array.from(values);

describe("pad", () => {
  it("fills rows up to whole quads with zeros", () => {
    expect(pad(rows(1, 2, 3, 4, 5, 6), 3)).toEqual(rows(1, 2, 3, 0, 4, 5, 6, 0));
    expect(pad(rows(1, 2), 1)).toEqual(rows(1, 0, 0, 0, 2, 0, 0, 0));
    expect(pad(rows(1, 2, 3, 4, 5), 5)).toEqual(rows(1, 2, 3, 4, 5, 0, 0, 0));
  });

  it("gives back what is whole already, without a copy", () => {
    const whole = rows(1, 2, 3, 4, 5, 6, 7, 8);
    expect(pad(whole, 4)).toBe(whole);
    expect(unpad(whole, 8)).toBe(whole);
  });

  it("repeats the last value of a row where nothing may be divided by zero", () => {
    expect(pad(rows(1, 2, 3, 4, 5), 5, 0, true)).toEqual(rows(1, 2, 3, 4, 5, 5, 5, 5));
    expect(pad(rows(1, 2, 3), 1, 0, true)).toEqual(rows(1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3));
    expect(unpad(pad(rows(1, 2, 3, 4, 5), 5, 0, true), 5)).toEqual(rows(1, 2, 3, 4, 5));
    const whole = rows(1, 2, 3, 4);
    expect(pad(whole, 4, 0, true)).toBe(whole);
  });

  it("adds rows of zeros behind the last", () => {
    expect(pad(rows(1, 2, 3), 3, 1)).toEqual(rows(1, 2, 3, 0, 0, 0, 0, 0));
    expect(pad(rows(1, 2, 3, 4), 4, 1, true)).toEqual(rows(1, 2, 3, 4, 0, 0, 0, 0));
  });

  it("reads the part of a buffer that it is given", () => {
    const part = rows(9, 9, 1, 2, 3, 9).subarray(2, 5);
    expect(pad(part, 3)).toEqual(rows(1, 2, 3, 0));
  });

  it("is undone by unpad, bit for bit", () => {
    fc.assert(
      fc.property(fc.nat(9), fc.integer({ min: 1, max: 70 }), fc.float({ noNaN: true }), (count, columns, first) => {
        const dense = Float32Array.from({ length: count * columns }, (_, i) => first + i);
        const padded = pad(dense, columns);
        expect(padded.length).toBe(count * Math.ceil(columns / 4) * 4);
        expect(unpad(padded, columns)).toEqual(dense);
        // Unpadding drops nothing but zeros.
        const sum = (values: Float32Array): number => values.filter((value) => !Object.is(value, 0)).length;
        expect(sum(padded)).toBe(sum(dense));
      }),
      { seed: 4 },
    );
  });
});
