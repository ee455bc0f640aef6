/** How malformed inputs are tried: each must be refused by its sentence, in time, and in the memory that the cap allows. */

import { Script, createContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { DataError, SpecError } from "../../src/errors.ts";

/** A malformed input, and the whole sentence that refuses it. */
export type Malformed<Input> = readonly [what: string, input: Input, said: string];

/** What readers are given as `maxBytes`. Sizes that lie are far above it. */
export const CAP = 2 ** 20;
/** What the inflater makes besides, whatever it inflates. */
const SLACK = 2 * 2 ** 20;
/** Of objects and texts, most of them dropped at once; what lies about its size would have more. */
const MOST_HEAP = 32 * 2 ** 20;
/** Milliseconds; each takes a few. Only what hangs takes longer. */
const PATIENCE = 5000;
const LEAST_CASES = 10;

/** FILE or FIELD, what was found, what was expected or the limit, and mostly the cure. */
const SENTENCE = /^[^\n]{1,80}? (is|are|has|have|leaves|does not|begins|holds)\b[^\n]+[.?]$/;

/** @param read must refuse each of the inputs, and allocate no more than `CAP` before. */
export function refuses<Input>(
  format: string,
  read: (input: Input) => unknown,
  cases: readonly Malformed<Input>[],
): void {
  describe(`refuses malformed ${format}:`, () => {
    it(`${LEAST_CASES} of them or more, each with another fault`, () => {
      expect(cases.length).toBeGreaterThanOrEqual(LEAST_CASES);
      expect(new Set(cases.map(([what]) => what)).size).toBe(cases.length);
    });

    it.each(cases)("%s", (_, input, said) => {
      const before = process.memoryUsage();
      const error = refusalOf(() => read(input));
      const after = process.memoryUsage();
      expect(error instanceof DataError || error instanceof SpecError, String(error)).toBe(true);
      expect((error as Error).message).toBe(said);
      expect(said).toMatch(SENTENCE);
      // A collection of garbage in between makes these smaller, never larger; what is made at once stays until the next.
      expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(CAP + SLACK);
      expect(after.heapUsed - before.heapUsed).toBeLessThan(MOST_HEAP);
    });
  });
}

const context = createContext({ run: undefined as unknown });
const call = new Script("run()");

/** What `run` throws. A loop without end is cut off, as no timer of a test does it. */
function refusalOf(run: () => unknown): unknown {
  Object.assign(context, { run });
  try {
    call.runInContext(context, { timeout: PATIENCE });
  } catch (error) {
    return error;
  }
  return new Error("Nothing was refused.");
}
