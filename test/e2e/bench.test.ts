/** The bench in Chrome: as a command, and as a page that a person opens. */

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { BENCH_SCHEMA, type BenchReport } from "../../bench/harness/result.ts";
import { root } from "../../scripts/modules.mjs";
import { useChrome } from "./page.ts";

const withPage = useChrome();

test(
  "npm run bench in Chrome writes JSON, and nothing else, to the standard output",
  { timeout: 120_000 },
  async () => {
    const args = ["bench", "--quick", "--host", "chrome", "--only", "exactness", "--json", "-"];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(root, "scripts/run.mjs"), ...args]);
    const { schema, host, ratios, denominators } = JSON.parse(stdout) as BenchReport;
    expect(schema).toBe(BENCH_SCHEMA);
    expect(host).toContain("Chrome");
    expect(denominators.flops).toBeGreaterThan(0);
    expect(ratios["G18"]).toMatchObject({ ok: true, reason: null });
    expect(stderr).toContain("2 of 2: exactness");
  },
);

test("the page begins to measure, and stops when it is told to", { timeout: 120_000 }, async () => {
  await withPage("bench/index.html", async (page) => {
    await page.setViewport({ width: 1280, height: 900 });
    await page.click("#quick");
    await page.waitForFunction("document.querySelectorAll('#cases td').length > 0", { timeout: 100_000 });
    await page.click("#stop");
    await page.waitForFunction("!document.querySelector('#quick').disabled", { timeout: 60_000 });
    const text = await page.$eval("#cases", (table) => (table as HTMLTableElement).innerText);
    expect(text).toMatch(/recurrent 32\s+[\d,]+\s/);
    // The table is below its heading, and the window is wide enough for it.
    const [room, below] = await page.$eval("#cases", (table) => {
      const { right, top } = table.getBoundingClientRect();
      const heading = table.previousElementSibling?.getBoundingClientRect();
      return [document.documentElement.clientWidth - right, top - (heading?.bottom ?? NaN)];
    });
    expect(room).toBeGreaterThanOrEqual(0);
    expect(below).toBeGreaterThanOrEqual(0);
    expect(await page.$eval("#problem", (element) => (element as HTMLElement).hidden)).toBe(true);
    expect(await page.$eval("#adapter", (element) => element.textContent)).toContain("buffers to");
  });
});
