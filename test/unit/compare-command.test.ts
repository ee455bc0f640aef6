import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Finished } from "../../bench/compare/compare.ts";
import type { Entry } from "../../bench/compare/contest.ts";
import { fakePython } from "./fake-python.ts";
import { absentLines, callLines, contestLines, ratioLines } from "../../src/cli/compare-lines.ts";
import { compareHelp, readCompareOptions } from "../../src/cli/compare-options.ts";
import { summaryOf } from "../../src/cli/compare-summary.ts";
import { UsageError } from "../../src/cli/options.ts";
import { readResult } from "../../src/cli/results-files.ts";

describe("flags of npm run compare", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vle-compare-"));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  it("have defaults", async () => {
    expect(await readCompareOptions([])).toEqual({
      sizes: [32, 64, 256, 1024, 2048],
      peers: ["jax-js", "tfjs", "ort"],
      torch: null,
      samples: 7,
      sampleMilliseconds: 200,
      json: undefined,
    });
    expect(await readCompareOptions(["--quick"])).toMatchObject({
      sizes: [64, 256, 1024],
      samples: 5,
      sampleMilliseconds: 100,
    });
  });

  it("are read", async () => {
    const json = join(folder, "results.json");
    const python = await fakePython(folder, "echo 1.13.0");
    const torch = ["--torch-python", python, "--torch-checkout", folder];
    expect(
      await readCompareOptions(["--sizes", "256, 32,32", "--only", "ORT,jax_js", "--json", json, ...torch]),
    ).toMatchObject({
      sizes: [32, 256],
      peers: ["jax-js", "ort"],
      json,
      torch: { python, checkout: folder, version: "1.13.0" },
    });
  });

  it("are refused with a sentence", async () => {
    const bare = await fakePython(folder, "echo ModuleNotFoundError: torch >&2; exit 1");
    const refused: Readonly<Record<string, readonly string[]>> = {
      "has no PyTorch: ModuleNotFoundError: torch": ["--torch-python", bare, "--torch-checkout", folder],
      '"fast" is not a flag': ["fast"],
      "--sizes is": ["--sizes", "12,x"],
      "up to 16384 neurons": ["--sizes", "32768"],
      "it can be jax-js or tfjs or ort": ["--only", "jaxx,torch"],
      "go together": ["--torch-python", process.execPath],
      "which cannot be run": ["--torch-python", join(folder, "python"), "--torch-checkout", folder],
      "which is no folder": ["--torch-python", process.execPath, "--torch-checkout", join(folder, "none")],
      "a folder; name a file": ["--json", folder],
    };
    for (const [sentence, args] of Object.entries(refused)) {
      const error: unknown = await readCompareOptions(args).catch((reason: unknown) => reason);
      expect(error, sentence).toBeInstanceOf(UsageError);
      expect((error as Error).message).toContain(sentence);
    }
  });

  it("are described", async () => {
    expect(await readCompareOptions(["--help"])).toBeNull();
    for (const flag of ["quick", "sizes", "only", "torch-python", "torch-checkout", "json", "help"]) {
      expect(compareHelp()).toContain(`--${flag} `);
    }
  });
});

describe("lines of a comparison", () => {
  const entry: Entry = {
    engine: "ours",
    family: "ours",
    work: "step",
    verdict: "agrees",
    reason: null,
    agreement: { rate: 1e-7, weight: 2e-7 },
    rates: { median: 1500, mad: 12.34, min: 1400, samples: [1500] },
    calls: { dispatches: 2.015, submits: 1 / 64, bindGroups: 0, bufferWrites: 0, buffers: 0 },
  };
  const slower: Entry = {
    ...entry,
    engine: "peer",
    family: "tfjs",
    rates: { ...entry.rates, ...rate(300) },
    calls: null,
  };
  const wrong: Entry = {
    ...slower,
    engine: "wrong",
    verdict: "disagrees",
    agreement: { rate: 0.5, weight: 0 },
    rates: null,
  };
  const broken: Entry = { ...wrong, engine: "broken", verdict: "does not run", reason: "why", agreement: null };
  const finished: Finished = {
    measured: "step",
    size: 1024,
    synapses: 1024 ** 2,
    batch: 1,
    entries: [entry, slower, wrong, broken],
    effect: { rate: 0.1, weight: 0.2 },
    busy: 0.05,
    repeated: false,
    ratios: [],
  };

  function rate(median: number) {
    return { median, mad: 0.5, min: median, samples: [median] };
  }

  it("have a row for each engine", () => {
    const lines = contestLines(finished);
    expect(lines[0]).toBe("1,024 neurons, 1,048,576 synapses, batch 1");
    expect(lines[1]).toBe("Learning moved rates by 1.0e-1 and weights by 2.0e-1 in the check.");
    expect(lines.slice(-4).map((line) => line.split(/ {2,}/))).toEqual([
      ["ours", "1,500", "12.3", "1.00", "2.0e-7"],
      ["peer", "300", "0.500", "5.00", "2.0e-7"],
      ["wrong", "-", "-", "-", "5.0e-1, more than 0.0001: DISAGREES, gives no ratio"],
      ["broken", "-", "-", "-", "does not run: why"],
    ]);
  });

  it("say that a machine is busy, and that something is measured twice", () => {
    const text = contestLines({ ...finished, busy: 0.7, repeated: true }).join("\n");
    expect(text).toContain("Other work takes 70 % of the machine");
    expect(text).toContain("measured twice");
  });

  it("give products in floating-point operations", () => {
    const lines = contestLines({ ...finished, measured: "product", batch: 64, effect: null });
    // 1500 products of 2 * 64 * 1024^2 operations.
    expect(lines.find((line) => line.startsWith("ours"))).toMatch(/ 201\.33 /);
  });

  it("give the hours of the published training", () => {
    const lines = contestLines({ ...finished, measured: "MNIST-1D step", size: 328, synapses: 14_628, batch: 100 });
    expect(lines[0]).toBe("The network published for MNIST-1D, 328 neurons, 14,628 synapses, batch 100");
    // 2,160,000 steps at 1500 and 300 a second.
    expect(lines.find((line) => line.startsWith("ours"))).toMatch(/ 0\.400 /);
    expect(lines.find((line) => line.startsWith("peer"))).toMatch(/ 2\.00 /);
  });

  it("tell which peers do not run in any way", () => {
    expect(absentLines([{ ...finished, entries: [entry, slower, broken] }])).toEqual([]);
    expect(absentLines([{ ...finished, entries: [entry, broken, { ...broken, family: "ort" }] }])).toEqual([
      "tfjs does not run (step, 1024 neurons): why",
      "ort does not run (step, 1024 neurons): why",
    ]);
  });

  it("stand in a file that says when they were measured, and of which sources", () => {
    const adapter = { vendor: "a", architecture: "b", description: "c 1.2", software: false };
    const [date, commit] = ["2026-11-24T10:00:00.000Z", "abc1234+"];
    const method = { samples: 5, sampleMilliseconds: 100 };
    const summary = summaryOf([{ ...finished, entries: [entry, slower] }], { date, commit, adapter, method });
    expect(summary).toMatchObject({ date, commit, method, adapter });
    expect(new Date(summary.finished).toISOString()).toBe(summary.finished);
    expect(summary.cases.map(({ engine }) => engine)).toEqual(["ours", "peer"]);
    const name = "2026-11-24-c-1.2-node-compare.json";
    expect(readResult(name, JSON.stringify(summary))).toMatchObject([{ name, kind: "compare", report: { commit } }]);
  });

  it("count calls", () => {
    const [head, ...rows] = callLines([entry, slower]);
    expect(head).toContain("dispatches");
    expect(rows.map((row) => row.split(/ {2,}/))).toEqual([["ours", "2.02", "0.02", "0", "0", "0"]]);
    expect(callLines([slower])).toEqual([]);
  });

  it("hold ratios against their gates", () => {
    const ratio = {
      goal: "G1",
      formula: "a / b",
      measured: "step",
      neurons: 1,
      batch: 1,
      peer: "b",
      value: 2,
    } as const;
    const rows = ratioLines([
      { ...ratio, gate: 3, holds: false },
      { ...ratio, gate: 2, holds: true },
      { ...ratio, gate: null, holds: null },
    ]).slice(1);
    expect(rows.map((row) => row.split(/ {2,}/))).toEqual([
      ["G1", "a / b", "2.00", ">= 3", "FAIL"],
      ["G1", "a / b", "2.00", ">= 2", "ok"],
      ["G1", "a / b", "2.00", "-"],
    ]);
  });
});
