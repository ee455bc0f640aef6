/** npm run train as a person types it, in Chrome: it is stopped, goes on, and ends with the same bytes. */

import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "../../scripts/modules.mjs";
import type { TrainingSummary } from "../../src/cli/train-results.ts";
import type { TuningChoice } from "../../src/index.ts";
import { parseEpochs } from "../../src/train/training-state.ts";
import { speechCommandFiles } from "../unit/sound-folders.ts";

const experiment = {
  name: "short",
  title: "A short one",
  network: {
    dt: 0.2,
    input: 4,
    hidden: [{ size: 12, tauM: 1, tauR: 0.6, activation: "tanh" }],
    output: { size: 3, tauM: 1, tauR: 1, activation: "linear" },
    cost: { kind: "cross-entropy" },
  },
  task: { name: "yin-yang", options: { samples: 800 } },
  presentation: { stepsPerFrame: 20 },
  batch: 20,
  epochs: 5,
  seeds: [1, 2],
  optimizer: { kind: "adam", eta: 0.003 },
};
const FILES = [
  "accuracy.svg",
  "checkpoints",
  "config.json",
  "confusion.svg",
  "loss.svg",
  "metrics.csv",
  "summary.json",
  "traces.svg",
  "weights-best-seed-1.npz",
  "weights-best-seed-2.npz",
  "weights-seed-1.npz",
  "weights-seed-2.npz",
];

interface Kept {
  readonly tunings: Readonly<Record<string, TuningChoice>>;
}

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vle-train-"));
  await writeFile(join(folder, "spec.json"), JSON.stringify(experiment));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** @param stopAt says that Ctrl-C is to be pressed. */
async function train(args: readonly string[], stopAt?: RegExp): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [join(root, "scripts/run.mjs"), "train", ...args], {
    cwd: root,
    env: { ...process.env, XDG_CACHE_HOME: folder },
  });
  let said = "";
  let isStopped = false;
  const hear = (text: Buffer): void => {
    said += text.toString();
    if (isStopped || stopAt?.test(said) !== true) return;
    isStopped = true;
    child.kill("SIGINT");
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, said };
}

async function runIn(out: string): Promise<string> {
  const [name = "", ...more] = await readdir(join(folder, out));
  expect(more).toEqual([]);
  expect(name).toMatch(/^short-\d{8}-\d{6}$/);
  return join(folder, out, name);
}

test("npm run train in Chrome is stopped, and goes on to the same bytes", { timeout: 300_000 }, async () => {
  const args = ["--spec", join(folder, "spec.json"), "--host", "chrome", "--checkpoint", "0"];
  const json = join(folder, "summary.json");
  const whole = await train([...args, "--out", join(folder, "whole"), "--json", json]);
  expect(whole.code, whole.said).toBe(0);
  expect(whole.said).toContain("A short one\n");
  expect(whole.said).toMatch(
    /^ *\d+ % {2}\d:\d\d left, [\d,]+ steps\/s, epoch 1 of 5, training loss \d\.\d+, accuracy \d+ %$/m,
  );
  expect(whole.said).toMatch(/^1 +5 +4,000 +\d\.\d+ +\d\.\d+ +\d\d\.\d % +\d\d\.\d % +\d$/m);
  expect(whole.said).toMatch(/^Test accuracy: \d\d\.\d % \+- \d+\.\d % \(mean and deviation over 2 seeds\)$/m);
  const expected = await runIn("whole");
  // The page tries kernels once; what it chose is kept for the next run, and a run that goes on has those that it began with.
  expect(whole.said).toMatch(/^Kernels: .*; kept for this adapter$/m);
  const { tunings } = JSON.parse(await readFile(join(folder, "vle-webgpu/tunings.json"), "utf8")) as Kept;
  const kernelsOf = async (run: string): Promise<unknown> => {
    return (JSON.parse(await readFile(join(run, "config.json"), "utf8")) as { readonly kernels: unknown }).kernels;
  };
  expect(Object.values(tunings)).toEqual([await kernelsOf(expected)]);
  expect((await readdir(expected)).sort()).toEqual(FILES);
  const text = await readFile(json, "utf8");
  expect(await readFile(join(expected, "summary.json"), "utf8")).toBe(text);
  const { results, test: tested } = JSON.parse(text) as TrainingSummary;
  expect(results.map(({ seed, epochs, steps }) => [seed, epochs, steps])).toEqual([
    [1, 5, 4000],
    [2, 5, 4000],
  ]);
  // Guessing has 1/3.
  expect(tested.mean).toBeGreaterThan(0.5);

  const stopped = await train([...args, "--out", join(folder, "stopped")], /epoch \d of 5/);
  expect(stopped.code, stopped.said).toBe(130);
  const actual = await runIn("stopped");
  expect(stopped.said).toMatch(/^Kernels: .*; measured before on this adapter$/m);
  expect(await kernelsOf(actual)).toEqual(await kernelsOf(expected));
  await rm(join(folder, "vle-webgpu"), { recursive: true });
  expect(stopped.said).toMatch(/^Stopped in epoch \d of 5; nothing else is running\.$/m);
  expect(stopped.said).toContain(`Go on with: npm run train -- --resume ${actual}\n`);
  expect((await readdir(actual)).includes("summary.json")).toBe(false);
  const resumed = await train(["--resume", actual]);
  expect(resumed.code, resumed.said).toBe(0);
  expect(resumed.said).toMatch(/^Kernels: .*; as the run began$/m);
  expect((await readdir(actual)).sort()).toEqual(FILES);
  for (const name of FILES.filter((each) => /\.(npz|svg)$/.test(each))) {
    expect((await readFile(join(actual, name))).equals(await readFile(join(expected, name))), name).toBe(true);
  }
});

test("samples that each epoch draws anew reach the page", { timeout: 120_000 }, async () => {
  for (const { path, bytes } of speechCommandFiles()) {
    const file = join(folder, "speech", path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
  }
  // Nothing is learnt to speak of and states begin anew, so that losses tell of samples alone.
  const redrawn = {
    network: { ...experiment.network, input: 32, hidden: [], output: { ...experiment.network.output, size: 4 } },
    task: { name: "speech-commands", options: { words: ["yes", "no"], draws: 20 } },
    state: "reset",
    batch: 4,
    epochs: 3,
    optimizer: { kind: "sgd", eta: 1e-12 },
  };
  await writeFile(join(folder, "redrawn.json"), JSON.stringify(redrawn));
  const flags = { spec: join(folder, "redrawn.json"), data: join(folder, "speech"), out: join(folder, "redrawn") };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  const { code, said } = await train([...args, "--host", "chrome", "--kernels", "default"]);
  expect(code, said).toBe(0);
  const [run = ""] = await readdir(flags.out);
  const rows = parseEpochs(await readFile(join(flags.out, run, "metrics.csv"), "utf8"));
  const [first = 0, second = 0, third = 0] = rows.map(({ trainLoss }) => trainLoss);
  for (const change of [second - first, third - second, third - first]) expect(Math.abs(change)).toBeGreaterThan(1e-3);
  // Those that validate are the same in each.
  for (const { loss } of rows) expect(loss).toBeCloseTo(rows[0]?.loss ?? 0, 6);
});
