/** The packages of the peers: those of bench/compare/package.json, installed there when they are first needed. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseJson, root, runNpm } from "../../scripts/modules.mjs";

const folder = join(root, "bench/compare");

type Versions = Readonly<Record<string, string>>;

/** The module of a package that this folder depends on. */
export function load(specifier: string): Promise<unknown> {
  return import(/* @vite-ignore */ specifier);
}

/** The version that is asked for, which is an exact one. */
export function versionOf(name: string): string {
  return wanted()[name] ?? "";
}

function wanted(): Versions {
  const text = readFileSync(join(folder, "package.json"), "utf8");
  return (parseJson(text) as { devDependencies: Versions }).devDependencies;
}

/**
 * Installs the packages if one is missing or of another version, without running any script of theirs.
 *
 * @throws Error if npm fails.
 */
export function ensurePeers(): void {
  if (Object.entries(wanted()).every(([name, version]) => installedVersion(name) === version)) return;
  console.log("Installing the peers into bench/compare: npm ci ...");
  const args = ["ci", "--prefix", folder, "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund"];
  if (runNpm(args).status === 0) return;
  throw new Error("npm ci failed in bench/compare, see above. Check the connection to the package registry.");
}

function installedVersion(name: string): string | undefined {
  try {
    const text = readFileSync(join(folder, "node_modules", name, "package.json"), "utf8");
    return (parseJson(text) as { version: string }).version;
  } catch {
    return undefined;
  }
}
