/** Where a browser is looked for, in which order, and how one is fetched when there is none. */

import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { runNpm } from "./modules.mjs";

const names = [
  "google-chrome-stable",
  "google-chrome",
  "chromium",
  "chromium-browser",
  "microsoft-edge-stable",
  "microsoft-edge",
];

/** @type {Partial<Record<NodeJS.Platform, readonly string[]>>} */
const installed = {
  darwin: [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome Canary.app/Contents/MacOS/Google Chrome Canary",
  ],
  linux: [
    "/opt/google/chrome/chrome",
    "/opt/microsoft/msedge/msedge",
    "/usr/bin/chromium",
    "/usr/lib/chromium/chromium-headless-shell",
  ],
  win32: ["PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"].flatMap((name) => {
    const folder = process.env[name];
    return folder === undefined
      ? []
      : [
          join(folder, "Google/Chrome/Application/chrome.exe"),
          join(folder, "Microsoft/Edge/Application/msedge.exe"),
          join(folder, "Chromium/Application/chrome.exe"),
        ];
  }),
};

/** The browser that the environment names: then it is the only one that is tried. */
export function namedBrowser() {
  const name = ["CHROME_PATH", "PUPPETEER_EXECUTABLE_PATH"].find((key) => process.env[key]);
  return name === undefined ? null : { name, executable: /** @type {string} */ (process.env[name]) };
}

/**
 * Browsers that stand on this machine, best first.
 * @returns {Promise<string[]>}
 */
export async function findBrowsers() {
  const named = namedBrowser();
  if (named !== null) return existsSync(named.executable) ? [named.executable] : [];
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter(Boolean);
  const onPath =
    process.platform === "win32" ? [] : names.flatMap((name) => folders.map((folder) => join(folder, name)));
  const all = [...(await puppeteerCache()), ...(installed[process.platform] ?? []), ...onPath];
  return [...new Set(all)].filter(isExecutable);
}

/** Paths at which Puppeteer keeps the browsers that it was told to download. */
async function puppeteerCache() {
  const { default: puppeteer } = await import("puppeteer");
  /** @type {string[]} */
  const found = [];
  for (const headless of /** @type {const} */ ([true, "shell"])) {
    try {
      found.push(puppeteer.executablePath({ headless }));
    } catch {
      // It throws where nothing was downloaded.
    }
  }
  return found;
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What a person can do about a missing browser, one way a line. */
export const waysToGetABrowser = [
  "  install Chrome, Chromium or Edge (Debian: apt-get install chromium), or",
  "  npx puppeteer browsers install chrome-headless-shell, or",
  "  set CHROME_PATH to the executable of a browser that is already there,",
  "then run: npm run setup",
].join("\n");

/** Fetches a browser: from the package manager of a Debian machine run as root, else as Puppeteer's download. */
export function fetchBrowser() {
  if (namedBrowser() !== null) return false;
  return installFromDebian() || download();
}

function installFromDebian() {
  if (process.platform !== "linux" || process.getuid?.() !== 0 || !succeeds("apt-get", ["--version"], "ignore"))
    return false;
  console.log(
    "No browser with WebGPU here. Installing one: apt-get install chromium-headless-shell (about 100 MB) ...",
  );
  return (
    succeeds("apt-get", ["update", "-qq"]) &&
    succeeds("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "chromium-headless-shell"])
  );
}

function download() {
  console.log("No browser with WebGPU here. Downloading one: Puppeteer's chrome-headless-shell (about 100 MB) ...");
  const { status, stderr } = runNpm(
    ["exec", "--", "puppeteer", "browsers", "install", "chrome-headless-shell"],
    "pipe",
  );
  // Its error output is mostly its manual.
  if (status !== 0) console.log(/^\s+- .*|^Error: .*/m.exec(stderr)?.[0].trim() ?? "The download failed.");
  return status === 0;
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {"ignore" | "inherit"} output What becomes of its error output; the standard output is never of interest.
 */
function succeeds(command, args, output = "inherit") {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync(command, args, { stdio: ["ignore", "ignore", output], env }).status === 0;
}
