/**
 * Golden recordings with one pass over the weights in each of its forms, in one buffer and in two, and with updates that wait.
 * Products apart and whole networks in a workgroup are in golden-variants-apart.test.ts.
 */

import { beforeAll, describe, expect, it } from "vitest";
import { tunings, type Tuning } from "../../src/layout.ts";
import { layered } from "../../src/spec.ts";
import type { Recording } from "../../src/tasks/recording.ts";
import { goldenRecordings, useReplays, windowOf, type Expected, type Forced } from "./golden.ts";
import { loadRecording, recordReference } from "./recordings.ts";
import { createRowByRow } from "./row-by-row.ts";
import { useLazyDevice } from "./shared-device.ts";

const replay = useReplays(useLazyDevice());

const onePass = { onePassBatch: 16 };
const apart = (change: Partial<Tuning> = {}): Forced => ({
  fuseSteps: false,
  tuning: { ...tunings.cpu, ...onePass, ...change },
});
const behindBarrier = (change: Partial<Tuning> = {}): Forced => ({
  fuseSteps: false,
  tuning: { ...tunings.gpu, ...onePass, ...change },
});

const online = ["frozen", "online-sgd", "online-adam"] as const;

// ---- in a batch ---------------------------------------------------------------------------------------------

interface Form {
  readonly forced: Forced;
  readonly SHARED: 0 | 1;
  readonly QUADS: number;
  /** Invocations where the widest W has one quad of columns, and where it has two. */
  readonly widths: readonly [number, number];
  /** Whether there is a tile for each quad of columns, and not one for each W. */
  readonly isNarrow?: boolean;
}

const formOf = (SHARED: 0 | 1, change: Partial<Tuning>, QUADS: number, widths: Form["widths"]): Form => ({
  forced: SHARED === 1 ? behindBarrier(change) : apart(change),
  SHARED,
  QUADS,
  widths,
});
const narrow = (form: Form): Form => ({ ...form, isNarrow: true });

/**
 * No layer has more rows than the least that a tile has, so `tileRows` cuts nothing here; below it does. Updates that are to
 * wait for 16 steps do not: only those of a batch of 1 can, and no recording of the public implementation is one.
 */
const forms: Readonly<Record<string, Form>> = {
  "currents apart": formOf(0, { deferredSteps: 16 }, 1, [1, 2]),
  "currents apart, 2 quads": formOf(0, { batchColumnQuads: 2 }, 2, [1, 1]),
  "currents apart, columns by turns": formOf(0, { tileWidth: 1, tileSets: 2 }, 1, [1, 1]),
  "currents apart, narrow tiles": narrow(formOf(0, { tileWidth: 1, tileSets: 1 }, 1, [1, 1])),
  "behind a barrier": formOf(1, { deferredSteps: 16 }, 1, [1, 2]),
  "behind a barrier, 2 quads": formOf(1, { batchColumnQuads: 2 }, 2, [1, 1]),
  "behind a barrier, columns by turns": formOf(1, { tileWidth: 1, tileSets: 2 }, 1, [1, 1]),
  "behind a barrier, narrow tiles": narrow(formOf(1, { tileWidth: 1, tileSets: 1 }, 1, [1, 1])),
};

function shapeOf({ SHARED, QUADS, widths, isNarrow = false }: Form, quads: readonly number[]) {
  const tiles = isNarrow ? quads.reduce((sum, each) => sum + each, 0) : quads.length;
  return { SHARED, QUADS, WIDTH: widths[Math.max(...quads) - 1] ?? NaN, DEFERRED: 0, workgroups: [tiles] };
}

/** A network in one workgroup is compiled for seconds, so each recording has it in one form. */
const networkWidths = [1, 8, 4, 1];

describe.each(
  goldenRecordings.map((golden, index) => ({
    ...golden,
    networkWidth: networkWidths[index] ?? NaN,
    isLocal: index % 2 === 1,
  })),
)("$name, $sizes in a batch of $batch", ({ name, batch, quads, networkWidth, isLocal }) => {
  const recording = loadRecording(name);

  // A window goes back through all steps, which one pass cannot; golden-variants-apart.test.ts replays it.
  const expectNoOnePass = (forced: Forced): void => {
    const { plan, kernels } = windowOf(recording, forced);
    expect(kernels).toContain("propagate");
    expect([...kernels].filter((kernel) => kernel.startsWith("synapses"))).toEqual([]);
    // Its gradient is in one buffer, whatever its size.
    expect(plan.buffers.map((buffer) => buffer.name)).not.toContain("parameters.1");
  };

  it.each(Object.entries(forms))("one pass, %s", async (_, form) => {
    const expected: Expected = { synapses_batch: { ...shapeOf(form, quads), LANES: batch } };
    for (const run of online) await replay(run, recording, { forced: form.forced, expected });
    expectNoOnePass(form.forced);
  });

  // No W is longer than what places are multiples of, so none is cut; the last ones have a buffer of their own.
  it("one pass over two shards", async () => {
    const forced = { ...behindBarrier(), bindingBytes: quads.length === 2 ? 1792 : 2560 };
    // The first has tiles for biases whose weights stand in the other.
    const expected: Expected = { synapses_batch: { LANES: batch, workgroups: [quads.length - 1, quads.length] } };
    for (const run of online) {
      const [plan] = await replay(run, recording, { forced, expected });
      expect(plan?.buffers.map((buffer) => buffer.name)).toContain("parameters.1");
    }
    expectNoOnePass(forced);
  });

  // The mean over rows of what Adam does is not what it does with the mean, so that run has no rows.
  it.each([
    ["currents apart, 4 quads", formOf(0, { columnQuads: 4 }, 4, [1, 1])],
    ["behind a barrier, 1 quad", formOf(1, { columnQuads: 1 }, 1, [1, 2])],
  ])("one pass row by row, %s", async (_, form) => {
    const expected: Expected = { synapses: shapeOf(form, quads) };
    for (const run of ["frozen", "online-sgd"] as const) {
      await replay(run, recording, { forced: form.forced, expected, create: createRowByRow });
    }
  });

  it("one pass row by row, in one workgroup", async () => {
    const tuning = { ...tunings.cpu, networkWidth, networkMemory: isLocal ? 16384 : 0 };
    const forced = { fuseSteps: true, tuning };
    const kernel = isLocal ? "network_local" : "network";
    const expected: Expected = { [kernel]: { IS_ONE_PASS: 1, WIDTH: networkWidth, workgroups: [1] } };
    for (const run of ["frozen", "online-sgd"] as const) {
      await replay(run, recording, { forced, expected, create: createRowByRow });
    }
  });
});

// ---- in a batch of 1 ----------------------------------------------------------------------------------------

const lone = layered({
  dt: 0.2,
  input: 65,
  hidden: [{ size: 70, tauM: [0.8, 1.6, 2.4], tauR: [0.4, 0.8, 2.4], activation: "tanh", gamma: 0.3 }],
  output: { size: 3, tauM: 1, tauR: 0.5, activation: "sigmoid", gamma: 0.3 },
  cost: { kind: "squared-error", beta: 0.7 },
});

/** One W has 18 by 17 quads and one 1 by 18; a device that one workgroup keeps busy has tiles of up to 9 quads of rows. */
const tall = { workgroups: 1 };
const loneForms: Readonly<Record<string, readonly [Forced, Expected["synapses"]]>> = {
  "currents apart": [apart(tall), { SHARED: 0, QUADS: 1, WIDTH: 8, ROWS: 36, workgroups: [2 + 1] }],
  "currents apart, 4 quads": [
    apart({ ...tall, columnQuads: 4 }),
    { SHARED: 0, QUADS: 4, WIDTH: 5, ROWS: 36, workgroups: [2 + 1] },
  ],
  "currents apart, 16 rows a tile": [
    apart({ ...tall, tileRows: 4 }),
    { SHARED: 0, QUADS: 1, WIDTH: 8, ROWS: 16, workgroups: [5 + 1] },
  ],
  "behind a barrier": [behindBarrier(), { SHARED: 1, QUADS: 1, WIDTH: 18, ROWS: 16, workgroups: [5 + 1] }],
  "behind a barrier, 4 quads": [
    behindBarrier({ columnQuads: 4 }),
    { SHARED: 1, QUADS: 4, WIDTH: 5, ROWS: 16, workgroups: [5 + 1] },
  ],
  "behind a barrier, narrow tiles": [
    behindBarrier({ tileWidth: 8 }),
    { SHARED: 1, QUADS: 1, WIDTH: 8, ROWS: 16, workgroups: [5 * 3 + 3] },
  ],
  "behind a barrier, columns by turns": [
    behindBarrier({ tileWidth: 8, tileSets: 2 }),
    { SHARED: 1, QUADS: 1, WIDTH: 8, ROWS: 16, workgroups: [5 * 2 + 2] },
  ],
};

describe("a recording of the f64 reference, 65-70-3 in a batch of 1", () => {
  let recording: Recording;
  beforeAll(async () => {
    recording = await recordReference({ network: lone, batch: 1, errors: "local", steps: 40 });
  });

  it.each(Object.entries(loneForms))("one pass, %s", async (_, [forced, shape]) => {
    for (const run of online)
      await replay(run, recording, { forced, expected: { synapses: { ...shape, DEFERRED: 0 } } });
  });

  it("one pass over weights that are cut into shards", async () => {
    const forced = { ...behindBarrier(), bindingBytes: 8192 };
    for (const run of online) {
      const [plan] = await replay(run, recording, { forced, expected: { synapses: { SHARED: 1 } } });
      expect(plan?.places.get("weight/input/hidden")?.parts?.length).toBeGreaterThan(2);
    }
  });

  describe.each([
    ["currents apart", apart],
    ["behind a barrier", behindBarrier],
  ])("updates that wait, %s", (_, forcing) => {
    it.each([4, 16])("for %i steps", async (deferredSteps) => {
      const forced = forcing({ deferredSteps });
      const plain: Expected = { synapses: { DEFERRED: 0 } };
      const waiting: Expected = {
        synapses: { DEFERRED: deferredSteps },
        // What are batch rows otherwise are steps here.
        learn_wide: { BATCH: deferredSteps, MEAN: 0 },
      };
      // Only plain gradient steps can wait; a gradient that is summed up, and Adam, do not.
      for (const run of online)
        await replay(run, recording, { forced, expected: run === "online-sgd" ? waiting : plain });
    });
  });
});
