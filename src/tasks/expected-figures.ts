/** What a right simulator comes to in the teacher-student experiments, as plain data, and whether a run came to it. */

import { BIN, type Experiment, type Way } from "./teacher-student.ts";

/** Bounds, both included. */
export type Range = readonly [least: number, most: number];

/** A number that a run comes to; times are in the experiment's unit. */
export type Figure =
  /** Squared error of the output, mean over batch rows and the time from `from` to `time`. */
  | { readonly kind: "error"; readonly from: number; readonly time: number }
  /** A parameter of the student, by its place among the experiment's. */
  | { readonly kind: "parameter"; readonly index: number; readonly time: number }
  /** The largest distance of a parameter from the teacher's. */
  | { readonly kind: "distance"; readonly time: number };

export interface Expectation {
  readonly figure: Figure;
  /** What an independent implementation in f64 came to, from a few starts; null if that is not known. */
  readonly quoted: Range | null;
  /** What this project's f64 reference came to, from 40 starts where they are drawn, widened; null if that is not known. */
  readonly measured: Range | null;
}

export interface Verdict extends Expectation {
  readonly value: number;
  /** Whether the value is inside what is quoted, else inside what was measured, or outside both; none: nothing is known. */
  readonly verdict: "quoted" | "measured" | "outside" | "none";
}

/** What a run leaves behind, as far as figures need it. */
export interface Course {
  readonly points: readonly { readonly step: number; readonly parameters: readonly number[] }[];
  /** Squared errors, means over batch rows and `BIN` steps each. */
  readonly errors: readonly number[];
}

/** The figures of a way to learn, from the start that `seed` draws. */
export function expectationsOf(experiment: Experiment, way: Way, seed: number): Expectation[] {
  const isQuoted = seed === experiment.seed;
  return experiment.name === "lagline" ? ofLagLine(way, isQuoted) : isQuoted ? ofLagNet(way) : ofOtherStart(way);
}

/** Judges a run; figures that come after its end are left out. */
export function verdictsOf(expectations: readonly Expectation[], experiment: Experiment, course: Course): Verdict[] {
  const end = (course.points.at(-1)?.step ?? 0) * experiment.dt;
  return expectations
    .filter(({ figure }) => figure.time <= end)
    .map((expectation) => {
      const value = valueOf(experiment, expectation.figure, course);
      return { ...expectation, value, verdict: verdictOf(expectation, value) };
    });
}

/** A figure for people. */
export function nameOf({ parameters }: Experiment, figure: Figure): string {
  const at = `t = ${figure.time}`;
  if (figure.kind === "error") return `squared error, mean over t = ${figure.from} to ${figure.time}`;
  if (figure.kind === "parameter") return `${parameters[figure.index]?.label ?? "parameter"} at ${at}`;
  return `largest distance from the teacher at ${at}`;
}

function valueOf({ dt, parameters }: Experiment, figure: Figure, { points, errors }: Course): number {
  if (figure.kind === "error") {
    const bins = errors.slice(Math.round(figure.from / dt / BIN), Math.round(figure.time / dt / BIN));
    return bins.reduce((sum, error) => sum + error, 0) / bins.length;
  }
  // A window of the adjoint may have ended a little before that time: until then nothing changed.
  const point = points.findLast(({ step }) => step <= Math.round(figure.time / dt));
  const values = point?.parameters ?? [];
  if (figure.kind === "parameter") return values[figure.index] ?? NaN;
  return Math.max(...parameters.map(({ teacher }, i) => Math.abs((values[i] ?? NaN) - teacher)));
}

function verdictOf({ quoted, measured }: Expectation, value: number): Verdict["verdict"] {
  const isIn = (range: Range | null): boolean => range !== null && value >= range[0] && value <= range[1];
  if (isIn(quoted)) return "quoted";
  if (isIn(measured)) return "measured";
  return quoted === null && measured === null ? "none" : "outside";
}

// ---- LagLine ------------------------------------------------------------------------------------------------

/** Errors are means over 250 units of time; parameters are those at the end. */
function ofLagLine({ rule, schedule }: Way, isQuoted: boolean): Expectation[] {
  switch (rule) {
    case "local":
      return schedule === "jacobi" ? LAGLINE_JACOBI : LAGLINE_SWEEP;
    case "instantaneous":
      return LAGLINE_INSTANTANEOUS;
    case "adjoint":
      // Adam sees one gradient in 400 steps: it comes much less far in this time, and how far depends on the start.
      return [error(0, 250, null, [0.05, 0.6]), error(750, 1000, null, isQuoted ? [6e-6, 1e-5] : [1e-6, 2e-2])];
  }
}

/**
 * The student ends beside the teacher: it compares its output with the target of the next step. How fast it gets there
 * depends on the start. Quoted from five starts, and widened by half of the last digit.
 */
const LAGLINE_JACOBI: Expectation[] = [
  error(0, 250, [0.115, 0.235], [0.05, 0.6]),
  error(250, 500, [9.5e-6, 3.5e-5], [5e-6, 5e-3]),
  error(450, 600, null, [5e-6, 5e-5]),
  error(750, 1000, [5.15e-6, 5.65e-6], [5e-6, 6.5e-6]),
  parameter(0, 1000, [0.9945, 1.0015], [0.96, 1.02]),
  parameter(1, 1000, [1.9895, 1.9925], [1.98, 2.01]),
  parameter(2, 1000, [0.9255, 0.9335], [0.9, 0.97]),
  parameter(3, 1000, [2.095, 2.125], [2, 2.18]),
];

/**
 * Without that delay the student becomes the teacher, in f64 to an error of 1e-14. From 3 starts of 40 it is still on its
 * way: Adam's epsilon slows it where gradients are small. Quoted from two starts.
 */
const LAGLINE_SWEEP: Expectation[] = [
  error(0, 250, [0.165, 0.205], [0.05, 0.6]),
  error(250, 500, [7.5e-6, 2.5e-5], [1e-6, 5e-3]),
  error(500, 750, [7.5e-8, 1.5e-6], [0, 1e-5]),
  error(750, 1000, [0, 1e-9], [0, 2e-9]),
  // To three decimals.
  ...[1, 2, 1, 2].map((teacher, index) => parameter(index, 1000, around(teacher, 5e-4), around(teacher, 1e-2))),
];

/** Both time constants end at the least that they may be. */
const LAGLINE_INSTANTANEOUS: Expectation[] = [
  error(450, 600, null, [5e-3, 5e-2]),
  error(750, 1000, [1.265e-2, 1.275e-2], [1.2e-2, 1.35e-2]),
  parameter(0, 1000, [-0.06, -0.05], [-0.07, -0.04]),
  parameter(1, 1000, [2.09, 2.1], [2.08, 2.11]),
  parameter(2, 1000, around(0.1, 1e-6), null),
  parameter(3, 1000, around(0.1, 1e-6), null),
];

// ---- LagNet -------------------------------------------------------------------------------------------------

function ofLagNet({ rule, schedule }: Way): Expectation[] {
  switch (rule) {
    case "local":
      return schedule === "jacobi" ? LAGNET_JACOBI : LAGNET_SWEEP;
    case "instantaneous":
      return LAGNET_INSTANTANEOUS;
    case "adjoint":
      return LAGNET_ADJOINT;
  }
}

/** Beside the teacher, too, for the same reason as in LagLine. */
const LAGNET_JACOBI: Expectation[] = [
  ...[8.9e-3, 2.5e-3, 6.2e-4, 2.3e-4, 1.0e-4].map((value, i) => error(100 * i, 100 * (i + 1), near(value, 0.06), null)),
  error(900, 1000, near(3.6e-5, 0.06), null),
  parameter(0, 1000, around(-0.493, 1e-3), null),
  parameter(1, 1000, around(1.032, 1e-3), null),
];

const LAGNET_SWEEP: Expectation[] = [
  error(0, 100, null, near(8.9e-3, 0.06)),
  error(400, 500, null, near(2.7e-5, 0.1)),
  error(900, 1000, null, near(7.3e-8, 0.2)),
  parameter(0, 1000, null, around(-0.499, 1e-3)),
  parameter(1, 1000, null, around(1.0005, 1e-3)),
];

/** Goes away from the teacher. */
const LAGNET_INSTANTANEOUS: Expectation[] = [
  error(0, 100, null, near(8.7e-3, 0.06)),
  error(900, 1000, null, near(9.6e-2, 0.1)),
];

/** Quoted for one schedule and used for both: they differ by less. */
const LAGNET_ADJOINT: Expectation[] = [
  ...[4.8e-3, 1.6e-5, 1.8e-7, 2.4e-9].map((value, i) => error(200 * i, 200 * (i + 1), near(value, 0.2), null)),
  error(800, 1000, near(1.6e-11, 0.4), [0, 1e-10]),
  { figure: { kind: "distance", time: 600 }, quoted: [0, 1e-3], measured: null },
  parameter(0, 1000, around(-0.5, 5e-5), null),
  parameter(1, 1000, around(1, 5e-5), null),
];

/** From starts between -1 and 1, where no figures are quoted: all come near the same end, the far ones late. */
function ofOtherStart({ rule, schedule }: Way): Expectation[] {
  switch (rule) {
    case "local":
      return schedule === "jacobi"
        ? ending([1e-5, 5e-5], [-0.52, -0.485], [1.02, 1.04])
        : ending([1e-9, 3e-5], [-0.52, -0.495], [0.985, 1.005]);
    case "instantaneous":
      return [error(900, 1000, null, [1e-3, 2])];
    case "adjoint":
      return ending([0, 3e-3], [-0.65, -0.499], [0.999, 1.15]);
  }
}

function ending(last: Range, fast: Range, slow: Range): Expectation[] {
  return [error(900, 1000, null, last), parameter(0, 1000, null, fast), parameter(1, 1000, null, slow)];
}

// ---- writing them down --------------------------------------------------------------------------------------

function error(from: number, time: number, quoted: Range | null, measured: Range | null): Expectation {
  return { figure: { kind: "error", from, time }, quoted, measured };
}

function parameter(index: number, time: number, quoted: Range | null, measured: Range | null): Expectation {
  return { figure: { kind: "parameter", index, time }, quoted, measured };
}

function around(value: number, distance: number): Range {
  return [value - distance, value + distance];
}

function near(value: number, share: number): Range {
  return [value * (1 - share), value * (1 + share)];
}
