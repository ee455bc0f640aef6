/** The learning curves of a run as an SVG picture: a string, so that it needs neither a page nor a library. */

import type { Rule } from "../tasks/presets.ts";
import type { Curve, RuleResult } from "../train/summary.ts";
import { COLORS, line, picture, polyline, round, spread, text, type Point } from "./svg.ts";

export interface FigureOptions {
  readonly title: string;
  /** One line below the title: what was run, and on what. */
  readonly subtitle: string;
  /** Stacked on one axis of steps, the first at the top. */
  readonly panels: readonly Panel[];
  /** Accuracy of guessing. */
  readonly chance: number;
}

export interface Panel {
  readonly title: string;
  readonly curves: readonly Pick<Curve, "rule" | "points">[];
  /** Marks the test accuracy of each rule at the right edge. */
  readonly results: readonly Pick<RuleResult, "rule" | "testAccuracy">[];
}

interface Look {
  readonly label: string;
  readonly color: string;
  readonly dashes: string;
}

/** Where a panel's plot lies. */
interface Frame {
  readonly top: number;
  readonly bottom: number;
}

const WIDTH = 740;
/** Of the plots; the rest of the width is for the labels. */
const LEFT = 52;
const RIGHT = 516;
/** Of the picture's head, of a panel's head, of a plot, and of what stands below it. */
const HEAD = 60;
const PANEL_HEAD = 30;
const PLOT_HEIGHT = 230;
const FOOT = 40;
const MARK_X = RIGHT + 10;
/** Height of a label: its name and its figure. */
const LABEL_HEIGHT = 36;
/** Part of the run over which a curve is averaged. */
const SMOOTHING = 0.05;
const X_TICKS = 4;

/** Dashes tell the rules apart without any colour. */
const LOOKS: Readonly<Record<Rule, Look>> = {
  local: { label: "local errors", color: COLORS.blue, dashes: "" },
  "matched traces": { label: "matched traces (ours)", color: "#1a1a1a", dashes: "16 3" },
  instantaneous: { label: "instantaneous errors", color: COLORS.orange, dashes: "8 4" },
  "read-out only": { label: "read-out only", color: COLORS.grey, dashes: "2 3" },
  exact: { label: "exact adjoint", color: COLORS.purple, dashes: "10 3 2 3" },
};

/**
 * Draws training accuracy over steps, smoothed over 5 % of the run, and the test accuracies, a plot for each panel.
 * Width 740, white ground.
 */
export function learningCurves({ title, subtitle, panels, chance }: FigureOptions): string {
  const points = panels.flatMap(({ curves }) => curves.flatMap((curve) => curve.points));
  const steps = Math.max(1, ...points.map(({ step }) => step));
  const xOf = (step: number): number => LEFT + ((RIGHT - LEFT) * step) / steps;
  const pitch = PANEL_HEAD + PLOT_HEIGHT + FOOT;
  const height = HEAD + panels.length * pitch;
  const tests = panels.map((panel) => `${panel.title}: ${knownOf(panel).map(inWords).join(", ")}.`);
  const description = `Accuracy over training steps. Test accuracy: ${tests.join(" ")}`;
  return picture({ width: WIDTH, height, title, subtitle, description }, [
    ...panels.flatMap((panel, i) => {
      const top = HEAD + i * pitch + PANEL_HEAD;
      return drawPanel(panel, { top, bottom: top + PLOT_HEIGHT }, steps, xOf, chance);
    }),
    text({ x: RIGHT, y: height - 4 }, "training steps", 'text-anchor="end" fill="#555" font-size="12"'),
  ]);
}

function drawPanel(panel: Panel, frame: Frame, steps: number, xOf: (step: number) => number, chance: number): string[] {
  return [
    text({ x: 16, y: frame.top - 12 }, panel.title, 'font-size="14" font-weight="600"'),
    ...yAxis(frame),
    ...xAxis(frame, steps, xOf),
    ...chanceLine(frame, chance),
    ...panel.curves.flatMap((curve) => curveLines(curve, frame, xOf)),
    ...testMarks(knownOf(panel), frame),
  ];
}

function knownOf({ results }: Panel): Panel["results"] {
  return results.filter(({ testAccuracy }) => Number.isFinite(testAccuracy));
}

function inWords({ rule, testAccuracy }: Panel["results"][number]): string {
  return `${LOOKS[rule].label} ${percent(testAccuracy)}`;
}

function yAxis(frame: Frame): string[] {
  const ticks = [0, 20, 40, 60, 80, 100].flatMap((value) => {
    const y = yOf(frame, value / 100);
    return [
      line({ x: LEFT, y }, { x: RIGHT, y }, value === 0 ? 'stroke="#555"' : 'stroke="#e4e4e4"'),
      text({ x: LEFT - 8, y: y + 4.5 }, String(value), 'text-anchor="end"'),
    ];
  });
  const place = { x: RIGHT, y: frame.top - 12 };
  return [...ticks, text(place, "accuracy on the training stream, %", 'text-anchor="end" fill="#555" font-size="12"')];
}

function xAxis({ bottom }: Frame, steps: number, xOf: (step: number) => number): string[] {
  const ticks = Array.from({ length: X_TICKS + 1 }, (_, i) => Math.round((steps * i) / X_TICKS));
  return ticks.map((step) =>
    text({ x: xOf(step), y: bottom + 20 }, step.toLocaleString("en-US"), 'text-anchor="middle"'),
  );
}

function chanceLine(frame: Frame, chance: number): string[] {
  const y = yOf(frame, chance);
  return [
    line({ x: LEFT, y }, { x: RIGHT, y }, 'stroke="#999" stroke-dasharray="1 4" stroke-linecap="round"'),
    text(
      { x: RIGHT - 4, y: y - 6 },
      `chance ${Math.round(100 * chance)} %`,
      'text-anchor="end" fill="#666" font-size="12"',
    ),
  ];
}

/** The values as they were, faint, and their running mean. */
function curveLines({ rule, points }: Panel["curves"][number], frame: Frame, xOf: (step: number) => number): string[] {
  const known = points.flatMap(({ step, accuracy }) => (accuracy === null ? [] : [{ step, accuracy }]));
  if (known.length === 0) return [];
  const { color, dashes } = LOOKS[rule];
  const means = smooth(known.map(({ accuracy }) => accuracy));
  const pathOf = (values: readonly number[]): Point[] =>
    known.map(({ step }, i) => ({ x: xOf(step), y: yOf(frame, values[i] ?? 0) }));
  const raw = pathOf(known.map(({ accuracy }) => accuracy));
  const dashed = dashes === "" ? "" : ` stroke-dasharray="${dashes}"`;
  return [
    polyline(raw, `stroke="${color}" stroke-opacity="0.25"`),
    polyline(pathOf(means), `stroke="${color}" stroke-width="2.5" stroke-linejoin="round"${dashed}`),
  ];
}

/** A diamond at each test accuracy, and beside it what it says, moved up or down where labels would touch. */
function testMarks(results: Panel["results"], frame: Frame): string[] {
  const sorted = [...results].sort((a, b) => b.testAccuracy - a.testAccuracy);
  const places = spread(
    sorted.map(({ testAccuracy }) => yOf(frame, testAccuracy)),
    LABEL_HEIGHT,
    frame.bottom,
  );
  return sorted.flatMap(({ rule, testAccuracy }, i) => {
    const { color, label } = LOOKS[rule];
    const y = yOf(frame, testAccuracy);
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

function yOf({ top, bottom }: Frame, accuracy: number): number {
  return bottom - (bottom - top) * accuracy;
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}
