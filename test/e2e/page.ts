/** Pages of the project in Chrome. */

import type { Browser, Page } from "puppeteer";
import { afterAll, beforeAll, expect, inject } from "vitest";
import { launchChrome, openPage, readFindings } from "../../src/cli/chrome.ts";

export type WithPage = <T>(path: string, use: (page: Page, browser: Browser) => Promise<T>) => Promise<T>;

const args = [
  "--window-size=1280,800",
  // Tests crash the GPU process on purpose; Chrome must not refuse the site a third device because of that.
  "--disable-gpu-process-crash-limit",
  "--disable-domain-blocking-for-3d-apis",
];

/** As for the quick devices of Node (test/gpu/device.ts). The Chrome of a command, which other tests start, has its guards. */
const withoutGuards = ["--enable-dawn-features=disable_robustness"];

/**
 * A Chrome for all tests of a file, which another file's can neither crash nor hide. The result opens `path` of the
 * project, hands the page to `use` and closes it. The test fails if the page throws or logs an error. A function given
 * to `page.evaluate` must not `import()`, as it is compiled for Node; a string may.
 */
export function useChrome(): WithPage {
  let browser: Browser | undefined;
  beforeAll(async () => {
    const findings = readFindings();
    const isSoftware = findings?.chrome?.adapter.software === true;
    browser = await launchChrome(findings, { headless: true, args: [...args, ...(isSoftware ? withoutGuards : [])] });
  });
  afterAll(() => browser?.close());
  return (path, use) => {
    if (browser === undefined) throw new Error("The browser is there from the first test on, not before.");
    return usePage(browser, path, use);
  };
}

async function usePage<T>(
  browser: Browser,
  path: string,
  use: (page: Page, browser: Browser) => Promise<T>,
): Promise<T> {
  const errors: string[] = [];
  const page = await openPage(browser, new URL(path, inject("siteUrl")).href, (message) => errors.push(message));
  const [outcome] = await Promise.allSettled([use(page, browser)]);
  await page.close();
  // What fails in the test is often the echo of an error in the page.
  expect(errors, "errors in the page").toEqual([]);
  if (outcome.status === "rejected") throw outcome.reason;
  return outcome.value;
}
