/** Shows how far a run is: one bar on a terminal, a plain line now and then elsewhere. */

import cliProgress from "cli-progress";
import type { Rule } from "../tasks/presets.ts";
import type { Progress } from "../train/train.ts";
import { duration, percent, whole } from "./format.ts";

export interface ProgressDisplay {
  update(progress: Progress): void;
  /** Leaves on the terminal what was shown last. */
  stop(): void;
}

/** Milliseconds between plain lines. */
const LINE_INTERVAL = 5000;

/** @param now milliseconds on a clock that never goes back. */
export function createProgressDisplay(
  rules: readonly Rule[],
  output: NodeJS.WriteStream = process.stdout,
  now: () => number = () => performance.now(),
): ProgressDisplay {
  const newest = new Map<Rule, Progress>();
  const show = output.isTTY ? barOn(output) : linesOn(output, now);
  return {
    update(progress) {
      newest.set(progress.rule, progress);
      const trained = [...newest.values()].reduce((sum, { step }) => sum + step, 0);
      const accuracies = rules.map((rule) => `${rule} ${percent(newest.get(rule)?.accuracy ?? NaN)}`);
      show.update(trained / (rules.length * progress.steps), progress, accuracies.join(", "));
    },
    stop: () => show.stop(),
  };
}

interface Show {
  update(fraction: number, progress: Progress, accuracies: string): void;
  stop(): void;
}

function barOn(output: NodeJS.WriteStream): Show {
  const bar = new cliProgress.SingleBar({
    stream: output,
    format: "{bar} {percentage} %  {left} left  {accuracies}",
    barsize: 16,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
    // Ctrl-C is the command's business.
    gracefulExit: false,
  });
  bar.start(1, 0, { left: "-:--", accuracies: "" });
  return {
    update: (fraction, { secondsLeft }, accuracies) =>
      bar.update(fraction, { left: duration(secondsLeft), accuracies }),
    stop: () => bar.stop(),
  };
}

function linesOn(output: NodeJS.WriteStream, now: () => number): Show {
  let last = -Infinity;
  return {
    update(fraction, { step, steps, secondsLeft }, accuracies) {
      if (now() - last < LINE_INTERVAL && fraction < 1) return;
      last = now();
      const done = `${percent(fraction).padStart(5)}  step ${whole(step)} of ${whole(steps)}`;
      output.write(`${done}, ${duration(secondsLeft)} left, training accuracy: ${accuracies}\n`);
    },
    stop: () => undefined,
  };
}
