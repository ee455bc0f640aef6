/** Cuts a .csv into fields, as RFC 4180 has it: in bytes, without making a text of any field. */

import { quote, refuse } from "./refusal.ts";

/** A field, by where its content is; in a quoted one, "" stands for ". */
export interface Field {
  /** From 0 on. */
  readonly row: number;
  readonly column: number;
  /** Of the file, from 1 on, where the field starts. */
  readonly line: number;
  readonly from: number;
  readonly to: number;
  readonly isQuoted: boolean;
}

export interface Table {
  readonly rows: number;
  readonly columns: number;
}

export type Delimiter = "," | ";" | "\t";

const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;

/**
 * Calls `see` for each field in order; it may say `false` to end. Lines end with LF or CRLF.
 * @throws DataError naming the line: for a row of another length than the first, and for quotes and line ends that are
 * not those of the format.
 */
export function scanCsv(
  bytes: Uint8Array,
  delimiter: Delimiter,
  file: string,
  see: (field: Field) => boolean | undefined,
): Table {
  const separator = delimiter.charCodeAt(0);
  let columns = 0;
  let row = 0;
  let line = 1;
  let at = startOf(bytes, file);
  while (at < bytes.length) {
    const rowLine = line;
    let column = 0;
    for (let isRow = true; isRow; column++) {
      const isQuoted = bytes[at] === QUOTE;
      const start = isQuoted ? at + 1 : at;
      const to = isQuoted ? endOfQuoted(bytes, start, file, line) : endOfBare(bytes, start, separator, file, line);
      if (see({ row, column, line, from: start, to, isQuoted }) === false) return { rows: row, columns: column + 1 };
      if (isQuoted) line += count(bytes, start, to, LF);
      at = isQuoted ? to + 1 : to;
      isRow = bytes[at] === separator;
      at = isRow ? at + 1 : endOfLine(bytes, at, file, line);
    }
    if (row === 0) columns = column;
    if (column !== columns) {
      throw refuse(
        file,
        `line ${rowLine}`,
        column === 1 ? "1 field" : `${column} fields`,
        `${columns}, as in line 1`,
        "look for a missing delimiter or quote",
      );
    }
    row += 1;
    line += 1;
  }
  return { rows: row, columns };
}

/** Behind a mark of UTF-8. */
function startOf(bytes: Uint8Array, file: string): number {
  const [a, b, c] = bytes;
  if ((a === 0xfe && b === 0xff) || (a === 0xff && b === 0xfe)) {
    throw refuse(file, "text", "UTF-16", "UTF-8", "save it as UTF-8");
  }
  return a === 0xef && b === 0xbb && c === 0xbf ? 3 : 0;
}

function endOfBare(bytes: Uint8Array, from: number, separator: number, file: string, line: number): number {
  let at = from;
  for (; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === separator || byte === LF || byte === CR) break;
    if (byte === QUOTE) {
      const cure = "put the field into quotes, and double those in it";
      throw refuse(file, `line ${line}`, "a quote within a field", "quotes around the whole field", cure);
    }
  }
  return at;
}

/** Where the closing quote is. */
function endOfQuoted(bytes: Uint8Array, from: number, file: string, line: number): number {
  for (let at = bytes.indexOf(QUOTE, from); at >= 0; at = bytes.indexOf(QUOTE, at + 2)) {
    if (bytes[at + 1] !== QUOTE) return at;
  }
  throw refuse(
    file,
    `line ${line}`,
    "a quote that nothing closes",
    "closed",
    "close it, or double the quotes in the field",
  );
}

/** Where the next line starts. A field ends there, so what else follows a closing quote is refused. */
function endOfLine(bytes: Uint8Array, at: number, file: string, line: number): number {
  if (at >= bytes.length) return at;
  if (bytes[at] === LF) return at + 1;
  if (bytes[at] === CR && bytes[at + 1] === LF) return at + 2;
  const found =
    bytes[at] === CR ? "a carriage return alone" : `${quote(String.fromCharCode(bytes[at] ?? 0))} behind a quote`;
  throw refuse(
    file,
    `line ${line}`,
    found,
    "a delimiter or the end of the line",
    "save it with LF or CRLF, and quotes doubled",
  );
}

function count(bytes: Uint8Array, from: number, to: number, wanted: number): number {
  let found = 0;
  for (let at = bytes.indexOf(wanted, from); at >= 0 && at < to; at = bytes.indexOf(wanted, at + 1)) found += 1;
  return found;
}
