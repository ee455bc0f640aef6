/**
 * A training that is killed at any moment, again and again, ends with the bytes of one that was never disturbed, whatever is
 * measured of kernels meanwhile.
 */

import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { root } from "../../scripts/modules.mjs";
import type { NumericArray } from "../../src/io/array.ts";
import type { TuningChoice } from "../../src/index.ts";
import { writeNpz } from "../../src/io/npz.ts";

const KILLS = 10;

const experiment = {
  name: "killed",
  network: {
    dt: 0.2,
    input: 4,
    hidden: [{ size: 6, tauM: 1, tauR: 0.6, activation: "tanh" }],
    output: { size: 3, tauM: 1, tauR: 1, activation: "linear" },
    cost: { kind: "cross-entropy" },
  },
  task: { name: "files" },
  presentation: { stepsPerFrame: 40 },
  batch: 8,
  epochs: 6,
  seeds: [5, 9],
  // A reset before each batch makes each batch a block, and so a place where a checkpoint may be.
  state: "reset",
  schedule: { kind: "step", after: 2, factor: 0.5 },
};

let folder = "";
let cache = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vle-killed-"));
  cache = join(folder, "vle-webgpu/tunings.json");
  await writeFile(join(folder, "spec.json"), JSON.stringify(experiment));
  // 80 samples: 64 of them train in 8 batches.
  const inputs = Float32Array.from({ length: 80 * 4 }, (_, i) => Math.sin(i * i));
  const labels = Int32Array.from({ length: 80 }, (_, i) => i % 3);
  const arrays = new Map<string, NumericArray>([
    ["x", { shape: [80, 1, 4], dtype: "float32", data: inputs }],
    ["labels", { shape: [80], dtype: "int32", data: labels }],
  ]);
  await writeFile(join(folder, "data.npz"), writeNpz(arrays));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly output: string;
  /** From the moment at which the device was there. */
  readonly milliseconds: number;
}

/** @param killAfter milliseconds after the device is there; Infinity: not at all. */
async function train(args: readonly string[], killAfter: number): Promise<Ended> {
  const env = { ...process.env, XDG_CACHE_HOME: folder, LOCALAPPDATA: folder };
  const child = spawn(process.execPath, [join(root, "scripts/load.mjs"), "train", ...args], { cwd: root, env });
  let output = "";
  let began = NaN;
  let timer: NodeJS.Timeout | undefined;
  const hear = (text: Buffer): void => {
    output += text.toString();
    // The device is there: from here on the run computes, writes checkpoints and tells.
    if (!Number.isNaN(began) || !output.includes("Folder:")) return;
    began = performance.now();
    if (Number.isFinite(killAfter)) timer = setTimeout(() => child.kill("SIGKILL"), killAfter);
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  clearTimeout(timer);
  return { code, output, milliseconds: performance.now() - began };
}

async function runIn(out: string): Promise<string> {
  const names = await readdir(join(folder, out));
  expect(names).toHaveLength(1);
  return join(folder, out, names[0] ?? "");
}

it("is not changed by ten kills at random moments", { timeout: 600_000 }, async () => {
  const common = ["--host", "node", "--checkpoint", "0"];
  const what = ["--spec", join(folder, "spec.json"), "--data", join(folder, "data.npz")];
  const begin = (out: string): string[] => [...what, "--out", join(folder, out), ...common];
  const whole = await train(begin("whole"), Infinity);
  expect(whole, whole.output).toMatchObject({ code: 0 });
  const measured = await readFile(cache, "utf8");
  expect(whole.output).toMatch(/^Kernels: .*; kept for this adapter$/m);

  // Of the time that computing takes here, so that most often one run takes all kills, however fast this machine is.
  const moment = (): number => (Math.random() * whole.milliseconds) / 8;
  let kills = 0;
  let runs = 0;
  while (kills < KILLS) {
    const out = `killed-${runs++}`;
    await writeFile(cache, measured);
    let ended = await train(begin(out), moment());
    while (ended.code === null) {
      kills++;
      await writeFile(cache, otherwise(measured));
      ended = await train(["--resume", await runIn(out), ...common], kills < KILLS ? moment() : Infinity);
    }
    expect(ended, ended.output).toMatchObject({ code: 0 });
    await expectSameRun(await runIn(out), await runIn("whole"));
  }
  expect(kills).toBe(KILLS);

  const again = await train(["--resume", await runIn("whole")], Infinity);
  expect(again).toMatchObject({ code: 0 });
  expect(again.output).toContain("is finished: see its summary.json");
});

/** Another choice than the one that was kept, whose sums are added up in another order. */
function otherwise(kept: string): string {
  const file = JSON.parse(kept) as { tunings: Record<string, TuningChoice> };
  const choices = Object.entries(file.tunings).map(([key, choice]) => {
    const onePassBatch = choice.tuning.onePassBatch === 0 ? 16 : 0;
    return [key, { ...choice, tuning: { ...choice.tuning, onePassBatch } }] as const;
  });
  expect(choices).toHaveLength(1);
  return JSON.stringify({ ...file, tunings: Object.fromEntries(choices) });
}

/** The same bytes, and the same figures besides times. */
async function expectSameRun(actual: string, expected: string): Promise<void> {
  for (const name of ["weights-seed-5.npz", "weights-seed-9.npz", "traces.svg", "confusion.svg", "loss.svg"]) {
    expect((await readFile(join(actual, name))).equals(await readFile(join(expected, name))), name).toBe(true);
  }
  const rowsOf = async (path: string): Promise<string[]> => {
    const lines = (await readFile(join(path, "metrics.csv"), "utf8")).trim().split("\n");
    // Seconds, the last column, are those of the day.
    return lines.map((line) => line.slice(0, line.lastIndexOf(",")));
  };
  expect(await rowsOf(expected)).toHaveLength(1 + 2 * experiment.epochs);
  expect(await rowsOf(actual)).toEqual(await rowsOf(expected));
  expect((await readdir(actual)).sort()).toEqual((await readdir(expected)).sort());
  expect((await readdir(actual)).filter((name) => name.endsWith(".part"))).toEqual([]);
}
