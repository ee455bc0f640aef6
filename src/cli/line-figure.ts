/** How a student came to its teacher, as an SVG picture: the error of its output above, its parameters below. */

import { COLORS, line, picture, polyline, round, spread, text, type Point } from "./svg.ts";

export interface LineFigureOptions {
  readonly title: string;
  readonly subtitle: string;
  /** Duration of the run, and of its start without learning. */
  readonly duration: number;
  readonly warmUp: number;
  /** Squared errors at equal distances, the last at the end of the run; a value of the curve is a mean over `smoothing`. */
  readonly errors: readonly number[];
  readonly smoothing: number;
  /** Of the parameters: times, and for each its values at these. */
  readonly times: readonly number[];
  readonly parameters: readonly Course[];
}

export interface Course {
  readonly label: string;
  readonly teacher: number;
  readonly values: readonly number[];
}

interface Panel {
  readonly top: number;
  readonly bottom: number;
}

type Scale = (value: number) => number;

const WIDTH = 720;
const HEIGHT = 560;
const LEFT = 58;
const RIGHT = 556;
const UPPER: Panel = { top: 88, bottom: 270 };
const LOWER: Panel = { top: 318, bottom: 510 };
/** Height of a label: its name and its figure. */
const LABEL_HEIGHT = 36;
/** What an error of 0 is drawn as. */
const LEAST_ERROR = 1e-18;
const MOST_TICKS = 6;
/** Dashes tell the parameters apart without any colour. */
const LOOKS = [
  { color: COLORS.blue, dashes: "" },
  { color: COLORS.orange, dashes: "9 3" },
  { color: COLORS.green, dashes: "4 3" },
  { color: COLORS.purple, dashes: "9 3 2 3" },
] as const;

/** Draws the error on a logarithmic axis and the parameters beside the teacher's. Width 720, height 560, white ground. */
export function lineFigure(options: LineFigureOptions): string {
  const { title, subtitle, duration, warmUp, parameters } = options;
  const xOf = (time: number): number => LEFT + ((RIGHT - LEFT) * time) / duration;
  const ends = parameters.map(({ label, teacher, values }) => `${label} ${short(values.at(-1))} (teacher ${teacher})`);
  const description = `Squared error of the student's output over time, and its parameters. At the end: ${ends.join(", ")}.`;
  return picture({ width: WIDTH, height: HEIGHT, title, subtitle, description }, [
    ...[UPPER, LOWER].flatMap((panel) => restLines(panel, warmUp, xOf)),
    ...errorLines(options, xOf),
    ...parameterLines(options, xOf),
    ...timeAxis(duration, xOf),
  ]);
}

/** The time without learning, shaded. */
function restLines({ top, bottom }: Panel, warmUp: number, xOf: Scale): string[] {
  if (warmUp <= 0) return [];
  const width = xOf(warmUp) - LEFT;
  return [`<rect x="${LEFT}" y="${top}" width="${round(width)}" height="${bottom - top}" fill="#f0f0f0"/>`];
}

function timeAxis(duration: number, xOf: Scale): string[] {
  const times = ticksBetween(0, duration).filter((time) => time <= duration);
  const ticks = times.flatMap((time) => [
    ...[UPPER, LOWER].map(({ bottom }) =>
      line({ x: xOf(time), y: bottom }, { x: xOf(time), y: bottom + 4 }, 'stroke="#555"'),
    ),
    text({ x: xOf(time), y: LOWER.bottom + 20 }, time.toLocaleString("en-US"), 'text-anchor="middle"'),
  ]);
  const caption = "time, in units of the teacher's first time constant; shaded: no learning";
  return [...ticks, text({ x: RIGHT, y: LOWER.bottom + 40 }, caption, 'text-anchor="end" fill="#555" font-size="12"')];
}

// ---- error --------------------------------------------------------------------------------------------------

function errorLines({ errors, smoothing, duration }: LineFigureOptions, xOf: Scale): string[] {
  const values = smooth(errors, Math.max(1, Math.round((smoothing * errors.length) / duration)));
  const logs = values.map((value) => Math.log10(Math.max(value, LEAST_ERROR)));
  const most = Math.ceil(Math.max(...logs, Math.log10(LEAST_ERROR)));
  const decades = Math.max(1, most - Math.floor(Math.min(most, ...logs)));
  const stride = Math.ceil(decades / MOST_TICKS);
  const exponents = Array.from({ length: Math.ceil(decades / stride) + 1 }, (_, i) => most - i * stride);
  const least = exponents.at(-1) ?? most - 1;
  const yOf = scale(UPPER, least, most);
  const points = logs.map((log, i) => ({ x: xOf(((i + 1) * duration) / logs.length), y: yOf(log) }));
  return [
    ...exponents.flatMap((exponent) => gridLine(yOf(exponent), powerOfTen(exponent), exponent === least)),
    caption(UPPER, "squared error of the output"),
    polyline(points, `stroke="#222" stroke-width="1.8" stroke-linejoin="round"`),
  ];
}

/** Means over so many values up to each, fewer at the start. */
function smooth(values: readonly number[], width: number): number[] {
  return values.map((_, i) => {
    const window = values.slice(Math.max(0, i + 1 - width), i + 1);
    return window.reduce((sum, value) => sum + value, 0) / window.length;
  });
}

function powerOfTen(exponent: number): string {
  if (exponent === 0) return "1";
  const digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const raised = String(Math.abs(exponent)).replace(/\d/g, (digit) => digits.charAt(Number(digit)));
  return `10${exponent < 0 ? "⁻" : ""}${raised}`;
}

// ---- parameters ---------------------------------------------------------------------------------------------

function parameterLines({ parameters, times }: LineFigureOptions, xOf: Scale): string[] {
  const all = parameters.flatMap(({ teacher, values }) => [teacher, ...values]);
  const ticks = ticksBetween(Math.min(0, ...all), Math.max(0, ...all));
  const yOf = scale(LOWER, Math.min(...ticks, ...all), Math.max(...ticks, ...all));
  return [
    ...ticks.flatMap((value) => gridLine(yOf(value), String(value), value === ticks[0])),
    caption(LOWER, "parameters of the student; dotted: the teacher's"),
    ...parameters.flatMap(({ teacher, values }, i) => courseLines(teacher, values, i, { times, xOf, yOf })),
    ...labels(parameters, yOf),
  ];
}

interface Axes {
  readonly times: readonly number[];
  readonly xOf: Scale;
  readonly yOf: Scale;
}

function courseLines(teacher: number, values: readonly number[], index: number, { times, xOf, yOf }: Axes): string[] {
  const { color, dashes } = lookOf(index);
  const points = times.map((time, k): Point => ({ x: xOf(time), y: yOf(values[k] ?? teacher) }));
  const dashed = dashes === "" ? "" : ` stroke-dasharray="${dashes}"`;
  const y = yOf(teacher);
  return [
    line({ x: LEFT, y }, { x: RIGHT, y }, 'stroke="#222" stroke-dasharray="1 4" stroke-linecap="round"'),
    polyline(points, `stroke="${color}" stroke-width="2.2" stroke-linejoin="round"${dashed}`),
  ];
}

/** Beside the end of each course its name and where it ended, moved up or down where labels would touch. */
function labels(parameters: readonly Course[], yOf: Scale): string[] {
  const sorted = parameters
    .map(({ label, values, teacher }, index) => ({ label, teacher, end: values.at(-1) ?? teacher, index }))
    .sort((a, b) => b.end - a.end);
  const ends = sorted.map(({ end }) => yOf(end));
  const places = spread(ends, LABEL_HEIGHT, LOWER.bottom);
  return sorted.flatMap(({ label, teacher, end, index }, i) => {
    const { color } = lookOf(index);
    const [y, place] = [ends[i] ?? 0, places[i] ?? 0];
    const x = RIGHT + 26;
    return [
      line({ x: RIGHT + 3, y }, { x: x - 4, y: place }, `stroke="${color}" stroke-opacity="0.6"`),
      text({ x, y: place - 3 }, `${label} ${short(end)}`, `fill="${color}" font-weight="600"`),
      text({ x, y: place + 14 }, `teacher ${teacher}`, `fill="${color}"`),
    ];
  });
}

function lookOf(index: number): (typeof LOOKS)[number] {
  return LOOKS[index % LOOKS.length] ?? LOOKS[0];
}

// ---- axes ---------------------------------------------------------------------------------------------------

function scale({ top, bottom }: Panel, least: number, most: number): Scale {
  return (value) => bottom - ((bottom - top) * (value - least)) / (most - least);
}

function gridLine(y: number, label: string, isBase: boolean): string[] {
  return [
    line({ x: LEFT, y }, { x: RIGHT, y }, isBase ? 'stroke="#555"' : 'stroke="#dcdcdc"'),
    text({ x: LEFT - 8, y: y + 4.5 }, label, 'text-anchor="end"'),
  ];
}

function caption({ top }: Panel, content: string): string {
  return text({ x: 16, y: top - 12 }, content, 'fill="#555" font-size="12"');
}

/** Round values from at most `least` to at least `most`, a few of them. */
export function ticksBetween(least: number, most: number): number[] {
  const span = most - least || 1;
  const rough = span / (MOST_TICKS - 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const stride = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const [first, last] = [Math.floor(least / stride + 1e-9), Math.ceil(most / stride - 1e-9)];
  // Rounded, as sums of a stride like 0.2 are not.
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * stride).toPrecision(12)));
}

function short(value: number | undefined): string {
  return value === undefined ? "-" : value.toFixed(3);
}
