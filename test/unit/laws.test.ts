import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  arrowsOfImport,
  everyTestRuns,
  explicitLayouts,
  flatWorkgroups,
  noMutableTopLevelState,
  noTextSubstitution,
  nothingUnfinished,
  oneEntryPointPerKernel,
  oneSecretPerFile,
  shapeOfShaderText,
  silence,
  wordsOfTheHost,
  type Law,
  type SourceFile,
} from "./laws.ts";

const root = join(import.meta.dirname, "../..");

function filesUnder(folder: string, ending: string): readonly SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8").replaceAll("\r\n", "\n") }));
}

const sources = filesUnder("src", ".ts");
const shaders = filesUnder("shaders", ".wgsl");
const tests = filesUnder("test", ".ts");

/** A sample: the path of a file and its text. */
type Sample = readonly [path: string, text: string];

interface Case {
  readonly law: Law;
  readonly holdsFor: readonly SourceFile[];
  /** Each breaks the law once. */
  readonly breaks: readonly Sample[];
  /** None breaks the law, though it comes close. */
  readonly keeps: readonly Sample[];
}

const kernel = "// Doubles.\n@compute @workgroup_size(64, 1, 1)\nfn double() {}\n";

const cases: Readonly<Record<string, Case>> = {
  "imports follow the arrows": {
    law: arrowsOfImport,
    holdsFor: sources,
    breaks: [
      ["src/plan.ts", 'import { Engine } from "./engine.ts";'],
      ["src/needs.ts", 'import type { Layout } from "./layout.ts";'],
      ["src/tables.ts", 'import type { Programs } from "./programs.ts";'],
      ["src/spec/read.ts", 'import type { Plan } from "../plan.ts";'],
      ["src/reference/index.ts", 'export * from "../kernels.ts";'],
      ["src/simulator.ts", 'const { train } = await import("../src/train/train.ts");'],
      ["src/io/npy.ts", 'type Task = import("../tasks/digits.ts").Digits;'],
      ["src/engine.ts", 'import { unzip } from "fflate";'],
      ["src/io/csv.ts", 'import { parse } from "papaparse";'],
      ["src/app/page.ts", 'import { readFile } from "node:fs/promises";'],
      ["src/app/page.ts", 'import { createEngine } from "../engine.ts";'],
      ["src/plan.ts", 'import code from "../shaders/neurons.wgsl?raw";'],
      ["src/train/train.ts", 'import { root } from "../../scripts/modules.mjs";'],
      ["src/newcomer.ts", "export const answer = 42;"],
    ],
    keeps: [
      ["src/engine.ts", 'import { plan } from "./plan.ts";\nimport { kernels } from "./kernels.ts";'],
      ["src/spec/network.ts", 'import { number } from "./read.ts";\nimport { SpecError } from "../errors.ts";'],
      ["src/kernels.ts", 'import code from "../shaders/neurons.wgsl?raw";'],
      ["src/layout/state.ts", 'import { needsOf } from "../needs.ts";\nimport { cutWindow } from "../trajectory.ts";'],
      ["src/io/zip.ts", 'import { Inflate } from "fflate";'],
      ["src/programs.ts", 'import { activations } from "./tables.ts";\nimport { cut } from "./tiles.ts";'],
      ["src/cli/start.ts", 'import { join } from "node:path";\nimport puppeteer from "puppeteer";'],
      ["src/spec.ts", '// import { plan } from "./plan.ts";\nconst text = \'import "./plan.ts"\';'],
    ],
  },
  "pure modules know neither WebGPU nor a host": {
    law: wordsOfTheHost,
    holdsFor: sources,
    breaks: [
      ["src/plan.ts", "export function f(device: GPUDevice): void {}"],
      ["src/trajectory.ts", "export function f(device: GPUDevice): void {}"],
      ["src/programs.ts", "export const usage = GPUBufferUsage.STORAGE;"],
      ["src/reference/index.ts", "export const gpu = navigator.gpu;"],
      ["src/tasks/digits.ts", "export const usage = GPUBufferUsage.STORAGE;"],
      ["src/engine.ts", 'export const title = document.title + "";'],
      ["src/train/train.ts", "export const home = process.env;"],
    ],
    keeps: [
      ["src/engine.ts", "export function f(device: GPUDevice): void {}"],
      [
        "src/spec.ts",
        "/** As GPUDevice has it. */\nexport interface Spec { readonly document: string; readonly window: number }",
      ],
      [
        "src/reference/adjoint.ts",
        "export function f(window: number, o: { process: number }) { return window + o.process; }",
      ],
      ["src/app/page.ts", "document.title = String(navigator.gpu);"],
    ],
  },
  "the library is silent": {
    law: silence,
    holdsFor: sources,
    breaks: [["src/engine.ts", 'console.warn("slow");']],
    keeps: [
      ["src/engine.ts", "// console.warn tells nobody\nexport const answer = 42;"],
      ["src/cli/start.ts", 'console.log("done");'],
    ],
  },
  "modules have no state": {
    law: noMutableTopLevelState,
    holdsFor: sources,
    breaks: [
      ["src/engine.ts", "let calls = 0;"],
      ["src/engine.ts", "export var calls = 0;"],
      ["src/engine.ts", "const cache = new Map<string, number>();"],
      ["src/engine.ts", "const owners = new WeakMap();"],
      ["src/engine.ts", "export class Engine { static count = 0; }"],
    ],
    keeps: [
      [
        "src/engine.ts",
        "const sizes: ReadonlyMap<string, number> = new Map();\nexport function f() { let i = 0; return i; }",
      ],
      ["src/engine.ts", "export class Engine { static readonly limit = 8; #count = 0; }"],
    ],
  },
  "a file has one secret": {
    law: oneSecretPerFile,
    holdsFor: [...sources, ...shaders],
    breaks: [["src/plan.ts", "\n".repeat(451)]],
    keeps: [["src/plan.ts", "\n".repeat(450)]],
  },
  "nothing is unfinished": {
    law: nothingUnfinished,
    holdsFor: [...sources, ...shaders],
    breaks: [["src/plan.ts", "// TODO: later"]],
    keeps: [["src/plan.ts", "// what is todo is in the issues"]],
  },
  "bind group layouts are explicit": {
    law: explicitLayouts,
    holdsFor: sources,
    breaks: [["src/engine.ts", 'device.createComputePipeline({ layout: "auto", compute });']],
    keeps: [["src/engine.ts", "device.createComputePipeline({ layout, compute });"]],
  },
  "every test runs": {
    law: everyTestRuns,
    holdsFor: tests,
    // Joined, so that a search for tests that do not run does not end here.
    breaks: [
      ["test/unit/a.test.ts", `${["it", "only"].join(".")}("x", () => {});`],
      ["test/unit/a.test.ts", `${["describe", "skip"].join(".")}("x", () => {});`],
    ],
    keeps: [["test/unit/a.test.ts", 'it.each([1])("it only looks so", () => {});']],
  },
  "shader text has its shape": {
    law: shapeOfShaderText,
    holdsFor: shaders,
    breaks: [
      ["shaders/double.wgsl", kernel.replace("// Doubles.\n", "")],
      ["shaders/double.wgsl", kernel.trimEnd()],
      ["shaders/double.wgsl", `${kernel}\n`],
      ["shaders/double.wgsl", `// ${"x".repeat(98)}\n${kernel}`],
      ["shaders/double.wgsl", kernel.replace("fn", "\tfn")],
      ["shaders/double.wgsl", kernel.replace("Doubles.", "Doubles. ")],
    ],
    keeps: [
      ["shaders/double.wgsl", kernel],
      ["shaders/double.wgsl", `// ${"x".repeat(97)}\n${kernel}`],
    ],
  },
  "shaders have no text substitution": {
    law: noTextSubstitution,
    holdsFor: shaders,
    breaks: [
      ["shaders/double.wgsl", `#ifdef FAST\n${kernel}`],
      ["shaders/double.wgsl", kernel.replace("64", "${width}")],
      ["shaders/double.wgsl", kernel.replace("64", "{{width")],
    ],
    keeps: [["shaders/double.wgsl", kernel]],
  },
  "a kernel is its file's name": {
    law: oneEntryPointPerKernel,
    holdsFor: shaders,
    breaks: [
      ["shaders/double.wgsl", kernel.replace("fn double", "fn main")],
      ["shaders/double.wgsl", kernel + kernel.replace("fn double", "fn triple")],
      ["shaders/double.wgsl", "// Doubles.\n// @compute fn double() {}\n"],
      ["shaders/common/double.wgsl", kernel],
    ],
    keeps: [
      ["shaders/double.wgsl", kernel],
      ["shaders/common/double.wgsl", "// Doubles.\nfn double() {}\n"],
    ],
  },
  "workgroups are flat and written in full": {
    law: flatWorkgroups,
    holdsFor: shaders,
    breaks: [
      ["shaders/double.wgsl", kernel.replace("64, 1, 1", "64")],
      ["shaders/double.wgsl", kernel.replace("64, 1, 1", "8, 8, 1")],
    ],
    keeps: [
      ["shaders/double.wgsl", kernel.replace("64", "16u * WIDTH")],
      ["shaders/double.wgsl", `// not @workgroup_size(64)\n${kernel}`],
    ],
  },
};

describe.each(Object.entries(cases))("%s", (_, { law, holdsFor, breaks, keeps }) => {
  it("holds in the whole tree", () => {
    expect(holdsFor.length).toBeGreaterThan(0);
    expect(holdsFor.flatMap((file) => law(file).map((violation) => `${file.path}: ${violation}`))).toEqual([]);
  });

  it.each(breaks)("is broken once by sample %# in %s", (path, text) => {
    expect(law({ path, text })).toHaveLength(1);
  });

  it.each(keeps)("is kept by sample %# in %s", (path, text) => {
    expect(law({ path, text })).toEqual([]);
  });
});
