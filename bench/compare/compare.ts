/** All contests of a comparison, from the smallest network to the largest, and what they come to. */

import type { Method } from "../harness/contest.ts";
import { requirements } from "../../src/index.ts";
import { hold, type Contest, type ContestResult } from "./contest.ts";
import type { Contestant, NpmPeer } from "./engine.ts";
import { ratiosOf, type Measured, type Ratio } from "./gates.ts";
import { jaxPeer, jaxProduct } from "./jax.ts";
import { ortPeers } from "./ort.ts";
import { ours, oursForward } from "./ours.ts";
import { versionOf } from "./peers.ts";
import { networkOf } from "./problem.ts";
import { tensorFlowPeers, tensorFlowProduct } from "./tfjs.ts";
import { torchPeer, type Torch } from "./torch.ts";

export interface Comparison {
  readonly sizes: readonly number[];
  readonly peers: readonly NpmPeer[];
  readonly torch: Torch | null;
  readonly method: Method;
  readonly gpu: GPU;
  readonly software: boolean;
}

export interface Finished extends ContestResult {
  readonly measured: Measured;
  readonly size: number;
  readonly batch: number;
  readonly ratios: readonly Ratio[];
  /** Whether a ratio missed its gate and everything was measured once more; what is here is the second time. */
  readonly repeated: boolean;
}

/** The batched network of goal G12. */
export const BATCHED = { size: 1024, batch: 64 } as const;

/** Holds the contests, one after the other. */
export async function* compare(comparison: Comparison, report: (line: string) => void): AsyncGenerator<Finished> {
  const broken = new Set<string>();
  for (const [k, contest] of contestsOf(comparison).entries()) {
    const { measured, size, batch } = contest;
    report(`${measured}, ${size} neurons${batch > 1 ? `, batch ${batch}` : ""}`);
    const contestants = contest.contestants.filter(({ name }) => !broken.has(name));
    const finished = await holdTwice({ ...contest, contestants, countsCalls: k === 0 }, comparison, report);
    for (const { engine, verdict } of finished.entries) if (verdict === "does not run") broken.add(engine);
    yield finished;
  }
}

type Planned = Omit<Contest, "countsCalls"> & { readonly measured: Measured };

function contestsOf({ sizes, peers, torch, method, gpu, software }: Comparison): Planned[] {
  const among = (family: NpmPeer, contestants: readonly Contestant[]): readonly Contestant[] =>
    peers.includes(family) ? contestants : [];
  const jax = versionOf("@jax-js/jax");
  const tensorFlow = versionOf("@tensorflow/tfjs-core");
  const steps = sizes.map((size) => ({
    measured: "step" as const,
    size,
    batch: 1,
    method,
    contestants: [
      ours(gpu),
      ...(software && takesManySteps(size) ? [ours(gpu, { fuseSteps: true })] : []),
      ...among("jax-js", [jaxPeer(jax)]),
      ...among("tfjs", tensorFlowPeers(tensorFlow)),
      ...among("ort", ortPeers(versionOf("onnxruntime-web"))),
      ...(torch === null ? [] : [torchPeer(torch)]),
    ],
  }));
  const products = [...among("jax-js", [jaxProduct(jax)]), ...among("tfjs", [tensorFlowProduct(tensorFlow)])];
  const batched = among("jax-js", [jaxPeer(jax)]);
  return [
    ...steps,
    ...(products.length === 0
      ? []
      : [{ measured: "product" as const, ...BATCHED, method, contestants: [oursForward(gpu), ...products] }]),
    ...(batched.length === 0
      ? []
      : [{ measured: "batched step" as const, ...BATCHED, method, contestants: [ours(gpu), ...batched] }]),
  ];
}

/** On a software adapter that is an option; elsewhere it is the default. */
function takesManySteps(size: number): boolean {
  return requirements(networkOf({ size }), { fuseSteps: true }).dispatchesPerStep === 1;
}

/** Once more if a gate is missed: the machine may have been busy. */
async function holdTwice(
  contest: Contest & Planned,
  { software }: Comparison,
  report: (line: string) => void,
): Promise<Finished> {
  const once = async (repeated: boolean): Promise<Finished> => {
    const result = await hold(contest, report);
    const { measured, size, batch } = contest;
    const rates = result.entries.map(({ engine, family, rates: found }) => ({
      engine,
      family,
      samples: found?.samples ?? null,
    }));
    return { ...result, measured, size, batch, repeated, ratios: ratiosOf(rates, { measured, size, batch, software }) };
  };
  const first = await once(false);
  if (first.ratios.every(({ holds }) => holds !== false)) return first;
  report("  a gate is missed; once more");
  return once(true);
}
