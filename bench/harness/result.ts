/** What a run of the bench comes to, as it stands in the JSON file. */

import type { VariantName } from "./cases.ts";
import type { Verdict } from "./check.ts";
import type { Denominators } from "./denominators.ts";
import type { BenchDevice } from "./device.ts";
import type { KernelTime } from "./profile.ts";
import type { Ratio } from "./ratios.ts";
import type { Spread } from "./statistics.ts";

export const BENCH_SCHEMA = "vle-webgpu/bench/1";

export interface CaseResult {
  readonly name: string;
  readonly shape: string;
  /** Of all replicas together. */
  readonly neurons: number;
  readonly synapses: number;
  readonly blocks: number;
  readonly batch: number;
  readonly replicas: number;
  readonly rule: "local";
  readonly learning: boolean;
  readonly optimizer: string;
  readonly variant: VariantName;
  /** "failed": its numbers are wrong. "refused": the device cannot hold it. "skipped": this version has no such thing. */
  readonly status: "measured" | "failed" | "refused" | "skipped";
  /** Why it was not measured. */
  readonly reason: string | null;
  readonly check: Verdict | null;
  /** Sum of the rates of all neurons when the timings ended: finite, or the case has failed. */
  readonly checksum: number | null;
  readonly dispatchesPerStep: number | null;
  readonly stepsPerSecond: Spread | null;
  /** Synapses times steps; one update serves all batch rows. */
  readonly synapticUpdatesPerSecond: number | null;
  /** Of weights only, as a step must move them at least: read once, and written once if it learns. */
  readonly bytesPerSecond: number | null;
  /** See `operationsOf`; older files count one product too many behind an input. */
  readonly flops: number | null;
  /** Each dispatch in a pass of its own; null where the device has no timestamps. */
  readonly kernels: readonly KernelTime[] | null;
  readonly samples: readonly number[];
}

/** Bytes per second over the memory of the weights of a group; null where it was not measured. */
export interface Bandwidth {
  readonly group: string;
  /** Of the weights. */
  readonly footprint: number;
  readonly inPlace: Spread | null;
  readonly copy: Spread | null;
  readonly read: Spread | null;
}

export interface BenchResult extends Omit<BenchDevice, "device"> {
  readonly quick: boolean;
  readonly only: string | null;
  readonly seconds: number;
  readonly denominators: Denominators & { readonly bandwidths: readonly Bandwidth[] };
  readonly cases: readonly CaseResult[];
  readonly ratios: Readonly<Record<string, Ratio>>;
}

/** What is known only outside of the page. */
export interface Origin {
  readonly schema: typeof BENCH_SCHEMA;
  readonly version: string;
  /** ISO 8601. */
  readonly date: string;
  /** Of the working tree, with "+" behind it if there are changes; null without git. */
  readonly commit: string | null;
  readonly host: string;
}

export type BenchReport = Origin & BenchResult;

/** Whether a figure is wrong: of a case that failed, or of a ratio that says whether numbers agree. */
export function isWrong({ cases, ratios }: Pick<BenchResult, "cases" | "ratios">): boolean {
  return (
    cases.some(({ status }) => status === "failed") || Object.values(ratios).some((r) => r.isExact && r.ok === false)
  );
}
