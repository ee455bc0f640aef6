/** The page of a training over epochs: the same experiment with several rules side by side. */

import { createSimulator, type Tuned } from "../index.ts";
import type { Experiment } from "../tasks/experiments.ts";
import type { TaskData } from "../tasks/samples.ts";
import { DIGIT_ROWS, digitTaskData, taskData } from "../tasks/tasks.ts";
import { kernelOptions } from "../train/kernels.ts";
import { rulesBeside, trainSideBySide, type SideBySideEvent } from "../train/side-by-side.ts";
import { fetchDigits } from "./digits.ts";
import { createEpochsView, type EpochsView } from "./epochs-view.ts";
import { createFrame, type Choice, type Frame } from "./frame.ts";
import { inTurn, type KeptKernels } from "./kernels.ts";
import { readEpochsLink } from "./link.ts";
import { createRunner } from "./runner.ts";
import { CHUNK_MILLISECONDS, startSession, type Session } from "./session.ts";

export function startEpochsPage(
  preset: Experiment,
  choices: readonly Choice[],
  kept: KeptKernels,
  problems: readonly string[],
): void {
  const link = readEpochsLink(location.search);
  const experiment = { ...preset, epochs: link.epochs ?? preset.epochs };
  const rules = rulesBeside(experiment);
  const frame = createFrame(experiment, choices, link.seed, {
    onToggle: () => runner.toggle(),
    onRestart: () => runner.restart({ seed: frame.seed }),
    onChoose: (name) => runner.choose(name),
  });
  let loaded: { readonly data: TaskData; readonly view: EpochsView } | undefined;
  let step = 0;
  const runner = createRunner<unknown>(frame, {
    step: () => step,
    clear: () => {
      step = 0;
      frame.clear();
      loaded?.view.clear();
    },
    load: async () => {
      if (loaded === undefined) {
        const data = await dataOf(experiment);
        loaded = { data, view: createEpochsView(frame, rules, data) };
      }
      const { data, view } = loaded;
      return () => begin(data, view);
    },
  });

  function begin(data: TaskData, view: EpochsView): Session<unknown> {
    const seeded = { ...experiment, seeds: [frame.seed] };
    const tuned: Tuned[] = [];
    const kernels = kernelOptions(kept.request());
    const makers = { createSimulator: inTurn(createSimulator), kernels };
    return startSession<SideBySideEvent, unknown>(
      (place) => {
        const pace = { chunkMilliseconds: CHUNK_MILLISECONDS };
        return trainSideBySide(seeded, rules, { data, ...makers, ...pace, ...place });
      },
      (event) => {
        if (event.event.kind === "tuned") {
          kept.keep(event.event.tuned);
          tuned.push(event.event.tuned);
        }
        if (event.event.kind === "adapter") frame.showKernels(tuned);
        if (event.event.kind === "epoch") step = event.event.rows.at(-1)?.steps ?? step;
        show(frame, view, experiment, event);
      },
    );
  }

  runner.start([...problems, ...link.problems]);
}

async function dataOf({ task }: Experiment): Promise<TaskData> {
  return task.name === DIGIT_ROWS ? digitTaskData(task, await fetchDigits()) : taskData(task);
}

function show(frame: Frame, view: EpochsView, experiment: Experiment, { rule, event }: SideBySideEvent): void {
  switch (event.kind) {
    case "adapter":
      frame.showAdapter(event.adapter);
      if (frame.phase === "Starting") frame.phase = "Learning";
      view.begin(experiment.epochs * event.shape.batches * event.shape.steps);
      break;
    case "progress":
      view.showProgress(rule, event.progress);
      if (frame.phase === "Pausing") frame.phase = "Paused";
      break;
    case "epoch":
      for (const row of event.rows) view.showEpoch(rule, row);
      break;
    case "result":
      view.showResult(rule, event.result);
      break;
    case "diverged":
      view.showDivergence(rule, event.divergence);
      break;
    case "traces":
      if (rule === experiment.rule) view.showSample(rule, event.traces);
      break;
    case "note":
    case "tuned":
    case "checkpoint":
    case "weights":
      break;
  }
}
