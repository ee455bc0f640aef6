/**
 * Where the published rule stops, as an SVG picture: accuracy over the crossfade for every rule, and accuracy over what is
 * left of a digit in the input when the error about it arrives.
 */

import { DIGIT_CLASSES } from "../tasks/digits.ts";
import {
  PERIOD,
  STUDIED,
  STUDY_RULE_NAMES,
  STUDY_RULES,
  weightAtArrival,
  type StudyRule,
} from "../tasks/limit-study.ts";
import type { Study } from "./limit-file.ts";
import { outcomesOf, runOf, type Outcome } from "./limit-table.ts";
import { COLORS, line, picture, polyline, round, spread, text, type Point } from "./svg.ts";

interface Look {
  readonly color: string;
  readonly dashes: string;
  /** Around the origin: shapes tell the rules apart without any colour. */
  readonly mark: string;
}

const LOOKS: Readonly<Record<StudyRule, Look>> = {
  local: { color: COLORS.blue, dashes: "", mark: '<circle r="4.5"/>' },
  aligned: { color: COLORS.green, dashes: "2 3", mark: '<path d="M-5 4.5h10l-5 -9z"/>' },
  matched: { color: "#1a1a1a", dashes: "16 3", mark: '<path d="M-4 -4h8v8h-8z"/>' },
  "matched-aligned": { color: COLORS.green, dashes: "6 3", mark: '<path d="M-4 -4h8v8h-8z" fill="#fff"/>' },
  instantaneous: { color: COLORS.orange, dashes: "8 4", mark: '<path d="M-5 -4.5h10l-5 9z"/>' },
  "read-out-only": { color: COLORS.grey, dashes: "2 3", mark: '<path d="M-5 0h10M0 -5v10" stroke-width="2"/>' },
  exact: { color: COLORS.purple, dashes: "10 3 2 3", mark: '<circle r="4.5" fill="#fff"/>' },
};
/** The published rule in the order sweep. */
const SWEEP_MARK = '<path d="M0 -6l6 6l-6 6l-6 -6z" fill="#fff" stroke-width="1.8"/>';

const WIDTH = 940;
const HEIGHT = 560;
const TOP = 142;
const BOTTOM = 500;
const OVER_FADE = { left: 58, right: 440 };
const OVER_WEIGHT = { left: 536, right: 896 };
/** Pixels from a panel's frame to its first and last value. */
const MARGIN = 22;
/** Of the entries of the legend, four in a row. */
const LEGEND = { left: 16, top: 76, pitch: 228, height: 20, columns: 4 };
const NAME_HEIGHT = 13;

type Scale = (value: number) => number;

/** Width 940, height 560, white ground. */
export function limitFigure(study: Study): string {
  const outcomes = outcomesOf(study);
  const title = `${STUDIED.title}: where the published rule stops`;
  return picture({ width: WIDTH, height: HEIGHT, title, subtitle: runOf(study), description: inWords(outcomes) }, [
    ...legend(outcomes),
    ...fadePanel(outcomes),
    ...weightPanel(outcomes),
  ]);
}

function inWords(outcomes: readonly Outcome[]): string {
  const each = outcomes.map((outcome) => {
    const weight = outcome.weight.toFixed(2);
    return `${STUDY_RULE_NAMES[outcome.rule]} ${nameOf(outcome)} (weight ${weight}) ${(100 * outcome.mean).toFixed(1)} %`;
  });
  return `Test accuracy over the crossfade and over the weight of a digit at the arrival of its error: ${each.join("; ")}.`;
}

function legend(outcomes: readonly Outcome[]): string[] {
  const rules = STUDY_RULES.filter((rule) => outcomes.some((outcome) => outcome.rule === rule));
  const entries = rules.map((rule) => ({ ...LOOKS[rule], label: STUDY_RULE_NAMES[rule] }));
  if (outcomes.some(isSweep)) {
    entries.push({ ...LOOKS.local, dashes: "none", mark: SWEEP_MARK, label: "local, order sweep (ours)" });
  }
  return entries.flatMap(({ color, dashes, mark, label }, i) => {
    const x = LEGEND.left + LEGEND.pitch * (i % LEGEND.columns);
    const y = LEGEND.top + LEGEND.height * Math.floor(i / LEGEND.columns);
    return [
      ...(dashes === "none" ? [] : [line({ x, y }, { x: x + 34, y }, stroke(color, dashes))]),
      place(mark, color, { x: x + 17, y }),
      text({ x: x + 42, y: y + 4.5 }, label, `fill="${color}" font-weight="600" font-size="12"`),
    ];
  });
}

// ---- accuracy over the crossfade ----------------------------------------------------------------------------

function fadePanel(outcomes: readonly Outcome[]): string[] {
  const shown = outcomes.filter((outcome) => outcome.delay === PERIOD && !isSweep(outcome));
  const fades = [...new Set(shown.map(({ crossfade }) => crossfade))].sort((a, b) => a - b);
  const xOf = scale(OVER_FADE, 0, Math.max(1, ...fades));
  const curves = STUDY_RULES.flatMap((rule) => {
    const own = shown.filter((outcome) => outcome.rule === rule).sort((a, b) => a.crossfade - b.crossfade);
    const points = own.map(({ crossfade, mean }) => ({ x: xOf(crossfade), y: yOf(mean) }));
    const { color, dashes } = LOOKS[rule];
    return [
      ...(points.length > 1 ? [polyline(points, `${stroke(color, dashes)} stroke-linejoin="round"`)] : []),
      ...own.flatMap((outcome) => marks(outcome, xOf(outcome.crossfade), LOOKS[rule].mark)),
    ];
  });
  return [
    ...frame(OVER_FADE, `a digit is named ${PERIOD} steps after its first, order jacobi`),
    ...fades.map((fade) =>
      text({ x: xOf(fade), y: BOTTOM + 20 }, fade === 0 ? "0" : String(fade), 'text-anchor="middle"'),
    ),
    text(
      { x: OVER_FADE.right, y: BOTTOM + 42 },
      `steps over which a digit fades into the next, of ${PERIOD}; 0: hard switches`,
      'text-anchor="end" fill="#555" font-size="12"',
    ),
    ...curves,
  ];
}

// ---- accuracy over what is left of the digit ----------------------------------------------------------------

function weightPanel(outcomes: readonly Outcome[]): string[] {
  const xOf = scale(OVER_WEIGHT, 0, 1);
  const local = outcomes.filter(({ rule }) => rule === "local");
  // What the network can come to in the same settings, and what its first weights come to.
  const others = outcomes.filter(({ rule }) => rule === "matched" || rule === "read-out-only");
  return [
    ...frame(OVER_WEIGHT, "the published rule by delay/crossfade, and others"),
    ...[0, 0.25, 0.5, 0.75, 1].map((weight) =>
      text({ x: xOf(weight), y: BOTTOM + 20 }, String(weight), 'text-anchor="middle"'),
    ),
    text(
      { x: OVER_WEIGHT.right, y: BOTTOM + 42 },
      "predicted weight of a digit in the input when its error arrives",
      'text-anchor="end" fill="#555" font-size="12"',
    ),
    ...others.flatMap((outcome) => marks(outcome, xOf(publishedWeight(outcome)), LOOKS[outcome.rule].mark)),
    ...local.flatMap((outcome) => {
      return marks(outcome, xOf(outcome.weight), isSweep(outcome) ? SWEEP_MARK : LOOKS.local.mark);
    }),
    ...names(local, others, xOf),
  ];
}

/** What the published rule has left in the setting of an outcome. */
function publishedWeight(outcome: Outcome): number {
  return weightAtArrival({ ...outcome, rule: "local" });
}

/** Of each point its delay and crossfade: beside those at 0, one below the other, and upright above the others. */
function names(local: readonly Outcome[], others: readonly Outcome[], xOf: Scale): string[] {
  const look = `fill="${COLORS.blue}" font-size="11"`;
  const gone = local.filter(({ weight }) => weight === 0).sort((a, b) => b.mean - a.mean);
  const heights = gone.map(({ mean }) => yOf(mean) + 4);
  const places = spread(heights, NAME_HEIGHT, BOTTOM - 4);
  const there = local.filter(({ weight }) => weight > 0).sort((a, b) => a.weight - b.weight);
  const columns = spread(
    there.map(({ weight }) => xOf(weight) + 4),
    NAME_HEIGHT,
    OVER_WEIGHT.right + NAME_HEIGHT,
  );
  const marked = [...local, ...others].map((each) => ({ ...each, x: xOf(publishedWeight(each)) }));
  return [
    ...gone.map((outcome, i) => text({ x: xOf(0) + 12, y: places[i] ?? 0 }, nameOf(outcome), look)),
    ...there.map((outcome, i) => {
      const x = columns[i] ?? 0;
      // Clear of the marks beneath.
      const near = marked.filter((other) => Math.abs(other.x - x) < NAME_HEIGHT || nameOf(other) === nameOf(outcome));
      const y = yOf(Math.max(...near.map(({ mean }) => mean))) - 10;
      return text({ x, y }, nameOf(outcome), `transform="rotate(-90 ${round(x)} ${round(y)})" ${look}`);
    }),
  ];
}

function nameOf({ schedule, delay, crossfade }: Outcome): string {
  return `${schedule === "sweep" ? "sweep " : ""}${delay}/${crossfade}`;
}

// ---- pieces -------------------------------------------------------------------------------------------------

/** The mean, and every seed faintly where there are several. */
function marks({ rule, tests, mean }: Outcome, x: number, mark: string): string[] {
  const { color } = LOOKS[rule];
  const seeds = tests.length === 1 ? [] : tests;
  return [
    ...seeds.map((test) => `<circle cx="${round(x)}" cy="${round(yOf(test))}" r="2" fill="${color}" opacity="0.45"/>`),
    place(mark, color, { x, y: yOf(mean) }),
  ];
}

function place(mark: string, color: string, { x, y }: Point): string {
  return `<g transform="translate(${round(x)} ${round(y)})" fill="${color}" stroke="${color}">${mark}</g>`;
}

function stroke(color: string, dashes: string): string {
  return `stroke="${color}" stroke-width="1.8"${dashes === "" ? "" : ` stroke-dasharray="${dashes}"`}`;
}

function frame({ left, right }: typeof OVER_FADE, title: string): string[] {
  const chance = yOf(1 / DIGIT_CLASSES);
  return [
    text({ x: left - 42, y: TOP - 14 }, `test accuracy, %; ${title}`, 'fill="#555" font-size="12"'),
    ...[0, 20, 40, 60, 80, 100].flatMap((value) => {
      const y = yOf(value / 100);
      return [
        line({ x: left, y }, { x: right, y }, value === 0 ? 'stroke="#555"' : 'stroke="#e4e4e4"'),
        text({ x: left - 8, y: y + 4.5 }, String(value), 'text-anchor="end"'),
      ];
    }),
    line(
      { x: left, y: chance },
      { x: right, y: chance },
      'stroke="#999" stroke-dasharray="1 4" stroke-linecap="round"',
    ),
    text({ x: right - 4, y: chance - 6 }, "chance", 'text-anchor="end" fill="#666" font-size="12"'),
  ];
}

function scale({ left, right }: typeof OVER_FADE, least: number, most: number): Scale {
  return (value) => left + MARGIN + ((right - left - 2 * MARGIN) * (value - least)) / (most - least);
}

function yOf(accuracy: number): number {
  return BOTTOM - (BOTTOM - TOP) * accuracy;
}

function isSweep({ schedule }: Outcome): boolean {
  return schedule === "sweep";
}
