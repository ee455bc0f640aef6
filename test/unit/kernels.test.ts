/** Holds the literals of the kernels, bindings and overrides, to what the shaders declare. */

import { describe, expect, it } from "vitest";
import { assemble, kernels, type Access, type Kernel } from "../../src/kernels.ts";
import { kernelNames, reflect } from "./reflection.ts";

describe.each(kernelNames)("kernel %s", (name) => {
  const kernel: Kernel = kernels[name];
  const reflection = reflect(name);

  it("has one entry point, which is named like it", () => {
    const { compute, vertex, fragment } = reflection.entry;
    expect([...compute, ...vertex, ...fragment].map((entry) => entry.name)).toEqual([name]);
  });

  it("declares the bindings of its literal, numbered without gaps", () => {
    const isAccess: Record<string, Access> = { read: "read", read_write: "read-write" };
    const variables = [...reflection.uniforms, ...reflection.storage, ...reflection.textures, ...reflection.samplers];
    const declared = variables
      .toSorted((a, b) => a.group - b.group || a.binding - b.binding)
      .map(({ group, binding, name, access }) => ({
        group,
        binding,
        name,
        access: reflection.uniforms.some((uniform) => uniform.name === name) ? "uniform" : isAccess[access],
      }));
    const literal = kernel.bindings.map((binding, index) => ({
      group: binding.group,
      binding: kernel.bindings.slice(0, index).filter(({ group }) => group === binding.group).length,
      name: binding.name,
      access: binding.access,
    }));
    const right = declared.map(
      ({ group, name, access }) => `{ group: ${group}, name: "${name}", access: "${access}" }`,
    );
    expect(literal, `right would be:\n${right.join(",\n")}`).toEqual(declared);
  });

  it("declares the overrides of its literal", () => {
    const declared = reflection.overrides.map(({ name }) => name).toSorted();
    expect(kernel.overrides.toSorted(), `right would be: ${JSON.stringify(declared)}`).toEqual(declared);
  });

  it("fits the limits that every device has", () => {
    expect(reflection.storage.length).toBeLessThanOrEqual(8);
    expect(reflection.uniforms.length).toBeLessThanOrEqual(12);
    expect(Math.max(...kernel.bindings.map(({ group }) => group))).toBeLessThan(4);
  });

  it("finds the file and the line of every line of its text", () => {
    const { code, locate } = assemble(name);
    const lines = code.split("\n");
    const files = new Set(lines.map((_, index) => locate(index + 1).file));
    const snippets = kernel.snippets.map((snippet) => `common/${snippet}.wgsl`);
    // What it enables stands before everything.
    const first = "enables" in kernel ? [`${name}.wgsl`] : [];
    expect([...files]).toEqual([...new Set([...first, ...snippets, `${name}.wgsl`])]);
    const entry = lines.findIndex((line) => line.startsWith(`fn ${name}(`)) + 1;
    const { file, line } = locate(entry);
    expect(file).toBe(`${name}.wgsl`);
    expect(kernel.source.split("\n")[line - 1]).toBe(lines[entry - 1]);
  });
});
