/** Data sets as .csv: a row is a sample, one column its label, the others its steps and channels. */

import { DataError } from "../errors.ts";
import { openCsv, type Csv } from "./csv.ts";
import { checkClasses, checkNames } from "./dataset-classes.ts";
import type { DataFile, DatasetOptions, OpenedPart, OpenedParts, PartName } from "./dataset.ts";
import { plain, quote, refuse, type Source } from "./refusal.ts";

const LABEL = /^(?:labels?|class|target|y)$/i;

interface Table {
  readonly part: PartName;
  readonly file: string;
  readonly csv: Csv;
  readonly label: number;
}

/**
 * One table, or several whose names have train, validation or test in them.
 * @throws DataError for what is wrong with a table, and for tables of different columns.
 */
export function openTables(files: readonly DataFile[], options: DatasetOptions, source: Source): OpenedParts {
  const { channels = 1 } = options;
  const tables = files.map((file) => openTable(file, files.length > 1, options, source));
  const [first] = tables;
  if (first === undefined) throw new DataError("files", "have no .csv; choose one.");
  checkAlike(tables);
  const width = first.csv.columns - 1;
  if (!(Number.isInteger(channels) && channels >= 1) || width < 1 || width % channels !== 0) {
    const expected = `a whole number that divides the ${width} columns besides the label`;
    throw refuse(first.file, "channels", String(channels), expected, "set the option channels");
  }
  const labels = tables.map(({ csv, label }) => csv.labels(label));
  const classes = mergeNames(
    labels.map(({ names }) => names),
    options.classes,
    first.file,
  );
  const order = new Map(classes.map((name, index) => [name, index]));
  return {
    parts: tables.map((table, index): OpenedPart => {
      const { names = [], indices = new Int32Array(0) } = labels[index] ?? {};
      const moved = names.map((name, position) => order.get(name) ?? position);
      return openPart(
        table,
        indices.map((label) => moved[label] ?? 0),
      );
    }),
    steps: width / channels,
    channels,
    classes,
    targetShape: null,
    notes: tables.map(({ file, csv, label }) => {
      const name = csv.header?.[label];
      const rows = csv.header === null ? "no header" : "a header in line 1";
      return `${file} has ${rows}; labels are in column ${label + 1}${name === undefined ? "" : ` (${quote(name)})`}.`;
    }),
  };
}

function openTable(file: DataFile, isPart: boolean, options: DatasetOptions, { maxBytes }: Source): Table {
  const { delimiter = ",", header = "detect" } = options;
  const name = plain(file.path);
  const csv = openCsv(file.bytes, { file: name, maxBytes, delimiter, header });
  if (csv.rows === 0) throw refuse(name, "rows", "none", "1 or more", "add samples");
  return {
    part: isPart ? partOf(file.path, name) : "all",
    file: name,
    csv,
    label: labelColumn(csv, options.label, name),
  };
}

function partOf(path: string, file: string): PartName {
  const found = (["train", "validation", "test"] as const).filter((part) =>
    (path.split("/").at(-1) ?? "").toLowerCase().includes(part === "validation" ? "val" : part),
  );
  const [part] = found;
  if (part !== undefined && found.length === 1) return part;
  throw refuse(
    file,
    "name",
    "of no part",
    "with one of train, validation and test in it",
    "rename it, or choose one file",
  );
}

function labelColumn({ header, columns }: Csv, label: string | number | undefined, file: string): number {
  if (typeof label === "number") {
    if (Number.isInteger(label) && label >= 0 && label < columns) return label;
    throw refuse(file, "label", `column ${label}`, `from 0 to ${columns - 1}`, "set the option label");
  }
  const names = header ?? [];
  const matches = names.flatMap((name, index) =>
    (label === undefined ? LABEL.test(name) : name === label) ? [index] : [],
  );
  const [column] = matches;
  if (column !== undefined && matches.length === 1) return column;
  const found =
    header === null
      ? "unknown, as there is no header"
      : matches.length === 0
        ? "in no column"
        : `in ${matches.length} columns`;
  const expected = label === undefined ? "in one called label, class, target or y" : `in one called ${quote(label)}`;
  throw refuse(file, "label", found, expected, "set the option label to a name or a position from 0");
}

function checkAlike(tables: readonly Table[]): void {
  const [first] = tables;
  const seen = new Set<PartName>();
  for (const { part, file, csv, label } of tables) {
    if (seen.has(part))
      throw refuse(file, "name", `another of "${part}"`, "the only one", "choose one file for each part");
    seen.add(part);
    if (csv.columns !== first?.csv.columns || label !== first.label) {
      const found = `${csv.columns} columns, the label in ${label + 1}`;
      const expected = `${first?.csv.columns}, the label in ${(first?.label ?? 0) + 1}, as in ${first?.file}`;
      throw refuse(file, "table", found, expected, "give all parts the same columns");
    }
  }
}

/** Those of all tables, so that a class has one index in each. Numbers stay as they are. */
function mergeNames(
  tables: readonly (readonly string[])[],
  given: readonly string[] | undefined,
  file: string,
): readonly string[] {
  const all = new Set(tables.flat());
  const isNumbered = tables.every((names) => names.every((name, index) => name === String(index)));
  if (isNumbered)
    return checkClasses(
      [...all].sort((a, b) => Number(a) - Number(b)),
      given,
      file,
    );
  if (given === undefined) return [...all].sort();
  checkNames(given);
  const known = new Set(given);
  const stray = [...all].find((name) => !known.has(name));
  if (stray !== undefined) throw refuse(file, "label", quote(stray), "one of the classes", "name all classes");
  return given;
}

function openPart({ part, file, csv, label }: Table, labels: Int32Array): OpenedPart {
  const columns = [...Array(csv.columns).keys()].filter((column) => column !== label);
  return {
    name: part,
    file,
    samples: csv.rows,
    inputs: (first, count) => {
      const { data } = csv.numbers(columns);
      return data.slice(first * columns.length, (first + count) * columns.length) as Float32Array;
    },
    labels,
    targets: null,
  };
}
