import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { adapterName, duration, large, percent, table } from "../../src/cli/format.ts";
import { createJournal } from "../../src/cli/journal.ts";
import { readChoice, readFlags, readWholeNumber, UsageError } from "../../src/cli/options.ts";
import { createProgressDisplay } from "../../src/cli/progress.ts";
import { resultLines } from "../../src/cli/results.ts";
import { createRunFolder, writeAtomically } from "../../src/cli/run-folder.ts";
import { readStartOptions } from "../../src/cli/start-options.ts";
import { VleError } from "../../src/errors.ts";
import { conditionsOf, previousDigit, previousDigitHard, RULES, type Condition } from "../../src/tasks/presets.ts";
import { fromReply, toReply } from "../../src/train/job.ts";
import type { Summary } from "../../src/train/summary.ts";
import type { Progress } from "../../src/train/train.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vle-cli-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("flags", () => {
  test("values, positionals and help are told apart", () => {
    const flags = readFlags(["a.json", "--host", "node", "--seed=-3", "b.json", "-h"], ["host", "seed"]);
    expect(flags).toEqual({
      values: { host: "node", seed: "-3" },
      switches: new Set(),
      positionals: ["a.json", "b.json"],
      wantsHelp: true,
    });
  });

  test.each([
    [["--hots", "x"], /^--hots is not a flag\. Did you mean "--host"\?$/],
    [["--zzzzzz"], /^--zzzzzz is not a flag\. There are --host, --help\.$/],
    [["--constructor=1"], /^--constructor is not a flag/],
    [["--host"], /^--host needs a value\.$/],
    [["--host="], /^--host needs a value\.$/],
    [["--host", "a", "--host", "b"], /^--host is given twice/],
    [["--help=yes"], /^--help takes no value\.$/],
  ])("%j is refused", (args, message) => {
    expect(() => readFlags(args, ["host"])).toThrow(UsageError);
    expect(() => readFlags(args, ["host"])).toThrow(message);
  });

  test.each(["-1", "1.5", "1e3", "0x10", "", " 7", "9007199254740992", "NaN"])("%j is no whole number", (text) => {
    expect(() => readWholeNumber("--seed", text, 0)).toThrow(/^--seed is ".*"; it must be a whole number from 0/);
  });

  test("whole numbers and choices", () => {
    expect(readWholeNumber("--seed", "9007199254740991", 0)).toBe(2 ** 53 - 1);
    expect(readWholeNumber("--seed", undefined, 0)).toBeUndefined();
    expect(() => readWholeNumber("--steps", "0", 1)).toThrow(UsageError);
    expect(readChoice("--rules", "Read_Out Only", ["local", "read-out-only"])).toBe("read-out-only");
    expect(() => readChoice("--host", "firefox", ["chrome", "node"])).toThrow(
      '--host is "firefox"; it can be chrome or node.',
    );
  });
});

describe("options of npm start", () => {
  const read = (...args: string[]) => readStartOptions(["--out", folder, ...args]);

  test("defaults", async () => {
    expect(await read()).toMatchObject({
      request: { preset: "previous-digit", conditions: previousDigit.conditions, steps: null, seed: 1 },
      host: undefined,
      json: undefined,
      out: folder,
    });
  });

  test("all of them", async () => {
    const args = ["--steps", "1600", "--seed", "7", "--rules", "read-out-only,local", "--host", "node"];
    expect(await read(...args, "--json", join(folder, "new", "s.json"), "--preset", "previous-digit")).toMatchObject({
      request: {
        preset: "previous-digit",
        conditions: conditionsOf(["local", "read-out only"], [8, 0]),
        steps: 1600,
        seed: 7,
      },
      host: "node",
      json: join(folder, "new", "s.json"),
    });
  });

  test("the study of hard switches", async () => {
    const args = ["--preset", "previous-digit-hard", "--rules", "local,matched-traces,exact", "--steps", "16000"];
    expect((await read(...args))?.request).toEqual({
      preset: "previous-digit-hard",
      conditions: conditionsOf(["local", "matched traces", "exact"], [0]),
      steps: 16_000,
      seed: 1,
    });
    expect((await read("--preset", "previous-digit-hard"))?.request.conditions).toEqual(conditionsOf(RULES, [0]));
    expect(previousDigitHard.conditions).toHaveLength(5);
  });

  test("one crossfade for all rules, or for those that are named", async () => {
    const conditions = async (...args: string[]) => (await read(...args))?.request.conditions;
    const compared = RULES.filter((rule) => rule !== "exact");
    expect(await conditions("--crossfade", "3")).toEqual(conditionsOf(compared, [3]));
    expect(await conditions("--crossfade", "20", "--rules", "exact")).toEqual(conditionsOf(["exact"], [20]));
  });

  test("help", async () => {
    expect(await readStartOptions(["--help"])).toBeNull();
  });

  test.each([
    [["--steps", "33"], /^--steps is 33; .* multiple, such as 40\.$/],
    [["--steps", "7"], /such as 20\.$/],
    [
      ["--steps", "60", "--rules", "exact"],
      "--steps is 60; the rule exact learns once in 40 steps, so it must be a multiple, such as 80.",
    ],
    [["--crossfade", "21"], "--crossfade is 21; a digit is shown for 20 steps, so it must be 0 to 20."],
    [["--crossfade", "-1"], /^--crossfade is "-1"; it must be a whole number from 0/],
    [["--preset", "mnist"], /^--preset is "mnist"; there are: previous-digit, previous-digit-hard\.$/],
    [["--rules", "local,loca"], /^--rules is "loca"; it can be .* Did you mean "local"\?$/],
    [["--rules", "local,"], /^--rules is ""/],
    [["--host", "deno"], /^--host is "deno"; it can be chrome or node/],
    [["more"], /^"more" is not a flag/],
  ])("%j is refused", async (args, message) => {
    await expect(read(...args)).rejects.toThrow(UsageError);
    await expect(read(...args)).rejects.toThrow(message);
  });

  test("a place where nothing can be written is refused before anything is computed", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    await expect(read("--json", folder)).rejects.toThrow(`--json is ${folder}, a folder; name a file.`);
    await expect(read("--json", join(file, "s.json"))).rejects.toThrow(/^--json: nothing can be written to the folder/);
    await expect(readStartOptions(["--out", file])).rejects.toThrow(/^--out: nothing can be written to the folder/);
  });
});

describe("run folder", () => {
  const time = new Date(2026, 0, 31, 23, 59, 58);

  test("two runs of one second get two folders", async () => {
    const parent = join(folder, "deep", "runs");
    const [a, b] = [await createRunFolder(parent, "p", time), await createRunFolder(parent, "p", time)];
    expect([a.path, b.path]).toEqual([join(parent, "p-20260131-235958"), join(parent, "p-20260131-235958-2")]);
  });

  test("a file is replaced as a whole, and no draft is left", async () => {
    const run = await createRunFolder(folder, "q", time);
    await run.write("metrics.csv", "old");
    await run.write("metrics.csv", "new");
    expect(await readFile(join(run.path, "metrics.csv"), "utf8")).toBe("new");
    expect(await readdir(run.path)).toEqual(["metrics.csv"]);
    expect(run.files).toEqual(["metrics.csv"]);
  });

  test("a write that fails leaves neither a draft nor harm", async () => {
    const run = await createRunFolder(folder, "r", time);
    await createRunFolder(run.path, "taken", time);
    const [taken = ""] = await readdir(run.path);
    await expect(writeAtomically(join(run.path, taken), "x")).rejects.toThrow();
    expect(await readdir(run.path)).toEqual([taken]);
  });
});

describe("what is shown", () => {
  const progress = (rule: Progress["rule"], step: number, accuracy: number | null, crossfade = 8): Progress => {
    return { rule, crossfade, step, steps: 800, loss: 2, accuracy, stepsPerSecond: 200, secondsLeft: 68 };
  };

  test("plain lines at most every 5 seconds, and one at the end", () => {
    const output = new PassThrough();
    let milliseconds = 0;
    const display = createProgressDisplay(
      conditionsOf(["local", "instantaneous"], [8]),
      output as never,
      () => milliseconds,
    );
    display.update(progress("local", 400, null));
    milliseconds = 4999;
    display.update(progress("instantaneous", 400, 0.3));
    milliseconds = 5000;
    display.update(progress("local", 800, 0.605));
    display.update(progress("instantaneous", 800, 0.415));
    display.stop();
    expect(String(output.read())).toBe(
      " 25 %  step 400 of 800, 1:08 left, training accuracy: local -, instantaneous -\n" +
        " 75 %  step 800 of 800, 1:08 left, training accuracy: local 61 %, instantaneous 30 %\n" +
        "100 %  step 800 of 800, 1:08 left, training accuracy: local 61 %, instantaneous 42 %\n",
    );
  });

  test("a text for each crossfade where there are two", () => {
    const output = new PassThrough();
    const conditions: Condition[] = [
      { rule: "local", crossfade: 8 },
      { rule: "matched traces", crossfade: 8 },
      { rule: "local", crossfade: 0 },
    ];
    let milliseconds = 0;
    const display = createProgressDisplay(conditions, output as never, () => (milliseconds += 5000));
    display.update(progress("local", 800, 0.8));
    display.update(progress("matched traces", 800, 0.82));
    display.update(progress("local", 800, 0.2, 0));
    display.stop();
    expect(String(output.read()).split("\n")[2]).toBe(
      "100 %  step 800 of 800, 1:08 left, training accuracy: " +
        "crossfade 8: local 80 %, matched traces (ours) 82 %; hard switches: local 20 %",
    );
  });

  test("one bar on a terminal, and a line below it for each crossfade", () => {
    const output = Object.assign(new PassThrough(), { isTTY: true, columns: 200, cursorTo: () => true });
    const display = createProgressDisplay(conditionsOf(["local"], [8, 0]), output as never);
    display.update(progress("local", 400, 0.5));
    display.update(progress("local", 400, 0.25, 0));
    display.stop();
    const lines = String(output.read()).split("\n");
    expect(lines.at(-4)).toMatch(/50 % {2}1:08 left/);
    expect(lines.at(-3)).toMatch(/crossfade 8: local 50 %/);
    expect(lines.at(-2)).toMatch(/hard switches: local 25 %/);
  });

  test("figures", () => {
    expect([duration(8.4), duration(68), duration(3725), duration(-1)]).toEqual(["0:08", "1:08", "1:02:05", "0:00"]);
    expect([percent(0.8244, 1), percent(0.5), percent(NaN)]).toEqual(["82.4 %", "50 %", "-"]);
    expect([large(9_512_345), large(1.2e9), large(999_999)]).toEqual(["9.51 million", "1.20 billion", "999,999"]);
    expect(
      table(
        ["a", "b"],
        [
          ["long", "1"],
          ["x", "10"],
        ],
      ),
    ).toEqual(["a      b", "long   1", "x     10"]);
    const nameless = { vendor: "", architecture: "", description: "", software: false };
    expect(adapterName(nameless)).toBe("an adapter without a name");
    expect(adapterName({ ...nameless, vendor: "nvidia", architecture: "hopper" })).toBe("nvidia hopper");
  });

  test("the table says whether an accuracy is what it should be", () => {
    const result = (rule: Progress["rule"], crossfade: number, testAccuracy: number) => {
      return {
        rule,
        crossfade,
        samples: 16_000,
        steps: 16_000,
        finalLoss: 0.6,
        testAccuracy,
        seconds: 20,
        stepsPerSecond: 800,
      };
    };
    const summary: Summary = {
      schema: "",
      adapter: { vendor: "", architecture: "", description: "SwiftShader", software: true },
      preset: previousDigit.name,
      seed: 1,
      results: [
        result("local", 8, 0.82),
        result("instantaneous", 8, 0.7),
        result("local", 0, 0.22),
        result("matched traces", 0, 0.82),
        result("exact", 3, 0.8),
      ],
      throughput: { neurons: 138, synapses: 17_280, stepsPerSecond: 800, synapticUpdatesPerSecond: 13_824_000 },
      files: [],
    };
    expect(resultLines(previousDigit, summary)).toEqual([
      "rule                   crossfade   steps   loss  test accuracy  expected           seconds  steps/s",
      "local                          8  16,000  0.600         82.0 %   79-85 %   inside     20.0      800",
      "instantaneous                  8  16,000  0.600         70.0 %   42-65 %  OUTSIDE     20.0      800",
      "local                          0  16,000  0.600         22.0 %   10-30 %   inside     20.0      800",
      "matched traces (ours)          0  16,000  0.600         82.0 %   80-85 %   inside     20.0      800",
      "exact adjoint                  3  16,000  0.600         80.0 %         -              20.0      800",
      "",
      "Throughput: 800 steps/s of 138 neurons and 17,280 synapses, 20 sequences side by side: " +
        "13.8 million synaptic updates/s",
      "Adapter:    SwiftShader (software: no benchmark of a GPU)",
    ]);
  });

  test("a journal keeps what a run has reported", () => {
    const journal = createJournal();
    expect(journal.step).toBe(0);
    for (const [rule, step, crossfade] of [
      ["local", 400, 8],
      ["instantaneous", 400, 8],
      ["local", 400, 0],
      ["local", 800, 8],
    ] as const) {
      journal.add(progress(rule, step, 0.5, crossfade));
    }
    expect(journal.step).toBe(400);
    const point = { loss: 2, accuracy: 0.5 };
    expect(journal.curves).toEqual([
      {
        rule: "local",
        crossfade: 8,
        points: [
          { ...point, step: 400, seconds: 2 },
          { ...point, step: 800, seconds: 4 },
        ],
      },
      { rule: "instantaneous", crossfade: 8, points: [{ ...point, step: 400, seconds: 2 }] },
      { rule: "local", crossfade: 0, points: [{ ...point, step: 400, seconds: 2 }] },
    ]);
  });
});

describe("replies from a page", () => {
  const over = async <T>(work: () => Promise<T>): Promise<T> =>
    fromReply(JSON.parse(JSON.stringify(await toReply(work))) as Awaited<ReturnType<typeof toReply<T>>>);

  test("a value arrives", async () => {
    expect(await over(async () => ({ a: [1, null] }))).toEqual({ a: [1, null] });
  });

  test("an error for the user arrives with its code and details", async () => {
    const error = await over(async () => {
      throw new VleError("NO_ADAPTER", "No GPU.", { details: { tries: 4 } });
    }).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(VleError);
    expect(error).toMatchObject({ code: "NO_ADAPTER", message: "No GPU.", details: { tries: 4 } });
  });

  test("a bug arrives with the stack of the page", async () => {
    const error = await over(async () => {
      throw new TypeError("x is undefined");
    }).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ message: "x is undefined" });
    expect(error).toHaveProperty("stack", expect.stringContaining("cli.test.ts"));
    expect(error).not.toHaveProperty("code");
    await expect(over(() => Promise.reject(new Error("plain")))).rejects.toThrow("plain");
  });
});
