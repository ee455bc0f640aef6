/** The learning curves of a run as an SVG picture: a string, so that it needs neither a page nor a library. */

import type { Rule } from "../tasks/presets.ts";
import type { Curve, RuleResult } from "../train/summary.ts";
import { COLORS, line, picture, polyline, round, spread, text, type Point } from "./svg.ts";

export interface FigureOptions {
  readonly title: string;
  /** One line below the title: what was run, and on what. */
  readonly subtitle: string;
  readonly curves: readonly Curve[];
  /** Marks the test accuracy of each rule at the right edge. */
  readonly results: readonly Pick<RuleResult, "rule" | "testAccuracy">[];
  /** Accuracy of guessing. */
  readonly chance: number;
}

interface Look {
  readonly label: string;
  readonly color: string;
  readonly dashes: string;
}

const WIDTH = 720;
const HEIGHT = 420;
const PLOT = { left: 52, right: 516, top: 88, bottom: 370 };
const MARK_X = PLOT.right + 10;
/** Height of a label: its name and its figure. */
const LABEL_HEIGHT = 36;
/** Part of the run over which a curve is averaged. */
const SMOOTHING = 0.05;
const X_TICKS = 4;

/** Dashes tell the rules apart without any colour. */
const LOOKS: Readonly<Record<Rule, Look>> = {
  local: { label: "local errors", color: COLORS.blue, dashes: "" },
  instantaneous: { label: "instantaneous errors", color: COLORS.orange, dashes: "8 4" },
  "read-out only": { label: "read-out only", color: COLORS.grey, dashes: "2 3" },
};

/** Draws training accuracy over steps, smoothed over 5 % of the run, and the test accuracies. Width 720, white ground. */
export function learningCurves({ title, subtitle, curves, results, chance }: FigureOptions): string {
  const steps = Math.max(1, ...curves.flatMap(({ points }) => points.map(({ step }) => step)));
  const xOf = (step: number): number => PLOT.left + ((PLOT.right - PLOT.left) * step) / steps;
  const known = results.filter(({ testAccuracy }) => Number.isFinite(testAccuracy));
  const summary = known.map(({ rule, testAccuracy }) => `${LOOKS[rule].label} ${percent(testAccuracy)}`).join(", ");
  const description = `Accuracy over training steps. Test accuracy: ${summary}.`;
  return picture({ width: WIDTH, height: HEIGHT, title, subtitle, description }, [
    ...yAxis(),
    ...xAxis(steps, xOf),
    ...chanceLine(chance),
    ...curves.flatMap((curve) => curveLines(curve, xOf)),
    ...testMarks(known),
  ]);
}

function yAxis(): string[] {
  const ticks = [0, 20, 40, 60, 80, 100].flatMap((value) => {
    const y = yOf(value / 100);
    return [
      line({ x: PLOT.left, y }, { x: PLOT.right, y }, value === 0 ? 'stroke="#555"' : 'stroke="#e4e4e4"'),
      text({ x: PLOT.left - 8, y: y + 4.5 }, String(value), 'text-anchor="end"'),
    ];
  });
  const caption = text({ x: 16, y: PLOT.top - 10 }, "accuracy on the training stream, %", 'fill="#555" font-size="12"');
  return [...ticks, caption];
}

function xAxis(steps: number, xOf: (step: number) => number): string[] {
  const ticks = Array.from({ length: X_TICKS + 1 }, (_, i) => Math.round((steps * i) / X_TICKS));
  return [
    ...ticks.map((step) =>
      text({ x: xOf(step), y: PLOT.bottom + 20 }, step.toLocaleString("en-US"), 'text-anchor="middle"'),
    ),
    text({ x: PLOT.right, y: PLOT.bottom + 40 }, "training steps", 'text-anchor="end" fill="#555" font-size="12"'),
  ];
}

function chanceLine(chance: number): string[] {
  const y = yOf(chance);
  return [
    line({ x: PLOT.left, y }, { x: PLOT.right, y }, 'stroke="#999" stroke-dasharray="1 4" stroke-linecap="round"'),
    text(
      { x: PLOT.right - 4, y: y - 6 },
      `chance ${Math.round(100 * chance)} %`,
      'text-anchor="end" fill="#666" font-size="12"',
    ),
  ];
}

/** The values as they were, faint, and their running mean. */
function curveLines({ rule, points }: Curve, xOf: (step: number) => number): string[] {
  const known = points.flatMap(({ step, accuracy }) => (accuracy === null ? [] : [{ step, accuracy }]));
  if (known.length === 0) return [];
  const { color, dashes } = LOOKS[rule];
  const means = smooth(known.map(({ accuracy }) => accuracy));
  const pathOf = (values: readonly number[]): Point[] =>
    known.map(({ step }, i) => ({ x: xOf(step), y: yOf(values[i] ?? 0) }));
  const raw = pathOf(known.map(({ accuracy }) => accuracy));
  const dashed = dashes === "" ? "" : ` stroke-dasharray="${dashes}"`;
  return [
    polyline(raw, `stroke="${color}" stroke-opacity="0.25"`),
    polyline(pathOf(means), `stroke="${color}" stroke-width="2.5" stroke-linejoin="round"${dashed}`),
  ];
}

/** A diamond at each test accuracy, and beside it what it says, moved up or down where labels would touch. */
function testMarks(results: FigureOptions["results"]): string[] {
  const sorted = [...results].sort((a, b) => b.testAccuracy - a.testAccuracy);
  const places = spread(
    sorted.map(({ testAccuracy }) => yOf(testAccuracy)),
    LABEL_HEIGHT,
    PLOT.bottom,
  );
  return sorted.flatMap(({ rule, testAccuracy }, i) => {
    const { color, label } = LOOKS[rule];
    const y = yOf(testAccuracy);
    const place = places[i] ?? y;
    const x = MARK_X + 22;
    return [
      `<path d="M${MARK_X} ${round(y - 6)}l6 6l-6 6l-6 -6z" fill="${color}"/>`,
      line({ x: MARK_X + 8, y }, { x: x - 4, y: place }, `stroke="${color}" stroke-opacity="0.6"`),
      text({ x, y: place - 3 }, label, `fill="${color}" font-weight="600"`),
      text({ x, y: place + 14 }, `test ${percent(testAccuracy)}`, `fill="${color}"`),
    ];
  });
}

/** Running mean over `SMOOTHING` of the values: as narrow as it must be at the start, where a curve is steep. */
function smooth(values: readonly number[]): number[] {
  const reach = Math.max(1, Math.round((SMOOTHING * values.length) / 2));
  return values.map((_, i) => {
    const ahead = Math.min(reach, i);
    const window = values.slice(i - ahead, i + ahead + 1);
    return window.reduce((sum, value) => sum + value, 0) / window.length;
  });
}

function yOf(accuracy: number): number {
  return PLOT.bottom - (PLOT.bottom - PLOT.top) * accuracy;
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}
