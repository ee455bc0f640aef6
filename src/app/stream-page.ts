/** The page of a stream: trains a preset with several rules side by side, and shows what they say to each digit. */

import { createSimulator, type Metrics, type RunOptions, type Tuned } from "../index.ts";
import type { Digits } from "../tasks/digits.ts";
import { conditionsOf, crossfadesOf, rulesOf, type Preset, type Rule } from "../tasks/presets.ts";
import { train, type TrainEvent } from "../train/job.ts";
import type { Outcome } from "../train/train.ts";
import { fetchDigits } from "./digits.ts";
import { createFrame, type Choice, type Frame } from "./frame.ts";
import { lastDigits, watched, type Glimpse } from "./glimpse.ts";
import type { KeptKernels } from "./kernels.ts";
import { readStreamLink } from "./link.ts";
import { createRunner } from "./runner.ts";
import { CHUNK_MILLISECONDS, startSession, type Session } from "./session.ts";
import { createStreamView, type StreamView } from "./stream-view.ts";

/** Digits of the stream that are shown; as many as fit a telephone. */
const DIGITS_SHOWN = 6;

export function startStreamPage(
  preset: Preset,
  choices: readonly Choice[],
  kernels: KeptKernels,
  problems: readonly string[],
): void {
  const link = readStreamLink(location.search, preset.period, crossfadesOf(preset.conditions));
  const rules = rulesOf(preset.conditions);
  const frame = createFrame(preset, choices, link.seed, {
    onToggle: () => runner.toggle(),
    onRestart: () => runner.restart({ seed: frame.seed, crossfade: view.crossfade }),
    onChoose: (name) => runner.choose(name),
  });
  const view = createStreamView(frame, preset, link.crossfade);
  let digits: Promise<Digits> | undefined;
  let reporter = createReporter(preset, rules, frame, view, kernels);
  const runner = createRunner<Outcome>(frame, {
    step: () => reporter.step,
    clear: () => {
      frame.clear();
      view.clear();
      reporter = createReporter(preset, rules, frame, view, kernels);
    },
    load: async () => {
      // What could not be loaded is loaded again next time.
      digits ??= fetchDigits().catch((error: unknown) => {
        digits = undefined;
        throw error;
      });
      const loaded = await digits;
      return () => begin(loaded);
    },
  });

  function begin(loaded: Digits): Session<Outcome> {
    const own = reporter;
    const conditions = conditionsOf(rules, [view.crossfade]);
    const request = {
      preset: preset.name,
      seed: frame.seed,
      steps: link.steps,
      conditions,
      kernels: kernels.request(),
    };
    return startSession<TrainEvent, Outcome>((place) => {
      const simulators = {
        createSimulator: watched(createSimulator, own.onRun),
        chunkMilliseconds: CHUNK_MILLISECONDS,
      };
      return train(request, { digits: loaded, ...simulators, ...place });
    }, own.onEvent);
  }

  runner.start([...problems, ...link.problems]);
}

interface Reporter {
  /** Steps that the newest report was about. */
  readonly step: number;
  readonly onEvent: (event: TrainEvent) => void;
  readonly onRun: (options: RunOptions, metrics: Metrics) => void;
}

/** Shows what a run reports. */
function createReporter(
  { batch: lanes, period }: Preset,
  rules: readonly Rule[],
  frame: Frame,
  view: StreamView,
  kernels: KeptKernels,
): Reporter {
  const tuned: Tuned[] = [];
  const glimpses = new Map<Rule, readonly Glimpse[]>();
  let last: readonly Glimpse[] = [];
  let step = 0;
  return {
    get step() {
      return step;
    },
    onRun({ input, target }, { traces: [rates] }) {
      if (!(input instanceof Float32Array && target instanceof Float32Array && rates)) return;
      last = lastDigits(input, target, rates, { lanes, period }, DIGITS_SHOWN);
    },
    onEvent(event) {
      if (event.kind === "adapter") {
        frame.showAdapter(event.adapter);
        frame.showKernels(tuned);
        frame.phase = "Learning";
      } else if (event.kind === "tuned") {
        kernels.keep(event.tuned);
        tuned.push(event.tuned);
        frame.showKernels(tuned);
      } else if (event.kind === "progress") {
        const { rule, steps } = event.progress;
        step = event.progress.step;
        view.showProgress(event.progress);
        // A run reports right after its last step. The rules take turns on the same digits.
        glimpses.set(rule, last);
        const isRoundOver = rule === rules.at(-1);
        if (isRoundOver) view.showStream(glimpses);
        if (frame.phase === "Pausing") frame.phase = "Paused";
        else if (isRoundOver && step === steps) frame.phase = "Testing";
      } else {
        view.showTest(event.condition, event.accuracy);
      }
    },
  };
}
