/** The header of a .npy: a Python dictionary of exactly three entries, read by rule and never evaluated. */

import type { DataError } from "../errors.ts";
import type { DType } from "./array.ts";
import { quote, refuse } from "./refusal.ts";

export interface NpyHeader {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly isLittle: boolean;
  /** Whether elements of the first axis are neighbours. */
  readonly isFortran: boolean;
}

const CURE = "save it again with numpy.save";
const KEYS = ["descr", "fortran_order", "shape"] as const;
type Key = (typeof KEYS)[number];

/**
 * @param text of the header, padding included.
 * @throws DataError
 */
export function parseNpyHeader(text: string, file: string): NpyHeader {
  const values = new Map<Key, string>();
  const scan = new Scanner(text, file);
  scan.take(/\{/y, "{");
  while (scan.peek(/\}/y) === undefined) {
    const key = scan.take(/'\w*'|"\w*"/y, "a quoted key").slice(1, -1);
    const known = KEYS.find((each) => each === key);
    if (known === undefined) throw refuse(file, "header key", quote(key), `one of ${KEYS.join(", ")}`, CURE);
    if (values.has(known)) throw refuse(file, "header key", `${quote(known)} twice`, "there once", CURE);
    scan.take(/:/y, ":");
    if (known === "descr" && scan.peek(/\[/y) !== undefined) throw wrongType(file, "a list of fields");
    values.set(known, scan.take(VALUES[known].form, VALUES[known].what));
    if (scan.peek(/,/y) === undefined) break;
    scan.take(/,/y, ",");
  }
  scan.take(/\}/y, "}");
  scan.take(/$/y, "the end");
  const valueOf = (key: Key): string => {
    const value = values.get(key);
    if (value === undefined) throw refuse(file, key, "missing", "in the header", CURE);
    return value;
  };
  return {
    ...parseType(valueOf("descr").slice(1, -1), file),
    isFortran: valueOf("fortran_order") === "True",
    // Python 2 wrote 3L.
    shape: (valueOf("shape").match(/\d+/g) ?? []).map(Number),
  };
}

/** What may stand behind each key. */
const VALUES: Readonly<Record<Key, { readonly form: RegExp; readonly what: string }>> = {
  descr: { form: /'[^'\\]*'|"[^"\\]*"/y, what: "a quoted type" },
  fortran_order: { form: /True|False/y, what: "True or False" },
  shape: { form: /\((?:\s*\d+L?\s*,)*(?:(?<=,)\s*\d+L?\s*)?\)/y, what: "a tuple of lengths" },
};

/** Takes one token after the other; between them there may be white space. */
class Scanner {
  readonly #text: string;
  readonly #file: string;
  #at = 0;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  /** The next token, if it has this form. */
  peek(form: RegExp): string | undefined {
    while (/\s/.test(this.#text.charAt(this.#at))) this.#at += 1;
    form.lastIndex = this.#at;
    return form.exec(this.#text)?.[0];
  }

  take(form: RegExp, expected: string): string {
    const token = this.peek(form);
    if (token === undefined) {
      const found = quote(this.#text.slice(this.#at, this.#at + 20));
      throw refuse(this.#file, `header at ${this.#at}`, found, expected, CURE);
    }
    this.#at += token.length;
    return token;
  }
}

const TYPES: ReadonlyMap<string, DType> = new Map([
  ["f2", "float16"],
  ["f4", "float32"],
  ["f8", "float64"],
  ["i1", "int8"],
  ["i2", "int16"],
  ["i4", "int32"],
  ["i8", "int64"],
  ["u1", "uint8"],
  ["u2", "uint16"],
  ["u4", "uint32"],
  ["u8", "uint64"],
  ["b1", "bool"],
]);

function parseType(descr: string, file: string): { readonly dtype: DType; readonly isLittle: boolean } {
  const order = descr.charAt(0);
  const dtype = TYPES.get(descr.slice(1));
  const isBytes = /[iub]1$/.test(descr);
  // Elements of one byte have no order; others must say theirs.
  if (dtype !== undefined && ["<", ">", ...(isBytes ? ["|"] : [])].includes(order))
    return { dtype, isLittle: order !== ">" };
  throw wrongType(file, quote(descr));
}

function wrongType(file: string, found: string): DataError {
  const expected = "one of f2, f4, f8, i1 to i8, u1 to u8, b1, with < or > before it";
  return refuse(file, "descr", found, expected, "convert the array with .astype(numpy.float32) and save it again");
}
