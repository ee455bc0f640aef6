import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  groups,
  networkOf,
  operationsOf,
  patternsOf,
  planningOf,
  synapsesOf,
  type Group,
} from "../../bench/harness/cases.ts";
import { differenceOf, TOLERANCE, verdictOf } from "../../bench/harness/check.ts";
import { contest } from "../../bench/harness/contest.ts";
import { kindOf } from "../../bench/harness/device.ts";
import { ratiosOf, type Figures, type GroupFigures } from "../../bench/harness/ratios.ts";
import { caseLines, closingLine, csvOf, figure, ratioLines } from "../../bench/harness/report.ts";
import { isWrong, type CaseResult } from "../../bench/harness/result.ts";
import { isMeant, namesOf } from "../../bench/harness/run.ts";
import { median, pairedRatio, spreadOf } from "../../bench/harness/statistics.ts";
import { benchHelp, readBenchOptions } from "../../src/cli/bench-options.ts";
import { UsageError } from "../../src/cli/options.ts";
import { requirements } from "../../src/index.ts";
import { resolvePlanning } from "../../src/options.ts";
import { errorPaths } from "../../src/paths.ts";
import { planNetwork } from "../../src/plan.ts";
import { resolveNetwork } from "../../src/spec.ts";
import { onCpu } from "./planning.ts";
import { flatWorkgroups, noTextSubstitution, oneEntryPointPerKernel, shapeOfShaderText } from "./laws.ts";

function groupNamed(name: string): Group {
  const found = groups.find((group) => group.name === name);
  if (found === undefined) throw new Error(`There is no group "${name}".`);
  return found;
}

describe("statistics", () => {
  it("has median, median absolute deviation and least", () => {
    expect(spreadOf([5, 1, 2, 10])).toEqual({ median: 3.5, mad: 2, min: 1 });
    expect(median([])).toBeNaN();
  });

  it("compares samples of the same round, so that a drift cancels out", () => {
    // The machine becomes half as fast in the middle.
    expect(pairedRatio([20, 20, 10, 10], [10, 10, 5, 5])).toBe(2);
  });
});

describe("contest", () => {
  it("warms up, finds how often is long enough, and takes turns", async () => {
    let now = 0;
    const calls: string[] = [];
    const contestant = (name: string, cost: number) => ({
      name,
      run: (count: number): Promise<void> => {
        calls.push(name);
        now += count * cost;
        return Promise.resolve();
      },
    });
    const method = { samples: 3, sampleMilliseconds: 100, now: () => now };
    const rates = await contest([contestant("fast", 2), contestant("slow", 500)], method);
    expect(rates).toEqual({ fast: [500, 500, 500], slow: [2, 2, 2] });
    expect(calls.slice(-6)).toEqual(["fast", "slow", "fast", "slow", "fast", "slow"]);
  });

  it("stops with the reason of the signal", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    const contestants = [{ name: "a", run: () => Promise.resolve() }];
    await expect(contest(contestants, { samples: 1, sampleMilliseconds: 1, signal })).rejects.toThrow("enough");
  });
});

describe("cases", () => {
  it("have names of their own and networks that are valid", () => {
    const names = namesOf(false);
    expect(new Set(names).size).toBe(names.length);
    expect(namesOf(true).length).toBeLessThan(names.length);
    for (const group of groups) {
      const size = group.shape.size * group.shape.size * group.shape.blocks * 4;
      const { bytes } = requirements(networkOf(group.shape), planningOf(group, "learning"));
      expect(bytes, group.name).toBeGreaterThan(size);
    }
  });

  it("force kernels of their own for products and update", () => {
    const group = groupNamed("recurrent 1024");
    const kernelsOf = (variant: "learning" | "tiled"): string[] => {
      const plan = planNetwork(resolveNetwork(networkOf(group.shape)), resolvePlanning(planningOf(group, variant)));
      return plan.programs.learning.step.map(({ kernel }) => kernel);
    };
    expect(kernelsOf("learning")).toEqual(["synapses"]);
    expect(kernelsOf("tiled")).toEqual(["propagate", "learn"]);
  });

  it("count the products that a step has: nothing is fed back to an input", () => {
    for (const group of groups) {
      const network = resolveNetwork(networkOf(group.shape));
      const { returns } = errorPaths(network, resolvePlanning(planningOf(group, "learning"), onCpu));
      for (const learning of [true, false]) {
        const each = network.projections.map(
          ({ pre, post }, index) => 2 * pre * post * (1 + Number(returns[index]) + Number(learning)),
        );
        const all = each.reduce((sum, operations) => sum + operations, 0);
        expect(operationsOf(group.shape, synapsesOf(group.shape), learning), group.name).toBe(all);
      }
    }
    // Of all replicas together.
    expect(operationsOf({ kind: "recurrent", blocks: 1 }, 256 * 64 ** 2, true)).toBe(256 * 6 * 64 ** 2);
    expect(operationsOf({ kind: "feed-forward", blocks: 1 }, 512 ** 2, true)).toBe(4 * 512 ** 2);
  });

  it("are chosen by a part of their name", () => {
    expect(["recurrent 32", "recurrent 1024 batch 64"].map((name) => isMeant(name, "Batch 64"))).toEqual([false, true]);
    expect(isMeant("anything", null)).toBe(true);
  });

  it("repeat few patterns in the rows of a batch", () => {
    const rows = patternsOf(8, 3, 1);
    expect(rows.slice(0, 12)).toEqual(rows.slice(12));
    expect(rows.slice(0, 3)).not.toEqual(rows.slice(3, 6));
    expect(Math.max(...rows.map(Math.abs))).toBeLessThanOrEqual(0.5);
  });
});

describe("checks", () => {
  const expected = new Map([["rate of a", [0.5, -1, 0.25]]]);

  it("pass what agrees, rows of a batch repeating", () => {
    const found = new Map([["rate of a", [0.5, -1, 0.25, 0.5, -1 - TOLERANCE / 2, 0.25]]]);
    const verdict = verdictOf(found, expected, "reference");
    expect(verdict).toMatchObject({ ok: true, against: "reference" });
    // The difference of two numbers near 1 in f64.
    expect(verdict.error).toBeCloseTo(TOLERANCE / 2, 12);
  });

  it.each([
    ["a value that is off", [0.5, -1, 0.2502], "rate of a is off from the f64 reference by 2.0e-4"],
    ["a value that is not finite", [0.5, NaN, 0.25], "a rate of a is not finite"],
    ["another number of values", [0.5, -1], "rate of a is off from the f64 reference by Infinity"],
  ])("fail %s", (_, values, sentence) => {
    const verdict = verdictOf(new Map([["rate of a", values]]), expected, "reference");
    expect(verdict.ok).toBe(false);
    expect(verdict.sentence).toContain(sentence);
  });

  it("fail what diverged", () => {
    expect(verdictOf(null, expected, "variants")).toMatchObject({ ok: false, sentence: "it diverged" });
  });

  it("measure against the largest value", () => {
    expect(differenceOf([1, 2.5], [1, 2])).toBe(0.25);
    expect(differenceOf([0, 0], [0, 0])).toBe(0);
    expect(differenceOf([NaN], [1])).toBeNaN();
  });
});

// ---- ratios -------------------------------------------------------------------------------------------------

const square: GroupFigures = {
  group: groupNamed("recurrent 1024"),
  rates: {
    learning: [120, 60],
    immediate: [100, 50],
    deferred: [110, 55],
    tiled: [60, 30],
    "in place": [200, 100],
    copy: [125, 62.5],
  },
  memory: { total: 110, weights: 90, state: 10 },
  defers: true,
};
const figures: Figures = {
  kind: "swiftshader",
  groups: [
    square,
    {
      group: groupNamed("recurrent 64"),
      rates: { learning: [10_000], fused: [5000], replicas: [100], dispatches: [100_000] },
      memory: null,
      defers: false,
    },
    {
      group: groupNamed("recurrent 1024 batch 64"),
      rates: { learning: [10], arithmetic: [6 * 64 * 1024 ** 2 * 20] },
      memory: null,
      defers: false,
    },
    {
      group: groupNamed("recurrent 1024 batch 16"),
      rates: { learning: [20], single: [60] },
      memory: null,
      defers: false,
    },
  ],
  probes: {
    hostLoop: {
      rates: { embedded: [100], run: [99], "long chunks": [100], progress: [98] },
      longestSubmit: 0.05,
      ownSubmits: 0,
    },
    recording: { none: [100], traces: [80] },
    exactness: { differing: 0, rateError: 1e-6, weightError: 2e-4 },
    firstStep: null,
  },
};

describe("ratios", () => {
  const ratios = ratiosOf(figures);
  const valuesOf = (name: string) => ratios[name]?.parts.map(({ at, value, ok }) => [at, value, ok]);

  it("follow their formulas, with the gate of the adapter", () => {
    expect(valuesOf("G5")).toEqual([
      ["1024", 0.5, true],
      ["1024 against copy", 0.8, null],
    ]);
    expect(valuesOf("G6")).toEqual([["1024", 2, true]]);
    expect(valuesOf("G7")).toEqual([
      ["1024", 1.1, null],
      ["1024, the choice", 1.2, true],
    ]);
    expect(valuesOf("G9")).toEqual([["64", 0.2, null]]);
    expect(valuesOf("G10")).toEqual([
      ["64", 0.5, false],
      ["64, replicas", (256 * 100) / 5000, true],
    ]);
    expect(valuesOf("G11")).toEqual([["1024, batch 64", 0.5, true]]);
    expect(valuesOf("G13")).toEqual([["1024", 3, null]]);
    expect(valuesOf("G14")).toEqual([["1024", 1.1, null]]);
    expect(valuesOf("G15")).toEqual([
      ["64 traces", 0.8, false],
      ["progress", 98 / 99, true],
    ]);
    expect(valuesOf("G16")).toEqual([
      ["1024", 0.99, true],
      ["longest submit, ms", 50, true],
    ]);
    expect(valuesOf("G17")).toEqual([
      ["1024", 100 / 99, true],
      ["submits of encode", 0, true],
    ]);
  });

  it("compare the choice to defer with what was not chosen", () => {
    const choiceOf = (own: GroupFigures) => ratiosOf({ ...figures, groups: [own] })["G7"]?.parts[1];
    expect(choiceOf({ ...square, defers: false })).toMatchObject({ value: 120 / 110, ok: true });
    const slow = { ...square.rates, learning: [96, 48] };
    expect(choiceOf({ ...square, rates: slow })).toMatchObject({ value: 0.96, ok: false });
  });

  it("are those of their worst part", () => {
    expect(ratios["G10"]).toMatchObject({ value: 0.5, gate: { least: 1 }, ok: false });
    expect(ratios["G18"]).toMatchObject({ value: 2e-4, gate: { most: 1e-4 }, ok: false, isExact: true });
  });

  it("say why there are none", () => {
    expect(ratios["G19"]).toMatchObject({
      value: null,
      ok: null,
      parts: [],
      reason: "the cases that it needs were not measured",
    });
  });

  it("have other gates on a GPU and on lavapipe", () => {
    const gateOn = (kind: Figures["kind"]) => ratiosOf({ ...figures, kind })["G5"]?.parts[0]?.gate;
    expect(gateOn("lavapipe")).toEqual({ least: 0.35 });
    expect(gateOn("gpu")).toBeNull();
    expect(ratiosOf({ ...figures, kind: "gpu" })["G10"]?.parts.map(({ gate }) => gate?.least)).toEqual([3, 50]);
  });

  it("know adapters by what they say of themselves", () => {
    const facts = { vendor: "", architecture: "", description: "", software: true };
    expect(kindOf({ ...facts, architecture: "swiftshader" })).toBe("swiftshader");
    expect(kindOf({ ...facts, description: "llvmpipe (LLVM 15)" })).toBe("lavapipe");
    expect(kindOf({ ...facts, vendor: "nvidia", software: false })).toBe("gpu");
  });
});

// ---- report -------------------------------------------------------------------------------------------------

const measured: CaseResult = {
  name: "recurrent 1024",
  shape: "recurrent",
  neurons: 1024,
  synapses: 1024 ** 2,
  blocks: 1,
  batch: 1,
  replicas: 1,
  rule: "local",
  learning: true,
  optimizer: "sgd",
  variant: "learning",
  status: "measured",
  reason: null,
  check: { ok: true, against: "reference", error: 2e-7, sentence: "" },
  checksum: 1,
  dispatchesPerStep: 2,
  stepsPerSecond: { median: 100, mad: 1, min: 98 },
  synapticUpdatesPerSecond: 100 * 1024 ** 2,
  bytesPerSecond: 800 * 1024 ** 2,
  flops: 600 * 1024 ** 2,
  kernels: null,
  samples: [98, 100, 101],
};
const refused: CaseResult = {
  ...measured,
  name: "recurrent 16384",
  status: "refused",
  reason: 'The buffer "parameters" needs 1073741824 bytes, "too many"',
  check: null,
  stepsPerSecond: null,
  synapticUpdatesPerSecond: null,
  bytesPerSecond: null,
  flops: null,
  samples: [],
};

describe("report", () => {
  const ratios = ratiosOf(figures);

  it("shows three figures", () => {
    expect([0.000012345, 0.012345, 1.2345, 123.45, 71_234, null, 0].map(figure)).toEqual([
      "1.2e-5",
      "0.0123",
      "1.23",
      "123",
      "71,200",
      "-",
      "0",
    ]);
  });

  it("has a row for each case and says what was refused", () => {
    const lines = caseLines([measured, refused]);
    expect(lines[1]).toMatch(/^recurrent 1024 +100 +1.0 % +105,000,000 +0.839 +0.629 +- +2e-7 +ok$/);
    expect(lines[2]).toMatch(/^recurrent 16384 +- .* refused$/);
    expect(lines.at(-1)).toBe(`recurrent 16384: ${refused.reason ?? ""}`);
  });

  it("shows ratios with formula, gate and verdict", () => {
    const lines = ratioLines({ ratios });
    expect(lines).toContainEqual(expect.stringMatching(/^G5 bandwidth +1024 +0.5 +>= 0.45 +ok$/));
    expect(lines).toContainEqual(expect.stringMatching(/^G10 many steps in a dispatch +64 +0.5 +>= 1 +FAIL$/));
    expect(lines).toContainEqual(expect.stringMatching(/^G13 +time of a step of batch 16/));
    expect(lines).toContain("G19 first step: the cases that it needs were not measured");
  });

  it("closes with what was missed and with what is wrong", () => {
    expect(closingLine({ cases: [measured], ratios })).toBe(
      "12 of 15 gates hold; missed: G10 (64), G15 (64 traces), G18 (weights).",
    );
    const failed = { ...measured, status: "failed" } as const;
    expect(closingLine({ cases: [failed], ratios })).toContain("WRONG NUMBERS in recurrent 1024.");
  });

  it("counts wrong numbers, and no missed gate, as a failure", () => {
    const good = { ...ratios, G18: { ...ratios["G10"], isExact: true, ok: true } } as typeof ratios;
    expect(isWrong({ cases: [measured, refused], ratios: good })).toBe(false);
    expect(isWrong({ cases: [measured], ratios })).toBe(true);
    expect(isWrong({ cases: [{ ...measured, status: "failed" }], ratios: good })).toBe(true);
  });

  it("makes a line of CSV for each case, with quotes where they are needed", () => {
    const lines = csvOf({ cases: [measured, refused] }).split("\n");
    expect(lines).toHaveLength(4);
    const [head = "", first = "", second = ""] = lines;
    expect(head.split(",").slice(0, 4)).toEqual(["name", "shape", "neurons", "synapses"]);
    expect(first.split(",")).toHaveLength(head.split(",").length);
    expect(first).toContain(",measured,100,1,98,3,");
    expect(second.endsWith(',"The buffer ""parameters"" needs 1073741824 bytes, ""too many"""')).toBe(true);
  });
});

// ---- flags --------------------------------------------------------------------------------------------------

describe("flags", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vle-bench-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("are all left out or all given", async () => {
    expect(await readBenchOptions([])).toEqual({
      request: { quick: false, only: null },
      host: undefined,
      json: undefined,
      csv: undefined,
    });
    const json = join(folder, "new/result.json");
    expect(
      await readBenchOptions(["--quick", "--json", json, "--csv=-", "--host", "Chrome", "--only", "adam"]),
    ).toEqual({
      request: { quick: true, only: "adam" },
      host: "chrome",
      json,
      csv: "-",
    });
    expect(await readBenchOptions(["--help"])).toBeNull();
    for (const flag of ["--quick", "--json", "--csv", "--host", "--only"]) expect(benchHelp()).toContain(flag);
  });

  it.each([
    [["--quik"], '--quik is not a flag. Did you mean "--quick"?'],
    [["--quick=yes"], "--quick takes no value."],
    [["--quick", "--quick"], "--quick is given twice; keep one of them."],
    [["--json"], "--json needs a value."],
    [["fast"], '"fast" is not a flag; npm run bench takes flags only.'],
    [["--host", "deno"], '--host is "deno"; it can be chrome or node.'],
    [["--json", "-", "--csv", "-"], "--json and --csv are both -; only one of them can go to the standard output."],
    [["--quick", "--only", "16384"], '--only is "16384", which is not measured with --quick; leave --quick out.'],
    [["--only", "exact-ness"], '--only is "exact-ness", which is in the name of no case. Did you mean "exactness"?'],
    [
      ["--only", "nothing at all"],
      '--only is "nothing at all", which is in the name of no case. There are recurrent 32,',
    ],
    [["--json", tmpdir()], `--json is ${tmpdir()}, a folder; name a file.`],
  ])("%j are answered with a sentence", async (args, sentence) => {
    const error: unknown = await readBenchOptions(args).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).message).toContain(sentence);
  });
});

describe("the bench's shaders", () => {
  const folder = join(import.meta.dirname, "../../bench/shaders");

  it.each(readdirSync(folder))("%s keeps the laws", (name) => {
    const file = {
      path: `bench/shaders/${name}`,
      text: readFileSync(join(folder, name), "utf8").replaceAll("\r\n", "\n"),
    };
    const laws = [shapeOfShaderText, noTextSubstitution, oneEntryPointPerKernel, flatWorkgroups];
    expect(laws.flatMap((law) => law(file))).toEqual([]);
  });
});
