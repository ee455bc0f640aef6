/** What networks made of their target before, while and after they learnt it, as an SVG picture: a row for each network. */

import { SYNTHESIS_NETWORK_NAMES } from "../tasks/le-fourier.ts";
import type { SynthesisOutcome, Wave } from "../train/le-fourier.ts";
import { COLORS, line, picture, polyline, text, type Point } from "./svg.ts";

export interface WaveFigureOptions {
  readonly title: string;
  readonly subtitle: string;
  readonly outcomes: readonly SynthesisOutcome[];
}

interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const WIDTH = 940;
const HEAD = 92;
const COLUMN = { left: 56, width: 270, gap: 24 };
const ROW = { height: 170, gap: 94 };
/** Of the outputs; the target stays within 1. */
const MOST = 1.5;
const STAGES = ["before", "during", "after"] as const;
const CAPTIONS: Readonly<Record<(typeof STAGES)[number], string>> = {
  before: "before learning",
  during: "while learning, with nudges",
  after: "after learning, left alone",
};

/** Width 940, white ground; outputs beyond the frame are held at it. */
export function waveFigure({ title, subtitle, outcomes }: WaveFigureOptions): string {
  const height = HEAD + outcomes.length * (ROW.height + ROW.gap);
  const sums = outcomes.map(({ network, before, after }) => {
    return `${network}: squared error ${before.error.toFixed(3)} before and ${after.error.toFixed(4)} after learning`;
  });
  const description = `A sawtooth and the output of networks that learn to make it of sines. ${sums.join("; ")}.`;
  return picture({ width: WIDTH, height, title, subtitle, description }, [
    ...legend(),
    ...outcomes.flatMap((outcome, row) => rowOf(outcome, HEAD + row * (ROW.height + ROW.gap) + 24)),
  ]);
}

function legend(): string[] {
  const entry = (x: number, look: string, label: string, color: string): string[] => [
    line({ x, y: 70 }, { x: x + 34, y: 70 }, look),
    text({ x: x + 42, y: 74.5 }, label, `fill="${color}" font-weight="600" font-size="12"`),
  ];
  return [...entry(16, TARGET, "target", COLORS.orange), ...entry(130, OUTPUT, "output", COLORS.blue)];
}

const TARGET = `stroke="${COLORS.orange}" stroke-width="1.6" stroke-dasharray="6 3"`;
const OUTPUT = `stroke="${COLORS.blue}" stroke-width="1.6"`;

function rowOf({ network, before, after, waves }: SynthesisOutcome, top: number): string[] {
  const figures = {
    before: `squared error ${before.error.toFixed(3)}`,
    during: "",
    after: `squared error ${after.error.toFixed(4)}, correlation ${after.correlation.toFixed(3)}`,
  };
  return [
    text({ x: 16, y: top - 14 }, SYNTHESIS_NETWORK_NAMES[network], 'font-weight="600"'),
    ...STAGES.flatMap((stage, column) => {
      const left = COLUMN.left + column * (COLUMN.width + COLUMN.gap);
      const frame = { left, right: left + COLUMN.width, top, bottom: top + ROW.height };
      return [
        ...axes(frame, waves[stage], column === 0),
        curve(waves[stage].target, frame, TARGET),
        curve(waves[stage].output, frame, OUTPUT),
        text({ x: left, y: frame.bottom + 34 }, CAPTIONS[stage], 'fill="#555" font-size="12"'),
        text({ x: left, y: frame.bottom + 50 }, figures[stage], 'fill="#555" font-size="12"'),
      ];
    }),
  ];
}

function axes({ left, right, top, bottom }: Frame, { from, to }: Wave, isLabelled: boolean): string[] {
  const yOf = heightOf({ top, bottom });
  return [
    ...[-1, 0, 1].map((value) => line({ x: left, y: yOf(value) }, { x: right, y: yOf(value) }, 'stroke="#e4e4e4"')),
    ...(isLabelled
      ? [-1, 0, 1].map((value) =>
          text({ x: left - 8, y: yOf(value) + 4.5 }, String(value).replace("-", "−"), 'text-anchor="end"'),
        )
      : []),
    line({ x: left, y: bottom }, { x: right, y: bottom }, 'stroke="#555"'),
    text({ x: left, y: bottom + 17 }, `${Math.round(from)} ms`, 'font-size="12"'),
    text({ x: right, y: bottom + 17 }, `${Math.round(to)} ms`, 'text-anchor="end" font-size="12"'),
  ];
}

function curve(values: readonly number[], frame: Frame, look: string): string {
  const yOf = heightOf(frame);
  const points = values.map((value, i): Point => {
    const x = frame.left + ((frame.right - frame.left) * i) / Math.max(1, values.length - 1);
    return { x, y: yOf(Math.min(MOST, Math.max(-MOST, Number.isFinite(value) ? value : 0))) };
  });
  return polyline(points, `${look} stroke-linejoin="round"`);
}

function heightOf({ top, bottom }: Pick<Frame, "top" | "bottom">): (value: number) => number {
  return (value) => bottom - ((bottom - top) * (value + MOST)) / (2 * MOST);
}
