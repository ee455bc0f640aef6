import { afterAll, beforeAll } from "vitest";
import { withDevice } from "./device.ts";

/**
 * One device for all tests of a file, with the checks of `withDevice` at the file's end. It compiles every pipeline
 * once, which is what takes most of the time of a small test. `descriptor` as for `requestDevice`; `prepare` gets the
 * device before any test.
 */
export function useDevice(
  descriptor?: GPUDeviceDescriptor,
  prepare: (device: GPUDevice) => void = () => undefined,
): () => GPUDevice {
  let device: GPUDevice | undefined;
  let release: () => void = () => undefined;
  let ended: Promise<void> = Promise.resolve();
  beforeAll(async () => {
    await new Promise<void>((ready, fail) => {
      ended = withDevice(async (made) => {
        keepPipelines(made);
        prepare(made);
        device = made;
        const released = new Promise<void>((resolve) => {
          release = resolve;
        });
        ready();
        await released;
      }, descriptor);
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
