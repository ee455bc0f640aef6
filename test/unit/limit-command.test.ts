/** What `npm run reproduce -- previous-digit` reads, keeps, resumes and shows; the page that it fills. */

import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { limitFigure } from "../../src/cli/limit-figure.ts";
import { parseStudy, readStudy, studyCsv, studyText, type Study } from "../../src/cli/limit-file.ts";
import { readStudyOptions, studyHelp } from "../../src/cli/limit-options.ts";
import { outcomesOf, runOf, separationOf, studyLines, studyMarkdown } from "../../src/cli/limit-table.ts";
import { limitPage, runLimit } from "../../src/cli/limit.ts";
import { UsageError } from "../../src/cli/options.ts";
import { DataError } from "../../src/errors.ts";
import { STUDY_SETS, studyConditionNamed, type StudyCondition, type StudyResult } from "../../src/tasks/limit-study.ts";

const root = join(import.meta.dirname, "../..");
const names = ["local:20/0", "local:20/8", "sweep:local:20/3", "matched:20/0", "exact:20/8"];
const conditions = names.map(studyConditionNamed);
const plan = { conditions, seeds: [1, 2], steps: 40, tune: false };

function resultOf(condition: StudyCondition, seed: number, accuracy: number): StudyResult {
  const eta = condition.rule === "exact" ? 1e-2 : 2e-3;
  const scores = { validation: Number((accuracy + 0.01).toFixed(2)), test: accuracy };
  return { ...condition, seed, eta, steps: 40, ...scores, seconds: 2, adapter: 'A "soft" one, slow' };
}

const accuracies = [0.2, 0.8, 0.79, 0.82, 0.83];
const results = conditions.flatMap((condition, i) =>
  [0, 0.02].map((more, seed) => resultOf(condition, seed + 1, (accuracies[i] ?? 0) + more)),
);
const study: Study = { plan, results };

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vle-limit-"));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => {
  vi.restoreAllMocks();
});

describe("flags", () => {
  test("have defaults: the whole study, and a quick one", async () => {
    const full = await readStudyOptions(["previous-digit", "--out", folder]);
    expect(full?.study).toEqual({
      plan: { conditions: STUDY_SETS.full, seeds: [1, 2, 3, 4, 5], steps: 16_000, tune: true },
      results: [],
    });
    expect(full).toMatchObject({ resumed: undefined, docs: false, host: undefined, out: folder });
    const quick = await readStudyOptions(["previous-digit", "--quick", "--out", folder]);
    expect(quick?.study.plan).toEqual({ conditions: STUDY_SETS.quick, seeds: [1], steps: 8000, tune: false });
    expect(await readStudyOptions(["previous-digit", "--help"])).toBeNull();
    for (const word of ["--resume DIR", "--quick", "read-out-only", "quick (8)"]) expect(studyHelp()).toContain(word);
  });

  test("are read; a condition counts once", async () => {
    const asked = ["--conditions", "quick,local:20/8, sweep:matched:30/10", "--seeds", "2", "--steps", "80"];
    const options = await readStudyOptions(["previous-digit", ...asked, "--tune", "yes", "--out", folder]);
    const last = studyConditionNamed("sweep:matched:30/10");
    const expected = [...STUDY_SETS.quick, last];
    expect(options?.study.plan).toEqual({ conditions: expected, seeds: [1, 2], steps: 80, tune: true });
  });

  test("give a study that goes on more seeds, and train some of its conditions", async () => {
    const begun = await mkdtemp(join(folder, "begun-"));
    await writeFile(join(begun, "study.json"), studyText(study));
    const read = (...flags: string[]) => readStudyOptions(["previous-digit", "--resume", begun, ...flags]);
    expect(await read()).toMatchObject({ study, only: undefined });
    const more = await read("--seeds", "3", "--conditions", "matched:20/0,local:20/3");
    const [known, added] = ["matched:20/0", "local:20/3"].map(studyConditionNamed);
    expect(more?.only).toEqual([known, added]);
    expect(more?.study.plan).toEqual({ ...plan, conditions: [...conditions, added], seeds: [1, 2, 3] });
    await expect(read("--seeds", "1")).rejects.toThrow(/^--seeds is "1", but the study has 2; .* can have more\.$/);
  });

  test("that ask for what is done train nothing", async () => {
    const begun = await mkdtemp(join(folder, "part-"));
    await writeFile(join(begun, "study.json"), studyText({ plan, results: results.slice(0, 2) }));
    vi.spyOn(console, "log").mockImplementation(() => undefined);
    const options = await readStudyOptions(["previous-digit", "--resume", begun, "--conditions", "local:20/0"]);
    expect(options && (await runLimit(options, new AbortController().signal))).toBe(0);
  });

  test.each([
    [["--conditions", "local:20"], /^--conditions: condition is "local:20"; .* Or name a set: quick, main, full\.$/],
    [["--steps", "50"], /^--steps is "50"; it must be a multiple of 40 up to 10000000, such as 40\.$/],
    [["--seeds", "0"], /^--seeds is "0"/],
    [["--seeds", "101"], /it can be up to 100\.$/],
    [["--tune", "maybe"], /^--tune is "maybe"; it can be yes or no\./],
    [["--rule", "local"], /^--rule is not a flag\./],
    [["more"], /^"more" is too much/],
    [
      ["--resume", "/nowhere", "--steps", "80"],
      /^--steps does not go with --resume: the study goes on as it was begun\.$/,
    ],
    [["--resume", "/nowhere", "--quick"], /^--quick does not go with --resume/],
    [["--resume", "/nowhere"], /^--resume: .*nowhere.* is no study; name the run folder of one/],
  ])("%j is refused", async (flags, message) => {
    const read = readStudyOptions(["previous-digit", ...flags]);
    await expect(read).rejects.toThrow(UsageError);
    await expect(read).rejects.toThrow(message);
  });
});

describe("the file of a study", () => {
  test("is read as it was written", async () => {
    expect(parseStudy(studyText(study), "study.json")).toEqual(study);
    await writeFile(join(folder, "study.json"), studyText(study));
    expect(await readStudy(folder)).toEqual(study);
  });

  test.each([
    ["[", /is not JSON/],
    ["{}", /has the schema undefined; expected "vle-webgpu\/limit-study\/1"/],
    [studyText({ ...study, plan: { ...plan, steps: 0.5 } }), /plan is not that of a study/],
    [
      studyText({ ...study, results: [resultOf({ ...conditions[0], rule: "x" } as never, 1, 0.5)] }),
      /results\[0\] is not/,
    ],
    [studyText({ ...study, results: [...results, { ...results[0], test: 2 } as StudyResult] }), /results\[10\] is not/],
  ])("is refused if it is another one (%#)", (text, message) => {
    const parse = (): unknown => parseStudy(text, "study.json");
    expect(parse).toThrow(DataError);
    expect(parse).toThrow(message);
  });

  test("is a table, too", () => {
    const [head, first] = studyCsv(results).split("\n");
    expect(head).toMatch(/^condition,rule,schedule,delay,crossfade,weightAtArrival,eta,seed,steps,validation,test,/);
    expect(first).toBe('local:20/0,local,jacobi,20,0,0,0.002,1,40,0.21,0.2,2,"A ""soft"" one, slow"');
  });
});

describe("what a study came to", () => {
  test("is a mean over seeds, and a separation", () => {
    const outcomes = outcomesOf(study);
    expect(outcomes.map(({ mean }) => Number(mean.toFixed(4)))).toEqual([0.21, 0.81, 0.8, 0.83, 0.84]);
    expect(outcomes.map(({ weight }) => Number(weight.toFixed(3)))).toEqual([0, 0.625, 0.667, 0, 0.625]);
    const separation = separationOf(outcomes);
    expect(separation.holds).toBe(true);
    expect(separation.bestWithout).toBeCloseTo(0.21, 12);
    expect(separation.worstWith).toBeCloseTo(0.8, 12);
    expect(separationOf(outcomes.slice(0, 1)).holds).toBeNull();
    const wrong = results.map((result) => (result.crossfade === 0 ? { ...result, test: 0.85 } : result));
    expect(separationOf(outcomesOf({ plan, results: wrong })).holds).toBe(false);
    expect(outcomesOf({ plan, results: results.slice(0, 3) }).map(({ tests }) => tests.length)).toEqual([2, 1]);
  });

  test("is a table of rules and settings, with what it says", () => {
    const lines = studyLines(study);
    expect(lines[0]).toMatch(
      /^order, delay\/crossfade +weight +local \(published\) +matched traces \(ours\) +exact adjoint$/,
    );
    expect(lines[1]).toMatch(/^jacobi, 20\/0 +0\.00 +21\.0 ± 1\.4 +83\.0 ± 1\.4 +-$/);
    expect(lines[3]).toMatch(/^sweep, 20\/3 +0\.67 +80\.0 ± 1\.4 +- +-$/);
    expect(lines.join("\n")).toContain(
      "at most 21.0 % where that weight is 0, and to at least 80.0 % where it is above 0",
    );
    expect(lines.at(-1)).toMatch(/the rule of temporal support holds\.$/);
    expect(studyMarkdown(study)).toMatch(/^\| order, delay\/crossfade \| weight \|/);
    expect(runOf(study)).toBe('40 steps, 2 seeds, on A "soft" one, slow');
  });

  test("is a figure with every point", () => {
    const svg = limitFigure(study);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    for (const label of ["20/0", "20/8", "sweep 20/3", "local (published)", "exact adjoint"]) {
      expect(svg).toContain(`>${label}</text>`);
    }
    // 358 pixels from 0 at the height 500; a crossfade of 0 stands 22 pixels within its panel.
    expect(svg).toContain(`translate(80 ${(500 - 358 * 0.21).toFixed(1)})`);
    for (const [, y] of svg.matchAll(/<text [^>]*y="([\d.]+)"/g)) expect(Number(y)).toBeLessThan(560);
  });
});

describe("a study that is done", () => {
  test("is shown again without any adapter, and its folder completed", async () => {
    const said = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const resumed = await mkdtemp(join(folder, "done-"));
    await writeFile(join(resumed, "study.json"), studyText(study));
    const json = join(folder, "copy.json");
    const options = await readStudyOptions(["previous-digit", "--resume", resumed, "--json", json]);
    if (!options) throw new Error("options");
    expect(await runLimit(options, new AbortController().signal)).toBe(0);
    const files = ["figure.svg", "results.csv", "study.json", "summary.json"];
    expect((await readdir(resumed)).sort()).toEqual(files);
    const summary = JSON.parse(await readFile(json, "utf8")) as Record<string, unknown>;
    expect(summary).toMatchObject({ separation: { holds: true }, files: expect.arrayContaining(files) as unknown });
    expect(said.mock.calls.join("\n")).toContain("the rule of temporal support holds");
  });
});

test("docs/limit.md and its figure are those of docs/limit.json", async () => {
  const read = (name: string): Promise<string> => readFile(join(root, "docs", name), "utf8");
  const kept = parseStudy(await read("limit.json"), "docs/limit.json");
  const page = (await read("limit.md")).replaceAll("\r\n", "\n");
  expect(limitPage(page, kept)).toBe(page);
  expect((await read("limit.svg")).replaceAll("\r\n", "\n")).toBe(limitFigure(kept));
  expect(() => limitPage("a page without marks", kept)).toThrow(DataError);
});
