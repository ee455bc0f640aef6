/** The presets that a page can train: those whose data are made, or come with it. */

import { experiments, type Experiment } from "../tasks/experiments.ts";
import { previousDigit, type Preset } from "../tasks/presets.ts";
import { DIGIT_ROWS, TASKS } from "../tasks/tasks.ts";

/** The one that stands there if nobody chooses. */
export const stream: Preset = previousDigit;

export const trainings: readonly Experiment[] = experiments.filter(({ task }) =>
  [...TASKS, DIGIT_ROWS].includes(task.name),
);
