/** Files as bench and compare write them, with figures that are easy to follow. */

import type { BenchReport, CaseResult } from "../../bench/harness/result.ts";
import { COMPARED, readResult, type CompareReport, type ResultFile } from "../../src/cli/results-files.ts";

const spread = (median: number) => ({ median, mad: median / 50, min: 0.9 * median });

export function caseOf(size: number, batch: number, rate: number, more: Partial<CaseResult> = {}): CaseResult {
  const { learning = true } = more;
  return {
    name: `recurrent ${size}${batch > 1 ? ` batch ${batch}` : ""}`,
    shape: "recurrent",
    neurons: size,
    synapses: size ** 2,
    blocks: 1,
    batch,
    replicas: 1,
    rule: "local",
    learning,
    optimizer: "sgd",
    variant: "learning",
    status: "measured",
    reason: null,
    check: { ok: true, against: "reference", error: 1e-7, sentence: "agrees" },
    checksum: 0.5,
    dispatchesPerStep: 2,
    stepsPerSecond: spread(rate),
    synapticUpdatesPerSecond: rate * size ** 2,
    bytesPerSecond: 8 * rate * size ** 2,
    flops: (learning ? 6 : 4) * batch * rate * size ** 2,
    kernels: null,
    samples: [rate],
    ...more,
  };
}

export const swiftshader = {
  vendor: "google",
  architecture: "swiftshader",
  description: "SwiftShader driver 5.0.0",
  software: true,
  subgroupSizes: [4, 4],
} as const;
export const gpu = {
  ...swiftshader,
  vendor: "nvidia",
  architecture: "hopper",
  description: "H100 570.1.2",
  software: false,
};

export function bench(more: Partial<BenchReport> = {}): BenchReport {
  const part = (value: number, least: number) => ({ at: "1024", value, gate: { least }, ok: value >= least });
  const ratio = (title: string, value: number, least: number) => ({
    ...{ title, formula: "a / b", value, gate: { least }, ok: value >= least },
    ...{ parts: [part(value, least)], reason: null, isExact: false },
  });
  return {
    schema: "vle-webgpu/bench/1",
    version: "0.1.0",
    date: "2026-11-24T10:00:00.000Z",
    commit: "abc1234",
    host: "Node v20.20.2 with the npm package webgpu",
    adapter: swiftshader,
    kind: "swiftshader",
    features: [],
    limits: {},
    quick: false,
    only: null,
    seconds: 300,
    denominators: {
      ...{ flops: 8e9, dispatchSeconds: 1e-5, submitSeconds: 2e-5, roundTripSeconds: 5e-5 },
      bandwidths: [
        { group: "recurrent 1024", footprint: 2 ** 22, inPlace: spread(4e9), copy: spread(3e9), read: spread(2e9) },
        { group: "recurrent 16384", footprint: 2 ** 30, inPlace: spread(2e9), copy: null, read: spread(1e9) },
      ],
    },
    cases: [
      caseOf(1024, 1, 200),
      caseOf(1024, 1, 300, { name: "recurrent 1024, frozen", learning: false, variant: "frozen" }),
      caseOf(1024, 1, 90, { name: "recurrent 1024, tiled", variant: "tiled" }),
      caseOf(1024, 64, 10),
    ],
    ratios: { G10: ratio("many steps in a dispatch", 0.7, 1), G5: ratio("bandwidth", 0.6, 0.45) },
    ...more,
  };
}

export const compared: CompareReport = {
  schema: COMPARED,
  version: "0.1.0",
  finished: "2026-11-24T12:00:00.000Z",
  adapter: swiftshader,
  host: { name: "Node v20.20.2 with the npm package webgpu" },
  cases: [{ name: "step, 256 neurons, batch 1", engine: "ours", verdict: "agrees", busy: 0.4 }],
  ratios: {
    G1: [
      {
        ...{ goal: "G1", formula: "ours / jax-js", measured: "step", neurons: 256, batch: 1 },
        ...{ peer: "jax-js 0.1.25 jit", value: 4, gate: 3, holds: true },
      },
    ],
  },
};

export const NAME = "2026-11-24-swiftshader-5.0.0-node.json";

export function fileOf(name: string, report: BenchReport | CompareReport): ResultFile {
  const [file] = readResult(name, JSON.stringify(report));
  if (typeof file !== "object") throw new Error(file);
  return file;
}

export const later = (hour: number): string => `2026-11-24T${hour}:00:00.000Z`;
