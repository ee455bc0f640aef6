import { describe, expect, it } from "vitest";
import { SpecError } from "../../src/errors.ts";
import { copyRecallData, type CopyRecallOptions } from "../../src/tasks/copy-recall.ts";
import type { Samples } from "../../src/tasks/samples.ts";

function labelsOf({ answers }: Samples): number[] {
  return answers.kind === "classes" ? [...answers.labels] : [];
}

/** For each frame of a sample the channel that is 1, or -1 for none. */
function shownIn({ inputs, frames, channels }: Samples, sample: number): number[] {
  return Array.from({ length: frames }, (_, frame) => {
    const at = (sample * frames + frame) * channels;
    const values = [...inputs.subarray(at, at + channels)];
    expect(values.filter((value) => value !== 0 && value !== 1)).toEqual([]);
    expect(values.filter((value) => value === 1).length).toBeLessThan(2);
    return values.indexOf(1);
  });
}

describe("copy and recall", () => {
  it("shows symbols, nothing, the cue, and compares the symbols in their order", () => {
    const { train, classes } = copyRecallData({ symbols: 5, length: 2, hold: 2, delay: 3 });
    expect(classes).toEqual(["0", "1", "2", "3", "4"]);
    expect([train.count, train.frames, train.channels]).toEqual([400, 13, 6]);
    for (let sample = 0; sample < train.count; sample++) {
      const shown = shownIn(train, sample);
      const [a = NaN, , b = NaN] = shown;
      expect(shown).toEqual([a, a, b, b, -1, -1, -1, 5, 5, -1, -1, -1, -1]);
      const labels = labelsOf(train).slice(13 * sample, 13 * sample + 13);
      expect(labels).toEqual([-1, -1, -1, -1, -1, -1, -1, -1, -1, a, a, b, b]);
    }
  });

  it("has the sizes of the published problem: ten of eight symbols, T + 20 frames", () => {
    const { test } = copyRecallData({ symbols: 8, length: 10, hold: 1, delay: 99, train: 1, test: 2 });
    expect([test.count, test.frames, test.channels]).toEqual([2, 120, 9]);
    expect(labelsOf(test).filter((label) => label >= 0)).toHaveLength(20);
  });

  it("has all symbols about equally often", () => {
    const labels = labelsOf(copyRecallData({ train: 4000, hold: 1 }).train).filter((label) => label >= 0);
    expect(labels).toHaveLength(12_000);
    for (let symbol = 0; symbol < 4; symbol++) {
      // Four deviations of a binomial count.
      expect(Math.abs(labels.filter((label) => label === symbol).length - 3000)).toBeLessThan(4 * 47.5);
    }
  });

  it("is the same for the same seed, and another for another and in other parts", () => {
    expect(copyRecallData({ seed: 0 })).toEqual(copyRecallData());
    const { train, test } = copyRecallData({ train: 40, test: 40 });
    expect(labelsOf(copyRecallData({ train: 40, seed: 1 }).train)).not.toEqual(labelsOf(train));
    expect(labelsOf(test)).not.toEqual(labelsOf(train));
    expect(copyRecallData({ validation: 0 }).validation).toBeNull();
  });

  it.each<[CopyRecallOptions, string]>([
    [{ symbols: 1 }, "copyRecall.symbols is 1, but must be an integer from 2 to 1000."],
    [{ delay: -1 }, "copyRecall.delay is -1, but must be an integer from 0 to 1000000."],
    [{ test: 0 }, "copyRecall.test is 0, but must be an integer from 1 to 1000000."],
    [{ symbol: 3 } as CopyRecallOptions, 'copyRecall.symbol is not a known field. Did you mean "symbols"?'],
    [{ train: 1e6, symbols: 99 }, "copyRecall would have 1000000 sequences of 45 frames of 100 channels"],
  ])("refuses %j", (options, message) => {
    expect(() => copyRecallData(options)).toThrow(SpecError);
    expect(() => copyRecallData(options)).toThrow(message);
  });
});
