/** A page of the project in Chrome, for one test. */

import puppeteer, { type Browser, type Page } from "puppeteer";
import { expect, inject } from "vitest";
import { openPage } from "../../src/cli/chrome.ts";

/**
 * Opens `path` of the project, hands the page to `use` and closes it. The test fails if the page throws or logs an
 * error. A function given to `page.evaluate` must not `import()`, as it is compiled for Node; a string may.
 */
export async function withPage<T>(path: string, use: (page: Page, browser: Browser) => Promise<T>): Promise<T> {
  const browser = await puppeteer.connect({
    browserWSEndpoint: inject("browserWSEndpoint"),
    defaultViewport: { width: 1280, height: 800 },
    protocolTimeout: 0,
  });
  try {
    const errors: string[] = [];
    const page = await openPage(browser, new URL(path, inject("siteUrl")).href, (message) => errors.push(message));
    const [outcome] = await Promise.allSettled([use(page, browser)]);
    await page.close();
    // What fails in the test is often the echo of an error in the page.
    expect(errors, "errors in the page").toEqual([]);
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  } finally {
    await browser.disconnect();
  }
}
