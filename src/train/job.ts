/** A training run as messages, so that it can be done elsewhere: plain data there, plain data back. */

import type { AdapterFacts } from "../device.ts";
import { VleError, type Details, type ErrorCode } from "../errors.ts";
import type { SimulatorOptions } from "../simulator.ts";
import type { Digits } from "../tasks/digits.ts";
import { presetNamed, type Condition } from "../tasks/presets.ts";
import type { Tuned } from "../variants.ts";
import { kernelOptions, type KernelsRequest } from "./kernels.ts";
import { trainRules, type CreateSimulator, type Outcome, type Progress } from "./train.ts";

export interface TrainRequest {
  /** Name of the preset. */
  readonly preset: string;
  readonly seed: number;
  /** Null: what the preset has for this adapter. */
  readonly steps: number | null;
  readonly conditions: readonly Condition[];
  /** Of the simulators that train. Default: null. */
  readonly kernels?: KernelsRequest;
}

/**
 * What is told while it goes on: the adapter first and once, each choice of kernels before its training, progress often, every
 * test at the end.
 */
export type TrainEvent =
  | { readonly kind: "adapter"; readonly adapter: AdapterFacts }
  | { readonly kind: "tuned"; readonly tuned: Tuned }
  | { readonly kind: "progress"; readonly progress: Progress }
  | { readonly kind: "tested"; readonly condition: Condition; readonly accuracy: number };

export interface Workplace {
  readonly digits: Digits;
  readonly createSimulator: CreateSimulator;
  readonly host?: Pick<SimulatorOptions, "device" | "gpu">;
  /** Awaited: a promise that waits is a pause. */
  readonly report: (event: TrainEvent) => void | Promise<void>;
  readonly chunkMilliseconds?: number;
  readonly signal?: AbortSignal;
}

/** @throws SpecError if the request is not valid, and what `trainRules` throws. */
export async function train(request: TrainRequest, workplace: Workplace): Promise<Outcome> {
  const { report, createSimulator, ...rest } = workplace;
  let isAnnounced = false;
  return trainRules({
    ...rest,
    preset: presetNamed(request.preset),
    seed: request.seed,
    conditions: request.conditions,
    kernels: kernelOptions(request.kernels ?? null),
    ...(request.steps !== null && { steps: request.steps }),
    createSimulator: async (network, options) => {
      const simulator = await createSimulator(network, options);
      if (!isAnnounced) await report({ kind: "adapter", adapter: simulator.adapter });
      isAnnounced = true;
      if (simulator.tuned) await report({ kind: "tuned", tuned: simulator.tuned });
      return simulator;
    },
    onProgress: (progress) => report({ kind: "progress", progress }),
    onTested: (condition, accuracy) => report({ kind: "tested", condition, accuracy }),
  });
}

/** A result or an error as plain data, to cross from a page to a process. */
export type Reply<T> = { readonly value: T } | { readonly error: PlainError };

interface PlainError {
  readonly message: string;
  readonly stack: string;
  /** Of a `VleError`. */
  readonly known: { readonly code: ErrorCode; readonly details: Details } | null;
}

export async function toReply<T>(work: () => Promise<T>): Promise<Reply<T>> {
  try {
    return { value: await work() };
  } catch (cause) {
    const { message, stack = message } = cause instanceof Error ? cause : new Error(String(cause));
    const known = cause instanceof VleError ? { code: cause.code, details: cause.details } : null;
    return { error: { message, stack, known } };
  }
}

/** @throws the error of the reply: a `VleError` with its code and details if it was one. */
export function fromReply<T>(reply: Reply<T>): T {
  if ("value" in reply) return reply.value;
  const { message, stack, known } = reply.error;
  const error = known ? new VleError(known.code, message, { details: known.details }) : new Error(message);
  error.stack = stack;
  throw error;
}
