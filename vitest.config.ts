import { defineConfig } from "vitest/config";
import { driverEnvironment, readFindings } from "./scripts/setup.mjs";

const findings = readFindings();

// Node takes the package's main file for an ES module and fails; Vite takes its module file.
const server = { deps: { inline: ["wgsl_reflect"] } };

// One device is busy at a time. The limits fit a software adapter on two cores.
const oneAtATime = { maxWorkers: 1, isolate: false, testTimeout: 60_000, hookTimeout: 60_000 };

/**
 * One project after the other, as a software adapter uses every core: unit needs no GPU, gpu runs kernels through Dawn
 * in Node, e2e opens pages in Chrome. scripts/test.mjs leaves out what this machine has no adapter for, and says so.
 */
export default defineConfig({
  test: {
    projects: [
      {
        extends: "./vite.config.ts",
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          sequence: { groupOrder: 0 },
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
          sequence: { groupOrder: 1 },
          // The driver is chosen by the environment that the worker process starts with.
          pool: "forks",
          env: { ...driverEnvironment(findings) },
          ...oneAtATime,
          server,
        },
      },
      {
        extends: "./vite.config.ts",
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          sequence: { groupOrder: 2 },
          globalSetup: "test/global-setup.e2e.ts",
          ...oneAtATime,
        },
      },
    ],
  },
});
