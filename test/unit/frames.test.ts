import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DataError } from "../../src/errors.ts";
import { FrameStream, signalsOf, type Signal, type SignalData, type Window } from "../../src/frames.ts";
import { planNetwork, type Plan } from "../../src/plan.ts";
import { resolveNetwork, type NetworkSpec } from "../../src/spec.ts";
import { defaults } from "./planning.ts";

// ---- streaming ----------------------------------------------------------------------------------------------

/** Frame f of a signal holds f, `size` times. */
function signal(key: string, size: number, frames: number): Signal {
  return { key, size, frames, data: Float32Array.from({ length: size * frames }, (_, i) => Math.floor(i / size)) };
}

/** What stands in the frame buffer, and what a stream has done to it. */
function createDevice(signals: readonly Signal[], capacity: number, start: number) {
  const held = new Map(signals.map(({ key }) => [key, new Array<number>(capacity).fill(NaN)]));
  let writes = 0;
  const stream = new FrameStream(signals, capacity, start, (key, frames, first) => {
    writes += 1;
    const size = signals.find((candidate) => candidate.key === key)?.size ?? NaN;
    for (let i = 0; i < frames.length; i++) {
      const frame = first + Math.floor(i / size);
      expect(frame).toBeLessThan(capacity);
      held.get(key)?.splice(frame, 1, frames[i] ?? NaN);
    }
  });
  return { stream, held, writes: () => writes };
}

/** The frames that a device reads at steps 0 to `steps` - 1 of a run, in chunks of `chunk` steps at most. */
function framesRead(signals: readonly Signal[], capacity: number, steps: number, chunk: number): Map<string, number[]> {
  const start = 1000;
  const { stream, held } = createDevice(signals, capacity, start);
  const read = new Map(signals.map(({ key }): [string, number[]] => [key, []]));
  let window: Window = { frameOrigin: 0, inputFrames: 1, targetFrames: 0 };
  for (let step = 0; step < steps;) {
    window = stream.prepare(step) ?? window;
    const end = Math.min(step + Math.min(chunk, stream.available(step)), steps);
    expect(end).toBeGreaterThan(step);
    for (; step < end; step++) {
      for (const { key } of signals) {
        const count = key.startsWith("input") ? window.inputFrames : window.targetFrames;
        // As frame_of of the kernel has it.
        read.get(key)?.push(held.get(key)?.[(start + step - window.frameOrigin) % count] ?? NaN);
      }
    }
  }
  return read;
}

describe("FrameStream", () => {
  it("gives every step its frame, starting over at the end of the data, whatever fits", () => {
    const arbitrary = fc.record({
      capacity: fc.integer({ min: 1, max: 12 }),
      inputs: fc.integer({ min: 1, max: 30 }),
      targets: fc.integer({ min: 1, max: 30 }),
      steps: fc.integer({ min: 1, max: 60 }),
      chunk: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(arbitrary, ({ capacity, inputs, targets, steps, chunk }) => {
        const signals = [signal("input/a", 3, inputs), signal("input/b", 1, inputs), signal("target/c", 2, targets)];
        const read = framesRead(signals, capacity, steps, chunk);
        const cycle = (frames: number): number[] => Array.from({ length: steps }, (_, step) => step % frames);
        expect(read.get("input/a")).toEqual(cycle(inputs));
        expect(read.get("input/b")).toEqual(cycle(inputs));
        expect(read.get("target/c")).toEqual(cycle(targets));
      }),
      { numRuns: 500, seed: 6 },
    );
  });

  it("uploads what fits once", () => {
    const { stream, writes } = createDevice([signal("input/a", 2, 8)], 8, 5);
    expect(stream.prepare(0)).toEqual({ frameOrigin: 5, inputFrames: 8, targetFrames: 0 });
    expect(stream.prepare(3)).toBeNull();
    expect(stream.prepare(10 ** 9)).toBeNull();
    expect([writes(), stream.available(7)]).toEqual([1, Infinity]);
  });

  it("uploads what does not fit a window at a time", () => {
    const { stream, writes } = createDevice([signal("input/a", 2, 9)], 8, 5);
    expect(stream.prepare(0)).toEqual({ frameOrigin: 5, inputFrames: 8, targetFrames: 0 });
    expect([stream.available(0), stream.available(6)]).toEqual([8, 2]);
    expect(stream.prepare(7)).toBeNull();
    expect(writes()).toBe(1);
    expect(stream.prepare(8)).toEqual({ frameOrigin: 13, inputFrames: 8, targetFrames: 0 });
    // Frame 8, then 0 to 6: one write each.
    expect(writes()).toBe(3);
  });

  it("leaves the frames alone without signals", () => {
    const { stream } = createDevice([], 8, 5);
    expect(stream.prepare(0)).toBeNull();
    expect(stream.available(0)).toBe(Infinity);
  });
});

// ---- data of users ------------------------------------------------------------------------------------------

function plan(spec: Partial<NetworkSpec>, batch = 2): Plan {
  const neurons = { tauM: 1, tauR: 1, activation: "tanh" } as const;
  const network: NetworkSpec = {
    dt: 0.1,
    sources: [{ name: "eye", size: 3 }],
    populations: [{ ...neurons, name: "out", size: 4, cost: { kind: "cross-entropy" } }],
    projections: [{ from: "eye", to: "out" }],
    ...spec,
  };
  return planNetwork(resolveNetwork(network), { ...defaults, batch, frameBytes: 1024 });
}

const twoSources = {
  sources: [
    { name: "eye", size: 3 },
    { name: "ear", size: 1 },
  ],
} as const;
const floats = (length: number, value = 0): Float32Array => new Float32Array(length).fill(value);

describe("signalsOf", () => {
  it("takes one array where there is one source, and arrays by name", () => {
    expect(signalsOf(plan({}), "input", floats(12))).toEqual([
      { key: "input/eye", data: floats(12), size: 6, frames: 2 },
    ]);
    const both = signalsOf(plan(twoSources), "input", { ear: floats(4), eye: floats(12) });
    expect(both.map(({ key, size, frames }) => [key, size, frames])).toEqual([
      ["input/eye", 6, 2],
      ["input/ear", 2, 2],
    ]);
  });

  it("takes a class for each batch row, -1 for none", () => {
    const target = Float32Array.of(0, 3, -1, 2);
    expect(signalsOf(plan({}), "target", target)).toEqual([{ key: "target/out", data: target, size: 2, frames: 2 }]);
  });

  const neurons = { tauM: 1, tauR: 1, activation: "tanh" } as const;
  const refused: Readonly<Record<string, readonly [Plan, "input" | "target", unknown, string]>> = {
    "one array for two sources": [
      plan(twoSources),
      "input",
      floats(6),
      "run.input must be given by name, because there are several: eye, ear.",
    ],
    "an unknown name": [plan({}), "input", { nose: floats(6) }, "run.input.nose does not exist; there is eye."],
    "a missing name": [
      plan(twoSources),
      "input",
      { eye: floats(6) },
      "run.input.ear must be a Float32Array; it is missing or of another type.",
    ],
    "an inherited name": [
      plan({ sources: [{ name: "toString", size: 3 }], projections: [{ from: "toString", to: "out" }] }),
      "input",
      {},
      "run.input.toString must be a Float32Array; it is missing or of another type.",
    ],
    "another kind of array": [
      plan({}),
      "input",
      { eye: new Float64Array(6) },
      "run.input.eye must be a Float32Array; it is missing or of another type.",
    ],
    "a wrong length": [
      plan({}),
      "input",
      floats(7),
      'run.input.eye has 7 values; a frame has 6 (2 batch rows of the neurons of "eye"), so the length must be a multiple of it.',
    ],
    "no values": [
      plan({}),
      "input",
      floats(0),
      'run.input.eye has 0 values; a frame has 6 (2 batch rows of the neurons of "eye"), so the length must be a multiple of it.',
    ],
    "a wrong number of classes": [
      plan({}),
      "target",
      floats(3),
      "run.target.out has 3 values; a frame has 2 (one class index for each of 2 batch rows), so the length must be a multiple of it.",
    ],
    "sources that differ in frames": [
      plan(twoSources),
      "input",
      { eye: floats(12), ear: floats(2) },
      "run.input must have as many frames for each; found input/eye 2, input/ear 1.",
    ],
    "a class that does not exist": [
      plan({}),
      "target",
      Float32Array.of(0, 4),
      "run.target.out[1] is 4; a class index is a whole number from 0 to 3, or -1 for none.",
    ],
    "a fraction of a class": [
      plan({}),
      "target",
      Float32Array.of(0.5, 0),
      "run.target.out[0] is 0.5; a class index is a whole number from 0 to 3, or -1 for none.",
    ],
    "a class that is not a number": [
      plan({}),
      "target",
      Float32Array.of(0, NaN),
      "run.target.out[1] is NaN; a class index is a whole number from 0 to 3, or -1 for none.",
    ],
    "a target without a cost": [
      plan({ populations: [{ ...neurons, name: "out", size: 4 }] }),
      "target",
      floats(8),
      "run.target is given, but no population has a cost.",
    ],
    "an input without a source": [
      plan({ sources: [], projections: [{ from: "out", to: "out" }] }),
      "input",
      floats(8),
      "run.input has no source.",
    ],
  };

  it.each(Object.entries(refused))("refuses %s", (_, [plan, kind, data, message]) => {
    const signals = (): unknown => signalsOf(plan, kind, data as SignalData);
    expect(signals).toThrow(DataError);
    expect(signals).toThrow(message);
  });
});
