/** How quantities are addressed: what names a place of the plan, and what may be written to it. Pure. */

import { DataError } from "./errors.ts";
import { quadsOf } from "./layout.ts";
import type { Place, Plan } from "./plan.ts";
import { PLASTIC_TAU_STEPS } from "./spec.ts";

/** Names a projection. */
export interface Between {
  readonly from: string;
  readonly to: string;
}

/** Names the parameters of a population's neurons; a population named alone means its biases. */
export interface PartOf {
  readonly population: string;
  readonly of: "bias" | "tauM" | "tauR";
}

export type Where = string | Between | PartOf;

/** Of a place in the plan; names have no slashes. */
export function keyOf(quantity: string, where: Where): string {
  if (typeof where === "string") return `${quantity}/${where}`;
  if ("from" in where) return `${quantity}/${where.from}/${where.to}`;
  return where.of === "bias" ? `${quantity}/${where.population}` : `${quantity}//${where.of}/${where.population}`;
}

/** Reads like "f32[batch=4][neurons=10, padded to 12]". */
export function layoutOf({ rows, columns, axes }: Place): string {
  const padded = quadsOf(columns) * 4;
  const inner = padded === columns ? `${columns}` : `${columns}, padded to ${padded}`;
  return axes[0] === "" ? `f32[${axes[1]}=${inner}]` : `f32[${axes[0]}=${rows}][${axes[1]}=${inner}]`;
}

/** @throws DataError for a time constant that cannot be integrated, or that one which learns may not have. */
export function checkTau({ network }: Plan, quantity: "tauM" | "tauR", where: Where, data: Float32Array): void {
  const population = network.populations.find(({ name }) => name === where);
  const plastic = quantity === "tauM" ? population?.plasticTauM : population?.plasticTauR;
  const least = (plastic === true ? PLASTIC_TAU_STEPS : 1) * network.dt;
  const at = data.findIndex((value) => !(value >= Math.fround(least) && Number.isFinite(value)));
  if (at < 0) return;
  const limit = plastic === true ? `${least} (10 dt), as it learns` : `dt (${least})`;
  throw new DataError(`write("${quantity}")[${at}]`, `is ${data[at]}; it must be finite and at least ${limit}.`);
}
