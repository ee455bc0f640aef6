/** Weights of a stack of Linear layers, as PyTorch names them in a state_dict, for a network that is a stack. */

import { DataError } from "../errors.ts";
import type { ArrayEntry } from "./array.ts";
import { parameterPlaces, readShaped, type NetworkShape, type Parameter, type ParameterPlace } from "./parameters.ts";
import { quote, refuse, sourceOf, type ReadOptions } from "./refusal.ts";
import { openSafetensors } from "./safetensors.ts";

export interface StateDictOptions extends ReadOptions {
  /**
   * What the keys of the layers begin with, from the first layer on: "0" for "0.weight" and "0.bias". Other keys are left
   * alone. Default: all keys, in order, numbers in them as numbers ("2.weight" before "10.weight").
   */
  readonly layers?: readonly string[];
}

/**
 * The parameters of a network whose projections are a chain from a source, from `save_file(model.state_dict(), ...)` of
 * `safetensors.torch`. Layer l of the file is projection l of the chain: `weight` [post, pre], `bias` [post]. Where a
 * layer has no bias, it is zero.
 * @throws DataError naming the key, what was found and the shape that was expected; for a network that is no chain.
 */
export function parametersFromStateDict(
  bytes: Uint8Array,
  network: NetworkShape,
  options: StateDictOptions = {},
): readonly Parameter[] {
  const { file } = sourceOf(options, "model.safetensors");
  const { arrays } = openSafetensors(bytes, { ...options, file });
  const chain = chainOf(network);
  const prefixes = options.layers ?? prefixesOf(arrays, file);
  if (prefixes.length !== chain.length) {
    const found = `${prefixes.length} (${prefixes.map(quote).join(", ")})`;
    throw refuse(
      file,
      "layers",
      clip(found),
      `${chain.length}, as the network has projections`,
      "name them by the option layers",
    );
  }
  return chain.flatMap((layer, index) => readLayer(arrays, prefixes[index] ?? "", layer, file));
}

function clip(text: string): string {
  return text.length > 160 ? `${text.slice(0, 160)}...` : text;
}

/** A projection and the biases of where it ends; null: none. */
interface Layer {
  readonly weight: ParameterPlace;
  readonly bias: ParameterPlace | null;
}

/** From the source on. */
function chainOf(network: NetworkShape): readonly Layer[] {
  const places = parameterPlaces(network);
  const layers: Layer[] = [];
  const reached = new Set<string>();
  let [at] = network.sources.map(({ name }) => name);
  const isChain = network.sources.length === 1 && network.projections.length === network.populations.length;
  while (isChain && layers.length < network.projections.length) {
    const next = network.projections.filter(({ from }) => from === at);
    const [projection] = next;
    if (projection === undefined || next.length > 1) break;
    const { from, to } = projection;
    const weight = places.find(({ name }) => name === `weight/${from}/${to}`);
    if (weight === undefined) break;
    layers.push({ weight, bias: places.find(({ name }) => name === `bias/${to}`) ?? null });
    reached.add(to);
    at = to;
  }
  if (isChain && reached.size === network.populations.length) return layers;
  throw new DataError(
    "network.projections",
    "are no chain from one source through all populations, but a state_dict of Linear layers needs one; write the weights one by one.",
  );
}

/** "a.0" of "a.0.weight", in order of the keys. */
function prefixesOf(arrays: ReadonlyMap<string, ArrayEntry>, file: string): readonly string[] {
  const prefixes = new Set<string>();
  for (const [key, { shape }] of arrays) {
    const [, prefix, kind] = /^(?:(.*)\.)?(weight|bias)$/s.exec(key) ?? [];
    const axes = kind === "weight" ? 2 : 1;
    if (kind === undefined || shape.length !== axes) {
      const found = kind === undefined ? "neither weight nor bias" : `of ${shape.length} axes`;
      const expected = kind === undefined ? "of a Linear layer" : `of ${axes}, as of a Linear layer`;
      throw refuse(
        file,
        quote(key),
        found,
        expected,
        "leave it out of the file, or name the layers by the option layers",
      );
    }
    prefixes.add(prefix ?? "");
  }
  const { compare } = new Intl.Collator("en", { numeric: true });
  return [...prefixes].sort((a, b) => compare(a, b) || (a < b ? -1 : 1));
}

function readLayer(
  arrays: ReadonlyMap<string, ArrayEntry>,
  prefix: string,
  { weight, bias }: Layer,
  file: string,
): readonly Parameter[] {
  const keyOf = (kind: string): string => (prefix === "" ? kind : `${prefix}.${kind}`);
  const entry = arrays.get(keyOf("weight"));
  if (entry === undefined) {
    throw refuse(
      file,
      quote(keyOf("weight")),
      "missing",
      `there, for ${quote(weight.name)}`,
      "name the layers by the option layers",
    );
  }
  const weights = { ...weight, data: readShaped(entry, weight, { file, key: keyOf("weight") }) };
  const offset = arrays.get(keyOf("bias"));
  if (bias !== null) {
    const data =
      offset === undefined
        ? new Float32Array(bias.shape[0] ?? 0)
        : readShaped(offset, bias, { file, key: keyOf("bias") });
    return [weights, { ...bias, data }];
  }
  if (offset === undefined) return [weights];
  const found = "there, though the population has bias: false";
  throw refuse(file, quote(keyOf("bias")), found, "left out", "give the population a bias, or save the layer without");
}
