/** Which files of the peers of compare a pack needs: those that Node loads, with their licences. */

import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { parseJson, root } from "../../scripts/modules.mjs";

export const peersFolder = join(root, "bench/compare");

/** Parts of the pack, each with packages that are loaded as CommonJS: their files are those that Node names. */
const traced: Readonly<Record<string, readonly string[]>> = {
  "TensorFlow.js": ["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-webgpu"],
  "core-js": ["core-js/actual/iterator/index.js"],
};

/** Parts with a package of ES modules, and which of its files are needed. */
const listed: Readonly<Record<string, readonly [name: string, files: RegExp]>> = {
  "jax-js": ["@jax-js/jax", /^dist\/.*\.js$/],
  "ONNX Runtime": [
    "onnxruntime-web",
    /^dist\/ort(\.webgpu\.bundle\.min\.mjs|-wasm-simd-threaded\.asyncify\.(mjs|wasm))$/,
  ],
};

/** Paths beneath bench/compare, by part. */
export async function peerFiles(): Promise<Readonly<Record<string, readonly string[]>>> {
  const found: Record<string, string[]> = {};
  for (const [part, [name, files]] of Object.entries(listed)) {
    const folder = `node_modules/${name}`;
    const all = readdirSync(join(peersFolder, folder), { recursive: true, encoding: "utf8" });
    found[part] = withPackages(all.filter((path) => files.test(path)).map((path) => `${folder}/${path}`));
  }
  for (const [part, specifiers] of Object.entries(traced)) found[part] = withPackages(await loadedBy(specifiers));
  return found;
}

/** Files that Node loads for packages, asked in a process of its own: they change the global scope. */
async function loadedBy(specifiers: readonly string[]): Promise<string[]> {
  const script = `for (const name of ${JSON.stringify(specifiers)}) require(name);
    process.stdout.write(JSON.stringify(Object.keys(require.cache)), () => process.exit(0));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["-e", script], { cwd: peersFolder });
  return (parseJson(stdout) as string[]).map((path) => relative(peersFolder, path));
}

/** With the description and licence of each package that a file is of. */
function withPackages(files: readonly string[]): string[] {
  const folders = new Set(files.map((path) => /^node_modules\/(@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? ""));
  const texts = [...folders].flatMap((folder) =>
    ["package.json", ...licencesIn(join(peersFolder, folder))].map((name) => `${folder}/${name}`),
  );
  return [...new Set([...texts, ...files])].sort();
}

/** Names of files in the folder of a package that say under which licence it is. */
export function licencesIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => /^(licen[cs]e|notice|copying)/i.test(name));
}
