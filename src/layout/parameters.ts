/** Parameters, the moments of their optimiser and the gradients of a window. */

import type { Needs } from "../needs.ts";
import type { Learning, Network } from "../spec.ts";
import { Allocator, pathOf, quadsOf, type Layout, type Place, type Places, type PlanOptions } from "./types.ts";

type ParameterLayout = Pick<Layout, "parameters" | "moments" | "gradients"> & { readonly stride: number };

export function placeParameters(
  places: Places,
  network: Network,
  { learning, replicas }: PlanOptions,
  { isAdjoint, sumsTau, isTraced }: Needs,
): ParameterLayout {
  const parameters = new Allocator();
  const plastic: (readonly [string, string, Place])[] = [];
  const place = (quantity: string, name: string, shape: Omit<Place, "buffer" | "first">, key?: string): void => {
    const first = parameters.take((shape.rows + shape.paddingRows) * quadsOf(shape.columns));
    places.set(`${quantity}/${name}`, { buffer: "parameters", first, ...shape });
    if (key !== undefined) plastic.push([key, quantity, { buffer: "first_moment", first, ...shape }]);
  };
  for (const projection of network.projections) {
    const { post, pre } = projection;
    // Rows are padded to quads too, with zeros that stay zero, so that no kernel looks for the last row.
    const paddingRows = quadsOf(post) * 4 - post;
    const shape = { rows: post, paddingRows, columns: pre, axes: ["post", "pre"] } as const;
    const path = pathOf(network, projection).join("/");
    place("weight", path, shape, path);
  }
  const perNeuron = (size: number) => ({ rows: 1, paddingRows: 0, columns: size, axes: ["", "neurons"] }) as const;
  for (const { name, size } of network.populations) place("bias", name, perNeuron(size), name);
  for (const { name, size } of network.populations) {
    for (const of of ["tauM", "tauR"]) {
      // Padding divides by its time constant, too.
      place(of, name, { ...perNeuron(size), padding: "last" }, `/${of}/${name}`);
    }
  }
  // Moments and gradients stand as the parameters do; what no optimiser needs comes after them.
  const ofMoments = parameters.end;
  if (learning.feedback === "random") {
    for (const projection of network.projections) {
      const { post, pre } = projection;
      const paddingRows = quadsOf(post) * 4 - post;
      const shape = { rows: post, paddingRows, columns: pre, axes: ["post", "pre"] } as const;
      place("feedbackWeight", pathOf(network, projection).join("/"), shape);
    }
  }
  if (isTraced) for (const { name, size } of network.populations) place("traceClass", name, perNeuron(size));
  const stride = parameters.end;
  const all = (replicas - 1) * stride;
  const moments = all + ofMoments;
  const gradients = momentsOf(learning) >= 1 ? moments : 0;
  for (const [key, quantity, first] of plastic) {
    places.set(`firstMoment/${key}`, first);
    places.set(`secondMoment/${key}`, { ...first, buffer: "second_moment" });
    const isTau = quantity === "tauM" || quantity === "tauR";
    const isKept = isAdjoint && (!isTau || sumsTau);
    if (isKept) places.set(`gradient/${key}`, { ...first, first: gradients + first.first });
  }
  return { parameters: all + stride, moments, gradients, stride };
}

/** Moments that an optimiser keeps. */
export const momentsOf = ({ optimizer }: Learning): number =>
  ({ sgd: 0, momentum: 1, accumulate: 1, adam: 2 })[optimizer.kind];
