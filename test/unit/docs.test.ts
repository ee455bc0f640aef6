/** The documentation against the code: names, links, headings and examples. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import ts from "typescript";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

const root = join(import.meta.dirname, "../..").replaceAll("\\", "/");
const read = (path: string): string => readFileSync(join(root, path), "utf8").replaceAll("\r\n", "\n");
const pages = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", ...filesUnder("docs", ".md")];

function filesUnder(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`);
}

// ---- names --------------------------------------------------------------------------------------------------

const options = readOptions();

/** The examples, each a module of its own: path and text. */
const examples = new Map(
  pages.flatMap((page) =>
    [...read(page).matchAll(/^```ts\n([^]*?)^```/gm)].map(([, code = ""], index) => {
      return [`${root}/${page.replaceAll("/", "-")}-${index}.ts`, code] as const;
    }),
  ),
);

/** What has exports that docs/api.md names in full. */
const entries = ["src/index.ts", "src/io/index.ts"];

const program = ts.createProgram(
  [...entries.map((entry) => `${root}/${entry}`), ...examples.keys()],
  options,
  hostWith(examples),
);

function readOptions(): ts.CompilerOptions {
  const config: unknown = ts.readConfigFile(join(root, "tsconfig.json"), (path) => ts.sys.readFile(path)).config;
  return {
    ...ts.parseJsonConfigFileContent(config, ts.sys, root).options,
    // The declarations of packages are not what is tested.
    skipLibCheck: true,
    // Readers need not use all that an example defines.
    noUnusedLocals: false,
    paths: {
      "vle-webgpu": [`${root}/src/index.ts`],
      "vle-webgpu/node": [`${root}/src/cli/node-gpu.ts`],
      "vle-webgpu/io": [`${root}/src/io/index.ts`],
    },
  };
}

/** The files of this machine and, besides them, `texts`. */
function hostWith(texts: ReadonlyMap<string, string>): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  return {
    ...host,
    fileExists: (path) => texts.has(path) || host.fileExists(path),
    readFile: (path) => texts.get(path) ?? host.readFile(path),
    getSourceFile: (path, target, ...rest) => {
      const text = texts.get(path);
      return text === undefined ? host.getSourceFile(path, target, ...rest) : ts.createSourceFile(path, text, target);
    },
  };
}

/** What the entries export. */
function exported(): readonly ts.Symbol[] {
  const checker = program.getTypeChecker();
  return entries.flatMap((entry) => {
    const file = program.getSourceFile(`${root}/${entry}`);
    const module = file && checker.getSymbolAtLocation(file);
    if (module === undefined) throw new Error(`${entry} exports nothing.`);
    return checker.getExportsOfModule(module).map((symbol) => {
      return (symbol.flags & ts.SymbolFlags.Alias) !== 0 ? checker.getAliasedSymbol(symbol) : symbol;
    });
  });
}

/** Fields and public methods of an interface or class, words of a union of texts; nothing for other exports. */
function membersOf(symbol: ts.Symbol): readonly string[] {
  if ((symbol.flags & ts.SymbolFlags.Type) === 0) return [];
  const type = program.getTypeChecker().getDeclaredTypeOfSymbol(symbol);
  const parts = type.isUnion() ? type.types : [type];
  return parts.flatMap((part) =>
    part.isStringLiteral()
      ? [part.value]
      : program
          .getTypeChecker()
          .getPropertiesOfType(part)
          .filter((property) => isPublic(property))
          .map(({ name }) => name),
  );
}

function isPublic(symbol: ts.Symbol): boolean {
  const [declaration] = symbol.declarations ?? [];
  if (declaration === undefined || !declaration.getSourceFile().fileName.startsWith(`${root}/src/`)) return false;
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  // Well-known symbols have names that begin so.
  return (ts.getCombinedModifierFlags(declaration) & hidden) === 0 && !symbol.name.startsWith("__@");
}

/** Everything between backticks and in code blocks. */
function codeOf(text: string): string {
  return [...text.matchAll(/```[^]*?```|`[^`]+`/g)].map(([code]) => code).join("\n");
}

const names = (text: string, name: string): boolean => new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(text);

describe("docs/api.md", () => {
  const code = codeOf(read("docs/api.md"));

  it("names every export", () => {
    const all = exported().map(({ name }) => name);
    expect(all.length).toBeGreaterThan(20);
    expect(all.filter((name) => !names(code, name))).toEqual([]);
  });

  it("names every field, method and word of every exported type", () => {
    const all = exported().flatMap((symbol) => membersOf(symbol).map((member) => ({ owner: symbol.name, member })));
    expect(all.length).toBeGreaterThan(100);
    expect(all.filter(({ member }) => !names(code, member))).toEqual([]);
  });

  it("names every field of a network, which is made of types that are not exported by name", () => {
    const text = read("src/spec/types.ts").split("// ---- the same, resolved")[0] ?? "";
    const fields = [...text.matchAll(/readonly (\w+)\??:/g)].map(([, name = ""]) => name);
    expect(fields.length).toBeGreaterThan(20);
    expect(fields.filter((name) => !names(code, name))).toEqual([]);
  });

  it("would miss a name", () => {
    expect(names(code, "createSimulators")).toBe(false);
    expect(names(code, "Simulato")).toBe(false);
  });
});

it("names every kernel in docs/kernels.md", () => {
  const code = codeOf(read("docs/kernels.md"));
  const kernels = readdirSync(join(root, "shaders")).flatMap((file) => /^(\w+)\.wgsl$/.exec(file)?.[1] ?? []);
  expect(kernels.length).toBeGreaterThan(5);
  expect(kernels.filter((kernel) => !names(code, kernel))).toEqual([]);
});

// ---- examples -----------------------------------------------------------------------------------------------

describe("examples", () => {
  it.each([...examples.keys()].map((path) => path.slice(root.length + 1)))("%s has the right types", (name) => {
    const found = ts.getPreEmitDiagnostics(program, program.getSourceFile(`${root}/${name}`));
    const text = ts.formatDiagnostics(found, {
      getCanonicalFileName: (name) => name,
      getCurrentDirectory: () => root,
      getNewLine: () => "\n",
    });
    expect(text).toBe("");
  });
});

// ---- what examples come to ----------------------------------------------------------------------------------

describe("the examples of learning rules", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "vle-docs-"));
    // One sequence of symbols for all.
    let state = 7;
    vi.spyOn(Math, "random").mockImplementation(() => (state = (state * 16807) % 2147483647) / 2147483647);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true });
  });

  /** The code block that follows a paragraph which begins with `title` in bold. */
  function example(title: string): string {
    const page = read("docs/api.md");
    const from = page.indexOf(`**${title}.**`);
    const code = /```ts\n([^]*?)```/.exec(page.slice(from))?.[1];
    if (from < 0 || code === undefined) throw new Error(`docs/api.md has no example "${title}".`);
    return code;
  }

  /** Runs a program on the f64 reference; a row for each call of the console. */
  async function run(code: string): Promise<unknown[][]> {
    const print = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const path = join(folder, "example.ts");
    // Not every Node that is supported knows `using`.
    const known = code.replace("await using", "const");
    writeFileSync(path, known.replaceAll('"vle-webgpu"', `"${root}/test/unit/docs-simulator.ts"`));
    // A module runs once, so every program is another one.
    await import(/* @vite-ignore */ `${path}?${code.length}`);
    const printed = print.mock.calls.map((row) => [...row] as unknown[]);
    print.mockRestore();
    return printed;
  }

  // Seconds of f64 steps; a busy machine takes several times as long.
  const patience = { timeout: 60_000 };

  it("the exact gradient: the loss falls below 0.01, and membranes learn", patience, async () => {
    const printed = await run(example("The exact gradient"));
    expect(printed.slice(0, 5).map(([step]) => step)).toEqual([8000, 16_000, 24_000, 32_000, 40_000]);
    expect(printed[4]?.[1]).toBeLessThan(0.01);
    const [gradient, tauM] = printed[5] as [Float32Array, Float32Array];
    expect(gradient).toHaveLength(32);
    // Never below 10 dt, and away from where they started.
    expect(Math.min(...tauM)).toBe(10);
    expect(Math.max(...tauM)).toBeGreaterThan(21);
  });

  it("matched traces: the loss falls below 0.5, without them it stays above 1", patience, async () => {
    const code = example("Matched traces");
    const matched = await run(code);
    expect(matched.map(([step]) => step)).toEqual([4000, 8000, 12_000, 16_000, 20_000]);
    expect(matched[4]?.[1]).toBeLessThan(0.5);
    const plain = await run(code.replace('traces: "matched"', 'traces: "none"').replace("20_000", "8000"));
    expect(plain.map(([step]) => step)).toEqual([4000, 8000]);
    for (const [, loss] of plain) expect(loss).toBeGreaterThan(1);
  });
});

// ---- links and headings -------------------------------------------------------------------------------------

function headingsOf(text: string): string[] {
  const prose = text.replace(/^```[^]*?^```/gm, "");
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) => title.trim());
}

/** As GitHub makes anchors. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

/** What is wrong with a link of `page`; nothing if it leads somewhere. */
function problemOf(page: string, link: string): string | undefined {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : join(dirname(page), path).replaceAll("\\", "/");
  if (!existsSync(join(root, target))) return `${link}: there is no ${target}`;
  if (anchor === undefined || headingsOf(read(target)).some((heading) => anchorOf(heading) === anchor))
    return undefined;
  return `${link}: ${target} has no such heading`;
}

describe.each(pages)("%s", (page) => {
  it("has links that lead somewhere", () => {
    const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
    const relative = links.filter((link) => !/^[a-z]+:/.test(link));
    expect(relative.flatMap((link) => problemOf(page, link) ?? [])).toEqual([]);
  });

  it("leaves nothing to fill in", () => {
    // The marks of results stay; what stands between them is made from files.
    const text = read(page).replaceAll(/<!-- \/?results -->/g, "");
    const blanks = text.matchAll(/.*(?:<!--|\b(?:TODO|FIXME|XXX|TBD)\b).*/g);
    expect([...blanks].map(([line]) => line)).toEqual([]);
  });
});

it("finds the links that lead nowhere", () => {
  expect(problemOf("README.md", "docs/theory.md#the-step")).toBeUndefined();
  expect(problemOf("README.md", "docs/theory.md#the-stop")).toContain("no such heading");
  expect(problemOf("docs/theory.md", "docs/theory.md")).toContain("there is no docs/docs/theory.md");
});

it("has the sections that comments refer to", () => {
  const files = [...filesUnder("src", ".ts"), ...filesUnder("shaders", ".wgsl")];
  const references = files.flatMap((file) => [...read(file).matchAll(/(docs\/[\w-]+\.md), "([^"]+)"/g)]);
  expect(references.length).toBeGreaterThan(0);
  const missing = references.filter(([, page = "", section = ""]) => !headingsOf(read(page)).includes(section));
  expect(missing.map(([text]) => text)).toEqual([]);
});

it("introduces itself in at most 110 lines", () => {
  expect(read("README.md").trimEnd().split("\n").length).toBeLessThanOrEqual(110);
});
