/** `npm run reproduce -- le-fourier`: Fourier synthesis with Latent Equilibrium, and beside it without look-ahead. */

import { version } from "../../package.json";
import type { AdapterFacts } from "../device.ts";
import {
  bestSumOfSines,
  DIFFERENCES,
  EXPECTED_ERROR,
  SYNTHESIS_NETWORK_NAMES,
  SYNTHESIS_NETWORKS,
  SYNTHESIS_QUICK_STEPS,
  SYNTHESIS_SEED,
  SYNTHESIS_SENTENCE,
  SYNTHESIS_STEPS,
  SYNTHESIS_TITLE,
  SYNTHESIS_UNIT,
  synthesisOf,
} from "../tasks/le-fourier.ts";
import type { Synthesis, SynthesisEvent, SynthesisRequest } from "../train/le-fourier.ts";
import { adapterName, duration, percent, table, whole } from "./format.ts";
import { HOST_KINDS, withHost, type Host, type HostKind } from "./host.ts";
import { readChoice, readFlags, readOutputs, readWholeNumber, shownPath, UsageError, type Outputs } from "./options.ts";
import { createRunFolder, writeAtomically } from "./run-folder.ts";
import { waveFigure } from "./wave-figure.ts";

export const SYNTHESIS_SCHEMA = "vle-webgpu/synthesis/1";
export const SYNTHESIS_NAME = "le-fourier";
export const SYNTHESIS_FLAGS = ["seed", "steps", "host", "out", "json"];
export const SYNTHESIS_SWITCHES = ["quick"];
const INTERRUPTED = 130;
/** Milliseconds between two lines of progress. */
const LINE_INTERVAL = 5000;
const MOST_STEPS = 10_000_000;

export interface SynthesisOptions extends Outputs {
  readonly request: SynthesisRequest;
  readonly host: HostKind | undefined;
}

// ---- flags --------------------------------------------------------------------------------------------------

/**
 * @returns null if the user asks for help.
 * @throws UsageError
 */
export async function readSynthesisOptions(args: readonly string[]): Promise<SynthesisOptions | null> {
  const { values, switches, positionals, wantsHelp } = readFlags(args, SYNTHESIS_FLAGS, SYNTHESIS_SWITCHES);
  if (wantsHelp) return null;
  const stray = positionals[1];
  if (stray !== undefined) throw new UsageError(`"${stray}" is too much; name one experiment.`);
  const isQuick = switches.has("quick");
  return {
    request: {
      seed: readWholeNumber("--seed", values["seed"], 0) ?? SYNTHESIS_SEED,
      steps: readSteps(values["steps"]) ?? (isQuick ? SYNTHESIS_QUICK_STEPS : SYNTHESIS_STEPS),
      networks: isQuick ? SYNTHESIS_NETWORKS.slice(0, 1) : SYNTHESIS_NETWORKS,
    },
    host: readChoice("--host", values["host"], HOST_KINDS),
    ...(await readOutputs(values)),
  };
}

function readSteps(given: string | undefined): number | undefined {
  const steps = readWholeNumber("--steps", given, 1);
  if (steps === undefined || (steps % SYNTHESIS_UNIT === 0 && steps <= MOST_STEPS)) return steps;
  const least = Math.max(1, Math.round(steps / SYNTHESIS_UNIT));
  const nearest = Math.min(Math.floor(MOST_STEPS / SYNTHESIS_UNIT), least) * SYNTHESIS_UNIT;
  throw new UsageError(
    `--steps is "${steps}"; it must be a multiple of ${SYNTHESIS_UNIT} up to ${MOST_STEPS}, such as ${nearest}.`,
  );
}

export function synthesisHelp(): string {
  return `npm run reproduce -- ${SYNTHESIS_NAME} [flags]

${SYNTHESIS_TITLE}, as in Fig. 2a of Haider et al., "Latent Equilibrium", NeurIPS 2021, and beside it the same network
without look-ahead (ours). The published figure is a picture and has no number: what ours is set beside is the best sum of
the sines and our reference in f64. The exit code is 0 only if a run of full length agrees with the latter.

  --quick          ${whole(SYNTHESIS_QUICK_STEPS)} steps of the network with look-ahead alone
  --seed N         of the first weights; default ${SYNTHESIS_SEED}
  --steps N        a multiple of ${SYNTHESIS_UNIT}, of which two thirds are learnt; default ${SYNTHESIS_STEPS}
  --host HOST      ${HOST_KINDS.join(" or ")}; default node, and chrome where Node has no WebGPU
  --out DIR        where the folder of the run is made; default runs
  --json FILE      writes the summary there, too, without the waves
  --help           this text`;
}

// ---- the run ------------------------------------------------------------------------------------------------

/** @returns the exit code: 0 unless the error is outside what is expected. */
export async function runSynthesis(options: SynthesisOptions, signal: AbortSignal): Promise<number> {
  console.log(`\n${SYNTHESIS_TITLE}\n${SYNTHESIS_SENTENCE}\n`);
  let saidAt = performance.now();
  const hear = (event: SynthesisEvent): void => {
    if (event.kind === "adapter") announce(event.adapter, options.request);
    else if (performance.now() - saidAt >= LINE_INTERVAL) {
      saidAt = performance.now();
      const { network, done, total, secondsLeft } = event.progress;
      const steps = `${whole(done)} of ${whole(total)} steps`;
      console.log(`${percent(done / total).padStart(5)}  ${steps}, ${network}; ${duration(secondsLeft)} left`);
    }
  };
  try {
    return await withHost({ asked: options.host, preferred: "node" }, signal, async (host) => {
      console.log(`Host:    ${host.name}`);
      const synthesis = await host.synthesize(options.request, (event) => {
        if (!signal.aborted) hear(event);
      });
      return finish(synthesis, options, host);
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    console.log("Stopped; nothing else is running.");
    return INTERRUPTED;
  }
}

function announce(adapter: AdapterFacts, { seed, steps }: SynthesisRequest): void {
  const { dt, learned } = synthesisOf(steps);
  console.log(`Adapter: ${adapterName(adapter)}`);
  console.log(`Run:     ${whole(steps)} steps of ${dt} ms, the first ${whole(learned)} learnt, seed ${seed}\n`);
}

async function finish(synthesis: Synthesis, { out, json: copy }: SynthesisOptions, host: Host): Promise<number> {
  const now = new Date();
  const folder = await createRunFolder(out, SYNTHESIS_NAME, now);
  await folder.write("figure.svg", synthesisFigure(synthesis));
  const agrees = agreesOf(synthesis);
  const facts = { schema: SYNTHESIS_SCHEMA, version, finished: now.toISOString(), host: host.name };
  const best = bestSumOfSines(synthesisOf(synthesis.steps));
  const rest = { bestSumOfSines: best, agrees, differences: DIFFERENCES };
  const files = [...folder.files, "summary.json"];
  const textOf = (outcomes: readonly object[]): string =>
    `${JSON.stringify({ ...facts, ...synthesis, outcomes, ...rest, files }, null, 2)}\n`;
  await folder.write("summary.json", textOf(synthesis.outcomes));
  const figures = synthesis.outcomes.map((outcome) => ({ ...outcome, waves: undefined }));
  if (copy !== undefined) await writeAtomically(copy, textOf(figures));
  console.log(["", ...synthesisLines(synthesis), ""].join("\n"));
  console.log(`Run folder: ${shownPath(folder.path)} (${folder.files.join(", ")})`);
  if (copy !== undefined) console.log(`Summary:    ${shownPath(copy)}`);
  return agrees === false ? 1 : 0;
}

/** Whether the network with look-ahead came to what is expected; null where nothing is known of so short a run. */
export function agreesOf({ steps, outcomes }: Synthesis): boolean | null {
  const error = outcomes.find(({ network }) => network === "look-ahead")?.after.error;
  if (steps !== SYNTHESIS_STEPS || error === undefined) return null;
  return error >= EXPECTED_ERROR[0] && error <= EXPECTED_ERROR[1];
}

/** The table of errors, and what they are to be compared with. */
export function synthesisLines(synthesis: Synthesis): string[] {
  const { steps, outcomes } = synthesis;
  const rows = outcomes.map(({ network, before, after, stepsPerSecond }) => [
    SYNTHESIS_NETWORK_NAMES[network],
    before.error.toFixed(4),
    after.error.toFixed(4),
    after.correlation.toFixed(4),
    whole(stepsPerSecond),
  ]);
  const agrees = agreesOf(synthesis);
  const [least, most] = EXPECTED_ERROR;
  const verdict = {
    true: `Inside what our f64 reference comes to from six starts, widened: ${least} to ${most}.`,
    false: `OUTSIDE what our f64 reference comes to from six starts, widened: ${least} to ${most}.`,
    null: "No figure is known of a run of this length.",
  }[String(agrees) as "true" | "false" | "null"];
  return [
    ...table(["network", "error before", "error after", "correlation", "steps/s"], rows),
    "",
    "error: mean square in the last third, with no error acting on the neurons, before and after learning",
    `To compare: ${(1 / 3).toFixed(4)} for an output of 0; ${bestSumOfSines(synthesisOf(steps)).toFixed(4)} for the best sum of the sines, without a network.`,
    "The published figure is a picture and has no number.",
    verdict,
    "",
    "What the published code does otherwise:",
    ...DIFFERENCES.map((difference) => `  - ${difference}`),
  ];
}

export function synthesisFigure({ steps, seed, adapter, outcomes }: Synthesis): string {
  return waveFigure({
    title: SYNTHESIS_TITLE,
    subtitle: `${whole(steps)} steps of ${synthesisOf(steps).dt} ms, seed ${seed}, on ${adapterName(adapter)}`,
    outcomes,
  });
}
