import { deflateSync } from "fflate";
import { describe, expect, it } from "vitest";
import { crc32 } from "../../src/io/crc.ts";
import { writeNpy } from "../../src/io/npy.ts";
import { openNpz, readNpz, writeNpz } from "../../src/io/npz.ts";
import {
  ascii,
  f32,
  fixture,
  fuzz,
  golden,
  joined,
  numbers,
  patched,
  sameNumbers,
  sentence,
  told,
} from "./io-files.ts";
import { u16, u32, zip } from "./io-makers.ts";

const files = ["stored.npz", "deflated.npz"];
const file = { file: "a.npz" };

describe.each(files)("%s, which NumPy wrote", (name) => {
  const expected = Object.keys(golden).filter((key) => key.startsWith(`${name}:`));

  it("has its arrays", () => {
    const arrays = readNpz(fixture(name), file);
    expect([...arrays.keys()]).toEqual(["x", "y", "weight/input/output"]);
    expect(expected).toHaveLength(3);
    for (const [key, array] of arrays) sameNumbers(told(array), golden[`${name}:${key}`]);
  });

  it("tells shapes before anything is read", () => {
    const entries = [...openNpz(fixture(name), file)].map(([key, { shape, dtype }]) => [key, shape, dtype]);
    expect(entries).toEqual([
      ["x", [2, 3, 2], "float32"],
      ["y", [2], "int64"],
      ["weight/input/output", [1, 2], "float32"],
    ]);
  });

  it("is refused beyond the cap, before it is inflated", () => {
    expect(sentence(() => openNpz(fixture(name), { ...file, maxBytes: 455 }))).toBe(
      "a.npz: entries is 456 bytes when read, but must be at most 455; read less of it, or raise maxBytes.",
    );
    // 456 bytes with headers.
    expect(openNpz(fixture(name), { ...file, maxBytes: 456 }).size).toBe(3);
  });
});

// ---- archives made by hand ------------------------------------------------------------------------------------

const one = writeNpy(f32(1)(7));
const good = zip({ name: "a.npy", data: one });
const packed = deflateSync(one);

it("reads what the archives of these tests are changed from", () => {
  expect(numbers(readNpz(good).get("a"))).toEqual([7]);
  const deflated = zip({ name: "a.npy", data: packed, size: one.length, method: 8, checksum: crc32(one) });
  expect(numbers(readNpz(deflated).get("a"))).toEqual([7]);
  // A comment behind, and one that looks like an end.
  const comment = joined(u32(0x06054b50), ascii("not the end of it, only a comment of more than 22 bytes"));
  const commented = joined(patched(good, good.length - 2, u16(comment.length)), comment);
  expect(numbers(readNpz(commented).get("a"))).toEqual([7]);
  expect(readNpz(zip()).size).toBe(0);
});

it("has the checksum of ZIP", () => {
  expect(crc32(ascii("123456789"))).toBe(0xcbf43926);
});

// ---- writing --------------------------------------------------------------------------------------------------

const arrays = new Map([
  ["weight/input/output", f32(2, 3)(1, 2, 3, 4, 5, 6)],
  ["__proto__", f32(0)()],
  ["\u00fc", f32()(0.5)],
]);

it.each([true, false])("reads what it writes, compressed: %s, and writes the same again", (compressed) => {
  const bytes = writeNpz(arrays, { compressed });
  expect(readNpz(bytes)).toEqual(arrays);
  expect(writeNpz(arrays, { compressed })).toEqual(bytes);
});

it("writes the file that NumPy was seen to read", () => {
  expect(writeNpz(arrays)).toEqual(fixture("written.npz").slice());
});

it("does not write what it would not read", () => {
  expect(sentence(() => writeNpz(new Map([["weight/../x", f32(1)(1)]])))).toBe(
    'npz: entry is "weight/../x.npy", but must be a name within the archive; rename it, and do not unpack this file.',
  );
  expect(sentence(() => writeNpz(new Map([["a", f32(2)(1)]])))).toBe(
    '"a".data has 1 elements, but the shape [2] has 2; correct the shape.',
  );
});

it("reads or refuses damaged files, in memory of at most four times the file", () => {
  const { read, refused } = fuzz([...files.map(fixture), good], (bytes) => readNpz(bytes), {
    // What inflates makes windows and room of some 400 KiB for every entry, twice, and drops them.
    most: (bytes) => 4 * bytes + 6 * 2 ** 19,
  });
  expect(read).toBeGreaterThan(20);
  expect(refused).toBeGreaterThan(1500);
});
