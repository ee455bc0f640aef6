import { describe, expect, it } from "vitest";
import { SpecError } from "../../src/errors.ts";
import { delayedXorData, type DelayedXorOptions } from "../../src/tasks/delayed-xor.ts";
import type { Samples } from "../../src/tasks/samples.ts";

const small = { bit: 2, delay: 1, wait: 3, cue: 2, noise: 0 } as const;

function labelsOf({ answers }: Samples): number[] {
  return answers.kind === "values" ? [] : [...answers.labels];
}

/** The channel of the bits of a sample, and that of the cue. */
function channelsOf({ inputs, frames, channels }: Samples, sample: number): number[][] {
  return Array.from({ length: channels }, (_, channel) =>
    Array.from({ length: frames }, (_, frame) => inputs[(sample * frames + frame) * channels + channel] ?? NaN),
  );
}

describe("delayed exclusive or", () => {
  it("shows a bit, a pause, a bit, a wait and the cue", () => {
    const { train } = delayedXorData(small);
    expect([train.count, train.frames, train.channels]).toEqual([400, 10, 2]);
    for (let sample = 0; sample < 400; sample++) {
      const [bits = [], cue] = channelsOf(train, sample);
      const [a = NaN, b = NaN] = [bits[0], bits[3]];
      expect([Math.abs(a), Math.abs(b)]).toEqual([1, 1]);
      expect(bits).toEqual([a, a, 0, b, b, 0, 0, 0, 0, 0]);
      expect(cue).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
      const label = a === b ? 0 : 1;
      expect(labelsOf(train).slice(10 * sample, 10 * sample + 10)).toEqual([
        -1,
        -1,
        -1,
        -1,
        -1,
        -1,
        -1,
        -1,
        label,
        label,
      ]);
    }
  });

  it("has each of the four pairs in a quarter of every part, in random order", () => {
    const { train, validation, test, classes } = delayedXorData(small);
    expect(classes).toEqual(["same", "different"]);
    for (const part of [train, validation ?? train, test]) {
      const pairs = Array.from({ length: part.count }, (_, sample) => {
        const bits = channelsOf(part, sample)[0] ?? [];
        return `${bits[0]} ${bits[3]}`;
      });
      const counts = ["-1 -1", "-1 1", "1 -1", "1 1"].map((pair) => pairs.filter((each) => each === pair).length);
      expect(counts).toEqual(Array(4).fill(part.count / 4));
      // In the order of a cycle every sample would be as the one four before it.
      const repeats = pairs.filter((pair, i) => pair === pairs[i - 4]).length;
      expect(repeats).toBeLessThan(0.45 * part.count);
    }
  });

  it("has a class for the whole sample, if asked for", () => {
    const [frames, sample] = (["frames", "sample"] as const).map((answer) => delayedXorData({ ...small, answer }).test);
    expect(sample?.answers.kind).toBe("class");
    expect(sample?.inputs).toEqual(frames?.inputs);
    const last = frames === undefined ? [] : labelsOf(frames).filter((_, i) => i % 10 === 9);
    expect(sample === undefined ? [] : labelsOf(sample)).toEqual(last);
    expect(last.filter((label) => label === 1)).toHaveLength(50);
  });

  it("has noise of the given deviation on the bits, and none on the cue", () => {
    const { inputs } = delayedXorData({ noise: 0.3 }).train;
    const clean = delayedXorData({ noise: 0 }).train.inputs;
    const difference = inputs.map((value, i) => value - (clean[i] ?? NaN));
    const noise = difference.filter((_, i) => i % 2 === 0);
    expect(difference.every((value, i) => i % 2 === 0 || value === 0)).toBe(true);
    expect(noise.reduce((sum, x) => sum + x, 0) / noise.length).toBeCloseTo(0, 1);
    expect(Math.sqrt(noise.reduce((sum, x) => sum + x * x, 0) / noise.length)).toBeCloseTo(0.3, 2);
  });

  it("is the same for the same seed, and another for another and in other parts", () => {
    expect(delayedXorData({ seed: 0 })).toEqual(delayedXorData());
    const { train, test } = delayedXorData({ train: 40, test: 40 });
    expect(labelsOf(delayedXorData({ train: 40, seed: 1 }).train)).not.toEqual(labelsOf(train));
    expect(labelsOf(test)).not.toEqual(labelsOf(train));
    expect(delayedXorData({ validation: 0 }).validation).toBeNull();
  });

  it.each<[DelayedXorOptions, string]>([
    [{ train: 10 }, "delayedXor.train is 10, but must be a multiple of 4 from 4 to 1000000."],
    [{ bit: 0 }, "delayedXor.bit is 0, but must be an integer from 1 to 10000."],
    [{ noise: -1 }, "delayedXor.noise is -1, but must be a number from 0 to 100."],
    [
      { answer: "frame" as "frames" },
      'delayedXor.answer is "frame", but must be one of "frames", "sample". Did you mean "frames"?',
    ],
    [{ pause: 3 } as DelayedXorOptions, "delayedXor.pause is not a known field."],
  ])("refuses %j", (options, message) => {
    expect(() => delayedXorData(options)).toThrow(SpecError);
    expect(() => delayedXorData(options)).toThrow(message);
  });
});
