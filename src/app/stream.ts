/** The stream as a table: the digits in the order in which they were shown, and what every rule said to each. */

import { DIGIT_SIDE } from "../tasks/digits.ts";
import { RULE_NAMES, type Rule } from "../tasks/presets.ts";
import { element } from "./dom.ts";
import type { Glimpse } from "./glimpse.ts";

export function showStream(table: HTMLElement, glimpses: ReadonlyMap<Rule, readonly Glimpse[]>): void {
  const [digits = []] = glimpses.values();
  table.replaceChildren(
    rowOf("shown", digits, ({ pixels }) => element("td", imageOf(pixels))),
    rowOf("right answer", digits, ({ due }) => element("td", due < 0 ? "" : String(due))),
    ...[...glimpses].map(([rule, said]) => rowOf(RULE_NAMES[rule], said, answerCell)),
  );
}

function rowOf(title: string, digits: readonly Glimpse[], cellOf: (digit: Glimpse) => HTMLElement): HTMLElement {
  const head = element("th", title);
  head.scope = "row";
  return element("tr", head, ...digits.map(cellOf));
}

/** A wrong answer is struck out. */
function answerCell({ answer, due }: Glimpse): HTMLElement {
  return element("td", answer === due ? String(answer) : element("s", String(answer)));
}

/** Light ink on black. */
function imageOf(pixels: Float32Array): HTMLCanvasElement {
  const canvas = element("canvas");
  canvas.width = DIGIT_SIDE;
  canvas.height = DIGIT_SIDE;
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  const image = context.createImageData(DIGIT_SIDE, DIGIT_SIDE);
  pixels.forEach((value, i) => {
    const gray = 255 * value;
    image.data.set([gray, gray, gray, 255], 4 * i);
  });
  context.putImageData(image, 0, 0);
  return canvas;
}
