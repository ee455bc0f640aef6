/** The live page: trains the default preset with several rules side by side, and shows how they learn. */

import { VleError, type Metrics, type RunOptions } from "../index.ts";
import type { Digits } from "../tasks/digits.ts";
import { conditionsOf, crossfadesOf, previousDigit, rulesOf, type Preset, type Rule } from "../tasks/presets.ts";
import type { TrainEvent } from "../train/job.ts";
import { fetchDigits } from "./digits.ts";
import { lastDigits, type Glimpse } from "./glimpse.ts";
import { readLink } from "./link.ts";
import { explain } from "./problem.ts";
import { startSession, type Session } from "./session.ts";
import { createView, type Settings, type View } from "./view.ts";

/** Digits of the stream that are shown; as many as fit a telephone. */
const DIGITS_SHOWN = 6;

function startPage(preset: Preset): void {
  const link = readLink(location.search, preset.period, crossfadesOf(preset.conditions));
  const rules = rulesOf(preset.conditions);
  const view = createView(preset, link, { onToggle: toggle, onRestart: restart });
  let digits: Promise<Digits> | undefined;
  let session: Session | undefined;
  /** Counts the runs of this page: only the newest one may still say something. */
  let newest = 0;
  let losses = 0;

  async function run({ seed, crossfade }: Settings): Promise<void> {
    const own = ++newest;
    const reporter = createReporter(preset, rules, view);
    view.phase = "Starting";
    view.clear();
    try {
      session?.stop();
      await session?.outcome.catch(() => null);
      digits ??= fetchDigits();
      const loaded = await digits;
      if (own !== newest) return;
      const conditions = conditionsOf(rules, [crossfade]);
      const request = { preset: preset.name, seed, steps: link.steps, conditions };
      session = startSession({ request, digits: loaded, ...reporter });
      await session.outcome;
      if (own === newest) view.phase = "Done";
    } catch (error) {
      if (own !== newest) return;
      // What could not be loaded is loaded again next time.
      if (session === undefined) digits = undefined;
      if (error instanceof VleError && error.code === "DEVICE_LOST") losses++;
      view.phase = "Stopped";
      view.showProblem(explain(error, { isSecure: isSecureContext, losses, step: reporter.step }));
    }
  }

  function toggle(): void {
    if (view.phase === "Learning") {
      session?.pause();
      view.phase = "Pausing";
    } else if (view.phase === "Pausing" || view.phase === "Paused") {
      session?.resume();
      view.phase = "Learning";
    }
  }

  function restart(settings: Settings): void {
    const address = new URL(location.href);
    address.searchParams.set("seed", String(settings.seed));
    address.searchParams.set("crossfade", String(settings.crossfade));
    history.replaceState(null, "", address);
    view.showProblem(null);
    void run(settings);
  }

  view.showProblem(link.problems.length > 0 ? link.problems.join(" ") : null);
  void run(link);
}

interface Reporter {
  /** Steps that the newest report was about. */
  readonly step: number;
  onEvent(event: TrainEvent): void;
  onRun(options: RunOptions, metrics: Metrics): void;
}

/** Shows what a run reports. */
function createReporter({ batch: lanes, period }: Preset, rules: readonly Rule[], view: View): Reporter {
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
        view.showAdapter(event.adapter);
        view.phase = "Learning";
      } else if (event.kind === "progress") {
        const { rule, steps } = event.progress;
        step = event.progress.step;
        view.showProgress(event.progress);
        // A run reports right after its last step. The rules take turns on the same digits.
        glimpses.set(rule, last);
        const isRoundOver = rule === rules.at(-1);
        if (isRoundOver) view.showStream(glimpses);
        if (view.phase === "Pausing") view.phase = "Paused";
        else if (isRoundOver && step === steps) view.phase = "Testing";
      } else {
        view.showTest(event.condition, event.accuracy);
      }
    },
  };
}

startPage(previousDigit);
