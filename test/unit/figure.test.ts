import { describe, expect, it } from "vitest";
import { learningCurves } from "../../src/cli/figure.ts";
import { RULES } from "../../src/tasks/presets.ts";
import type { Curve } from "../../src/train/summary.ts";

function curve(rule: Curve["rule"], accuracies: readonly (number | null)[]): Pick<Curve, "rule" | "points"> {
  const points = accuracies.map((accuracy, i) => ({ step: 400 * (i + 1), loss: 1, accuracy, seconds: i }));
  return { rule, points };
}

const faded = {
  title: "Crossfade: 8 of 20 steps",
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
} as const;
const hard = {
  title: "Crossfade 0: hard switches",
  curves: [curve("local", [null, 0.1, 0.15, 0.2]), curve("matched traces", [null, 0.3, 0.6, 0.8])],
  results: [
    { rule: "local", testAccuracy: 0.2 },
    { rule: "matched traces", testAccuracy: 0.82 },
  ],
} as const;
const base = {
  title: "Name the previous digit",
  subtitle: "16,000 steps, seed 1",
  panels: [faded],
  chance: 0.1,
};

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
    // 1600 steps over 464 px from x = 52; 100 % over 230 px up from y = 320.
    expect(lines[0]).toEqual(["284,274", "400,205", "516,136"]);
    // The first value itself, the mean of three neighbours, the mean of the last two.
    expect(lines[1]).toEqual(["284,274", "400,205", "516,170.5"]);
    expect(lines[3]).toEqual(["284,297", "400,228", "516,193.5"]);
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
    const failed = RULES.map((rule) => ({ rule, testAccuracy: 0 }));
    const low = learningCurves({ ...base, panels: [{ ...faded, results: failed }] });
    for (const height of attributes(low, "text", "y").map(Number)) {
      expect(height).toBeGreaterThan(0);
      expect(height).toBeLessThan(360);
    }
    // Five labels of 36 px end where the plot ends.
    expect(RULES).toHaveLength(5);
    expect(heightOf(low, "local errors")).toBe(320 - 4 * 36 - 3);
  });

  it("stacks a panel for each crossfade on the same axes", () => {
    const both = learningCurves({ ...base, panels: [faded, hard] });
    expect(both).toMatch(/^<svg [^>]*viewBox="0 0 740 660"/);
    expect(heightOf(both, hard.title) - heightOf(both, faded.title)).toBe(300);
    const lines = attributes(both, "polyline", "points").map((points) => points.split(" "));
    expect(lines).toHaveLength(10);
    // 80 % at the end of the run, in the upper panel and 300 px below it in the lower.
    expect([lines[0]?.at(-1), lines[8]?.at(-1)]).toEqual(["516,136", "516,436"]);
    expect(both).toContain(">matched traces (ours)<");
    expect(both.match(/>training steps</g)).toHaveLength(1);
    expect(both).toContain(
      `${faded.title}: local errors 82.4 %, instantaneous errors 66.0 %, read-out only 67.0 %. ` +
        "Crossfade 0: hard switches: local errors 20.0 %, matched traces (ours) 82.0 %.",
    );
  });

  it("tells the colours apart by dashes as well", () => {
    const all = RULES.map((rule) => curve(rule, [0.5, 0.6]));
    const everyRule = learningCurves({ ...base, panels: [{ ...faded, curves: all }] });
    const dashes = [...everyRule.matchAll(/<polyline[^>]*stroke-width="2.5"[^>]*>/g)].map(
      ([line]) => /stroke-dasharray="([^"]*)"/.exec(line)?.[1],
    );
    expect(dashes).toEqual([undefined, "16 3", "8 4", "2 3", "10 3 2 3"]);
  });

  it("escapes what it is given and says in words what it shows", () => {
    const odd = learningCurves({ ...base, title: 'a < b & "c"' });
    expect(odd).toContain("<title>a &lt; b &amp; &quot;c&quot;</title>");
    expect(odd).not.toContain("a < b");
    expect(odd).toContain("8 of 20 steps: local errors 82.4 %, instantaneous errors 66.0 %, read-out only 67.0 %.");
  });

  it("stays a picture without values", () => {
    const nothing = learningCurves({
      ...base,
      panels: [{ ...faded, curves: [curve("local", [null])], results: [{ rule: "local", testAccuracy: Number.NaN }] }],
    });
    expect(nothing).toMatch(/^<svg [^>]*viewBox="0 0 740 360"[\s\S]*<\/svg>\n$/);
    expect(nothing).not.toContain("NaN");
    expect(attributes(nothing, "polyline", "points")).toEqual([]);
  });
});
