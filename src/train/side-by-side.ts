/** Trains an experiment with several rules at once: the same data in the same order, from the same first weights. */

import { VleError } from "../errors.ts";
import type { Experiment } from "../tasks/experiments.ts";
import { RULES, type Rule } from "../tasks/presets.ts";
import { trainEpochs, type EpochEvent, type EpochWorkplace } from "./epochs.ts";
import type { SeedResult } from "./training-state.ts";

export interface SideBySideEvent {
  readonly rule: Rule;
  readonly event: EpochEvent | { readonly kind: "result"; readonly result: SeedResult };
}

export interface SideBySidePlace extends Omit<EpochWorkplace, "report" | "checkpoint" | "checkpointSeconds"> {
  /** Awaited, as that of one training. */
  readonly report: (event: SideBySideEvent) => Promise<void>;
}

/**
 * A rule that diverges is told and ends alone; whatever else goes wrong ends all. The last event of the others is the result of
 * each seed.
 * @throws what `trainEpochs` throws, besides that.
 */
export async function trainSideBySide(
  experiment: Experiment,
  rules: readonly Rule[],
  { report, signal, ...place }: SideBySidePlace,
): Promise<void> {
  const stopping = new AbortController();
  const stop = (reason: unknown): void => {
    stopping.abort(reason);
  };
  signal?.throwIfAborted();
  const forward = (): void => {
    stop(signal?.reason);
  };
  signal?.addEventListener("abort", forward, { once: true });
  const trainings = rules.map(async (rule) => {
    try {
      const { results } = await trainEpochs(
        { ...experiment, rule },
        { ...place, signal: stopping.signal, report: (event) => report({ rule, event }) },
      );
      for (const result of results) await report({ rule, event: { kind: "result", result } });
    } catch (error) {
      if (error instanceof VleError && error.code === "DIVERGED") return;
      stop(error);
      throw error;
    }
  });
  // All have let go of their simulators before it ends.
  await Promise.allSettled(trainings);
  signal?.removeEventListener("abort", forward);
  await Promise.all(trainings);
}

/** The experiment's own rule, and those that it is set against. */
export function rulesBeside({ rule }: Experiment): readonly Rule[] {
  return RULES.filter((each) => each === rule || ["local", "instantaneous", "read-out only"].includes(each));
}
