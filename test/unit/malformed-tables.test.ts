/** Tables and sounds in files that are cut, lie about their sizes, or have what is no number. */

import { openCsv } from "../../src/io/csv.ts";
import { openWav } from "../../src/io/wav.ts";
import { ascii, joined, patched } from "./io-files.ts";
import { chunk, format, riff, sound, u16, u32, utf8 } from "./io-makers.ts";
import { CAP, refuses } from "./malformed.ts";

refuses<string | Uint8Array>(
  ".csv",
  (text) => openCsv(typeof text === "string" ? utf8(text) : text, { file: "a.csv", maxBytes: CAP }).numbers(),
  [
    [
      "a short row",
      "1,2\n3\n",
      "a.csv: line 2 is 1 field, but must be 2, as in line 1; look for a missing delimiter or quote.",
    ],
    [
      "a long row behind a field of two lines",
      '"1\n",2\n3,4,5\n',
      "a.csv: line 3 is 3 fields, but must be 2, as in line 1; look for a missing delimiter or quote.",
    ],
    [
      "an empty line",
      "1,2\n\n3,4",
      "a.csv: line 2 is 1 field, but must be 2, as in line 1; look for a missing delimiter or quote.",
    ],
    [
      "a quote in a field",
      'a,b\n1,2"',
      "a.csv: line 2 is a quote within a field, but must be quotes around the whole field; put the field into quotes, and double those in it.",
    ],
    [
      "a quote that nothing closes",
      '1,2\n"3,4\n5,6',
      "a.csv: line 2 is a quote that nothing closes, but must be closed; close it, or double the quotes in the field.",
    ],
    [
      "text behind a quote",
      '1,2\n"3"4,5',
      'a.csv: line 2 is "4" behind a quote, but must be a delimiter or the end of the line; save it with LF or CRLF, and quotes doubled.',
    ],
    [
      "a carriage return alone",
      "1,2\r3,4",
      "a.csv: line 1 is a carriage return alone, but must be a delimiter or the end of the line; save it with LF or CRLF, and quotes doubled.",
    ],
    [
      "a name twice",
      "a,b,a\n1,2,3",
      'a.csv: line 1 is "a" twice, but must be names that are there once; rename a column.',
    ],
    [
      "a word",
      "a,b\n1,2\n3,<b>x</b>",
      'a.csv: line 3, column 2 ("b") is "<b>x</b>", but must be a finite number (float32); correct the field, or leave its row out.',
    ],
    [
      "an empty field",
      "1,2\n,4",
      "a.csv: line 2, column 1 is empty, but must be a finite number (float32); correct the field, or leave its row out.",
    ],
    [
      "an infinity",
      "1,2\n3,1e999",
      'a.csv: line 2, column 2 is "1e999", but must be a finite number (float32); correct the field, or leave its row out.',
    ],
    [
      "too large for f32",
      "1,2\n3,1e39",
      'a.csv: line 2, column 2 is "1e39", but must be a finite number (float32); correct the field, or leave its row out.',
    ],
    [
      "not a number",
      "1\nnan",
      'a.csv: line 2, column 1 is "nan", but must be a finite number (float32); correct the field, or leave its row out.',
    ],
    [
      "hexadecimal",
      "1\n0x10",
      'a.csv: line 2, column 1 is "0x10", but must be a finite number (float32); correct the field, or leave its row out.',
    ],
    [
      "a decimal comma",
      '1\n"1,5"',
      'a.csv: line 2, column 1 is "1,5", but must be a finite number (float32); correct the field, or leave its row out.',
    ],
    [
      "a number of 401 digits",
      `1\n${"9".repeat(401)}`,
      'a.csv: line 2, column 1 is "999999999999999999999999999999999999999999999999999999999999...", but must be a finite number (float32); correct the field, or leave its row out.',
    ],
    [
      "another delimiter",
      "1;2\n3;4",
      'a.csv: line 2, column 1 ("1;2") is "3;4", but must be a finite number (float32); set delimiter to ";".',
    ],
    [
      "a quote that closes nowhere in a megabyte",
      `1,2\n"${"3,4\n".repeat(250_000)}`,
      "a.csv: line 2 is a quote that nothing closes, but must be closed; close it, or double the quotes in the field.",
    ],
    [
      "a million columns and one",
      `1${",".repeat(1_000_000)}`,
      "a.csv: line 1 is 1000001 fields, but must be at most 1000000; turn the table.",
    ],
    [
      "more than the cap",
      "1,2,3\n".repeat(100_000),
      "a.csv: numbers is 1200000 bytes when read, but must be at most 1048576; read less of it, or raise maxBytes.",
    ],
    ["UTF-16", Uint8Array.of(0xff, 0xfe, 0x31, 0), "a.csv: text is UTF-16, but must be UTF-8; save it as UTF-8."],
    [
      "a field that is not UTF-8",
      joined(utf8("a\n"), [0x31, 0xff]),
      "a.csv: line 2 is not UTF-8, but must be UTF-8; save it as UTF-8.",
    ],
  ],
);

const good = sound(1, 1, 16, [0, 0]);
refuses<Uint8Array>(".wav", (bytes) => openWav(bytes, { file: "a.wav", maxBytes: CAP }).read(), [
  ["an empty file", new Uint8Array(0), 'a.wav: mark is "", but must be "RIFFWAVE"; save it as 16-bit PCM.'],
  [
    "another file",
    joined(ascii("ID3\x04"), new Uint8Array(20)),
    'a.wav: mark is "ID3?????", but must be "RIFFWAVE"; save it as 16-bit PCM.',
  ],
  [
    "a big-endian file",
    patched(good, 0, ascii("RIFX")),
    'a.wav: mark is "RIFXWAVE", but must be "RIFFWAVE"; save it as 16-bit PCM.',
  ],
  [
    "a file that is cut",
    good.subarray(0, good.length - 2),
    "a.wav: RIFF size is 38, but must be 36, as the file has; it is cut off or was streamed; save it again.",
  ],
  [
    "a stream of unknown length",
    patched(good, 4, u32(0xffffffff)),
    "a.wav: RIFF size is 4294967295, but must be 38, as the file has; it is cut off or was streamed; save it again.",
  ],
  [
    "a chunk that is cut",
    patched(good, 40, u32(100)),
    'a.wav: chunk "data" is cut off after 2 bytes, but must be 100 long; copy it again.',
  ],
  [
    "no format",
    riff(chunk("data", [0, 0])),
    'a.wav: chunk "fmt " is missing, but must be there; save it as 16-bit PCM.',
  ],
  [
    "no data",
    riff(chunk("fmt ", format(1, 1, 16))),
    'a.wav: chunk "data" is missing, but must be there; save it as 16-bit PCM.',
  ],
  [
    "data twice",
    riff(chunk("fmt ", format(1, 1, 16)), chunk("data", [0, 0]), chunk("data", [0, 0])),
    'a.wav: chunk "data" is there twice, but must be there once; save it as 16-bit PCM.',
  ],
  [
    "a format that is cut",
    riff(chunk("fmt ", [1, 0]), chunk("data", [])),
    "a.wav: fmt is 2 bytes, but must be 16 or more; save it as 16-bit PCM.",
  ],
  [
    "a compressed sound",
    sound(85, 1, 16, [0, 0]),
    "a.wav: format is code 85 of 16 bits, but must be PCM (1) of 8, 16, 24, 32 or float (3) of 32, 64 bits; save it as 16-bit PCM.",
  ],
  [
    "12 bits",
    sound(1, 1, 12, [0, 0]),
    "a.wav: format is code 1 of 12 bits, but must be PCM (1) of 8, 16, 24, 32 or float (3) of 32, 64 bits; save it as 16-bit PCM.",
  ],
  [
    "an extensible format that is cut",
    sound(0xfffe, 1, 16, [0, 0]),
    "a.wav: fmt is 16 bytes, but must be 40, as it is extensible; save it as 16-bit PCM.",
  ],
  ["no channel", sound(1, 0, 16, []), "a.wav: channels is 0, but must be 1 or more; save it as 16-bit PCM."],
  [
    "no sample rate",
    riff(chunk("fmt ", format(1, 1, 16, 0)), chunk("data", [0, 0])),
    "a.wav: sample rate is 0 Hz, but must be 1 to 768000; save it as 16-bit PCM.",
  ],
  [
    "a block of another size",
    patched(sound(1, 2, 16, []), 32, u16(3)),
    "a.wav: block size is 3 bytes, but must be 4, for 2 channels of 16-bit PCM; save it as 16-bit PCM.",
  ],
  [
    "half a frame",
    sound(1, 2, 16, [0, 0]),
    "a.wav: data is 2 bytes, but must be a multiple of 4, for 2 channels of 16-bit PCM; copy it again.",
  ],
  [
    "a sample that is no number",
    sound(3, 1, 32, u32(0, 0x7fc00000)),
    "a.wav: frame 1 is NaN, but must be a finite number of f32; save it as 16-bit PCM.",
  ],
  [
    "a file that ends in its mark",
    good.subarray(0, 11),
    'a.wav: mark is "", but must be "RIFFWAVE"; save it as 16-bit PCM.',
  ],
  [
    "a chunk of gigabytes",
    patched(good, 16, u32(0xffffffff)),
    'a.wav: chunk "fmt " is cut off after 26 bytes, but must be 4294967295 long; copy it again.',
  ],
  [
    "a sample rate of gigahertz",
    riff(chunk("fmt ", format(1, 1, 8, 2 ** 31)), chunk("data", [0])),
    "a.wav: sample rate is 2147483648 Hz, but must be 1 to 768000; save it as 16-bit PCM.",
  ],
  [
    "more than the cap",
    riff(chunk("fmt ", format(1, 1, 8)), chunk("data", new Uint8Array(300_000))),
    "a.wav: data is 1200000 bytes when read, but must be at most 1048576; read less of it, or raise maxBytes.",
  ],
]);
