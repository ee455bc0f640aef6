/** Learning curves of a published training: ours as lines, what was published as points with bars of one deviation. */

import { RULE_NAMES } from "../tasks/presets.ts";
import { accuracyAt, type TrainingReproduction } from "../tasks/reproductions.ts";
import { adapterName, percent } from "./format.ts";
import type { PublishedResult } from "./published-result.ts";
import { COLORS, line, picture, polyline, round, spread, text } from "./svg.ts";
import { ticksBetween } from "./line-figure.ts";

const WIDTH = 720;
const HEIGHT = 400;
const [LEFT, RIGHT, TOP, BOTTOM] = [58, 560, 84, 344];
const LABEL_HEIGHT = 36;
const LOOKS = [
  { color: COLORS.blue, dashes: "" },
  { color: COLORS.orange, dashes: "8 4" },
  { color: COLORS.green, dashes: "3 3" },
] as const;

export function publishedFigure({ curve, experiment }: TrainingReproduction, result: PublishedResult): string {
  const { epochs, seeds, rules, adapter, protocol } = result;
  const points = (curve?.points ?? []).filter(({ epoch }) => epoch <= epochs);
  const xOf = (epoch: number): number => LEFT + ((RIGHT - LEFT) * epoch) / Math.max(1, epochs);
  const yOf = (accuracy: number): number => BOTTOM - (BOTTOM - TOP) * Math.min(1, Math.max(0, accuracy));
  const curves = rules.map(({ rule, rows }, i) => {
    const own = Array.from({ length: epochs }, (_, k) => k + 1).flatMap((epoch) => {
      const at = accuracyAt({ rows }, epoch);
      return at === null ? [] : [{ epoch, ...at }];
    });
    return { name: RULE_NAMES[rule], own, end: own.at(-1)?.mean ?? 0, look: LOOKS[i % LOOKS.length] ?? LOOKS[0] };
  });
  const places = spreadLabels(curves.map(({ end }) => yOf(end)));
  const ends = curves.map(({ name, end }) => `${name} ${percent(end, 1)}`).join(", ");
  const known = points.map(({ epoch, mean }) => `${percent(mean, 1)} after epoch ${epoch}`).join(", ");
  const description = `Accuracy over epochs. At the end: ${ends}.${known === "" ? "" : ` Published: ${known}.`}`;
  const subtitle = `${protocol}, ${seeds.length === 1 ? `seed ${seeds[0] ?? 0}` : `${seeds.length} seeds`}, on ${adapterName({ ...adapter, software: false })}`;
  return picture({ width: WIDTH, height: HEIGHT, title: experiment.title, subtitle, description }, [
    ...[0, 0.2, 0.4, 0.6, 0.8, 1].flatMap((part) => [
      line({ x: LEFT, y: yOf(part) }, { x: RIGHT, y: yOf(part) }, `stroke="${part === 0 ? "#555" : "#e0e0e0"}"`),
      text({ x: LEFT - 8, y: yOf(part) + 4.5 }, percent(part), 'text-anchor="end"'),
    ]),
    ...ticksBetween(0, epochs)
      .filter((epoch) => Number.isInteger(epoch) && epoch <= epochs)
      .map((epoch) => text({ x: xOf(epoch), y: BOTTOM + 20 }, String(epoch), 'text-anchor="middle"')),
    text({ x: 16, y: TOP - 12 }, `${curve?.part ?? "test"} accuracy`, 'fill="#555" font-size="12"'),
    text(
      { x: RIGHT, y: BOTTOM + 40 },
      "epochs; grey: published, with one deviation",
      'text-anchor="end" fill="#555" font-size="12"',
    ),
    ...points.flatMap(({ epoch, mean, deviation }) => [
      line(
        { x: xOf(epoch), y: yOf(mean - deviation) },
        { x: xOf(epoch), y: yOf(mean + deviation) },
        `stroke="${COLORS.grey}" stroke-width="2"`,
      ),
      `<circle cx="${round(xOf(epoch))}" cy="${round(yOf(mean))}" r="4" fill="${COLORS.grey}"/>`,
    ]),
    ...curves.flatMap(({ name, own, end, look }, i) => {
      const { color, dashes } = look;
      const place = places[i] ?? 0;
      return [
        polyline(
          own.map(({ epoch, mean }) => ({ x: xOf(epoch), y: yOf(mean) })),
          `stroke="${color}" stroke-width="2.2" stroke-linejoin="round"${dashes === "" ? "" : ` stroke-dasharray="${dashes}"`}`,
        ),
        line({ x: RIGHT + 3, y: yOf(end) }, { x: RIGHT + 16, y: place }, `stroke="${color}" stroke-opacity="0.6"`),
        text({ x: RIGHT + 20, y: place - 3 }, name, `fill="${color}" font-weight="600"`),
        text({ x: RIGHT + 20, y: place + 14 }, percent(end, 1), `fill="${color}"`),
      ];
    }),
  ]);
}

/** `spread` wants heights ascending. */
function spreadLabels(heights: readonly number[]): number[] {
  const order = heights.map((_, i) => i).sort((a, b) => (heights[a] ?? 0) - (heights[b] ?? 0));
  const sorted = spread(
    order.map((i) => heights[i] ?? 0),
    LABEL_HEIGHT,
    BOTTOM,
  );
  const places: number[] = [];
  order.forEach((i, rank) => (places[i] = sorted[rank] ?? 0));
  return places;
}
