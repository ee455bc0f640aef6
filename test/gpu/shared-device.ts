import { afterAll, beforeAll } from "vitest";
import { withDevice } from "./device.ts";

/**
 * One device for all tests of a file, with the checks of `withDevice` at the file's end: a device keeps what it has
 * compiled, and compiling takes most of the time of a small test.
 */
export function useDevice(): () => GPUDevice {
  let device: GPUDevice | undefined;
  let release: () => void = () => undefined;
  let ended: Promise<void> = Promise.resolve();
  beforeAll(async () => {
    await new Promise<void>((ready, fail) => {
      ended = withDevice(async (made) => {
        device = made;
        const released = new Promise<void>((resolve) => {
          release = resolve;
        });
        ready();
        await released;
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
