import { join } from "node:path";
import { root } from "../../scripts/modules.mjs";
import { readCompareOptions } from "./compare-options.ts";
import { pathOf, readChoice, readFlags, requireFile, UsageError, type Flags } from "./options.ts";

/** What the pack runs, in this order. */
export const PACK_PARTS = ["bench", "compare", "verify"] as const;
export type PackPart = (typeof PACK_PARTS)[number];

export interface PackOptions {
  readonly parts: readonly PackPart[];
  readonly quick: boolean;
  /** Where the results go. */
  readonly json: string;
  /** Flags of compare for the authors' code. */
  readonly torch: readonly string[];
}

const TORCH_FLAGS = ["torch-python", "torch-checkout"] as const;

/**
 * Reads the flags of the pack's run.sh, and sees to it that what they name is there or can be written.
 *
 * @returns null if the user asks for help.
 * @throws UsageError
 */
export async function readPackOptions(args: readonly string[]): Promise<PackOptions | null> {
  const { values, switches, positionals, wantsHelp } = readFlags(args, ["json", "only", ...TORCH_FLAGS], ["quick"]);
  if (wantsHelp) return null;
  const [stray] = positionals;
  if (stray !== undefined) throw new UsageError(`"${stray}" is not a flag; run.sh takes flags only.`);
  const parts = readParts(values["only"]);
  const torch = await readTorch(values, parts);
  const json = values["json"] === undefined ? join(root, "runs", "results.json") : pathOf(values["json"]);
  await requireFile("--json", json);
  return { parts, quick: switches.has("quick"), json, torch };
}

function readParts(list: string | undefined): readonly PackPart[] {
  if (list === undefined) return PACK_PARTS;
  const named = list.split(",").map((part) => readChoice("--only", part.trim(), PACK_PARTS));
  return PACK_PARTS.filter((part) => named.includes(part));
}

/** What is wrong with them is said before anything runs, in the words of compare. */
async function readTorch(values: Flags["values"], parts: readonly PackPart[]): Promise<readonly string[]> {
  const torch = TORCH_FLAGS.flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [`--${name}`, pathOf(value)];
  });
  if (torch.length === 0) return torch;
  if (!parts.includes("compare")) {
    throw new UsageError(`${torch[0] ?? ""} is for compare, which --only leaves out.`);
  }
  await readCompareOptions(torch);
  return torch;
}

/**
 * What the command of a part is called with.
 *
 * @param files where it writes its results, and what verify replays.
 */
export function argumentsOf(
  part: PackPart,
  { quick, torch }: Pick<PackOptions, "quick" | "torch">,
  { json, recordings }: { readonly json: string; readonly recordings: readonly string[] },
): readonly string[] {
  const short = quick ? ["--quick"] : [];
  switch (part) {
    case "bench":
      // There is no browser to fall back to.
      return [...short, "--host", "node", "--json", json];
    case "compare":
      return [...short, ...torch, "--json", json];
    case "verify":
      return ["--host", "node", ...recordings.slice(0, quick ? 1 : undefined)];
  }
}

export function packHelp(): string {
  return `./run.sh [flags]

Measures vle-webgpu on this machine: its speed beside what the device can do (bench), beside other engines on the same
network (compare), and its numbers beside recordings of the published code (verify). The exit code is 0 only if all hold.

  --json FILE            one file with all results, adapter and host; default runs/results.json in this folder
  --quick                fewer and shorter samples, smaller networks, one recording
  --only PART,...        of ${PACK_PARTS.join(", ")}; default all
  --torch-python PATH    a Python that has PyTorch, to compare the authors' code, too
  --torch-checkout PATH  a checkout of their code
  --help                 this text

The environment chooses the Vulkan driver: VK_ICD_FILENAMES=/path/to/icd.json ./run.sh`;
}
