/**
 * Makes a clone ready: dependencies, a browser, and where WebGPU computes. Needs nothing but Node.
 *
 *   node scripts/setup.mjs [--again] [--modules]
 *
 * What was found is kept in node_modules/.cache, so later starts are quick; --again looks anew. --modules stops after
 * the dependencies.
 */

import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { dirname, join } from "node:path";
import { fetchBrowser, findBrowsers, namedBrowser, waysToGetABrowser } from "./browser.mjs";
import { ensureModules, isMain, parseJson, root } from "./modules.mjs";
import { gpuNodes, probeChrome, probeNode } from "./probe.mjs";

/** @typedef {Awaited<ReturnType<typeof probeChrome>>} ChromeFindings */
/** @typedef {Awaited<ReturnType<typeof probeNode>>} NodeFindings */
/**
 * Where WebGPU computes on this machine; null where it does not.
 * @typedef {{ chrome: ChromeFindings | null, node: NodeFindings | null }} Findings
 */

const cacheFile = join(root, "node_modules/.cache/vle-webgpu/setup.json");

/** What the last setup found, or null if there was none or the machine has changed since. */
export function readFindings() {
  try {
    const kept = /** @type {{ key: string, findings: Findings }} */ (parseJson(readFileSync(cacheFile, "utf8")));
    return kept.key === keyOf(kept.findings) ? kept.findings : null;
  } catch {
    return null;
  }
}

/**
 * Everything that a finding depends on. Throws where a file of the finding is gone.
 * @param {Findings} findings
 */
function keyOf({ chrome, node }) {
  const files = [chrome?.executable, node?.env["VK_ICD_FILENAMES"], join(root, "node_modules/.package-lock.json")];
  const times = files.map((file) => (file === undefined ? null : statSync(file).mtimeMs));
  return JSON.stringify([1, process.version, release(), gpuNodes(), namedBrowser(), times]);
}

/** @param {Findings} findings */
function writeFindings(findings) {
  mkdirSync(dirname(cacheFile), { recursive: true });
  const draft = `${cacheFile}.${process.pid}`;
  writeFileSync(draft, JSON.stringify({ key: keyOf(findings), findings }, null, 2));
  renameSync(draft, cacheFile);
}

/**
 * Installs what is missing, says one line for Chrome and one for Node, and resolves to the findings.
 * A host without WebGPU is null in them: what needs it decides what to do. Throws if dependencies cannot be installed.
 * @param {{ again?: boolean, say?: (line: string) => void }} [options] again: do not believe what an earlier setup
 *   found; say: where its lines go, by default the standard output.
 * @returns {Promise<Findings>}
 */
export async function setUp({ again = false, say = console.log } = {}) {
  ensureModules();
  const known = again ? null : readFindings();
  // A host that was missing last time may be there now.
  const complete = known !== null && known.chrome !== null && known.node !== null;
  const { findings, reasons } = complete ? { findings: known, reasons: [] } : await probe();
  writeFindings(findings);
  const { chrome, node } = findings;
  if (chrome !== null) say(`Chrome: ${chrome.version}, ${chrome.executable}, on ${adapterName(chrome.adapter)}`);
  if (node !== null) say(`Node:   npm webgpu on ${adapterName(node.adapter)}`);
  for (const reason of reasons) say(reason);
  return findings;
}

/** @returns {Promise<{ findings: Findings, reasons: string[] }>} */
async function probe() {
  const first = await probeOnce();
  return first.findings.chrome === null && fetchBrowser() ? probeOnce() : first;
}

/** @returns {Promise<{ findings: Findings, reasons: string[] }>} */
async function probeOnce() {
  const browsers = await findBrowsers();
  /** @type {string[]} */
  const reasons = [];
  /** @type {(host: string) => (error: unknown) => null} */
  const without = (host) => (error) => {
    reasons.push(`No WebGPU in ${host}: ${sentence(error)}`);
    return null;
  };
  const node = probeNode(browsers).catch(without("Node (npm webgpu)"));
  let chrome = null;
  for (const executable of browsers) {
    chrome ??= await probeChrome(executable).catch(without(executable));
    if (chrome !== null) break;
  }
  return { findings: { chrome, node: await node }, reasons };
}

/** @param {unknown} error */
function sentence(error) {
  const text = error instanceof Error ? error.message : String(error);
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  return lines.find((line) => line.startsWith("Error: "))?.slice(7) ?? lines[0] ?? "it gave no reason";
}

/** @param {import("./probe.mjs").Adapter} adapter */
function adapterName({ vendor, architecture, description, software }) {
  const name = description || `${vendor} ${architecture}`.trim() || "an adapter without a name";
  if (!software) return name;
  const [gpu] = gpuNodes();
  const unused = gpu === undefined ? "" : `; the GPU at ${gpu} did not answer, is its Vulkan driver installed?`;
  return `${name} (software: right results, but slow${unused})`;
}

/**
 * The environment in which Dawn finds a Vulkan driver. One that the user names is taken.
 * @param {Findings | null} findings
 * @returns {Readonly<Record<string, string>>}
 */
export function driverEnvironment(findings) {
  const env = { ...findings?.node?.env };
  const named = ["VK_ICD_FILENAMES", "VK_DRIVER_FILES"].some((name) => process.env[name]);
  if (named) delete env["VK_ICD_FILENAMES"];
  return env;
}

/** Says what to do about a missing browser. */
export function explainMissingBrowser() {
  const named = namedBrowser();
  const problem =
    named !== null && !existsSync(named.executable)
      ? `${named.name} names ${named.executable}, which does not exist.`
      : "There is no browser with WebGPU here.";
  return `${problem} Do one of these:\n${waysToGetABrowser}`;
}

async function main() {
  const flags = process.argv.slice(2);
  const unknown = flags.find((flag) => flag !== "--again" && flag !== "--modules");
  if (unknown !== undefined) throw new Error(`Unknown flag ${unknown}. Known are --again and --modules.`);
  if (flags.includes("--modules")) {
    ensureModules();
  } else {
    const { chrome } = await setUp({ again: flags.includes("--again") });
    if (chrome === null) throw new Error(explainMissingBrowser());
  }
}

if (isMain(import.meta.url)) {
  await main().catch((/** @type {unknown} */ error) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
