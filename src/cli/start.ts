/** `npm start`: trains a preset with several rules side by side, tells how it goes, and keeps what came of it. */

import { version } from "../../package.json";
import type { AdapterFacts } from "../device.ts";
import { VleError } from "../errors.ts";
import { DIGIT_CLASSES } from "../tasks/digits.ts";
import { crossfadesOf, type Preset } from "../tasks/presets.ts";
import type { TrainEvent } from "../train/job.ts";
import { choiceOf, tunedWords } from "../train/kernels.ts";
import { metricsCsv, type Curve, type Summary } from "../train/summary.ts";
import type { Outcome } from "../train/train.ts";
import type { Tuned } from "../variants.ts";
import { learningCurves } from "./figure.ts";
import { adapterName, whole } from "./format.ts";
import { withHost, type Host } from "./host.ts";
import { createJournal } from "./journal.ts";
import { keepTuning, kernelsRequest, tuningsPath } from "./kept-tunings.ts";
import { shownPath, withUsage } from "./options.ts";
import { createProgressDisplay, type ProgressDisplay } from "./progress.ts";
import { resultLines } from "./results.ts";
import { createRunFolder, writeAtomically, type RunFolder } from "./run-folder.ts";
import { readStartOptions, startHelp, type StartOptions } from "./start-options.ts";

const CONFIG_SCHEMA = "vle-webgpu/config/2";
const INTERRUPTED = 130;

/** @returns the exit code. */
export function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  return withUsage("start", async () => {
    const options = await readStartOptions(args);
    if (options !== null) return start(options, signal);
    console.log(startHelp());
    return 0;
  });
}

async function start(options: StartOptions, signal: AbortSignal): Promise<number> {
  const { preset } = options;
  console.log(`\n${preset.title}\n${preset.sentence}\n`);
  const run = new Run(options);
  try {
    const choice = { asked: options.host, preferred: "chrome" } as const;
    await withHost(choice, signal, (host) => run.on(host, signal));
    return 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    console.log(`Stopped at step ${whole(run.step)}; nothing else is running.`);
    return INTERRUPTED;
  }
}

/** A run, what is shown of it, and what is kept of it. */
class Run {
  private readonly options: StartOptions;
  private readonly journal = createJournal();
  private adapter: AdapterFacts | undefined;
  private display: ProgressDisplay | undefined;
  private folder: RunFolder | undefined;
  private readonly tuned: Tuned[] = [];

  constructor(options: StartOptions) {
    this.options = options;
  }

  /** Steps that every condition has trained. */
  get step(): number {
    return this.journal.step;
  }

  async on(host: Host, signal: AbortSignal): Promise<void> {
    console.log(`Host:    ${host.name}`);
    const { request, kernels: choice } = this.options;
    const kernels = await kernelsRequest(choice, tuningsPath());
    try {
      const outcome = await host.train({ ...request, kernels }, async (event) => {
        if (!signal.aborted) await this.hear(event, host);
      });
      this.display?.stop();
      await this.finish(outcome);
    } catch (error) {
      this.display?.stop();
      await this.keepCurves();
      throw error;
    }
  }

  private async hear(event: TrainEvent, host: Host): Promise<void> {
    if (event.kind === "adapter") {
      this.adapter = event.adapter;
      console.log(`Adapter: ${adapterName(event.adapter)}${this.remark(event.adapter)}`);
    } else if (event.kind === "tuned") {
      this.tuned.push(event.tuned);
      const problem = event.tuned.isStored ? null : await keepTuning(tuningsPath(), event.tuned);
      if (problem !== null) console.log(problem);
    } else if (event.kind === "progress") {
      this.journal.add(event.progress);
      this.folder ??= await this.open(event.progress.steps, host);
      this.display ??= this.begin();
      this.display.update(event.progress);
    }
  }

  private begin(): ProgressDisplay {
    console.log(this.tuned.length === 0 ? "" : `Kernels: ${tunedWords(this.tuned)}\n`);
    return createProgressDisplay(this.options.request.conditions);
  }

  private remark({ software }: AdapterFacts): string {
    if (!software) return "";
    const { request, preset } = this.options;
    const budget = `so the run is the smaller one, of ${whole(preset.budgets.software)} steps`;
    return ` is a software adapter: right results, but slow${request.steps === null ? `, ${budget}` : ""}`;
  }

  private async open(steps: number, host: Host): Promise<RunFolder> {
    const { out, preset, request } = this.options;
    const now = new Date();
    const folder = await createRunFolder(out, preset.name, now);
    const { seed, conditions } = request;
    const facts = { version, started: now.toISOString(), host: host.name, adapter: this.adapter };
    // Null: the default ones.
    const kernels =
      this.tuned.length === 0 ? null : this.tuned.map((tuned) => ({ key: tuned.key, ...choiceOf(tuned) }));
    const config = { schema: CONFIG_SCHEMA, ...facts, seed, steps, conditions, preset, kernels };
    await folder.write("config.json", json(config));
    return folder;
  }

  private async keepCurves(): Promise<void> {
    if (!this.folder) return;
    await this.folder.write("metrics.csv", metricsCsv(this.journal.curves));
    console.log(`What was measured so far is in ${shownPath(this.folder.path)}`);
  }

  private async finish({ summary, curves }: Outcome): Promise<void> {
    const { preset, json: copy } = this.options;
    const { folder } = this;
    if (!folder) throw new VleError("INTERNAL", "A run ended without a report.");
    await folder.write("metrics.csv", metricsCsv(curves));
    await folder.write("figure.svg", figureOf(preset, summary, curves));
    const text = json({ ...summary, files: [...folder.files, "summary.json"] });
    await folder.write("summary.json", text);
    if (copy !== undefined) await writeAtomically(copy, text);
    console.log(["", ...resultLines(preset, summary)].join("\n"));
    console.log(`Run folder: ${shownPath(folder.path)} (${folder.files.join(", ")})`);
    if (copy !== undefined) console.log(`Summary:    ${shownPath(copy)}`);
    console.log("Live page:  npm run dev");
  }
}

/** A panel for each crossfade. */
function figureOf(preset: Preset, { adapter, results, seed }: Summary, curves: readonly Curve[]): string {
  const [first] = results;
  return learningCurves({
    title: preset.title,
    subtitle: `${whole(first?.steps ?? 0)} steps, seed ${seed}, on ${adapterName(adapter)}`,
    panels: crossfadesOf(results).map((crossfade) => ({
      title: crossfade === 0 ? "Crossfade 0: hard switches" : `Crossfade: ${crossfade} of ${preset.period} steps`,
      curves: curves.filter((curve) => curve.crossfade === crossfade),
      results: results.filter((result) => result.crossfade === crossfade),
    })),
    chance: 1 / DIGIT_CLASSES,
  });
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
