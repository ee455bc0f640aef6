import { describe, expect, it } from "vitest";
import { learningCurves } from "../../src/cli/figure.ts";
import type { Curve } from "../../src/train/summary.ts";

function curve(rule: Curve["rule"], accuracies: readonly (number | null)[]): Curve {
  const points = accuracies.map((accuracy, i) => ({ step: 400 * (i + 1), loss: 1, accuracy, seconds: i }));
  return { rule, points };
}

const base = {
  title: "Name the previous digit",
  subtitle: "16,000 steps, seed 1",
  curves: [
    curve("local", [null, 0.2, 0.5, 0.8]),
    curve("instantaneous", [null, 0.1, 0.5, 0.6]),
    curve("read-out only", [null, 0.3, 0.5, 0.7]),
  ],
  results: [
    { rule: "local", testAccuracy: 0.824 },
    { rule: "instantaneous", testAccuracy: 0.66 },
    { rule: "read-out only", testAccuracy: 0.67 },
  ],
  chance: 0.1,
} as const;

/** Every attribute of this name of every such element, in order. */
function attributes(svg: string, element: string, name: string): string[] {
  return [...svg.matchAll(new RegExp(`<${element}\\b[^>]*\\s${name}="([^"]*)"`, "g"))].map(([, value]) => value ?? "");
}

/** Height at which a text stands. */
function heightOf(svg: string, content: string): number {
  return Number(new RegExp(`y="([^"]*)"[^>]*>${content}</text>`).exec(svg)?.[1]);
}

describe("the figure of learning curves", () => {
  const svg = learningCurves(base);

  it("draws each rule twice, as measured and smoothed, from the first known accuracy on", () => {
    const lines = attributes(svg, "polyline", "points").map((points) => points.split(" "));
    expect(lines).toHaveLength(6);
    for (const points of lines) expect(points).toHaveLength(3);
    // 1600 steps over 464 px from x = 52; 100 % over 282 px up from y = 370.
    expect(lines[0]).toEqual(["284,313.6", "400,229", "516,144.4"]);
    // The first value itself, the mean of three neighbours, the mean of the last two.
    expect(lines[1]).toEqual(["284,313.6", "400,229", "516,186.7"]);
    expect(lines[3]).toEqual(["284,341.8", "400,257.2", "516,214.9"]);
  });

  it("marks and names the test accuracies, labels apart and in their order", () => {
    const heights = ["82.4", "67.0", "66.0"].map((value) => heightOf(svg, `test ${value} %`));
    const gaps = heights.slice(1).map((height, i) => height - (heights[i] ?? 0));
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(36);
    for (const label of ["local errors", "read-out only", "instantaneous errors"]) expect(svg).toContain(`>${label}<`);
    expect(attributes(svg, "path", "fill")).toEqual(["#0067a5", "#666666", "#b84a00"]);
    expect(svg).toContain(">chance 10 %</text>");
  });

  it("keeps all labels inside even where all rules fail", () => {
    const failed = base.results.map(({ rule }) => ({ rule, testAccuracy: 0 }));
    const low = learningCurves({ ...base, results: failed });
    const heights = attributes(low, "text", "y").map(Number);
    for (const height of heights) {
      expect(height).toBeGreaterThan(0);
      expect(height).toBeLessThan(420);
    }
  });

  it("tells the colours apart by dashes as well", () => {
    const dashes = [...svg.matchAll(/<polyline[^>]*stroke-width="2.5"[^>]*>/g)].map(
      ([line]) => /stroke-dasharray="([^"]*)"/.exec(line)?.[1],
    );
    expect(dashes).toEqual([undefined, "8 4", "2 3"]);
  });

  it("escapes what it is given and says in words what it shows", () => {
    const odd = learningCurves({ ...base, title: 'a < b & "c"' });
    expect(odd).toContain("<title>a &lt; b &amp; &quot;c&quot;</title>");
    expect(odd).not.toContain("a < b");
    expect(odd).toContain("Test accuracy: local errors 82.4 %, instantaneous errors 66.0 %, read-out only 67.0 %.");
  });

  it("stays a picture without values", () => {
    const nothing = learningCurves({
      ...base,
      curves: [curve("local", [null])],
      results: [{ rule: "local", testAccuracy: Number.NaN }],
    });
    expect(nothing).toMatch(/^<svg [^>]*viewBox="0 0 720 420"[\s\S]*<\/svg>\n$/);
    expect(nothing).not.toContain("NaN");
    expect(attributes(nothing, "polyline", "points")).toEqual([]);
  });
});
