/**
 * Every kind of call to the GPU fails once, at its first use, at its second, and so on until a whole life of a
 * simulator needs no more calls of that kind.
 */

import { describe, expect, it } from "vitest";
import { createSimulator, VleError, type Simulator } from "../../src/index.ts";
import { metricsOf, tiny, tinyData } from "./networks.ts";
import { withDevice } from "./device.ts";
import { useDevice } from "./shared-device.ts";

const injected = new Error("Injected failure");

/** Fails the call number `at`, from 1; `calls` counts all of them. */
class Fuse {
  calls = 0;
  private readonly at: number;
  constructor(at: number) {
    this.at = at;
  }
  get isBlown(): boolean {
    return this.calls >= this.at;
  }
  burns(): boolean {
    this.calls += 1;
    return this.calls === this.at;
  }
}

type Inject = (device: GPUDevice, fuse: Fuse) => void;

/** Puts `call` in the place of a method; it is given the original. Undone by deleting it, or by what was there. */
function replace<T extends object>(object: T, name: keyof T, call: (original: () => unknown) => unknown): void {
  const method: unknown = object[name];
  if (typeof method !== "function") throw new Error(`${String(name)} is no method.`);
  const replaced = (...values: unknown[]): unknown => call(() => Reflect.apply(method, object, values) as unknown);
  Object.defineProperty(object, name, { value: replaced, configurable: true, writable: true });
}

const throwing =
  (name: keyof GPUDevice): Inject =>
  (device, fuse) =>
    replace(device, name, (original) => {
      if (fuse.burns()) throw injected;
      return original();
    });

const rejecting =
  (name: keyof GPUDevice): Inject =>
  (device, fuse) =>
    replace(device, name, async (original) => {
      const result = await original();
      if (fuse.burns()) throw injected;
      return result;
    });

const throwingQueue =
  (name: keyof GPUQueue): Inject =>
  (device, fuse) =>
    replace(device.queue, name, (original) => {
      if (fuse.burns()) throw injected;
      return original();
    });

const kinds: Readonly<Record<string, Inject>> = {
  "createBuffer throws": throwing("createBuffer"),
  "createBindGroupLayout throws": throwing("createBindGroupLayout"),
  "createBindGroup throws": throwing("createBindGroup"),
  "createPipelineLayout throws": throwing("createPipelineLayout"),
  "createShaderModule throws": throwing("createShaderModule"),
  "createCommandEncoder throws": throwing("createCommandEncoder"),
  "createComputePipelineAsync rejects": rejecting("createComputePipelineAsync"),
  "popErrorScope rejects": rejecting("popErrorScope"),
  "an error scope holds an error": (device, fuse) =>
    replace(device, "popErrorScope", async (original) => {
      const error = await original();
      return fuse.burns() ? new GPUOutOfMemoryError("Injected failure") : error;
    }),
  "submit throws": throwingQueue("submit"),
  "writeBuffer throws": throwingQueue("writeBuffer"),
  "mapAsync rejects": (device, fuse) =>
    replace(device, "createBuffer", (original) => {
      const buffer = original() as GPUBuffer;
      replace(buffer, "mapAsync", async (map) => {
        await map();
        buffer.unmap();
        if (fuse.burns()) throw injected;
        return map();
      });
      return buffer;
    }),
};

/** A whole life: creation, a run with metrics, a read, the end. Gives what went wrong. */
async function live(device: GPUDevice): Promise<unknown> {
  let sim: Simulator | undefined;
  try {
    sim = await createSimulator(tiny, { device });
    await metricsOf(sim, { steps: 6, every: 3, ...tinyData(6) });
    await sim.read("rate", "hidden");
    return null;
  } catch (error) {
    return error;
  } finally {
    sim?.destroy();
  }
}

/** An error in a scope around compiling is told by the compilation as well, and by nothing else if it is not real. */
const maybeHarmless = new Set(["an error scope holds an error"]);

const device = useDevice();

describe.each(Object.keys(kinds))("when %s", (kind) => {
  it("at any call, that is told, nothing is left behind, and the next simulator works", async () => {
    const undoWatching = restorer(device());
    const buffers = watchBuffers(device());

    const scopes = watchScopes(device());
    // From now on compiling takes no time, and whatever still goes on after a failure shows soon.
    expect(await live(device())).toBeNull();
    const faults: unknown[] = [];
    let at = 0;
    for (let isDone = false; !isDone && at < 200;) {
      at += 1;
      const fuse = new Fuse(at);
      const undo = restorer(device());
      kinds[kind]?.(device(), fuse);
      const error = describeError(await live(device()));
      const { calls } = fuse;
      await new Promise((resolve) => setTimeout(resolve, 5));
      undo();
      isDone = !fuse.isBlown;
      const isTold = isDone || maybeHarmless.has(kind) || error !== "none";
      const left = { buffers: buffers(), scopes: scopes(), callsAfterwards: fuse.calls - calls };
      const isClean = left.buffers.length === 0 && left.scopes === 0 && left.callsAfterwards === 0;
      const isNamed = error === "none" || /^typed|^passed on/.test(error);
      if (!isTold || !isClean || !isNamed) faults.push({ at, error, ...left });
    }
    undoWatching();
    expect(at).toBeGreaterThan(1);
    expect(at).toBeLessThan(200);
    expect(faults).toEqual([]);
  });
});

describe("a creation that fails", () => {
  it("has ended when it rejects: no other compilation goes on behind it", async () => {
    await withDevice(async (device) => {
      const compilations: Promise<unknown>[] = [];
      let groups = 0;
      replace(device, "createComputePipelineAsync", (original) => {
        if (compilations.length === 0) {
          compilations.push(Promise.resolve());
          return Promise.reject(injected);
        }
        const pipeline = original() as Promise<GPUComputePipeline>;
        compilations.push(pipeline);
        return pipeline;
      });
      replace(device, "createBindGroup", (original) => {
        groups += 1;
        return original();
      });
      expect(await live(device)).toMatchObject({ code: "SHADER_COMPILE", details: { kernel: "initialize" } });
      const before = groups;
      await Promise.all(compilations);
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(groups).toBe(before);
    });
  });
});

function describeError(error: unknown): string {
  if (error === null) return "none";
  if (error instanceof VleError) return `typed ${error.code}`;
  if (error === injected) return "passed on";
  return error instanceof Error ? error.message : "not an error";
}

/** Labels of the buffers that are alive. */
function watchBuffers(device: GPUDevice): () => string[] {
  const alive = new Set<GPUBuffer>();
  replace(device, "createBuffer", (original) => {
    const buffer = original() as GPUBuffer;
    alive.add(buffer);
    replace(buffer, "destroy", (destroy) => {
      alive.delete(buffer);
      return destroy();
    });
    return buffer;
  });
  return () => {
    const labels = [...alive].map(({ label }) => label);
    // What is left is told once, and does not fail the fixture besides.
    for (const buffer of alive) buffer.destroy();
    return labels;
  };
}

/** How many error scopes were pushed and not popped. */
function watchScopes(device: GPUDevice): () => number {
  let open = 0;
  replace(device, "pushErrorScope", (original) => {
    open += 1;
    return original();
  });
  replace(device, "popErrorScope", (original) => {
    open -= 1;
    return original();
  });
  return () => {
    const left = open;
    for (; open > 0;) void device.popErrorScope();
    return left;
  };
}

/** Puts back the methods as they are now. */
function restorer(device: GPUDevice): () => void {
  const objects = [device, device.queue];
  const before = objects.map((object) => Object.getOwnPropertyDescriptors(object));
  return () => {
    objects.forEach((object, index) => {
      for (const name of Object.keys(object)) Reflect.deleteProperty(object, name);
      Object.defineProperties(object, before[index] ?? {});
    });
  };
}
