/** Where the work of a command is done: in Chrome, or in this process. */

import type { BenchEvent, BenchRequest } from "../../bench/harness/run.ts";
import type { BenchResult } from "../../bench/harness/result.ts";
import { VleError } from "../errors.ts";
import type { StudyResult } from "../tasks/limit-study.ts";
import type { AlignEvent, AlignReport, AlignRequest } from "../train/align.ts";
import type { EpochEvent } from "../train/epochs.ts";
import type { EpochsRequest } from "../train/epochs-job.ts";
import type { TrainEvent, TrainRequest } from "../train/job.ts";
import type { Synthesis, SynthesisEvent, SynthesisRequest } from "../train/le-fourier.ts";
import type { StudyEvent, StudyRequest } from "../train/limit-study.ts";
import type { ReproduceEvent, ReproduceRequest, Reproduction } from "../train/reproduce.ts";
import type { Outcome } from "../train/train.ts";
import type { TrainingState } from "../train/training-state.ts";
import type { Check } from "../train/verification.ts";
import { openChromeHost } from "./chrome-host.ts";
import { readFindings } from "./chrome.ts";
import { openNodeHost } from "./node-host.ts";

export const HOST_KINDS = ["chrome", "node"] as const;
export type HostKind = (typeof HOST_KINDS)[number];

export interface Host {
  readonly kind: HostKind;
  /** For people: what it is and its version. */
  readonly name: string;
  /** See `train` of src/train/job.ts. Rejects with the signal's reason if aborted. */
  train(request: TrainRequest, report: (event: TrainEvent) => void | Promise<void>): Promise<Outcome>;
  /** See `trainEpochs` of src/train/epochs.ts. Rejects with the signal's reason if aborted. */
  trainEpochs(request: EpochsRequest, report: (event: EpochEvent) => void | Promise<void>): Promise<TrainingState>;
  /** See `verifyRecording`; `text` is the content of the file `name`. */
  verify(text: string, name: string): Promise<Check[]>;
  /** See `reproduce` of src/train/reproduce.ts. Rejects with the signal's reason if aborted. */
  reproduce(request: ReproduceRequest, report: (event: ReproduceEvent) => void | Promise<void>): Promise<Reproduction>;
  /** See `synthesize` of src/train/le-fourier.ts. Rejects with the signal's reason if aborted. */
  synthesize(request: SynthesisRequest, report: (event: SynthesisEvent) => void | Promise<void>): Promise<Synthesis>;
  /** See `runStudy` of src/train/limit-study.ts. Rejects with the signal's reason if aborted. */
  study(request: StudyRequest, report: (event: StudyEvent) => void | Promise<void>): Promise<StudyResult[]>;
  /** See `alignPreset` of src/train/align.ts. Rejects with the signal's reason if aborted. */
  align(request: AlignRequest, report: (event: AlignEvent) => void | Promise<void>): Promise<AlignReport>;
  /** See `runBench` of bench/harness/run.ts. Rejects with the signal's reason if aborted. */
  bench(request: BenchRequest, report: (event: BenchEvent) => void | Promise<void>): Promise<BenchResult>;
  close(): Promise<void>;
}

export interface HostChoice {
  /** What the user asked for; undefined: `preferred`, and the other one where that has no WebGPU. */
  readonly asked: HostKind | undefined;
  readonly preferred: HostKind;
  /** Tells people that the other one is taken. Default: on the standard output. */
  readonly say?: (line: string) => void;
}

/**
 * Runs `use` with a host and closes it.
 *
 * @throws DeviceError WEBGPU_UNAVAILABLE or NO_ADAPTER if there is no WebGPU where it may be looked for.
 */
export async function withHost<T>(
  { asked, preferred, say = console.log }: HostChoice,
  signal: AbortSignal,
  use: (host: Host) => Promise<T>,
): Promise<T> {
  const other = preferred === "chrome" ? "node" : "chrome";
  const canFallBack = asked === undefined && readFindings()?.[other] !== null;
  try {
    return await useHost(asked ?? preferred, signal, use);
  } catch (error) {
    if (!canFallBack || !isWithoutGpu(error)) throw error;
    say(`${error.message}\nFalling back to ${other === "node" ? "Node" : "Chrome"}.`);
    return useHost(other, signal, use);
  }
}

async function useHost<T>(kind: HostKind, signal: AbortSignal, use: (host: Host) => Promise<T>): Promise<T> {
  const host = await (kind === "chrome" ? openChromeHost(signal) : openNodeHost(signal));
  try {
    return await use(host);
  } finally {
    await host.close();
  }
}

function isWithoutGpu(error: unknown): error is VleError {
  return error instanceof VleError && (error.code === "WEBGPU_UNAVAILABLE" || error.code === "NO_ADAPTER");
}
