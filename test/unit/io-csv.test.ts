import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openCsv, writeCsv, type CsvOptions } from "../../src/io/csv.ts";
import { f32, fuzz, numbers, sentence } from "./io-files.ts";
import { utf8 } from "./io-makers.ts";

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
