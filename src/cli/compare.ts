/** `npm run compare`: this engine beside others, on the same network and adapter. */

import { compare, type Finished } from "../../bench/compare/compare.ts";
import { dressAsBrowser } from "../../bench/compare/globals.ts";
import { ensurePeers } from "../../bench/compare/peers.ts";
import { BETA, ETA, networkOf, TAU_M, TAU_R } from "../../bench/compare/problem.ts";
import type { AdapterFacts } from "../device.ts";
import { createSimulator } from "../index.ts";
import { commitOf } from "./commit.ts";
import { absentLines, callLines, contestLines, ratioLines } from "./compare-lines.ts";
import { compareHelp, readCompareOptions, type CompareOptions } from "./compare-options.ts";
import { summaryOf, type ComparisonFacts } from "./compare-summary.ts";
import { adapterName } from "./format.ts";
import { nodeGpu } from "./node-gpu.ts";
import { shownPath, withUsage } from "./options.ts";
import { askPatiently } from "./patience.ts";
import { writeAtomically } from "./run-folder.ts";

const INTERRUPTED = 130;

/** @returns the exit code: 0 only if every peer runs, all that run agree and every ratio reaches its gate. */
export function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  return withUsage("compare", async () => {
    const options = await readCompareOptions(args);
    if (options !== null) return run(options, signal);
    console.log(compareHelp());
    return 0;
  });
}

async function run(options: CompareOptions, signal: AbortSignal): Promise<number> {
  const date = new Date().toISOString();
  ensurePeers();
  // Else a core asks whether work is done while a software adapter has need of it: every engine becomes slower.
  askPatiently();
  const gpu = await nodeGpu();
  dressAsBrowser(gpu);
  const adapter = await adapterOf(gpu);
  console.log(`\nAdapter: ${adapterName(adapter)}${adapter.software ? " (software: no benchmark of a GPU)" : ""}`);
  console.log(`Network: recurrent, tanh, tauM ${TAU_M} and tauR ${TAU_R} steps, beta ${BETA}, sgd with eta ${ETA}`);
  if (options.torch === null) {
    console.log("The authors' PyTorch code is skipped: it needs --torch-python and --torch-checkout.");
  }
  const { sizes, peers, torch, samples, sampleMilliseconds } = options;
  const method = { samples, sampleMilliseconds, signal };
  const request = { sizes, peers, torch, method, gpu, software: adapter.software };
  const finished: Finished[] = [];
  try {
    for await (const each of compare(request, progress)) {
      say(contestLines(each));
      say(callLines(each.entries));
      finished.push(each);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    return INTERRUPTED;
  }
  const facts = { date, commit: await commitOf(), adapter, method: { samples, sampleMilliseconds } };
  return finish(finished, facts, options);
}

/** The facts are those that a simulator tells. */
async function adapterOf(gpu: GPU): Promise<AdapterFacts> {
  const sim = await createSimulator(networkOf({ size: 1 }), { gpu });
  sim.destroy();
  return sim.adapter;
}

/** Results are for the standard output alone. */
function progress(line: string): void {
  console.error(line);
}

async function finish(
  finished: readonly Finished[],
  facts: ComparisonFacts,
  { json }: CompareOptions,
): Promise<number> {
  const ratios = finished.flatMap((each) => each.ratios);
  if (ratios.length > 0) say(ratioLines(ratios));
  if (json !== undefined) {
    await writeAtomically(json, `${JSON.stringify(summaryOf(finished, facts), null, 2)}\n`);
    console.log(`Results: ${shownPath(json)}`);
  }
  const missed = ratios.filter(({ holds }) => holds === false).length;
  const wrong = finished.flatMap(({ entries }) => entries).filter(({ verdict }) => verdict === "disagrees").length;
  const gates = ratios.filter(({ gate }) => gate !== null).length;
  console.log(
    `${gates - missed} of ${gates} gates hold; ${wrong === 0 ? "every engine that runs agrees" : `${wrong} results DISAGREE`}.`,
  );
  const absent = absentLines(finished);
  for (const line of absent) console.log(line);
  return missed === 0 && wrong === 0 && absent.length === 0 ? 0 : 1;
}

function say(lines: readonly string[]): void {
  if (lines.length > 0) console.log(["", ...lines].join("\n"));
}
