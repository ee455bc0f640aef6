/** Holds the literals on the host, of bindings, overrides and tables, to what the shaders declare. */

import { describe, expect, it } from "vitest";
import { WgslReflect, type StructInfo } from "wgsl_reflect";
import { Engine, type RunConstants } from "../../src/engine.ts";
import { assemble, kernels, type Access, type Kernel, type KernelName } from "../../src/kernels.ts";
import { layOut, traceQuantities, tunings, type PlanOptions } from "../../src/layout.ts";
import { resolveLearning, resolveNetwork } from "../../src/spec.ts";
import { blockTable, clockWords, populationTable, projectionTable, tileTable } from "../../src/tables.ts";
import { cut, none, type Tile } from "../../src/tiles.ts";

const names = Object.keys(kernels) as KernelName[];

/**
 * Module scope alone: without comments, and with empty functions, since the parser does not know every expression of
 * WGSL and nothing in a body declares anything.
 */
function declarationsOf(code: string): string {
  const bare = code.replace(/\/\/.*/g, "");
  let declarations = "";
  let depth = 0;
  let isBody = false;
  for (const [index, letter] of Array.from(bare).entries()) {
    if (letter === "{") {
      if (depth === 0) isBody = /\bfn\s[^{};]*$/.test(bare.slice(0, index));
      depth += 1;
      if (!isBody || depth === 1) declarations += letter;
    } else if (letter === "}") {
      depth -= 1;
      if (!isBody || depth === 0) declarations += letter;
    } else if (depth === 0 || !isBody) {
      declarations += letter;
    }
  }
  return declarations;
}

const reflections: ReadonlyMap<KernelName, WgslReflect> = new Map(
  names.map((name) => [name, new WgslReflect(declarationsOf(assemble(name).code))]),
);

function reflect(name: KernelName): WgslReflect {
  const reflection = reflections.get(name);
  if (reflection === undefined) throw new Error(`There is no kernel "${name}".`);
  return reflection;
}

function struct(kernel: KernelName, name: string): StructInfo {
  const found = reflect(kernel).structs.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`Kernel "${kernel}" has no struct ${name}.`);
  return found;
}

/** Byte offset of every member; members that are structs themselves by the names of theirs. */
function offsetsOf(kernel: KernelName, name: string): Map<string, number> {
  const { structs } = reflect(kernel);
  return new Map(
    struct(kernel, name).members.flatMap((member): [string, number][] => {
      const inner = structs.find((candidate) => candidate.name === member.type.name);
      if (inner === undefined) return [[member.name, member.offset]];
      return inner.members.map(({ name, offset }) => [name, member.offset + offset]);
    }),
  );
}

/** The row of a table, read as the shader reads it. */
function decode(bytes: ArrayBuffer, kernel: KernelName, name: string, row: number): Record<string, number> {
  const view = new DataView(bytes, row * struct(kernel, name).size);
  const types = new Map(
    [struct(kernel, name), ...reflect(kernel).structs].flatMap(({ members }) =>
      members.map((member) => [member.name, member.type.name] as const),
    ),
  );
  return Object.fromEntries(
    [...offsetsOf(kernel, name)].map(([member, offset]) => [
      member,
      types.get(member) === "f32" ? view.getFloat32(offset, true) : view.getUint32(offset, true),
    ]),
  );
}

describe.each(names)("kernel %s", (name) => {
  const kernel: Kernel = kernels[name];
  const reflection = reflect(name);

  it("has one entry point, which is named like it", () => {
    const { compute, vertex, fragment } = reflection.entry;
    expect([...compute, ...vertex, ...fragment].map((entry) => entry.name)).toEqual([name]);
  });

  it("declares the bindings of its literal, numbered without gaps", () => {
    const isAccess: Record<string, Access> = { read: "read", read_write: "read-write" };
    const variables = [...reflection.uniforms, ...reflection.storage, ...reflection.textures, ...reflection.samplers];
    const declared = variables
      .toSorted((a, b) => a.group - b.group || a.binding - b.binding)
      .map(({ group, binding, name, access }) => ({
        group,
        binding,
        name,
        access: reflection.uniforms.some((uniform) => uniform.name === name) ? "uniform" : isAccess[access],
      }));
    const literal = kernel.bindings.map((binding, index) => ({
      group: binding.group,
      binding: kernel.bindings.slice(0, index).filter(({ group }) => group === binding.group).length,
      name: binding.name,
      access: binding.access,
    }));
    const right = declared.map(
      ({ group, name, access }) => `{ group: ${group}, name: "${name}", access: "${access}" }`,
    );
    expect(literal, `right would be:\n${right.join(",\n")}`).toEqual(declared);
  });

  it("declares the overrides of its literal", () => {
    const declared = reflection.overrides.map(({ name }) => name).toSorted();
    expect(kernel.overrides.toSorted(), `right would be: ${JSON.stringify(declared)}`).toEqual(declared);
  });

  it("fits the limits that every device has", () => {
    expect(reflection.storage.length).toBeLessThanOrEqual(8);
    expect(reflection.uniforms.length).toBeLessThanOrEqual(12);
    expect(Math.max(...kernel.bindings.map(({ group }) => group))).toBeLessThan(4);
  });

  it("finds the file and the line of every line of its text", () => {
    const { code, locate } = assemble(name);
    const lines = code.split("\n");
    const files = new Set(lines.map((_, index) => locate(index + 1).file));
    expect([...files]).toEqual([...kernel.snippets.map((snippet) => `common/${snippet}.wgsl`), `${name}.wgsl`]);
    const entry = lines.findIndex((line) => line.startsWith(`fn ${name}(`)) + 1;
    const { file, line } = locate(entry);
    expect(file).toBe(`${name}.wgsl`);
    expect(kernel.source.split("\n")[line - 1]).toBe(lines[entry - 1]);
  });
});

// ---- what the host writes -----------------------------------------------------------------------------------

const network = resolveNetwork({
  dt: 0.125,
  sources: [
    { name: "eye", size: 7 },
    { name: "ear", size: 4 },
  ],
  populations: [
    { name: "hidden", size: 9, tauM: 1, tauR: 0.5, activation: "tanh", gamma: 0.25 },
    {
      name: "output",
      size: 5,
      tauM: 1,
      tauR: 1,
      activation: "softplus",
      bias: { plastic: false, init: { kind: "constant", value: 0.75 } },
      cost: { kind: "cross-entropy", beta: 0.5 },
    },
  ],
  projections: [
    { from: "eye", to: "hidden" },
    { from: "hidden", to: "output", plastic: false },
    { from: "ear", to: "output", init: { kind: "constant", value: 2 } },
  ],
});
const options: PlanOptions = {
  batch: 6,
  learning: resolveLearning({ optimizer: { kind: "adam", eta: 0.25, beta1: 0.5, beta2: 0.75, epsilon: 0.0625 } }),
  record: [
    { population: "hidden", quantity: "slope" },
    { population: "eye", quantity: "feedback" },
  ],
  energies: [], trajectoryBytes: 2 ** 26, frameBytes: 4096,
  tuning: tunings.cpu,
};
const layout = layOut(network, options);
const work = cut(network, options);

/** First quad of a place. */
function first(key: string): number {
  const place = layout.places.get(key);
  if (place === undefined) throw new Error(`There is no place "${key}".`);
  return place.first;
}

describe("struct Params", () => {
  /** Has the engine write its constants into `words`. */
  function written(constants: RunConstants): { bytes: ArrayBuffer; offset: number } {
    const writes: { bytes: ArrayBuffer; offset: number }[] = [];
    const writeBuffer = (_: unknown, offset: number, bytes: ArrayBuffer): void => {
      writes.push({ bytes, offset });
    };
    const stub = {
      plan: { network, learning: options.learning, recordRows: 11 },
      device: { queue: { writeBuffer } },
      buffer: () => null,
    };
    Object.assign(Object.create(Engine.prototype) as Engine, stub).writeConstants(constants);
    const [write, ...more] = writes;
    if (write === undefined || more.length > 0) throw new Error(`There were ${writes.length} writes, not one.`);
    return write;
  }

  it("is what the engine writes", () => {
    const run = { eta: 3, frameOrigin: 5, inputFrames: 6, targetFrames: 7, recordOrigin: 8 };
    const { bytes, offset } = written(run);
    expect(offset).toBe(0);
    expect(bytes.byteLength).toBe(struct("neurons", "Params").size);
    expect(bytes.byteLength).toBe(56);
    expect(decode(bytes, "neurons", "Params", 0)).toEqual({
      dt: 0.125,
      eta: 3,
      beta1: 0.5,
      beta2: 0.75,
      log_beta1: Math.fround(Math.log(0.5)),
      log_beta2: Math.fround(Math.log(0.75)),
      complement1: 0.5,
      complement2: 0.25,
      epsilon: 0.0625,
      frame_origin: 5,
      input_frames: 6,
      target_frames: 7,
      record_origin: 8,
      record_rows: 11,
    });
  });
});

describe("struct Clock", () => {
  it("is four words: step, updates, update and fault, which starts as none", () => {
    expect(struct("neurons", "Clock").size).toBe(16);
    expect([...offsetsOf("neurons", "Clock")]).toEqual([
      ["step", 0],
      ["updates", 4],
      ["update", 8],
      ["fault", 12],
    ]);
    expect([...new Uint32Array(clockWords())]).toEqual([0, 0, 0, none]);
  });
});

describe("struct Tile", () => {
  it("is what the table of tiles holds", () => {
    const tile = (start: number): Tile => ({
      block: start,
      row: start + 1,
      rows: start + 2,
      column: start + 3,
      columns: start + 4,
      current: start + 5,
      feedback: start + 6,
      flags: start + 7,
    });
    const tiles = [tile(10), tile(20)];
    const bytes = tileTable(tiles);
    expect(bytes.byteLength).toBe(tiles.length * struct("neurons", "Tile").size);
    expect(tiles.map((_, row) => decode(bytes, "neurons", "Tile", row))).toEqual(tiles);
  });
});

describe("struct Projection", () => {
  it("is what the table of projections holds", () => {
    const bytes = projectionTable(network, layout);
    expect(bytes.byteLength).toBe(network.projections.length * struct("synapses", "Projection").size);
    const rows = network.projections.map((_, row) => decode(bytes, "synapses", "Projection", row));
    // Weights learn: 1, biases learn: 2.
    expect(rows).toEqual([
      {
        pre: 2,
        post: 3,
        weight: first("weight/eye/hidden"),
        bias: first("bias/hidden"),
        rate: first("rate/eye"),
        error: first("error/hidden"),
        flags: 3,
      },
      {
        pre: 3,
        post: 2,
        weight: first("weight/hidden/output"),
        bias: first("bias/output"),
        rate: first("rate/hidden"),
        error: first("error/output"),
        flags: 0,
      },
      {
        pre: 1,
        post: 2,
        weight: first("weight/ear/output"),
        bias: none,
        rate: first("rate/ear"),
        error: first("error/output"),
        flags: 1,
      },
    ]);
  });
});

describe("struct Recorded", () => {
  const bytes = populationTable(network, options.batch, work, layout);
  const { size } = struct("neurons", "Recorded");
  const rows = [0, 1, 2, 3].map((row) => decode(bytes, "neurons", "Recorded", row));
  const ratesOfPopulations = first("rate/hidden") - first("error/hidden");

  it("has as many rows as there are populations and sources", () => {
    expect(size).toBe(26 * 4);
    expect(bytes.byteLength).toBe(4 * size);
  });

  it("is what the table of populations holds", () => {
    const [current, feedback] = [work.currents, work.feedback];
    expect(rows[0]).toMatchObject({
      size: 9,
      row: 3,
      first: first("error/hidden"),
      is_source: 0,
      activation: 2,
      current: current[0]?.first,
      current_parts: current[0]?.parts,
      feedback: feedback[0]?.first,
      feedback_parts: feedback[0]?.parts,
      tau_m: 0,
      tau_r: 5,
      gamma: 0.25,
      beta: 0,
      cost: 0,
      has_error: 1,
    });
    expect(rows[1]).toMatchObject({
      size: 5,
      row: 2,
      first: first("error/output"),
      is_source: 0,
      activation: 32,
      current: current[1]?.first,
      current_parts: current[1]?.parts,
      tau_m: 3,
      tau_r: 8,
      gamma: 0,
      beta: 0.5,
      cost: 2,
      cost_sum: first("cost/output"),
      frame: first("target/output"),
      // A class for each of six batch rows.
      frame_size: 2,
      has_error: 1,
    });
    expect(rows[2]).toMatchObject({
      size: 7,
      row: 2,
      first: first("rate/eye") - ratesOfPopulations,
      is_source: 1,
      feedback: work.sourceFeedback[0]?.first,
      feedback_parts: work.sourceFeedback[0]?.parts,
      cost: 0,
      frame: first("input/eye"),
      frame_size: 12,
      has_error: 0,
    });
    expect(rows[3]).toMatchObject({ size: 4, row: 1, first: first("rate/ear") - ratesOfPopulations, is_source: 1 });
  });

  it("gives the places of the traces in the order of the quantities", () => {
    const offset = offsetsOf("neurons", "Recorded").get("places") ?? NaN;
    const placesOf = (row: number): number[] => [...new Uint32Array(bytes, row * size + offset, 8)];
    const placesWith = (quantity: string, place: number | undefined): (number | undefined)[] =>
      traceQuantities.map((candidate) => (candidate === quantity ? place : none));
    expect(offset + 4 * traceQuantities.length).toBe(size);
    expect(placesOf(0)).toEqual(placesWith("slope", layout.traces[0]?.first));
    expect(placesOf(1)).toEqual(placesWith("", none));
    expect(placesOf(2)).toEqual(placesWith("feedback", layout.traces[1]?.first));
  });
});

describe("struct Block", () => {
  it("is what the table of initial values holds", () => {
    const bytes = blockTable(network, layout);
    expect(struct("initialize", "Block").size).toBe(32);
    expect(bytes.byteLength).toBe(5 * 32);
    const rows = [0, 1, 2, 3, 4].map((row) => decode(bytes, "initialize", "Block", row));
    const uniform = (fanIn: number) => ({ kind: 1, value: Math.fround(1 / Math.sqrt(fanIn)) });
    expect(rows).toMatchObject([
      { first: first("weight/eye/hidden"), count: 63, columns: 7, stream: 0, ...uniform(7) },
      { first: first("weight/hidden/output"), count: 45, columns: 9, stream: 1, ...uniform(9) },
      { first: first("weight/ear/output"), count: 20, columns: 4, stream: 2, kind: 0, value: 2 },
      { first: first("bias/hidden"), count: 9, columns: 9, stream: 3, ...uniform(7) },
      { first: first("bias/output"), count: 5, columns: 5, stream: 4, kind: 0, value: 0.75 },
    ]);
  });
});
