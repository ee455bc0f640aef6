/**
 * Dawn in Node waits by asking for news in every turn of the event loop. That takes a core, of which a software adapter
 * has need: it compiles and computes there.
 */

/** A small dispatch is done within so many turns, each of some microseconds. */
const quickTurns = 100;

/** From now on whoever asks again and again by `setImmediate`, as Dawn does, is asked to wait a millisecond after a while. */
export function askPatiently(): void {
  const immediately = globalThis.setImmediate;
  let turns = 0;
  let isInTurn = false;
  const later = (callback: (...args: unknown[]) => void, ...args: unknown[]): unknown => {
    // What does not come out of a turn begins to wait.
    turns = isInTurn ? turns + 1 : 0;
    const turn = (): void => {
      isInTurn = true;
      try {
        callback(...args);
      } finally {
        isInTurn = false;
      }
    };
    return turns < quickTurns ? immediately(turn) : setTimeout(turn, 1);
  };
  Object.assign(globalThis, { setImmediate: later });
}
