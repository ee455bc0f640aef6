import { describe, expect, test } from "vitest";
import { SpecError } from "../../src/errors.ts";
import { createYinYang, YIN_YANG_SETS, yinYangClass } from "../../src/tasks/yin-yang.ts";

/** Points of the same description, drawn by NumPy and printed in full: numbers of its generator, hence equal bits. */
const SETS = {
  train: {
    labels: [2, 1, 2, 1, 1, 1, 0, 2, 2, 0, 1, 1],
    counts: [1681, 1702, 1617],
    first: [0.6803075385877797, 0.450499251969543, 0.3196924614122203, 0.549500748030457],
    last: [0.7690797231107925, 0.5883389337522971, 0.23092027688920747, 0.41166106624770293],
  },
  validation: {
    labels: [0, 1, 0, 0, 2, 1, 1, 1, 1, 2, 2, 2],
    counts: [316, 336, 348],
    first: [0.6805727261759029, 0.3209733938933629, 0.3194272738240971, 0.6790266061066371],
    last: [0.7107040957004825, 0.804733352731108, 0.28929590429951746, 0.19526664726889198],
  },
  test: {
    labels: [2, 2, 1, 1, 1, 2, 2, 0, 2, 2, 0, 1],
    counts: [350, 316, 334],
    first: [0.23409664559563403, 0.4017249751828972, 0.765903354404366, 0.5982750248171028],
    last: [0.32834060537145815, 0.3899830419619741, 0.6716593946285419, 0.6100169580380259],
  },
} as const;

describe("P21: Yin-Yang", () => {
  test.each(["train", "validation", "test"] as const)("the set that publications use for %s", (name) => {
    const { count, features, labels } = createYinYang(YIN_YANG_SETS[name]);
    const expected = SETS[name];
    expect(count).toBe(name === "train" ? 5000 : 1000);
    expect(features).toHaveLength(4 * count);
    expect([...labels.subarray(0, 12)]).toEqual(expected.labels);
    expect([0, 1, 2].map((label) => labels.filter((other) => other === label).length)).toEqual(expected.counts);
    expect([...features.subarray(0, 4)]).toEqual(expected.first);
    expect([...features.subarray(-4)]).toEqual(expected.last);
  });

  test("every point lies in the disk and in its class, and its mirror image beside it", () => {
    const { features, labels } = createYinYang();
    const wrong = [...labels.keys()].filter((sample) => {
      const [x = NaN, y = NaN, mirroredX, mirroredY] = features.subarray(4 * sample, 4 * sample + 4);
      const inPlace = Math.hypot(x - 0.5, y - 0.5) <= 0.5 && yinYangClass(x, y) === labels[sample];
      return !(inPlace && mirroredX === 1 - x && mirroredY === 1 - y);
    });
    expect(labels).toHaveLength(5000);
    expect(wrong).toEqual([]);
  });

  test.each<[string, number, ...(readonly [number, number])[]]>([
    ["the dots", 2, [0.25, 0.5], [0.75, 0.5], [0.3, 0.42]],
    ["yin: the left lobe around its dot, and above without the right lobe", 1, [0.25, 0.62], [0.25, 0.3], [0.5, 0.8]],
    ["yang: the right lobe around its dot, and below without the left lobe", 0, [0.75, 0.62], [0.75, 0.3], [0.5, 0.2]],
  ])("%s", (_, label, ...points) => {
    expect(points.map(([x, y]) => yinYangClass(x, y))).toEqual([label, label, label]);
  });

  test("by default it is the set for training, and a smaller set is its start", () => {
    const whole = createYinYang();
    expect(whole).toEqual(createYinYang(YIN_YANG_SETS.train));
    const { features, labels } = createYinYang({ samples: 7 });
    expect(features).toEqual(whole.features.slice(0, 28));
    expect(labels).toEqual(whole.labels.slice(0, 7));
  });

  test("refuses what is no number of samples and no seed", () => {
    expect(() => createYinYang({ samples: 0 })).toThrow(SpecError);
    expect(() => createYinYang({ samples: 2.5 })).toThrow("yinYang.samples is 2.5; expected an integer of at least 1.");
    expect(() => createYinYang({ seed: -1 })).toThrow("seed is -1, but must be an integer from 0 to 4294967295.");
  });
});
