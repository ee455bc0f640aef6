/** The shell commands of docs/guide.md, as a newcomer types them, one after the other in an empty folder. */

import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { root } from "../../scripts/modules.mjs";
import type { TrainingSummary } from "../../src/cli/train-results.ts";
import { readNpz } from "../../src/io/npz.ts";
import { openCsv } from "../../src/io/csv.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vle-guide-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** `npm run` sets up this machine first, which has been done, and looks for a Chrome, which this test does without. */
function runnable(command: string): string {
  const start = `"${process.execPath}" "${join(root, "scripts/load.mjs")}"`;
  return command.replace(/npm run (\w+) --(.*)/g, (_, name: string, args: string) => {
    return `${start} ${name}${args}${args.includes("--resume") ? "" : " --host node --kernels default"}`;
  });
}

function inShell(command: string): Promise<{ readonly code: number | null; readonly said: string }> {
  // npm tells commands by this where the user is.
  const env = { ...process.env, INIT_CWD: folder };
  const child = spawn("sh", ["-e", "-c", runnable(command)], { cwd: folder, env });
  let said = "";
  const hear = (text: Buffer): void => void (said += text.toString());
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, said })));
}

it("takes a newcomer from a table to a trained network", async () => {
  const guide = (await readFile(join(root, "docs/guide.md"), "utf8")).replaceAll("\r\n", "\n");
  const commands = [...guide.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, text = ""]) => text);
  expect(commands).toHaveLength(5);
  const said: string[] = [];
  for (const command of commands) {
    const ended = await inShell(command);
    expect(ended, `${command}\n${ended.said}`).toMatchObject({ code: 0 });
    said.push(ended.said);
  }
  const [, , trained = "", looked = "", resumed = ""] = said;
  expect(openCsv(await readFile(join(folder, "waves.csv"))).rows).toBe(240);
  expect(trained).toContain("192 to train, 24 to validate, 24 to test");
  expect(looked).toMatch(/accuracy\.svg\nepoch,seed,steps,/);
  expect(resumed).toContain("is finished: see its summary.json");
  const summary = JSON.parse(await readFile(join(folder, "waves-summary.json"), "utf8")) as TrainingSummary;
  // The text promises more; a test has 24 samples.
  expect(summary.test.mean).toBeGreaterThan(0.9);
  const [run = ""] = await readdir(join(folder, "runs"));
  const weights = readNpz(await readFile(join(folder, "runs", run, "weights.npz")));
  const shapes = [...weights.values()].map(({ shape }) => shape.join("x"));
  expect(shapes).toContain("32x1");
  expect(shapes).toContain("2x32");
});
