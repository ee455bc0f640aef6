/** Serves the project once for all end-to-end tests. */

import type { TestProject } from "vitest/node";
import { serve } from "../src/cli/chrome.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Address of the root of the project. */
    readonly siteUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const served = await serve();
  project.provide("siteUrl", served.url);
  return () => served.close();
}
