/** Finds out where WebGPU computes: in a given browser, and in Node. Every probe runs a kernel and checks its numbers. */

import { execFile } from "node:child_process";
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { createServer } from "node:http";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { computeOnce } from "./compute-once.mjs";
import { parseJson } from "./modules.mjs";

/** @typedef {import("./compute-once.mjs").Adapter} Adapter */

const timeout = 20_000;

// A closed network must not slow a start down, and root has no user namespace to make a sandbox in.
const always = [
  "--no-first-run",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  ...(process.platform === "linux" && process.getuid?.() === 0 ? ["--no-sandbox"] : []),
];

/** Device nodes of GPUs on Linux. */
export function gpuNodes() {
  if (process.platform !== "linux") return [];
  const rendering = existsSync("/dev/dri") ? readdirSync("/dev/dri").filter((name) => name.startsWith("renderD")) : [];
  return [
    ...rendering.map((name) => `/dev/dri/${name}`),
    ...["/dev/nvidia0", "/dev/dxg"].filter((path) => existsSync(path)),
  ];
}

/** Flags to try, hardware first. Without a GPU the Vulkan flags make a page hang, so they are tried only with one. */
function flagSets() {
  const software = ["--enable-unsafe-webgpu"];
  if (process.platform !== "linux") return [[], software];
  const vulkan = ["--enable-features=Vulkan", "--use-angle=vulkan", "--disable-vulkan-surface"];
  return gpuNodes().length > 0 ? [[...software, ...vulkan], software] : [software];
}

/**
 * Starts the browser and computes on a page of 127.0.0.1: WebGPU exists in secure contexts only.
 * Resolves to the flags that gave a right result, a hardware adapter before a software one; rejects with the reason of
 * the last try.
 * @param {string} executable
 */
export async function probeChrome(executable) {
  const server = createServer((_, response) => response.setHeader("content-type", "text/html").end("<!doctype html>"));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  try {
    /** @type {Awaited<ReturnType<typeof computeInChrome>> | undefined} */
    let found;
    /** @type {unknown} */
    let reason;
    for (const flags of flagSets()) {
      if (found !== undefined && !found.adapter.software) break;
      try {
        found = await computeInChrome(executable, [...always, ...flags], `http://127.0.0.1:${port}/`);
      } catch (error) {
        reason = error;
      }
    }
    if (found === undefined) throw reason;
    return found;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/**
 * @param {string} executable
 * @param {string[]} args
 * @param {string} url
 */
async function computeInChrome(executable, args, url) {
  const { default: puppeteer } = await import("puppeteer");
  const headlessShell = executable.includes("headless-shell");
  const headless = headlessShell ? "shell" : true;
  const browser = await puppeteer.launch({
    executablePath: executable,
    args,
    headless,
    timeout,
    protocolTimeout: timeout,
  });
  try {
    const [page] = await browser.pages();
    if (page === undefined) throw new Error("the browser opened no page");
    await page.goto(url);
    const adapter = /** @type {Adapter} */ (await page.evaluate(`(${computeOnce.toString()})(navigator.gpu)`));
    return { executable, headlessShell, version: await browser.version(), args, adapter };
  } finally {
    await browser.close();
  }
}

/**
 * Computes in Node, in child processes, as a Vulkan driver is chosen by the environment at the start of a process.
 * Resolves to the variables that gave a right result; rejects with the reason of the first try, the plain environment.
 * @param {readonly string[]} browsers Executables whose folders may hold a Vulkan loader and a software driver.
 */
export async function probeNode(browsers) {
  /** @type {unknown} */
  let reason;
  for (const env of driverEnvironments(browsers)) {
    try {
      return { env, adapter: await computeInNode(env) };
    } catch (error) {
      reason ??= error;
    }
  }
  throw reason;
}

/** @param {Readonly<Record<string, string>>} env */
async function computeInNode(env) {
  const script = fileURLToPath(new URL("./compute-once.mjs", import.meta.url));
  const options = { env: { ...process.env, ...env }, timeout };
  const { stdout } = await promisify(execFile)(process.execPath, [script], options);
  return /** @type {Adapter} */ (parseJson(stdout));
}

/**
 * The plain environment first; on Linux then the system's drivers through a browser's Vulkan loader, Mesa's lavapipe,
 * and the browser's own SwiftShader, which is about 8 times slower than lavapipe.
 * @param {readonly string[]} browsers
 * @returns {Record<string, string>[]}
 */
function driverEnvironments(browsers) {
  if (process.platform !== "linux") return [{}];
  const folders = [...browsers.map((path) => dirname(realpathSync(path))), "/usr/lib/chromium", "/opt/google/chrome"];
  const loader = folders.find((folder) => existsSync(join(folder, "libvulkan.so.1")));
  const libraries = [loader, process.env["LD_LIBRARY_PATH"]].filter(Boolean).join(delimiter);
  const withLoader = loader === undefined ? {} : { LD_LIBRARY_PATH: libraries };
  const drivers = [
    ...driversOfMesa().filter((path) => path.includes("lvp")),
    ...folders
      .map((folder) => join(folder, "vk_swiftshader_icd.json"))
      .filter((path) => existsSync(path))
      .slice(0, 1),
  ];
  return [
    {},
    ...(loader !== undefined && driversOfMesa().length > 0 ? [withLoader] : []),
    ...drivers.map((driver) => ({ ...withLoader, VK_ICD_FILENAMES: driver })),
  ];
}

function driversOfMesa() {
  return ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"].flatMap((folder) =>
    existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [],
  );
}
