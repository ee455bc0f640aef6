import { isMeant, namesOf, type BenchRequest } from "../../bench/harness/run.ts";
import { suggestion } from "../spec/read.ts";
import { HOST_KINDS, type HostKind } from "./host.ts";
import { pathOf, readChoice, readFlags, requireFile, UsageError } from "./options.ts";

/** Where a result goes: a file, or "-", the standard output. */
export const STANDARD_OUTPUT = "-";

export interface BenchOptions {
  readonly request: BenchRequest;
  /** Undefined: Node, and Chrome where Node has no WebGPU. */
  readonly host: HostKind | undefined;
  readonly json: string | undefined;
  readonly csv: string | undefined;
}

/**
 * Reads the flags of `npm run bench`, and sees to it that the files that they name can be written.
 *
 * @returns null if the user asks for help.
 * @throws UsageError
 */
export async function readBenchOptions(args: readonly string[]): Promise<BenchOptions | null> {
  const { values, switches, positionals, wantsHelp } = readFlags(args, ["json", "csv", "host", "only"], ["quick"]);
  if (wantsHelp) return null;
  const [stray] = positionals;
  if (stray !== undefined) throw new UsageError(`"${stray}" is not a flag; npm run bench takes flags only.`);
  const quick = switches.has("quick");
  const [json, csv] = [await readFile("--json", values["json"]), await readFile("--csv", values["csv"])];
  if (json === STANDARD_OUTPUT && csv === STANDARD_OUTPUT) {
    throw new UsageError("--json and --csv are both -; only one of them can go to the standard output.");
  }
  return {
    request: { quick, only: readOnly(values["only"], quick) },
    host: readChoice("--host", values["host"], HOST_KINDS),
    json,
    csv,
  };
}

async function readFile(flag: string, given: string | undefined): Promise<string | undefined> {
  if (given === undefined || given === STANDARD_OUTPUT) return given;
  const path = pathOf(given);
  await requireFile(flag, path);
  return path;
}

function readOnly(only: string | undefined, quick: boolean): string | null {
  if (only === undefined) return null;
  const names = namesOf(quick);
  if (names.some((name) => isMeant(name, only))) return only;
  if (quick && namesOf(false).some((name) => isMeant(name, only))) {
    throw new UsageError(`--only is "${only}", which is not measured with --quick; leave --quick out.`);
  }
  const hint = suggestion(only, names) || ` There are ${names.join(", ")}.`;
  throw new UsageError(`--only is "${only}", which is in the name of no case.${hint}`);
}

export function benchHelp(): string {
  return `npm run bench -- [flags]

Measures steps per second of networks from 32 to 16,384 neurons, beside what the device can do at best: bandwidth over the
same memory, arithmetic, dispatches, submits. Every case is compared with the f64 reference before its timings count.
The exit code is 0 unless numbers are wrong; a gate that is missed is only told.

  --quick       shorter samples, and no networks above 4,096 neurons
  --only NAME   only cases with NAME in their name, such as "recurrent 1024" or "batch 64"
  --json FILE   writes everything there; -: to the standard output, with nothing else on it
  --csv FILE    writes a line for each case there; - likewise
  --host HOST   ${HOST_KINDS.join(" or ")}; default node, and chrome where Node has no WebGPU
  --help        this text

In Node the environment chooses the Vulkan driver: VK_ICD_FILENAMES=/path/to/icd.json npm run bench`;
}
