/**
 * Tables as .csv. An own reader of RFC 4180, as those of npm make a text of every field: several times the file, before
 * a row is known to be wrong.
 */

import { DataError } from "../errors.ts";
import { checkArray, dtypes, type NumericArray } from "./array.ts";
import { scanCsv, type Delimiter, type Field, type Table } from "./csv-scan.ts";
import { checkCap, quote, refuse, sourceOf, type ReadOptions, type Source } from "./refusal.ts";

export interface CsvOptions extends ReadOptions {
  /** Default ",". */
  readonly delimiter?: Delimiter;
  /** Whether the first row has the names of the columns. Default "detect": it has if none of its fields is a number. */
  readonly header?: boolean | "detect";
}

/** A table whose quotes and rows are known to be right, and whose fields are not read yet. */
export interface Csv {
  /** Names of the columns; null without a header. */
  readonly header: readonly string[] | null;
  /** Without the header. */
  readonly rows: number;
  readonly columns: number;
  /**
   * [row][column] of these columns, default all. Takes at most twice the file, as float64 four times.
   * @throws DataError naming line and column of a field that is no finite number.
   */
  readonly numbers: (columns?: readonly number[], dtype?: "float32" | "float64") => NumericArray;
  /**
   * A column as the index of its text among `names`, which are sorted. Whole numbers from 0 on are their own index.
   * @throws DataError for an empty field, and for more than 65,536 texts.
   */
  readonly labels: (column: number) => { readonly names: readonly string[]; readonly indices: Int32Array };
}

/** Classes that labels may have. */
export const MOST_CLASSES = 65_536;
const LONGEST_NUMBER = 400;
const NUMBER = /^[ \t]*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?[ \t]*$/;

/**
 * Looks through a table in UTF-8, LF or CRLF, with one line end behind the last row or none.
 * @throws DataError naming the line, for rows of different lengths and quotes out of place; for a doubled column name.
 */
export function openCsv(bytes: Uint8Array, options: CsvOptions = {}): Csv {
  const { delimiter = ",", header = "detect" } = options;
  const text = { bytes, delimiter, source: sourceOf(options, "table.csv") };
  const table = scanCsv(bytes, delimiter, text.source.file, () => undefined);
  const names = readHeader(text, table, header);
  const view = { ...text, names, rows: table.rows - (names === null ? 0 : 1), columns: table.columns };
  return {
    header: names,
    rows: view.rows,
    columns: view.columns,
    numbers: (columns, dtype = "float32") => readNumbers(view, columns ?? [...Array(view.columns).keys()], dtype),
    labels: (column) => readLabels(view, column),
  };
}

interface Text {
  readonly bytes: Uint8Array;
  readonly delimiter: Delimiter;
  readonly source: Source;
}

interface View extends Text, Table {
  readonly names: readonly string[] | null;
}

const MOST_COLUMNS = 1_000_000;

function readHeader(text: Text, { columns }: Table, header: boolean | "detect"): readonly string[] | null {
  const { bytes, delimiter, source } = text;
  if (columns > MOST_COLUMNS)
    throw refuse(source.file, "line 1", `${columns} fields`, `at most ${MOST_COLUMNS}`, "turn the table");
  if (header === false || columns === 0) return null;
  const names: string[] = [];
  scanCsv(bytes, delimiter, source.file, (field) => {
    if (field.row > 0) return false;
    if (header === "detect" && numberOf(bytes, field) !== undefined) return false;
    names.push(textOf(bytes, field, source));
    return undefined;
  });
  // A number ended it early.
  if (names.length < columns) return null;
  const seen = new Set<string>();
  for (const name of names) {
    if (name !== "" && seen.has(name))
      throw refuse(source.file, "line 1", `${quote(name)} twice`, "names that are there once", "rename a column");
    seen.add(name);
  }
  return names;
}

/** Calls `see` for the fields of a column, or all, behind the header. */
function scanRows({ bytes, delimiter, source, names }: View, see: (field: Field, row: number) => void): void {
  const first = names === null ? 0 : 1;
  scanCsv(bytes, delimiter, source.file, (field) => {
    if (field.row >= first) see(field, field.row - first);
    return undefined;
  });
}

function readNumbers(view: View, columns: readonly number[], dtype: "float32" | "float64"): NumericArray {
  const places = placesOf(view, columns);
  checkCap(view.source, "numbers", view.rows * columns.length * dtypes[dtype].bytes);
  const data = new dtypes[dtype].holder(view.rows * columns.length);
  scanRows(view, (field, row) => {
    const place = places[field.column] ?? -1;
    if (place < 0) return;
    const value = numberOf(view.bytes, field);
    const at = row * columns.length + place;
    if (value !== undefined) data[at] = value;
    if (value === undefined || !Number.isFinite(data[at])) throw noNumber(view, field, dtype);
  });
  return { shape: [view.rows, columns.length], dtype, data };
}

/** Where each column of the table goes; -1: nowhere. */
function placesOf({ columns: count, source }: View, columns: readonly number[]): Int32Array {
  const places = new Int32Array(count).fill(-1);
  for (const [place, column] of columns.entries()) {
    if (!Number.isInteger(column) || column < 0 || column >= count) {
      throw refuse(
        source.file,
        "column",
        String(column),
        `a whole number from 0 to ${count - 1}`,
        "choose one of them",
      );
    }
    places[column] = place;
  }
  return places;
}

function noNumber(view: View, field: Field, dtype: string): DataError {
  const name = view.names?.[field.column];
  const place = `line ${field.line}, column ${field.column + 1}${name === undefined ? "" : ` (${quote(name)})`}`;
  const text = textOf(view.bytes, field, view.source);
  const other = [";", "\t", ","].find((each) => view.columns === 1 && each !== view.delimiter && text.includes(each));
  const cure =
    other === undefined ? "correct the field, or leave its row out" : `set delimiter to ${JSON.stringify(other)}`;
  return refuse(view.source.file, place, text === "" ? "empty" : quote(text), `a finite number (${dtype})`, cure);
}

/** Undefined for a field that is no number. */
function numberOf(bytes: Uint8Array, { from, to }: Field): number | undefined {
  if (to - from > LONGEST_NUMBER) return undefined;
  let text = "";
  for (let at = from; at < to; at++) text += String.fromCharCode(bytes[at] ?? 0);
  return NUMBER.test(text) ? Number(text) : undefined;
}

function textOf(bytes: Uint8Array, { from, to, line, isQuoted }: Field, { file }: Source): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(from, to));
    return isQuoted ? text.replaceAll('""', '"') : text;
  } catch {
    throw refuse(file, `line ${line}`, "not UTF-8", "UTF-8", "save it as UTF-8");
  }
}

function readLabels(view: View, column: number): { readonly names: readonly string[]; readonly indices: Int32Array } {
  const { source, bytes, rows } = view;
  placesOf(view, [column]);
  checkCap(source, "labels", rows * Int32Array.BYTES_PER_ELEMENT);
  const indices = new Int32Array(rows);
  const found = new Map<string, number>();
  scanRows(view, (field, row) => {
    if (field.column !== column) return;
    const name = textOf(bytes, field, source);
    if (name === "")
      throw refuse(
        source.file,
        `line ${field.line}`,
        "without a label",
        "labelled",
        "fill it in, or leave the row out",
      );
    if (!found.has(name) && found.size === MOST_CLASSES) {
      throw refuse(
        source.file,
        `line ${field.line}`,
        "another label",
        `one of the ${MOST_CLASSES} before it`,
        "choose the column of the labels",
      );
    }
    indices[row] = found.get(name) ?? found.size;
    found.set(name, indices[row]);
  });
  const names = namesOf([...found.keys()]);
  const order = new Map(names.map((name, index) => [name, index]));
  const places = Int32Array.from(found.keys(), (name) => order.get(name) ?? 0);
  return { names, indices: indices.map((index) => places[index] ?? 0) };
}

/** Sorted, so that the order of rows does not matter; numbers as they are, so that those which are absent do not. */
function namesOf(names: readonly string[]): readonly string[] {
  const isNumber = names.every((name) => /^(?:0|[1-9]\d{0,4})$/.test(name) && Number(name) < MOST_CLASSES);
  if (!isNumber) return [...names].sort();
  const count = names.reduce((most, name) => Math.max(most, Number(name) + 1), 0);
  return Array.from({ length: count }, (_, index) => String(index));
}

// ---- writing --------------------------------------------------------------------------------------------------

/**
 * A table of numbers, exact: reading it gives the same bits. LF ends each line.
 * @param table [row][column]; a list of one axis is a column.
 * @param header names of the columns. Default none.
 * @throws DataError for another shape, or as many names as there are no columns.
 */
export function writeCsv(table: NumericArray, header?: readonly string[]): Uint8Array {
  checkArray(table, "table");
  const [rows = 0, columns = 1, ...more] = table.shape;
  if (table.shape.length === 0 || columns === 0 || more.length > 0)
    throw new DataError("table.shape", "must be [rows, columns], 1 column or more; reshape it.");
  if (header !== undefined && header.length !== columns) {
    throw new DataError("header", `has ${header.length} names, but the table ${columns} columns; name each.`);
  }
  const at = table.data.findIndex((value: number | bigint) => typeof value === "number" && !Number.isFinite(value));
  if (at >= 0) throw new DataError(`table[${at}]`, `is ${table.data[at]}, but must be a finite number.`);
  const lines = Array.from({ length: rows }, (_, row) =>
    Array.from(table.data.subarray(row * columns, (row + 1) * columns), spell).join(","),
  );
  const text = [...(header === undefined ? [] : [header.map(quoted).join(",")]), ...lines, ""].join("\n");
  return new TextEncoder().encode(text);
}

function spell(value: number | bigint): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function quoted(name: string): string {
  return /[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}
