/** What this browser has measured of kernels: kept in its storage, or, where there is none, as long as the page is there. */

import type { Tuned } from "../index.ts";
import type { CreateLearner } from "../train/epochs.ts";
import { choiceOf, type KernelChoice, type KernelsRequest } from "../train/kernels.ts";

const PLACE = "vle-webgpu/tunings";

export interface KeptKernels {
  /** What a training is told. */
  readonly request: () => KernelsRequest;
  /** Keeps what was measured. */
  readonly keep: (tuned: Tuned) => void;
}

/** @param storage throws where a browser has none; a full one throws when it is written. */
export function createKeptKernels(choice: KernelChoice, storage: () => Storage): KeptKernels {
  const held = new Map<string, unknown>();
  const read = (): object => {
    try {
      const kept: unknown = JSON.parse(storage().getItem(PLACE) ?? "");
      return typeof kept === "object" && kept !== null ? kept : {};
    } catch {
      return {};
    }
  };
  if (choice === "anew") {
    try {
      storage().removeItem(PLACE);
    } catch {
      // Then nothing was kept.
    }
  }
  return {
    request: () => (choice === "default" ? null : { kept: { ...read(), ...Object.fromEntries(held) } }),
    keep(tuned) {
      if (tuned.isStored) return;
      held.set(tuned.key, choiceOf(tuned));
      try {
        storage().setItem(PLACE, JSON.stringify({ ...read(), ...Object.fromEntries(held) }));
      } catch {
        // It is measured again next time.
      }
    },
  };
}

/** One simulator is made after the other: two that measure at once would disturb each other. */
export function inTurn(create: CreateLearner): CreateLearner {
  let last: Promise<unknown> = Promise.resolve();
  return (network, options) => {
    const made = last.then(() => create(network, options));
    last = made.catch(() => undefined);
    return made;
  };
}
