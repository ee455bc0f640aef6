/** The roofline of measured adapters as an SVG picture: operations a second over operations a byte, a panel for each. */

import type { BenchReport, CaseResult } from "../../bench/harness/result.ts";
import { figure } from "../../bench/harness/report.ts";
import { adapterName } from "./format.ts";
import { flopsOf, intensityOf, roofsOf, sizeText, type Roof, type Roofs } from "./roofline.ts";
import { COLORS, line, picture, round, spread, text, type Point } from "./svg.ts";

const WIDTH = 760;
/** Of the plots; the rest of the width is for the labels. */
const LEFT = 62;
const RIGHT = 596;
const HEAD = 60;
/** Of a panel: its title and the key of its roofs, the plot, and what stands below it. */
const PANEL_HEAD = 82;
const PLOT_HEIGHT = 330;
const FOOT = 50;
const LABEL_HEIGHT = 14;
const SMALL = 'font-size="11"';
/** On lines, too, it can be read. */
const LABEL = `${SMALL} paint-order="stroke" stroke="#fff" stroke-width="3"`;
const CAPTION = 'fill="#555" font-size="12"';

type Scale = (value: number) => number;

interface Frame {
  readonly top: number;
  readonly bottom: number;
  readonly xOf: Scale;
  readonly yOf: Scale;
  readonly intensities: readonly [low: number, high: number];
  readonly rates: readonly [low: number, high: number];
}

/** Marks tell the kinds of cases apart without any colour. */
interface Look {
  readonly label: string;
  readonly color: string;
  readonly mark: string;
}

const LOOKS = {
  recurrent: { label: "recurrent", color: COLORS.blue, mark: '<circle r="4"/>' },
  "feed-forward": { label: "feed-forward", color: COLORS.green, mark: '<path d="M-3.8 -3.8h7.6v7.6h-7.6z"/>' },
  adam: { label: "Adam", color: COLORS.purple, mark: '<path d="M0 -4.8l5 8.6h-10z"/>' },
  tiled: {
    label: "products and update as kernels of their own",
    color: COLORS.orange,
    mark: '<path d="M0 -4.6l4.6 4.6l-4.6 4.6l-4.6 -4.6z" fill="#fff" stroke-width="1.5"/>',
  },
} as const satisfies Readonly<Record<string, Look>>;

interface Mark {
  readonly look: Look;
  readonly label: string;
  readonly isBatch: boolean;
  readonly intensity: number;
  /** Operations a second. */
  readonly rate: number;
}

type Report = Pick<BenchReport, "adapter" | "date" | "commit" | "cases" | "denominators">;

/** Null where no report has a measured bandwidth. Width 760, white ground, a panel for each report. */
export function rooflineFigure(reports: readonly Report[]): string | null {
  const panels = reports.flatMap((report) => {
    const roofs = roofsOf(report);
    const marks = marksOf(report.cases);
    return roofs === null || marks.length === 0 ? [] : [{ report, roofs, marks }];
  });
  if (panels.length === 0) return null;
  const pitch = PANEL_HEAD + PLOT_HEIGHT + FOOT;
  const adapters = panels.map(({ report, roofs }) => inWords(report, roofs));
  const description = `Operations a second over operations a byte, both logarithmic. ${adapters.join(" ")}`;
  const head = {
    width: WIDTH,
    height: HEAD + panels.length * pitch,
    title: "Roofline: learning steps beneath what the device can do",
    subtitle: "each point a network with its neurons (blocks x neurons) and its batch; roofs measured in the same run",
    description,
  };
  return picture(
    head,
    panels.flatMap(({ report, roofs, marks }, i) => panelOf(report, roofs, marks, HEAD + i * pitch)),
  );
}

function inWords({ adapter }: Report, { flops, ridge }: Roofs): string {
  return `${adapterName(adapter)}: ${figure(flops / 1e9)} GFLOP/s at most, ridge at ${figure(ridge)} flop a byte.`;
}

// ---- what is drawn ------------------------------------------------------------------------------------------

function marksOf(cases: readonly CaseResult[]): Mark[] {
  return cases.flatMap((each): Mark[] => {
    const { variant, batch } = each;
    const flops = flopsOf(each);
    if (flops === null || !(variant === "learning" || variant === "tiled")) return [];
    const look = variant === "tiled" ? LOOKS.tiled : lookOf(each);
    return [{ look, label: labelOf(each), isBatch: batch > 1, intensity: intensityOf(each), rate: flops }];
  });
}

const lookOf = ({ optimizer, shape }: CaseResult): Look =>
  optimizer === "adam" ? LOOKS.adam : shape === "recurrent" ? LOOKS.recurrent : LOOKS["feed-forward"];

function labelOf({ shape, neurons, blocks, batch, optimizer }: CaseResult): string {
  const size = neurons / blocks;
  return [
    shape === "recurrent" ? String(size) : `${blocks} x ${size}`,
    ...(optimizer === "adam" ? ["Adam"] : []),
    ...(batch > 1 ? [`batch ${batch}`] : []),
  ].join(", ");
}

function panelOf(report: Report, roofs: Roofs, marks: readonly Mark[], top: number): string[] {
  const frame = frameOf(roofs, marks, top + PANEL_HEAD);
  const { adapter, date, commit } = report;
  const about = [date.slice(0, 10), ...(commit === null ? [] : [`commit ${commit}`])].join(", ");
  const label = adapter.software ? "SOFTWARE ADAPTER, no benchmark of a GPU: " : "";
  return [
    text({ x: 16, y: top + 24 }, `${label}${adapterName(adapter)}`, 'font-size="12" font-weight="600"'),
    ...keyOfMarks(marks, top + 46),
    ...keyOfRoofs(roofs, top + 66),
    ...axes(frame),
    text({ x: LEFT, y: frame.bottom + 36 }, about, CAPTION),
    ...roofLines(roofs, frame),
    ...pairLines(marks, frame),
    ...marks.map((mark) => shapeOf(mark.look, placeOf(mark, frame))),
    ...labels(marks, frame),
  ];
}

function frameOf({ flops }: Roofs, marks: readonly Mark[], top: number): Frame {
  const bottom = top + PLOT_HEIGHT;
  const all = marks.map(({ intensity }) => intensity);
  const intensities = [0.1, 1.6 * Math.max(...all, 10)] as const;
  const rates = [0.6 * Math.min(...marks.map(({ rate }) => rate)), 1.7 * flops] as const;
  const scale = ([low, high]: readonly [number, number], from: number, to: number): Scale => {
    const span = Math.log(high / low);
    return (value) => from + ((to - from) * Math.log(value / low)) / span;
  };
  return { top, bottom, intensities, rates, xOf: scale(intensities, LEFT, RIGHT), yOf: scale(rates, bottom, top) };
}

const placeOf = ({ intensity, rate }: Mark, { xOf, yOf }: Frame): Point => ({ x: xOf(intensity), y: yOf(rate) });

function shapeOf({ color, mark }: Look, { x, y }: Point): string {
  return `<g transform="translate(${round(x)} ${round(y)})" fill="${color}" stroke="${color}" stroke-width="0">${mark}</g>`;
}

function keyOfMarks(marks: readonly Mark[], y: number): string[] {
  let x = 22;
  return Object.values<Look>(LOOKS).flatMap((look) => {
    if (!marks.some((mark) => mark.look === look)) return [];
    const parts = [shapeOf(look, { x, y: y - 4 }), text({ x: x + 10, y }, look.label, `fill="${look.color}" ${SMALL}`)];
    x += 34 + 6.2 * look.label.length;
    return parts;
  });
}

// ---- roofs --------------------------------------------------------------------------------------------------

/** Solid where it is in place, dashed where it is a copy; grey where it is not the fastest memory. */
function strokeOf({ memory }: Roofs, roof: Roof): string {
  const isFastest = memory.find(({ name }) => name === roof.name) === roof;
  return `stroke="${isFastest ? "#1a1a1a" : "#888"}" stroke-width="1.5"${roof.name === "copy" ? ' stroke-dasharray="7 4"' : ""}`;
}

function keyOfRoofs(roofs: Roofs, y: number): string[] {
  return roofs.memory.flatMap((roof, i) => {
    const x = 16 + 187 * i;
    const { name, footprint, bytesPerSecond } = roof;
    const label = `${name}, ${sizeText(footprint)}: ${figure(bytesPerSecond / 1e9)} GB/s`;
    return [
      line({ x, y: y - 4 }, { x: x + 19, y: y - 4 }, strokeOf(roofs, roof)),
      text({ x: x + 23, y }, label, `fill="#333" ${SMALL}`),
    ];
  });
}

/** Each from where it enters the plot to where it meets the ceiling, and the ceiling from the first of them on. */
function roofLines(roofs: Roofs, { xOf, yOf, intensities: [low, high], rates: [least], top, bottom }: Frame): string[] {
  const { flops, memory, ridge } = roofs;
  const diagonals = memory.map((roof) => {
    const from = Math.max(low, least / roof.bytesPerSecond);
    const to = Math.min(high, flops / roof.bytesPerSecond);
    const at = (x: number): Point => ({ x: xOf(x), y: yOf(x * roof.bytesPerSecond) });
    return line(at(from), at(to), strokeOf(roofs, roof));
  });
  const first = Math.max(low, flops / Math.max(...memory.map(({ bytesPerSecond }) => bytesPerSecond)));
  const y = yOf(flops);
  const label = `multiply-adds: ${figure(flops / 1e9)} GFLOP/s; ridge at ${figure(ridge)} flop/byte`;
  const inside = ridge > low && ridge < high;
  return [
    ...(inside
      ? [line({ x: xOf(ridge), y: top }, { x: xOf(ridge), y: bottom }, 'stroke="#bbb" stroke-dasharray="2 3"')]
      : []),
    ...diagonals,
    line({ x: xOf(first), y }, { x: RIGHT, y }, 'stroke="#1a1a1a" stroke-width="1.5"'),
    text({ x: RIGHT - 4, y: y - 7 }, label, `text-anchor="end" fill="#333" ${SMALL}`),
  ];
}

// ---- labels -------------------------------------------------------------------------------------------------

/** From a network with products and update apart to the same in one pass, where there are both. */
function pairLines(marks: readonly Mark[], frame: Frame): string[] {
  return marks.flatMap((mark) => {
    const other = marks.find(({ look, label }) => look !== LOOKS.tiled && label === mark.label);
    if (mark.look !== LOOKS.tiled || other === undefined) return [];
    return [line(placeOf(mark, frame), placeOf(other, frame), `stroke="${mark.look.color}" stroke-opacity="0.35"`)];
  });
}

/** Batches to the right of the plot, others to the right of their points, and Adam, far to the left, below its own. */
function labels(marks: readonly Mark[], frame: Frame): string[] {
  const named = marks.filter(({ look }) => look !== LOOKS.tiled);
  const isApart = ({ look, isBatch }: Mark): boolean => look === LOOKS.adam && !isBatch;
  return [
    ...columnOf(
      named.filter((mark) => mark.isBatch),
      RIGHT + 20,
      frame,
    ),
    ...columnOf(
      named.filter((mark) => !mark.isBatch && !isApart(mark)),
      frame.xOf(1.45),
      frame,
    ),
    ...named.filter(isApart).map((mark) => {
      const { x, y } = placeOf(mark, frame);
      return text({ x: x + 17, y: y + 22 }, mark.label, `text-anchor="end" fill="${mark.look.color}" ${LABEL}`);
    }),
  ];
}

/** Labels below each other at `x`, in the order of their points. */
function columnOf(marks: readonly Mark[], x: number, frame: Frame): string[] {
  const sorted = marks.map((mark) => ({ mark, place: placeOf(mark, frame) })).sort((a, b) => a.place.y - b.place.y);
  const heights = spread(
    sorted.map(({ place }) => place.y),
    LABEL_HEIGHT,
    frame.bottom - 6,
  );
  return sorted.flatMap(({ mark, place }, i) => {
    const y = heights[i] ?? place.y;
    const { color } = mark.look;
    return [
      line(
        { x: place.x + 6, y: place.y },
        { x: x - 4, y },
        `stroke="${color}" stroke-opacity="0.4" stroke-width="0.8"`,
      ),
      text({ x, y: y + 4 }, mark.label, `fill="${color}" ${LABEL}`),
    ];
  });
}

// ---- axes ---------------------------------------------------------------------------------------------------

function axes({ top, bottom, xOf, yOf, intensities, rates }: Frame): string[] {
  const grid = 'stroke="#e4e4e4"';
  return [
    ...decades(intensities).flatMap((value) => [
      line({ x: xOf(value), y: top }, { x: xOf(value), y: bottom }, grid),
      text({ x: xOf(value), y: bottom + 18 }, String(value), 'text-anchor="middle"'),
    ]),
    ...decades(rates).flatMap((value) => [
      line({ x: LEFT, y: yOf(value) }, { x: RIGHT, y: yOf(value) }, grid),
      text({ x: LEFT - 8, y: yOf(value) + 4.5 }, figure(value / 1e9), 'text-anchor="end"'),
    ]),
    line({ x: LEFT, y: bottom }, { x: RIGHT, y: bottom }, 'stroke="#555"'),
    line({ x: LEFT, y: top }, { x: LEFT, y: bottom }, 'stroke="#555"'),
    text({ x: LEFT + 6, y: top + 12 }, "GFLOP/s", CAPTION),
    text({ x: RIGHT, y: bottom + 36 }, "flop per byte", `text-anchor="end" ${CAPTION}`),
  ];
}

/** Powers of ten within a range. */
function decades([low, high]: readonly [number, number]): number[] {
  const first = Math.ceil(Math.log10(low));
  const count = Math.floor(Math.log10(high)) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => Number(`1e${first + i}`));
}
