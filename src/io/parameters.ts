/**
 * Parameters of a network as arrays of a file, and back. The names are those by which the simulator speaks of them:
 * "weight/FROM/TO" of [post, pre], "bias/POPULATION" of [neurons]; "tauM/POPULATION", "tauR/POPULATION" where they learn.
 */

import { showShape, toFloat32, type ArrayEntry, type NumericArray } from "./array.ts";
import { openNpz, writeNpz, type NpzWriteOptions } from "./npz.ts";
import { quote, refuse, sourceOf, type ReadOptions } from "./refusal.ts";
import { openSafetensors, writeSafetensors } from "./safetensors.ts";

/** What of a network tells the shapes of its parameters. A `NetworkSpec` is one. */
export interface NetworkShape {
  readonly sources: readonly { readonly name: string; readonly size: number }[];
  readonly populations: readonly {
    readonly name: string;
    readonly size: number;
    /** `false`: none. */
    readonly bias?: unknown;
    readonly plasticTauM?: boolean;
    readonly plasticTauR?: boolean;
  }[];
  readonly projections: readonly { readonly from: string; readonly to: string }[];
}

/** Where parameters are: `quantity` and `where` are what `read` and `write` of a simulator take. */
export interface ParameterPlace {
  readonly name: string;
  readonly quantity: "weight" | "bias" | "tauM" | "tauR";
  readonly where: string | { readonly from: string; readonly to: string };
  readonly shape: readonly number[];
}

export interface Parameter extends ParameterPlace {
  readonly data: Float32Array;
}

/** The parameters that a network has: weights in the order of its projections, then what each population has. */
export function parameterPlaces(network: NetworkShape): readonly ParameterPlace[] {
  const groups = [...network.sources, ...network.populations];
  const sizes = new Map(groups.map(({ name, size }) => [name, size]));
  const weights = network.projections.map(({ from, to }) => ({
    name: `weight/${from}/${to}`,
    quantity: "weight" as const,
    where: { from, to },
    shape: [sizes.get(to) ?? 0, sizes.get(from) ?? 0],
  }));
  const others = network.populations.flatMap(({ name, size, bias, plasticTauM, plasticTauR }) => {
    const quantities = { bias: bias !== false, tauM: plasticTauM === true, tauR: plasticTauR === true } as const;
    return (["bias", "tauM", "tauR"] as const)
      .filter((quantity) => quantities[quantity])
      .map((quantity) => ({ name: `${quantity}/${name}`, quantity, where: name, shape: [size] }));
  });
  return [...weights, ...others];
}

/**
 * Reads them all, one after the other.
 * @param read for example `(quantity, where) => sim.read(quantity, where)`
 */
export async function collectParameters(
  network: NetworkShape,
  read: (quantity: ParameterPlace["quantity"], where: ParameterPlace["where"]) => Promise<Float32Array>,
): Promise<readonly Parameter[]> {
  const parameters: Parameter[] = [];
  for (const place of parameterPlaces(network)) {
    parameters.push({ ...place, data: await read(place.quantity, place.where) });
  }
  return parameters;
}

/** A file that `numpy.load` reads. @throws DataError if data are not as long as their shape says. */
export function parametersToNpz(parameters: readonly Parameter[], options: NpzWriteOptions = {}): Uint8Array {
  return writeNpz(arraysOf(parameters), options);
}

/** A file that `safetensors` reads. @throws DataError if data are not as long as their shape says. */
export function parametersToSafetensors(
  parameters: readonly Parameter[],
  metadata?: ReadonlyMap<string, string>,
): Uint8Array {
  return writeSafetensors(arraysOf(parameters), metadata);
}

function arraysOf(parameters: readonly Parameter[]): ReadonlyMap<string, NumericArray> {
  return new Map(parameters.map(({ name, shape, data }) => [name, { shape, dtype: "float32", data }]));
}

/**
 * The parameters of this network from a file that has them by these names; write each with
 * `sim.write(quantity, where, data)`.
 * @throws DataError naming the array that is missing, is too many, has another shape, or has a value that is not finite.
 */
export function parametersFromNpz(
  bytes: Uint8Array,
  network: NetworkShape,
  options: ReadOptions = {},
): readonly Parameter[] {
  return fromArrays(openNpz(bytes, options), network, sourceOf(options, "arrays.npz").file);
}

/** The same from .safetensors. @throws DataError as `parametersFromNpz` does. */
export function parametersFromSafetensors(
  bytes: Uint8Array,
  network: NetworkShape,
  options: ReadOptions = {},
): readonly Parameter[] {
  return fromArrays(openSafetensors(bytes, options).arrays, network, sourceOf(options, "arrays.safetensors").file);
}

function fromArrays(
  arrays: ReadonlyMap<string, ArrayEntry>,
  network: NetworkShape,
  file: string,
): readonly Parameter[] {
  const places = parameterPlaces(network);
  const known = new Set(places.map(({ name }) => name));
  const stray = [...arrays.keys()].find((name) => !known.has(name));
  if (stray !== undefined) {
    throw refuse(
      file,
      "array",
      quote(stray),
      "a parameter of this network",
      "use the network that the file was made of",
    );
  }
  return places.map((place) => {
    const entry = arrays.get(place.name);
    const cure = "use the network that the file was made of";
    if (entry === undefined)
      throw refuse(file, quote(place.name), "missing", `there, of shape ${showShape(place.shape)}`, cure);
    return { ...place, data: readShaped(entry, place, { file, key: place.name }) };
  });
}

/**
 * Reads an array that must be a parameter of this place.
 * @throws DataError for another shape, and for a value that is not finite.
 */
export function readShaped(
  entry: ArrayEntry,
  { name, shape }: ParameterPlace,
  { file, key }: { readonly file: string; readonly key: string },
): Float32Array {
  const expected = `${showShape(shape)}, that of ${quote(name)}`;
  const isShaped = entry.shape.length === shape.length && entry.shape.every((length, axis) => length === shape[axis]);
  if (!isShaped)
    throw refuse(file, `${quote(key)}.shape`, showShape(entry.shape), expected, "use a network of these sizes");
  const data = toFloat32(entry.read(), `${file}: ${quote(key)}`);
  const at = data.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return data;
  throw refuse(
    file,
    `${quote(key)}[${at}]`,
    String(data[at]),
    "a finite number",
    "use parameters from before the divergence",
  );
}
