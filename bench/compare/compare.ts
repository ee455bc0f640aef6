/** All contests of a comparison, from the smallest network to the largest, and what they come to. */

import type { Method } from "../harness/contest.ts";
import { requirements } from "../../src/index.ts";
import { hold, type ContestResult } from "./contest.ts";
import type { Contestant, NpmPeer } from "./engine.ts";
import { ratiosOf, type Measured, type Ratio, type Shape } from "./gates.ts";
import { jaxPeer, jaxProduct } from "./jax.ts";
import { ortPeers } from "./ort.ts";
import { ours, oursForward, oursPublished } from "./ours.ts";
import { versionOf } from "./peers.ts";
import { networkOf } from "./problem.ts";
import { published, PUBLISHED } from "./published.ts";
import { tensorFlowPeers, tensorFlowProduct } from "./tfjs.ts";
import { torchPeers, torchPublished, type Torch } from "./torch.ts";
import { recurrent, type Subject } from "./twin.ts";

export interface Comparison {
  readonly sizes: readonly number[];
  readonly peers: readonly NpmPeer[];
  readonly torch: Torch | null;
  readonly method: Method;
  readonly gpu: GPU;
  readonly software: boolean;
}

export interface Finished extends ContestResult, Shape {
  readonly ratios: readonly Ratio[];
  /** Whether a ratio missed its gate and everything was measured once more; what is here is the second time. */
  readonly repeated: boolean;
}

/** The batched network of goal G12. */
export const BATCHED = { size: 1024, batch: 64 } as const;

type Report = (line: string) => void;

/** Holds the contests, one after the other. */
export async function* compare(comparison: Comparison, report: Report): AsyncGenerator<Finished> {
  const broken = new Set<string>();
  for (const [k, { shape, begin }] of contestsOf(comparison).entries()) {
    report(titleOf(shape));
    const finished = await twiceIfMissed(shape, comparison.software, report, () => begin(broken, k === 0, report));
    for (const { engine, verdict } of finished.entries) if (verdict === "does not run") broken.add(engine);
    yield finished;
  }
}

/** "step, 1024 neurons, batch 64" */
export function titleOf({ measured, size, batch }: Shape): string {
  return `${measured}, ${size} neurons${batch > 1 ? `, batch ${batch}` : ""}`;
}

interface Planned {
  readonly shape: Shape;
  /** Holds it without the engines that are known not to run. */
  readonly begin: (broken: ReadonlySet<string>, countsCalls: boolean, report: Report) => Promise<ContestResult>;
}

function contestsOf({ sizes, peers, torch, method, gpu, software }: Comparison): Planned[] {
  const plan = <P>(shape: Shape, subject: Subject<P>, all: readonly Contestant<P>[]): Planned => ({
    shape,
    begin: (broken, countsCalls, report) => {
      const contestants = all.filter(({ name }) => !broken.has(name));
      return hold({ subject, contestants, method, countsCalls }, report);
    },
  });
  const planRecurrent = (measured: Measured, size: number, batch: number, all: readonly Contestant[]): Planned =>
    plan({ measured, size, synapses: size ** 2, batch }, recurrent(size, batch), all);
  const among = (family: NpmPeer, contestants: readonly Contestant[]): readonly Contestant[] =>
    peers.includes(family) ? contestants : [];
  const jax = versionOf("@jax-js/jax");
  const tensorFlow = versionOf("@tensorflow/tfjs-core");
  const steps = sizes.map((size) =>
    planRecurrent("step", size, 1, [
      ours(gpu),
      ...(software && takesManySteps(size) ? [ours(gpu, { fuseSteps: true })] : []),
      ...among("jax-js", [jaxPeer(jax)]),
      ...among("tfjs", tensorFlowPeers(tensorFlow)),
      ...among("ort", ortPeers(versionOf("onnxruntime-web"))),
      ...(torch === null ? [] : torchPeers(torch)),
    ]),
  );
  const { size, batch } = BATCHED;
  const products = [...among("jax-js", [jaxProduct(jax)]), ...among("tfjs", [tensorFlowProduct(tensorFlow)])];
  const batched = among("jax-js", [jaxPeer(jax)]);
  return [
    ...steps,
    ...(products.length === 0 ? [] : [planRecurrent("product", size, batch, [oursForward(gpu), ...products])]),
    ...(batched.length === 0 ? [] : [planRecurrent("batched step", size, batch, [ours(gpu), ...batched])]),
    plan(PUBLISHED.shape, published, [oursPublished(gpu), ...(torch === null ? [] : torchPublished(torch))]),
  ];
}

/** On a software adapter that is an option; elsewhere it is the default. */
function takesManySteps(size: number): boolean {
  return requirements(networkOf({ size }), { fuseSteps: true }).dispatchesPerStep === 1;
}

/** Once more if a gate is missed: the machine may have been busy. */
async function twiceIfMissed(
  shape: Shape,
  software: boolean,
  report: Report,
  begin: () => Promise<ContestResult>,
): Promise<Finished> {
  const once = async (repeated: boolean): Promise<Finished> => {
    const result = await begin();
    const rates = result.entries.map(({ engine, family, rates: found }) => ({
      engine,
      family,
      samples: found?.samples ?? null,
    }));
    return { ...result, ...shape, repeated, ratios: ratiosOf(rates, { ...shape, software }) };
  };
  const first = await once(false);
  if (first.ratios.every(({ holds }) => holds !== false)) return first;
  report("  a gate is missed; once more");
  return once(true);
}
