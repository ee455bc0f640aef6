/** npm run reproduce for published trainings: what is trained, what it is set beside, and what is kept of it. */

import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SYNTHESIS_SCHEMA } from "../../src/cli/le-fourier.ts";
import { publishedFigure } from "../../src/cli/published-figure.ts";
import { publishedHelp, readPublishedOptions } from "../../src/cli/published-options.ts";
import { notesOf, publishedLines, publishedResult } from "../../src/cli/published-result.ts";
import { REPRODUCTION_PAGE, reproductionPage } from "../../src/cli/reproduction-page.ts";
import { readFinishedRun, TRAIN_CONFIG_SCHEMA, type FinishedRun } from "../../src/cli/train-folder.ts";
import type { Rule } from "../../src/tasks/presets.ts";
import {
  annealed,
  comparisonsOf,
  protocolOf,
  TRAINING_NAMES,
  trainingReproductionNamed,
} from "../../src/tasks/reproductions.ts";
import { epochsCsv, parseEpochs, type EpochRow } from "../../src/train/training-state.ts";

const published15k = trainingReproductionNamed("mnist1d-15k");

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vle-published-"));
});
afterAll(() => rm(folder, { recursive: true }));

const read = (...args: string[]) => readPublishedOptions([...args, "--out", folder]);

function row(epoch: number, accuracy: number, seed = 12): EpochRow {
  const of = { trainLoss: 2, trainAccuracy: 0.5, part: "test", loss: 2.25, nrmse: null, eta: 1e-3 } as const;
  return { epoch, seed, steps: 14_400 * epoch, ...of, accuracy, seconds: epoch };
}

/** Twenty epochs, annealed, that end with this accuracy. */
function runOf(rule: Rule, end: number): FinishedRun {
  const rows = Array.from({ length: 20 }, (_, i) => row(i + 1, i === 4 ? 0.4 : i === 0 ? 0.12 : end));
  const experiment = { ...annealed(published15k.experiment, 20), rule, seeds: [12] };
  const adapter = { vendor: "none", architecture: "", description: "a test", software: true };
  const config = { schema: TRAIN_CONFIG_SCHEMA, version: "0", started: "2027-01-31", host: "node", data: null };
  return {
    config: { ...config, adapter, experiment } as unknown as FinishedRun["config"],
    rows,
    summary: {
      adapter,
      test: { figure: "accuracy", mean: end, deviation: 0 },
      seconds: 60,
      results: [{ seed: 12 }],
      diverged: [],
    } as unknown as FinishedRun["summary"],
  };
}

describe("flags", () => {
  it("have defaults: the published configuration, one seed, both rules", async () => {
    const options = await read("mnist1d-15k");
    expect(options).toMatchObject({ rules: ["local", "instantaneous"], data: null, resumed: [], host: undefined });
    expect(options?.experiment).toEqual({ ...published15k.experiment, seeds: [12] });
    expect(await readPublishedOptions(["--help"])).toBeNull();
    for (const name of TRAINING_NAMES) expect(publishedHelp()).toContain(`  ${name} `);
  });

  it("anneal in twenty epochs, or when asked", async () => {
    const schedule = { kind: "step", factor: 0.5, after: 8, every: 1 };
    expect((await read("mnist1d-15k", "--epochs", "20"))?.experiment).toMatchObject({ schedule, epochs: 20 });
    expect((await read("mnist1d-42k", "--anneal"))?.experiment).toMatchObject({ schedule, epochs: 20 });
    const longer = await read("mnist1d-15k", "--anneal", "--epochs", "30", "--seeds", "all", "--rule", "local");
    expect(longer?.experiment).toMatchObject({
      schedule: { after: 12 },
      epochs: 30,
      seeds: published15k.experiment.seeds,
    });
    expect(longer?.rules).toEqual(["local"]);
    expect((await read("mnist1d-15k", "--epochs", "21"))?.experiment.schedule.kind).toBe("plateau");
  });

  it("shorten", async () => {
    const quick = await read("mnist1d-15k", "--quick", "--seeds", "34,56");
    expect(quick?.experiment).toMatchObject({ epochs: 5, seeds: [34, 56], schedule: { kind: "plateau" } });
    expect(quick?.rules).toEqual(["local"]);
    expect((await read("gsc", "--quick", "--data", "speech"))?.experiment.task.options).toEqual({ draws: 512 });
  });

  it("take recordings that stand in for the published test part", async () => {
    const options = await read("spoken-digits", "--data", "speech", "--test-takes", "5-9", "--seeds", "all");
    expect(options?.experiment.seeds).toEqual([1, 2, 3]);
    expect(options?.experiment.task.options).toEqual({ validationTakes: null, testTakes: [5, 9] });
  });

  it.each([
    [["spoken-digits", "--data", "speech", "--test-takes", "5"], /^--test-takes is "5"; write the first and the last/],
    [["spoken-digits", "--data", "speech", "--test-takes", "9-5"], /^--test-takes is "9-5"/],
    [["yinyang", "--test-takes", "5-9"], /^--test-takes is for spoken-digits, not for yin-yang/],
    [["mnist1d-15"], /^The experiment is "mnist1d-15"; it can be mnist1d-15k or .*Did you mean "mnist1d-15k"/],
    [["gsc"], /^gsc learns from the recordings of a folder/],
    [["yinyang", "--anneal"], /^--anneal is for the runs on MNIST-1D, not for yinyang/],
    [["mnist1d-15k", "--quick", "--anneal"], /^--quick and --anneal exclude each other/],
    [["yinyang", "--seeds", "1,1"], /^experiment\.seeds has 1 twice/],
  ])("%j are refused", async (args, message) => {
    await expect(read(...args)).rejects.toThrow(message);
  });
});

describe("what is known", () => {
  it("is compared where the course of the rate is the same", () => {
    const run = runOf("local", 0.9);
    const { experiment } = run.config;
    expect(protocolOf(published15k, experiment)).toBe("annealed");
    expect(protocolOf(published15k, { ...published15k.experiment, epochs: 3, seeds: [1] })).toBe("published");
    expect(protocolOf(published15k, { ...published15k.experiment, task: { name: "mnist-1d" } })).toBe("quick");
    const found = comparisonsOf(published15k, experiment, "annealed", { rule: "local", rows: run.rows });
    expect(found.map(({ epoch, known, isInside }) => [epoch, known, isInside])).toEqual([
      [1, 0.135, true],
      [5, 0.377, true],
      [20, 0.88, true],
    ]);
    const worse = comparisonsOf(published15k, experiment, "annealed", {
      rule: "local",
      rows: runOf("local", 0.5).rows,
    });
    expect(worse.at(-1)?.isInside).toBe(false);
    const constant = { ...experiment, schedule: { kind: "constant" } } as const;
    const plain = comparisonsOf(published15k, constant, "published", { rule: "local", rows: run.rows });
    expect(plain.map(({ epoch }) => epoch)).toEqual([1, 5, 10, 20]);
  });

  it("is compared where other takes of the recordings test, and the result says so", () => {
    const spoken = trainingReproductionNamed("spoken-digits");
    const task = { ...spoken.experiment.task, options: { validationTakes: null, testTakes: [5, 9] } };
    const run = { ...spoken.experiment, task };
    expect(protocolOf(spoken, run)).toBe("other test part");
    expect(protocolOf(spoken, { ...run, task: { ...task, options: { testTakes: [5, 9] } } })).toBe("quick");
    expect(notesOf(spoken, run)).toEqual([
      "Takes 5 to 9 of each speaker and digit stand in for the published test part, takes 0 to 4; all other recordings of the " +
        "folder train.",
    ]);
    const rows = [row(5, 0.96, 1), row(5, 0.98, 2)];
    expect(comparisonsOf(spoken, run, "other test part", { rule: "local", rows })).toMatchObject([
      { ours: 0.97, known: 0.98, isInside: true },
    ]);
  });

  it("is nothing of a run with fewer samples", () => {
    const run = runOf("local", 0.9);
    expect(comparisonsOf(published15k, run.config.experiment, "quick", { rule: "local", rows: run.rows })).toEqual([]);
  });

  it("is told, with what departs", () => {
    const runs = [runOf("local", 0.9), runOf("instantaneous", 0.35)];
    const notes = notesOf(published15k, annealed({ ...published15k.experiment, seeds: [12] }, 20));
    const result = publishedResult(published15k, runs, notes);
    const lines = publishedLines(result).join("\n");
    expect(lines).toMatch(/^local +20 +90\.0 % +88\.0 % +- +84 % to 92 % +inside$/m);
    expect(lines).toMatch(/^instantaneous +20 +35\.0 % +36\.0 % /m);
    expect(lines).toContain("All figures are inside.");
    expect(lines).toContain("* The rate is halved in every epoch after the first 8");
    expect(lines).toContain("* 1 of 10 seeds");
    const svg = publishedFigure(published15k, result);
    expect(svg).toContain("Published: 13.5 % after epoch 1, 37.7 % after epoch 5");
    expect(svg.match(/<circle /g)).toHaveLength(4);
    expect(svg.match(/<polyline /g)).toHaveLength(2);
    expect(svg).not.toMatch(/NaN|undefined/);
  });
});

it("a seed that diverged is in no figure, and is told", () => {
  const run = runOf("local", 0.9);
  const diverged = [{ seed: 34, epoch: 5, step: 57_601, population: "hidden3", isTesting: false }];
  // It did worse than any other while it went on.
  const rows = [...run.rows, ...[1, 2, 3, 4].map((epoch) => row(epoch, 0.01, 34))];
  const result = publishedResult(published15k, [{ ...run, rows, summary: { ...run.summary, diverged } }], []);
  expect(result.rules[0]?.rows).toHaveLength(20);
  expect(result.comparisons).toEqual(publishedResult(published15k, [run], []).comparisons);
  expect(result.departures[0]).toBe(
    'With local: Seed 34 diverged at step 57601, in epoch 5: a value of population "hidden3" is no longer finite. It is in no figure.',
  );
});

it("metrics are read as they were written, and a run that has not ended is refused", async () => {
  const rows = [row(1, 0.25), row(2, 1 / 3)];
  expect(parseEpochs(epochsCsv(rows))).toEqual(rows);
  expect(() => parseEpochs("a,b\n1,2\n")).toThrow(/is not that of a training over epochs/);
  await writeFile(join(folder, "config.json"), JSON.stringify(runOf("local", 0.9).config));
  await expect(readFinishedRun(folder)).rejects.toThrow(/has no summary\.json: the run has not ended/);
});

describe(REPRODUCTION_PAGE, () => {
  const root = join(import.meta.dirname, "../..");

  it("is what docs/results gives", async () => {
    const page = (await readFile(join(root, REPRODUCTION_PAGE), "utf8")).replaceAll("\r\n", "\n");
    expect(await reproductionPage(root, page)).toEqual({ text: page, problems: [] });
  });

  it("has Fourier synthesis beside what it is to be compared with", async () => {
    const place = await mkdtemp(join(folder, "page-"));
    await mkdir(join(place, "docs/results"), { recursive: true });
    const outcomes = (["look-ahead", "no look-ahead"] as const).map((network, i) => {
      return {
        network,
        before: { error: 0.5, correlation: 0 },
        after: { error: 0.01 + i, correlation: 0.9 },
        seconds: 30,
      };
    });
    const adapter = { vendor: "none", architecture: "", description: "a test", software: true };
    const synthesis = { schema: SYNTHESIS_SCHEMA, seed: 1234, steps: 120_000, adapter, outcomes };
    await writeFile(join(place, "docs/results/le-fourier.json"), JSON.stringify(synthesis));
    const { text, problems } = await reproductionPage(place, "<!-- results -->\n\n<!-- /results -->");
    expect(problems).toEqual([]);
    expect(text).toContain("### le-fourier: ");
    expect(text).toMatch(/\| without look-ahead \(ours\) +\| +0\.5000 \| +1\.0100 \| +0\.9000 \|/);
    expect(text).toContain("With look-ahead it is inside what our f64 reference comes to");
  });

  it("says which file is wrong", async () => {
    await cp(join(root, "docs/results"), join(folder, "docs/results"), { recursive: true });
    await writeFile(join(folder, "docs/results/zz.json"), "{}");
    const { problems } = await reproductionPage(folder, "nothing");
    expect(problems[0]).toMatch(
      /^docs\/results\/zz\.json cannot be read \(schema is neither vle-webgpu\/published-training\/1 nor vle-webgpu\/synthesis\/1\.\)/,
    );
    expect(problems[1]).toContain("needs the marks");
  });
});
