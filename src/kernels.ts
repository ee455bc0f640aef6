/**
 * The kernels as data: which text, which bindings in which order with which access, which overrides.
 * The literals here are held to the shaders by a reflection test; nothing is parsed at run time.
 */

import apply from "../shaders/apply.wgsl?raw";
import energies from "../shaders/energies.wgsl?raw";
import gradient from "../shaders/gradient.wgsl?raw";
import initialize from "../shaders/initialize.wgsl?raw";
import learn from "../shaders/learn.wgsl?raw";
import learnSubgroup from "../shaders/learn_subgroup.wgsl?raw";
import learnWide from "../shaders/learn_wide.wgsl?raw";
import learnTimeConstants from "../shaders/learn_time_constants.wgsl?raw";
import network from "../shaders/network.wgsl?raw";
import networkLocal from "../shaders/network_local.wgsl?raw";
import neurons from "../shaders/neurons.wgsl?raw";
import propagate from "../shaders/propagate.wgsl?raw";
import propagateSubgroup from "../shaders/propagate_subgroup.wgsl?raw";
import propagateWide from "../shaders/propagate_wide.wgsl?raw";
import reverse from "../shaders/reverse.wgsl?raw";
import synapses from "../shaders/synapses.wgsl?raw";
import synapsesBatch from "../shaders/synapses_batch.wgsl?raw";
import traces from "../shaders/traces.wgsl?raw";
import activation from "../shaders/common/activation.wgsl?raw";
import applying from "../shaders/common/applying.wgsl?raw";
import blockBindings from "../shaders/common/block-bindings.wgsl?raw";
import columns from "../shaders/common/columns.wgsl?raw";
import fields from "../shaders/common/fields.wgsl?raw";
import grid from "../shaders/common/grid.wgsl?raw";
import lanes from "../shaders/common/lanes.wgsl?raw";
import learning from "../shaders/common/learning.wgsl?raw";
import neuron from "../shaders/common/neuron.wgsl?raw";
import neuronBindings from "../shaders/common/neuron-bindings.wgsl?raw";
import onePass from "../shaders/common/one-pass.wgsl?raw";
import onePassFlags from "../shaders/common/one-pass-flags.wgsl?raw";
import optimizer from "../shaders/common/optimizer.wgsl?raw";
import params from "../shaders/common/params.wgsl?raw";
import plasticBlocks from "../shaders/common/plastic-blocks.wgsl?raw";
import plasticBindings from "../shaders/common/plastic-bindings.wgsl?raw";
import population from "../shaders/common/population.wgsl?raw";
import populations from "../shaders/common/populations.wgsl?raw";
import productFlags from "../shaders/common/product-flags.wgsl?raw";
import productTiles from "../shaders/common/product-tiles.wgsl?raw";
import products from "../shaders/common/products.wgsl?raw";
import projectionBindings from "../shaders/common/projection-bindings.wgsl?raw";
import projections from "../shaders/common/projections.wgsl?raw";
import random from "../shaders/common/random.wgsl?raw";
import replicas from "../shaders/common/replicas.wgsl?raw";
import reversal from "../shaders/common/reversal.wgsl?raw";
import sharing from "../shaders/common/sharing.wgsl?raw";
import summing from "../shaders/common/summing.wgsl?raw";
import timeConstants from "../shaders/common/time-constants.wgsl?raw";
import tracing from "../shaders/common/tracing.wgsl?raw";
import wholeNetwork from "../shaders/common/whole-network.wgsl?raw";

const snippets = {
  activation,
  applying,
  "block-bindings": blockBindings,
  columns,
  fields,
  grid,
  lanes,
  learning,
  neuron,
  "neuron-bindings": neuronBindings,
  "one-pass": onePass,
  "one-pass-flags": onePassFlags,
  optimizer,
  params,
  "plastic-bindings": plasticBindings,
  "plastic-blocks": plasticBlocks,
  population,
  populations,
  "product-flags": productFlags,
  "product-tiles": productTiles,
  products,
  "projection-bindings": projectionBindings,
  projections,
  random,
  replicas,
  reversal,
  sharing,
  summing,
  "time-constants": timeConstants,
  tracing,
  "whole-network": wholeNetwork,
} as const;

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
  /** Features of WGSL that its text enables. Default: none. */
  readonly enables?: readonly "subgroups"[];
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

/** Of those that multiply with them. */
const onProducts = [
  ...onProjections,
  { group: 1, name: "parameters", access: "read" },
  { group: 1, name: "partial_sums", access: "read-write" },
] as const;

/** Of those that change them. */
const onPlasticity = [
  ...onProjections,
  { group: 1, name: "parameters", access: "read-write" },
  { group: 1, name: "first_moment", access: "read-write" },
  { group: 1, name: "second_moment", access: "read-write" },
] as const;

/** Of those that do both. */
const onOnePass = [...onPlasticity, { group: 1, name: "partial_sums", access: "read-write" }] as const;

/** Of the kernels that go through the neurons. */
const onNeurons = [
  ...clockwork,
  { group: 1, name: "populations", access: "read" },
  { group: 1, name: "tiles", access: "read" },
  { group: 1, name: "parameters", access: "read" },
  { group: 1, name: "partial_sums", access: "read" },
  { group: 1, name: "frames", access: "read" },
  { group: 1, name: "state", access: "read-write" },
  { group: 1, name: "record", access: "read-write" },
] as const;

/** Of those that update blocks of parameters whose gradient is, or is made of, values of neurons. */
const onBlocks = [
  ...clockwork,
  { group: 1, name: "tiles", access: "read" },
  { group: 1, name: "state", access: "read" },
  { group: 1, name: "parameters", access: "read-write" },
  { group: 1, name: "first_moment", access: "read-write" },
  { group: 1, name: "second_moment", access: "read-write" },
] as const;

/** Snippets of the kernels that go through the synapses, and of those that change them. */
const synaptic = ["params", "replicas", "grid", "projections", "projection-bindings"] as const;
const plastic = [...synaptic, "optimizer", "plastic-bindings"] as const;

/** Overrides of the snippets. */
const ofStrides = ["STATE_STRIDE", "COST_STRIDE", "PARAMETER_STRIDE", "SUM_STRIDE", "WINDOW_STRIDE"] as const;
const ofReplicas = ["REPLICAS", ...ofStrides] as const;
const ofGrid = [...ofReplicas, "DEFERRED", "WIDTH", "BATCH"] as const;
const ofFields = ["TOP_DOWN", "DERIVATIVE", "IS_ALIGNED"] as const;
const ofTable = ["KEEPS_TARGET", "STEP_COSTS"] as const;
const ofPopulations = [...ofTable, "COSTS", "HAS_WIDE_ROWS", "TARGET_LAG", "ACTIVATIONS"] as const;
const ofNeurons = ["ERRORS", "TRACES", "BEGIN_TRACES", "TRAJECTORY", "PREVIOUS", "POWERS"] as const;
const ofReversal = ["COST_LAG", "HAS_DERIVATIVES", "TAU_SUMS", "POTENTIAL_GRADIENT"] as const;
const ofTimeConstants = ["TAU_SIGNAL", "TAU_TRACE"] as const;
const ofOnePass = ["LEARN", "ADVANCE", "FEEDBACK", "SHARED"] as const;
const ofLearning = ["MATCHED", "MEAN"] as const;
const ofSumming = ["CONTINUES"] as const;

/** Of the kernels that take a whole network, between what they change: what comes in and goes out, and all tables. */
const onSignals = [
  { group: 1, name: "record", access: "read-write" },
  { group: 1, name: "frames", access: "read" },
] as const;
const onTables = [
  { group: 2, name: "populations", access: "uniform" },
  { group: 2, name: "projections", access: "uniform" },
  { group: 2, name: "traced", access: "uniform" },
  { group: 2, name: "tiles", access: "uniform" },
  { group: 2, name: "ranges", access: "uniform" },
  { group: 2, name: "times", access: "uniform" },
] as const;

/** Snippets and overrides of these. */
const whole = [
  ...(["params", "replicas", "grid", "activation", "fields", "populations", "population"] as const),
  ...([
    "neuron",
    "reversal",
    "projections",
    "product-flags",
    "product-tiles",
    "products",
    "optimizer",
    "learning",
    "one-pass-flags",
    "columns",
  ] as const),
  ...(["tracing", "time-constants", "summing", "applying", "whole-network"] as const),
] as const;
const ofWhole = [
  ...["IS_SWEEP", "UPDATES", "LEARNS_SYNAPSES", "LEARNS_TAU", "IS_TRACED", "IS_ADJOINT", "LEVELS", "SUMS"],
  ...["IS_ONE_PASS", "LEARN", "FEEDBACK", "SHARED", "QUADS", "ROWS"],
  ...ofGrid,
  ...ofFields,
  ...ofPopulations,
  ...ofNeurons,
  ...ofReversal,
  ...ofTimeConstants,
  ...ofSumming,
  ...ofLearning,
  "OPTIMIZER",
] as const;

export const kernels = {
  initialize: {
    source: initialize,
    snippets: ["random", "replicas"],
    bindings: [
      { group: 0, name: "blocks", access: "read" },
      { group: 0, name: "parameters", access: "read-write" },
      { group: 0, name: "clock", access: "read" },
    ],
    overrides: ofReplicas,
  },
  neurons: {
    source: neurons,
    snippets: [
      "params",
      "replicas",
      "grid",
      "activation",
      "fields",
      "populations",
      "population",
      "neuron-bindings",
      "neuron",
    ],
    bindings: onNeurons,
    overrides: [
      ...["LOAD", "FINISH", "BEGIN", "SEGMENT_START"],
      ...ofGrid,
      ...ofFields,
      ...ofPopulations,
      ...ofNeurons,
    ],
  },
  reverse: {
    source: reverse,
    snippets: [
      "params",
      "replicas",
      "grid",
      "activation",
      "fields",
      "populations",
      "population",
      "neuron-bindings",
      "reversal",
    ],
    bindings: onNeurons,
    overrides: [...ofGrid, ...ofFields, ...ofPopulations, ...ofReversal],
  },
  synapses: {
    source: synapses,
    snippets: [...plastic, "one-pass-flags", "one-pass", "columns"],
    bindings: onOnePass,
    overrides: [...ofGrid, ...ofOnePass, "QUADS", "ROWS", "OPTIMIZER"],
  },
  synapses_batch: {
    source: synapsesBatch,
    snippets: [...plastic, "one-pass-flags", "one-pass", "lanes"],
    bindings: onOnePass,
    overrides: [...ofGrid, ...ofOnePass, "LANES", "QUADS", "OPTIMIZER"],
  },
  propagate: {
    source: propagate,
    snippets: [...synaptic, "product-flags", "product-tiles", "products"],
    bindings: onProducts,
    overrides: [...ofGrid, "ADVANCE"],
  },
  propagate_wide: {
    source: propagateWide,
    snippets: [...synaptic, "product-flags", "product-tiles", "lanes"],
    bindings: onProducts,
    overrides: [...ofGrid, "LANES", "ADVANCE", "OUTPUTS", "BY_LANES"],
  },
  propagate_subgroup: {
    source: propagateSubgroup,
    snippets: [...synaptic, "product-flags", "lanes", "sharing"],
    bindings: onProducts,
    overrides: [...ofGrid, "LANES", "SHARERS", "ADVANCE", "OUTPUTS"],
    enables: ["subgroups"],
  },
  traces: {
    source: traces,
    snippets: ["params", "replicas", "grid", "fields", "tracing"],
    bindings: [
      ...clockwork,
      { group: 1, name: "traced", access: "read" },
      { group: 1, name: "tiles", access: "read" },
      { group: 1, name: "parameters", access: "read" },
      { group: 1, name: "state", access: "read-write" },
    ],
    overrides: [...ofGrid, ...ofFields],
  },
  learn: {
    source: learn,
    snippets: [...plastic, "learning"],
    bindings: onPlasticity,
    overrides: [...ofGrid, ...ofLearning, "OPTIMIZER"],
  },
  learn_wide: {
    source: learnWide,
    snippets: [...plastic, "plastic-blocks"],
    bindings: onPlasticity,
    overrides: [...ofGrid, "MEAN", "BY_ROWS", "OPTIMIZER"],
  },
  learn_subgroup: {
    source: learnSubgroup,
    snippets: [...plastic, "plastic-blocks", "sharing"],
    bindings: onPlasticity,
    overrides: [...ofGrid, "MEAN", "SHARERS", "OUTPUTS", "OPTIMIZER"],
    enables: ["subgroups"],
  },
  learn_time_constants: {
    source: learnTimeConstants,
    snippets: ["params", "replicas", "grid", "fields", "optimizer", "block-bindings", "time-constants"],
    bindings: onBlocks,
    overrides: [...ofGrid, ...ofFields, ...ofTimeConstants, "OPTIMIZER"],
  },
  gradient: {
    source: gradient,
    snippets: ["params", "replicas", "grid", "projections", "summing"],
    bindings: [
      ...clockwork,
      { group: 1, name: "projections", access: "read" },
      { group: 1, name: "tiles", access: "read" },
      { group: 1, name: "record", access: "read" },
      { group: 1, name: "first_moment", access: "read-write" },
    ],
    overrides: [...ofGrid, ...ofSumming],
  },
  apply: {
    source: apply,
    snippets: ["params", "replicas", "grid", "optimizer", "block-bindings", "applying"],
    bindings: onBlocks,
    overrides: [...ofGrid, "OPTIMIZER"],
  },
  energies: {
    source: energies,
    snippets: ["params", "replicas", "grid", "fields", "populations"],
    bindings: [
      ...clockwork,
      { group: 1, name: "populations", access: "read" },
      { group: 1, name: "parameters", access: "read" },
      { group: 1, name: "state", access: "read-write" },
      { group: 1, name: "record", access: "read-write" },
    ],
    overrides: [
      ...["POPULATIONS", "HAS_ERRORS", "ACTION"],
      ...["MISMATCH_TRACE", "COST_TRACE", "ENERGY_TRACE", "ACTION_TRACE", "CONSERVED_TRACE"],
      ...ofGrid,
      ...ofFields,
      ...ofTable,
    ],
  },
  network: {
    source: network,
    snippets: whole,
    bindings: [
      ...clockwork,
      { group: 1, name: "state", access: "read-write" },
      { group: 1, name: "partial_sums", access: "read-write" },
      ...onSignals,
      { group: 1, name: "parameters", access: "read-write" },
      { group: 1, name: "first_moment", access: "read-write" },
      { group: 1, name: "second_moment", access: "read-write" },
      ...onTables,
    ],
    overrides: [...ofWhole, "LANES", "INVOCATIONS"],
  },
  network_local: {
    source: networkLocal,
    snippets: whole,
    bindings: [
      ...clockwork,
      { group: 1, name: "stored_state", access: "read-write" },
      { group: 1, name: "stored_sums", access: "read-write" },
      ...onSignals,
      { group: 1, name: "stored_parameters", access: "read-write" },
      { group: 1, name: "stored_first_moment", access: "read-write" },
      { group: 1, name: "stored_second_moment", access: "read-write" },
      ...onTables,
    ],
    overrides: [
      ...ofWhole,
      ...["STATES", "RUNNING_COSTS", "PARAMETERS", "FIRST_MOMENTS", "SECOND_MOMENTS", "STORED_COSTS"],
    ],
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
  const enabling = (kernel.enables ?? []).map((feature) => ({ file: `${name}.wgsl`, text: `enable ${feature};` }));
  const parts = [
    ...enabling,
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
