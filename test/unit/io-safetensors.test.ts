import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dtypes, type DType, type NumericArray } from "../../src/io/array.ts";
import { parseJsonObject } from "../../src/io/json.ts";
import { openSafetensors, readSafetensors, writeSafetensors } from "../../src/io/safetensors.ts";
import { ascii, f32, fixture, fuzz, joined, numbers, patched, sentence } from "./io-files.ts";

const file = { file: "a.safetensors" };

function withHeader(header: string | Uint8Array, ...data: readonly (readonly number[])[]): Uint8Array {
  const bytes = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const length = new Uint8Array(new BigUint64Array([BigInt(bytes.length)]).buffer);
  return joined(length, bytes, ...data);
}

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

const tensor = (fields: string): string => `{"w":{${fields}}}`;
const rest = '"shape":[2],"data_offsets":[0,8]';
const eight = [0, 0, 0, 0, 0, 0, 0, 0];
const pair = (a: string, b: string): string =>
  `{"a":{"dtype":"U8","shape":[4],"data_offsets":[${a}]},"b":{"dtype":"U8","shape":[4],"data_offsets":[${b}]}}`;

describe("refusing", () => {
  const cases: readonly (readonly [what: string, bytes: Uint8Array, said: string])[] = [
    [
      "an empty file",
      new Uint8Array(0),
      "a.safetensors: header length is cut off, but must be 8 bytes; save it again with safetensors.",
    ],
    [
      "a header longer than the file",
      patched(good, 0, [0, 1]),
      "a.safetensors: header length is 256, but must be at most 147; save it again with safetensors.",
    ],
    [
      "a header beyond numbers",
      patched(good, 0, [255, 255, 255, 255, 255, 255, 255, 255]),
      "a.safetensors: header length is 18446744073709552000, but must be at most 147; save it again with safetensors.",
    ],
    [
      "text that is not UTF-8",
      withHeader(joined(ascii('{"'), [255])),
      "a.safetensors: header is not UTF-8, but must be UTF-8; save it again with safetensors.",
    ],
    [
      "another file",
      withHeader("[1, 2]"),
      'a.safetensors: header at 0 is "[1, 2]", but must be "{"; save the file again.',
    ],
    [
      "JSON with a comma too many",
      withHeader('{"a":{},}'),
      'a.safetensors: header at 8 is "}", but must be a name; save the file again.',
    ],
    [
      "text behind the header",
      withHeader("{} x"),
      'a.safetensors: header at 3 is "x", but must be the end; save the file again.',
    ],
    [
      "a name twice",
      withHeader('{"a":{},"a":{}}'),
      'a.safetensors: header at 8 is "a" again, but must be there once; save the file again.',
    ],
    [
      "a field twice",
      withHeader(tensor('"dtype":"U8","dtype":"U8"')),
      'a.safetensors: header at 19 is "dtype" again, but must be there once; save the file again.',
    ],
    [
      "lists in lists without end",
      withHeader(`{"a":${"[".repeat(50_000)}`),
      'a.safetensors: header at 7 is "[[[[[[[[[[[[[[[[[[[[", but must be a value, as it is nested 3 deep; save the file again.',
    ],
    [
      "a list without end",
      withHeader(`{"a":[${"1,".repeat(50_000)}1]}`),
      'a.safetensors: header at 134 is "1,1,1,1,1,1,1,1,1,1,", but must be the end of the list, as it has 64 values; save the file again.',
    ],
    [
      "an array that is none",
      withHeader('{"__proto__":1}'),
      'a.safetensors: "__proto__" is no object, but must be an object of dtype, shape and data_offsets; save it again with safetensors.',
    ],
    [
      "a field too many",
      withHeader(tensor(`"dtype":"F32",${rest},"x":1`), eight),
      'a.safetensors: "w" is of 4 fields, but must be of dtype, shape and data_offsets alone; save it again with safetensors.',
    ],
    [
      "an unknown type",
      withHeader(tensor(`"dtype":"F8_E4M3",${rest}`), eight),
      'a.safetensors: "w".dtype is "F8_E4M3", but must be one of F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, BOOL; save it again with safetensors.',
    ],
    [
      "a missing type",
      withHeader(tensor(rest), eight),
      'a.safetensors: "w".dtype is missing, but must be one of F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, BOOL; save it again with safetensors.',
    ],
    [
      "a shape that is none",
      withHeader(tensor('"dtype":"F32","shape":"2","data_offsets":[0,8]'), eight),
      'a.safetensors: "w".shape is "2", but must be a list of numbers; save it again with safetensors.',
    ],
    [
      "a negative length",
      withHeader(tensor('"dtype":"F32","shape":[-2],"data_offsets":[0,8]'), eight),
      'a.safetensors: "w".shape[0] is -2, but must be a whole number from 0 to 2^53 - 1; write the array again.',
    ],
    [
      "a product beyond numbers",
      withHeader(tensor('"dtype":"F32","shape":[1e15,1e15],"data_offsets":[0,8]'), eight),
      'a.safetensors: "w".shape is 1e+30 elements, but must be at most 2^53 - 1; write the array again.',
    ],
    [
      "offsets that are none",
      withHeader(tensor('"dtype":"F32","shape":[2],"data_offsets":[8]'), eight),
      'a.safetensors: "w".data_offsets is a list or an object, but must be two numbers; save it again with safetensors.',
    ],
    [
      "offsets in no order",
      withHeader(tensor('"dtype":"F32","shape":[2],"data_offsets":[8,0]'), eight),
      'a.safetensors: "w".data_offsets is [8, 0], but must be in order within the 8 bytes behind the header; save it again with safetensors.',
    ],
    [
      "offsets outside",
      withHeader(tensor('"dtype":"F32","shape":[2],"data_offsets":[4,12]'), eight),
      'a.safetensors: "w".data_offsets is [4, 12], but must be in order within the 8 bytes behind the header; save it again with safetensors.',
    ],
    [
      "offsets of another size",
      withHeader(tensor('"dtype":"F32","shape":[3],"data_offsets":[0,8]'), eight),
      'a.safetensors: "w".data_offsets is of 8 bytes, but must be 12, for the shape [3] of float32; save it again with safetensors.',
    ],
    [
      "arrays that overlap",
      withHeader(pair("0,4", "2,6"), eight),
      'a.safetensors: "b".data_offsets is from 2 on, over another that ends at 4, but must be from 4 on; save it again with safetensors.',
    ],
    [
      "a hole",
      withHeader(pair("0,4", "5,9"), eight, [0]),
      'a.safetensors: "b".data_offsets is from 5 on, behind a hole, but must be from 4 on; save it again with safetensors.',
    ],
    [
      "bytes behind the data",
      withHeader(pair("0,4", "4,8"), eight, [0]),
      "a.safetensors: data is 9 bytes, but must be 8, as the header has arrays for; save it again with safetensors.",
    ],
    [
      "metadata that are no texts",
      withHeader('{"__metadata__":{"epoch":3}}'),
      "a.safetensors: __metadata__ is something else, but must be an object of texts; save it again with safetensors.",
    ],
  ];

  it.each(cases)("%s", (_, bytes, said) => {
    expect(sentence(() => readSafetensors(bytes, file))).toBe(said);
  });

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

  it("a bool that is 2, when it is read", () => {
    const bytes = withHeader('{"b":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}', [2]);
    expect(sentence(() => readSafetensors(bytes, file))).toBe(
      'a.safetensors: "b"[0] is 2, but must be 0 or 1, as it is a bool; write the array again.',
    );
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
