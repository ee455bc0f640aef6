import { describe, expect, it } from "vitest";
import { StagingRing } from "../../src/readback.ts";

/** Buffers of a fake device: `map` ends a mapping. */
class FakeBuffer {
  readonly size: number;
  readonly label: string;
  readonly bytes: Uint8Array;
  state: "unmapped" | "pending" | "mapped" | "destroyed" = "unmapped";
  destroyed = 0;
  map: (error?: Error) => void = () => undefined;

  constructor({ size, label = "" }: GPUBufferDescriptor) {
    this.size = size;
    this.label = label;
    this.bytes = Uint8Array.from({ length: size }, (_, i) => i);
  }

  async mapAsync(mode: number, offset: number, size: number): Promise<void> {
    expect([mode, this.state]).toEqual([1, "unmapped"]);
    expect(offset + size).toBeLessThanOrEqual(this.size);
    this.state = "pending";
    return new Promise((resolve, reject) => {
      this.map = (error) => {
        this.state = error === undefined ? "mapped" : "unmapped";
        if (error === undefined) resolve();
        else reject(error);
      };
    });
  }

  getMappedRange(offset: number, size: number): ArrayBuffer {
    expect(this.state).toBe("mapped");
    return this.bytes.buffer.slice(offset, offset + size) as ArrayBuffer;
  }

  unmap(): void {
    this.state = "unmapped";
  }

  destroy(): void {
    this.destroyed += 1;
    this.state = "destroyed";
  }
}

function createRing(slots: number, bytes: number): { ring: StagingRing; made: FakeBuffer[] } {
  const made: FakeBuffer[] = [];
  const device = {
    createBuffer(descriptor: GPUBufferDescriptor) {
      const buffer = new FakeBuffer(descriptor);
      made.push(buffer);
      return buffer;
    },
  };
  return { ring: new StagingRing(device as unknown as GPUDevice, "test", slots, bytes), made };
}

const fake = (buffer: GPUBuffer): FakeBuffer => buffer as unknown as FakeBuffer;

/** Whether a promise is settled after everything that can happen now has happened. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  await new Promise((resolve) => setTimeout(resolve, 0));
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

describe("StagingRing", () => {
  it("makes all of its buffers at once, each with room for a quad at least", () => {
    const { ring, made } = createRing(3, 4);
    expect(ring.slots).toBe(3);
    expect(made.map(({ size }) => size)).toEqual([16, 16, 16]);
    expect(new Set(made.map(({ label }) => label)).size).toBe(3);
  });

  it("hands out each buffer once, then whoever asks waits for the next that is free, in order", async () => {
    const { ring, made } = createRing(2, 64);
    const [first, second] = [await ring.take(), await ring.take()];
    expect(first).not.toBe(second);
    const [third, fourth] = [ring.take(), ring.take()];
    expect(await isSettled(third)).toBe(false);
    const data = ring.collect(second, 8);
    fake(second).map();
    expect([...new Uint8Array(await data)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(await third).toBe(second);
    expect(await isSettled(fourth)).toBe(false);
    const more = ring.collect(first, 8);
    fake(first).map();
    await more;
    expect(await fourth).toBe(first);
    expect(made.length).toBe(2);
  });

  it("gives a copy that outlives the mapping", async () => {
    const { ring } = createRing(1, 16);
    const staging = await ring.take();
    const data = ring.collect(staging, 16);
    fake(staging).map();
    const copy = new Uint8Array(await data);
    fake(staging).bytes.fill(0);
    expect(copy[5]).toBe(5);
    expect(fake(staging).state).toBe("unmapped");
  });

  it("frees a buffer whose mapping fails, and says why it failed", async () => {
    const { ring } = createRing(1, 16);
    const staging = await ring.take();
    const data = ring.collect(staging, 16);
    fake(staging).map(new Error("lost"));
    await expect(data).rejects.toThrow("lost");
    expect(await ring.take()).toBe(staging);
  });

  it("copies one behind the other", async () => {
    const { ring } = createRing(1, 64);
    const copies: number[][] = [];
    const encoder = {
      copyBufferToBuffer: (_: unknown, from: number, __: unknown, to: number, size: number) => {
        copies.push([from, to, size]);
      },
    };
    const staging = await ring.take();
    const buffer = staging;
    ring.encode(encoder as unknown as GPUCommandEncoder, staging, [
      { buffer, offset: 32, size: 16 },
      { buffer, offset: 0, size: 4 },
      { buffer, offset: 256, size: 8 },
    ]);
    expect(copies).toEqual([
      [32, 0, 16],
      [0, 16, 4],
      [256, 20, 8],
    ]);
  });

  it("destroys every buffer once, however often it is asked", () => {
    const { ring, made } = createRing(3, 16);
    ring.destroy();
    ring.destroy();
    expect(made.map(({ destroyed }) => destroyed)).toEqual([1, 1, 1]);
  });
});
