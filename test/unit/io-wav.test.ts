import { describe, expect, it } from "vitest";
import { openWav, writeWav } from "../../src/io/wav.ts";
import { fixture, fuzz, golden, sentence } from "./io-files.ts";
import { chunk, format, riff, sound, u16, u32 } from "./io-makers.ts";

const file = { file: "a.wav" };
it("reads what Python's wave wrote: two channels of 16 bits, as their mean", () => {
  const wav = openWav(fixture("stereo.wav"), file);
  expect(wav).toMatchObject({ sampleRate: 8000, channels: 2, frames: 64, format: "16-bit PCM" });
  const expected = golden["stereo.wav"]?.values.map(Number) ?? [];
  // Sums of two 16-bit numbers over 2^16 are exact in f32.
  expect([...wav.read()]).toEqual(expected);
});

describe("reads every format", () => {
  const f32 = [...new Uint8Array(Float32Array.of(-0.75, 1.5).buffer)];
  const f64 = [...new Uint8Array(Float64Array.of(-0.75, 1.5).buffer)];
  const cases: readonly (readonly [format: string, bytes: Uint8Array, samples: readonly number[]])[] = [
    ["8-bit PCM", sound(1, 1, 8, [0, 128, 255]), [-1, 0, 127 / 128]],
    ["16-bit PCM", sound(1, 1, 16, u16(0x8000, 1, 0x7fff)), [-1, 2 ** -15, 1 - 2 ** -15]],
    ["24-bit PCM", sound(1, 1, 24, [0, 0, 128, 1, 0, 0, 255, 255, 255]), [-1, 2 ** -23, -(2 ** -23)]],
    ["32-bit PCM", sound(1, 1, 32, u32(0x80000000, 256)), [-1, 2 ** -23]],
    ["32-bit float", sound(3, 1, 32, f32), [-0.75, 1.5]],
    ["64-bit float", sound(3, 1, 64, f64), [-0.75, 1.5]],
    ["8-bit PCM", sound(1, 3, 8, [128, 128, 224]), [0.25]],
  ];

  it.each(cases)("%s, sample %#", (name, bytes, samples) => {
    const wav = openWav(bytes, file);
    expect(wav.format).toBe(name);
    expect([...wav.read()]).toEqual(samples);
  });

  const guid = [0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113];
  const extensible = (code: number, tail: readonly number[]): Uint8Array =>
    riff(
      chunk("fmt ", [...format(0xfffe, 1, 16), ...u16(22, 16), ...u32(4), ...u16(code), ...tail]),
      chunk("data", [0, 64]),
    );

  it("extensible", () => {
    expect([...openWav(extensible(1, guid)).read()]).toEqual([0.5]);
    expect(sentence(() => openWav(extensible(1, [...guid.slice(1), 0]), file))).toBe(
      "a.wav: format is one of its own name, but must be PCM or float; save it as 16-bit PCM.",
    );
    expect(sentence(() => openWav(extensible(3, guid), file))).toBe(
      "a.wav: format is code 3 of 16 bits, but must be PCM (1) of 8, 16, 24, 32 or float (3) of 32, 64 bits; save it as 16-bit PCM.",
    );
  });

  it("other chunks, of odd lengths, before and behind", () => {
    const bytes = riff(
      chunk("LIST", [1, 2, 3]),
      chunk("fmt ", format(1, 1, 8)),
      chunk("data", [192]),
      chunk("LIST", [1]),
    );
    expect([...openWav(bytes).read()]).toEqual([0.5]);
  });

  it("a last chunk without its padding", () => {
    const bytes = sound(1, 1, 8, [192]);
    expect([...openWav(bytes.subarray(0, bytes.length - 1)).read()]).toEqual([0.5]);
  });

  it("no samples", () => {
    expect(openWav(sound(1, 2, 16, [])).read()).toHaveLength(0);
  });
});

describe("refusing", () => {
  it("more than the cap, before it is allocated", () => {
    expect(sentence(() => openWav(sound(1, 1, 8, [0, 0, 0]), { ...file, maxBytes: 11 }))).toBe(
      "a.wav: data is 12 bytes when read, but must be at most 11; read less of it, or raise maxBytes.",
    );
    expect(openWav(sound(1, 1, 8, [0, 0, 0]), { maxBytes: 12 }).frames).toBe(3);
  });
});

describe("writing", () => {
  it("gives back every 16-bit sample", () => {
    const samples = Float32Array.from({ length: 65536 }, (_, i) => (i - 32768) / 32768);
    const wav = openWav(writeWav(samples, { sampleRate: 16_000 }));
    expect(wav).toMatchObject({ sampleRate: 16_000, channels: 1, format: "16-bit PCM" });
    expect(wav.read()).toEqual(samples);
  });

  it("clips and rounds 16-bit samples, keeps floats", () => {
    const samples = Float32Array.of(2, -2, 1e-6, 0.1);
    expect([...openWav(writeWav(samples, { sampleRate: 1 })).read()]).toEqual([1 - 2 ** -15, -1, 0, 3277 / 32768]);
    expect(openWav(writeWav(samples, { sampleRate: 1, format: "float32" })).read()).toEqual(samples);
  });

  it("gives the bytes that Python's wave was seen to read", () => {
    expect(writeWav(Float32Array.of(0, 0.5, -1), { sampleRate: 8000 })).toEqual(sound(1, 1, 16, u16(0, 16384, 0x8000)));
  });

  it("refuses what no file can hold", () => {
    expect(sentence(() => writeWav(Float32Array.of(0, NaN), { sampleRate: 8000 }))).toBe(
      "samples[1] is NaN, but must be a finite number.",
    );
    expect(sentence(() => writeWav(Float32Array.of(0), { sampleRate: 0.5 }))).toBe(
      "sampleRate is 0.5, but must be a whole number from 1 to 768000.",
    );
  });
});

it("reads or refuses damaged files, in memory of at most four times the file", () => {
  const files = [fixture("stereo.wav"), sound(1, 1, 8, [1, 2, 3]), sound(3, 1, 32, u32(1, 2, 3, 4))];
  const { read, refused } = fuzz(files, (bytes) => openWav(bytes).read());
  expect(read).toBeGreaterThan(50);
  expect(refused).toBeGreaterThan(1500);
});
