/** The pictures of a training over epochs: its curves, what is taken for what, and a sample as the network sees it. */

import type { NeuronTrace, SampleTraces } from "../train/sample-traces.ts";
import type { EpochRow } from "../train/training-state.ts";
import { percent } from "./format.ts";
import { ticksBetween } from "./line-figure.ts";
import { COLORS, line, picture, polyline, round, spread, text, type Point } from "./svg.ts";

export interface Heading {
  readonly title: string;
  /** One line below the title: what was run, and on what. */
  readonly subtitle: string;
}

/** Where a plot lies, and the values at its edges. */
interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

const WIDTH = 720;
const LEFT = 62;
const RIGHT = 580;
const CAPTION = 'fill="#555" font-size="12"';
/** Dashes tell the curves apart without any colour. */
const LOOKS = [
  { color: COLORS.blue, dashes: "" },
  { color: COLORS.orange, dashes: "8 4" },
] as const;

const xOf = ({ left, right, x: [least, most] }: Frame, value: number): number =>
  left + ((right - left) * (value - least)) / (most - least || 1);
const yOf = ({ top, bottom, y: [least, most] }: Frame, value: number): number =>
  bottom - ((bottom - top) * (value - least)) / (most - least || 1);

function axes(frame: Frame, caption: string, xCaption: string): string[] {
  const { left, right, top, bottom } = frame;
  const inside = (values: readonly number[], [least, most]: readonly [number, number]): number[] =>
    values.filter((value) => value >= least - 1e-9 && value <= most + 1e-9);
  return [
    ...inside(ticksBetween(...frame.y), frame.y).flatMap((value) => {
      const y = yOf(frame, value);
      return [
        line({ x: left, y }, { x: right, y }, 'stroke="#e0e0e0"'),
        text({ x: left - 8, y: y + 4.5 }, String(Number(value.toPrecision(6))), 'text-anchor="end"'),
      ];
    }),
    line({ x: left, y: bottom }, { x: right, y: bottom }, 'stroke="#555"'),
    ...inside(ticksBetween(...frame.x), frame.x).map((value) =>
      text({ x: xOf(frame, value), y: bottom + 20 }, value.toLocaleString("en-US"), 'text-anchor="middle"'),
    ),
    text({ x: 16, y: top - 12 }, caption, CAPTION),
    text({ x: right, y: bottom + 38 }, xCaption, `text-anchor="end" ${CAPTION}`),
  ];
}

// ---- curves -------------------------------------------------------------------------------------------------

/** A figure that every row has, and what it is called. */
export interface CurveOf {
  readonly label: string;
  readonly of: (row: EpochRow) => number | null;
}

/** Curves over epochs: of each seed a thin one, of several their mean, too. */
export function epochCurves(
  heading: Heading,
  caption: string,
  rows: readonly EpochRow[],
  curves: readonly CurveOf[],
  range?: readonly [number, number],
): string {
  const values = curves.flatMap(({ of }) => rows.flatMap((row) => of(row) ?? []));
  const ticks = ticksBetween(Math.min(...values), Math.max(...values));
  const y = range ?? ([ticks[0] ?? 0, ticks.at(-1) ?? 1] as const);
  const last = Math.max(2, ...rows.map(({ epoch }) => epoch));
  const frame: Frame = { left: LEFT, right: RIGHT, top: 88, bottom: 330, x: [1, last], y };
  const ends = curves.map((curve) => endOf(rows, curve));
  const names = curves.map(({ label }, i) => `${label} ${shown(ends[i] ?? NaN, range !== undefined)}`);
  const places = labelPlaces(frame, ends);
  return picture(
    { ...heading, width: WIDTH, height: 384, description: `${caption} over epochs. At the end: ${names.join(", ")}.` },
    [
      ...axes(frame, caption, "epochs"),
      ...curves.flatMap((curve, i) => curveLines(frame, rows, curve, i)),
      ...curves.flatMap(({ label }, i) => {
        const { color } = LOOKS[i % LOOKS.length] ?? LOOKS[0];
        const y = yOf(frame, ends[i] ?? 0);
        const place = places[i] ?? y;
        return [
          line({ x: RIGHT + 3, y }, { x: RIGHT + 16, y: place }, `stroke="${color}" stroke-opacity="0.6"`),
          text({ x: RIGHT + 20, y: place - 3 }, label, `fill="${color}" font-weight="600"`),
          text({ x: RIGHT + 20, y: place + 14 }, shown(ends[i] ?? NaN, range !== undefined), `fill="${color}"`),
        ];
      }),
    ],
  );
}

function shown(value: number, isPart: boolean): string {
  return isPart ? percent(value, 1) : Number.isFinite(value) ? value.toPrecision(3) : "-";
}

/** `spread` wants them ascending. */
function labelPlaces(frame: Frame, ends: readonly number[]): number[] {
  const order = ends.map((_, i) => i).sort((a, b) => yOf(frame, ends[a] ?? 0) - yOf(frame, ends[b] ?? 0));
  const sorted = spread(
    order.map((i) => yOf(frame, ends[i] ?? 0)),
    36,
    frame.bottom,
  );
  const places: number[] = [];
  order.forEach((i, rank) => (places[i] = sorted[rank] ?? 0));
  return places;
}

function seedsOf(rows: readonly EpochRow[]): number[] {
  return [...new Set(rows.map(({ seed }) => seed))];
}

/** Mean over seeds of the last value of each. */
function endOf(rows: readonly EpochRow[], { of }: CurveOf): number {
  const ends = seedsOf(rows).flatMap((seed) => {
    const last = rows.findLast((row) => row.seed === seed);
    return last === undefined ? [] : (of(last) ?? []);
  });
  return ends.reduce((sum, value) => sum + value, 0) / ends.length;
}

function curveLines(frame: Frame, rows: readonly EpochRow[], { of }: CurveOf, index: number): string[] {
  const { color, dashes } = LOOKS[index % LOOKS.length] ?? LOOKS[0];
  const dashed = dashes === "" ? "" : ` stroke-dasharray="${dashes}"`;
  const seeds = seedsOf(rows);
  const pointsOf = (chosen: readonly EpochRow[]): Point[] =>
    chosen.map((row) => ({ x: xOf(frame, row.epoch), y: yOf(frame, of(row) ?? 0) }));
  const lines = seeds.map((seed) => {
    const look = seeds.length === 1 ? `stroke-width="2.2"${dashed}` : 'stroke-opacity="0.3"';
    return polyline(
      pointsOf(rows.filter((row) => row.seed === seed)),
      `stroke="${color}" stroke-linejoin="round" ${look}`,
    );
  });
  if (seeds.length === 1) return lines;
  const means = [...new Set(rows.map(({ epoch }) => epoch))].map((epoch): Point => {
    const values = rows.filter((row) => row.epoch === epoch).flatMap((row) => of(row) ?? []);
    return { x: xOf(frame, epoch), y: yOf(frame, values.reduce((sum, value) => sum + value, 0) / values.length) };
  });
  return [...lines, polyline(means, `stroke="${color}" stroke-width="2.5" stroke-linejoin="round"${dashed}`)];
}

// ---- confusion ----------------------------------------------------------------------------------------------

/** How often a class is taken for which, as parts of its row. @param counts [class][answer], in a row. */
export function confusionFigure(heading: Heading, classes: readonly string[], counts: readonly number[]): string {
  const size = classes.length;
  const cell = Math.min(52, Math.floor(520 / size));
  const left = 130;
  const top = 100;
  const cells = classes.flatMap((_, row) => {
    const own = counts.slice(row * size, (row + 1) * size);
    const all = own.reduce((sum, count) => sum + count, 0);
    return own.flatMap((count, column) => {
      const share = all === 0 ? 0 : count / all;
      const [x, y] = [left + column * cell, top + row * cell];
      const color = share > 0.55 ? "#fff" : "#222";
      const number = text(
        { x: x + cell / 2, y: y + cell / 2 + 4 },
        String(count),
        `text-anchor="middle" font-size="11" fill="${color}"`,
      );
      const square = `<rect x="${x}" y="${y}" width="${cell - 1}" height="${cell - 1}" fill="${COLORS.blue}" fill-opacity="${(0.04 + 0.96 * share).toFixed(3)}"/>`;
      return count > 0 && cell >= 22 ? [square, number] : [square];
    });
  });
  const labels = classes.flatMap((name, i) => [
    text({ x: left - 8, y: top + (i + 0.5) * cell + 4 }, clip(name, 14), 'text-anchor="end"'),
    text(
      { x: left + (i + 0.5) * cell, y: top - 8 },
      clip(name, Math.max(2, Math.floor(cell / 8))),
      'text-anchor="middle"',
    ),
  ]);
  const right = counts.filter((_, i) => i % (size + 1) === 0).reduce((sum, count) => sum + count, 0);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const description = `Confusion of ${size} classes; ${right} of ${total} test answers are right.`;
  return picture(
    { ...heading, width: Math.max(420, left + size * cell + 30), height: top + size * cell + 36, description },
    [
      ...cells,
      ...labels,
      text({ x: 16, y: top - 28 }, "rows: what it is; columns: what the network says", CAPTION),
      text(
        { x: left, y: top + size * cell + 22 },
        `${right} of ${total} right (${percent(right / total, 1)})`,
        'font-weight="600"',
      ),
    ],
  );
}

function clip(name: string, length: number): string {
  return name.length > length ? `${name.slice(0, Math.max(1, length - 1))}…` : name;
}

// ---- a sample -----------------------------------------------------------------------------------------------

const TRACE_COLORS = [
  ...Object.values(COLORS),
  "#a06a00",
  "#c2185b",
  "#1a1a1a",
  "#4a7bd0",
  "#7a8b00",
  "#00838f",
  "#6d4c41",
] as const;
const PANEL = 130;
const PITCH = 178;

/** The input, hidden rates, output rates and output errors over the steps of one sample, on one axis of time. */
export function tracesFigure(heading: Heading, classes: readonly string[] | null, traces: SampleTraces): string {
  const { dt, input, label, hidden, outputs, errors } = traces;
  const nameOf = ({ population, neuron }: NeuronTrace): string => `${population} ${neuron}`;
  const classOf = ({ neuron }: NeuronTrace): string => classes?.[neuron] ?? `output ${neuron}`;
  const panels = [
    { title: "input, first channel", lines: [{ label: "input", values: input }] },
    {
      title: "rates of a few hidden neurons",
      lines: hidden.map((each) => ({ label: nameOf(each), values: each.values })),
    },
    { title: "rates of the output", lines: outputs.map((each) => ({ label: classOf(each), values: each.values })) },
    { title: "errors of the output", lines: errors.map((each) => ({ label: classOf(each), values: each.values })) },
  ].filter(({ lines }) => lines.length > 0);
  const duration = input.length * dt;
  const which = label === null ? "" : `, of the class ${classes?.[label] ?? label}`;
  const description = `One test sample${which}: ${panels.map(({ title }) => title).join(", ")} over time.`;
  const own = { title: heading.title, subtitle: `${heading.subtitle}; one test sample${which}` };
  return picture({ ...own, width: WIDTH, height: 92 + panels.length * PITCH, description }, [
    ...panels.flatMap(({ title, lines }, i) => {
      const top = 88 + i * PITCH;
      const values = lines.flatMap((each) => each.values);
      const ticks = ticksBetween(Math.min(0, ...values), Math.max(0, ...values));
      const y = [ticks[0] ?? 0, ticks.at(-1) ?? 1] as const;
      const frame: Frame = { left: LEFT, right: RIGHT, top, bottom: top + PANEL, x: [0, duration], y };
      return [...axes(frame, title, i === panels.length - 1 ? "time" : ""), ...traceLines(frame, lines, dt)];
    }),
  ]);
}

function traceLines(
  frame: Frame,
  lines: readonly { readonly label: string; readonly values: readonly number[] }[],
  dt: number,
): string[] {
  const pitch = Math.min(15, PANEL / lines.length);
  return lines.flatMap(({ label, values }, i) => {
    const color = TRACE_COLORS[i % TRACE_COLORS.length] ?? COLORS.blue;
    const points = values.map((value, step) => ({ x: xOf(frame, (step + 1) * dt), y: yOf(frame, value) }));
    const y = frame.top + 8 + i * pitch;
    return [
      polyline(points, `stroke="${color}" stroke-width="1.4" stroke-linejoin="round"`),
      line({ x: RIGHT + 12, y: y - 4 }, { x: RIGHT + 26, y: y - 4 }, `stroke="${color}" stroke-width="3"`),
      text({ x: RIGHT + 31, y }, clip(label, 14), `font-size="${round(Math.min(12, pitch))}"`),
    ];
  });
}
