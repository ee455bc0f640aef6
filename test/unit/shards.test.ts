/** Weights that do not fit one binding: where their rows stand, what a step costs, and what is refused. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DeviceError } from "../../src/errors.ts";
import { partsOf, quadsOf, tunings, type PlanOptions } from "../../src/layout.ts";
import { shareOut } from "../../src/layout/shards.ts";
import { checkLimits, describePlan, requiredLimits, type Plan } from "../../src/plan.ts";
import { initialize, uniformParameter } from "../../src/random.ts";
import { requirements } from "../../src/simulator.ts";
import { resolveLearning, resolveNetwork, type NetworkSpec } from "../../src/spec.ts";
import { blockRanges, blockTable, projectionTable } from "../../src/tables.ts";
import { planned } from "./graphs.ts";
import { defaults, plan, refusal } from "./planning.ts";
import { decodeAll } from "./reflection.ts";

const neurons = { tauM: 1, tauR: 1, activation: "tanh" } as const;

/** `size` neurons, each with weights from all. */
const recurrent = (size: number): NetworkSpec => ({
  dt: 0.1,
  sources: [{ name: "x", size: 4 }],
  populations: [{ name: "a", size, ...neurons }],
  projections: [
    { from: "a", to: "a" },
    { from: "x", to: "a" },
  ],
});

const stack: NetworkSpec = {
  dt: 0.1,
  sources: [{ name: "x", size: 65 }],
  populations: [
    { name: "a", size: 257, ...neurons },
    { name: "b", size: 63, ...neurons },
    { name: "c", size: 1, ...neurons },
  ],
  projections: [
    { from: "x", to: "a" },
    { from: "a", to: "b" },
    { from: "b", to: "c" },
  ],
};

const gibibyte = 2 ** 30;
const bytesOf = ({ buffers }: Plan, name: string): number => buffers.find((each) => each.name === name)?.bytes ?? NaN;
const shardsOf = ({ buffers }: Plan): number[] =>
  buffers.filter(({ name }) => name.startsWith("parameters")).map(({ bytes }) => bytes);
const perStep = ({ programs: { learning } }: Plan): number => learning.step.length + learning.join.length;

describe("rows", () => {
  const side = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(63, 64, 65, 257, 513, 2049));
  const shape = fc.record({ pre: side, post: side });
  const room = fc.record({
    limit: fc.integer({ min: 16, max: 20000 }).map((rows) => rows * 16),
    copies: fc.constantFrom(1, 2),
    inFirst: fc.integer({ min: 1, max: 100 }).map((rows) => rows * 16),
    inOthers: fc.constantFrom(0, 16, 160),
  });

  it("each stand in one shard, in their order, and no shard holds more than it may", () => {
    fc.assert(
      fc.property(fc.array(shape, { minLength: 1, maxLength: 5 }), room, (projections, given) => {
        const network = { ...resolveNetwork(stack), projections: projections as never };
        const shares = shareOut(network, given);
        const loads = new Map<number, number>();
        let shard = 0;
        projections.forEach(({ pre, post }, index) => {
          let row = 0;
          for (const stretch of shares[index] ?? []) {
            expect(stretch.row).toBe(row);
            expect(stretch.rows).toBeGreaterThan(0);
            // None is left out, and none is gone back to.
            expect([shard, shard + 1]).toContain(stretch.shard);
            [row, shard] = [row + stretch.rows, stretch.shard];
            const quads = Math.ceil((stretch.rows * 4 * quadsOf(pre)) / 16) * 16 * given.copies;
            loads.set(shard, (loads.get(shard) ?? (shard === 0 ? given.inFirst : given.inOthers)) + quads);
          }
          expect(row).toBe(quadsOf(post));
        });
        if (shard > 0) for (const load of loads.values()) expect(load).toBeLessThanOrEqual(given.limit);
        // What fits one buffer is not cut.
        else if ((loads.get(0) ?? 0) > given.limit) {
          const least = Math.max(...projections.map(({ pre }) => Math.ceil(quadsOf(pre) / 4) * 16 * given.copies));
          expect(given.inFirst > given.limit || given.inOthers + least > given.limit).toBe(true);
        }
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it("are counted from where row 0 would stand, in 32 bits", () => {
    const { network, layout, work, options } = planned(resolveNetwork(stack), { ...defaults, bindingBytes: 2 ** 15 });
    const rows = decodeAll(projectionTable(network, options.batch, work, layout), "synapses", "Projection");
    expect(rows).toHaveLength(work.blocks.length);
    expect(layout.stretches.map(({ length }) => length)).toEqual([3, 3, 1]);
    work.blocks.forEach(({ projection, row, hasWeights, shard }, index) => {
      if (!hasWeights) return;
      const { pre, name } = network.projections[projection] ?? { pre: NaN, name: "" };
      const place = layout.places.get(`weight/${name.replace(" -> ", "/")}`);
      const stretches = layout.stretches[projection] ?? [];
      const part = place && partsOf(place)[stretches.findIndex((each) => each.row === row)];
      expect(part?.buffer).toBe(shard === 0 ? "parameters" : `parameters.${shard}`);
      const { weight = NaN } = rows[index] ?? {};
      expect((weight + row * 4 * quadsOf(pre)) % 2 ** 32).toBe(part?.first);
    });
  });

  it("go on in their stream of random numbers where they were cut", () => {
    const { network, layout } = planned(resolveNetwork(stack), { ...defaults, bindingBytes: 2 ** 15 });
    const table = decodeAll(blockTable(network, layout), "initialize", "Block");
    const ranges = blockRanges(network, layout);
    expect(ranges.length).toBe(layout.shards.length);
    const blocks = ranges.flatMap(({ first, count }) => {
      expect(first % 8).toBe(0);
      return table.slice(first, first + count);
    });
    network.projections.forEach(({ pre, post, init }, stream) => {
      const parts = blocks.filter((block) => block["stream"] === stream);
      const values = parts.flatMap(({ start = NaN, count = NaN }) =>
        Array.from({ length: count }, (_, i) => uniformParameter(5, stream, start * 4 + i)),
      );
      const bound = init.kind === "uniform" ? Math.fround(init.bound) : NaN;
      expect(Float32Array.from(values, (f) => (2 * f - 1) * bound)).toEqual(initialize(init, 5, stream, pre * post));
    });
  });
});

describe("bytes", () => {
  it.each([
    ["sgd", 1],
    ["momentum", 2],
    ["adam", 3],
  ] as const)("of 16,384 neurons are those of the weights, twice or three times with moments: %s", (kind, times) => {
    const learning = resolveLearning({ optimizer: { kind, eta: 0.1 } });
    for (const tuning of [tunings.gpu, tunings.cpu]) {
      const planned = plan(recurrent(16384), { bindingBytes: gibibyte, learning, tuning });
      const shards = shardsOf(planned);
      expect(Math.max(...shards)).toBeLessThanOrEqual(gibibyte);
      expect(shards).toHaveLength(2);
      expect(requiredLimits(planned).maxStorageBufferBindingSize).toBeLessThanOrEqual(gibibyte);
      const weights = 4 * (16384 ** 2 + 4 * 16384);
      const all = planned.buffers.filter(({ name }) => /^(parameters|.*_moment)/.test(name));
      const kept = all.reduce((sum, { bytes }) => sum + bytes, 0);
      expect(kept / (times * weights)).toBeLessThan(1.001);
      // With partial sums, states and tables.
      expect(planned.bytes / (times * weights)).toBeLessThan(1.1);
    }
  });

  it("of 6,000 neurons are under the 128 MiB that every device allows", () => {
    const { requiredLimits: limits, dispatchesPerStep, bytes } = requirements(recurrent(6000));
    expect(limits.maxStorageBufferBindingSize).toBeLessThanOrEqual(2 ** 27);
    expect(bytes).toBeGreaterThan(4 * 6000 ** 2);
    expect(dispatchesPerStep).toBe(3);
    const larger = requirements(recurrent(6000), { bindingBytes: gibibyte });
    expect(larger.dispatchesPerStep).toBe(2);
    expect(larger.requiredLimits.maxStorageBufferBindingSize).toBeGreaterThan(4 * 6000 ** 2);
  });

  it("make as few shards as can be", () => {
    for (const [size, shards] of [
      [5000, 1],
      [6000, 2],
      [16384, 9],
      [32768, 33],
    ] as const) {
      expect(shardsOf(plan(recurrent(size), { bindingBytes: 2 ** 27 }))).toHaveLength(shards);
    }
  });
});

describe("dispatches", () => {
  const costOf = (options: Partial<PlanOptions>) => {
    const cut = plan(stack, { bindingBytes: 2 ** 15, ...options });
    return { cut: perStep(cut), whole: perStep(plan(stack, options)), shards: shardsOf(cut).length };
  };

  it("of a step are one more for each further shard in a batch of 1", () => {
    const { cut, whole, shards } = costOf({});
    expect([cut, whole, shards]).toEqual([2 + 4, 2, 5]);
  });

  it("are one more for each product and update otherwise", () => {
    const { cut, whole, shards } = costOf({ batch: 64 });
    expect([cut, whole, shards]).toEqual([3 + 2 * 4, 3, 5]);
  });

  it("count the step once, whatever the shards", () => {
    for (const options of [{}, { batch: 64 }]) {
      const { programs } = plan(stack, { bindingBytes: 2 ** 15, ...options });
      const counting = programs.learning.step.filter(({ kernel, constants }) => {
        if (kernel === "propagate") return constants["ADVANCE"] !== 0;
        return kernel === "synapses" && constants["ADVANCE"] !== 0;
      });
      expect(counting.map(({ label }) => label)).toHaveLength(1);
    }
  });

  it("are named by their shard, as buffers are", () => {
    const text = describePlan(plan(stack, { bindingBytes: 2 ** 15 }));
    expect(text).toMatch(/parameters\.4 +\d+ {2}weights, shard/);
    expect(text).toMatch(/once +initialize shard 4/);
    expect(text).toMatch(/every step +synapses shard 4/);
  });
});

describe("what does not fit", () => {
  const limits = (bytes: number) => ({
    maxBufferSize: 2 ** 40,
    maxStorageBufferBindingSize: bytes,
    maxComputeWorkgroupsPerDimension: 65535,
    maxComputeWorkgroupStorageSize: 16384,
  });
  const refusalOf = (spec: NetworkSpec, bytes: number, options: Partial<PlanOptions> = {}): DeviceError =>
    refusal(() => checkLimits(plan(spec, { bindingBytes: bytes, ...options }), limits(bytes))) as DeviceError;

  it("is cut, and accepted, down to four rows of weights", () => {
    // A row of 512 weights has 2,048 bytes, and four of them are the least; all rows from x are as large.
    const cut = plan(recurrent(512), { bindingBytes: 8192 });
    expect(shardsOf(cut).slice(1)).toEqual(Array.from({ length: 128 + 1 }, () => 8192));
    const { code, message, details } = refusalOf(recurrent(512), 8000);
    const needed = bytesOf(plan(recurrent(512)), "parameters");
    expect([code, details]).toEqual(["LIMIT_EXCEEDED", { buffer: "parameters", needed, limit: 8000 }]);
    expect(message).toBe(
      `The buffer "parameters" (weights, biases, time constants) needs ${needed} bytes; this device allows 8000. ` +
        "Four rows of weights are the least that a buffer holds: at most 500 neurons may project.",
    );
  });

  it("is refused with adjoint errors, with the bytes, the limit and the largest size", () => {
    // Momentum keeps gradients behind its moments.
    for (const [kind, most, side] of [
      ["sgd", 250000, 500],
      ["momentum", 125000, 353],
    ] as const) {
      const learning = resolveLearning({ errors: "adjoint", window: 4, optimizer: { kind, eta: 0.1 } });
      const { code, message } = refusalOf(recurrent(512), 1e6, { learning });
      expect(code).toBe("LIMIT_EXCEEDED");
      expect(message).toMatch(
        /needs \d+ bytes; this device allows 1000000\. With adjoint errors all weights stand in /,
      );
      expect(message).toContain(
        `one buffer: at most ${most} synapses fit, for example one block of ${side} by as many neurons.`,
      );
    }
  });
});
