/**
 * JSON as the header of a file has it. Unlike JSON.parse it refuses a name that is there twice, and has limits, so that
 * a header takes a few times its bytes and no more.
 */

import type { DataError } from "../errors.ts";
import { quote, refuse } from "./refusal.ts";

/** An object of JSON: a map, as "__proto__" is a name like any other. */
export type JsonObject = ReadonlyMap<string, JsonValue>;
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

const MOST_NAMES = 100_000;
const MOST_VALUES = 64;
const DEEPEST = 3;

/**
 * Parses an object.
 * @throws DataError for text that is not JSON, a name that is there twice, more than 100,000 names in an object, more
 * than 64 values in a list, and objects and lists within another more than 3 deep.
 */
export function parseJsonObject(text: string, file: string, field: string): JsonObject {
  return new Parser(text, file, field).whole();
}

class Parser {
  readonly #text: string;
  readonly #file: string;
  readonly #field: string;
  #at = 0;

  constructor(text: string, file: string, field: string) {
    this.#text = text;
    this.#file = file;
    this.#field = field;
  }

  whole(): JsonObject {
    this.#expect("{");
    const object = this.#object(1);
    if (this.#peek() !== "") throw this.#wrong("the end");
    return object;
  }

  #value(depth: number): JsonValue {
    const first = this.#peek();
    if (first !== "{" && first !== "[") return this.#primitive();
    if (depth > DEEPEST) throw this.#wrong(`a value, as it is nested ${DEEPEST} deep`);
    this.#expect(first);
    return first === "{" ? this.#object(depth) : this.#list(depth);
  }

  #object(depth: number): JsonObject {
    const entries = new Map<string, JsonValue>();
    for (let isMore = this.#peek() !== "}"; isMore; isMore = this.#more("}")) {
      if (entries.size === MOST_NAMES) throw this.#wrong(`the end of the object, as it has ${MOST_NAMES} names`);
      const place = this.#at;
      const name = this.#peek() === '"' ? this.#primitive() : undefined;
      if (typeof name !== "string") throw this.#wrong("a name");
      if (entries.has(name)) throw this.#refuse(place, `${quote(name)} again`, "there once");
      this.#expect(":");
      entries.set(name, this.#value(depth + 1));
    }
    this.#expect("}");
    return entries;
  }

  #list(depth: number): readonly JsonValue[] {
    const values: JsonValue[] = [];
    for (let isMore = this.#peek() !== "]"; isMore; isMore = this.#more("]")) {
      if (values.length === MOST_VALUES) throw this.#wrong(`the end of the list, as it has ${MOST_VALUES} values`);
      values.push(this.#value(depth + 1));
    }
    this.#expect("]");
    return values;
  }

  /** Whether another value follows; its comma is taken. */
  #more(end: string): boolean {
    if (this.#peek() === end) return false;
    this.#expect(",");
    return true;
  }

  #expect(mark: string): void {
    if (this.#peek() !== mark) throw this.#wrong(quote(mark));
    this.#at += 1;
  }

  /** The next character that is not white space, "" at the end. */
  #peek(): string {
    while (this.#at < this.#text.length && " \t\r\n".includes(this.#text.charAt(this.#at))) this.#at += 1;
    return this.#text.charAt(this.#at);
  }

  #primitive(): string | number | boolean | null {
    const end = this.#peek() === '"' ? this.#endOfString() : this.#endOfWord();
    try {
      const value = JSON.parse(this.#text.slice(this.#at, end)) as string | number | boolean | null;
      this.#at = end;
      return value;
    } catch {
      throw this.#wrong("a value of JSON");
    }
  }

  #endOfString(): number {
    let at = this.#at + 1;
    while (at < this.#text.length && this.#text.charAt(at) !== '"') at += this.#text.charAt(at) === "\\" ? 2 : 1;
    return at + 1;
  }

  #endOfWord(): number {
    let at = this.#at;
    while (at < this.#text.length && !',:"[]{} \t\r\n'.includes(this.#text.charAt(at))) at += 1;
    return at;
  }

  #wrong(expected: string): DataError {
    return this.#refuse(this.#at, quote(this.#text.slice(this.#at, this.#at + 20)), expected);
  }

  #refuse(at: number, found: string, expected: string): DataError {
    return refuse(this.#file, `${this.#field} at ${at}`, found, expected, "save the file again");
  }
}
