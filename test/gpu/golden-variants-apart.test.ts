/** Golden recordings with both products and the update as kernels of their own, and with a whole network in a workgroup. */

import { describe, it } from "vitest";
import { tunings, type Tuning } from "../../src/layout.ts";
import { recordedRuns } from "../../src/train/verification.ts";
import { goldenRecordings, useReplays, type Expected, type Forced } from "./golden.ts";
import { loadRecording } from "./recordings.ts";
import { useLazyDevice } from "./shared-device.ts";

const replay = useReplays(useLazyDevice());

const apart = (change: Partial<Tuning>): Forced => ({
  fuseSteps: false,
  tuning: { ...tunings.gpu, onePassBatch: 0, ...change },
});

interface Form {
  readonly forced: Forced;
  readonly products: Expected;
  readonly update: Expected;
}

const wide = (wideLanes: number, wideOutputs: number): Form => ({
  forced: apart({ wideBatch: 1, wideLanes, wideOutputs }),
  products: { propagate_wide: { LANES: wideLanes, OUTPUTS: wideOutputs } },
  update: { learn_wide: {} },
});

const shared = (wideWidth: number, wideOutputs: number): Form => ({
  forced: apart({ wideBatch: 1, wideWidth, wideOutputs, sharers: 4 }),
  products: { propagate_subgroup: { SHARERS: 4, WIDTH: wideWidth, OUTPUTS: wideOutputs } },
  update: { learn_subgroup: { SHARERS: 4, WIDTH: wideWidth, OUTPUTS: wideOutputs } },
});

/** Of wide products those that `tune` tries. */
const forms: Readonly<Record<string, Form>> = {
  narrow: { forced: apart({ wideBatch: 65537 }), products: { propagate: {} }, update: { learn: {} } },
  "wide, 8 rows by 2 quads": wide(8, 2),
  "wide, 16 rows by 1 quad": wide(16, 1),
  "shared in a subgroup, 1 quad": shared(8, 1),
  "shared in a subgroup, 2 quads": shared(64, 2),
};

describe.each(goldenRecordings.map((golden, index) => ({ ...golden, index })))(
  "$name, $sizes in a batch of $batch",
  ({ name, index }) => {
    const recording = loadRecording(name);

    it.each(Object.entries(forms))("products and update apart, %s", async (_, { forced, products, update }) => {
      for (const run of recordedRuns) {
        // That of a window is summed up by a kernel of its own, and applied by another.
        const expected = { ...products, ...(run === "exact" ? { gradient: {} } : update) };
        await replay(run, recording, { forced, expected });
      }
    });

    // It is compiled for seconds, so each run has one of the widths, and the next recording has the other one there.
    const turns = recordedRuns.flatMap((run, turn) => {
      const networkWidth = (index + turn) % 2 === 0 ? 1 : 64;
      const inBuffers = { run, networkWidth, networkMemory: 0, kernel: "network" };
      // Windows of exact errors stay in their buffers.
      if (run === "exact") return [inBuffers];
      return [inBuffers, { ...inBuffers, networkMemory: 16384, kernel: "network_local" }];
    });
    it.each(turns)("$kernel of $networkWidth invocations, $run", async ({ run, kernel, ...given }) => {
      const forced = { fuseSteps: true, tuning: { ...tunings.gpu, ...given } };
      await replay(run, recording, { forced, expected: { [kernel]: { WIDTH: given.networkWidth, workgroups: [1] } } });
    });
  },
);
