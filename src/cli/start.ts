/** `npm start`: trains a preset with several rules side by side, tells how it goes, and keeps what came of it. */

import { relative } from "node:path";
import { version } from "../../package.json";
import type { AdapterFacts } from "../device.ts";
import { DIGIT_CLASSES } from "../tasks/digits.ts";
import type { TrainEvent } from "../train/job.ts";
import { metricsCsv, type Summary } from "../train/summary.ts";
import type { Outcome, Progress } from "../train/train.ts";
import { learningCurves } from "./figure.ts";
import { adapterName, whole } from "./format.ts";
import { withHost, type Host } from "./host.ts";
import { createJournal } from "./journal.ts";
import { withUsage } from "./options.ts";
import { createProgressDisplay, type ProgressDisplay } from "./progress.ts";
import { resultLines } from "./results.ts";
import { createRunFolder, writeAtomically, type RunFolder } from "./run-folder.ts";
import { readStartOptions, startHelp, type StartOptions } from "./start-options.ts";

const INTERRUPTED = 130;

/** @returns the exit code. */
export function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  return withUsage("start", async () => {
    const options = await readStartOptions(args);
    if (options === null) console.log(startHelp());
    else return start(options, signal);
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

/** A run and what is kept of it, from its first report on. */
class Run {
  readonly #options: StartOptions;
  readonly #journal = createJournal();
  #display: ProgressDisplay | undefined;
  #folder: RunFolder | undefined;

  constructor(options: StartOptions) {
    this.#options = options;
  }

  get step(): number {
    return this.#journal.step;
  }

  async on(host: Host, signal: AbortSignal): Promise<void> {
    console.log(`Host:    ${host.name}`);
    try {
      const outcome = await host.train(this.#options.request, async (event) => {
        if (!signal.aborted) await this.#hear(event, host);
      });
      this.#display?.stop();
      await this.#finish(outcome);
    } catch (error) {
      this.#display?.stop();
      await this.#folder?.write("metrics.csv", metricsCsv(this.#journal.curves));
      if (this.#folder) console.log(`What was measured so far is in ${shown(this.#folder.path)}.`);
      throw error;
    }
  }
}
