import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dtypes, type DType, type NumericArray } from "../../src/io/array.ts";
import { parseJsonObject } from "../../src/io/json.ts";
import { openSafetensors, readSafetensors, writeSafetensors } from "../../src/io/safetensors.ts";
import { f32, fixture, fuzz, numbers, sentence } from "./io-files.ts";
import { withHeader } from "./io-makers.ts";

const file = { file: "a.safetensors" };

/** Of one array of two f32 and one of a byte, as the format's own description lays it out. */
const header =
  '{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[1,2],"data_offsets":[1,9]},"b":{"dtype":"I8","shape":[],"data_offsets":[0,1]}}';
const data = [255, 0, 0, 128, 63, 0, 0, 32, 192];
const good = withHeader(header, data);

describe("reading bytes laid out by hand", () => {
  it("has arrays, shapes and metadata", () => {
    const { arrays, metadata } = readSafetensors(good, file);
    expect([...metadata]).toEqual([["format", "pt"]]);
    expect(arrays.get("w")).toEqual({ shape: [1, 2], dtype: "float32", data: Float32Array.of(1, -2.5) });
    expect(arrays.get("b")).toEqual({ shape: [], dtype: "int8", data: Int8Array.of(-1) });
  });

  it("tells shapes before anything is read", () => {
    const entries = [...openSafetensors(good).arrays].map(([name, { shape, dtype }]) => [name, shape, dtype]);
    expect(entries).toEqual([
      ["w", [1, 2], "float32"],
      ["b", [], "int8"],
    ]);
  });

  // Little-endian bytes of values of every type, written out.
  const types: readonly (readonly [
    code: string,
    bytes: readonly number[],
    dtype: DType,
    values: readonly (number | bigint)[],
  ])[] = [
    ["F64", [0, 0, 0, 0, 0, 0, 248, 191], "float64", [-1.5]],
    ["F32", [0, 0, 192, 191], "float32", [-1.5]],
    ["F16", [0, 190, 1, 0, 0, 252], "float16", [-1.5, 2 ** -24, -Infinity]],
    ["BF16", [192, 191, 128, 127], "bfloat16", [-1.5, Infinity]],
    ["I64", [255, 255, 255, 255, 255, 255, 255, 127], "int64", [2n ** 63n - 1n]],
    ["I32", [0, 0, 0, 128], "int32", [-(2 ** 31)]],
    ["I16", [0, 128], "int16", [-(2 ** 15)]],
    ["I8", [128], "int8", [-128]],
    ["U64", [255, 255, 255, 255, 255, 255, 255, 255], "uint64", [2n ** 64n - 1n]],
    ["U32", [255, 255, 255, 255], "uint32", [2 ** 32 - 1]],
    ["U16", [255, 255], "uint16", [65535]],
    ["U8", [255], "uint8", [255]],
    ["BOOL", [1, 0], "bool", [1, 0]],
  ];

  it.each(types)("%s", (code, bytes, dtype, values) => {
    const shape = `[${values.length}]`;
    const text = `{"a":{"dtype":"${code}","shape":${shape},"data_offsets":[0,${bytes.length}]}}`;
    const array = readSafetensors(withHeader(text, bytes)).arrays.get("a");
    expect(array?.dtype).toBe(dtype);
    expect([...(array?.data ?? [])]).toEqual(values);
    // And back: 8 bytes of length, the header, the same elements.
    const written = writeSafetensors(new Map([["a", array as NumericArray]]));
    expect([...written.subarray(written.length - bytes.length)]).toEqual(bytes);
  });

  it("covers every type", () => {
    expect(types.map(([, , dtype]) => dtype).sort()).toEqual(Object.keys(dtypes).sort());
  });
});

describe("refusing", () => {
  it("more than the cap, before it is allocated", () => {
    expect(sentence(() => openSafetensors(good, { ...file, maxBytes: 100 }))).toBe(
      "a.safetensors: header is 138 bytes when read, but must be at most 100; read less of it, or raise maxBytes.",
    );
    const halves = withHeader('{"a":{"dtype":"F16","shape":[200],"data_offsets":[0,400]}}', Array<number>(400).fill(0));
    expect(sentence(() => openSafetensors(halves, { ...file, maxBytes: 799 }))).toBe(
      "a.safetensors: arrays is 800 bytes when read, but must be at most 799; read less of it, or raise maxBytes.",
    );
    expect(openSafetensors(halves, { ...file, maxBytes: 800 }).arrays.size).toBe(1);
  });
});

it("reads JSON as JSON.parse does", () => {
  const leaf = fc.oneof(
    fc.string(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
  );
  const value = fc.oneof(leaf, fc.array(leaf, { maxLength: 4 }), fc.dictionary(fc.string(), leaf, { maxKeys: 4 }));
  const plain = (found: unknown): unknown => {
    if (found instanceof Map) return Object.fromEntries([...found].map(([name, each]) => [name, plain(each)]));
    return Array.isArray(found) ? found.map(plain) : found;
  };
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value), fc.constantFrom(undefined, 1), (object, space) => {
      const text = JSON.stringify(object, null, space);
      expect(plain(parseJsonObject(text, "a", "header"))).toEqual(JSON.parse(text));
    }),
    { numRuns: 500, seed: 7 },
  );
});

// ---- writing --------------------------------------------------------------------------------------------------

const arrays = new Map<string, NumericArray>([
  ["b", { shape: [2], dtype: "bool", data: Uint8Array.of(1, 0) }],
  ["0.weight", f32(2, 3)(1, 2, 3, 4, 5, 6)],
  ["__proto__", { shape: [1], dtype: "float64", data: Float64Array.of(0.1) }],
  ['empty \u202e"', f32(0, 5)()],
]);
const metadata = new Map([["__proto__", "\u00fc"]]);

it("reads what it writes", () => {
  const back = readSafetensors(writeSafetensors(arrays, metadata));
  expect(new Map([...back.arrays].sort())).toEqual(new Map([...arrays].sort()));
  expect(back.metadata).toEqual(metadata);
});

it("writes the larger types first, from a multiple of 8 on, so that views need no copy", () => {
  const bytes = writeSafetensors(arrays, metadata);
  expect(bytes).toEqual(fixture("written.safetensors").slice());
  expect([...openSafetensors(bytes).arrays.keys()]).toEqual(["__proto__", "0.weight", 'empty \u202e"', "b"]);
  expect((8 + Number(new DataView(bytes.buffer).getBigUint64(0, true))) % 8).toBe(0);
});

it("rounds to bf16 to nearest, ties to even", () => {
  const values = [1 + 2 ** -8, 1 + 3 * 2 ** -8, NaN, -0, 3.4e38];
  const array = { shape: [values.length], dtype: "bfloat16", data: Float32Array.from(values) } as const;
  const back = readSafetensors(writeSafetensors(new Map([["a", array]]))).arrays.get("a");
  expect(numbers(back)).toEqual([1, 1 + 2 ** -6, NaN, -0, Infinity]);
});

it("does not write what it would not read", () => {
  expect(sentence(() => writeSafetensors(new Map([["__metadata__", f32(1)(1)]])))).toBe(
    'safetensors: name is "__metadata__", but must be another one; rename the array.',
  );
  expect(sentence(() => writeSafetensors(new Map([["a", f32(2)(1)]])))).toBe(
    '"a".data has 1 elements, but the shape [2] has 2; correct the shape.',
  );
});

it("reads or refuses damaged files, in memory of at most four times the file", () => {
  const { read, refused } = fuzz([good, fixture("written.safetensors")], (bytes) => readSafetensors(bytes));
  expect(read).toBeGreaterThan(20);
  expect(refused).toBeGreaterThan(1000);
});
