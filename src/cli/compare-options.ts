import { execFile } from "node:child_process";
import { access, constants, stat } from "node:fs/promises";
import { promisify } from "node:util";
import { NPM_PEERS, type NpmPeer } from "../../bench/compare/engine.ts";
import type { Torch } from "../../bench/compare/torch.ts";
import { pathOf, readChoice, readFlags, readWholeNumber, requireFile, UsageError } from "./options.ts";

export interface CompareOptions {
  /** Neurons of the networks, ascending. */
  readonly sizes: readonly number[];
  readonly peers: readonly NpmPeer[];
  readonly torch: Torch | null;
  readonly samples: number;
  /** Of a sample, at least. */
  readonly sampleMilliseconds: number;
  readonly json: string | undefined;
}

const DEFAULT_SIZES = [32, 64, 256, 1024, 2048];
const QUICK_SIZES = [64, 256, 1024];
const MOST_NEURONS = 16_384;

/**
 * Reads the flags of `npm run compare`, and sees to it that what they name is there or can be written.
 *
 * @returns null if the user asks for help.
 * @throws UsageError
 */
export async function readCompareOptions(args: readonly string[]): Promise<CompareOptions | null> {
  const { values, switches, positionals, wantsHelp } = readFlags(
    args,
    ["json", "sizes", "only", "torch-python", "torch-checkout"],
    ["quick"],
  );
  if (wantsHelp) return null;
  const isQuick = switches.has("quick");
  const [stray] = positionals;
  if (stray !== undefined) throw new UsageError(`"${stray}" is not a flag; npm run compare takes flags only.`);
  const json = values["json"] === undefined ? undefined : pathOf(values["json"]);
  if (json !== undefined) await requireFile("--json", json);
  return {
    sizes: values["sizes"] === undefined ? (isQuick ? QUICK_SIZES : DEFAULT_SIZES) : readSizes(values["sizes"]),
    peers: readPeers(values["only"]),
    torch: await readTorch(values["torch-python"], values["torch-checkout"]),
    ...(isQuick ? { samples: 5, sampleMilliseconds: 100 } : { samples: 7, sampleMilliseconds: 200 }),
    json,
  };
}

function readSizes(list: string): number[] {
  const sizes = list.split(",").map((size) => readWholeNumber("--sizes", size.trim(), 1) ?? NaN);
  const large = sizes.find((size) => size > MOST_NEURONS);
  if (large !== undefined) throw new UsageError(`--sizes has ${large}; it can be up to ${MOST_NEURONS} neurons.`);
  return [...new Set(sizes)].sort((a, b) => a - b);
}

function readPeers(list: string | undefined): readonly NpmPeer[] {
  if (list === undefined) return NPM_PEERS;
  const named = list.split(",").map((peer) => readChoice("--only", peer.trim(), NPM_PEERS));
  return NPM_PEERS.filter((peer) => named.includes(peer));
}

/** @throws UsageError if one is named without the other, or what is named is not there. */
async function readTorch(python: string | undefined, checkout: string | undefined): Promise<Torch | null> {
  if (python === undefined && checkout === undefined) return null;
  if (python === undefined || checkout === undefined) {
    throw new UsageError(
      "--torch-python and --torch-checkout go together: a Python with PyTorch, and the code for it.",
    );
  }
  const torch = { python: pathOf(python), checkout: pathOf(checkout) };
  await access(torch.python, constants.X_OK).catch(() => {
    throw new UsageError(`--torch-python is ${torch.python}, which cannot be run; name a Python that has PyTorch.`);
  });
  const found = await stat(torch.checkout).catch(() => null);
  if (found?.isDirectory() !== true) {
    throw new UsageError(
      `--torch-checkout is ${torch.checkout}, which is no folder; name a checkout of the authors' code.`,
    );
  }
  return { ...torch, version: await versionOfTorch(torch.python) };
}

/** "1.13.0" */
async function versionOfTorch(python: string): Promise<string> {
  const ask = promisify(execFile)(python, ["-c", "import torch; print(torch.__version__)"]);
  const { stdout } = await ask.catch((error: unknown) => {
    const said = (error as { readonly stderr?: string }).stderr?.trim().split("\n").at(-1) ?? String(error);
    throw new UsageError(`--torch-python is ${python}, which has no PyTorch: ${said}`);
  });
  return stdout.trim();
}

export function compareHelp(): string {
  return `npm run compare -- [flags]

Runs other engines beside this one: the same recurrent network with the same weights, learning in every step, on the same
adapter, with samples in turns; at last the network published for MNIST-1D. An engine counts once its rates and weights
agree with those of the f64 reference. The first run installs the engines into bench/compare. The exit code is 0 only if
all run and agree and every ratio reaches its gate.

  --quick                fewer sizes (${QUICK_SIZES.join(", ")}), 5 samples of 100 ms instead of 7 of 200 ms
  --sizes N,N,...        neurons; default ${DEFAULT_SIZES.join(",")}
  --only PEER,...        of ${NPM_PEERS.join(", ")}; default all
  --torch-python PATH    a Python that has PyTorch, to compare the authors' code, too
  --torch-checkout PATH  a checkout of their code; nothing of it is copied
  --json FILE            writes the results there
  --help                 this text`;
}
