/** `npm run align`: how close rules come to the exact gradient on a preset, and errors to their closed forms on tones. */

import { version } from "../../package.json";
import type { AdapterFacts } from "../device.ts";
import { titleOf } from "../train/align-material.ts";
import type { AlignEvent, AlignReport } from "../train/align.ts";
import { holds, measurementLines, responseLines, TONE_LIMITS } from "./align-lines.ts";
import { alignHelp, readAlignOptions, type AlignOptions } from "./align-options.ts";
import { bodeFigure } from "./bode-figure.ts";
import { adapterName, whole } from "./format.ts";
import { withHost, type Host } from "./host.ts";
import { shownPath, withUsage } from "./options.ts";
import { createRunFolder, writeAtomically } from "./run-folder.ts";

export const ALIGN_SCHEMA = "vle-webgpu/align/1";
const INTERRUPTED = 130;

/** @returns the exit code: 0 only if every tone is within its limits. */
export function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  return withUsage("align", async () => {
    const options = await readAlignOptions(args);
    if (options !== null) return run(options, signal);
    console.log(alignHelp());
    return 0;
  });
}

async function run(options: AlignOptions, signal: AbortSignal): Promise<number> {
  const { request, host: asked } = options;
  console.log(
    `\n${titleOf(request.preset)}\nHow close rules come to the exact gradient, and errors to the closed forms on tones.\n`,
  );
  try {
    return await withHost({ asked, preferred: "node" }, signal, async (host) => {
      console.log(`Host:    ${host.name}`);
      const report = await host.align(request, (event) => {
        if (!signal.aborted) hear(event);
      });
      return finish(report, options, host);
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    console.log("Stopped; nothing else is running.");
    return INTERRUPTED;
  }
}

function hear(event: AlignEvent): void {
  if (event.kind === "adapter") announce(event.adapter);
  else if (event.kind === "measured") say(measurementLines(event.measurement));
  else if (event.stage === "training") console.log(`Training ${whole(event.steps)} steps with local errors ...\n`);
  else if (event.stage === "measuring") console.log(`Summing gradients over ${whole(event.steps)} steps ...\n`);
  else console.log("Driving neurons with tones ...\n");
}

function announce(adapter: AdapterFacts): void {
  console.log(`Adapter: ${adapterName(adapter)}${adapter.software ? " (software: right results, but slow)" : ""}\n`);
}

async function finish(report: AlignReport, { out, json: copy }: AlignOptions, host: Host): Promise<number> {
  for (const response of report.responses) say(responseLines(response));
  const tones = report.responses.flatMap((response) => response.tones);
  const wrong = tones.filter((tone) => !holds(tone)).length;
  const limits = `within ${TONE_LIMITS.phase} rad and ${100 * TONE_LIMITS.gain} % of the gain ratio's closed form`;
  console.log(`${tones.length - wrong} of ${tones.length} tones are ${limits}.\n`);
  const now = new Date();
  const folder = await createRunFolder(out, `align-${report.preset}`, now);
  await folder.write("bode.svg", bodeFigureOf(report));
  const facts = { schema: ALIGN_SCHEMA, version, finished: now.toISOString(), host: host.name };
  const text = `${JSON.stringify({ ...facts, ...report, files: [...folder.files, "summary.json"] }, null, 2)}\n`;
  await folder.write("summary.json", text);
  if (copy !== undefined) await writeAtomically(copy, text);
  console.log(`Run folder: ${shownPath(folder.path)} (${folder.files.join(", ")})`);
  if (copy !== undefined) console.log(`Summary:    ${shownPath(copy)}`);
  return wrong === 0 ? 0 : 1;
}

function bodeFigureOf({ adapter, responses }: AlignReport): string {
  return bodeFigure({
    title: "How errors answer tones in the top-down signal",
    subtitle: `linear neurons, dt ${responses[0]?.dt ?? "-"}, sweep order, measured on ${adapterName(adapter)}`,
    responses,
  });
}

function say(lines: readonly string[]): void {
  console.log([...lines, ""].join("\n"));
}
