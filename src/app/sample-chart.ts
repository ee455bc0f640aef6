/** What a trained network does with one sample: its input, and its outputs over time. */

import uPlot from "uplot";
import type { SampleTraces } from "../train/sample-traces.ts";
import { axis, sizeOf } from "./chart.ts";
import { colorOf } from "./looks.ts";

/** Replaces what `container` shows. The output of the sample's class, or all outputs of values, stand out. */
export function drawSample(container: HTMLElement, { dt, input, outputs, label }: SampleTraces): void {
  const time = input.map((_, step) => (step + 1) * dt);
  const series = outputs.map(({ neuron }): uPlot.Series => {
    const isDue = label === null || neuron === label;
    const color = (): string => (isDue ? colorOf("local") : `color-mix(in srgb, ${colorOf("quiet")} 55%, transparent)`);
    return { stroke: color, width: isDue ? 2.5 : 1, points: { show: false } };
  });
  const shown: uPlot.Series = { stroke: () => colorOf("quiet"), width: 1.5, dash: [2, 3], points: { show: false } };
  container.replaceChildren();
  const plot = new uPlot(
    {
      ...sizeOf(container),
      padding: [8, 20, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false } },
      axes: [{ ...axis(), size: 32 }, axis()],
      series: [{}, shown, ...series],
    },
    [time, [...input], ...outputs.map(({ values }) => [...values])],
    container,
  );
  new ResizeObserver(() => {
    plot.setSize(sizeOf(container));
  }).observe(container);
}
