/** Arrays in files that are cut, lie about their sizes, or are another thing altogether. */

import { deflateSync } from "fflate";
import { readNpy, writeNpy } from "../../src/io/npy.ts";
import { readNpz } from "../../src/io/npz.ts";
import { readSafetensors } from "../../src/io/safetensors.ts";
import { ascii, f32, joined, patched } from "./io-files.ts";
import { npy, u16, withHeader, zip } from "./io-makers.ts";
import { CAP, refuses } from "./malformed.ts";

{
  const good = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n";
  refuses<Uint8Array>(".npy", (bytes) => readNpy(bytes, { file: "a.npy", maxBytes: CAP }), [
    [
      "an empty file",
      new Uint8Array(0),
      'a.npy: magic is "", but must be "?NUMPY" (the first byte is 0x93); save it again with numpy.save.',
    ],
    [
      "another file",
      ascii("PK\x03\x04 and so on"),
      'a.npy: magic is "PK?? a", but must be "?NUMPY" (the first byte is 0x93); save it again with numpy.save.',
    ],
    [
      "a newer version",
      patched(npy(good, [0, 0, 0, 0]), 6, [4, 0]),
      "a.npy: version is 4.0, but must be 1.0, 2.0 or 3.0; save it again with numpy.save.",
    ],
    [
      "a header that is cut",
      npy(good).subarray(0, 40),
      "a.npy: header is cut off after 40 bytes, but must be 68 long; save it again with numpy.save.",
    ],
    [
      "a header of gigabytes",
      patched(npy(good), 6, [2, 0, 255, 255, 255, 127]),
      "a.npy: header length is 2147483647, but must be at most 65536; save it again with numpy.save.",
    ],
    [
      "code in the header",
      npy("{'descr': __import__('os'), 'fortran_order': False, 'shape': (1,)}"),
      "a.npy: header at 10 is \"__import__('os'), 'f\", but must be a quoted type; save it again with numpy.save.",
    ],
    [
      "another key",
      npy("{'descr': '<f4', '__proto__': False, 'shape': (1,)}"),
      'a.npy: header key is "__proto__", but must be one of descr, fortran_order, shape; save it again with numpy.save.',
    ],
    [
      "a key twice",
      npy("{'descr': '<f4', 'descr': '<f4', 'shape': (1,)}"),
      'a.npy: header key is "descr" twice, but must be there once; save it again with numpy.save.',
    ],
    [
      "a missing key",
      npy("{'descr': '<f4', 'fortran_order': False}"),
      "a.npy: shape is missing, but must be in the header; save it again with numpy.save.",
    ],
    [
      "pickled objects",
      npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"),
      'a.npy: descr is "|O", but must be one of f2, f4, f8, i1 to i8, u1 to u8, b1, with < or > before it; convert the array with .astype(numpy.float32) and save it again.',
    ],
    [
      "fields",
      npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}"),
      "a.npy: descr is a list of fields, but must be one of f2, f4, f8, i1 to i8, u1 to u8, b1, with < or > before it; convert the array with .astype(numpy.float32) and save it again.",
    ],
    [
      "a type without an order",
      npy("{'descr': '|f4', 'fortran_order': False, 'shape': (1,)}"),
      'a.npy: descr is "|f4", but must be one of f2, f4, f8, i1 to i8, u1 to u8, b1, with < or > before it; convert the array with .astype(numpy.float32) and save it again.',
    ],
    [
      "a shape that is a number",
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4)}"),
      'a.npy: header at 50 is "(4)}", but must be a tuple of lengths; save it again with numpy.save.',
    ],
    [
      "a negative length",
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}"),
      'a.npy: header at 50 is "(-1,)}", but must be a tuple of lengths; save it again with numpy.save.',
    ],
    [
      "a length beyond numbers",
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}"),
      "a.npy: shape[0] is 100000000000000000000, but must be a whole number from 0 to 2^53 - 1; write the array again.",
    ],
    [
      "a product beyond numbers",
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4503599627370496, 4,)}"),
      "a.npy: shape is 18014398509481984 elements, but must be at most 2^53 - 1; write the array again.",
    ],
    [
      "more axes than NumPy has",
      npy(`{'descr': '<f4', 'fortran_order': False, 'shape': (${"1, ".repeat(65)})}`),
      'a.npy: header at 50 is "(1, 1, 1, 1, 1, 1, 1", but must be a tuple of lengths; save it again with numpy.save.',
    ],
    [
      "data that are cut",
      npy(good, [0, 0, 0]),
      "a.npy: data is 3 bytes, but must be 4, for the shape [1] of float32; save it again with numpy.save.",
    ],
    [
      "data behind the data",
      npy(good, [0, 0, 0, 0, 0]),
      "a.npy: data is 5 bytes, but must be 4, for the shape [1] of float32; save it again with numpy.save.",
    ],
    [
      "text behind the header",
      npy(good.replace("\n", "x"), [0, 0, 0, 0]),
      'a.npy: header at 57 is "x", but must be the end; save it again with numpy.save.',
    ],
    [
      "a bool that is 2",
      npy("{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}", [1, 2]),
      "a.npy: data[1] is 2, but must be 0 or 1, as it is a bool; write the array again.",
    ],
    [
      "a mark that is cut",
      ascii("\x93NUM"),
      'a.npy: magic is "?NUM", but must be "?NUMPY" (the first byte is 0x93); save it again with numpy.save.',
    ],
    [
      "a file that ends with its version",
      npy(good).subarray(0, 8),
      "a.npy: header is cut off, but must be complete; save it again with numpy.save.",
    ],
    [
      "a shape of terabytes",
      npy("{'descr': '<f8', 'fortran_order': True, 'shape': (1048576, 1048576)}", [0, 0, 0, 0]),
      "a.npy: data is 4 bytes, but must be 8796093022208, for the shape [1048576, 1048576] of float64; save it again with numpy.save.",
    ],
    [
      "more than the cap",
      joined(npy("{'descr': '<f2', 'fortran_order': False, 'shape': (300000,)}"), new Uint8Array(600_000)),
      "a.npy: data is 1200000 bytes when read, but must be at most 1048576; read less of it, or raise maxBytes.",
    ],
    [
      "a tuple without an end",
      npy(`{'descr': '<f4', 'shape': (${"1,".repeat(30_000)}`),
      'a.npy: header at 26 is "(1,1,1,1,1,1,1,1,1,1", but must be a tuple of lengths; save it again with numpy.save.',
    ],
  ]);
}

{
  const one = writeNpy(f32(1)(7));
  const good = zip({ name: "a.npy", data: one });
  const end = good.length - 22;
  const packed = deflateSync(one);
  const inner = zip({ name: "b.npy", data: one }).subarray(0, 35);
  const bomb = { name: "a.npy", data: new Uint8Array(100), method: 8 };
  const zeros = deflateSync(new Uint8Array(2 ** 26));
  const hidden = deflateSync(patched(new Uint8Array(2 ** 26), 0, one));
  const third = writeNpy(f32(100_000)(...new Float32Array(100_000)));
  refuses<Uint8Array>(".npz", (bytes) => readNpz(bytes, { file: "a.npz", maxBytes: CAP }), [
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
      "a.npz: entries is 1100000000 bytes when read, but must be at most 1048576; read less of it, or raise maxBytes.",
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
    [
      "a bomb that declares itself",
      zip({ name: "a.npy", data: zeros, size: 2 ** 26, method: 8 }),
      "a.npz: entries is 67108864 bytes when read, but must be at most 1048576; read less of it, or raise maxBytes.",
    ],
    [
      "a bomb that hides what it inflates to",
      zip({ name: "a.npy", data: hidden, size: one.length, method: 8 }),
      'a.npz: "a.npy" is longer, but must be the 132 bytes that are declared; save it again with numpy.savez.',
    ],
    [
      "a bomb that is no array",
      zip({ name: "a.npy", data: zeros, size: 1000, method: 8 }),
      'a.npz: "a.npy": magic is "??????", but must be "?NUMPY" (the first byte is 0x93); save it again with numpy.save.',
    ],
    [
      "many small arrays beyond the cap",
      zip(...["a", "b", "c"].map((name) => ({ name: `${name}.npy`, data: third }))),
      "a.npz: entries is 1200384 bytes when read, but must be at most 1048576; read less of it, or raise maxBytes.",
    ],
  ]);
}

{
  const good = withHeader(
    '{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[1,2],"data_offsets":[1,9]},"b":{"dtype":"I8","shape":[],"data_offsets":[0,1]}}',
    [255, 0, 0, 128, 63, 0, 0, 32, 192],
  );
  const tensor = (fields: string): string => `{"w":{${fields}}}`;
  const rest = '"shape":[2],"data_offsets":[0,8]';
  const eight = [0, 0, 0, 0, 0, 0, 0, 0];
  const pair = (a: string, b: string): string =>
    `{"a":{"dtype":"U8","shape":[4],"data_offsets":[${a}]},"b":{"dtype":"U8","shape":[4],"data_offsets":[${b}]}}`;
  refuses<Uint8Array>(".safetensors", (bytes) => readSafetensors(bytes, { file: "a.safetensors", maxBytes: CAP }), [
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
    [
      "a length that is cut",
      good.subarray(0, 7),
      "a.safetensors: header length is cut off, but must be 8 bytes; save it again with safetensors.",
    ],
    [
      "a file that is cut in its data",
      good.subarray(0, good.length - 1),
      'a.safetensors: "w".data_offsets is [1, 9], but must be in order within the 8 bytes behind the header; save it again with safetensors.',
    ],
    [
      "a tensor of terabytes",
      withHeader(tensor('"dtype":"F64","shape":[1048576,1048576],"data_offsets":[0,8796093022208]'), eight),
      'a.safetensors: "w".data_offsets is [0, 8796093022208], but must be in order within the 8 bytes behind the header; save it again with safetensors.',
    ],
    [
      "a length that is no number",
      withHeader(tensor('"dtype":"F32","shape":[1e999],"data_offsets":[0,8]'), eight),
      'a.safetensors: "w".shape[0] is Infinity, but must be a whole number from 0 to 2^53 - 1; write the array again.',
    ],
    [
      "a bool that is 2",
      withHeader('{"b":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}', [2]),
      'a.safetensors: "b"[0] is 2, but must be 0 or 1, as it is a bool; write the array again.',
    ],
    [
      "more than the cap",
      joined(withHeader('{"a":{"dtype":"F16","shape":[300000],"data_offsets":[0,600000]}}'), new Uint8Array(600_000)),
      "a.safetensors: arrays is 1200000 bytes when read, but must be at most 1048576; read less of it, or raise maxBytes.",
    ],
  ]);
}
