/** The curves of a run: a dot for each score on the way, a line for their running mean, a disc for the test. */

import uPlot from "uplot";
import type { Rule } from "../tasks/presets.ts";
import { colorOf, LOOKS } from "./looks.ts";

export interface Chart {
  clear(): void;
  /** The axis ends at `steps`. Where rules are not in step, the one ahead says where points are. */
  add(rule: Rule, step: number, steps: number, score: number | null): void;
  /** The score of the test, where the rule is. */
  mark(rule: Rule, score: number): void;
}

export interface ChartOptions {
  readonly rules: readonly Rule[];
  /** Where the axis ends until there is a run. */
  readonly steps: number;
  /** Of the vertical axis, from 0. */
  readonly top: number;
  readonly format: (score: number) => string;
  /** A score that needs no learning, which gets a line. */
  readonly guess: { readonly score: number; readonly name: string };
}

/** Points on either side over which a point of the line is the mean; fewer near the ends. */
const REACH = 2;

type Column = (number | null)[];

export function createChart(container: HTMLElement, { rules, top, format, guess, ...options }: ChartOptions): Chart {
  let { steps } = options;
  let x: number[] = [];
  let dots = columnsFor(rules);
  let marks = columnsFor(rules);
  let isScheduled = false;

  const plot = new uPlot(
    {
      ...sizeOf(container),
      padding: [8, 36, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false, range: () => [0, steps] }, y: { range: [0, top] } },
      axes: [
        { ...axis(), size: 32, values: (_, splits) => splits.map((value) => value.toLocaleString("en-US")) },
        { ...axis(), values: (_, splits) => splits.map((score) => format(score)) },
      ],
      series: [{}, ...rules.map(dotted), ...rules.map(lined), ...rules.map(marked)],
      hooks: { drawAxes: [(self) => drawGuess(self, guess)] },
    },
    [[]],
    container,
  );
  const draw = (): void => {
    isScheduled = false;
    plot.setData([x, ...dots.values(), ...[...dots.values()].map(smooth), ...marks.values()]);
  };
  // A hidden tab has no frames: it draws when it is seen again.
  const schedule = (): void => {
    if (!isScheduled) requestAnimationFrame(draw);
    isScheduled = true;
  };
  new ResizeObserver(() => plot.setSize(sizeOf(container))).observe(container);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw());

  return {
    clear() {
      x = [];
      dots = columnsFor(rules);
      marks = columnsFor(rules);
      schedule();
    },
    add(rule, step, newSteps, score) {
      steps = newSteps;
      const known = x.indexOf(step);
      columnOf(dots, rule)[known < 0 ? x.push(step) - 1 : known] = score;
      schedule();
    },
    mark(rule, score) {
      columnOf(marks, rule)[columnOf(dots, rule).length - 1] = score;
      schedule();
    },
  };
}

function columnsFor(rules: readonly Rule[]): Map<Rule, Column> {
  return new Map(rules.map((rule) => [rule, []]));
}

function columnOf(columns: ReadonlyMap<Rule, Column>, rule: Rule): Column {
  return columns.get(rule) ?? [];
}

function smooth(column: Column): Column {
  return column.map((_, i) => {
    const reach = Math.min(REACH, i, column.length - 1 - i);
    const known = column.slice(i - reach, i + reach + 1).filter((value) => value !== null);
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
  });
}

export function sizeOf({ clientWidth, clientHeight }: HTMLElement): { width: number; height: number } {
  return { width: clientWidth, height: clientHeight };
}

// ---- looks: colours are asked for at every drawing, so that they follow the page ---------------------------------

export function axis(): uPlot.Axis {
  return {
    stroke: () => colorOf("quiet"),
    font: "13px system-ui, sans-serif",
    grid: { stroke: () => colorOf("line"), width: 1 },
    ticks: { show: false },
  };
}

function dotted(rule: Rule): uPlot.Series {
  const faint = (): string => `color-mix(in srgb, ${colorOf(LOOKS[rule].name)} 35%, transparent)`;
  return { paths: () => null, points: { show: true, size: 4, width: 0, fill: faint } };
}

function lined(rule: Rule): uPlot.Series {
  const { name, dash } = LOOKS[rule];
  return { stroke: () => colorOf(name), width: 2.5, dash: [...dash], points: { show: false } };
}

function marked(rule: Rule): uPlot.Series {
  const { name } = LOOKS[rule];
  const points = { show: true, size: 13, width: 2, fill: () => colorOf(name), stroke: () => colorOf("ground") };
  return { paths: () => null, points };
}

function drawGuess(plot: uPlot, { score, name }: ChartOptions["guess"]): void {
  const { ctx, bbox } = plot;
  const y = plot.valToPos(score, "y", true);
  ctx.save();
  ctx.strokeStyle = colorOf("quiet");
  ctx.fillStyle = colorOf("quiet");
  ctx.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = "right";
  ctx.fillText(name, bbox.left + bbox.width, y - 5 * devicePixelRatio);
  ctx.restore();
}
