/** The process that `npm run compare` starts for an engine that cannot share one. It ends when its parent lets go of it. */

import { dressAsBrowser } from "../../bench/compare/globals.ts";
import { ortPeers } from "../../bench/compare/ort.ts";
import { versionOf } from "../../bench/compare/peers.ts";
import { serve, type Answer, type Held, type Request } from "../../bench/compare/remote.ts";
import { nodeGpu } from "./node-gpu.ts";

export async function main(): Promise<number> {
  dressAsBrowser(await nodeGpu());
  const contestants = ortPeers(versionOf("onnxruntime-web"));
  const held: Held = { engine: undefined };
  const reply = async (request: Request): Promise<void> => {
    const answer: Answer = await serve(contestants, request, held).then(
      (value) => ({ value }),
      (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }),
    );
    process.send?.(answer);
  };
  process.on("message", (request: Request) => void reply(request));
  await new Promise((resolve) => process.once("disconnect", resolve));
  return 0;
}
