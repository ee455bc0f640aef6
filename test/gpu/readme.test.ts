/** The examples of README.md do what the text beside them says. They run as they are written, but for sizes. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { testGpu } from "./device.ts";

const root = join(import.meta.dirname, "../..").replaceAll("\\", "/");
const readme = readFileSync(join(root, "README.md"), "utf8").replaceAll("\r\n", "\n");

/** The code block that follows a paragraph which begins with `title` in bold. */
function example(title: string): string {
  const from = readme.indexOf(`**${title}.**`);
  const code = /```ts\n([^]*?)```/.exec(readme.slice(from))?.[1];
  if (from < 0 || code === undefined) throw new Error(`README.md has no example "${title}".`);
  return code;
}

/** Puts `to` for `from`, which must be there. */
function replaced(code: string, from: string, to: string): string {
  if (!code.includes(from)) throw new Error(`The example does not say ${from}`);
  return code.replace(from, to);
}

const devices: GPUDevice[] = [];
const errors: string[] = [];
let folder = "";
let count = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vle-readme-"));
  // As in a browser: an example asks the navigator.
  vi.stubGlobal("navigator", { gpu: { requestAdapter: watchedAdapter } });
});

afterEach(() => {
  for (const device of devices.splice(0)) device.destroy();
  rmSync(folder, { recursive: true });
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

async function watchedAdapter(options?: GPURequestAdapterOptions): Promise<GPUAdapter | null> {
  const adapter = await testGpu.requestAdapter(options);
  const requestDevice = adapter?.requestDevice.bind(adapter);
  if (adapter === null || requestDevice === undefined) return null;
  adapter.requestDevice = async (descriptor) => {
    const device = await requestDevice(descriptor);
    device.addEventListener("uncapturederror", ({ error }) => errors.push(error.message));
    devices.push(device);
    return device;
  };
  return adapter;
}

/** Runs a program and gives what it printed, a row for each call of the console. */
async function run(code: string): Promise<unknown[][]> {
  const print = vi.spyOn(console, "log").mockImplementation(() => undefined);
  // A module runs once, so every run is another one.
  const path = join(folder, `example-${count++}.ts`);
  writeFileSync(path, code.replaceAll('"vle-webgpu"', `"${root}/src/index.ts"`));
  await import(/* @vite-ignore */ path);
  const printed = print.mock.calls.map((row) => [...row] as unknown[]);
  print.mockRestore();
  for (const device of devices) await device.queue.onSubmittedWorkDone();
  expect(errors.splice(0), "errors of WebGPU").toEqual([]);
  return printed;
}

it("runs: the loss falls below 0.02, with instantaneous errors it stays above 0.1", async () => {
  const code = example("Run");
  const local = await run(code);
  expect(local.map(([step]) => step)).toEqual([2000, 4000, 6000, 8000, 10_000]);
  expect(local.at(-1)?.[1]).toBeLessThan(0.02);
  const changed = replaced(code, "learning: {", 'learning: { errors: "instantaneous",');
  const instantaneous = await run(changed);
  expect(instantaneous.at(-1)?.[1]).toBeGreaterThan(0.1);
});

it("benchmarks", async () => {
  const printed = await run(replaced(example("Benchmark"), "size = 2048", "size = 64"));
  expect(printed).toHaveLength(1);
  const [description, stepsPerSecond, synapticUpdatesPerSecond] = printed[0] ?? [];
  expect(description).toEqual(expect.any(String));
  const { median, min } = stepsPerSecond as { median: number; min: number };
  expect(min).toBeGreaterThan(0);
  expect(median).toBeGreaterThanOrEqual(min);
  // Two projections of 64 by 64.
  expect(synapticUpdatesPerSecond).toBeCloseTo(median * 2 * 64 * 64, 3);
});

it("embeds: eight steps, in a range of 1,000 rates on a device that lives on", async () => {
  const told = "console.log(sim.step, size, layout, buffer.size >= offset + size, await sim.read('rate', 'output'));";
  const [printed] = await run(`${example("Embed")}\n${told}\nsim.destroy();`);
  expect(printed?.slice(0, 4)).toEqual([8, 4000, "f32[batch=1][neurons=1000]", true]);
  const rates = printed?.[4] as Float32Array;
  expect(rates).toHaveLength(1000);
  expect(rates.every((rate) => Math.abs(rate) < 1 && rate !== 0)).toBe(true);
  const lost = devices.map(async (device) => device.lost.then(() => "lost"));
  expect(await Promise.race([...lost, new Promise((resolve) => setTimeout(resolve, 100, "lives"))])).toBe("lives");
});
