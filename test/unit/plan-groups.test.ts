/** Tiles in groups: where a group starts, what is in it, and that nothing is in two of them or in none. */

import { describe, expect, it } from "vitest";
import { quadsOf } from "../../src/layout.ts";
import type { Groups, Tile } from "../../src/tiles.ts";
import { Counts, forEveryGraph, groupOf, range, tilesOf, type Planned } from "./graphs.ts";

/** Flag of `propagate`. */
const forward = 1;
const isForward = ({ flags }: Tile): boolean => (flags & forward) !== 0;

/** A tile that does nothing, whatever the kernel. */
const doesNothing = ({ rows, columns, flags }: Tile): boolean => rows === 0 && columns === 0 && flags === 0;

const groupsOf = ({ work }: Planned): readonly Groups[] => [work.neurons, work.synapses, work.traces];

it("the graphs of these tests have all that there is to go wrong", () => {
  const met = new Map<string, number>();
  forEveryGraph(({ network, layout, work, options: { learning } }) => {
    const isSweep = network.schedule === "sweep";
    const has = {
      "one pass": work.isOnePass,
      "several levels": work.levels > 1,
      "delays in a sweep": isSweep && network.projections.some(({ delay }) => delay === 1),
      windows: learning.errors === "adjoint" && !isSweep,
      "windows of a sweep": learning.errors === "adjoint" && isSweep,
      "derivatives in traces": groupOf(work.traces, 1).length > 0,
      "time constants that learn": work.tauTiles.length > 0,
      "time constants in windows": work.applyTiles.some(({ flags }) => (flags & 3) !== 0),
      "wide softmax": work.hasWideRows,
      shards: layout.shards.length > 1,
      "shards in one pass": layout.shards.length > 1 && work.isOnePass,
      "shards of a sweep": layout.shards.length > 1 && isSweep,
      "biases apart": work.blocks.some(({ biases }) => biases === "apart"),
      "projections in several shards": layout.stretches.some(({ length }) => length > 1),
      "feedback into a source": work.sourceFeedback.some(({ parts }) => parts > 0),
    };
    for (const [what, isMet] of Object.entries(has)) met.set(what, (met.get(what) ?? 0) + Number(isMet));
  });
  for (const [what, times] of met) expect(times, what).toBeGreaterThan(0);
});

describe("a group", () => {
  it("starts where a binding may, at a multiple of 8 tiles, and has a tile to bind", () => {
    forEveryGraph((planned) => {
      for (const { tiles, ranges } of groupsOf(planned)) {
        for (const { first, count } of ranges) {
          // 32 bytes each, and bindings start at multiples of 256.
          expect(first % 8).toBe(0);
          expect(first + Math.max(count, 1)).toBeLessThanOrEqual(tiles.length);
        }
      }
    });
  });

  it("shares no tile with another, and what is in none does nothing", () => {
    forEveryGraph((planned) => {
      for (const groups of groupsOf(planned)) {
        const grouped = new Counts(groups.tiles.length);
        for (const { first, count } of groups.ranges) for (const tile of range(first, count)) grouped.add(tile);
        expect(Math.max(...grouped.kinds)).toBeLessThanOrEqual(1);
        const inGroups = new Set(tilesOf(groups));
        expect(groups.tiles.filter((tile) => !inGroups.has(tile) && !doesNothing(tile))).toEqual([]);
        expect(tilesOf(groups).filter(doesNothing)).toEqual([]);
      }
    });
  });
});

describe("groups of neurons", () => {
  it("are all neurons in jacobi, the levels and then the sources in a sweep", () => {
    forEveryGraph(({ network, work }) => {
      const { populations, sources, schedule } = network;
      const levels = Math.max(...populations.map(({ level }) => level)) + 1;
      expect(work.levels).toBe(levels);
      const blocksOf = (index: number): number[] => [
        ...new Set(groupOf(work.neurons, index).map(({ block }) => block)),
      ];
      const own = populations.map((_, block) => block);
      const given = sources.map((_, index) => populations.length + index);
      if (schedule === "jacobi") {
        expect([levels, work.neurons.ranges.length]).toEqual([1, 1]);
        expect(blocksOf(0)).toEqual([...own, ...given]);
        return;
      }
      expect(work.neurons.ranges.length).toBe(levels + 1);
      for (let level = 0; level < levels; level++) {
        expect(blocksOf(level)).toEqual(own.filter((block) => populations[block]?.level === level));
      }
      expect(blocksOf(levels)).toEqual(given);
    });
  });
});

describe("groups of synapses", () => {
  it("are one of each shard where all is done at once", () => {
    forEveryGraph(({ network, layout, work, options }) => {
      if (network.schedule === "sweep" || options.learning.errors === "adjoint") return;
      expect(work.synapses.ranges).toHaveLength(layout.shards.length);
    });
  });

  it("have the blocks of their own shard only", () => {
    forEveryGraph(({ layout, work }) => {
      const perShard = work.synapses.ranges.length / layout.shards.length;
      work.synapses.ranges.forEach((_, index) => {
        const shards = groupOf(work.synapses, index).map(({ block }) => work.blocks[block]?.shard);
        expect(shards.filter((shard) => shard !== Math.floor(index / perShard))).toEqual([]);
      });
      work.learnRanges.forEach((_, index) => {
        const learning = groupOf({ tiles: work.learnTiles, ranges: work.learnRanges }, index);
        expect(learning.filter(({ block }) => work.blocks[block]?.shard !== index)).toEqual([]);
      });
    });
  });

  it("are, level by level, the products forward into it, then those back out of it, then those with delay", () => {
    forEveryGraph(({ network, layout, work, options }) => {
      if (network.schedule === "jacobi" && options.learning.errors !== "adjoint") return;
      const { levels, synapses } = work;
      expect(work.isOnePass).toBe(false);
      const perShard = 2 * levels + 1;
      expect(synapses.ranges).toHaveLength(perShard * layout.shards.length);
      const found = synapses.ranges.map((_, index) => {
        const tiles = groupOf(synapses, index);
        expect(new Set(tiles.map(isForward)).size).toBeLessThanOrEqual(1);
        return {
          blocks: new Set(tiles.map(({ block }) => work.blocks[block]?.projection)),
          isForward: tiles.some(isForward),
        };
      });
      network.projections.forEach(({ to, delay }, block) => {
        const level = network.populations[to]?.level ?? NaN;
        const groups = found.flatMap(({ blocks }, index) => (blocks.has(block) ? [index] : []));
        // All of a direction of a projection is in one group, that of its level.
        const back = work.returns[block] === true ? [delay === 1 ? 2 * levels : levels + level] : [];
        expect([...new Set(groups.map((index) => index % perShard))]).toEqual([level, ...back]);
        for (const index of groups) expect(found[index]?.isForward).toBe(index % perShard === level);
      });
    });
  });

  it("let no product forward read a rate of its own level or above, unless it is of the step before", () => {
    forEveryGraph(({ network }) => {
      for (const { from, fromSource, to, delay } of network.projections) {
        if (fromSource || delay === 1) continue;
        expect(network.populations[from]?.level).toBeLessThan(network.populations[to]?.level ?? NaN);
      }
    });
  });
});

describe("groups of traces", () => {
  it("have every quad of every trace once, those of derivatives in the second", () => {
    forEveryGraph(({ layout, work }) => {
      layout.synapticTraces.forEach(({ kind, count }, block) => {
        const [rates, derivatives] = [0, 1].map((group) => {
          const quads = new Counts(count);
          for (const tile of groupOf(work.traces, group)) {
            if (tile.block === block) for (const quad of range(tile.row, tile.rows)) quads.add(quad);
          }
          return quads.kinds;
        });
        expect([rates, derivatives]).toEqual(kind === "derivatives" ? [[0], [1]] : [[1], [0]]);
      });
    });
  });

  it("are empty without matched or aligned traces", () => {
    forEveryGraph(({ work, options }) => {
      if (options.learning.traces === "none") expect(tilesOf(work.traces)).toEqual([]);
    });
  });
});

describe("tiles of time constants that learn in every step", () => {
  it("have every quad of them once, and no other", () => {
    forEveryGraph(({ network, layout, work, options }) => {
      const isOnline = options.learning.errors === "local" || options.learning.errors === "instantaneous";
      network.populations.forEach(({ name, size, plasticTauM, plasticTauR }, block) => {
        const quads = new Counts(quadsOf(size));
        for (const tile of work.tauTiles.filter((each) => each.block === block)) {
          for (const quad of range(tile.row, tile.rows)) quads.add(quad);
          expect(tile).toMatchObject({
            current: layout.places.get(`tauM/${name}`)?.first,
            feedback: layout.places.get(`tauR/${name}`)?.first,
            columns: quadsOf(size),
            flags: Number(plasticTauM) + 2 * Number(plasticTauR),
          });
        }
        expect(quads.kinds).toEqual([Number(isOnline && (plasticTauM || plasticTauR))]);
      });
    });
  });
});

describe("tiles that apply the gradient of a window", () => {
  it("have every quad of every parameter that learns once, and of no other but measured time constants", () => {
    forEveryGraph(({ network, layout, work, options }) => {
      const { errors, optimizer } = options.learning;
      if (errors !== "adjoint") {
        expect(work.applyTiles).toEqual([]);
        return;
      }
      const learning = new Counts(layout.moments);
      for (const { current, row, rows, flags } of work.applyTiles) {
        if ((flags & 4) !== 0) for (const quad of range(current + row, rows)) learning.add(quad);
        // Time constants are summed up whether they learn or not; the rest is here to learn.
        expect(flags & 7).toBeGreaterThan(0);
      }
      const wanted = new Counts(layout.moments);
      const want = (key: string): void => {
        const { first = NaN, rows = NaN, paddingRows = NaN, columns = NaN } = layout.places.get(key) ?? {};
        for (const quad of range(first, (rows + paddingRows) * quadsOf(columns))) wanted.add(quad);
      };
      for (const { name, plastic } of network.projections) if (plastic) want(`weight/${name.replace(" -> ", "/")}`);
      for (const { name, bias, plasticTauM, plasticTauR } of network.populations) {
        if (bias.plastic) want(`bias/${name}`);
        if (plasticTauM) want(`tauM/${name}`);
        if (plasticTauR) want(`tauR/${name}`);
      }
      expect(learning.isLike(wanted)).toBe(true);
      const sums = work.applyTiles.filter(({ flags }) => (flags & 3) !== 0);
      const isSummed = network.populations.some((each) => each.plasticTauM || each.plasticTauR);
      expect(sums.length > 0).toBe(isSummed || optimizer.kind === "accumulate");
    });
  });
});
