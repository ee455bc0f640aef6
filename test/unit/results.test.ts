/** What is kept in bench/results, and what is made of it. */

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { format } from "prettier";
import { root } from "../../scripts/modules.mjs";
import { readResult, settingsOf, type CompareReport } from "../../src/cli/results-files.ts";
import { benchGates, missedLines, verdictOf } from "../../src/cli/results-gates.ts";
import { inspect } from "../../src/cli/results-table.ts";
import { figured, markdownTable, performanceBlock, readmeBlock, withResults } from "../../src/cli/results-tables.ts";
import { bytesOfStep, flopsOf, intensityOf, partOfRoof, roofsOf, sizeText } from "../../src/cli/roofline.ts";
import { rooflineFigure } from "../../src/cli/roofline-figure.ts";
import { bench, caseOf, compared, fileOf, gpu, later, NAME, swiftshader } from "./results-reports.ts";

const twice = [
  fileOf(NAME, bench()),
  fileOf(
    NAME.replace(".json", "-2.json"),
    bench({ date: later(11), ratios: { ...bench().ratios, G5: { ...bench().ratios["G5"], parts: [] } as never } }),
  ),
];

it("is what docs/performance.md, README.md and the picture are made of", async () => {
  const { problems, stale } = await inspect(root);
  expect(problems).toEqual([]);
  expect([...stale.keys()]).toEqual([]);
});

describe("a file of results", () => {
  it("is a run of bench or of compare", () => {
    expect(fileOf(NAME, bench()).kind).toBe("bench");
    expect(fileOf(NAME.replace(".json", "-compare-2.json"), compared).kind).toBe("compare");
  });

  const failed = caseOf(64, 1, 10, { status: "failed" });
  const unchecked = caseOf(64, 1, 10, { check: null });
  it.each([
    ["its name must be like", "swiftshader.json", bench()],
    ["its name says 2026-11-23", NAME.replace("24", "23"), bench()],
    ["has no version 5.0.1", NAME.replace("5.0.0", "5.0.1"), bench()],
    ["the name must say so", "2026-11-24-fast-5.0.0-node.json", bench()],
    ["it was measured in Node", NAME.replace("node", "chrome"), bench()],
    ["its name says another", NAME.replace(".json", "-compare.json"), bench()],
    ["its name says another", NAME, compared],
    ["is not called one", NAME, bench({ adapter: { ...swiftshader, software: false }, kind: "gpu" })],
    ['its kind is "gpu"', NAME, bench({ kind: "gpu" })],
    ["only", NAME, bench({ only: "1024" })],
    ["has wrong numbers", NAME, bench({ cases: [failed] })],
    ["lacks a figure or its check", NAME, bench({ cases: [unchecked] })],
    ["at least one", NAME, bench({ cases: [] })],
    ['its schema is "vle-webgpu/bench/0"', NAME, { ...bench(), schema: "vle-webgpu/bench/0" }],
    ["seconds must be a number", NAME, { ...bench(), seconds: null }],
    ["date must be a string", NAME.replace(".json", "-compare.json"), { ...compared, date: 5 }],
  ])("is refused: %s", (sentence, name, report) => {
    expect(readResult(name, JSON.stringify(report))).toEqual([expect.stringContaining(sentence)]);
  });

  it("is refused if a figure is endless, or if it is no JSON", () => {
    const endless = JSON.stringify(bench()).replace('"flops":8000000000', '"flops":1e999');
    expect(readResult(NAME, endless)).toEqual([expect.stringContaining("denominators.flops is not finite")]);
    expect(readResult(NAME, "{")).toEqual([expect.stringContaining("is not JSON")]);
  });
});

describe("bytes and operations", () => {
  const one = caseOf(1024, 1, 200);

  it("are those of one pass, of kernels apart, and of optimisers", () => {
    const state = 56 * 1024;
    expect(bytesOfStep(one)).toBe(8 * 1024 ** 2 + state);
    expect(bytesOfStep({ ...one, variant: "tiled" })).toBe(16 * 1024 ** 2 + state);
    expect(bytesOfStep({ ...one, learning: false, variant: "frozen" })).toBe(4 * 1024 ** 2 + state);
    expect(bytesOfStep({ ...one, optimizer: "adam" })).toBe(24 * 1024 ** 2 + state);
    expect(intensityOf(one)).toBeCloseTo(0.745, 3);
    expect(intensityOf({ ...one, batch: 64 })).toBeCloseTo((6 * 64) / (8 + (56 * 64) / 1024), 10);
  });

  it("are counted anew where a file has a product too many behind an input", () => {
    const stack = caseOf(512, 1, 100, { shape: "feed-forward", blocks: 1 });
    expect(stack.flops).toBe(6 * 100 * 512 ** 2);
    expect(flopsOf(stack)).toBe(4 * 100 * 512 ** 2);
    expect(flopsOf({ ...stack, blocks: 8 })).toBe(5.75 * 100 * 512 ** 2);
    expect(flopsOf({ ...stack, learning: false })).toBe(2 * 100 * 512 ** 2);
    expect(flopsOf(one)).toBe(one.flops);
    expect(flopsOf({ ...one, stepsPerSecond: null })).toBeNull();
    // Where memory is the roof, operations cancel out.
    expect(intensityOf(stack)).toBeCloseTo((4 * 512 ** 2) / bytesOfStep(stack), 10);
    expect(partOfRoof(bench(), stack)).toBeCloseTo((bytesOfStep(stack) * 100) / 4e9, 10);
  });

  it("have their roofs: the fastest memory, the largest, and the ridge", () => {
    const roofs = roofsOf(bench());
    expect(roofs?.memory.map(({ name, footprint }) => [name, footprint])).toEqual([
      ["in place", 2 ** 22],
      ["in place", 2 ** 30],
      ["copy", 2 ** 22],
    ]);
    expect(roofs?.ridge).toBe(4);
    expect(partOfRoof(bench(), one)).toBeCloseTo((bytesOfStep(one) * 200) / 4e9, 10);
    // Between two sizes it is the faster one that counts; far to the right it is arithmetic.
    expect(partOfRoof(bench(), caseOf(2048, 1, 50))).toBeCloseTo((bytesOfStep(caseOf(2048, 1, 50)) * 50) / 4e9, 10);
    expect(partOfRoof(bench(), caseOf(1024, 64, 10))).toBeCloseTo((6 * 64 * 2 ** 20 * 10) / 8e9, 10);
    expect([2 ** 18, 2 ** 24, 2 ** 30].map(sizeText)).toEqual(["256 KiB", "16 MiB", "1 GiB"]);
  });
});

describe("the picture", () => {
  const svg = rooflineFigure([bench()]) ?? "";

  it("draws roofs, marks and labels, and calls a software adapter one", () => {
    expect(svg).toContain("SOFTWARE ADAPTER, no benchmark of a GPU: SwiftShader driver 5.0.0");
    expect(svg).toContain(">in place, 4 MiB: 4 GB/s</text>");
    expect(svg).toContain(">multiply-adds: 8 GFLOP/s; ridge at 4 flop/byte</text>");
    expect(svg).toContain(">1024, batch 64</text>");
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  it("puts a point below its roof", () => {
    const heights = [...svg.matchAll(/translate\(([\d.]+) ([\d.]+)\)/g)].map(([, x, y]) => [Number(x), Number(y)]);
    const roof = /<line x1="([\d.]+)" y1="([\d.]+)" x2="596" y2="\2"[^>]*#1a1a1a/.exec(svg)?.[2];
    expect(heights.length).toBeGreaterThan(3);
    expect(heights.slice(-3).every(([, y = 0]) => y > Number(roof))).toBe(true);
  });

  it("keeps labels apart", () => {
    const cases = [32, 64, 128, 256, 512, 1024].map((size) => caseOf(size, 1, 1e8 / size ** 2));
    const crowded = rooflineFigure([bench({ cases })]) ?? "";
    const heights = [...crowded.matchAll(/y="([\d.]+)"[^>]*stroke-width="3">\d+<\/text>/g)].map(([, y]) => Number(y));
    const gaps = heights.slice(1).map((y, i) => y - (heights[i] ?? 0));
    expect(heights).toHaveLength(6);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(13.9);
  });

  it("is not there without a bandwidth, and shows no software adapter beside a GPU", () => {
    expect(rooflineFigure([])).toBeNull();
    expect(rooflineFigure([{ ...bench(), denominators: { ...bench().denominators, bandwidths: [] } }])).toBeNull();
    const both = [
      fileOf(NAME, bench()),
      fileOf("2026-11-24-h100-570.1.2-node.json", bench({ adapter: gpu, kind: "gpu" })),
    ];
    expect(figured(both).map(({ adapter }) => adapter.description)).toEqual(["H100 570.1.2"]);
    expect(settingsOf(both).map(({ adapter }) => adapter.software)).toEqual([false, true]);
  });
});

describe("gates", () => {
  const [setting] = settingsOf(twice);
  if (setting === undefined) throw new Error("There is no setting.");

  it("stand in the order of goals with the value of each run", () => {
    expect(benchGates(setting).map(({ goal, values }) => [goal, values])).toEqual([
      ["G5", [0.6, null]],
      ["G10", [0.7, 0.7]],
    ]);
  });

  it("hold in every run, in none, or in some", () => {
    expect(verdictOf({ holds: [true, null] })).toBe("yes");
    expect(verdictOf({ holds: [false, false] })).toBe("**no**");
    expect(verdictOf({ holds: [true, false] })).toBe("**in 1 of 2 runs**");
    expect(verdictOf({ holds: [null] })).toBe("");
  });

  it("come with a reason where they are missed", () => {
    const lines = missedLines(benchGates(setting), setting);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^- \*\*G10\*\* at 1024: a workgroup runs on one core/);
  });
});

describe("tables", () => {
  const files = [...twice, fileOf(NAME.replace(".json", "-compare.json"), compared)];

  it("are as Prettier would write them", async () => {
    const block = performanceBlock(files);
    expect(await format(`${block}\n`, { parser: "markdown", printWidth: 120 })).toBe(`${block}\n`);
    expect(markdownTable(["a", "b"], [["1 | 2", "3"]])).toBe("| a      |   b |\n| ------ | --: |\n| 1 \\| 2 |   3 |");
  });

  it("say what was measured, when, and on what", () => {
    const block = performanceBlock(files);
    expect(block).toContain("### SwiftShader driver 5.0.0");
    expect(block).toContain("SOFTWARE ADAPTER");
    expect(block).toContain(`](../bench/results/${NAME}): 2026-11-24, commit abc1234, 5:00 minutes`);
    expect(block).toMatch(/\| recurrent 1024 +\| +200 \/ 200 \| +2.0 \/ 2.0 \| +210 \| +1.69 \| +1.26 \|/);
    expect(block).toMatch(/\| G1 +\| jax-js 0.1.25 jit \| step, 256 \| >= 3 \| +4 \| +yes \|/);
    expect(block).toContain("up to 40 % of the machine");
  });

  it("say of a comparison what its file has: older ones have no date of their beginning and no commit", () => {
    const name = NAME.replace(".json", "-compare.json");
    const blockOf = (more: Partial<CompareReport>) => performanceBlock([fileOf(name, { ...compared, ...more })]);
    expect(blockOf({})).toContain(`${name}): 2026-11-24, version 0.1.0\n`);
    const date = "2026-11-24T11:58:30.000Z";
    expect(blockOf({ date, commit: "abc1234" })).toContain(`${name}): 2026-11-24, commit abc1234, 1:30 minutes\n`);
    expect(blockOf({ date, commit: null })).toContain(`${name}): 2026-11-24, version 0.1.0, 1:30 minutes\n`);
    // A run that ends after midnight is of the day on which it began.
    const ended = { date, commit: "abc1234", finished: "2026-11-25T00:00:30.000Z" };
    expect(blockOf(ended)).toContain(`${name}): 2026-11-24, commit abc1234, 12:02:00 minutes\n`);
  });

  it("stand between two marks, and nowhere else", () => {
    expect(withResults("a\n<!-- results -->\nold\n<!-- /results -->\nb\n", "new")).toBe(
      "a\n<!-- results -->\n\nnew\n\n<!-- /results -->\nb\n",
    );
    expect(withResults("a\n<!-- results -->\n", "new")).toBeNull();
  });

  it("stand on the first page for GPUs only", () => {
    expect(readmeBlock(files)).toBeNull();
    const h100 = fileOf("2026-11-24-h100-570.1.2-node.json", bench({ adapter: gpu, kind: "gpu" }));
    expect(readmeBlock([...files, h100])).toMatch(/\| H100 570.1.2, 2026-11-24 \| recurrent 1024 +\| +200 \|/);
    expect(readmeBlock([...files, h100])).not.toContain("SwiftShader");
  });
});

describe("a project with results", () => {
  let folder = "";
  const put = (path: string, text: string): Promise<void> => writeFile(join(folder, path), text);
  const stale = async (): Promise<string[]> => [...(await inspect(folder)).stale.keys()];
  const page = "# Results\n\n<!-- results -->\n<!-- /results -->\n";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vle-results-"));
    await mkdir(join(folder, "bench/results"), { recursive: true });
    await mkdir(join(folder, "docs"));
    await put("docs/performance.md", page);
    await put("README.md", "# Readme\n");
    await put(`bench/results/${NAME}`, JSON.stringify(bench()));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  it("is up to date once what is stale is written", async () => {
    const { problems, stale: texts } = await inspect(folder);
    expect(problems).toEqual([]);
    expect([...texts.keys()]).toEqual(["docs/performance.md", "docs/roofline.svg"]);
    for (const [path, text] of texts) await put(path, text);
    expect(await stale()).toEqual([]);
    const written = await readFile(join(folder, "docs/performance.md"), "utf8");
    await put("docs/performance.md", written.replace("200", "201"));
    expect(await stale()).toEqual(["docs/performance.md"]);
  });

  it("has no results of software adapters on its first page, and needs room for those of a GPU", async () => {
    await put("README.md", "<!-- results -->\n<!-- /results -->\n");
    expect((await inspect(folder)).problems.join()).toContain("there are none of a GPU");
    await put("README.md", "# Readme\n");
    const h100 = bench({ adapter: gpu, kind: "gpu" });
    await put("bench/results/2026-11-24-h100-570.1.2-node.json", JSON.stringify(h100));
    expect((await inspect(folder)).problems.join()).toContain("README.md needs the marks");
  });

  it("keeps each run once", async () => {
    await put(`bench/results/${NAME.replace(".json", "-2.json")}`, JSON.stringify(bench()));
    expect((await inspect(folder)).problems.join()).toContain("hold the same run of bench");
  });
});
