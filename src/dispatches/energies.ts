/** The dispatch that sums up energies. Pure. */

import { fieldIndex, type EnergyQuantity, type Layout, type PlanOptions } from "../layout.ts";
import type { Network } from "../spec.ts";
import { none, type Cut } from "../tiles.ts";
import { foldWorkgroups, type DispatchOf } from "./dispatch.ts";

/** Quads from the running costs to those of the step. */
export const stepCosts = ({ replicas }: PlanOptions, { costs }: Layout): number => replicas * costs.count;

/** Of a step, forward or back through a window. */
export function energyDispatch(
  network: Network,
  options: PlanOptions,
  layout: Layout,
  { needs }: Cut,
  isBack: boolean,
): DispatchOf<"energies"> {
  const placeOf = (quantity: EnergyQuantity): number =>
    layout.energies.find((each) => each.quantity === quantity)?.first ?? none;
  return {
    kernel: "energies",
    label: isBack ? "energies back" : "energies",
    buffers: {
      params: "params",
      clock: "clock",
      populations: "populations",
      parameters: "parameters",
      state: "state",
      record: "record",
    },
    constants: {
      POPULATIONS: network.populations.length,
      HAS_ERRORS: Number(needs.isOnline || isBack),
      ACTION: layout.inner.get("action") ?? none,
      MISMATCH_TRACE: placeOf("mismatch"),
      COST_TRACE: placeOf("cost"),
      ENERGY_TRACE: placeOf("energy"),
      ACTION_TRACE: placeOf("action"),
      CONSERVED_TRACE: placeOf("conserved"),
      TOP_DOWN: fieldIndex(layout, "topDown"),
      DERIVATIVE: fieldIndex(layout, "potentialDerivative"),
      KEEPS_TARGET: network.targetDelay,
      STEP_COSTS: stepCosts(options, layout),
    },
    workgroups: foldWorkgroups(Math.ceil(options.batch / 256)),
  };
}
