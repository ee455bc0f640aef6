/** A training run of the page: it can be paused and stopped, and it goes on in a hidden tab. */

import { createSimulator } from "../index.ts";
import type { Digits } from "../tasks/digits.ts";
import { train, type TrainEvent, type TrainRequest } from "../train/job.ts";
import type { Outcome } from "../train/train.ts";
import { watched, type Watcher } from "./glimpse.ts";

export interface Session {
  /** Fulfilled with the outcome, or with null if the session was stopped. Rejects with what training throws. */
  readonly outcome: Promise<Outcome | null>;
  /** Takes effect after the block of steps that is being computed. */
  pause(): void;
  resume(): void;
  /** Ends it, paused or not, and frees the GPU. */
  stop(): void;
}

export interface SessionOptions {
  readonly request: TrainRequest;
  readonly digits: Digits;
  readonly onEvent: (event: TrainEvent) => void;
  readonly onRun: Watcher;
}

/** Milliseconds of GPU work that one submit aims at: less than a frame of the page. */
const CHUNK_MILLISECONDS = 12;

export function startSession({ request, digits, onEvent, onRun }: SessionOptions): Session {
  const stopping = new AbortController();
  let open = (): void => undefined;
  let gate: Promise<void> | null = null;
  const resume = (): void => {
    gate = null;
    open();
  };
  const training = train(request, {
    digits,
    createSimulator: watched(createSimulator, onRun),
    chunkMilliseconds: CHUNK_MILLISECONDS,
    signal: stopping.signal,
    report: async (event) => {
      if (!stopping.signal.aborted) onEvent(event);
      await gate;
    },
  });
  return {
    outcome: training.catch((error: unknown) => {
      if (stopping.signal.aborted) return null;
      throw error;
    }),
    pause() {
      gate ??= new Promise((resolve) => {
        open = resolve;
      });
    },
    resume,
    stop() {
      stopping.abort(new Error("The session was stopped"));
      resume();
    },
  };
}
