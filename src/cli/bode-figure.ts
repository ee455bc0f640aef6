/** Gain and phase of errors over frequency as an SVG picture: closed forms as lines, what was measured on top of them. */

import { closedForm, toneRules, type ToneRule } from "../align.ts";
import type { FrequencyResponse, ToneResponse } from "../index.ts";
import { COLORS, line, picture, polyline, round, text, type Point } from "./svg.ts";

export interface BodeFigureOptions {
  readonly title: string;
  readonly subtitle: string;
  /** A column each; all with the same frequencies. */
  readonly responses: readonly FrequencyResponse[];
}

interface Look {
  readonly label: string;
  readonly color: string;
  readonly line: string;
  /** Around the origin. */
  readonly mark: string;
}

/** From the back to the front: the exact adjoint is a wide pale line with squares, on which the phase of the local error lies. */
const LOOKS: Readonly<Record<ToneRule, Look>> = {
  adjoint: {
    label: "exact adjoint",
    color: COLORS.orange,
    line: 'stroke-width="5" stroke-opacity="0.35"',
    mark: '<path d="M-5 -5h10v10h-10z" fill="#fff" stroke-width="1.6"/>',
  },
  instantaneous: {
    label: "instantaneous",
    color: COLORS.grey,
    line: 'stroke-width="1.5" stroke-dasharray="6 4"',
    mark: '<path d="M0 -4.5l4.5 8h-9z" fill="#fff" stroke-width="1.6"/>',
  },
  local: {
    label: "local",
    color: COLORS.blue,
    line: 'stroke-width="1.8"',
    mark: '<circle r="2.6" stroke="none"/>',
  },
};
const ORDER: readonly ToneRule[] = ["adjoint", "instantaneous", "local"];

const COLUMN = { width: 200, gap: 44, left: 66 };
const GAIN = { top: 132, bottom: 300 };
const PHASE = { top: 330, bottom: 498 };
const HEIGHT = 560;
/** Decades above the largest gain and below the smallest. */
const ROOM = 0.2;
/** Points of a line. */
const FINENESS = 80;

type Scale = (value: number) => number;

interface Frame {
  readonly left: number;
  readonly right: number;
  readonly xOf: Scale;
  readonly frequencies: readonly number[];
}

interface Axis {
  readonly top: number;
  readonly bottom: number;
  readonly yOf: Scale;
  readonly ticks: readonly { readonly value: number; readonly label: string }[];
}

/** White ground; width by the number of columns, at least 560. */
export function bodeFigure({ title, subtitle, responses }: BodeFigureOptions): string {
  const width = Math.max(560, COLUMN.left + responses.length * (COLUMN.width + COLUMN.gap));
  const gain = gainAxis(responses);
  const phase = phaseAxis(responses);
  const names = responses.map(({ chain }) => nameOf(chain).join(" ")).join("; ");
  const description = `Gain and phase of errors relative to the top-down signal over angular frequency, for ${names}.`;
  return picture({ width, height: HEIGHT, title, subtitle, description }, [
    ...legend(),
    text({ x: 16, y: GAIN.top - 10 }, "gain", 'fill="#555" font-size="12"'),
    text({ x: 16, y: PHASE.top - 10 }, "phase, degrees", 'fill="#555" font-size="12"'),
    ...responses.flatMap((response, index) => column(response, index, gain, phase)),
  ]);
}

function legend(): string[] {
  let x = 16;
  return [...toneRules].flatMap((rule) => {
    const { label, color, line: style } = LOOKS[rule];
    const parts = [
      line({ x, y: 74 }, { x: x + 36, y: 74 }, `stroke="${color}" ${style}`),
      mark(rule, { x: x + 18, y: 74 }),
      text({ x: x + 44, y: 78.5 }, label, `fill="${color}" font-weight="600"`),
    ];
    x += 64 + 7.5 * label.length;
    if (rule !== toneRules.at(-1)) return parts;
    return [...parts, text({ x, y: 78.5 }, "lines: closed form; marks: measured", 'fill="#555" font-size="12"')];
  });
}

function column(response: FrequencyResponse, index: number, gain: Axis, phase: Axis): string[] {
  const frame = frameOf(response, index);
  const degrees = (radians: number): number => (radians * 180) / Math.PI;
  const [first, second] = nameOf(response.chain);
  const middle = (frame.left + frame.right) / 2;
  const title = 'text-anchor="middle" font-weight="600" font-size="12"';
  return [
    text({ x: middle, y: GAIN.top - 24 }, first, title),
    text({ x: middle, y: GAIN.top - 9 }, second, title),
    ...grid(frame, gain, index === 0),
    ...grid(frame, phase, index === 0),
    ...frequencyLabels(frame),
    ...ORDER.flatMap((rule) => curve(response, rule, frame, (point) => gain.yOf(point.gain))),
    ...ORDER.flatMap((rule) => curve(response, rule, frame, (point) => phase.yOf(degrees(point.phase)))),
  ];
}

function frameOf({ tones }: FrequencyResponse, index: number): Frame {
  const frequencies = tones.map(({ frequency }) => frequency);
  const [low, high] = [Math.min(...frequencies), Math.max(...frequencies)].map(Math.log);
  const left = COLUMN.left + index * (COLUMN.width + COLUMN.gap);
  const span = (high ?? 1) - (low ?? 0) || 1;
  const xOf: Scale = (frequency) => left + 8 + ((COLUMN.width - 16) * (Math.log(frequency) - (low ?? 0))) / span;
  return { left, right: left + COLUMN.width, xOf, frequencies };
}

/** The closed form as a line, and on it what was measured. */
function curve(
  response: FrequencyResponse,
  rule: ToneRule,
  frame: Frame,
  yOf: (point: ToneResponse) => number,
): string[] {
  const { dt, chain, tones } = response;
  const { color, line: style } = LOOKS[rule];
  const [low, high] = [Math.min(...frame.frequencies), Math.max(...frame.frequencies)];
  const points = Array.from({ length: FINENESS + 1 }, (_, i): Point => {
    const frequency = low * (high / low) ** (i / FINENESS);
    return { x: frame.xOf(frequency), y: yOf(closedForm(rule, chain, dt, frequency)) };
  });
  return [
    polyline(points, `stroke="${color}" ${style} stroke-linejoin="round"`),
    ...tones.map(({ frequency, measured }) => mark(rule, { x: frame.xOf(frequency), y: yOf(measured[rule]) })),
  ];
}

function mark(rule: ToneRule, { x, y }: Point): string {
  const { color, mark: shape } = LOOKS[rule];
  return `<g transform="translate(${round(x)} ${round(y)})" fill="${color}" stroke="${color}">${shape}</g>`;
}

// ---- axes ---------------------------------------------------------------------------------------------------

function gainAxis(responses: readonly FrequencyResponse[]): Axis {
  const gains = valuesOf(responses, ({ gain }) => gain);
  const [low, high] = [Math.log10(Math.min(...gains)) - ROOM, Math.log10(Math.max(...gains)) + ROOM];
  const ticks = decades([10 ** low, 10 ** high]).map((value) => {
    return { value, label: String(Number(value.toPrecision(1))) };
  });
  return { ...GAIN, ticks, yOf: (gain) => place(GAIN, (Math.log10(gain) - low) / (high - low)) };
}

function phaseAxis(responses: readonly FrequencyResponse[]): Axis {
  const phases = valuesOf(responses, ({ phase }) => (phase * 180) / Math.PI);
  const step = 45;
  const [low, high] = [Math.floor(Math.min(...phases) / step), Math.max(1, Math.ceil(Math.max(...phases) / step))];
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => {
    return { value: step * (low + i), label: String(step * (low + i)) };
  });
  return { ...PHASE, ticks, yOf: (phase) => place(PHASE, (phase / step - low) / (high - low)) };
}

function valuesOf(responses: readonly FrequencyResponse[], pick: (point: ToneResponse) => number): number[] {
  return responses.flatMap(({ tones }) =>
    tones.flatMap(({ expected }) => toneRules.map((rule) => pick(expected[rule]))),
  );
}

function place({ top, bottom }: { readonly top: number; readonly bottom: number }, part: number): number {
  return bottom - (bottom - top) * part;
}

function grid(
  { left, right, xOf, frequencies }: Frame,
  { top, bottom, ticks, yOf }: Axis,
  isLabelled: boolean,
): string[] {
  const stroke = 'stroke="#e4e4e4"';
  return [
    ...ticks.map(({ value }) => line({ x: left, y: yOf(value) }, { x: right, y: yOf(value) }, stroke)),
    ...decades(frequencies).map((frequency) =>
      line({ x: xOf(frequency), y: top }, { x: xOf(frequency), y: bottom }, stroke),
    ),
    line({ x: left, y: bottom }, { x: right, y: bottom }, 'stroke="#555"'),
    ...(isLabelled ? ticks : []).map(({ value, label }) =>
      text({ x: left - 8, y: yOf(value) + 4.5 }, label, 'text-anchor="end"'),
    ),
  ];
}

function frequencyLabels({ left, right, xOf, frequencies }: Frame): string[] {
  const caption = 'text-anchor="middle" fill="#555" font-size="12"';
  return [
    ...decades(frequencies).map((frequency) =>
      text(
        { x: xOf(frequency), y: PHASE.bottom + 18 },
        String(Number(frequency.toPrecision(1))),
        'text-anchor="middle"',
      ),
    ),
    text({ x: (left + right) / 2, y: PHASE.bottom + 38 }, "angular frequency", caption),
  ];
}

/** Powers of ten within the frequencies. */
function decades(frequencies: readonly number[]): number[] {
  const [low, high] = [Math.min(...frequencies), Math.max(...frequencies)].map(Math.log10);
  const [first, last] = [Math.ceil(low ?? 0), Math.floor(high ?? 0)];
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => 10 ** (first + i));
}

/** Two lines. */
function nameOf(chain: FrequencyResponse["chain"]): [string, string] {
  const neurons = chain.map(({ tauM, tauR }) => `(${tauM}, ${tauR})`).join(" ");
  if (chain.length === 1) return ["one neuron", `(tauM, tauR) = ${neurons}`];
  return [`${chain.length} neurons, the lowest first`, neurons];
}
