/**
 * Brings input and target to the device: once if they fit the frame buffer, else window by window.
 */

import { DataError } from "./errors.ts";
import type { Plan } from "./plan.ts";

/** One source's input or one population's target. */
export interface Signal {
  /** Key of its place, "input/name" or "target/name". */
  readonly key: string;
  readonly data: Float32Array;
  /** Values per frame. */
  readonly size: number;
  readonly frames: number;
}

export type SignalData = Float32Array | Readonly<Record<string, Float32Array>>;

/**
 * Matches data to the sources (or costed populations) of a plan.
 * @throws DataError naming the field, found and expected.
 */
export function signalsOf(plan: Plan, kind: "input" | "target", data: SignalData): Signal[] {
  const names = [...plan.places.keys()]
    .filter((key) => key.startsWith(`${kind}/`))
    .map((key) => key.slice(kind.length + 1));
  const first = names[0];
  if (data instanceof Float32Array && names.length > 1) {
    throw new DataError(`run.${kind}`, `must be given by name, because there are several: ${names.join(", ")}.`);
  }
  if (first === undefined) {
    throw new DataError(
      `run.${kind}`,
      kind === "target" ? "is given, but no population has a cost." : "has no source.",
    );
  }
  const byName: Readonly<Record<string, Float32Array>> = data instanceof Float32Array ? { [first]: data } : data;
  const unknown = Object.keys(byName).find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new DataError(`run.${kind}.${unknown}`, `does not exist; there is ${names.join(", ")}.`);
  const signals = names.map((name) =>
    signalOf(plan, kind, name, Object.hasOwn(byName, name) ? byName[name] : undefined),
  );
  if (new Set(signals.map(({ frames }) => frames)).size > 1) {
    const found = signals.map(({ key, frames }) => `${key} ${frames}`).join(", ");
    throw new DataError(`run.${kind}`, `must have as many frames for each; found ${found}.`);
  }
  return signals;
}

function signalOf(plan: Plan, kind: string, name: string, data: Float32Array | undefined): Signal {
  const key = `${kind}/${name}`;
  const { rows = 0, columns = 0 } = plan.places.get(key) ?? {};
  const size = (rows / plan.frameCapacity) * columns;
  if (!(data instanceof Float32Array))
    throw new DataError(`run.${kind}.${name}`, "must be a Float32Array; it is missing or of another type.");
  if (data.length === 0 || data.length % size !== 0) {
    throw new DataError(
      `run.${kind}.${name}`,
      `has ${data.length} values; a frame has ${size} (${describeFrame(plan, kind, name)}), so the length must be a multiple of it.`,
      { found: data.length, frame: size },
    );
  }
  if (kind === "target") checkClasses(plan, `run.target.${name}`, name, data);
  return { key, data, size, frames: data.length / size };
}

function describeFrame(plan: Plan, kind: string, name: string): string {
  const population = plan.network.populations.find((candidate) => candidate.name === name);
  return kind === "target" && population?.cost?.kind === "cross-entropy"
    ? `one class index for each of ${plan.batch} batch rows`
    : `${plan.batch} batch rows of the neurons of "${name}"`;
}

/**
 * Class indices would otherwise be cut to another class without a word.
 * @throws DataError
 */
export function checkClasses(plan: Plan, path: string, name: string, target: Float32Array): void {
  const population = plan.network.populations.find((candidate) => candidate.name === name);
  if (population?.cost?.kind !== "cross-entropy") return;
  const at = target.findIndex((value) => !Number.isInteger(value) || value < -1 || value >= population.size);
  if (at < 0) return;
  throw new DataError(
    `${path}[${at}]`,
    `is ${target[at]}; a class index is a whole number from 0 to ${population.size - 1}, or -1 for none.`,
  );
}

/** What the kernels must know to find the frame of a step. */
export interface Window {
  readonly frameOrigin: number;
  readonly inputFrames: number;
  readonly targetFrames: number;
}

/** Writes whole frames from frame `first` of the buffer on. */
type Write = (key: string, frames: Float32Array, first: number) => void;

/** Feeds one run. Steps count from its start. Without signals the frames stay what they are. */
export class FrameStream {
  private readonly signals: readonly Signal[];
  private readonly capacity: number;
  private readonly start: number;
  private readonly write: Write;
  private readonly fits: boolean;
  private windowEnd = 0;

  constructor(signals: readonly Signal[], capacity: number, start: number, write: Write) {
    this.signals = signals;
    this.capacity = capacity;
    this.start = start;
    this.write = write;
    this.fits = signals.every(({ frames }) => frames <= capacity);
    if (signals.length === 0) this.windowEnd = Infinity;
  }

  /** Uploads what the steps from `step` on need, if it is not there; returns the window to announce, or null. */
  prepare(step: number): Window | null {
    if (step < this.windowEnd) return null;
    if (this.fits) {
      for (const { key, data } of this.signals) this.write(key, data, 0);
      this.windowEnd = Infinity;
      return this.window(0, (frames) => frames);
    }
    for (const signal of this.signals) this.fill(signal, step);
    this.windowEnd = step + this.capacity;
    return this.window(step, () => this.capacity);
  }

  /** Steps that can be done from `step` before the next upload. */
  available(step: number): number {
    return this.windowEnd - step;
  }

  private window(origin: number, held: (frames: number) => number): Window {
    const framesOf = (kind: string): number => {
      const signal = this.signals.find(({ key }) => key.startsWith(kind));
      return signal === undefined ? 0 : held(signal.frames);
    };
    return { frameOrigin: this.start + origin, inputFrames: framesOf("input/"), targetFrames: framesOf("target/") };
  }

  /** Writes `capacity` frames from `step` on, starting over at the end of the data. */
  private fill({ key, data, size, frames }: Signal, step: number): void {
    for (let done = 0; done < this.capacity;) {
      const from = (step + done) % frames;
      const count = Math.min(frames - from, this.capacity - done);
      this.write(key, data.subarray(from * size, (from + count) * size), done);
      done += count;
    }
  }
}
