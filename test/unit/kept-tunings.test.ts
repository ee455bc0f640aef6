/** The file of choices among kernels: where it is, what of it counts, and what becomes of it. */

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keepTuning, kernelsRequest, readKernels, readTunings, tuningsPath } from "../../src/cli/kept-tunings.ts";
import { readTrainOptions, trainHelp } from "../../src/cli/train-options.ts";
import { readStartOptions, startHelp } from "../../src/cli/start-options.ts";
import { openTraining, TRAIN_CONFIG_SCHEMA } from "../../src/cli/train-folder.ts";
import { tunings } from "../../src/layout.ts";
import { experiments } from "../../src/tasks/experiments.ts";
import { kernelOptions, tunedWords } from "../../src/train/kernels.ts";
import type { Tuned } from "../../src/variants.ts";

let folder = "";
let path = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vle-tunings-"));
  path = join(folder, "vle-webgpu/tunings.json");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const choice = { name: "4 quads of columns", gain: 1.234, tuning: { ...tunings.gpu, columnQuads: 4 } };
const tunedAs = (key: string): Tuned => {
  return { ...choice, key, isStored: false, variants: [], untried: [], milliseconds: 1 };
};

it("is in the user's folder for caches", () => {
  expect(tuningsPath({}, "linux", "/home/me")).toBe("/home/me/.cache/vle-webgpu/tunings.json");
  expect(tuningsPath({ XDG_CACHE_HOME: "/c" }, "linux", "/home/me")).toBe("/c/vle-webgpu/tunings.json");
  expect(tuningsPath({ XDG_CACHE_HOME: "c" }, "linux", "/home/me")).toBe("/home/me/.cache/vle-webgpu/tunings.json");
  expect(tuningsPath({}, "darwin", "/Users/me")).toBe("/Users/me/Library/Caches/vle-webgpu/tunings.json");
  expect(tuningsPath({ LOCALAPPDATA: "C:\\L" }, "win32", "C:\\me")).toBe("C:\\L\\vle-webgpu\\tunings.json");
  expect(tuningsPath({}, "win32", "C:\\me")).toBe("C:\\me\\AppData\\Local\\vle-webgpu\\tunings.json");
});

describe("the file", () => {
  it("gives back what was kept, the newest for each key, and nothing half written", async () => {
    expect(await readTunings(path)).toEqual({});
    expect(await keepTuning(path, tunedAs("a"))).toBeNull();
    expect(await keepTuning(path, { ...tunedAs("b"), gain: 2 })).toBeNull();
    expect(await keepTuning(path, { ...tunedAs("a"), gain: 3 })).toBeNull();
    expect(await readTunings(path)).toEqual({ b: { ...choice, gain: 2 }, a: { ...choice, gain: 3 } });
    expect(await readdir(dirname(path))).toEqual(["tunings.json"]);
  });

  it("forgets the oldest of more than a thousand", async () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`key ${i}`, choice]));
    await mkdir(dirname(path));
    await writeFile(path, JSON.stringify({ schema: "vle-webgpu/tunings/1", tunings: many }));
    await keepTuning(path, tunedAs("new"));
    const keys = Object.keys(await readTunings(path));
    expect([keys.length, keys[0], keys.at(-1)]).toEqual([1000, "key 1", "new"]);
  });

  it.each(["", "{", "null", "[]", "7", '{"schema":"other","tunings":{"a":1}}', '{"schema":"vle-webgpu/tunings/1"}'])(
    "counts as empty if it says %j, and is written anew",
    async (damaged) => {
      await mkdir(dirname(path));
      await writeFile(path, damaged);
      expect(await readTunings(path)).toEqual({});
      expect(await keepTuning(path, tunedAs("a"))).toBeNull();
      expect(await readTunings(path)).toEqual({ a: choice });
    },
  );

  it("that cannot be written is one sentence", async () => {
    await writeFile(join(folder, "vle-webgpu"), "a file where the folder should be");
    expect(await readTunings(path)).toEqual({});
    const problem = await keepTuning(path, tunedAs("a"));
    expect(problem).toMatch(
      /tunings\.json cannot be written \(E[A-Z]+\), so the next run will measure its kernels again\.$/,
    );
    expect(await readFile(join(folder, "vle-webgpu"), "utf8")).toContain("a file");
  });
});

describe("--kernels", () => {
  it("is measured unless another is asked for, in both commands", async () => {
    expect(readKernels(undefined)).toBe("measured");
    expect(readKernels("default")).toBe("default");
    expect(readKernels("anew")).toBe("anew");
    expect(() => readKernels("fast")).toThrow('--kernels is "fast"; it can be measured or anew or default.');
    const out = ["--out", folder];
    expect((await readStartOptions(out))?.kernels).toBe("measured");
    expect((await readStartOptions([...out, "--kernels", "default"]))?.kernels).toBe("default");
    expect((await readTrainOptions([...out, "--preset", "yin-yang"]))?.kernels).toBe("measured");
    for (const help of [startHelp(), trainHelp()])
      expect(help).toMatch(/^ {2}--kernels K +measured \(.+ anew \(.+ or default$/m);
  });

  it("looks at what was kept, unless that is to be measured anew, or does without", async () => {
    await keepTuning(path, tunedAs("a"));
    expect(await kernelsRequest("measured", path)).toEqual({ kept: { a: choice } });
    expect(await kernelsRequest("anew", path)).toEqual({ kept: {} });
    expect(await kernelsRequest("default", path)).toBeNull();
  });

  it("cannot be changed for a run that goes on", async () => {
    const args = ["--resume", folder, "--kernels", "default"];
    await expect(readTrainOptions(args)).rejects.toThrow(/^--kernels and --resume exclude each other/);
  });
});

describe("kernels of a run that goes on", () => {
  const write = (kernels: object): Promise<void> => {
    const config = { schema: TRAIN_CONFIG_SCHEMA, host: "node", data: null, experiment: experiments[0], ...kernels };
    return writeFile(join(folder, "config.json"), JSON.stringify(config));
  };

  it("are those of its config.json, the default ones in older runs", async () => {
    await write({});
    expect((await openTraining(folder)).config.kernels).toBeNull();
    await write({ kernels: null });
    expect((await openTraining(folder)).config.kernels).toBeNull();
    await write({ kernels: choice });
    expect((await openTraining(folder)).config.kernels).toEqual(choice);
    // A later version may have more fields.
    const older = { ...choice, tuning: { columnQuads: 4 } };
    await write({ kernels: older });
    expect((await openTraining(folder)).config.kernels).toEqual(older);
    expect(kernelOptions(choice)).toEqual({ tuning: choice.tuning });
  });

  it.each([
    { kernels: 7 },
    { kernels: { ...choice, tuning: { tileRows: 0 } } },
    { kernels: { ...choice, gain: "much" } },
  ])("are refused if they are %j", async (damaged) => {
    await write(damaged);
    await expect(openTraining(folder)).rejects.toThrow(/has a config\.json that cannot be read \(/);
  });
});

it("tells people in one line what was chosen", () => {
  const standard = { ...tunedAs("b"), name: "default", gain: 1 };
  expect(tunedWords([tunedAs("a")])).toBe("4 quads of columns, 1.23 times the default; kept for this adapter");
  expect(tunedWords([standard, { ...tunedAs("a"), isStored: true }, standard])).toBe(
    "the default; 4 quads of columns, 1.23 times the default; kept for this adapter",
  );
  expect(tunedWords([{ ...standard, isStored: true }])).toBe("the default; measured before on this adapter");
  const { name, tuning } = standard;
  const variants = [{ name, tuning, stepsPerSecond: 1 }];
  expect(tunedWords([{ ...standard, variants, untried: ["one"] }])).toBe(
    "the default, as trying others would take long here; kept for this adapter",
  );
  expect(tunedWords([{ ...standard, variants, untried: [] }])).toBe("the default; kept for this adapter");
});

it("gives the page what was kept, and nothing where the default is asked for", () => {
  expect(kernelOptions(null)).toEqual({});
  const { tunings: store } = kernelOptions({ kept: { a: choice } });
  expect(store?.get("a")).toBe(choice);
  expect(store?.get("b")).toBeUndefined();
});
