/** `npm run bench`: how fast networks run, beside what the device can do at best. */

import {
  adapterLine,
  caseLines,
  closingLine,
  csvOf,
  deviceLines,
  kernelLines,
  ratioLines,
  reasonLines,
  SOFTWARE_LABEL,
} from "../../bench/harness/report.ts";
import { BENCH_SCHEMA, isWrong, type BenchReport } from "../../bench/harness/result.ts";
import type { BenchEvent } from "../../bench/harness/run.ts";
import { version } from "../../package.json";
import { benchHelp, readBenchOptions, STANDARD_OUTPUT, type BenchOptions } from "./bench-options.ts";
import { commitOf } from "./commit.ts";
import { duration } from "./format.ts";
import { withHost } from "./host.ts";
import { shownPath, withUsage } from "./options.ts";
import { writeAtomically } from "./run-folder.ts";

const INTERRUPTED = 130;

/** @returns the exit code: 0 unless numbers are wrong. */
export function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  return withUsage("bench", async () => {
    const options = await readBenchOptions(args);
    if (options !== null) return run(options, signal);
    console.log(benchHelp());
    return 0;
  });
}

async function run(options: BenchOptions, signal: AbortSignal): Promise<number> {
  const date = new Date().toISOString();
  try {
    const report = await withHost(
      { asked: options.host, preferred: "node", say: console.error },
      signal,
      async (host): Promise<BenchReport> => {
        console.error(`Host:    ${host.name}`);
        const start = performance.now();
        const result = await host.bench(options.request, (event) => {
          if (!signal.aborted) hear(event, (performance.now() - start) / 1000);
        });
        return { schema: BENCH_SCHEMA, version, date, commit: await commitOf(), host: host.name, ...result };
      },
    );
    await write(report, options);
    return isWrong(report) ? 1 : 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    console.error("Stopped; nothing else is running.");
    return INTERRUPTED;
  }
}

function hear(event: BenchEvent, seconds: number): void {
  if (event.kind === "opened") {
    console.error(`Adapter: ${adapterLine(event.device)}`);
    if (event.device.adapter.software) console.error(SOFTWARE_LABEL);
  } else if (event.kind === "begins") {
    console.error(`${duration(seconds).padStart(5)}  ${event.index + 1} of ${event.count}: ${event.name}`);
  } else {
    for (const line of reasonLines(event.cases)) console.error(`       ${line}`);
  }
}

async function write(report: BenchReport, { json, csv }: BenchOptions): Promise<void> {
  const texts = [
    ["JSON", json, () => `${JSON.stringify(report, null, 2)}\n`],
    ["CSV", csv, () => csvOf(report)],
  ] as const;
  if (json !== STANDARD_OUTPUT && csv !== STANDARD_OUTPUT) console.log(reportLines(report).join("\n"));
  for (const [kind, path, text] of texts) {
    if (path === undefined) continue;
    if (path === STANDARD_OUTPUT) {
      await new Promise((resolve) => process.stdout.write(text(), resolve));
      continue;
    }
    await writeAtomically(path, text());
    console.error(`${kind}: ${shownPath(path)}`);
  }
}

function reportLines(report: BenchReport): string[] {
  const { date, commit, host, quick, seconds, adapter } = report;
  const facts = [date.slice(0, 10), ...(commit === null ? [] : [`commit ${commit}`]), quick ? "quick" : "full"];
  const kernels = kernelLines(report.cases);
  return [
    "",
    `vle-webgpu bench, ${facts.join(", ")}, ${duration(seconds)} minutes`,
    `Host:    ${host}`,
    `Adapter: ${adapterLine(report)}`,
    ...(adapter.software ? [bold(SOFTWARE_LABEL)] : []),
    "",
    ...deviceLines(report),
    "",
    ...caseLines(report.cases),
    ...(kernels.length === 0 ? [] : ["", ...kernels]),
    "",
    ...ratioLines(report),
    "",
    closingLine(report),
  ];
}

function bold(text: string): string {
  return process.stdout.isTTY ? `\u001b[1m${text}\u001b[22m` : text;
}
