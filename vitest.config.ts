import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { driverEnvironment, readFindings } from "./scripts/setup.mjs";

const findings = readFindings();

// Node takes the package's main file for an ES module and fails; Vite takes its module file.
const server = { deps: { inline: ["wgsl_reflect"] } };

// A software adapter compiles on one core at a time, and computes on all. The limits only end what hangs: how long a
// pipeline takes to compile varies threefold between machines.
const twoAtATime = {
  sequence: { groupOrder: 1 },
  maxWorkers: 2,
  isolate: false,
  testTimeout: 240_000,
  hookTimeout: 240_000,
};

/** What takes longest on a software adapter, longest first. */
const longest = [
  "e2e/start",
  "e2e/page",
  "gpu/replicas",
  "gpu/step",
  "gpu/golden-variants",
  "gpu/golden-variants-apart",
  "gpu/epochs-killed",
  "gpu/reproduce",
  "e2e/train",
  "gpu/rules",
  "gpu/adjoint",
  "e2e/bench",
  "gpu/epochs",
  "gpu/limit-study",
  "gpu/shards",
  "gpu/compile",
  "gpu/verify",
].map((name) => `/test/${name}.test.ts`);

/**
 * A long file that begins last leaves a core idle. Vitest knows how long files took the last time, and where there was
 * none, as in a fresh clone, goes by their size; of two projects it runs one after the other.
 */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const others = await super.sort(files);
    const first = longest.flatMap((end) => others.filter(({ moduleId }) => moduleId.endsWith(end)));
    return [...new Set([...first, ...others])];
  }
}

/**
 * First unit, which needs no GPU; then beside each other gpu, which runs kernels through Dawn in Node, and e2e, which
 * opens pages in Chrome. scripts/test.mjs leaves out what this machine has no adapter for, and says so.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: "./vite.config.ts",
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          sequence: { groupOrder: 0 },
          maxWorkers: "100%",
          isolate: false,
          testTimeout: 20_000,
          server,
        },
      },
      {
        extends: "./vite.config.ts",
        test: {
          name: "gpu",
          include: ["test/gpu/**/*.test.ts"],
          // The driver is chosen by the environment that the worker process starts with.
          pool: "forks",
          env: { ...driverEnvironment(findings) },
          ...twoAtATime,
          server,
        },
      },
      {
        extends: "./vite.config.ts",
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          globalSetup: "test/global-setup.e2e.ts",
          ...twoAtATime,
        },
      },
    ],
  },
});
