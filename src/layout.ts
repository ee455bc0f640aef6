/**
 * Where everything stands: fields of the state, parameters, frames, traces. Pure.
 *
 * Rows of neurons are padded to whole quads of four, and places are counted in quads: the kernels read and write 16 bytes
 * at a time.
 */

import { placeParameters } from "./layout/parameters.ts";
import { placeFrames, placeTraces, placeWindow } from "./layout/signals.ts";
import { placeStates } from "./layout/state.ts";
import type { Layout, Place, PlanOptions } from "./layout/types.ts";
import type { Needs } from "./needs.ts";
import type { Network } from "./spec.ts";

export * from "./layout/types.ts";
export { localLayout, localNetwork, type LocalNetwork } from "./layout/local.ts";
export { classesIn, momentsOf } from "./layout/parameters.ts";
export { slopeSlots, targetQuads } from "./layout/state.ts";

/** @throws SpecError if a record names something that does not exist, or a window cannot be kept. */
export function layOut(network: Network, options: PlanOptions, needs: Needs): Layout {
  const places = new Map<string, Place>();
  const inner = new Map<string, number>();
  const state = placeStates({ places, inner }, network, options, needs);
  const parameters = placeParameters(places, network, options, needs);
  const frames = placeFrames(places, network, options);
  const traces = placeTraces(network, options);
  const window = placeWindow({ places, inner }, network, options, needs, state.field, traces.record);
  const strides = {
    state: state.stride,
    costs: state.costs.count,
    parameters: parameters.stride,
    window: window.stride,
  };
  return { ...state, ...parameters, ...frames, ...traces, ...window, places, inner, strides };
}

/** Index of a field of the state; 0, which is the error's, stands for a field that is not kept. */
export const fieldIndex = ({ fields }: Pick<Layout, "fields">, name: string): number =>
  Math.max(fields.indexOf(name), 0);
