/** A network in one workgroup: which networks are small enough, and the tables that hold all of it. */

import { describe, expect, it } from "vitest";
import { assemble } from "../../src/kernels.ts";
import type { PlanOptions } from "../../src/layout.ts";
import { layered, resolveLearning, resolveNetwork, type LearningSpec, type NetworkSpec } from "../../src/spec.ts";
import { networkLimits, networkTiles, tileBytes, timesPowers, timesStride } from "../../src/tables.ts";
import { none, propagateFlags, type Tile } from "../../src/tiles.ts";
import { forEveryGraph, groupOf, planned, tilesOf } from "./graphs.ts";
import { defaults, plan } from "./planning.ts";
import { decodeAll, reflect, struct } from "./reflection.ts";

const neurons = { tauM: 1, tauR: 1, activation: "tanh" } as const;
const fused = { fuseSteps: true } as const;

const stack = (size: number, more: Partial<Parameters<typeof layered>[0]> = {}): NetworkSpec =>
  layered({
    dt: 0.1,
    input: 4,
    hidden: [{ ...neurons, size }],
    output: { ...neurons, size: 4 },
    cost: { kind: "squared-error" },
    ...more,
  });

/** A constant of the shader. */
function constantOf(name: string): number {
  const found = new RegExp(`^const ${name} = (\\d+)u;$`, "m").exec(assemble("network").code)?.[1];
  if (found === undefined) throw new Error(`The shader has no constant ${name}.`);
  return Number(found);
}

describe("a network is small", () => {
  const isSmall = (spec: NetworkSpec, options: Partial<PlanOptions> = {}): boolean =>
    plan(spec, { ...fused, ...options }).programs.network !== null;

  it("up to a number of products of a step", () => {
    // 4 by 512 and 512 by 4 synapses.
    expect(isSmall(stack(512))).toBe(true);
    expect(isSmall(stack(513))).toBe(false);
    expect(isSmall(stack(128), { batch: 4 })).toBe(true);
    expect(isSmall(stack(128), { batch: 5 })).toBe(false);
    const tuning = { ...defaults.tuning, networkProducts: 100 };
    expect(isSmall(stack(12), { tuning })).toBe(true);
    expect(isSmall(stack(13), { tuning })).toBe(false);
    expect(isSmall(stack(1), { fuseSteps: false })).toBe(false);
  });

  it("if no softmax needs a workgroup of its own", () => {
    const classes = (size: number): NetworkSpec =>
      stack(4, { output: { ...neurons, size }, cost: { kind: "cross-entropy" } });
    expect(isSmall(classes(64))).toBe(true);
    expect(isSmall(classes(65))).toBe(false);
  });

  it("if a window is kept whole", () => {
    const learning = resolveLearning({ errors: "adjoint", window: 50 });
    expect(isSmall(stack(4), { learning })).toBe(true);
    // Half of what the states of 8 batch rows need.
    expect(isSmall(stack(4), { learning, batch: 8, trajectoryBytes: 27_000 })).toBe(false);
  });

  it("if its tables have room for it", () => {
    const many = (count: number): NetworkSpec => ({
      dt: 0.1,
      sources: [{ name: "x", size: 1 }],
      populations: Array.from({ length: count }, (_, i) => ({ ...neurons, name: `n${i}`, size: 1 })),
      projections: Array.from({ length: count }, (_, i) => ({ from: "x", to: `n${i}` })),
    });
    expect(isSmall(many(networkLimits.populations - 1))).toBe(true);
    expect(isSmall(many(networkLimits.populations))).toBe(false);
    const dense = (count: number): NetworkSpec => {
      const { projections, ...spec } = many(6);
      const loops = spec.populations.flatMap(({ name }) => spec.populations.map((to) => ({ from: name, to: to.name })));
      return { ...spec, projections: [...projections, ...loops].slice(0, count) };
    };
    expect(isSmall(dense(networkLimits.projections))).toBe(true);
    expect(isSmall(dense(networkLimits.projections + 1))).toBe(false);
    const deep = (levels: number): NetworkSpec =>
      stack(1, { schedule: "sweep", hidden: Array.from({ length: levels - 1 }, () => ({ ...neurons, size: 1 })) });
    expect(isSmall(deep(networkLimits.levels))).toBe(true);
    expect(isSmall(deep(networkLimits.levels + 1))).toBe(false);
  });
});

describe("the tables of a small network", () => {
  it("have as many rows as the uniforms of the shader", () => {
    for (const [limit, name] of Object.entries({
      populations: "MOST_POPULATIONS",
      projections: "MOST_PROJECTIONS",
      traces: "MOST_TRACES",
      tiles: "MOST_TILES",
      levels: "MOST_LEVELS",
    })) {
      expect([limit, networkLimits[limit as keyof typeof networkLimits]]).toEqual([limit, constantOf(name)]);
    }
    const { buffers } = plan(stack(4), fused);
    const bytesOf = (name: string): number => buffers.find((buffer) => buffer.name === name)?.bytes ?? NaN;
    const uniforms = new Map(reflect("network").uniforms.map(({ name, size }) => [name, size]));
    const tables = {
      populations: "network_populations",
      projections: "network_projections",
      traced: "network_traces",
      tiles: "network_tiles",
      ranges: "ranges",
    };
    for (const [uniform, buffer] of Object.entries(tables)) {
      expect([uniform, bytesOf(buffer)]).toEqual([uniform, uniforms.get(uniform)]);
    }
    // A binding is 16 bytes of each stretch.
    expect([uniforms.get("times"), bytesOf("times")]).toEqual([16, timesPowers * timesStride]);
    expect(buffers.filter(({ isUniform }) => isUniform === true).map(({ name }) => name)).toEqual([
      ...Object.values(tables),
      "times",
      "params",
    ]);
    // What every device can bind as a uniform.
    for (const [, size] of uniforms) expect(size).toBeLessThanOrEqual(65536);
    for (const name of ["Recorded", "Projection", "Trace", "Tile"]) expect(struct("network", name).size % 16).toBe(0);
  });

  it("are those of any network, with zeros behind", () => {
    const learning = resolveLearning({ traces: "matched" });
    const { buffers } = plan(stack(4), { ...fused, learning });
    const wordsOf = (name: string): number[] => [
      ...new Uint32Array(buffers.find((buffer) => buffer.name === name)?.content ?? new ArrayBuffer(0)),
    ];
    for (const [uniform, storage] of [
      ["network_populations", "populations"],
      ["network_projections", "projections"],
      ["network_traces", "traced"],
    ] as const) {
      const [padded, table] = [wordsOf(uniform), wordsOf(storage)];
      expect(table.length).toBeGreaterThan(0);
      expect(padded.slice(0, table.length)).toEqual(table);
      expect(padded.slice(table.length).filter((word) => word !== 0)).toEqual([]);
    }
  });

  it("count the steps of a dispatch in powers of two", () => {
    const { buffers, programs } = plan(stack(4), fused);
    const words = new Uint32Array(buffers.find(({ name }) => name === "times")?.content ?? new ArrayBuffer(0));
    const { learning, frozen } = programs.network ?? { learning: [], frozen: [] };
    expect([learning.length, frozen.length]).toEqual([timesPowers, timesPowers]);
    for (const [power, { power: own = NaN, workgroups, label }] of learning.entries()) {
      expect([own, ...workgroups, label]).toEqual([power, 1, 1, `network ${2 ** power}`]);
      expect(words[(own * timesStride) / 4]).toBe(2 ** power);
    }
    expect(words.filter((word) => word !== 0)).toHaveLength(timesPowers);
  });
});

describe("the tiles of a small network", () => {
  it("are those of all parts, in the ranges where the shader looks for them", () => {
    const met = { onePass: 0, apart: 0 };
    forEveryGraph(({ work }) => {
      if (!work.isSmall || work.levels > networkLimits.levels) return;
      met[work.isOnePass ? "onePass" : "apart"] += 1;
      const { tiles, ranges } = networkTiles(work);
      const rows = new Uint32Array(ranges);
      const partOf = (row: number): Tile[] => {
        const [first = NaN, count = NaN] = rows.subarray(row * 4, row * 4 + 2);
        return tiles.slice(first, first + count);
      };
      const most = networkLimits.levels;
      const { levels, neurons, synapses, traces } = work;
      const hasGroups = synapses.ranges.length > 1;
      const parts = new Map<number, readonly Tile[]>([
        [constantOf("SOURCES"), work.needs.isSweep ? groupOf(neurons, levels) : []],
        [constantOf("DELAYED"), hasGroups ? groupOf(synapses, 2 * levels) : []],
        [constantOf("TRACES_OF_RATES"), groupOf(traces, 0)],
        [constantOf("TRACES_OF_DERIVATIVES"), groupOf(traces, 1)],
        [constantOf("SYNAPSES"), work.learnTiles],
        [constantOf("TIME_CONSTANTS"), work.tauTiles],
        [constantOf("BLOCKS"), work.applyTiles],
      ]);
      // Tiles of one pass go both ways.
      const isForward = ({ flags }: Tile): boolean => work.isOnePass || (flags & propagateFlags.forward) !== 0;
      for (let level = 0; level < levels; level++) {
        parts.set(level, groupOf(neurons, level));
        const [up, down] = [groupOf(synapses, level), groupOf(synapses, hasGroups ? levels + level : level)];
        parts.set(most + level, up.filter(isForward));
        parts.set(2 * most + level, hasGroups ? down : down.filter((tile) => !isForward(tile)));
        // The shader takes what is in a row for what goes its way.
        if (hasGroups) expect([up.every(isForward), down.some(isForward)]).toEqual([true, false]);
      }
      expect((parts.get(constantOf("DELAYED")) ?? []).some(isForward)).toBe(false);
      const all = constantOf("NEURONS");
      for (let row = 0; row < rows.length / 4; row++) {
        if (row !== all) expect([row, partOf(row)]).toEqual([row, parts.get(row) ?? []]);
      }
      expect(partOf(all)).toEqual(tilesOf(neurons));
      expect(tiles.length).toBe([...parts.values()].reduce((sum, part) => sum + part.length, 0));
    });
    expect(Math.min(met.onePass, met.apart)).toBeGreaterThan(0);
    expect(met.onePass + met.apart).toBeGreaterThan(5);
  });

  it("are read back from the table as they are", () => {
    const learning: LearningSpec = { errors: "adjoint", window: 6 };
    const options = { ...defaults, ...fused, learning: resolveLearning(learning) };
    const network = resolveNetwork(stack(4, { schedule: "sweep" }));
    const { tiles } = networkTiles(planned(network, options).work);
    const { buffers } = plan(stack(4, { schedule: "sweep" }), options);
    const content = buffers.find(({ name }) => name === "network_tiles")?.content ?? new ArrayBuffer(0);
    const table = decodeAll(content, "network", "Tile");
    expect(table).toHaveLength(networkLimits.tiles);
    expect(struct("network", "Tile").size).toBe(tileBytes);
    expect(table.slice(0, tiles.length)).toEqual(tiles);
    // None of them is told to do anything.
    expect(table.slice(tiles.length).some(({ rows, columns }) => rows !== 0 || columns !== 0)).toBe(false);
    expect(tiles.every(({ current }) => current <= none)).toBe(true);
  });
});
