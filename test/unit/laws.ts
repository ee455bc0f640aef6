/** The laws of the house as functions of a file. Each gives the violations that it finds, one sentence each. */

import { basename, dirname, join } from "node:path/posix";
import ts from "typescript";

export interface SourceFile {
  /** From the root of the project, with slashes. */
  readonly path: string;
  readonly text: string;
}

export type Law = (file: SourceFile) => readonly string[];

// ---- who may import whom ------------------------------------------------------------------------------------

/** The core in order: a module imports only modules before it. It needs no package. */
const core = [
  ["errors", "spec", "random", "checksum", "kernels"],
  ["trajectory", "needs"],
  [
    "layout",
    "options",
    "padding",
    "paths",
    "blocks",
    "tiles",
    "tables",
    "dispatches",
    "programs",
    "plan",
    "replicas",
    "frames",
  ],
  ["device", "pacer", "readback", "engine"],
  ["run", "where", "snapshot", "variants", "simulator", "open", "measure", "tune", "create", "align"],
].flat();

/** The rest of src/, with what each may import besides itself. */
const around: Readonly<Record<string, readonly string[]>> = {
  index: core,
  io: ["errors"],
  reference: ["errors", "spec", "random"],
  tasks: ["errors", "spec", "random", "io"],
  train: [...core, "tasks", "io"],
  app: ["index", "tasks", "train", "io"],
  cli: ["index", ...core, "reference", "tasks", "train", "io"],
};

/** Packages of the pure modules around the core; they have no dependencies and end in the library's own files. */
const packages: Readonly<Record<string, readonly string[]>> = { io: ["fflate", "fft.js"] };

const mayImport: ReadonlyMap<string, readonly string[]> = new Map([
  ...core.map((area, position) => [area, core.slice(0, position)] as const),
  ...Object.entries(around),
]);

/** "src/spec/read.ts" and "src/spec.ts" are both of the area spec. */
function areaOf(path: string): string {
  return (path.split("/")[1] ?? "").replace(/\.ts$/, "");
}

export const arrowsOfImport: Law = (file) => {
  const area = areaOf(file.path);
  const allowed = mayImport.get(area);
  if (allowed === undefined) return [`the area "${area}" has no place among the arrows of test/unit/laws.ts`];
  return importsOf(file).flatMap((specifier) => {
    if (!specifier.startsWith(".")) {
      const host = area === "cli" || (area === "app" && !specifier.startsWith("node:"));
      if (host || packages[area]?.includes(specifier) === true) return [];
      return [`"${specifier}" is imported; only the app and the command line use packages, and io its two`];
    }
    const target = join(dirname(file.path), specifier);
    if (target.startsWith("shaders/")) return area === "kernels" ? [] : [`"${specifier}" is for kernels.ts alone`];
    if (!target.startsWith("src/")) return area === "cli" ? [] : [`"${specifier}" is outside src`];
    const to = areaOf(target);
    return to === area || allowed.includes(to) ? [] : [`${area} must not import ${to} ("${specifier}")`];
  });
};

function importsOf(file: SourceFile): readonly string[] {
  const found: string[] = [];
  visit(parse(file), (node) => {
    const module =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
          ? node.arguments[0]
          : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
            ? node.argument.literal
            : undefined;
    if (module !== undefined && ts.isStringLiteralLike(module)) found.push(module.text);
  });
  return found;
}

// ---- what a module may speak of -----------------------------------------------------------------------------

/** These know nothing of WebGPU: plain data and pure functions. */
const withoutGpu = [...core.slice(0, core.indexOf("device")), "reference", "tasks", "io"];

/** Names of one kind of host; what needs them is given them. */
const hostNames = new Set(["document", "window", "process", "localStorage", "require", "__dirname"]);

export const wordsOfTheHost: Law = (file) => {
  const area = areaOf(file.path);
  if (area === "app" || area === "cli") return [];
  return freeNamesOf(file).flatMap((name) => {
    if (hostNames.has(name)) return [`"${name}" belongs to the app and the command line`];
    const webgpu = /^GPU[A-Z]/.test(name) || name === "navigator";
    return webgpu && withoutGpu.includes(area) ? [`"${name}": ${area} knows nothing of WebGPU`] : [];
  });
};

export const silence: Law = (file) => {
  const area = areaOf(file.path);
  if (area === "app" || area === "cli") return [];
  return freeNamesOf(file).includes("console") ? ["the library never writes to the console"] : [];
};

/** Names that the file uses and does not declare. */
function freeNamesOf(file: SourceFile): readonly string[] {
  const used = new Set<string>();
  const declared = new Set<string>();
  visit(parse(file), (node) => {
    if (!ts.isIdentifier(node)) return;
    const { parent } = node;
    const isProperty =
      (ts.isPropertyAccessExpression(parent) || ts.isQualifiedName(parent)) && node !== parent.getChildAt(0);
    const isDeclared = "name" in parent && parent.name === node;
    if (isDeclared) declared.add(node.text);
    else if (!isProperty) used.add(node.text);
  });
  return [...used].filter((name) => !declared.has(name));
}

// ---- state --------------------------------------------------------------------------------------------------

export const noMutableTopLevelState: Law = (file) => {
  const tree = parse(file);
  return tree.statements.flatMap((statement) => {
    if (ts.isClassDeclaration(statement)) return mutableStatics(statement);
    if (!ts.isVariableStatement(statement)) return [];
    const { declarations, flags } = statement.declarationList;
    const constant = (flags & ts.NodeFlags.Const) !== 0;
    return declarations
      .filter(({ initializer, type }) => !constant || (isCollection(initializer) && !isReadonly(type)))
      .map(({ name }) => `"${name.getText(tree)}" is mutable state of the module: two simulators would share it`);
  });
};

function mutableStatics(statement: ts.ClassDeclaration): readonly string[] {
  return statement.members
    .filter((member) => ts.isPropertyDeclaration(member))
    .filter(({ modifiers = [] }) => hasModifier(modifiers, "static") && !hasModifier(modifiers, "readonly"))
    .map(({ name }) => `static "${name.getText()}" is mutable state of the module`);
}

function hasModifier(modifiers: readonly ts.ModifierLike[], name: "static" | "readonly"): boolean {
  return modifiers.some((modifier) => modifier.getText() === name);
}

function isCollection(node: ts.Expression | undefined): boolean {
  return node !== undefined && ts.isNewExpression(node) && /^(Weak)?(Map|Set)$/.test(node.expression.getText());
}

function isReadonly(type: ts.TypeNode | undefined): boolean {
  return type !== undefined && /^Readonly(Map|Set)\b/.test(type.getText());
}

// ---- text ---------------------------------------------------------------------------------------------------

const longest = 450;

export const oneSecretPerFile: Law = ({ text }) => {
  const lines = text.split("\n").length - 1;
  return lines > longest ? [`${lines} lines, more than ${longest}: look for the second secret in it`] : [];
};

export const nothingUnfinished: Law = ({ text }) =>
  [...text.matchAll(/\b(TODO|FIXME|XXX|HACK)\b/g)].map(([mark]) => `${mark}: finish it or leave it out`);

export const explicitLayouts: Law = ({ text }) =>
  /layout:\s*["']auto["']/.test(text) ? ['layout "auto" drops unused bindings; write the layout'] : [];

export const everyTestRuns: Law = (file) => {
  const found: string[] = [];
  visit(parse(file), (node) => {
    if (!ts.isPropertyAccessExpression(node)) return;
    const call = node.getText();
    if (/^(it|test|describe|suite)\.(only|skip|todo|fails)$/.test(call)) found.push(`${call}: every test runs`);
  });
  return found;
};

// ---- shaders ------------------------------------------------------------------------------------------------

const widest = 100;

export const shapeOfShaderText: Law = ({ text }) => [
  ...(text.startsWith("// ") ? [] : ["no head comment that says what it computes"]),
  ...(text.endsWith("}\n") || text.endsWith(";\n") ? [] : ["does not end with one newline"]),
  ...text
    .split("\n")
    .flatMap((line, i) => [
      ...(line.length > widest ? [`line ${i + 1} has ${line.length} columns, more than ${widest}`] : []),
      ...(/[\t\r]/.test(line) ? [`line ${i + 1} has a tab or a carriage return`] : []),
      ...(/ $/.test(line) ? [`line ${i + 1} ends with a space`] : []),
    ]),
];

export const noTextSubstitution: Law = ({ text }) =>
  ["#ifdef", "#ifndef", "#include", "#import", "{{", "}}", "${"]
    .filter((mark) => text.includes(mark))
    .map((mark) => `"${mark}": values come by override, uniform or buffer, never by text`);

/** A kernel has one entry point, named like its file; a snippet has none. */
export const oneEntryPointPerKernel: Law = ({ path, text }) => {
  const code = withoutComments(text);
  const entries = [...code.matchAll(/@compute\b[^{]*?\bfn\s+(\w+)/g)].map(([, name]) => name);
  const expected = path.startsWith("shaders/common/") ? [] : [basename(path, ".wgsl")];
  return entries.join() === expected.join()
    ? []
    : [`its entry points are [${entries.join(", ")}], they should be [${expected.join(", ")}]`];
};

/** Reflection misreads a size of one value, and a flat grid is what the planner counts in. */
export const flatWorkgroups: Law = ({ text }) =>
  [...withoutComments(text).matchAll(/@workgroup_size\s*\(([^)]*)\)/g)]
    .filter(([, size = ""]) => !/^[^,]+, 1, 1$/.test(size.trim()))
    .map(([written]) => `${written} should be @workgroup_size(x, 1, 1)`);

function withoutComments(text: string): string {
  return text.replace(/\/\/.*/g, "");
}

// ---- parsing ------------------------------------------------------------------------------------------------

function parse({ path, text }: SourceFile): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  node.forEachChild((child) => {
    visit(child, see);
  });
}
