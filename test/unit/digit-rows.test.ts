import { describe, expect, it } from "vitest";
import { SpecError } from "../../src/errors.ts";
import { digitRowsData } from "../../src/tasks/digit-rows.ts";
import { DIGIT_PIXELS, type Digits, type DigitSet } from "../../src/tasks/digits.ts";
import { digitTaskData, taskData } from "../../src/tasks/tasks.ts";

/** So many images of each class; pixel p of image i is i + p / 1000. */
function imagesOf(perClass: number): DigitSet {
  const count = 10 * perClass;
  const pixels = Float32Array.from({ length: count * DIGIT_PIXELS }, (_, at) => {
    return Math.floor(at / DIGIT_PIXELS) + (at % DIGIT_PIXELS) / 1000;
  });
  return { count, pixels, labels: Uint8Array.from({ length: count }, (_, image) => Math.floor(image / perClass)) };
}

const digits: Digits = { train: imagesOf(5), test: imagesOf(1) };

describe("digits row by row", () => {
  it("are shown from the top, with blank rows behind the last one", () => {
    const { test, classes } = digitRowsData({}, digits);
    expect([test.count, test.frames, test.channels, classes?.length]).toEqual([10, 16, 14, 10]);
    const third = test.inputs.subarray(3 * 16 * 14, 4 * 16 * 14);
    expect(third.subarray(0, DIGIT_PIXELS)).toEqual(digits.test.pixels.subarray(3 * DIGIT_PIXELS, 4 * DIGIT_PIXELS));
    expect([...third.subarray(DIGIT_PIXELS)]).toEqual(new Array(28).fill(0));
    expect(test.answers).toEqual({ kind: "class", labels: Int32Array.from({ length: 10 }, (_, i) => i) });
    expect(digitRowsData({ blank: 0 }, digits).test.inputs).toEqual(digits.test.pixels);
  });

  it("hold the last training images of each class out, which are in no other part", () => {
    const { train, validation } = digitRowsData({}, digits);
    expect([train.count, validation?.count]).toEqual([40, 10]);
    // The whole part of the first pixel is the number of the image.
    const held = Array.from({ length: 10 }, (_, i) => validation?.inputs[i * 16 * 14]);
    expect(held).toEqual([4, 9, 14, 19, 24, 29, 34, 39, 44, 49]);
    expect(digitRowsData({ validation: 0 }, digits)).toMatchObject({ validation: null, train: { count: 50 } });
  });

  it("need images, and refuse what there is not", () => {
    expect(digitTaskData({ name: "digit-rows", options: { blank: 1 } }, digits).test.frames).toBe(15);
    expect(() => taskData({ name: "digit-rows" })).toThrow(/^task\.name is "digit-rows", which needs the images/);
    expect(() => digitRowsData({ blank: -1 }, digits)).toThrow(SpecError);
    expect(() => digitTaskData({ name: "digit-rows", options: { rows: 1 } }, digits)).toThrow(
      /^digitRows\.rows is not/,
    );
  });
});
