/** What the shaders declare, read from their assembled text, and tables as a shader reads them. */

import { WgslReflect, type StructInfo } from "wgsl_reflect";
import { assemble, kernels, type KernelName } from "../../src/kernels.ts";

export const kernelNames = Object.keys(kernels) as KernelName[];

/**
 * Module scope alone: without comments, and with empty functions, since the parser does not know every expression of
 * WGSL and nothing in a body declares anything.
 */
function declarationsOf(code: string): string {
  const bare = code.replace(/\/\/.*/g, "");
  let declarations = "";
  let depth = 0;
  let isBody = false;
  for (const [index, letter] of Array.from(bare).entries()) {
    if (letter === "{") {
      if (depth === 0) isBody = /\bfn\s[^{};]*$/.test(bare.slice(0, index));
      depth += 1;
      if (!isBody || depth === 1) declarations += letter;
    } else if (letter === "}") {
      depth -= 1;
      if (!isBody || depth === 0) declarations += letter;
    } else if (depth === 0 || !isBody) {
      declarations += letter;
    }
  }
  return declarations;
}

const reflections: ReadonlyMap<KernelName, WgslReflect> = new Map(
  kernelNames.map((name) => [name, new WgslReflect(declarationsOf(assemble(name).code))]),
);

export function reflect(name: KernelName): WgslReflect {
  const reflection = reflections.get(name);
  if (reflection === undefined) throw new Error(`There is no kernel "${name}".`);
  return reflection;
}

export function struct(kernel: KernelName, name: string): StructInfo {
  const found = reflect(kernel).structs.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`Kernel "${kernel}" has no struct ${name}.`);
  return found;
}

/** Byte offset of every member; members that are structs themselves by the names of theirs. */
export function offsetsOf(kernel: KernelName, name: string): Map<string, number> {
  const { structs } = reflect(kernel);
  return new Map(
    struct(kernel, name).members.flatMap((member): [string, number][] => {
      const inner = structs.find((candidate) => candidate.name === member.type.name);
      if (inner === undefined) return [[member.name, member.offset]];
      return inner.members.map(({ name, offset }) => [name, member.offset + offset]);
    }),
  );
}

/** Every row of a table that holds nothing else, read as the shader reads it. */
export function decodeAll(bytes: ArrayBuffer, kernel: KernelName, name: string): Record<string, number>[] {
  const { size } = struct(kernel, name);
  if (bytes.byteLength % size !== 0) throw new Error(`${bytes.byteLength} bytes are no whole rows of ${size}.`);
  return Array.from({ length: bytes.byteLength / size }, (_, row) => decode(bytes, kernel, name, row));
}

/** The row of a table, read as the shader reads it. */
export function decode(bytes: ArrayBuffer, kernel: KernelName, name: string, row: number): Record<string, number> {
  const view = new DataView(bytes, row * struct(kernel, name).size);
  const types = new Map(
    [struct(kernel, name), ...reflect(kernel).structs].flatMap(({ members }) =>
      members.map((member) => [member.name, member.type.name] as const),
    ),
  );
  return Object.fromEntries(
    [...offsetsOf(kernel, name)].map(([member, offset]) => [
      member,
      types.get(member) === "f32" ? view.getFloat32(offset, true) : view.getUint32(offset, true),
    ]),
  );
}
