/** Shows how far a training over epochs is: one bar on a terminal, a plain line now and then elsewhere. */

import cliProgress from "cli-progress";
import type { EpochProgress } from "../train/epoch-pace.ts";
import type { EpochRow } from "../train/training-state.ts";
import { duration, percent, whole } from "./format.ts";

export interface EpochDisplay {
  update(progress: EpochProgress): void;
  /** An epoch is over. */
  add(rows: readonly EpochRow[]): void;
  /** Says something beside it. */
  say(text: string): void;
  /** Leaves on the terminal what was shown last. */
  stop(): void;
}

/** Milliseconds between plain lines. */
const LINE_INTERVAL = 5000;

/** @param now milliseconds on a clock that never goes back. */
export function createEpochDisplay(
  output: NodeJS.WriteStream = process.stdout,
  now: () => number = () => performance.now(),
): EpochDisplay {
  const show = output.isTTY ? barOn(output) : linesOn(output, now);
  let last = "";
  return {
    update: (progress) => {
      show.update(progress, `${inWords(progress)}${last}`);
    },
    add(rows) {
      const [first] = rows;
      if (first === undefined) return;
      last = `; after epoch ${first.epoch}: ${first.part} ${meritOf(rows)}`;
    },
    say: (text) => show.say(text),
    stop: () => show.stop(),
  };
}

/** "at most 3:20 left": an early stop may end it before. */
function timeLeft({ secondsLeft, isAtMost }: EpochProgress): string {
  return `${isAtMost ? "at most " : ""}${duration(secondsLeft)} left`;
}

function inWords({ epoch, epochs, isTesting, loss, accuracy }: EpochProgress): string {
  const what = [
    ...(loss === null ? [] : [`training loss ${loss.toPrecision(3)}`]),
    ...(accuracy === null ? [] : [`accuracy ${percent(accuracy)}`]),
  ];
  return [`epoch ${epoch} of ${epochs}`, ...(isTesting ? ["testing"] : []), ...what].join(", ");
}

/** Of one seed, or the mean of several. */
function meritOf(rows: readonly EpochRow[]): string {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const accuracies = rows.flatMap(({ accuracy }) => accuracy ?? []);
  if (accuracies.length > 0) return `accuracy ${percent(mean(accuracies), 1)}`;
  return `NRMSE ${mean(rows.flatMap(({ nrmse }) => nrmse ?? [])).toPrecision(3)}`;
}

interface Show {
  update(progress: EpochProgress, text: string): void;
  say(text: string): void;
  stop(): void;
}

function barOn(stream: NodeJS.WriteStream): Show {
  const bars = new cliProgress.MultiBar({
    stream,
    barsize: 30,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
    // Ctrl-C is the command's business.
    gracefulExit: false,
  });
  const format = "{bar} {percentage} %  {left}, {rate} steps/s";
  const bar = bars.create(1, 0, { left: "-:-- left", rate: "-" }, { format });
  const line = bars.create(1, 0, { text: "" }, { format: "{text}" });
  return {
    update(progress, text) {
      const { done, stepsPerSecond } = progress;
      bar.update(done, { left: timeLeft(progress), rate: whole(stepsPerSecond) });
      line.update(done, { text });
    },
    say: (text) => bars.log(`${text}\n`),
    stop: () => bars.stop(),
  };
}

function linesOn(output: NodeJS.WriteStream, now: () => number): Show {
  let last = -Infinity;
  return {
    update(progress, text) {
      const { done, stepsPerSecond } = progress;
      if (now() - last < LINE_INTERVAL && done < 1) return;
      last = now();
      const rate = `${whole(stepsPerSecond)} steps/s`;
      output.write(`${percent(done).padStart(5)}  ${timeLeft(progress)}, ${rate}, ${text}\n`);
    },
    say: (text) => void output.write(`${text}\n`),
    stop: () => undefined,
  };
}
