import { describe, expect, it } from "vitest";
import type { NumericArray } from "../../src/io/array.ts";
import { writeNpz } from "../../src/io/npz.ts";
import {
  collectParameters,
  parameterPlaces,
  parametersFromNpz,
  parametersFromSafetensors,
  parametersToNpz,
  parametersToSafetensors,
} from "../../src/io/parameters.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { parametersFromStateDict, type StateDictOptions } from "../../src/io/state-dict.ts";
import { layered, type NetworkSpec } from "../../src/spec.ts";
import { f32, fuzz, sentence } from "./io-files.ts";

const neurons = { tauM: 10, tauR: 1, activation: "tanh" } as const;
const network = layered({
  dt: 0.1,
  input: 3,
  hidden: [{ ...neurons, size: 4, plasticTauM: true }],
  output: { ...neurons, size: 2, bias: false },
});

/** A value for every element, by place. */
const read = async (quantity: string, where: unknown): Promise<Float32Array> => {
  const places = parameterPlaces(network);
  const index = places.findIndex(
    (place) => place.quantity === quantity && JSON.stringify(place.where) === JSON.stringify(where),
  );
  const length = places[index]?.shape.reduce((product, size) => product * size, 1) ?? 0;
  return Float32Array.from({ length }, (_, i) => index + i / 16);
};

describe("the parameters of a network", () => {
  it("have the names and shapes of the simulator", () => {
    expect(parameterPlaces(network).map(({ name, shape }) => [name, shape])).toEqual([
      ["weight/input/hidden", [4, 3]],
      ["weight/hidden/output", [2, 4]],
      ["bias/hidden", [4]],
      ["tauM/hidden", [4]],
    ]);
  });

  it("come back from .npz and .safetensors", async () => {
    const parameters = await collectParameters(network, read);
    expect(parameters.map(({ data }) => data[1])).toEqual([0.0625, 1.0625, 2.0625, 3.0625]);
    expect(parametersFromNpz(parametersToNpz(parameters, { compressed: true }), network)).toEqual(parameters);
    expect(parametersFromSafetensors(parametersToSafetensors(parameters), network)).toEqual(parameters);
  });

  it("are refused for another network, by name", async () => {
    const bytes = parametersToNpz(await collectParameters(network, read));
    const with_ = (change: Partial<NetworkSpec>): string =>
      sentence(() => parametersFromNpz(bytes, { ...network, ...change }, { file: "w.npz" }));
    const [hidden, output] = network.populations;
    if (hidden === undefined || output === undefined) throw new Error("two populations");
    expect(with_({ sources: [{ name: "input", size: 5 }] })).toBe(
      'w.npz: "weight/input/hidden".shape is [4, 3], but must be [4, 5], that of "weight/input/hidden"; use a network of these sizes.',
    );
    expect(with_({ populations: [{ ...hidden, plasticTauM: false }, output] })).toBe(
      'w.npz: array is "tauM/hidden", but must be a parameter of this network; use the network that the file was made of.',
    );
    expect(with_({ populations: [hidden, { ...output, bias: {} }] })).toBe(
      'w.npz: "bias/output" is missing, but must be there, of shape [2]; use the network that the file was made of.',
    );
  });

  it("are refused where they are no numbers, and written only whole", () => {
    const bytes = writeNpz(new Map([["weight/a/b", f32(1, 2)(1, NaN)]]));
    const pair = {
      sources: [{ name: "a", size: 2 }],
      populations: [{ name: "b", size: 1, bias: false }],
      projections: [{ from: "a", to: "b" }],
    };
    expect(sentence(() => parametersFromNpz(bytes, pair, { file: "w.npz" }))).toBe(
      'w.npz: "weight/a/b"[1] is NaN, but must be a finite number; use parameters from before the divergence.',
    );
    const places = parameterPlaces(pair).map((place) => ({ ...place, data: new Float32Array(3) }));
    expect(sentence(() => parametersToSafetensors(places))).toBe(
      '"weight/a/b".data has 3 elements, but the shape [1, 2] has 2; correct the shape.',
    );
  });
});

// ---- PyTorch --------------------------------------------------------------------------------------------------

const stack = layered({
  dt: 0.1,
  input: 2,
  hidden: [
    { ...neurons, size: 3 },
    { ...neurons, size: 1 },
  ],
  output: { ...neurons, size: 2 },
});

/** A state_dict of Linear layers 2 -> 3 -> 1 -> 2 with these prefixes; every element tells its layer. */
function stateDict(
  prefixes: readonly string[],
  change: (arrays: Map<string, NumericArray>) => void = () => undefined,
): Uint8Array {
  const sizes = [2, 3, 1, 2];
  const arrays = new Map<string, NumericArray>();
  for (const [layer, prefix] of prefixes.entries()) {
    const [pre = 0, post = 0] = sizes.slice(layer);
    arrays.set(`${prefix}weight`, f32(post, pre)(...Array.from({ length: post * pre }, (_, i) => layer + i / 8)));
    arrays.set(`${prefix}bias`, f32(post)(...Array<number>(post).fill(-layer)));
  }
  change(arrays);
  return writeSafetensors(arrays);
}

describe("a state_dict of Linear layers", () => {
  const imported = (bytes: Uint8Array, options: StateDictOptions = {}): readonly unknown[] =>
    parametersFromStateDict(bytes, stack, { file: "m.safetensors", ...options }).map(({ name, data }) => [
      name,
      [...data],
    ]);
  const expected = [
    ["weight/input/hidden1", [0, 0.125, 0.25, 0.375, 0.5, 0.625]],
    ["bias/hidden1", [-0, -0, -0]],
    ["weight/hidden1/hidden2", [1, 1.125, 1.25]],
    ["bias/hidden2", [-1]],
    ["weight/hidden2/output", [2, 2.125]],
    ["bias/output", [-2, -2]],
  ];

  it.each([[["0.", "2.", "10."]], [["layers.1.", "layers.3.", "layers.20."]], [["fc1.", "fc2.", "lif."]]])(
    "with keys %j",
    (prefixes) => {
      expect(imported(stateDict(prefixes))).toEqual(expected);
    },
  );

  it("with layers that are named, other keys left alone", () => {
    const bytes = stateDict(["read.", "mix.", "out."], (arrays) => arrays.set("norm.running_mean", f32(1)(0)));
    expect(imported(bytes, { layers: ["read", "mix", "out"] })).toEqual(expected);
  });

  it("without biases, which are zero then", () => {
    const bytes = stateDict(["0.", "1.", "2."], (arrays) => arrays.delete("1.bias"));
    expect(imported(bytes)[3]).toEqual(["bias/hidden2", [0]]);
  });

  it("of half precision", () => {
    const bytes = stateDict(["0.", "1.", "2."], (arrays) => {
      for (const [name, array] of arrays) arrays.set(name, { ...array, dtype: "bfloat16" });
    });
    expect(imported(bytes)).toEqual(expected);
  });

  const cases: readonly (readonly [what: string, bytes: Uint8Array, said: string])[] = [
    [
      "another size",
      stateDict(["0.", "1.", "2."], (arrays) => arrays.set("1.weight", f32(1, 4)(1, 2, 3, 4))),
      'm.safetensors: "1.weight".shape is [1, 4], but must be [1, 3], that of "weight/hidden1/hidden2"; use a network of these sizes.',
    ],
    [
      "weights that are turned",
      stateDict(["0.", "1.", "2."], (arrays) => arrays.set("0.weight", f32(2, 3)(1, 2, 3, 4, 5, 6))),
      'm.safetensors: "0.weight".shape is [2, 3], but must be [3, 2], that of "weight/input/hidden1"; use a network of these sizes.',
    ],
    [
      "a bias of another size",
      stateDict(["0.", "1.", "2."], (arrays) => arrays.set("2.bias", f32(3)(1, 2, 3))),
      'm.safetensors: "2.bias".shape is [3], but must be [2], that of "bias/output"; use a network of these sizes.',
    ],
    [
      "a layer too few",
      stateDict(["0.", "1."]),
      'm.safetensors: layers is 2 ("0", "1"), but must be 3, as the network has projections; name them by the option layers.',
    ],
    [
      "a bias alone",
      stateDict(["0.", "1.", "2."], (arrays) => arrays.delete("1.weight")),
      'm.safetensors: "1.weight" is missing, but must be there, for "weight/hidden1/hidden2"; name the layers by the option layers.',
    ],
    [
      "another kind of layer",
      stateDict(["0.", "1.", "2."], (arrays) => arrays.set("1.running_mean", f32(1)(1))),
      'm.safetensors: "1.running_mean" is neither weight nor bias, but must be of a Linear layer; leave it out of the file, or name the layers by the option layers.',
    ],
    [
      "a layer of convolution",
      stateDict(["0.", "1.", "2."], (arrays) => arrays.set("1.weight", f32(1, 3, 1)(1, 2, 3))),
      'm.safetensors: "1.weight" is of 3 axes, but must be of 2, as of a Linear layer; leave it out of the file, or name the layers by the option layers.',
    ],
    [
      "a value that is not finite",
      stateDict(["0.", "1.", "2."], (arrays) => arrays.set("1.bias", f32(1)(Infinity))),
      'm.safetensors: "1.bias"[0] is Infinity, but must be a finite number; use parameters from before the divergence.',
    ],
  ];

  it.each(cases)("refuses %s", (_, bytes, said) => {
    expect(sentence(() => imported(bytes))).toBe(said);
  });

  it("refuses a bias where there is none, and a network that is no chain", () => {
    const bytes = stateDict(["0.", "1.", "2."]);
    const [first, ...others] = stack.populations;
    if (first === undefined) throw new Error("three populations");
    const without = { ...stack, populations: [{ ...first, bias: false as const }, ...others] };
    expect(sentence(() => parametersFromStateDict(bytes, without))).toBe(
      'model.safetensors: "0.bias" is there, though the population has bias: false, but must be left out; give the population a bias, or save the layer without.',
    );
    const loop = { ...stack, projections: stack.projections.map(({ from }) => ({ from, to: "hidden1" })) };
    const recurrent = { ...stack, projections: [...stack.projections, { from: "output", to: "hidden1" }] };
    const circle = {
      ...stack,
      projections: [
        { from: "input", to: "hidden1" },
        { from: "hidden1", to: "hidden2" },
        { from: "hidden2", to: "hidden1" },
      ],
    };
    const branches = { ...stack, projections: ["hidden1", "hidden2", "output"].map((to) => ({ from: "input", to })) };
    for (const spec of [loop, recurrent, circle, branches]) {
      expect(sentence(() => parametersFromStateDict(bytes, spec))).toMatch(
        /^network\.projections are no chain from one source through all populations, but /,
      );
    }
  });

  it("reads or refuses damaged files, in memory of at most four times the file", () => {
    const { refused } = fuzz([stateDict(["0.", "1.", "2."])], (bytes) => parametersFromStateDict(bytes, stack), {
      runs: 500,
    });
    expect(refused).toBeGreaterThan(300);
  });
});
