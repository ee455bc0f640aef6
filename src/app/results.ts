/** The table of rules: what each has reached. */

import { RULE_NAMES, type Rule } from "../tasks/presets.ts";
import { byId, element } from "./dom.ts";
import { LOOKS } from "./looks.ts";

/** Columns and their heads. */
const HEADS = { training: "Training", test: "Test", loss: "Loss", stepsPerSecond: "Steps/s" } as const;
export type Column = keyof typeof HEADS;
export const COLUMNS: readonly Column[] = ["training", "test", "loss", "stepsPerSecond"];

export interface Results {
  clear(): void;
  /** What is left out stays as it is. */
  show(rule: Rule, cells: Partial<Record<Column, string>>): void;
}

/** Fills the table of index.html. */
export function createResults(rules: readonly Rule[], columns: readonly Column[]): Results {
  const head = byId("results-head", HTMLElement);
  const body = byId("results", HTMLElement);
  head.replaceChildren(element("tr", headCell("Rule"), ...columns.map((column) => headCell(HEADS[column], column))));
  const rows = new Map(rules.map((rule) => [rule, createRow(rule, columns)]));
  body.replaceChildren(...[...rows.values()].map(({ row }) => row));
  return {
    clear() {
      for (const { cells } of rows.values()) for (const cell of cells.values()) cell.textContent = "";
    },
    show(rule, texts) {
      for (const column of columns) {
        const cell = rows.get(rule)?.cells.get(column);
        const text = texts[column];
        if (cell !== undefined && text !== undefined) cell.textContent = text;
      }
    },
  };
}

function headCell(text: string, column = ""): HTMLElement {
  const cell = element("th", text);
  cell.scope = "col";
  cell.className = column;
  return cell;
}

function createRow(rule: Rule, columns: readonly Column[]): { row: HTMLElement; cells: Map<Column, HTMLElement> } {
  const { name, remark } = LOOKS[rule];
  const cells = new Map(columns.map((column) => [column, element("td")]));
  for (const [column, cell] of cells) cell.className = column;
  const swatch = element("span");
  swatch.className = `swatch ${name}`;
  const head = element("th", swatch, RULE_NAMES[rule], element("small", remark));
  head.scope = "row";
  return { row: element("tr", head, ...cells.values()), cells };
}
