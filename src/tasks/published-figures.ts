/**
 * What was published of the experiments that `npm run reproduce` trains, and what independent runs of the same
 * configurations gave. Accuracies are parts of 1; deviations are those of a population over seeds.
 */

import type { Rule } from "./presets.ts";

export interface PublishedPoint {
  /** From 1. */
  readonly epoch: number;
  readonly mean: number;
  readonly deviation: number;
}

/** A learning curve of the published rule. */
export interface PublishedCurve {
  /** Which part of the data it was measured on. */
  readonly part: "validation" | "test";
  readonly points: readonly PublishedPoint[];
  /** At the end, for each seed where it is known which is whose. */
  readonly ofSeeds: Readonly<Record<number, number>>;
}

/** Where a run ends, if it is of one of the lengths that are known. */
export interface KnownEnd {
  readonly rule: Rule;
  readonly epochs: number;
  /** With a fixed course of the rate in place of the published one. */
  readonly isAnnealed: boolean;
  readonly value: number;
  /** What counts as the same: the run's own spread, and that of one test, widened. */
  readonly range: readonly [least: number, most: number];
  readonly source: string;
}

function curve(part: PublishedCurve["part"], points: readonly (readonly [number, number, number])[]): PublishedCurve {
  return {
    part,
    points: points.map(([epoch, mean, deviation]) => ({ epoch, mean: mean / 100, deviation: deviation / 100 })),
    ofSeeds: {},
  };
}

/** Ten seeds each, from the result files of Generalized Latent Equilibrium. */
export const CURVE_15K: PublishedCurve = {
  ...curve("test", [
    [1, 13.5, 3.9],
    [5, 37.7, 7.1],
    [10, 45.8, 6.2],
    [20, 51.2, 10.5],
    [30, 60.8, 9.3],
    [50, 87.7, 6.0],
    [75, 91.5, 0.9],
    [100, 91.7, 0.8],
    [150, 91.7, 0.8],
  ]),
  ofSeeds: {
    12: 0.912,
    32: 0.927,
    34: 0.901,
    42: 0.926,
    54: 0.913,
    56: 0.923,
    69: 0.912,
    76: 0.924,
    78: 0.912,
    98: 0.922,
  },
};

export const CURVE_42K = curve("test", [
  [10, 52.4, 7.7],
  [50, 90.4, 4.1],
  [75, 93.4, 0.9],
  [150, 93.5, 0.9],
]);

export const CURVE_STATIC = curve("test", [
  [5, 51.7, 8],
  [30, 66.4, 9.7],
  [50, 89.4, 1.2],
  [150, 90.9, 0.6],
]);

/** Accuracy of validation. Which curve is whose seed is not known. */
export const CURVE_GSC = curve("validation", [
  [1, 42.9, 3.9],
  [10, 56.6, 3.8],
  [50, 71.2, 4.0],
  [100, 80.5, 4.5],
  [150, 86.3, 3.0],
  [200, 89.8, 0.65],
  [300, 91.15, 0.3],
  [420, 91.44, 0.22],
]);

const RERUN = "an independent implementation in NumPy, one seed";

export const ENDS_15K: readonly KnownEnd[] = [
  {
    rule: "local",
    epochs: 20,
    isAnnealed: true,
    value: 0.88,
    range: [0.84, 0.92],
    source: RERUN,
  },
  {
    rule: "instantaneous",
    epochs: 20,
    isAnnealed: true,
    value: 0.36,
    range: [0.26, 0.46],
    source: RERUN,
  },
  {
    rule: "instantaneous",
    epochs: 40,
    isAnnealed: false,
    value: 0.34,
    range: [0.26, 0.46],
    source: `${RERUN}: 31 to 37 %`,
  },
];

export const ENDS_YIN_YANG: readonly KnownEnd[] = [
  {
    rule: "local",
    epochs: 15,
    isAnnealed: false,
    value: 0.987,
    range: [0.96, 0.993],
    source: "artificial neurons of this size over 300 epochs, in the publication of the data set: 98.7 +- 0.3 %",
  },
];

const SPOKEN = "an independent implementation in NumPy, three seeds, four epochs";

export const ENDS_SPOKEN: readonly KnownEnd[] = [
  { rule: "local", epochs: 5, isAnnealed: false, value: 0.98, range: [0.955, 1], source: SPOKEN },
  { rule: "instantaneous", epochs: 5, isAnnealed: false, value: 0.979, range: [0.955, 1], source: SPOKEN },
  { rule: "read-out only", epochs: 5, isAnnealed: false, value: 0.768, range: [0.7, 0.9], source: SPOKEN },
];

/** Other networks on MNIST-1D, as published beside these curves: means and deviations over ten seeds. */
export const OTHER_NETWORKS = [
  { name: "multi-layer perceptron", mean: 0.655, deviation: 0.01 },
  { name: "temporal convolution", mean: 0.967, deviation: 0.009 },
  { name: "gated recurrent units", mean: 0.94, deviation: 0.011 },
] as const;
