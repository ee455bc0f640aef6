/** The commands as a person types them, each in a process of its own. */

import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { root } from "../../scripts/modules.mjs";
import { main as start } from "../../src/cli/start.ts";
import { main as verify } from "../../src/cli/verify.ts";
import { previousDigit } from "../../src/tasks/presets.ts";
import { SUMMARY_SCHEMA, type Summary } from "../../src/train/summary.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vle-start-"));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(["chrome", "node"])("npm start in %s", (host) => {
  test("trains, tests, tells and keeps", { timeout: 180_000 }, async () => {
    const json = join(folder, `${host}.json`);
    const out = join(folder, host);
    const args = [
      "start",
      "--host",
      host,
      "--kernels",
      "default",
      "--steps",
      "800",
      "--seed",
      "2",
      "--json",
      json,
      "--out",
      out,
    ];
    const { code, stdout, stderr } = await run(args);
    expect({ code, stderr: withoutNotices(stderr) }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Name the previous digit");
    expect(stdout).toMatch(
      /100 % {2}step 800 of 800, \d:\d\d left, training accuracy: crossfade 8: local \d+ %, matched/,
    );
    expect(stdout).toMatch(/; hard switches: local \d+ %, matched traces \(ours\) \d+ %$/m);
    expect(stdout).toMatch(/^local +8 +800 +\d\.\d{3} +\d\d\.\d % +- +\d+\.\d +[\d,]+$/m);
    expect(stdout).toMatch(/^matched traces \(ours\) +0 +800 +\d\.\d{3} +\d\d\.\d % +- +\d+\.\d +[\d,]+$/m);
    expect(stdout).toMatch(/^Live page: +npm run dev$/m);

    const [name = "", ...more] = await readdir(out);
    expect(more).toEqual([]);
    expect(name).toMatch(/^previous-digit-\d{8}-\d{6}$/);
    const files = ["config.json", "figure.svg", "metrics.csv", "summary.json"];
    expect((await readdir(join(out, name))).sort()).toEqual(files);
    const kept = (file: string): Promise<string> => readFile(join(out, name, file), "utf8");
    expect(await kept("summary.json")).toBe(await readFile(json, "utf8"));
    expectSummary(JSON.parse(await kept("summary.json")) as Summary, files);
    const { conditions } = previousDigit;
    expect(JSON.parse(await kept("config.json"))).toMatchObject({ seed: 2, steps: 800, conditions, kernels: null });
    // A head, and two blocks of 400 steps for each condition.
    expect((await kept("metrics.csv")).trim().split("\n")).toHaveLength(1 + 2 * conditions.length);
    const figure = await kept("figure.svg");
    expect(figure).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
    for (const panel of ["Crossfade: 8 of 20 steps", "Crossfade 0: hard switches"])
      expect(figure).toContain(`>${panel}<`);
  });

  test("Ctrl-C keeps what was measured, and ends everything", { timeout: 120_000 }, async () => {
    const out = join(folder, `stopped-${host}`);
    const command = spawnCommand(["start", "--host", host, "--kernels", "default", "--steps", "60000", "--out", out]);
    await untilSays(command, / % {2}step /);
    const descendants = await descendantsOf(command.child.pid);
    // The process of the command, and in Chrome the browser and its processes.
    expect(descendants.length).toBeGreaterThan(host === "chrome" ? 2 : 0);
    // As a terminal does it: to the whole group.
    process.kill(-(command.child.pid ?? NaN), "SIGINT");
    expect(await command.ended).toBe(130);
    expect(command.said.stdout).toMatch(/^Stopped at step [\d,]+; nothing else is running\.$/m);
    const [name = ""] = await readdir(out);
    expect((await readdir(join(out, name))).sort()).toEqual(["config.json", "metrics.csv"]);
    const metrics = await readFile(join(out, name, "metrics.csv"), "utf8");
    expect(metrics).toMatch(/^rule,crossfade,step,loss,trainAccuracy,seconds\nlocal,8,400,/);
    expect(await stillRunning(descendants)).toEqual([]);
  });
});

test("npm start compares rules on hard switches with the exact one", { timeout: 180_000 }, async () => {
  const json = join(folder, "hard.json");
  // Two blocks, of which the second is shorter.
  const what = [
    "--preset",
    "previous-digit-hard",
    "--kernels",
    "default",
    "--rules",
    "local,matched-traces,exact",
    "--steps",
    "440",
  ];
  const { code, stdout } = await run(["start", ...what, "--json", json, "--out", join(folder, "hard")]);
  expect(code).toBe(0);
  expect(stdout).toContain("Name the previous digit after hard switches");
  const { preset, results } = JSON.parse(await readFile(json, "utf8")) as Summary;
  expect(preset).toBe("previous-digit-hard");
  expect(results.map(({ rule, crossfade, steps }) => [rule, crossfade, steps])).toEqual([
    ["local", 0, 440],
    ["matched traces", 0, 440],
    ["exact", 0, 440],
  ]);
  for (const { finalLoss, testAccuracy } of results) {
    expect(finalLoss).toBeGreaterThan(0);
    expect(testAccuracy).toBeGreaterThan(0);
  }
});

// What a process says and its exit code are those of `main`, and starting one takes seconds: one process for each.
const commands = { start, verify };

test.each([
  ["start", ["--steps", "33"], "--steps is 33; a digit is shown for 20 steps, so it must be a multiple, such as 40."],
  ["start", ["--preset", "x"], '--preset is "x"; there are: previous-digit, previous-digit-hard.'],
  ["verify", [], "Name at least one golden recording: npm run verify -- FILE..."],
  ["verify", ["--host", "x", "y.json"], '--host is "x"; it can be chrome or node.'],
] as const)("%s %j gets one sentence and exit code 2", async (command, args, sentence) => {
  const said = vi.spyOn(console, "error").mockReturnValue();
  const code = await commands[command](args, new AbortController().signal);
  expect({ code, first: String(said.mock.lastCall?.[0]).split("\n")[0] }).toEqual({ code: 2, first: sentence });
});

test("so does a process", async () => {
  const { code, stderr } = await run(["start", "--stesp", "20"]);
  expect({ code, first: stderr.split("\n")[0] }).toEqual({
    code: 2,
    first: '--stesp is not a flag. Did you mean "--steps"?',
  });
});

test("start --help", async () => {
  const said = vi.spyOn(console, "log").mockReturnValue();
  expect(await start(["--help"], new AbortController().signal)).toBe(0);
  expect(said.mock.lastCall?.[0]).toMatch(/--host/);
});

test("npm run verify -- --help", async () => {
  const { code, stdout } = await run(["verify", "--help"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/--host/);
});

test("verify in Chrome: a line a check, a sentence for what is no recording, exit code 1", async () => {
  const golden = join(root, "test/fixtures/golden/latent-equilibrium-mse.json");
  const wrong = join(folder, "wrong.json");
  const bad = join(folder, "bad.json");
  const recording = JSON.parse(await readFile(golden, "utf8")) as { frozen: { output: number[][] } };
  recording.frozen.output[1] = [9, 9];
  await writeFile(wrong, JSON.stringify(recording));
  await writeFile(bad, "{}");
  const { code, stdout, stderr } = await run(["verify", "--host", "chrome", bad, golden, wrong, join(folder, "none")]);
  expect(code).toBe(1);
  const lines = stdout.split("\n").filter((line) => / (ok|FAIL)$/.test(line));
  for (const line of lines) expect(line).toMatch(/^\S+ \S+ \d\.\de[+-]\d+ (1e-4|1e-3|0) (ok|FAIL)$/);
  const ofFile = (name: string): string[] => lines.filter((line) => line.startsWith(`${name} `));
  expect(ofFile("latent-equilibrium-mse").filter((line) => line.endsWith(" ok"))).toHaveLength(23);
  expect(ofFile("wrong").filter((line) => line.endsWith(" FAIL"))).toHaveLength(1);
  expect(stderr).toContain(`${bad}: spec is missing; it must be an object.`);
  expect(stderr).toMatch(/none: cannot be read \(ENOENT/);
});

// ---- processes ----------------------------------------------------------------------------------------------

interface Command {
  readonly child: ChildProcess;
  /** What it has said so far. */
  readonly said: { stdout: string; stderr: string };
  /** Its exit code. */
  readonly ended: Promise<number | null>;
}

/** Starts a command as the leader of a process group, as a shell does. */
function spawnCommand(args: readonly string[]): Command {
  const child = spawn(process.execPath, [join(root, "scripts/run.mjs"), ...args], { cwd: root, detached: true });
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  return { child, said, ended };
}

async function run(args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { said, ended } = spawnCommand(args);
  const code = await ended;
  return { code, ...said };
}

/** Dawn writes so to the standard error where a driver, such as Mesa's lavapipe, allows more than Dawn can use. */
const notice =
  /^Warning: maxDynamic(Uniform|Storage)BuffersPerPipelineLayout artificially reduced from \d+ to \d+ to fit dynamic offset allocation limit\.\n/gm;

function withoutNotices(stderr: string): string {
  return stderr.replace(notice, "");
}

async function untilSays({ said, ended }: Command, wanted: RegExp): Promise<void> {
  const end = ended.then((code) => {
    throw new Error(`It ended with ${code} before it said ${String(wanted)}:\n${said.stdout}${said.stderr}`);
  });
  const heard = (async () => {
    while (!wanted.test(said.stdout)) await new Promise((resolve) => setTimeout(resolve, 50));
  })();
  await Promise.race([heard, end]);
}

interface Process {
  readonly id: number;
  readonly parent: number;
  readonly isZombie: boolean;
}

async function processes(): Promise<Process[]> {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid=,stat="]);
  return stdout
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .map(([id, parent, state = ""]) => ({ id: Number(id), parent: Number(parent), isZombie: state.startsWith("Z") }));
}

async function descendantsOf(id: number | undefined): Promise<number[]> {
  const all = await processes();
  const below = (ancestor: number | undefined): number[] =>
    all.filter(({ parent }) => parent === ancestor).flatMap((child) => [child.id, ...below(child.id)]);
  return below(id);
}

/** Those of `ids` that live on; a process takes a moment to go. */
async function stillRunning(ids: readonly number[]): Promise<number[]> {
  let left: number[] = [];
  for (let attempt = 0; attempt < 20; attempt++) {
    const alive = (await processes()).filter(({ isZombie }) => !isZombie).map(({ id }) => id);
    left = ids.filter((id) => alive.includes(id));
    if (left.length === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return left;
}

function expectSummary(summary: Summary, files: readonly string[]): void {
  const { schema, adapter, preset, seed, results, throughput } = summary;
  expect({ schema, preset, seed }).toEqual({ schema: SUMMARY_SCHEMA, preset: "previous-digit", seed: 2 });
  expect(Object.keys(adapter).sort()).toEqual(["architecture", "description", "software", "vendor"]);
  expect([...summary.files].sort()).toEqual(files);
  expect(results.map(({ rule, crossfade }) => ({ rule, crossfade }))).toEqual(previousDigit.conditions);
  for (const { crossfade, samples, steps, finalLoss, testAccuracy, seconds, stepsPerSecond } of results) {
    // 20 lanes show a digit for 20 steps.
    expect({ samples, steps }).toEqual({ samples: 800, steps: 800 });
    // Guessing has a loss of ln 10 = 2.30 and an accuracy of 0.1; hard switches take longer to learn.
    expect(finalLoss).toBeLessThan(crossfade === 0 ? 2.3 : 2.2);
    expect(testAccuracy).toBeGreaterThan(crossfade === 0 ? 0.1 : 0.2);
    expect(testAccuracy).toBeLessThan(0.8);
    expect(stepsPerSecond).toBeCloseTo(steps / seconds, 6);
  }
  expect(throughput).toMatchObject({ neurons: 138, synapses: 17_280 });
  expect(throughput.synapticUpdatesPerSecond).toBeCloseTo(17_280 * throughput.stepsPerSecond, 0);
}
