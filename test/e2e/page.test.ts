/** The live page in Chrome. Every test fails if the page logs an error, such as a refusal by its security policy. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "puppeteer";
import { expect, inject, test } from "vitest";
import { build, preview } from "vite";
import { root } from "../../scripts/modules.mjs";
import { readFindings } from "../../src/cli/chrome.ts";
import { previousDigit, RULE_NAMES, rulesOf } from "../../src/tasks/presets.ts";
import { useChrome } from "./page.ts";

const withPage = useChrome();

test("it learns from the start, tests at the end, and can be started anew", { timeout: 120_000 }, async () => {
  await withPage("/?steps=1200&seed=3&kernels=default", async (page) => {
    await waitForPhase(page, "Done");
    expect(await textsOf(page, "h1")).toEqual(["Name the previous digit"]);
    expect(await textsOf(page, "#figures")).toEqual(["Step 1,200 of 1,200"]);
    const heads = await textsOf(page, "#results th");
    const names = rulesOf(previousDigit.conditions).map((rule) => RULE_NAMES[rule]);
    expect(names).toContain("matched traces (ours)");
    expect(heads.map((head) => names.find((name) => head.startsWith(name)))).toEqual(names);
    const tested = (await textsOf(page, TEST_CELLS)).map(Number.parseFloat);
    // Three blocks of steps: guessing is 10 %, and every rule is past it by far.
    expect(Math.min(...tested)).toBeGreaterThan(20);
    expect(tested[0]).toBeGreaterThan(50);
    expect(await page.$$eval("#stream tr", (rows) => rows.map((row) => row.children.length))).toEqual(Array(6).fill(7));
    const banners = await textsOf(page, "#software:not([hidden])");
    expect(banners).toHaveLength(readFindings()?.chrome?.adapter.software === true ? 1 : 0);

    await page.$eval("#seed", (input) => (input as HTMLInputElement).select());
    await page.type("#seed", "4\n");
    await waitForPhase(page, "Learning");
    expect(page.url()).toMatch(/\?steps=1200&seed=4&kernels=default&crossfade=8$/);
    expect(await textsOf(page, TEST_CELLS)).toEqual(["", "", "", ""]);
    await waitForStep(page, 1);
  });
});

test("the crossfade is chosen on the page", async () => {
  await withPage("/?steps=8000&kernels=default", async (page) => {
    await waitForStep(page, 1);
    expect(await textsOf(page, "#crossfade option")).toEqual(["8 of 20 steps", "0: hard switches"]);
    expect(await crossfadeOf(page)).toBe("8");
    const [remark = ""] = await textsOf(page, ".results .remark");
    expect(remark.replace(/\s+/g, " ")).toContain(
      "The published rule needs the input to be still present when its error arrives; matched traces remove that: see crossfade 0.",
    );
    await page.select("#crossfade", "0");
    await waitForPhase(page, "Learning");
    expect(page.url()).toMatch(/\?steps=8000&kernels=default&seed=1&crossfade=0$/);
    await waitForStep(page, 1);
  });
});

test(
  "a training over epochs shows its rules side by side, pauses, and leads to another",
  { timeout: 120_000 },
  async () => {
    await withPage("/?preset=yin-yang&epochs=1&seed=3&kernels=default", async (page) => {
      await waitForPhase(page, "Learning");
      await page.click("#play");
      await waitForPhase(page, "Paused");
      await page.click("#play");
      await waitForPhase(page, "Done");
      expect(await textsOf(page, "h1")).toEqual(["Yin-Yang: neurons without lag"]);
      expect(await textsOf(page, "#figures")).toEqual(["Epoch 1 of 1"]);
      const heads = await textsOf(page, "#results th");
      const rules = ["local", "instantaneous", "read-out only"];
      expect(heads.map((head) => rules.find((rule) => head.startsWith(rule)))).toEqual(rules);
      const tested = (await textsOf(page, TEST_CELLS)).map(Number.parseFloat);
      // Of three classes, after one of fifteen epochs: a read-out alone comes to 80 %.
      expect(Math.min(...tested)).toBeGreaterThan(60);
      const [remark] = await textsOf(page, "#sample-section:not([hidden]) #sample-remark");
      expect(remark).toMatch(/^After training with local\. .* the right class, (yin|yang|dot);/);

      await Promise.all([page.waitForNavigation(), page.select("#preset", "delayed-xor")]);
      await waitForPhase(page, "Learning");
      expect(page.url()).toMatch(/\/\?preset=delayed-xor&kernels=default$/);
      expect((await textsOf(page, "#results th")).some((head) => head.startsWith("matched traces (ours)"))).toBe(true);
    });
  },
);

test("kernels are measured, kept in the browser, and overridden by a link", async () => {
  await withPage("/?preset=yin-yang&kernels=anew", async (page) => {
    const kept = () =>
      page.evaluate(() => Object.keys(JSON.parse(localStorage["vle-webgpu/tunings"] as string) as object));
    await waitForPhase(page, "Learning");
    await page.waitForFunction(() => Object.keys(localStorage).length === 1);
    // Whoever loads this address again does not measure again.
    expect(page.url()).toMatch(/\/\?preset=yin-yang$/);
    expect((await kept()).length).toBeGreaterThanOrEqual(1);
    expect(await textsOf(page, "#kernels")).toEqual([
      expect.stringMatching(/^Kernels, measured on this adapter: .*\. Measure/),
    ]);
    await Promise.all([page.waitForNavigation(), page.click("#kernels a:last-child")]);
    await waitForPhase(page, "Learning");
    expect(page.url()).toMatch(/\/\?preset=yin-yang&kernels=default$/);
    expect(await textsOf(page, "#kernels")).toEqual(["Kernels, the default. Measure again Use the fastest"]);
  });
});

test("the crossfade is chosen by the link; pausing stops the steps, by the button and by the space key", async () => {
  await withPage("/?steps=8000&crossfade=0&kernels=default", async (page) => {
    await waitForStep(page, 1);
    expect(await crossfadeOf(page)).toBe("0");
    await page.click("#play");
    await waitForPhase(page, "Paused");
    expect(await textsOf(page, "#play")).toEqual(["Go on"]);
    const paused = await stepOf(page);
    // Much longer than a block takes.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(await stepOf(page)).toBe(paused);

    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await page.keyboard.press("Space");
    await waitForStep(page, paused + 1);
    await page.keyboard.press("Space");
    await waitForPhase(page, "Paused");
    // What is paused can be started anew, too.
    await page.click("#controls [type=submit]");
    await waitForPhase(page, "Learning");
    await waitForStep(page, 1);
  });
});

test("without frames and with a timer a second, as in a hidden tab, it goes on", async () => {
  await withPage(EMPTY_PAGE, async (page) => {
    // Not every headless browser can hide a tab; this is what hiding does to a page.
    await page.evaluateOnNewDocument(() => {
      const native = window.setTimeout.bind(window);
      const later = (work: () => void): number => native(work, 1000);
      Object.assign(window, { requestAnimationFrame: () => 0, setTimeout: later });
    });
    await page.goto(new URL("/?steps=8000&kernels=default", inject("siteUrl")).href);
    // Thousands of submits: at one a second this would take an hour.
    await waitForStep(page, 1200);
    expect(await page.title()).toMatch(/^\d+ % Name the previous digit$/);
  });
});

test("without WebGPU it says so, and what to do", async () => {
  await withPage(EMPTY_PAGE, async (page) => {
    await page.evaluateOnNewDocument(() => Reflect.deleteProperty(Navigator.prototype, "gpu"));
    await page.goto(new URL("/", inject("siteUrl")).href);
    await waitForPhase(page, "Stopped");
    expect(await problemOf(page)).toMatch(/^This browser has no WebGPU\. Use Chrome or Edge 113/);
    expect(await page.$eval("#play", (button) => (button as HTMLButtonElement).disabled)).toBe(true);
  });
});

test("without an adapter it says so, and what to do", async () => {
  await withPage(EMPTY_PAGE, async (page) => {
    await page.evaluateOnNewDocument(() => (GPU.prototype.requestAdapter = () => Promise.resolve(null)));
    await page.goto(new URL("/", inject("siteUrl")).href);
    await waitForPhase(page, "Stopped");
    expect(await problemOf(page)).toMatch(/^The browser found no usable GPU\..*chrome:\/\/gpu/);
  });
});

test("a GPU that crashes is told about, and the page can start anew", async () => {
  await withPage("/?steps=8000&kernels=default", async (page, browser) => {
    await waitForStep(page, 1);
    const session = await browser.target().createCDPSession();
    await session.send("Browser.crashGpuProcess").catch(() => undefined);
    await waitForPhase(page, "Stopped");
    expect(await problemOf(page)).toMatch(/^The GPU was reset at step [\d,]+,.*Press Restart/);
    await page.click("#controls [type=submit]");
    await waitForStep(page, 1);
    expect(await textsOf(page, "#problem:not([hidden])")).toEqual([]);
  });
});

test("a link that is not understood is told about", async () => {
  await withPage("/?seed=%3Cimg%20src%3Dx%3E&steps=33&crossfade=3&kernels=default", async (page) => {
    await waitForStep(page, 1);
    expect(await problemOf(page)).toBe(
      "The link says seed=<img src=x>, which is not a whole number from 0 to 2^53 - 1; the default is used. " +
        "The link says steps=33, which is not a multiple of 20 from 20 to 6000000; the default is used. " +
        "The link says crossfade=3, which is not 8 or 0; the default is used.",
    );
    expect(await page.$$("#problem img")).toEqual([]);
  });
});

test("the built site learns under its security policy, in a folder", { timeout: 120_000 }, async () => {
  const parent = await mkdtemp(join(tmpdir(), "vle-site-"));
  const outDir = join(parent, "some/folder");
  await build({ root, logLevel: "error", build: { outDir } });
  const server = await preview({ root, build: { outDir: parent }, preview: { host: "127.0.0.1", port: 0 } });
  try {
    const url = server.resolvedUrls?.local[0] ?? "";
    await withPage(`${url}some/folder/?steps=20`, async (page) => {
      await waitForPhase(page, "Done");
      const policy = await page.$eval("meta[http-equiv]", (meta) => meta.content);
      expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
      expect(await page.$eval("h1", (head) => getComputedStyle(head).fontSize)).toBe("25.6px");
    });
  } finally {
    await server.close();
    await rm(parent, { recursive: true });
  }
});

// ---- helpers ------------------------------------------------------------------------------------------------

/** A page of the server that does nothing. */
const EMPTY_PAGE = "/src/app/job.html";
const TEST_CELLS = "#results td:nth-of-type(2)";
/** A block of steps takes seconds on a software adapter that shares its processor. */
const PATIENCE = { timeout: 60_000, polling: 50 };

async function waitForPhase(page: Page, phase: string): Promise<void> {
  await page.waitForFunction((text) => document.querySelector("#phase")?.textContent === text, PATIENCE, phase);
}

async function waitForStep(page: Page, step: number): Promise<void> {
  const deadline = performance.now() + PATIENCE.timeout;
  while ((await stepOf(page)) < step) {
    if (performance.now() > deadline) throw new Error(`Step ${step} did not come; ${await stepOf(page)} did.`);
    await new Promise((resolve) => setTimeout(resolve, PATIENCE.polling));
  }
}

/** 0 before the first report. */
async function stepOf(page: Page): Promise<number> {
  const [text = ""] = await textsOf(page, "#figures");
  return Number((/^Step ([\d,]+)/.exec(text)?.[1] ?? "0").replaceAll(",", ""));
}

async function problemOf(page: Page): Promise<string> {
  return page.$eval("[role=alert]:not([hidden])", (problem) => problem.textContent);
}

function crossfadeOf(page: Page): Promise<string> {
  return page.$eval("#crossfade", (select) => (select as HTMLSelectElement).value);
}

function textsOf(page: Page, selector: string): Promise<string[]> {
  return page.$$eval(selector, (found) => found.map(({ textContent }) => textContent));
}
