/** Shows how far a run is: one bar on a terminal, a plain line now and then elsewhere. */

import cliProgress from "cli-progress";
import { conditionName, crossfadeName, crossfadesOf, RULE_NAMES, type Condition } from "../tasks/presets.ts";
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
  conditions: readonly Condition[],
  output: NodeJS.WriteStream = process.stdout,
  now: () => number = () => performance.now(),
): ProgressDisplay {
  const newest = new Map<string, Progress>();
  const crossfades = crossfadesOf(conditions);
  const show = output.isTTY ? barsOn(output, crossfades.length) : linesOn(output, now);
  const accuraciesAt = (crossfade: number): string => {
    const alike = conditions.filter((condition) => condition.crossfade === crossfade);
    const accuracies = alike.map((condition) => {
      return `${RULE_NAMES[condition.rule]} ${percent(newest.get(conditionName(condition))?.accuracy ?? NaN)}`;
    });
    return `${crossfades.length > 1 ? `${crossfadeName(crossfade)}: ` : ""}${accuracies.join(", ")}`;
  };
  return {
    update(progress) {
      newest.set(conditionName(progress), progress);
      const trained = [...newest.values()].reduce((sum, { step }) => sum + step, 0);
      show.update(trained / (conditions.length * progress.steps), progress, crossfades.map(accuraciesAt));
    },
    stop: () => show.stop(),
  };
}

interface Show {
  /** @param accuracies a text for each crossfade. */
  update(fraction: number, progress: Progress, accuracies: readonly string[]): void;
  stop(): void;
}

/** One bar, and below it a line for each crossfade. */
function barsOn(output: NodeJS.WriteStream, crossfades: number): Show {
  const bars = new cliProgress.MultiBar({
    stream: output,
    barsize: 30,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
    // Ctrl-C is the command's business.
    gracefulExit: false,
  });
  const bar = bars.create(1, 0, { left: "-:--" }, { format: "{bar} {percentage} %  {left} left" });
  const lines = Array.from({ length: crossfades }, () => bars.create(1, 0, { text: "" }, { format: "{text}" }));
  return {
    update(fraction, { secondsLeft }, accuracies) {
      bar.update(fraction, { left: duration(secondsLeft) });
      for (const [i, line] of lines.entries()) line.update(fraction, { text: accuracies[i] ?? "" });
    },
    stop: () => bars.stop(),
  };
}

function linesOn(output: NodeJS.WriteStream, now: () => number): Show {
  let last = -Infinity;
  return {
    update(fraction, { step, steps, secondsLeft }, accuracies) {
      if (now() - last < LINE_INTERVAL && fraction < 1) return;
      last = now();
      const done = `${percent(fraction).padStart(5)}  step ${whole(step)} of ${whole(steps)}`;
      output.write(`${done}, ${duration(secondsLeft)} left, training accuracy: ${accuracies.join("; ")}\n`);
    },
    stop: () => undefined,
  };
}
