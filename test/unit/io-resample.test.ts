import { describe, expect, it } from "vitest";
import { createResampler, createWavResampler, resampledLength } from "../../src/io/resample.ts";
import { openWav, writeWav } from "../../src/io/wav.ts";
import { sentence } from "./io-files.ts";

function tone(hertz: number, rate: number, length = rate): Float32Array {
  return Float32Array.from({ length }, (_, n) => Math.sin((2 * Math.PI * hertz * n) / rate));
}

/** Largest difference in the middle of a sound: its ends follow silence. */
function error(found: Float32Array, wanted: Float32Array): number {
  expect(found).toHaveLength(wanted.length);
  const edge = Math.floor(wanted.length / 10);
  return found.subarray(edge, -edge).reduce((most, value, i) => {
    return Math.max(most, Math.abs(value - (wanted[i + edge] ?? NaN)));
  }, 0);
}

const RATES = [
  [44_100, 16_000],
  [48_000, 16_000],
  [22_050, 16_000],
  [16_000, 8000],
  [44_100, 8000],
  [11_025, 16_000],
  [8000, 16_000],
  [16_000, 44_100],
] as const;

describe.each(RATES)("%i Hz to %i Hz", (from, to) => {
  const resample = createResampler(from, to);
  const lower = Math.min(from, to) / 2;

  it.each([0.01, 0.1, 0.5, 0.9])("keeps a tone of %d of half the lower rate, its height and its phase", (part) => {
    expect(error(resample(tone(part * lower, from)), tone(part * lower, to))).toBeLessThan(2e-5);
  });

  it("keeps a constant", () => {
    expect(error(resample(new Float32Array(from).fill(0.75)), new Float32Array(to).fill(0.75))).toBeLessThan(1e-7);
  });
});

// What is above half the new rate would come back below it.
it.each(RATES.filter(([from, to]) => to < from))("%i Hz to %i Hz stops what has no place there", (from, to) => {
  const resample = createResampler(from, to);
  for (const part of [1.001, 1.01, 1.1, 1.3]) {
    expect(error(resample(tone((part * to) / 2, from)), new Float32Array(to))).toBeLessThan(1e-5);
  }
});

describe("the ends", () => {
  it("begins where the sound begins, and has all samples before its end", () => {
    expect(resampledLength(16_000, 16_000, 8000)).toBe(8000);
    expect(resampledLength(3, 16_000, 8000)).toBe(2);
    expect(resampledLength(441, 44_100, 16_000)).toBe(160);
    expect(resampledLength(442, 44_100, 16_000)).toBe(161);
    expect(createResampler(8000, 16_000)(new Float32Array(0))).toHaveLength(0);
  });

  it("has a click where it was", () => {
    const click = new Float32Array(300);
    click[100] = 1;
    const heard = createResampler(8000, 16_000)(click);
    expect(heard.indexOf(Math.max(...heard))).toBe(200);
    // Symmetric around it.
    for (let k = 1; k < 90; k++) expect(heard[200 + k]).toBeCloseTo(heard[200 - k] ?? NaN, 6);
  });

  it("gives a copy where there is nothing to do", () => {
    const sound = Float32Array.of(1, 2, 3);
    const copy = createResampler(8000, 8000)(sound);
    expect(copy).toEqual(sound);
    expect(copy).not.toBe(sound);
  });
});

describe("files", () => {
  it("of any rate are heard at one", () => {
    const heard = createWavResampler(8000);
    const file = (rate: number): ReturnType<typeof openWav> =>
      openWav(writeWav(tone(440, rate), { sampleRate: rate, format: "float32" }));
    const same = file(8000);
    expect(heard(same)).toBe(same);
    const other = heard(file(44_100));
    expect([other.sampleRate, other.frames, other.format]).toEqual([8000, 8000, "32-bit float"]);
    expect(error(other.read(), tone(440, 8000))).toBeLessThan(2e-5);
  });
});

it.each([
  [0, 8000, "from is 0 Hz, but must be a whole number from 1 to 768000."],
  [8000, 1e6, "to is 1000000 Hz, but must be a whole number from 1 to 768000."],
  [8000.5, 8000, "from is 8000.5 Hz, but must be a whole number from 1 to 768000."],
  [
    44_101,
    44_100,
    "rates 44101 and 44100 Hz take 5733000 weights, but at most 4194304 are made; choose two with a larger common divisor.",
  ],
  [768_000, 1, "rates 768000 and 1 Hz take 98304000 weights, but at most 4194304 are made"],
])("refuses %d Hz to %d Hz", (from, to, said) => {
  expect(sentence(() => createResampler(from, to))).toContain(said);
});
