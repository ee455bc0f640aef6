import { afterAll, beforeAll } from "vitest";
import { checked, requestQuickDevice } from "./device.ts";

/**
 * One device for all tests of a file, with the checks of `withDevice` at the file's end. It compiles every pipeline
 * once, which is what takes most of the time of a small test, and without guards unless `request` has them. `descriptor` as
 * for `requestDevice`.
 */
export function useDevice(descriptor?: GPUDeviceDescriptor, request = requestQuickDevice): () => GPUDevice {
  return used(
    async () => {
      const device = await request(descriptor);
      keepPipelines(device);
      return device;
    },
    (device) => {
      device.destroy();
    },
  );
}

/**
 * The same, and a pipeline is compiled when it is first dispatched: a plan has programs that its
 * test never runs, such as steps that do not learn. The next file goes on with the device and its pipelines. Not for tests
 * of compiling, counting or timing.
 */
export function useLazyDevice(descriptor?: GPUDeviceDescriptor): () => GPUDevice {
  return used(
    () => lazyDevice(descriptor),
    () => undefined,
  );
}

/** Those that other files of this process began with, by their descriptors. */
const lazy = new Map<string, LazyDevice>();

interface LazyDevice {
  readonly device: GPUDevice;
  readonly pipelines: readonly GPUComputePipeline[];
}

/** Compiled code is memory, about a megabyte for each. */
const most = 400;

async function lazyDevice(descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> {
  const key = JSON.stringify(descriptor ?? {});
  const known = lazy.get(key);
  if (known !== undefined && known.pipelines.length < most) return known.device;
  known?.device.destroy();
  const device = await requestQuickDevice(descriptor);
  lazy.set(key, { device, pipelines: compileLate(device) });
  void device.lost.then(() => {
    if (lazy.get(key)?.device === device) lazy.delete(key);
  });
  return device;
}

function used(begin: () => Promise<GPUDevice>, end: (device: GPUDevice) => void): () => GPUDevice {
  let device: GPUDevice | undefined;
  let release: () => void = () => undefined;
  let ended: Promise<void> = Promise.resolve();
  beforeAll(async () => {
    const made = await begin();
    await new Promise<void>((ready, fail) => {
      ended = checked(made, async () => {
        device = made;
        const released = new Promise<void>((resolve) => {
          release = resolve;
        });
        ready();
        await released;
      }).finally(() => {
        end(made);
      });
      ended.catch(fail);
    });
  });
  afterAll(async () => {
    release();
    await ended;
  });
  return () => {
    if (device === undefined) throw new Error("The device is there from the first test on, not before.");
    return device;
  };
}

/** A device gives a pipeline that it has already, if it is still in use. */
function keepPipelines(device: GPUDevice): void {
  const kept: GPUComputePipeline[] = [];
  const create = device.createComputePipelineAsync.bind(device);
  device.createComputePipelineAsync = async (descriptor) => {
    const pipeline = await create(descriptor);
    kept.push(pipeline);
    return pipeline;
  };
}

/** @returns the pipelines that are compiled. */
function compileLate(device: GPUDevice): readonly GPUComputePipeline[] {
  const asked = new WeakMap<GPUComputePipeline, GPUComputePipelineDescriptor>();
  const compiled = new WeakMap<GPUComputePipeline, GPUComputePipeline>();
  const kept: GPUComputePipeline[] = [];
  device.createComputePipelineAsync = (descriptor) => {
    const promise = { label: descriptor.label } as GPUComputePipeline;
    asked.set(promise, descriptor);
    return Promise.resolve(promise);
  };
  const pipelineOf = (promise: GPUComputePipeline): GPUComputePipeline => {
    const known = compiled.get(promise);
    if (known !== undefined) return known;
    const descriptor = asked.get(promise);
    if (descriptor === undefined) return promise;
    const pipeline = device.createComputePipeline(descriptor);
    compiled.set(promise, pipeline);
    kept.push(pipeline);
    return pipeline;
  };
  const createEncoder = device.createCommandEncoder.bind(device);
  device.createCommandEncoder = (descriptor) => {
    const encoder = createEncoder(descriptor);
    const begin = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = (pass) => {
      const begun = begin(pass);
      const setPipeline = begun.setPipeline.bind(begun);
      begun.setPipeline = (pipeline) => {
        setPipeline(pipelineOf(pipeline));
      };
      return begun;
    };
    return encoder;
  };
  return kept;
}
