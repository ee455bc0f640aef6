/** Serves the project and starts Chrome once for all end-to-end tests. */

import type { TestProject } from "vitest/node";
import { launchChrome, readFindings, serve } from "../src/cli/chrome.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Address of the root of the project. */
    readonly siteUrl: string;
    /** Where `puppeteer.connect` finds the browser. */
    readonly browserWSEndpoint: string;
  }
}

// Tests crash the GPU process on purpose; Chrome must not refuse the site a third device because of that.
const crashTests = ["--disable-gpu-process-crash-limit", "--disable-domain-blocking-for-3d-apis"];

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const served = await serve();
  const browser = await launchChrome(readFindings(), { headless: true, shared: true, args: crashTests });
  project.provide("siteUrl", served.url);
  project.provide("browserWSEndpoint", browser.wsEndpoint());
  return async () => {
    await browser.close();
    await served.close();
  };
}
