/** The one file that a pack writes, among the results that are kept. */

import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../../scripts/modules.mjs";
import { marked, resultsOf, type Ended } from "../../src/cli/pack-results.ts";
import { readResult, readResults, settingsOf, type ResultFile } from "../../src/cli/results-files.ts";
import { benchGates, compareGates } from "../../src/cli/results-gates.ts";
import { performanceBlock } from "../../src/cli/results-tables.ts";
import { bench, caseOf, compared, later, NAME, swiftshader } from "./results-reports.ts";

describe("the one file of a pack", () => {
  const name = NAME.replace(".json", "-pack.json");
  const pack = { version: "0.1.0", commit: "abc1234", packed: later(9), node: "v20.20.2", webgpu: "0.6.2" };
  const origin = { date: bench().date, quick: false, pack, host: { name: "n" }, adapter: swiftshader };
  const endedOf = (part: Ended["part"], report: unknown, lines: readonly string[] = []): Ended => ({
    ...{ part, code: 0, signal: null, seconds: 1 },
    ...{ report: marked(report, origin), lines },
  });
  const read = (ended: readonly Ended[], as = name) => readResult(as, JSON.stringify(resultsOf(origin, ended)));
  const verified = endedOf("verify", null, ["chain exact.value 1.2e-7 1e-3 ok"]);

  it("gives what the files that are kept give, of the commit that was packed", async () => {
    const { files } = await readResults(join(root, "bench/results"));
    const [setting] = settingsOf(files).filter((each) => each.comparisons.length > 0 && each.benches.length > 0);
    const [one, other] = [setting?.benches[0], setting?.comparisons[0]];
    if (setting === undefined || one === undefined || other === undefined) throw new Error("There are no such files.");
    const date = one.report.date;
    const ended = [endedOf("bench", one.report), endedOf("compare", other.report), verified];
    const combined = JSON.stringify(resultsOf({ ...origin, date, adapter: setting.adapter }, ended));
    const packed = one.name.replace(/(-\d)?\.json$/, "-pack.json");
    const found = readResult(packed, combined).filter((each) => typeof each === "object");
    expect(found.map((each) => [each.name, each.kind])).toEqual([
      [packed, "bench"],
      [packed, "compare"],
    ]);
    const [own] = settingsOf(found);
    expect(own && benchGates(own)).toEqual(benchGates({ ...setting, benches: [one] }));
    expect(own && compareGates(own)).toEqual(compareGates({ ...setting, comparisons: [other] }));
    const facts = (report: ResultFile["report"]) => ({ ...report, commit: null, pack: null });
    expect(found.map(({ report }) => facts(report))).toEqual([one, other].map(({ report }) => facts(report)));
    expect(performanceBlock(found).match(new RegExp(`${packed}\\): \\S+, commit abc1234`, "g"))).toHaveLength(2);
  });

  it("may lack a part, and may end after midnight", () => {
    expect(read([endedOf("bench", bench()), verified])).toMatchObject([{ kind: "bench" }]);
    const late = { ...compared, date: "2026-11-25T00:10:00.000Z", finished: "2026-11-25T00:20:00.000Z" };
    expect(read([endedOf("compare", late)])).toMatchObject([{ name, kind: "compare" }]);
  });

  const failed = endedOf("bench", bench({ cases: [caseOf(64, 1, 10, { status: "failed" })] }));
  const strayed = endedOf("verify", null, ["chain frozen.rate 2.0e+0 1e-4 FAIL"]);
  it.each([
    ["it holds no run of bench and none of compare", [verified], name],
    ["frozen.rate strays from the recording chain", [endedOf("bench", bench()), strayed], name],
    ["has wrong numbers", [failed], name],
    ["its name says 2026-11-23", [endedOf("bench", bench())], name.replace("24", "23")],
    ["it is a file of pack", [endedOf("bench", bench())], NAME],
  ])("is refused: %s", (sentence, ended, as) => {
    expect(read(ended, as)).toEqual([expect.stringContaining(sentence)]);
  });

  it("is the only one with that name", () => {
    expect(readResult(name, JSON.stringify(bench()))).toEqual([expect.stringContaining("it is a file of bench")]);
  });
});
