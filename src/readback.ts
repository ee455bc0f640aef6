/**
 * Brings results to the host through a fixed ring of staging buffers: nothing is allocated while a run goes on.
 */

import { quadsOf, type BufferName, type Place } from "./layout.ts";
import { unpad } from "./padding.ts";

/** Numeric flags of the WebGPU specification. */
const mapRead = 1;
const copyDestination = 8;

export interface Copy {
  readonly buffer: GPUBuffer;
  /** In bytes. */
  readonly offset: number;
  readonly size: number;
}

/** What one staging buffer of a place takes; a larger place takes several. */
const stagingLimit = 64 * 2 ** 20;

/**
 * All rows of places of equal rows as they are after the work submitted so far, dense, one place behind the other: one submit
 * copies them, however many buffers they stand in and take on the way. `check` throws if that must not be any more.
 */
export async function readPlaces(
  device: GPUDevice,
  label: string,
  places: readonly Place[],
  bufferOf: (name: BufferName) => GPUBuffer,
  check: () => void,
): Promise<Float32Array> {
  const columns = places[0]?.columns ?? 0;
  const pitch = quadsOf(columns) * 16;
  const loads = packed(places.flatMap((place) => copiesOf(place, pitch, bufferOf)));
  const ring = new StagingRing(device, label, loads.length, Math.max(...loads.map(sizeOfCopies)));
  try {
    const encoder = device.createCommandEncoder({ label });
    const taken = await Promise.all(
      loads.map(async (copies) => {
        const staging = await ring.take();
        ring.encode(encoder, staging, copies);
        return { staging, size: sizeOfCopies(copies) };
      }),
    );
    check();
    device.queue.submit([encoder.finish()]);
    const values = new Float32Array((loads.reduce((sum, copies) => sum + sizeOfCopies(copies), 0) / pitch) * columns);
    let at = 0;
    for (const { staging, size } of taken) {
      const rows = unpad(new Float32Array(await ring.collect(staging, size)), columns);
      values.set(rows, at);
      at += rows.length;
    }
    return values;
  } finally {
    ring.destroy();
  }
}

/** Copies of at most a staging buffer each. */
function copiesOf({ buffer, first, rows }: Place, pitch: number, bufferOf: (name: BufferName) => GPUBuffer): Copy[] {
  const grain = Math.max(Math.floor(stagingLimit / pitch), 1);
  return Array.from({ length: Math.ceil(rows / grain) }, (_, index) => ({
    buffer: bufferOf(buffer),
    offset: first * 16 + index * grain * pitch,
    size: Math.min(grain, rows - index * grain) * pitch,
  }));
}

/** Neighbours together, as many as a staging buffer holds. */
function packed(copies: readonly Copy[]): Copy[][] {
  const loads: Copy[][] = [];
  for (const copy of copies) {
    const last = loads.at(-1);
    if (last !== undefined && sizeOfCopies(last) + copy.size <= stagingLimit) last.push(copy);
    else loads.push([copy]);
  }
  return loads;
}

const sizeOfCopies = (copies: readonly Copy[]): number => copies.reduce((sum, { size }) => sum + size, 0);

export class StagingRing {
  private readonly free: GPUBuffer[];
  private readonly waiting: ((buffer: GPUBuffer) => void)[] = [];
  private isDestroyed = false;
  private readonly all: readonly GPUBuffer[];

  constructor(device: GPUDevice, label: string, slots: number, bytes: number) {
    const all: GPUBuffer[] = [];
    this.all = all;
    try {
      for (let slot = 0; slot < slots; slot++) {
        const size = Math.max(bytes, 16);
        const buffer = { label: `${label}/staging ${slot}`, size, usage: mapRead | copyDestination };
        all.push(device.createBuffer(buffer));
      }
    } catch (error) {
      this.destroy();
      throw error;
    }
    this.free = [...all];
  }

  get slots(): number {
    return this.all.length;
  }

  /** Waits for a free staging buffer. */
  async take(): Promise<GPUBuffer> {
    const buffer = this.free.pop();
    return buffer ?? new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Encodes the copies one behind the other into `staging`; they must fit. */
  encode(encoder: GPUCommandEncoder, staging: GPUBuffer, copies: readonly Copy[]): void {
    let at = 0;
    for (const { buffer, offset, size } of copies) {
      encoder.copyBufferToBuffer(buffer, offset, staging, at, size);
      at += size;
    }
  }

  /** Resolves when the GPU is done with `staging`, with a copy of its first `bytes`; then the buffer is free again. */
  async collect(staging: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
    try {
      await staging.mapAsync(mapRead, 0, bytes);
      const copy = staging.getMappedRange(0, bytes).slice(0);
      staging.unmap();
      return copy;
    } finally {
      this.release(staging);
    }
  }

  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    for (const buffer of this.all) buffer.destroy();
  }

  private release(buffer: GPUBuffer): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free.push(buffer);
    else next(buffer);
  }
}
