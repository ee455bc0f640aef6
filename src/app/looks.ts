import type { Rule } from "../tasks/presets.ts";

export interface Look {
  /** Class of its swatch, and the name of its colour in page.css. */
  readonly name: string;
  /** Pixels on and off. */
  readonly dash: readonly number[];
  /** What its hidden neurons learn from. */
  readonly remark: string;
}

export const LOOKS: Readonly<Record<Rule, Look>> = {
  local: { name: "local", dash: [], remark: "errors that look ahead: the published rule" },
  "matched traces": { name: "matched", dash: [16, 3], remark: "the same errors, and synapses that remember" },
  instantaneous: { name: "instantaneous", dash: [8, 4], remark: "errors of the moment" },
  "read-out only": { name: "read-out", dash: [2, 3], remark: "hidden neurons do not learn" },
  exact: { name: "exact", dash: [10, 3, 2, 3], remark: "backpropagation through time" },
};

/** A colour of page.css as it is now, in light or dark. */
export function colorOf(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
}
