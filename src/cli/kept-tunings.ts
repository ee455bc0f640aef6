/** The file in which the commands keep what they measured of kernels. Whatever is wrong with it, it is no more than a cache. */

import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { posix, win32 } from "node:path";
import { choiceOf, KERNEL_CHOICES, type KernelChoice, type KernelsRequest } from "../train/kernels.ts";
import type { Tuned } from "../variants.ts";
import { readChoice as readFlag } from "./options.ts";
import { writeAtomically } from "./run-folder.ts";

const SCHEMA = "vle-webgpu/tunings/1";
/** Some hundred bytes each; beyond these the oldest go. */
const MOST_KEPT = 1000;

export const KERNELS_HELP =
  "measured (the fastest, tried for a moment on first use), anew (tried once more) or default";

/** @throws UsageError */
export function readKernels(given: string | undefined): KernelChoice {
  return readFlag("--kernels", given, KERNEL_CHOICES) ?? "measured";
}

/** For a run that begins. @param path of the file. */
export async function kernelsRequest(choice: KernelChoice, path: string): Promise<KernelsRequest> {
  if (choice === "default") return null;
  return { kept: choice === "anew" ? {} : await readTunings(path) };
}

/** In the user's folder for caches. */
export function tuningsPath(
  env: Readonly<Record<string, string | undefined>> = process.env,
  platform: string = process.platform,
  home: string = homedir(),
): string {
  const path = platform === "win32" ? win32 : posix;
  const named = platform === "win32" ? env["LOCALAPPDATA"] : env["XDG_CACHE_HOME"];
  const usual = { win32: ["AppData", "Local"], darwin: ["Library", "Caches"] }[platform] ?? [".cache"];
  // A relative path is to be ignored, says the specification of these folders.
  const caches = named !== undefined && path.isAbsolute(named) ? named : path.join(home, ...usual);
  return path.join(caches, "vle-webgpu", "tunings.json");
}

/** By key; nothing if there is no file, or none that can be read. */
export async function readTunings(path: string): Promise<Record<string, unknown>> {
  const text = await readFile(path, "utf8").catch(() => "");
  try {
    const file = JSON.parse(text) as { readonly schema?: unknown; readonly tunings?: unknown } | null;
    const { schema, tunings } = file ?? {};
    if (schema !== SCHEMA || typeof tunings !== "object" || tunings === null || Array.isArray(tunings)) return {};
    return { ...tunings };
  } catch {
    return {};
  }
}

/**
 * Adds a choice to what is in the file by now, so that commands that run at once lose one at the most.
 * @returns a sentence if that failed, else null.
 */
export async function keepTuning(path: string, tuned: Tuned): Promise<string | null> {
  try {
    const others = Object.entries(await readTunings(path)).filter(([key]) => key !== tuned.key);
    const entries = [...others, [tuned.key, choiceOf(tuned)] as const].slice(-MOST_KEPT);
    await writeAtomically(path, `${JSON.stringify({ schema: SCHEMA, tunings: Object.fromEntries(entries) })}\n`);
    return null;
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
    return `${path} cannot be written (${reason}), so the next run will measure its kernels again.`;
  }
}
