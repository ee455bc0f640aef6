/** The table of rules: what each has reached. */

import { RULE_NAMES, type Rule } from "../tasks/presets.ts";
import type { Progress } from "../train/train.ts";
import { element, percent } from "./dom.ts";
import { LOOKS } from "./looks.ts";

export interface Results {
  clear(): void;
  show(progress: Progress): void;
  mark(rule: Rule, testAccuracy: number): void;
}

export function createResults(body: HTMLElement, rules: readonly Rule[]): Results {
  const rows = new Map(rules.map((rule) => [rule, createRow(rule)]));
  body.replaceChildren(...[...rows.values()].map(({ row }) => row));
  const write = (rule: Rule, cells: Partial<Record<CellName, string>>): void => {
    for (const [name, text] of Object.entries(cells)) {
      const cell = rows.get(rule)?.cells[name as CellName];
      if (cell) cell.textContent = text;
    }
  };
  return {
    clear() {
      for (const rule of rules) write(rule, { training: "", test: "", loss: "", stepsPerSecond: "" });
    },
    show({ rule, accuracy, loss, stepsPerSecond }) {
      write(rule, {
        training: accuracy === null ? "" : percent(accuracy),
        loss: loss.toFixed(2),
        stepsPerSecond: Math.round(stepsPerSecond).toLocaleString("en-US"),
      });
    },
    mark(rule, testAccuracy) {
      write(rule, { test: percent(testAccuracy, 1) });
    },
  };
}

const CELLS = ["training", "test", "loss", "stepsPerSecond"] as const;
type CellName = (typeof CELLS)[number];

function createRow(rule: Rule): { row: HTMLElement; cells: Record<CellName, HTMLElement> } {
  const { name, remark } = LOOKS[rule];
  const cells = {
    training: element("td"),
    test: element("td"),
    loss: element("td"),
    stepsPerSecond: element("td"),
  };
  const swatch = element("span");
  swatch.className = `swatch ${name}`;
  const head = element("th", swatch, RULE_NAMES[rule], element("small", remark));
  head.scope = "row";
  return { row: element("tr", head, ...CELLS.map((cell) => cells[cell])), cells };
}
