import { runBench } from "../../bench/harness/run.ts";
import { DeviceError, VleError } from "../errors.ts";
import { createSimulator, type NetworkSpec, type Simulator, type SimulatorOptions } from "../index.ts";
import { parseRecording } from "../tasks/recording.ts";
import { alignPreset } from "../train/align.ts";
import { runEpochs } from "../train/epochs-job.ts";
import { train } from "../train/job.ts";
import { synthesize } from "../train/le-fourier.ts";
import { runStudy } from "../train/limit-study.ts";
import { reproduce } from "../train/reproduce.ts";
import { verifyRecording } from "../train/verification.ts";
import { loadDigits } from "./digits-data.ts";
import type { Host } from "./host.ts";
import { nodeGpu } from "./node-gpu.ts";
import { askPatiently } from "./patience.ts";

/** This process, with Dawn. Rejects with DeviceError WEBGPU_UNAVAILABLE if the package `webgpu` is missing. */
export async function openNodeHost(signal: AbortSignal): Promise<Host> {
  askPatiently();
  const host = { gpu: await nodeGpu() };
  return {
    kind: "node",
    name: `Node ${process.version} with the npm package webgpu`,
    train: async (request, report) =>
      train(request, { digits: await loadDigits(), createSimulator: createInNode, host, report, signal }),
    trainEpochs: (request, report) => runEpochs(request, { createSimulator: createInNode, host, report, signal }),
    verify: (text, name) =>
      verifyRecording(parseRecording(text, name), { createSimulator: createInNode, host, signal }),
    reproduce: (request, report) => reproduce(request, { createSimulator: createInNode, host, report, signal }),
    synthesize: (request, report) => synthesize(request, { createSimulator: createInNode, host, report, signal }),
    study: (request, report) =>
      runStudy(request, { digits: loadDigits, createSimulator: createInNode, host, report, signal }),
    align: (request, report) =>
      alignPreset(request, { digits: loadDigits, createSimulator: createInNode, host, report, signal }),
    bench: (request, report) => runBench(request, { ...host, report, signal }),
    close: () => Promise.resolve(),
  };
}

/** What helps against a missing adapter is another thing here than in a browser. */
const createInNode = async (network: NetworkSpec, options: SimulatorOptions): Promise<Simulator> => {
  try {
    return await createSimulator(network, options);
  } catch (cause) {
    if (!(cause instanceof VleError) || cause.code !== "NO_ADAPTER") throw cause;
    const message =
      "Node found no GPU and no software driver. On Linux it needs a Vulkan loader and driver " +
      "(Debian has both in chromium-common); then run: npm run setup -- --again. Or use --host chrome.";
    throw new DeviceError("NO_ADAPTER", message, { cause });
  }
};
