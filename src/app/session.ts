/** A training of the page: it can be paused and stopped, and it goes on in a hidden tab. */

export interface Session<T> {
  /** Fulfilled with the outcome, or with null if the session was stopped. Rejects with what training throws. */
  readonly outcome: Promise<T | null>;
  /** Takes effect after the block of steps that is being computed. */
  pause(): void;
  resume(): void;
  /** Ends it, paused or not, and frees the GPU. */
  stop(): void;
}

/** What a training is given so that it can be paused and stopped: it awaits its reports. */
export interface SessionPlace<E> {
  readonly signal: AbortSignal;
  readonly report: (event: E) => Promise<void>;
}

/** Milliseconds of GPU work that one submit aims at: less than a frame of the page. */
export const CHUNK_MILLISECONDS = 12;

export function startSession<E, T>(
  begin: (place: SessionPlace<E>) => Promise<T>,
  onEvent: (event: E) => void,
): Session<T> {
  const stopping = new AbortController();
  let open = (): void => undefined;
  let gate: Promise<void> | null = null;
  const resume = (): void => {
    gate = null;
    open();
  };
  const training = begin({
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
