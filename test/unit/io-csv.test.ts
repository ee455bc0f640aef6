import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openCsv, writeCsv, type CsvOptions } from "../../src/io/csv.ts";
import { f32, fuzz, joined, numbers, sentence } from "./io-files.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const open = (text: string, options: CsvOptions = {}): ReturnType<typeof openCsv> =>
  openCsv(utf8(text), { file: "a.csv", ...options });

describe("reading", () => {
  it("numbers of every spelling", () => {
    const table = open("1,-2.5, +.5 \n4.,1e3,-1.5E-2\n");
    expect(table).toMatchObject({ header: null, rows: 2, columns: 3 });
    expect(table.numbers()).toEqual(f32(2, 3)(1, -2.5, 0.5, 4, 1000, -0.015));
    expect(table.numbers([2, 0], "float64").data).toEqual(Float64Array.of(0.5, 1, -0.015, 4));
  });

  it("CRLF, a mark of UTF-8, quotes, quoted line ends, a last line without an end", () => {
    const table = open('\ufeff"a ""b""","c,\r\nd"\r\n"1",2\r\n3,"4"');
    expect(table.header).toEqual(['a "b"', "c,\r\nd"]);
    expect(numbers(table.numbers())).toEqual([1, 2, 3, 4]);
  });

  it("other delimiters", () => {
    expect(numbers(open("1;2\n3;4", { delimiter: ";" }).numbers())).toEqual([1, 2, 3, 4]);
    expect(numbers(open("1\t2\n3\t4", { delimiter: "\t" }).numbers())).toEqual([1, 2, 3, 4]);
  });

  it("takes the first row for a header if none of its fields is a number, or as it is told", () => {
    expect(open("a,b\n1,2").header).toEqual(["a", "b"]);
    expect(open(",b\n0,2").header).toEqual(["", "b"]);
    expect(open("cat,1,2\ndog,3,4").header).toBe(null);
    expect(open("1,2\n3,4", { header: true }).header).toEqual(["1", "2"]);
    expect(open("a\nb", { header: false }).rows).toBe(2);
    expect(open("a,b").rows).toBe(0);
  });

  it("labels: texts sorted, whole numbers as they are", () => {
    const table = open("name,digit\ndog,3\ncat,0\ndog,1");
    expect(table.labels(0)).toEqual({ names: ["cat", "dog"], indices: Int32Array.of(1, 0, 1) });
    expect(table.labels(1)).toEqual({ names: ["0", "1", "2", "3"], indices: Int32Array.of(3, 0, 1) });
    expect(open("-1\n01", { header: false }).labels(0).names).toEqual(["-1", "01"]);
  });

  it("nothing", () => {
    expect(open("")).toMatchObject({ header: null, rows: 0, columns: 0 });
    expect(open("").numbers().shape).toEqual([0, 0]);
  });
});

describe("refusing", () => {
  const cases: readonly (readonly [what: string, text: string, said: string])[] = [
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
  ];

  it.each(cases)("%s", (_, text, said) => {
    expect(sentence(() => open(text).numbers())).toBe(said);
  });

  it("another delimiter", () => {
    expect(sentence(() => open("1;2\n3;4", { header: false }).numbers())).toBe(
      'a.csv: line 1, column 1 is "1;2", but must be a finite number (float32); set delimiter to ";".',
    );
  });

  it("texts that are not UTF-8", () => {
    expect(sentence(() => openCsv(Uint8Array.of(0xff, 0xfe, 0x31, 0), { file: "a.csv" }))).toBe(
      "a.csv: text is UTF-16, but must be UTF-8; save it as UTF-8.",
    );
    expect(sentence(() => openCsv(joined(utf8("a\n"), [0x31, 0xff]), { file: "a.csv" }).numbers())).toBe(
      "a.csv: line 2 is not UTF-8, but must be UTF-8; save it as UTF-8.",
    );
  });

  it("labels that are none", () => {
    expect(sentence(() => open("a,b\n1,\n").labels(1))).toBe(
      "a.csv: line 2 is without a label, but must be labelled; fill it in, or leave the row out.",
    );
    expect(sentence(() => open("a,b\n1,2\n").labels(2))).toBe(
      "a.csv: column is 2, but must be a whole number from 0 to 1; choose one of them.",
    );
    const many = Array.from({ length: 65_537 }, (_, i) => `x${i}\n`).join("");
    expect(sentence(() => open(many, { header: false }).labels(0))).toBe(
      "a.csv: line 65537 is another label, but must be one of the 65536 before it; choose the column of the labels.",
    );
  });

  it("more than the cap, before it is allocated", () => {
    const table = open("1,2\n3,4", { maxBytes: 16 });
    expect(sentence(() => table.numbers(undefined, "float64"))).toBe(
      "a.csv: numbers is 32 bytes when read, but must be at most 16; read less of it, or raise maxBytes.",
    );
    expect(table.numbers().data).toHaveLength(4);
    expect(sentence(() => open("1\n".repeat(5), { maxBytes: 16 }).labels(0))).toBe(
      "a.csv: labels is 20 bytes when read, but must be at most 16; read less of it, or raise maxBytes.",
    );
  });
});

describe("writing", () => {
  it("gives RFC 4180 with LF", () => {
    const bytes = writeCsv(f32(2, 2)(1, -0.5, 1e-20, 3), ['a "b"', "c,d"]);
    expect(new TextDecoder().decode(bytes)).toBe('"a ""b""","c,d"\n1,-0.5\n9.999999682655225e-21,3\n');
  });

  it("is exact: what is read has the same bits", () => {
    const table = fc.array(
      fc.tuple(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.float({ noNaN: true, noDefaultInfinity: true })),
      { minLength: 1 },
    );
    fc.assert(
      fc.property(table, (rows) => {
        const array = { shape: [rows.length, 2], dtype: "float64", data: Float64Array.from(rows.flat()) } as const;
        expect(openCsv(writeCsv(array)).numbers(undefined, "float64").data).toEqual(array.data);
      }),
      { numRuns: 200, seed: 7 },
    );
  });

  it("refuses what would not be a table of numbers", () => {
    expect(sentence(() => writeCsv(f32(1, 1, 1)(1)))).toBe(
      "table.shape must be [rows, columns], 1 column or more; reshape it.",
    );
    expect(sentence(() => writeCsv(f32(1)(1), ["a", "b"]))).toBe(
      "header has 2 names, but the table 1 columns; name each.",
    );
    expect(sentence(() => writeCsv(f32(2)(1, NaN)))).toBe("table[1] is NaN, but must be a finite number.");
  });
});

it("reads or refuses damaged files, in memory of at most four times the file", () => {
  const files = ['\ufeff"a ""b""",c\r\n1,"2.5"\r\n-3e2,4\r\n', "label,x,y\ncat,1,2\ndog,3,4\n", "1;2\n3;4"].map(utf8);
  const { read, refused } = fuzz(files, (bytes) => {
    const table = openCsv(bytes, { file: "a.csv" });
    if (table.columns > 0) table.labels(0);
    table.numbers(undefined, "float64");
  });
  expect(read).toBeGreaterThan(50);
  expect(refused).toBeGreaterThan(1000);
});
