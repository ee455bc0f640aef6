/**
 * Brings results to the host through a fixed ring of staging buffers: nothing is allocated while a run goes on.
 */

/** Numeric flags of the WebGPU specification. */
const mapRead = 1;
const copyDestination = 8;

export interface Copy {
  readonly buffer: GPUBuffer;
  /** In bytes. */
  readonly offset: number;
  readonly size: number;
}

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
