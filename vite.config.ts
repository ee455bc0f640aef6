import { defineConfig, normalizePath } from "vite";
import { ensureDigitsFile } from "./src/cli/digits-data.ts";

/** `vite build` makes the page (site/), `vite build --mode library` what is published (dist/). */
export default defineConfig(async ({ mode }) => ({
  // Relative, so that the page works in any folder of any static host.
  base: "./",
  // A path that does not exist is an error, not the page.
  appType: "mpa" as const,
  // Node 20 does not read `await using`.
  oxc: { target: "es2022" },
  // The page's data is not a source: it is made from a package, once.
  resolve: { alias: [{ find: /^digits\.bin(?=\?)/, replacement: normalizePath(await ensureDigitsFile()) }] },
  server: { host: "127.0.0.1" },
  preview: { host: "127.0.0.1" },
  // Most dependencies are ES modules already; bundling one when it is first met would reload a page that is computing.
  optimizeDeps: { noDiscovery: true, include: ["fft.js"] },
  build: mode === "library" ? library : { outDir: "site", target: "es2022" },
}));

const library = {
  outDir: "dist",
  target: "es2022",
  minify: false,
  sourcemap: true,
  lib: {
    entry: {
      index: "src/index.ts",
      node: "src/cli/node-gpu.ts",
      reference: "src/reference/index.ts",
      io: "src/io/index.ts",
    },
    formats: ["es" as const],
  },
  rolldownOptions: { external: ["webgpu", /^node:/] },
};
