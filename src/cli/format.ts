/** Figures and tables for people. */

import type { AdapterFacts } from "../device.ts";

export function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** "82 %"; "-" where there is no figure. */
export function percent(fraction: number, digits = 0): string {
  return Number.isFinite(fraction) ? `${(100 * fraction).toFixed(digits)} %` : "-";
}

/** Three figures: 9.51 million. */
export function large(value: number): string {
  for (const [unit, size] of [
    ["billion", 1e9],
    ["million", 1e6],
  ] as const) {
    if (value >= size) return `${(value / size).toPrecision(3)} ${unit}`;
  }
  return whole(value);
}

/** Minutes and seconds, 1:08; hours where there are any. */
export function duration(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, "0");
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor(total / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(total % 60)}` : `${minutes}:${two(total % 60)}`;
}

/** What an adapter calls itself. */
export function adapterName({ vendor, architecture, description }: AdapterFacts): string {
  return description || `${vendor} ${architecture}`.trim() || "an adapter without a name";
}

/** Lines of a table, columns two spaces apart. The first column is aligned left, the others right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}
