/** THIRD_PARTY.md of the pack: what is in it that is not ours, under which licence, and where its text stands. */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseJson, root } from "../../scripts/modules.mjs";
import { licencesIn, peersFolder } from "./pack-peers.ts";

/** A licence text, to be copied into the pack. */
export interface LicenceText {
  readonly from: string;
  /** In the pack. */
  readonly to: string;
}

interface Package {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly homepage?: string;
  readonly repository?: string | { readonly url: string };
}

/** Places of Node's licence, seen from its program: of its archives, and of Debian. */
const NODE_LICENCES = ["../LICENSE", "../share/doc/node/LICENSE", "../share/doc/nodejs/LICENSE", "LICENSE"];
const NODE_SOURCE = "https://github.com/nodejs/node";
const APACHE = "licences/Apache-2.0.txt";

/** Packages of bench/compare that are packed, and those that stand in files of these. */
const PEERS = [
  "@jax-js/jax",
  "@tensorflow/tfjs-core",
  "@tensorflow/tfjs-backend-webgpu",
  "@tensorflow/tfjs-backend-cpu",
  "core-js",
  "long",
  "onnxruntime-common",
  "onnxruntime-web",
  "seedrandom",
] as const;

/** Who holds the rights of packages under the MIT licence that come without its text. */
const HOLDERS: Readonly<Record<string, string>> = {
  "onnxruntime-common": "Microsoft Corporation",
  "onnxruntime-web": "Microsoft Corporation",
  seedrandom: "David Bau",
};

export interface ThirdParty {
  /** Of THIRD_PARTY.md. */
  readonly text: string;
  readonly licences: readonly LicenceText[];
}

/** @param loader version of the Vulkan loader of this machine; null if none is packed. */
export function thirdParty(loader: string | null): ThirdParty {
  const licences: LicenceText[] = [{ from: join(root, "node_modules/typescript/LICENSE.txt"), to: APACHE }];
  const rows = [
    nodeRow(licences),
    packageRow(join(root, "node_modules/webgpu"), licences, "BSD-3-Clause (Dawn, Tint)"),
    ...(loader === null
      ? []
      : [["Vulkan loader", loader, "Apache-2.0", "https://github.com/KhronosGroup/Vulkan-Loader", APACHE]]),
    ...PEERS.map((name) => packageRow(join(peersFolder, "node_modules", name), licences)),
  ];
  const head = ["what", "version", "licence", "source", "text"];
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return { text: [introduction, lines.join("\n"), `${mit}\n`].join("\n\n"), licences };
}

const introduction = `# What is not ours

Under [LICENSE](LICENSE) is the code of vle-webgpu: src, scripts, shaders and bench, but for the folders node_modules. The
rest is unchanged, but for symbols for debuggers. Some packages stand in the files of others. What Node, Dawn and ONNX
Runtime are made of in turn is listed in their sources.`;

const mit = `## The MIT licence, of packages that come without its text

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,
ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

function nodeRow(licences: LicenceText[]): string[] {
  const from = NODE_LICENCES.map((place) => join(dirname(process.execPath), place)).find((path) => existsSync(path));
  const to = "licences/node.txt";
  if (from !== undefined) licences.push({ from, to });
  const text = from === undefined ? `${NODE_SOURCE}/blob/${process.version}/LICENSE` : to;
  return ["Node", process.version.slice(1), "MIT and those of its parts", NODE_SOURCE, text];
}

function packageRow(folder: string, licences: LicenceText[], licence?: string): string[] {
  const { name, version, license = "", homepage = "", repository = homepage } = readPackage(folder);
  const texts = licencesIn(folder).map((file) => {
    const to = `licences/${name.replaceAll("/", "-").replace("@", "")}${file.includes(".md") ? ".md" : ".txt"}`;
    licences.push({ from: join(folder, file), to });
    return to;
  });
  const source = (typeof repository === "string" ? repository : repository.url)
    .replace(/^git(\+https)?:/, "https:")
    .replace(/\.git$/, "");
  const holder = HOLDERS[name];
  const text = texts[0] ?? (holder === undefined ? APACHE : `copyright (c) ${holder}, below`);
  return [name, version, licence ?? license, source, text];
}

function readPackage(folder: string): Package {
  return parseJson(readFileSync(join(folder, "package.json"), "utf8")) as Package;
}
