/** The bench in a page: the command line imports this module there and calls its function. */

import { toReply, type Reply } from "../../src/train/job.ts";
import type { BenchResult } from "./result.ts";
import { runBench, type BenchEvent, type BenchRequest } from "./run.ts";

/** @param report a function of the command line: its promise is fulfilled there. */
export function bench(
  request: BenchRequest,
  report: (event: BenchEvent) => Promise<void>,
): Promise<Reply<BenchResult>> {
  return toReply(() => runBench(request, { gpu: navigator.gpu, report }));
}
