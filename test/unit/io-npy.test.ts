import { describe, expect, it } from "vitest";
import { readNpy, writeNpy } from "../../src/io/npy.ts";
import { dtypes, type DType } from "../../src/io/array.ts";
import { f32, fixture, fuzz, golden, joined, sameNumbers, sentence, told } from "./io-files.ts";
import { npy } from "./io-makers.ts";

const files = Object.keys(golden).filter((name) => name.endsWith(".npy"));

describe("reading what NumPy wrote", () => {
  it.each(files)("%s", (name) => {
    const array = readNpy(fixture(name), { file: name });
    sameNumbers(told(array), golden[name]);
  });

  it("covers every type, both orders of bytes, both orders of axes, and all versions", () => {
    const found = new Set(files.map((name) => readNpy(fixture(name)).dtype));
    expect([...found].sort()).toEqual(
      Object.keys(dtypes)
        .filter((dtype) => dtype !== "bfloat16")
        .sort(),
    );
    expect(files).toHaveLength(27);
  });

  it("reads Python 2's longs, any order of keys and double quotes", () => {
    const array = readNpy(npy('{"shape": (2L, 1L),"fortran_order":False , "descr": "<i2"}', [1, 0, 255, 255]));
    expect(array).toEqual({ shape: [2, 1], dtype: "int16", data: Int16Array.of(1, -1) });
  });
});

const file = { file: "a.npy" };

describe("refusing", () => {
  it("more than the cap, before it is allocated", () => {
    const text = "{'descr': '<f2', 'fortran_order': False, 'shape': (3,)}";
    expect(sentence(() => readNpy(npy(text, [0, 0, 0, 0, 0, 0]), { ...file, maxBytes: 11 }))).toBe(
      "a.npy: data is 12 bytes when read, but must be at most 11; read less of it, or raise maxBytes.",
    );
    expect(readNpy(npy(text, [0, 0, 0, 0, 0, 0]), { ...file, maxBytes: 12 }).shape).toEqual([3]);
    expect(sentence(() => readNpy(npy(text), { maxBytes: -1 }))).toBe(
      "maxBytes is -1, but must be a whole number of bytes, 0 or above.",
    );
  });

  it("names files and fields without what would change the sentence", () => {
    expect(sentence(() => readNpy(npy("{'descr': '<f4\u202e\n'"), { file: `<img>\n\u202e${"a".repeat(99)}` }))).toBe(
      '<img>??aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...: header at 17 is "", but must be }; save it again with numpy.save.',
    );
  });
});

describe("writing", () => {
  const written = files.filter((name) => !/big|fortran|version/.test(name));

  it.each(written)("gives %s byte for byte as NumPy does", (name) => {
    const bytes = fixture(name);
    expect(writeNpy(readNpy(bytes))).toEqual(bytes.slice());
  });

  it.each(Object.keys(dtypes).filter((each) => each !== "bfloat16") as DType[])("round-trips %s", (dtype) => {
    const data = new dtypes[dtype].holder(4);
    data[2] = /64/.test(dtype) && !dtype.startsWith("f") ? 1n : 1;
    const array = { shape: [4, 1], dtype, data };
    expect(readNpy(writeNpy(array))).toEqual(array);
  });

  it("rounds to f16 as IEEE 754 has it: ties to even, below the normal numbers, overflow", () => {
    const values = [
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
      2 ** -25,
      2 ** -25 * 1.01,
      65519.996,
      65520,
      -0,
      NaN,
      6.1e-5,
      2 ** -14 - 2 ** -26,
    ];
    const { data } = readNpy(writeNpy({ shape: [values.length], dtype: "float16", data: Float32Array.from(values) }));
    const expected = [1, 1 + 2 ** -9, 0, 2 ** -24, 65504, Infinity, -0, NaN, 1023 * 2 ** -24, 2 ** -14];
    expect([...data]).toEqual(expected);
  });

  it("keeps every f16 that there is", () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const text = "{'descr': '<f2', 'fortran_order': False, 'shape': (65536,)}";
    const array = readNpy(joined(npy(text), new Uint8Array(bits.buffer)));
    const back = writeNpy(array).subarray(128);
    const found = new Uint16Array(back.slice().buffer);
    // Those that are not numbers all become one.
    expect(found.findIndex((value, i) => value !== i && !Number.isNaN(array.data[i]))).toBe(-1);
  });

  it("refuses arrays that contradict themselves", () => {
    expect(sentence(() => writeNpy(f32(2, 2)(1, 2, 3)))).toBe(
      "array.data has 3 elements, but the shape [2, 2] has 4; correct the shape.",
    );
    expect(sentence(() => writeNpy({ shape: [1], dtype: "float64", data: Float32Array.of(1) }, "w"))).toBe(
      "w.data must be a Float64Array, as its dtype is float64.",
    );
    expect(sentence(() => writeNpy({ shape: [1], dtype: "float8" as DType, data: Float32Array.of(1) }))).toMatch(
      /^array\.dtype is float8, but must be one of float16, /,
    );
    expect(sentence(() => writeNpy({ shape: [1], dtype: "bfloat16", data: Float32Array.of(1) }))).toBe(
      "array: dtype is bfloat16, but must be a type that .npy has; write float32, or .safetensors.",
    );
  });
});

it("reads or refuses damaged files, in memory of at most four times the file", () => {
  const { read, refused } = fuzz(files.map(fixture), (bytes) => readNpy(bytes));
  expect(read).toBeGreaterThan(20);
  expect(refused).toBeGreaterThan(1500);
});
