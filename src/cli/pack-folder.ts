/** The folder of a pack. It is laid out like a clone, so that the commands find in it what they find there. */

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { build } from "vite";
import { root } from "../../scripts/modules.mjs";
import type { PackFile } from "./pack-archive.ts";
import { thirdParty } from "./pack-licences.ts";
import { peerFiles } from "./pack-peers.ts";
import type { PackFacts } from "./pack-results.ts";

export const FOLDER = "vle-webgpu-bench";

/** Something to copy: a file of this machine and its place in the pack. */
export interface Copy extends PackFile {
  readonly from: string;
}

export type Plan = Readonly<Record<string, readonly Copy[]>>;

/** What is copied, by part, but for the peers of compare. Our own code is not in it: it is built. */
export function ownFiles(loader: string | null): Plan {
  const recordings = "test/fixtures/golden";
  return {
    Node: [{ from: process.execPath, path: "runtime/node", executable: true }],
    Dawn: ["index.js", "package.json", "LICENSE.md", "dist/linux-x64/dawn.node"].map((name) =>
      ours(`node_modules/webgpu/${name}`),
    ),
    ...(loader === null ? {} : { "Vulkan loader": [{ from: loader, path: "loader/libvulkan.so.1" }] }),
    recordings: readdirSync(join(root, recordings)).map((name) => ({
      from: join(root, recordings, name),
      path: `recordings/${name}`,
    })),
    texts: [
      { from: join(root, "bench/pack/run.sh"), path: "run.sh", executable: true },
      { from: join(root, "bench/pack/README.md"), path: "README.md" },
      ours("LICENSE"),
      // What its scripts and those of compare read as they stand.
      ...["package.json", "torch_driver.py"].map((name) => ours(`bench/compare/${name}`)),
      ...["compute-once.mjs", "modules.mjs"].map((name) => ours(`scripts/${name}`)),
    ],
  };
}

async function peersOf(): Promise<Plan> {
  const parts = Object.entries(await peerFiles());
  return Object.fromEntries(parts.map(([part, paths]) => [part, paths.map((path) => ours(`bench/compare/${path}`))]));
}

/** A file that is in the pack where it is in a clone. */
function ours(path: string): Copy {
  return { from: join(root, path), path };
}

/** The Vulkan loader of this machine: servers with a driver may lack it. */
function findLoader(): string | null {
  const places = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"].map((folder) =>
    join(folder, "libvulkan.so.1"),
  );
  const found = places.find((path) => existsSync(path));
  return found === undefined ? null : realpathSync(found);
}

/** A library is named after its version. */
function versionOf(loader: string | null): string | null {
  return loader === null ? null : (/\.so\.([\d.]+)$/.exec(loader)?.[1] ?? "");
}

/**
 * Makes the folder `parent`/FOLDER, which must not be there.
 *
 * @returns the files of each part.
 */
export async function makeFolder(
  parent: string,
  facts: PackFacts,
): Promise<Readonly<Record<string, readonly PackFile[]>>> {
  const folder = join(parent, FOLDER);
  const loader = findLoader();
  const { text, licences } = thirdParty(versionOf(loader));
  const plan: Plan = {
    ...ownFiles(loader),
    ...(await peersOf()),
    licences: licences.map(({ from, to }) => ({ from, path: to })),
  };
  const copies = Object.values(plan).flat();
  for (const { from, path } of copies) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await cp(from, join(folder, path), { dereference: true });
  }
  stripSymbols(join(folder, "runtime/node"));
  const code = await buildCode(folder, new Set(copies.map(({ path }) => path)));
  const notes = await writeNotes(folder, facts, text);
  return { ...plan, "our code": [...code, ...notes] };
}

/** A tenth of Node is for debuggers. Where there is no `strip` it stays. */
function stripSymbols(path: string): void {
  spawnSync("strip", [path], { stdio: "ignore" });
}

/** Each module becomes a file in the same place, so paths that modules make from their own are right. */
async function buildCode(folder: string, others: ReadonlySet<string>): Promise<PackFile[]> {
  const noBrowser = join(root, "bench/pack/no-browser.ts");
  await build({
    root,
    configFile: false,
    logLevel: "warn",
    resolve: { alias: [{ find: /^(vite|puppeteer)$/, replacement: noBrowser }] },
    ssr: { noExternal: true },
    build: {
      ssr: true,
      outDir: folder,
      emptyOutDir: false,
      copyPublicDir: false,
      target: "es2022",
      minify: false,
      rolldownOptions: {
        input: ["pack-run", "pack-command"].map((name) => join(root, `src/cli/${name}.ts`)),
        external: ["webgpu", /^node:/],
        output: { format: "es", preserveModules: true, preserveModulesRoot: root, entryFileNames: "[name].js" },
      },
    },
  });
  return filesUnder(folder)
    .filter((path) => !others.has(path))
    .map((path) => ({ path }));
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
}

async function writeNotes(folder: string, facts: PackFacts, licences: string): Promise<PackFile[]> {
  const description = { name: FOLDER, version: facts.version, private: true, type: "module" };
  const texts = {
    "package.json": `${JSON.stringify(description, null, 2)}\n`,
    "pack.json": `${JSON.stringify(facts, null, 2)}\n`,
    "THIRD_PARTY.md": licences,
  };
  for (const [path, text] of Object.entries(texts)) await writeFile(join(folder, path), text);
  return Object.keys(texts).map((path) => ({ path }));
}

/** The version of the package `webgpu` that is packed. */
export async function versionOfDawn(): Promise<string> {
  const text = await readFile(join(root, "node_modules/webgpu/package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
