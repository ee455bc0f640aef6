import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fakePython } from "./fake-python.ts";
import { UsageError } from "../../src/cli/options.ts";
import { partLines, readOut, requireWhole } from "../../src/cli/pack.ts";
import { LARGEST, packPart, requireSmall, writeArchive, type PackedPart } from "../../src/cli/pack-archive.ts";
import { ownFiles } from "../../src/cli/pack-folder.ts";
import { argumentsOf, packHelp, PACK_PARTS, readPackOptions } from "../../src/cli/pack-options.ts";
import { checksOf, endingOf, hostFacts, marked, resultsOf, type Ended } from "../../src/cli/pack-results.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vle-pack-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UsageError);
  return (error as Error).message;
}

describe("flags of a pack's run.sh", () => {
  const read = (...args: string[]) => readPackOptions(["--json", join(folder, "out.json"), ...args]);

  it("have defaults", async () => {
    expect(await read()).toEqual({ parts: PACK_PARTS, quick: false, json: join(folder, "out.json"), torch: [] });
  });

  it("are read", async () => {
    const torch = ["--torch-python", await fakePython(folder, "echo 1.13.0"), "--torch-checkout", folder];
    expect(await read("--quick", "--only", "verify, Compare,verify", ...torch)).toEqual({
      parts: ["compare", "verify"],
      quick: true,
      json: join(folder, "out.json"),
      torch,
    });
  });

  it("are refused with a sentence", async () => {
    const refused: Readonly<Record<string, readonly string[]>> = {
      '--quik is not a flag. Did you mean "--quick"?': ["--quik"],
      "run.sh takes flags only": ["bench"],
      '--only is "tune"; it can be bench or compare or verify': ["--only", "bench,tune"],
      "go together": ["--torch-python", process.execPath],
      "which is no folder": ["--torch-python", process.execPath, "--torch-checkout", join(folder, "none")],
      "is for compare, which --only leaves out": ["--only", "bench", "--torch-python", process.execPath],
    };
    for (const [sentence, args] of Object.entries(refused)) expect(await refusal(read(...args))).toContain(sentence);
    expect(await refusal(readPackOptions(["--json", folder]))).toContain("a folder; name a file");
  });

  it("are described", async () => {
    expect(await read("--help")).toBeNull();
    for (const flag of ["json", "quick", "only", "torch-python", "torch-checkout", "help"]) {
      expect(packHelp()).toContain(`--${flag} `);
    }
  });

  it("become flags of the commands, which never look for a browser", () => {
    const files = { json: "/r.json", recordings: ["/a.json", "/b.json"] };
    const torch = ["--torch-python", "/p", "--torch-checkout", "/c"];
    const all = (quick: boolean) => PACK_PARTS.map((part) => argumentsOf(part, { quick, torch }, files).join(" "));
    expect(all(true)).toEqual([
      "--quick --host node --json /r.json",
      "--quick --torch-python /p --torch-checkout /c --json /r.json",
      "--host node /a.json",
    ]);
    expect(all(false)[2]).toBe("--host node /a.json /b.json");
  });
});

describe("results of a pack", () => {
  const bench: Ended = { part: "bench", code: 0, signal: null, seconds: 60, report: { commit: "other" }, lines: [] };
  const verify: Ended = {
    ...bench,
    part: "verify",
    code: 1,
    report: null,
    lines: ["chain exact.value 1.2e-7 1e-3 ok", "chain frozen.rate 2.0e+0 0 FAIL", "something else"],
  };
  const pack = { version: "1", commit: "a1b2c3d", packed: "2026-01-01", node: "v20", webgpu: "0" };
  const adapter = { vendor: "v", architecture: "a", description: "d", software: true };
  const origin = { date: "2026-01-02", quick: true, pack, host: { name: "n" }, adapter };

  it("hold what each part wrote, which tells the commit that was packed", () => {
    expect(resultsOf(origin, [bench, verify])).toMatchObject({
      ...origin,
      schema: "vle-webgpu/pack/1",
      holds: false,
      parts: [
        { part: "bench", holds: true, code: 0, seconds: 60 },
        { part: "verify", holds: false, code: 1 },
      ],
      bench: { commit: "other" },
      compare: null,
      verify: { checks: [{ holds: true }, { holds: false }] },
    });
    expect(marked(bench.report, origin)).toEqual({ commit: "a1b2c3d", pack: { ...pack, host: { name: "n" } } });
    expect(marked(null, origin)).toBeNull();
  });

  it("have the checks of verify as figures", () => {
    expect(checksOf(verify.lines)).toEqual([
      { recording: "chain", check: "exact.value", error: 1.2e-7, tolerance: 1e-3, holds: true },
      { recording: "chain", check: "frozen.rate", error: 2, tolerance: 0, holds: false },
    ]);
  });

  it("say how a part ended", () => {
    const broken = { ...bench, code: null, signal: "SIGSEGV" };
    expect([bench, verify, broken, { ...bench, code: 130 }].map(endingOf)).toEqual([
      "holds",
      "DOES NOT HOLD, exit code 1, see above",
      "ENDED by SIGSEGV",
      "was stopped",
    ]);
  });

  it("name the machine", async () => {
    const facts = await hostFacts({ VK_ICD_FILENAMES: "/icd.json" });
    expect(facts).toMatchObject({ name: `bench pack with Node ${process.version}`, vulkanDriver: "/icd.json" });
    expect(facts["threads"]).toBeGreaterThan(0);
  });
});

describe("the archive of a pack", () => {
  const sized = (name: string, size: number): PackedPart => ({
    name,
    files: 1,
    bytes: 2 * size,
    compressed: Buffer.alloc(size),
  });

  it("is refused from 60 MB on, with its parts from the largest on", () => {
    const small = [sized("code", 1e6), sized("Node", LARGEST - 1e6 - 1)];
    expect(() => requireSmall(small)).not.toThrow();
    expect(() => requireSmall([...small, sized("texts", 1)])).toThrow(UsageError);
    expect(() => requireSmall([...small, sized("texts", 1)])).toThrow(
      "would have 60.0 MB and may have 60.0 MB; nothing is kept. Its parts: Node 59.0 MB, code 1.0 MB, texts 0.00 MB.",
    );
  });

  it("is told part by part", () => {
    expect(partLines([sized("code", 1.5e5), sized("Node", 3.3e7)]).map((line) => line.split(/ {2,}/))).toEqual([
      ["part", "files", "folder", "archive"],
      ["Node", "1", "66.0 MB", "33.0 MB"],
      ["code", "1", "0.30 MB", "0.15 MB"],
      ["together", "2", "66.3 MB", "33.1 MB"],
    ]);
  });

  it.runIf(process.platform === "linux")("is what tar unpacks", async () => {
    // Longer than a name of tar, and around its blocks of 512 bytes.
    const long = `${"deep/".repeat(18)}file-with-a-long-name.bin`;
    const contents = { [long]: randomBytes(513), empty: Buffer.alloc(0), "run.sh": randomBytes(512) };
    for (const [path, content] of Object.entries(contents)) {
      await mkdir(join(folder, "p", path, ".."), { recursive: true });
      await writeFile(join(folder, "p", path), content);
    }
    const where = { parent: folder, folder: "p", time: new Date(2026, 0, 31) };
    const archive = join(folder, "p.tar.gz");
    await writeArchive(archive, [
      await packPart("a", where, [{ path: long }, { path: "empty" }]),
      await packPart("b", where, [{ path: "run.sh", executable: true }]),
    ]);
    const out = join(folder, "out");
    await mkdir(out);
    execFileSync("tar", ["xzf", archive], { cwd: out });
    for (const [path, content] of Object.entries(contents)) {
      expect(await readFile(join(out, "p", path))).toEqual(content);
    }
    const { mode, mtimeMs } = await stat(join(out, "p/run.sh"));
    expect([mode & 0o111, mtimeMs]).toEqual([0o111, where.time.getTime()]);
  });
});

describe("npm run bench:pack", () => {
  it("copies what is there, each file to a place of its own", () => {
    const files = Object.values(ownFiles(null)).flat();
    expect(files.filter(({ from }) => !existsSync(from))).toEqual([]);
    const places = files.map(({ path }) => path);
    expect(new Set(places).size).toBe(places.length);
    for (const needed of ["run.sh", "README.md", "LICENSE", "runtime/node", "scripts/compute-once.mjs"]) {
      expect(places).toContain(needed);
    }
  });

  it("takes a Node that is whole", () => {
    expect(() => requireWhole({ node_shared: false, node_shared_zlib: false, host_arch: "x64" })).not.toThrow();
    expect(() => requireWhole({ node_shared: false, node_shared_zlib: true })).toThrow(/\(node_shared_zlib\)/);
  });

  it("takes a folder, and is for Linux on x64", () => {
    const linux = { platform: "linux", arch: "x64" } as const;
    expect(readOut(["--out", folder], linux)).toBe(folder);
    expect(readOut(["--help"], linux)).toBeNull();
    expect(() => readOut(["now"], linux)).toThrow("takes flags only");
    expect(() => readOut([], { platform: "darwin", arch: "arm64" })).toThrow("not on darwin arm64");
  });
});
