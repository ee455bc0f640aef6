/** What the page says when it cannot compute: the cause, and one thing to do. */

import { VleError } from "../index.ts";

export interface Circumstances {
  /** Whether the page came by https or from this machine. */
  readonly isSecure: boolean;
  /** How often this page has lost a GPU. */
  readonly losses: number;
  /** Where the run was. */
  readonly step: number;
}

/** Chrome refuses a page the GPU after so many losses. */
const LOSSES_UNTIL_BLOCKED = 2;

export function explain(error: unknown, { isSecure, losses, step }: Circumstances): string {
  if (!(error instanceof VleError)) {
    const message = error instanceof Error ? error.message : String(error);
    return `Something went wrong that should not: ${message} Please report it. Restart begins anew.`;
  }
  if (error.code === "WEBGPU_UNAVAILABLE") return isSecure ? NO_WEBGPU : NOT_SECURE;
  if (error.code === "NO_ADAPTER") return losses >= LOSSES_UNTIL_BLOCKED ? BLOCKED : NO_ADAPTER;
  if (error.code === "DEVICE_LOST") {
    const at = step.toLocaleString("en-US");
    return `The GPU was reset at step ${at}, by its driver or a time-out. Press Restart to learn anew.`;
  }
  return error.message;
}

const NOT_SECURE = "WebGPU needs https or localhost. Open this page at http://localhost, where npm run dev serves it.";
const NO_WEBGPU =
  "This browser has no WebGPU. Use Chrome or Edge 113 or newer (121 on Android), or a current Safari or Firefox.";
const NO_ADAPTER =
  "The browser found no usable GPU. Turn on “Use graphics acceleration” in its settings and look at chrome://gpu; " +
  "on Linux, start Chrome with --enable-unsafe-webgpu --enable-features=Vulkan.";
const BLOCKED =
  "The browser keeps the GPU from this page because it crashed repeatedly. Wait two minutes and press Restart, or " +
  "restart the browser.";
