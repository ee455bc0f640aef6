/** Keeps node_modules in step with package-lock.json. Uses nothing but Node: it runs before anything is installed. */

import { spawnSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Root of the project. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Whether the module at `url` is the script that Node was started with.
 * @param {string} url
 */
export function isMain(url) {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(url);
}

/**
 * Runs npm in the root of the project. Its output is shown, its error output shown ("inherit") or kept ("pipe").
 * @param {readonly string[]} args
 * @param {"inherit" | "pipe"} errors
 */
export function runNpm(args, errors = "inherit") {
  const script = process.env["npm_execpath"] ?? "";
  // The npm that runs this script is known by its path; only without it is a shell needed, to find npm.cmd on Windows.
  const [command, ...before] = script.endsWith("npm-cli.js") ? [process.execPath, script] : ["npm"];
  const shell = before.length === 0 && process.platform === "win32";
  const options = { cwd: root, shell, encoding: /** @type {const} */ ("utf8") };
  return spawnSync(command, [...before, ...args], { ...options, stdio: ["ignore", "inherit", errors] });
}

/**
 * @param {string} text
 * @returns {unknown}
 */
export function parseJson(text) {
  return JSON.parse(text);
}

/** Installs the dependencies if they are missing or not those of the lock file. Throws if that fails. */
export function ensureModules() {
  if (modulesAreCurrent()) return;
  console.log("Installing dependencies: npm ci ...");
  if (runNpm(["ci", "--include=dev", "--no-audit", "--no-fund"]).status !== 0) {
    throw new Error(
      "npm ci failed, see above. Check the connection to the package registry and run the command again.",
    );
  }
}

/** Whether npm's own record of what it installed holds every version that the lock file asks for. */
function modulesAreCurrent() {
  const installed = lockedPackages("node_modules/.package-lock.json");
  return Object.entries(lockedPackages("package-lock.json") ?? {}).every(([path, wanted]) => {
    if (path === "") return installed !== null;
    const found = installed?.[path];
    // Packages for other platforms are in the lock file and not on the disk.
    return found === undefined
      ? wanted.optional === true || wanted.devOptional === true
      : found.version === wanted.version;
  });
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean, devOptional?: boolean }> | null}
 */
function lockedPackages(file) {
  try {
    const lock = /** @type {{ packages: ReturnType<typeof lockedPackages> }} */ (
      parseJson(readFileSync(join(root, file), "utf8"))
    );
    return lock.packages;
  } catch {
    return null;
  }
}
