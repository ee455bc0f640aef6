/** In the pack: finds the adapter before anything is measured, and says what helps where there is none. */

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gpuNodes, probeNode } from "../../scripts/probe.mjs";
import type { Adapter } from "../../scripts/compute-once.mjs";
import { root } from "../../scripts/modules.mjs";
import { DeviceError } from "../errors.ts";

/** Names the Vulkan driver; the second is the newer word of the Vulkan loader. */
const DRIVER_VARIABLES = ["VK_ICD_FILENAMES", "VK_DRIVER_FILES"] as const;

/**
 * Computes once, in a process of its own, with the drivers of this machine, hardware first.
 *
 * @returns the environment in which that went well.
 * @throws DeviceError NO_ADAPTER
 */
export async function findAdapter(plain: NodeJS.ProcessEnv): Promise<{ env: NodeJS.ProcessEnv; adapter: Adapter }> {
  try {
    const { env, adapter } = await probeNode(loaders());
    const named = DRIVER_VARIABLES.find((name) => plain[name]);
    // A driver that is named and does not answer is not made up for by another one.
    if (named !== undefined && "VK_ICD_FILENAMES" in env)
      throw new Error(`${named}=${plain[named] ?? ""} leads to none`);
    return { env: { ...plain, ...env }, adapter };
  } catch (cause) {
    throw new DeviceError("NO_ADAPTER", explain(cause), { cause });
  }
}

/** A Vulkan loader of the pack, for machines with a driver and without one. */
function loaders(): readonly string[] {
  const loader = join(root, "loader", "libvulkan.so.1");
  return existsSync(loader) ? [loader] : [];
}

function explain(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  // A process that failed is told with all that it wrote.
  const reason = /^Error: (.*)$/m.exec(text)?.[1] ?? text.split("\n")[0] ?? "";
  return [
    `No Vulkan adapter was found, neither a GPU nor a software one (${reason}).`,
    unusedGpu() ?? "This machine shows no GPU.",
    ...cure,
    `Drivers that are installed: ${drivers().join(", ") || "none"}.`,
  ].join("\n");
}

/** What to say where a software adapter is taken; nothing if there is no GPU that could have been. */
export function adviceOnSoftware(): readonly string[] {
  const gpu = unusedGpu();
  return gpu === null ? [] : [gpu, ...cure];
}

const cure: readonly string[] = [
  "Install the driver with its Vulkan part (Debian and Ubuntu: libvulkan1 and the GPU's driver, or mesa-vulkan-drivers),",
  "in a container start it with NVIDIA_DRIVER_CAPABILITIES=all, or name a driver: VK_ICD_FILENAMES=/path/to/icd.json.",
];

function unusedGpu(): string | null {
  const [gpu] = gpuNodes();
  return gpu === undefined ? null : `There is a GPU at ${gpu}; its Vulkan driver does not answer.`;
}

function drivers(): string[] {
  return ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"].flatMap((folder) =>
    existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [],
  );
}
