/** Which errors are computed, and where everything stands. */

import { describe, expect, it } from "vitest";
import { momentsOf, partsOf, quadsOf, shardName, slopeSlots, targetQuads } from "../../src/layout.ts";
import { layered, resolveLearning, resolveNetwork } from "../../src/spec.ts";
import { none } from "../../src/tiles.ts";
import { forEveryGraph, planned, tilesOf, type Planned } from "./graphs.ts";
import { defaults } from "./planning.ts";

describe("errors", () => {
  it("are computed for whoever learns, feels or records them, for whoever these project to, and for nobody else", () => {
    forEveryGraph(({ network, work, options: { learning, record } }) => {
      const reachable = (from: number): Set<number> => {
        const seen = new Set([from]);
        for (const population of seen) {
          for (const { from, fromSource, to } of network.projections) {
            if (!fromSource && from === population) seen.add(to);
          }
        }
        return seen;
      };
      const recordsOf = (name: string | undefined, quantities: readonly string[]): boolean =>
        record.some(({ population, quantity }) => population === name && quantities.includes(quantity));
      const needs = network.populations.flatMap(({ name, gamma, bias, plasticTauM, plasticTauR }, population) => {
        const enters = network.projections.filter(({ to }) => to === population);
        const feeds = enters.some(({ from, fromSource }) =>
          recordsOf((fromSource ? network.sources : network.populations)[from]?.name, ["feedback"]),
        );
        const isNeeded =
          gamma !== 0 ||
          bias.plastic ||
          plasticTauM ||
          plasticTauR ||
          enters.some(({ plastic }) => plastic) ||
          recordsOf(name, ["error", "lowPassedError", "feedback", "topDown"]) ||
          feeds;
        return isNeeded ? [...reachable(population)] : [];
      });
      // The way back through a window visits all.
      const visitsAll = learning.errors === "adjoint";
      const wanted = network.populations.map((_, i) => visitsAll || (learning.errors !== "none" && needs.includes(i)));
      expect(work.hasError).toEqual(wanted);
      const returning = tilesOf(work.synapses).filter(({ feedback, flags }) =>
        work.isOnePass ? feedback !== none : (flags & 1) === 0,
      );
      const receivers = returning.flatMap(({ block }) => {
        const { from = NaN, fromSource = false } = network.projections[work.blocks[block]?.projection ?? NaN] ?? {};
        return fromSource ? [] : [from];
      });
      expect(receivers.filter((population) => wanted[population] !== true)).toEqual([]);
      if (learning.feedback === "none" || learning.errors === "none") expect(returning).toEqual([]);
    });
  });
});

/** Stretches of quads: what they hold, first quad, and quads. */
type Stretch = readonly [what: string, first: number, quads: number];

/** That they start where bindings may, one behind the other, and end within `end`. */
function expectApart(stretches: readonly Stretch[], end: number): void {
  const sorted = stretches.toSorted(([, a], [, b]) => a - b);
  const wrong = sorted.filter(([, first], index) => {
    const [, before, quads] = sorted[index - 1] ?? ["", 0, 0];
    return first % 16 !== 0 || first < before + quads;
  });
  expect(wrong).toEqual([]);
  const [, first, quads] = sorted.at(-1) ?? ["", 0, 0];
  expect(first + quads).toBeLessThanOrEqual(end);
}

/** What has a name; of moments those that the optimiser keeps. */
function namedIn({ layout, options }: Planned, buffer: string): Stretch[] {
  const moments = momentsOf(options.learning);
  const isKept = (key: string): boolean =>
    !(key.startsWith("firstMoment/") && moments < 1) && !(key.startsWith("secondMoment/") && moments < 2);
  return [...layout.places].flatMap(([key, place]) =>
    partsOf(place).flatMap(({ first, rows, paddingRows, columns, ...part }): Stretch[] =>
      part.buffer === buffer && isKept(key) ? [[key, first, (rows + paddingRows) * quadsOf(columns)]] : [],
    ),
  );
}

/** What only kernels know of the state: targets, slopes and traces that wait. */
function waitingIn({ network, layout, work, options: { batch } }: Planned): Stretch[] {
  const inner = (key: string, quads: number): Stretch[] => {
    const first = layout.inner.get(key);
    return first === undefined ? [] : [[key, first, quads]];
  };
  const populations = network.populations.flatMap(({ name, size, cost }, index) => {
    const row = quadsOf(size);
    const targets = cost === null ? 0 : targetQuads(cost.kind, size, batch);
    return [
      ...inner(`keptTarget/${name}`, 2 * targets),
      ...inner(`slopes/${name}`, slopeSlots(work.needs.distances?.[index] ?? 0) * batch * row),
      ...inner(`biasTraces/${name}`, row),
    ];
  });
  const projections = network.projections.flatMap(({ name, to, pre }) => {
    // Traces of all classes, one behind the other.
    const classes = work.needs.classes[to]?.representatives.length ?? NaN;
    return inner(`traces/${name.replace(" -> ", "/")}`, classes * batch * quadsOf(pre));
  });
  const behind = layout.synapticTraces.flatMap(({ kind, isFiltered, z, ring, slots, count }): Stretch[] => [
    // Those of derivatives are fields of the state, which have a name.
    ...(isFiltered && kind !== "derivatives" ? [["z", z, count] as const] : []),
    ...(slots > 0 ? [["ring", ring, slots * count] as const] : []),
  ]);
  return [...populations, ...projections, ...behind];
}

/** What a window keeps in the record. */
function trajectoryIn({ network, layout, options: { batch } }: Planned): Stretch[] {
  const steps = layout.segments?.steps ?? NaN;
  const inner = (key: string, quads: number): Stretch => [key, layout.inner.get(key) ?? NaN, quads];
  const own = network.populations.flatMap(({ name, size }) => {
    const quads = batch * quadsOf(size);
    return [
      // From the step before the segment on.
      inner(`trajectory/${name}`, (steps + 1) * quads),
      inner(`adjoints/${name}`, steps * quads),
      ...(layout.inner.has(`derivatives/${name}`) ? [inner(`derivatives/${name}`, steps * quads)] : []),
    ];
  });
  return [
    ...own,
    ...network.sources.map(({ name, size }) => inner(`trajectory/${name}`, steps * batch * quadsOf(size))),
  ];
}

const expectAllApart = (planned: Planned): void => {
  const { layout } = planned;
  const ends = {
    state: layout.state,
    frames: layout.frames,
  };
  for (const [buffer, end] of Object.entries(ends)) {
    expectApart([...namedIn(planned, buffer), ...(buffer === "state" ? waitingIn(planned) : [])], end);
  }
  layout.shards.forEach(({ parameters, moments }, shard) => {
    if (shard === 0) expect([parameters, moments]).toEqual([layout.parameters, layout.moments]);
    expectApart(namedIn(planned, shardName("parameters", shard)), parameters);
    expectApart(namedIn(planned, shardName("first_moment", shard)), moments + (shard === 0 ? layout.gradients : 0));
    expectApart(namedIn(planned, shardName("second_moment", shard)), moments);
    expect(parameters).toBeGreaterThanOrEqual(moments);
  });
};

describe("places", () => {
  it("do not overlap, start at multiples of 256 bytes and lie inside of their buffers", () => {
    forEveryGraph(expectAllApart);
  });

  it("do so where slopes and rates wait for their errors", () => {
    const neurons = { tauM: [1, 2, 3], tauR: 1, activation: "tanh" } as const;
    const stack = layered({
      dt: 0.1,
      targetDelay: 1,
      input: 7,
      hidden: [70, 5, 33].map((size) => ({ ...neurons, size })),
      output: { ...neurons, size: 5 },
      cost: { kind: "cross-entropy" },
    });
    for (const traces of ["none", "matched"] as const) {
      const learning = resolveLearning({ lagAligned: true, traces });
      const all = planned(resolveNetwork(stack), { ...defaults, batch: 5, learning });
      expectAllApart(all);
      // Two steps for each projection above, up and down, and one more.
      const waiting = waitingIn(all).flatMap(([what, , quads]) => (what.startsWith("slopes/") ? [quads] : []));
      expect(waiting).toEqual([7 * 5 * 18, 5 * 5 * 2, 3 * 5 * 9]);
      // Rates are earlier still by one step; each of three classes of traces has a ring of its own.
      const classes = traces === "matched" ? 3 : 1;
      const rings = waitingIn(all).flatMap(([what, , quads]) => (what === "ring" ? [quads] : []));
      const ofProjections = [7 * 5 * 2, 5 * 5 * 18, 3 * 5 * 2, 1 * 5 * 9];
      expect(rings).toEqual(ofProjections.flatMap((quads) => Array.from({ length: classes }, () => quads)));
    }
  });

  it("of traces do not overlap and fill the record; behind them are those of a window", () => {
    forEveryGraph((all) => {
      const { traces, recordRows, record, segments } = all.layout;
      let end = 0;
      for (const { first, rowSize } of traces) {
        expect(first).toBe(end);
        end += rowSize * recordRows;
      }
      if (segments === null) {
        expect(end).toBe(record);
        return;
      }
      // A window comes back whole.
      expect(recordRows % all.options.learning.window).toBe(0);
      const kept = trajectoryIn(all);
      expect(Math.min(...kept.map(([, first]) => first))).toBeGreaterThanOrEqual(end);
      expectApart(kept, record);
    });
  });
});
