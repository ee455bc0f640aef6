/**
 * The kernels as data: which text, which bindings in which order with which access, which overrides.
 * The literals here are held to the shaders by a reflection test; nothing is parsed at run time.
 */

import initialize from "../shaders/initialize.wgsl?raw";
import learn from "../shaders/learn.wgsl?raw";
import neurons from "../shaders/neurons.wgsl?raw";
import propagate from "../shaders/propagate.wgsl?raw";
import synapses from "../shaders/synapses.wgsl?raw";
import activation from "../shaders/common/activation.wgsl?raw";
import grid from "../shaders/common/grid.wgsl?raw";
import optimizer from "../shaders/common/optimizer.wgsl?raw";
import params from "../shaders/common/params.wgsl?raw";
import projections from "../shaders/common/projections.wgsl?raw";
import random from "../shaders/common/random.wgsl?raw";

const snippets = { activation, grid, optimizer, params, projections, random } as const;

export type Access = "uniform" | "read" | "read-write";

export interface Binding {
  readonly group: number;
  readonly name: string;
  readonly access: Access;
}

export interface Kernel {
  /** File name, entry point and label. */
  readonly source: string;
  readonly snippets: readonly (keyof typeof snippets)[];
  /** In order of binding number within each group. */
  readonly bindings: readonly Binding[];
  readonly overrides: readonly string[];
}

const clockwork = [
  { group: 0, name: "params", access: "uniform" },
  { group: 0, name: "clock", access: "read-write" },
] as const;

/** Of the kernels that go through the synapses. */
const onProjections = [
  ...clockwork,
  { group: 1, name: "projections", access: "read" },
  { group: 1, name: "tiles", access: "read" },
  { group: 1, name: "state", access: "read" },
] as const;

/** Of those that change them. */
const onPlasticity = [
  ...onProjections,
  { group: 1, name: "parameters", access: "read-write" },
  { group: 1, name: "first_moment", access: "read-write" },
  { group: 1, name: "second_moment", access: "read-write" },
] as const;

export const kernels = {
  initialize: {
    source: initialize,
    snippets: ["random"],
    bindings: [
      { group: 0, name: "blocks", access: "read" },
      { group: 0, name: "parameters", access: "read-write" },
    ],
    overrides: ["SEED_LOW", "SEED_HIGH"],
  },
  neurons: {
    source: neurons,
    snippets: ["params", "grid", "activation"],
    bindings: [
      ...clockwork,
      { group: 1, name: "populations", access: "read" },
      { group: 1, name: "tiles", access: "read" },
      { group: 1, name: "time_constants", access: "read" },
      { group: 1, name: "partial_sums", access: "read" },
      { group: 1, name: "frames", access: "read" },
      { group: 1, name: "state", access: "read-write" },
      { group: 1, name: "record", access: "read-write" },
    ],
    overrides: ["FINISH", "BEGIN", "ERRORS", "FIELD", "BATCH", "COSTS", "TRACES", "HAS_WIDE_ROWS", "ACTIVATIONS"],
  },
  synapses: {
    source: synapses,
    snippets: ["params", "grid", "projections", "optimizer"],
    bindings: [...onPlasticity, { group: 1, name: "partial_sums", access: "read-write" }],
    overrides: ["LEARN", "SHARED", "QUADS", "ROWS", "WIDTH", "OPTIMIZER"],
  },
  propagate: {
    source: propagate,
    snippets: ["params", "grid", "projections"],
    bindings: [
      ...onProjections,
      { group: 1, name: "parameters", access: "read" },
      { group: 1, name: "partial_sums", access: "read-write" },
    ],
    overrides: ["BATCH"],
  },
  learn: {
    source: learn,
    snippets: ["params", "grid", "projections", "optimizer"],
    bindings: onPlasticity,
    overrides: ["BATCH", "OPTIMIZER"],
  },
} as const satisfies Record<string, Kernel>;

export type KernelName = keyof typeof kernels;

/** Names of a kernel's bindings: the planner cannot leave one out or misspell it. */
export type BindingName<K extends KernelName> = (typeof kernels)[K]["bindings"][number]["name"];

export interface Assembled {
  readonly code: string;
  /** Turns a line of `code` (from 1) into the file it came from and the line there. */
  readonly locate: (line: number) => { file: string; line: number };
}

/** Joins a kernel and its snippets. Module scope of WGSL has no order, so joining is all there is to it. */
export function assemble(name: KernelName): Assembled {
  const kernel: Kernel = kernels[name];
  const parts = [
    ...kernel.snippets.map((snippet) => ({ file: `common/${snippet}.wgsl`, text: snippets[snippet] })),
    { file: `${name}.wgsl`, text: kernel.source },
  ];
  const lengths = parts.map((part) => part.text.split("\n").length);
  return {
    code: parts.map((part) => part.text).join("\n"),
    locate: (line) => {
      let first = 1;
      for (const [index, part] of parts.entries()) {
        const length = lengths[index] ?? 0;
        if (line < first + length) return { file: part.file, line: line - first + 1 };
        first += length;
      }
      return { file: `${name}.wgsl`, line };
    },
  };
}
