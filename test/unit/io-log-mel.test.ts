import { describe, expect, it } from "vitest";
import { toFloat32, type NumericArray } from "../../src/io/array.ts";
import { createLogMel, melFrames, speechFrontEnd, standardize, stretch } from "../../src/io/log-mel.ts";
import { readNpz } from "../../src/io/npz.ts";
import { fixture, sentence } from "./io-files.ts";

// Written anew with numpy.fft in f64 by test/fixtures/io/make.py.
const expected = readNpz(fixture("log-mel.npz"));

function get(name: string): NumericArray {
  const array = expected.get(name);
  if (array === undefined) throw new Error(`log-mel.npz has no ${name}.`);
  return array;
}

const sound = toFloat32(get("sound"));

/** Largest difference, relative to the expected value or, where that is below 1, as it is. */
function error(found: Float32Array, wanted: ArrayLike<number | bigint>): number {
  expect(found).toHaveLength(wanted.length);
  return found.reduce((most, value, i) => {
    const right = Number(wanted[i]);
    return Math.max(most, Math.abs(value - right) / Math.max(1, Math.abs(right)));
  }, 0);
}

describe("the spectrogram beside numpy.fft", () => {
  it("with the settings of Speech Commands: 41 frames of 32 mels for a second", () => {
    const found = createLogMel(speechFrontEnd.mel)(sound);
    expect(found.shape).toEqual([41, 32]);
    // Both are f64 until the last rounding to f32, half an ulp of which is 6e-8.
    expect(error(toFloat32(found), get("plain").data)).toBeLessThan(1e-6);
  });

  it("with others: a short window in the middle, limits of the bands", () => {
    const logMel = createLogMel({
      sampleRate: 8000,
      fftSize: 256,
      hop: 100,
      mels: 20,
      low: 50,
      high: 3800,
      windowLength: 200,
    });
    const found = logMel(sound.subarray(0, 3000));
    expect(found.shape).toEqual([31, 20]);
    expect(error(toFloat32(found), get("short").data)).toBeLessThan(1e-6);
    // Nothing of a sound is left for the next.
    logMel(sound);
    expect(logMel(sound.subarray(0, 3000)).data).toEqual(found.data);
  });

  it("standardised and stretched: 820 steps", () => {
    const standard = standardize(toFloat32(createLogMel(speechFrontEnd.mel)(sound)));
    const found = stretch(standard, 32, speechFrontEnd.stretch);
    expect(found).toHaveLength(820 * 32);
    const every7th = Float32Array.from(
      { length: 118 * 32 },
      (_, i) => found[Math.floor(i / 32) * 7 * 32 + (i % 32)] ?? NaN,
    );
    expect(error(every7th, get("stretched").data)).toBeLessThan(1e-5);
  });
});

it("gives the floor for silence", () => {
  const { data } = createLogMel({ sampleRate: 16_000 })(new Float32Array(16_000));
  expect(new Set(data as Float32Array)).toEqual(new Set([Math.fround(Math.log2(1e-9))]));
  expect(new Set(standardize(data as Float32Array))).toEqual(new Set([0]));
});

it("finds a tone in the band that has its frequency", () => {
  const tone = Float32Array.from({ length: 4096 }, (_, n) => Math.sin((2 * Math.PI * 1000 * n) / 16_000));
  const { data } = createLogMel({ sampleRate: 16_000 })(tone);
  // 1000 Hz are 1000 mel, of 2840 at 8 kHz; bands have their peaks at multiples of 2840 / 33, the nearest is the 12th.
  const frame = Array.from(data as Float32Array).slice(5 * 32, 6 * 32);
  expect(frame.indexOf(Math.max(...frame))).toBe(11);
});

it("stretches a ramp to a ramp between the middles of its steps", () => {
  expect([...stretch(Float32Array.of(0, 10, 4, 14), 2, 2)]).toEqual([0, 10, 1, 11, 3, 13, 4, 14]);
});

it("counts frames as it makes them", () => {
  expect(melFrames(16_000, {})).toBe(41);
  for (const samples of [513, 799, 800, 801]) {
    expect(createLogMel({ sampleRate: 16_000 })(new Float32Array(samples)).shape[0]).toBe(melFrames(samples, {}));
  }
});

it("refuses settings and sounds that have no spectrogram", () => {
  const settings = (change: object): string => sentence(() => createLogMel({ sampleRate: 16_000, ...change }));
  expect(settings({ sampleRate: 0 })).toBe("sampleRate is 0, but must be a number of Hz, at most 1,000,000.");
  expect(settings({ fftSize: 1000 })).toBe("fftSize is 1000, but must be a power of two from 4 to 65,536.");
  expect(settings({ hop: 0 })).toBe("hop is 0, but must be a whole number from 1 to 1,000,000.");
  expect(settings({ windowLength: 1025 })).toBe(
    "windowLength is 1025, but must be a whole number from 1 to fftSize (1024).",
  );
  expect(settings({ mels: 2.5 })).toBe("mels is 2.5, but must be a whole number from 1 to 4096.");
  expect(settings({ low: 8000 })).toBe("low is 8000, but must be 0 Hz or more, below high (8000).");
  expect(settings({ high: 9000 })).toBe("high is 9000, but must be at most half the sample rate (8000 Hz).");
  expect(settings({ floor: 0 })).toBe("floor is 0, but must be above 0.");
  expect(sentence(() => createLogMel({ sampleRate: 16_000 })(new Float32Array(512)))).toBe(
    "samples are 512, but must be more than 512, half of fftSize; lower it, or pad the sound.",
  );
});
