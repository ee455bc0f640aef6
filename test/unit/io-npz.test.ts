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

interface Member {
  readonly name: string;
  readonly data: Uint8Array;
  readonly size?: number;
  readonly method?: number;
  readonly flags?: number;
  readonly checksum?: number;
  /** Where the directory says that it is. */
  readonly at?: number;
}

const u16 = (...values: number[]): number[] => values.flatMap((value) => [value & 255, value >>> 8]);
const u32 = (...values: number[]): number[] => values.flatMap((value) => u16(value & 0xffff, value >>> 16));

function zip(...members: readonly Member[]): Uint8Array {
  let body: Uint8Array = new Uint8Array(0);
  let directory: Uint8Array = new Uint8Array(0);
  for (const {
    name,
    data,
    size = data.length,
    method = 0,
    flags = 0,
    checksum = crc32(data),
    at = body.length,
  } of members) {
    const common = joined(u16(20, flags, method, 0, 0), u32(checksum, data.length, size), u16(name.length, 0));
    directory = joined(directory, u32(0x02014b50), u16(20), common, u16(0, 0, 0), u32(0, at), ascii(name));
    body = joined(body, u32(0x04034b50), common, ascii(name), data);
  }
  const { length } = members;
  return joined(
    body,
    directory,
    u32(0x06054b50),
    u16(0, 0, length, length),
    u32(directory.length, body.length),
    u16(0),
  );
}

const one = writeNpy(f32(1)(7));
const good = zip({ name: "a.npy", data: one });
const end = good.length - 22;
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

describe("refusing", () => {
  const inner = zip({ name: "b.npy", data: one }).subarray(0, 35);
  const bomb = { name: "a.npy", data: new Uint8Array(100), method: 8 };
  const cases: readonly (readonly [what: string, bytes: Uint8Array, said: string])[] = [
    [
      "an empty file",
      new Uint8Array(0),
      "a.npz: end record is missing, but must be at the end of the file; save it again with numpy.savez.",
    ],
    [
      "another file",
      one,
      "a.npz: end record is missing, but must be at the end of the file; save it again with numpy.savez.",
    ],
    [
      "an archive that is cut",
      good.subarray(0, good.length - 1),
      "a.npz: end record is missing, but must be at the end of the file; save it again with numpy.savez.",
    ],
    [
      "bytes before the archive",
      joined([0], good),
      "a.npz: directory is from 167 to 218, but must be one that ends at 219; save it again with numpy.savez.",
    ],
    [
      "zip64 for the archive",
      patched(good, end + 8, u16(0xffff, 0xffff)),
      "a.npz: directory is of the kind zip64, for files of 4 GiB and more, but must be a plain ZIP; read as safetensors, or in parts below 4 GiB.",
    ],
    [
      "zip64 for an entry",
      zip({ name: "a.npy", data: one, size: 0xffffffff }),
      'a.npz: "a.npy" is of the kind zip64, for files of 4 GiB and more, but must be a plain entry; read as safetensors, or in parts below 4 GiB.',
    ],
    [
      "one part of several",
      patched(good, end + 4, u16(1)),
      "a.npz: directory is in several parts, but must be in one file; save it again with numpy.savez.",
    ],
    [
      "more entries than anyone has",
      patched(good, end + 8, u16(20_000, 20_000)),
      "a.npz: directory is of 20000 entries, but must be of at most 10000; save it again with numpy.savez.",
    ],
    [
      "fewer entries than counted",
      patched(good, end + 8, u16(2, 2)),
      "a.npz: entry 1 is cut off, but must be one of 2; save it again with numpy.savez.",
    ],
    [
      "more entries than counted",
      patched(good, end + 8, u16(0, 0)),
      "a.npz: directory is 51 bytes longer, but must be of 0 entries; save it again with numpy.savez.",
    ],
    [
      "a password",
      zip({ name: "a.npy", data: one, flags: 1 }),
      'a.npz: "a.npy" is encrypted, but must be open; save it without a password.',
    ],
    [
      "another method",
      zip({ name: "a.npy", data: one, method: 12 }),
      'a.npz: "a.npy" is packed by method 12, but must be stored (0) or deflated (8); save it again with numpy.savez.',
    ],
    [
      "a bomb that deflate cannot make",
      zip({ ...bomb, size: 200_000 }),
      'a.npz: "a.npy" is 200000 bytes from 100, but must be at most 1032 times as many; save it again with numpy.savez.',
    ],
    [
      "a bomb beyond the cap",
      zip({ ...bomb, data: new Uint8Array(1_100_000), size: 1.1e9 }),
      "a.npz: entries is 1100000000 bytes when read, but must be at most 1073741824; read less of it, or raise maxBytes.",
    ],
    [
      "stored data of another size",
      zip({ name: "a.npy", data: one, size: 100 }),
      'a.npz: "a.npy" is 100 bytes from 132, but must be as many; save it again with numpy.savez.',
    ],
    [
      "two entries at one place",
      zip({ name: "a.npy", data: one }, { name: "b.npy", data: one, at: 0 }),
      'a.npz: "b.npy" is not at 0, but must be where the directory says; save it again with numpy.savez.',
    ],
    [
      "entries that overlap",
      zip({ name: "a.npy", data: joined(inner, one) }, { name: "b.npy", data: one, at: 35 }),
      'a.npz: "a.npy" is up to 202, but must be at most up to 35, where others start; save it again with numpy.savez.',
    ],
    [
      "an entry nowhere",
      zip({ name: "a.npy", data: one, at: 1e6 }),
      'a.npz: "a.npy" is not at 1000000, but must be where the directory says; save it again with numpy.savez.',
    ],
    [
      "a name twice",
      zip({ name: "a.npy", data: one }, { name: "a.npy", data: one }),
      'a.npz: entry is "a.npy" twice, but must be there once; save it again with numpy.savez.',
    ],
    [
      "a name that leads out",
      zip({ name: "../a.npy", data: one }),
      'a.npz: entry is "../a.npy", but must be a name within the archive; rename it, and do not unpack this file.',
    ],
    [
      "an absolute name",
      zip({ name: "C:/a.npy", data: one }),
      'a.npz: entry is "C:/a.npy", but must be a name within the archive; rename it, and do not unpack this file.',
    ],
    [
      "a file that is no array",
      zip({ name: "<img onerror=alert(1)>", data: one }),
      'a.npz: entry is "<img onerror=alert(1)>", but must be a .npy; write only arrays into it.',
    ],
    [
      "a changed byte",
      patched(good, 30 + 5 + 128, [1]),
      'a.npz: "a.npy" is changed, but must be what its checksum says; save it again with numpy.savez.',
    ],
    [
      "data that are not deflated",
      zip({ name: "a.npy", data: new Uint8Array(200).fill(7), size: 300, method: 8 }),
      'a.npz: "a.npy" is not deflated data (invalid block type), but must be as numpy.savez_compressed writes them; save it again with numpy.savez.',
    ],
    [
      "data that inflate to more",
      zip({ name: "a.npy", data: packed, size: 100, method: 8 }),
      'a.npz: "a.npy" is longer, but must be the 100 bytes that are declared; save it again with numpy.savez.',
    ],
    [
      "data that inflate to less",
      zip({ name: "a.npy", data: deflateSync(one.subarray(0, 131)), size: one.length, method: 8 }),
      'a.npz: "a.npy" is 131 bytes, but must be the 132 bytes that are declared; save it again with numpy.savez.',
    ],
    [
      "an array of another size",
      zip({ name: "a.npy", data: joined(one, [0]) }),
      'a.npz: "a.npy": data is 5 bytes, but must be 4, for its shape of float32; save it again with numpy.savez.',
    ],
    [
      "an array with a fault",
      zip({ name: "a.npy", data: patched(one, 6, [9]) }),
      'a.npz: "a.npy": version is 9.0, but must be 1.0, 2.0 or 3.0; save it again with numpy.save.',
    ],
  ];

  it.each(cases)("%s", (_, bytes, said) => {
    expect(sentence(() => readNpz(bytes, file))).toBe(said);
  });

  it("inflates a lie no further than it was declared", () => {
    const zeros = deflateSync(new Uint8Array(2 ** 26));
    const lie = zip({ name: "a.npy", data: zeros, size: 1000, method: 8 });
    const before = process.memoryUsage().arrayBuffers;
    expect(sentence(() => readNpz(lie, file))).toBe(
      'a.npz: "a.npy": magic is "??????", but must be "?NUMPY" (the first byte is 0x93); save it again with numpy.save.',
    );
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(3 * 2 ** 20);
  });
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
