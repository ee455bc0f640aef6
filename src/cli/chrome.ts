/**
 * Chrome as a host: serves the project, starts the browser that setup found, and opens pages in it. What it needs for that
 * is loaded when it is needed: a command that computes in Node starts sooner.
 */

import type { Browser, Page } from "puppeteer";
import { root } from "../../scripts/modules.mjs";
import { explainMissingBrowser, readFindings, type Findings } from "../../scripts/setup.mjs";
import { DeviceError } from "../errors.ts";

export { readFindings, type Findings };

export interface ChromeOptions {
  /** Without a window. Default: only where there is no display. */
  readonly headless?: boolean;
  /** Flags besides those that setup found to work. */
  readonly args?: readonly string[];
}

/**
 * Starts Chrome with the flags under which setup saw WebGPU compute. The caller closes it; at the latest it ends with
 * this process.
 * Throws DeviceError WEBGPU_UNAVAILABLE if setup found no browser, or if the browser does not start.
 */
export async function launchChrome(findings: Findings | null, options: ChromeOptions = {}): Promise<Browser> {
  const { headless = !hasDisplay(), args = [] } = options;
  const chrome = findings?.chrome;
  if (!chrome) throw new DeviceError("WEBGPU_UNAVAILABLE", explainMissingBrowser());
  const { default: puppeteer } = await import("puppeteer");
  try {
    return await puppeteer.launch({
      executablePath: chrome.executable,
      args: [...chrome.args, ...args],
      headless: chrome.headlessShell ? "shell" : headless,
      // It ends with this process, whatever becomes of it.
      pipe: true,
      env: withoutDriverChoice(findings),
      // A run takes as long as it takes.
      protocolTimeout: 0,
      defaultViewport: null,
      // The command decides what happens on Ctrl-C; the browser is closed when this process ends.
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
    });
  } catch (cause) {
    const message = `${chrome.executable} does not start. Look for it anew with: npm run setup -- --again`;
    throw new DeviceError("WEBGPU_UNAVAILABLE", message, { cause });
  }
}

/** The Vulkan driver that was chosen for Dawn in Node must not be forced upon Chrome, which brings its own. */
function withoutDriverChoice({ node }: Findings): NodeJS.ProcessEnv {
  const chosen = new Set(Object.keys(node?.env ?? {}));
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !chosen.has(name)));
}

/** Whether a window could be seen. */
export function hasDisplay(): boolean {
  if (process.env["CI"]) return false;
  return process.platform !== "linux" || Boolean(process.env["DISPLAY"] ?? process.env["WAYLAND_DISPLAY"]);
}

/**
 * Opens `url` and waits until it is loaded. What goes wrong in the page is told to `onError`.
 * Rejects if the page cannot be had.
 */
export async function openPage(
  browser: Browser,
  url: string,
  onError: (message: string) => void = (message) => process.stderr.write(`page: ${message}\n`),
): Promise<Page> {
  const page = await browser.newPage();
  page.on("pageerror", (error) => onError(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") onError(message.text());
  });
  page.on("error", (error) => onError(error.message));
  const response = await page.goto(url);
  const status = response?.status() ?? 0;
  // 304: the page is in the browser's cache.
  if (status !== 200 && status !== 304) throw new Error(`${url} cannot be opened: the server answered ${status}.`);
  return page;
}

export interface Served {
  /** Address of the root of the project, with a slash at the end; the host is 127.0.0.1, where WebGPU is allowed. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves the sources of the project to this machine alone, on a free port. They are not watched: a run must not be
 * reloaded.
 */
export async function serve(): Promise<Served> {
  const { createServer } = await import("vite");
  const server = await createServer({
    root,
    logLevel: "warn",
    server: { host: "127.0.0.1", port: 0, hmr: false, watch: null },
  });
  await server.listen();
  const url = server.resolvedUrls?.local[0];
  if (url === undefined) throw new Error("The server for the page has no address");
  return { url, close: () => server.close() };
}
