/**
 * Runs the tests: unit, then gpu (Node) and e2e (Chrome) beside each other.
 *
 *   node scripts/test.mjs [FILTER...] [flags of vitest, such as --project gpu or -t "name"]
 *
 * Where this machine has no adapter for a project, that counts as a failure if CI is set and is said loudly if not.
 * The last line is `N passed, N failed, N skipped`, in tests.
 */

import { root } from "./modules.mjs";
import { explainMissingBrowser, setUp } from "./setup.mjs";

/** @typedef {{ passed: number, failed: number, skipped: number }} Tally */

const noDriver =
  "The npm package webgpu found no adapter in Node. " +
  "On Linux it needs a Vulkan loader and driver; Debian has both in chromium-common.";

async function main() {
  const findings = await setUp();
  const missing = [
    ...(findings.node === null ? [{ project: "gpu", why: noDriver }] : []),
    ...(findings.chrome === null ? [{ project: "e2e", why: explainMissingBrowser() }] : []),
  ];
  const tally = await runVitest(missing.map(({ project }) => project));
  for (const { project, why } of missing) console.error(`\n!!! The tests of project ${project} did not run. ${why}`);
  if (process.env["CI"]) tally.failed += missing.length;
  console.log(`\n${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`);
  return tally.failed > 0 ? 1 : 0;
}

/**
 * @param {readonly string[]} without Names of projects to leave out.
 * @returns {Promise<Tally>}
 */
async function runVitest(without) {
  const { parseCLI, startVitest } = await import("vitest/node");
  const { filter, options } = parseCLI(["vitest", "run", ...process.argv.slice(2)]);
  const project = [options.project ?? [], without.map((name) => `!${name}`)].flat();
  const vitest = await startVitest("test", filter, { ...options, root, run: true, watch: false, project });
  const tally = count(vitest.state.getTestModules());
  // Errors outside of tests, and a run without tests, have no test to count.
  const failedOtherwise =
    vitest.state.getUnhandledErrors().length > 0 || tally.passed + tally.failed + tally.skipped === 0;
  if (failedOtherwise) tally.failed += 1;
  await vitest.close();
  return tally;
}

/**
 * @param {readonly import("vitest/node").TestModule[]} modules
 * @returns {Tally}
 */
function count(modules) {
  const tally = { passed: 0, failed: 0, skipped: 0 };
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      tally[state === "pending" ? "failed" : state] += 1;
    }
    // A file that does not load, or a hook that fails.
    if (module.state() === "failed" && ![...module.children.allTests("failed")].length) tally.failed += 1;
  }
  return tally;
}

process.exit(
  await main().catch((/** @type {unknown} */ error) => {
    console.error(error instanceof Error ? error.message : error);
    console.log("\n0 passed, 1 failed, 0 skipped");
    return 1;
  }),
);
