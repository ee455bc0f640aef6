import { describe, expect, test } from "vitest";
import { SpecError } from "../../src/errors.ts";
import { layered, resolveLearning, resolveNetwork, type LearningSpec, type NetworkSpec } from "../../src/spec.ts";

const spec: NetworkSpec = {
  dt: 0.1,
  sources: [{ name: "eye", size: 4 }],
  populations: [
    { name: "hidden", size: 6, tauM: [1, 2], tauR: 0.1, activation: "tanh" },
    { name: "output", size: 2, tauM: 1, tauR: 1, activation: "linear", cost: { kind: "cross-entropy" } },
  ],
  projections: [
    { from: "eye", to: "hidden" },
    { from: "hidden", to: "output" },
    { from: "output", to: "hidden", plastic: false, init: { kind: "uniform", scale: 2 } },
  ],
};

describe("resolveNetwork", () => {
  test("fills in defaults", () => {
    const network = resolveNetwork(spec);
    const [hidden, output] = network.populations;
    expect(network.dt).toBe(0.1);
    expect(network.sources).toEqual([{ name: "eye", size: 4 }]);
    expect(hidden?.gamma).toBe(0);
    expect(hidden?.cost).toBeNull();
    expect(output?.cost).toEqual({ kind: "cross-entropy", beta: 1 });
    expect(hidden?.tauR).toEqual(new Float64Array(6).fill(0.1));
    expect(network.projections.map(({ plastic }) => plastic)).toEqual([true, true, false]);
  });

  test("numbers the ends of projections", () => {
    const [first, second, third] = resolveNetwork(spec).projections;
    expect(first).toMatchObject({ from: 0, fromSource: true, to: 0, pre: 4, post: 6, name: "eye -> hidden" });
    expect(second).toMatchObject({ from: 0, fromSource: false, to: 1, pre: 6, post: 2, name: "hidden -> output" });
    expect(third).toMatchObject({ from: 1, fromSource: false, to: 0, pre: 2, post: 6, name: "output -> hidden" });
  });

  test("scales a uniform start by the fan-in: weights by their projection's, biases by all of the population's", () => {
    const { populations, projections } = resolveNetwork(spec);
    expect(projections.map(({ init }) => init)).toEqual([
      { kind: "uniform", bound: 1 / Math.sqrt(4) },
      { kind: "uniform", bound: 1 / Math.sqrt(6) },
      { kind: "uniform", bound: 2 / Math.sqrt(2) },
    ]);
    expect(populations[0]?.bias).toEqual({ plastic: true, init: { kind: "uniform", bound: 1 / Math.sqrt(4 + 2) } });
  });

  test("bias false is 0 and stays so", () => {
    const network = resolveNetwork(withPopulation({ bias: false }));
    expect(network.populations[0]?.bias).toEqual({ plastic: false, init: { kind: "constant", value: 0 } });
  });

  test("bias and weights take a constant start", () => {
    const init = { kind: "constant", value: -0.5 } as const;
    const network = resolveNetwork(withPopulation({ bias: { plastic: false, init } }));
    expect(network.populations[0]?.bias).toEqual({ plastic: false, init });
  });

  test.each([
    [6, [1, 2], [1, 1, 1, 2, 2, 2]],
    [5, [1, 2], [1, 1, 1, 2, 2]],
    [7, [1, 2, 3], [1, 1, 1, 2, 2, 3, 3]],
    [3, [1, 2, 3], [1, 2, 3]],
    [2, [4], [4, 4]],
  ])("splits %i neurons into blocks of tau %j", (size, tauM, expected) => {
    expect([...(resolveNetwork(withPopulation({ size, tauM })).populations[0]?.tauM ?? [])]).toEqual(expected);
  });

  test("takes a recurrent population without sources", () => {
    const network = resolveNetwork({
      dt: 1,
      sources: [],
      populations: [{ name: "p", size: 3, tauM: 2, tauR: 1, activation: "relu" }],
      projections: [{ from: "p", to: "p" }],
    });
    expect(network.projections[0]).toMatchObject({ from: 0, fromSource: false, to: 0, pre: 3, post: 3 });
  });

  test("takes fields that are undefined as left out", () => {
    const open = { ...spec.populations[0], gamma: undefined, bias: undefined, cost: undefined };
    expect(resolveNetwork(withPopulation(open)).populations[0]?.gamma).toBe(0);
  });

  test.each<[string, unknown, string]>([
    [
      "no object",
      null,
      "network is null, but must be an object with the fields dt, schedule, targetDelay, sources, populations, projections.",
    ],
    ["missing dt", { ...spec, dt: undefined }, "dt is missing; it must be a finite number above 0 (at least 1.2e-38)."],
    ["dt of 0", { ...spec, dt: 0 }, "dt is 0, but must be a finite number above 0 (at least 1.2e-38)."],
    ["dt as text", { ...spec, dt: "1" }, 'dt is "1", but must be a finite number above 0 (at least 1.2e-38).'],
    ["unknown field", { ...spec, population: [] }, 'population is not a known field. Did you mean "populations"?'],
    [
      "field of a stranger",
      withPopulation({ learning: 1 }),
      "populations[0].learning is not a known field. " +
        "Known fields: name, size, tauM, tauR, activation, plasticTauM, plasticTauR, gamma, bias, cost.",
    ],
    ["other spelling", withPopulation({ tau_m: 1 }), 'populations[0].tau_m is not a known field. Did you mean "tauM"?'],
    ["no population", { ...spec, populations: [] }, "populations is empty. Give at least one population."],
    [
      "hole",
      { ...spec, sources: new Array(2) },
      "sources[0] is missing; it must be an object with the fields name, size.",
    ],
    ["size of 0", withPopulation({ size: 0 }), "populations[0].size is 0, but must be an integer from 1 to 16777216."],
    [
      "broken size",
      withPopulation({ size: 1.5 }),
      "populations[0].size is 1.5, but must be an integer from 1 to 16777216.",
    ],
    [
      "size of 2^24 + 1",
      withPopulation({ size: 2 ** 24 + 1 }),
      "populations[0].size is 16777217, but must be an integer from 1 to 16777216.",
    ],
    [
      "too many neurons in all",
      withPopulation({ size: 2 ** 24 }),
      "populations[0].size brings the network to 16777220 neurons, above the limit of 16777216. Make the groups smaller.",
    ],
    [
      "tauM below dt",
      withPopulation({ tauM: [1, 1, 1, 0.05] }),
      "populations[0].tauM[3] is 0.05, below dt (0.1). Raise tauM or lower dt.",
    ],
    [
      "tauR below dt",
      withPopulation({ tauR: 0.01 }),
      "populations[0].tauR is 0.01, below dt (0.1). Raise tauR or lower dt.",
    ],
    [
      "too many taus",
      withPopulation({ size: 2, tauM: [1, 1, 1] }),
      "populations[0].tauM has 3 values for 2 neurons. Give one value, one per neuron, or one per equal block of neurons.",
    ],
    [
      "no taus",
      withPopulation({ tauM: [] }),
      "populations[0].tauM has 0 values for 6 neurons. Give one value, one per neuron, or one per equal block of neurons.",
    ],
    [
      "tau that is lost in f32",
      withPopulation({ tauM: 1e39 }),
      "populations[0].tauM is 1e+39, but must be a finite number above 0 (at least 1.2e-38).",
    ],
    [
      "inherited name of an activation",
      withPopulation({ activation: "constructor" }),
      'populations[0].activation is "constructor", but must be one of ' +
        '"linear", "tanh", "sigmoid", "hard-sigmoid", "relu", "softplus".',
    ],
    [
      "misspelt activation",
      withPopulation({ activation: "hardSigmoid" }),
      'populations[0].activation is "hardSigmoid", but must be one of ' +
        '"linear", "tanh", "sigmoid", "hard-sigmoid", "relu", "softplus". Did you mean "hard-sigmoid"?',
    ],
    ["gamma null", withPopulation({ gamma: null }), "populations[0].gamma is null, but must be a finite number."],
    ["gamma NaN", withPopulation({ gamma: NaN }), "populations[0].gamma is NaN, but must be a finite number."],
    [
      "bias true",
      withPopulation({ bias: true }),
      "populations[0].bias is true, but must be false or an object with the fields plastic, init.",
    ],
    [
      "init of another kind",
      withPopulation({ bias: { init: { kind: "constant", scale: 1 } } }),
      "populations[0].bias.init.scale is not a known field. Known fields: kind, value.",
    ],
    [
      "init without a value",
      withPopulation({ bias: { init: { kind: "constant" } } }),
      "populations[0].bias.init.value is missing; it must be a finite number.",
    ],
    [
      "negative beta",
      withPopulation({ cost: { kind: "squared-error", beta: -1 } }),
      "populations[0].cost.beta is -1, but must be a finite number, 0 or above.",
    ],
    [
      "cross-entropy of one class",
      withPopulation({ size: 1, tauM: 1, cost: { kind: "cross-entropy" } }),
      'populations[0].cost.kind is "cross-entropy" on a population of 1 neuron, which is always right. ' +
        "Give it a neuron per class, at least 2, or use squared-error.",
    ],
    [
      "empty name",
      withPopulation({ name: "" }),
      'populations[0].name is "", but must be a text of 1 to 64 characters without slashes and control characters.',
    ],
    [
      "name with a slash",
      withPopulation({ name: "a/b" }),
      'populations[0].name is "a/b", but must be a text of 1 to 64 characters without slashes and control characters.',
    ],
    [
      "name with a line break",
      withPopulation({ name: "a\nb" }),
      'populations[0].name is "a\\nb", but must be a text of 1 to 64 characters without slashes and control characters.',
    ],
    [
      "name that is no key",
      withPopulation({ name: "__proto__" }),
      'populations[0].name is "__proto__", but must be another name.',
    ],
    [
      "name taken",
      withPopulation({ name: "eye" }),
      'populations[0].name is "eye", already the name of sources[0]. Give every group its own name.',
    ],
    [
      "unknown end",
      withProjection({ from: "eye", to: "hiden" }),
      'projections[0].to is "hiden", but must be the name of a source or population. Did you mean "hidden"?',
    ],
    [
      "end in a source",
      withProjection({ from: "hidden", to: "eye" }),
      'projections[0].to is "eye", a source, whose rates come from outside. Let the projection end in a population.',
    ],
    [
      "projection twice",
      withProjection({ from: "hidden", to: "output" }),
      "projections[1] repeats projections[0] (hidden -> output). " +
        "Keep one of them; a pair of groups has at most one projection.",
    ],
    [
      "no incoming projection",
      { ...spec, projections: [{ from: "eye", to: "hidden" }] },
      'populations[1] ("output") has no incoming projection. Add { from: ..., to: "output" } to projections.',
    ],
    [
      "plastic 1",
      withProjection({ from: "eye", to: "hidden", plastic: 1 }),
      "projections[0].plastic is 1, but must be true or false.",
    ],
  ])("refuses: %s", (_, value, message) => {
    expect(failure(() => resolveNetwork(value as NetworkSpec))).toBe(message);
  });

  test("names the field in the details of the error", () => {
    expect(() => resolveNetwork(withPopulation({ tauM: 0.01 }))).toThrow(
      expect.objectContaining({
        name: "SpecError",
        code: "SPEC_INVALID",
        details: { path: "populations[0].tauM", value: 0.01, dt: 0.1 },
      }),
    );
  });

  test("shortens what it quotes", () => {
    const message = failure(() => resolveNetwork({ ...spec, ["x".repeat(1e6)]: 1 }));
    expect(message.length).toBeLessThan(200);
  });
});

describe("layered", () => {
  const layer = { size: 8, tauM: [0.6, 1.2], tauR: 0.2, activation: "tanh" } as const;
  const output = { size: 3, tauM: 1.2, tauR: 1.2, activation: "linear" } as const;

  test("one hidden layer is called hidden", () => {
    const cost = { kind: "cross-entropy", beta: 1 } as const;
    expect(layered({ dt: 0.2, input: 28, hidden: [layer], output, cost })).toEqual({
      dt: 0.2,
      sources: [{ name: "input", size: 28 }],
      populations: [
        { ...layer, name: "hidden" },
        { ...output, name: "output", cost },
      ],
      projections: [
        { from: "input", to: "hidden", plastic: true },
        { from: "hidden", to: "output", plastic: true },
      ],
    });
  });

  test("several are numbered, names and the start and plasticity of weights are taken over", () => {
    const init = { kind: "constant", value: 0 } as const;
    const spec = layered({ dt: 1, input: 1, hidden: [layer, { ...layer, name: "top", plastic: false, init }], output });
    expect(spec.populations.map(({ name }) => name)).toEqual(["hidden1", "top", "output"]);
    expect(spec.projections).toEqual([
      { from: "input", to: "hidden1", plastic: true },
      { from: "hidden1", to: "top", plastic: false, init },
      { from: "top", to: "output", plastic: true },
    ]);
  });

  test("gives the cost to the output alone, even if a hidden layer is the same object", () => {
    const spec = layered({ dt: 1, input: 1, hidden: [output], output, cost: { kind: "squared-error" } });
    expect(spec.populations.map(({ cost }) => cost)).toEqual([undefined, { kind: "squared-error" }]);
  });

  test("without hidden layers the input projects to the output", () => {
    expect(layered({ dt: 1, input: 2, hidden: [], output }).projections).toEqual([
      { from: "input", to: "output", plastic: true },
    ]);
  });

  test.each<[unknown, string]>([
    [{ dt: 1, input: 2, hidden: layer, output }, "hidden is an object, but must be an array."],
    [
      { dt: 1, input: 2, hidden: [{ ...layer, taum: 1 }], output },
      'hidden[0].taum is not a known field. Did you mean "tauM"?',
    ],
    [
      { dt: 1, input: 2, hidden: [], output: { ...output, cost: 1 } },
      "output.cost is not a known field. Known fields: name, size, tauM, tauR, activation, plasticTauM, plasticTauR, gamma, " +
        "bias, plastic, init.",
    ],
    [{ dt: 1, inputs: 2, hidden: [], output }, 'inputs is not a known field. Did you mean "input"?'],
  ])("refuses %j", (options, message) => {
    expect(failure(() => layered(options as Parameters<typeof layered>[0]))).toBe(message);
  });
});

describe("resolveLearning", () => {
  const plain = {
    errors: "local",
    window: 1,
    feedback: "transpose",
    traces: "none",
    lagAligned: false,
    gain: "published",
  };
  const adam = { kind: "adam", eta: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

  test.each<[LearningSpec | undefined, unknown]>([
    [undefined, { ...plain, optimizer: adam }],
    [{ errors: "none" }, { ...plain, errors: "none", optimizer: adam }],
    [{ optimizer: { kind: "adam", eta: 0.1, beta2: 0.5 } }, { ...plain, optimizer: { ...adam, eta: 0.1, beta2: 0.5 } }],
    [
      { errors: "instantaneous", optimizer: { kind: "momentum", eta: 1 } },
      { ...plain, errors: "instantaneous", optimizer: { kind: "momentum", eta: 1, beta1: 0.9, beta2: 0, epsilon: 0 } },
    ],
    [
      { optimizer: { kind: "sgd", eta: 0 } },
      { ...plain, optimizer: { kind: "sgd", eta: 0, beta1: 0, beta2: 0, epsilon: 0 } },
    ],
    [
      { optimizer: { kind: "accumulate" } },
      { ...plain, optimizer: { kind: "accumulate", eta: 0, beta1: 1, beta2: 0, epsilon: 0 } },
    ],
  ])("fills in the defaults of %j", (given, expected) => {
    expect(resolveLearning(given)).toEqual(expected);
  });

  test.each<[unknown, string]>([
    [
      "local",
      'learning is "local", but must be an object with the fields errors, window, feedback, traces, lagAligned, gain, optimizer.',
    ],
    [
      { errors: "locale" },
      'learning.errors is "locale", but must be one of "local", "instantaneous", "adjoint", "none". Did you mean "local"?',
    ],
    [{ optimizer: { kind: "sgd" } }, "learning.optimizer.eta is missing; it must be a finite number, 0 or above."],
    [
      { optimizer: { kind: "sgd", eta: 1, mu: 0 } },
      "learning.optimizer.mu is not a known field. Known fields: kind, eta.",
    ],
    [
      { optimizer: { kind: "momentum", eta: 1, mu: 1 } },
      "learning.optimizer.mu is 1, but must be a number from 0 to below 1.",
    ],
    [
      { optimizer: { kind: "adam", eta: Infinity } },
      "learning.optimizer.eta is Infinity, but must be a finite number, 0 or above.",
    ],
    [{ optimizer: { kind: "accumulate", eta: 1 } }, "learning.optimizer.eta is not a known field. Known fields: kind."],
  ])("refuses %j", (given, message) => {
    expect(failure(() => resolveLearning(given as LearningSpec))).toBe(message);
  });
});

/** `spec` with other fields in its first population; whatever they are. */
function withPopulation(fields: object): NetworkSpec {
  const [first, ...others] = spec.populations;
  return { ...spec, populations: [{ ...first, ...fields }, ...others] } as NetworkSpec;
}

function withProjection(projection: object): NetworkSpec {
  return { ...spec, projections: [projection, ...spec.projections.slice(1)] } as NetworkSpec;
}

function failure(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof SpecError) return error.message;
    throw error;
  }
  return "nothing was refused";
}
