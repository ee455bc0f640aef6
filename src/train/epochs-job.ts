/** A training over epochs as messages, so that it can be done in a page: bytes travel there and back as texts. */

import type { Experiment } from "../tasks/experiments.ts";
import { unpackSamples, unpackTaskData } from "../tasks/pack-data.ts";
import { taskData } from "../tasks/tasks.ts";
import type { Samples, TaskData } from "../tasks/samples.ts";
import { trainEpochs, type EpochEvent, type EpochWorkplace } from "./epochs.ts";
import { kernelOptions, type KernelsRequest } from "./kernels.ts";
import type { TrainingState } from "./training-state.ts";

export interface EpochsRequest {
  readonly experiment: Experiment;
  readonly checkpointSeconds: number;
  /** What is not made here from the task. */
  readonly data: TaskData | null;
  readonly checkpoint: Uint8Array | null;
  /** Default: null. */
  readonly kernels?: KernelsRequest;
}

export type EpochsPlace = Omit<EpochWorkplace, "data" | "checkpoint" | "checkpointSeconds" | "kernels">;

/** @throws SpecError for options of the task that are not valid, and what `trainEpochs` throws. */
export function runEpochs(request: EpochsRequest, place: EpochsPlace): Promise<TrainingState> {
  const { experiment, checkpointSeconds, checkpoint } = request;
  const kernels = kernelOptions(request.kernels ?? null);
  const data = request.data ?? taskData(experiment.task);
  return trainEpochs(experiment, { ...place, data, checkpointSeconds, kernels, ...(checkpoint && { checkpoint }) });
}

/** The part of a request that is small, and what the rest of it is called. */
export interface PlainRequest extends Pick<EpochsRequest, "experiment" | "checkpointSeconds" | "kernels"> {
  /** Whether each epoch has samples of its own. */
  readonly isRedrawn: boolean;
}
export type PulledBytes = "data" | "checkpoint" | `epoch-${number}`;

/** Gives the bytes of that name from `from` on, as many as are sent at once, in base64; "" at their end. */
export type Pull = (name: PulledBytes, from: number) => Promise<string>;

/** Bytes of one message: a multiple of 3, so that texts can be joined. */
export const MESSAGE_BYTES = 3 * 2 ** 20;

export async function runPulled(
  { isRedrawn, ...request }: PlainRequest,
  pull: Pull,
  place: EpochsPlace,
): Promise<TrainingState> {
  const [packed, checkpoint] = [await pulled(pull, "data"), await pulled(pull, "checkpoint")];
  const redraw = async (epoch: number): Promise<Samples> => {
    return unpackSamples((await pulled(pull, `epoch-${epoch}`)) ?? new Uint8Array());
  };
  const data = packed && { ...unpackTaskData(packed), ...(isRedrawn && { redraw }) };
  return runEpochs({ ...request, data, checkpoint }, place);
}

async function pulled(pull: Pull, name: PulledBytes): Promise<Uint8Array | null> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const part = fromBase64(await pull(name, length));
    if (part.length === 0) break;
    parts.push(part);
    length += part.length;
  }
  if (length === 0) return null;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const PREFIX = "base64:";

/** An event with texts in place of bytes. */
export function plainEvent(event: EpochEvent): unknown {
  return Object.fromEntries(
    Object.entries(event).map(([key, value]: [string, unknown]) => {
      return [key, value instanceof Uint8Array ? PREFIX + toBase64(value) : value];
    }),
  );
}

export function eventOfPlain(plain: unknown): EpochEvent {
  return Object.fromEntries(
    Object.entries(plain as Record<string, unknown>).map(([key, value]) => {
      const isBytes = typeof value === "string" && value.startsWith(PREFIX);
      return [key, isBytes ? fromBase64(value.slice(PREFIX.length)) : value];
    }),
  ) as unknown as EpochEvent;
}

/** Characters that one call makes of its arguments. */
const GRAIN = 2 ** 15;

export function toBase64(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += GRAIN) parts.push(String.fromCharCode(...bytes.subarray(at, at + GRAIN)));
  return btoa(parts.join(""));
}

export function fromBase64(text: string): Uint8Array {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}
