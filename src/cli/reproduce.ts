/**
 * `npm run reproduce -- EXPERIMENT`: a teacher-student experiment, its figures beside those that are expected; the other
 * experiments are in files of their own.
 */

import { version } from "../../package.json";
import type { AdapterFacts } from "../device.ts";
import { nameOf, type Range, type Verdict } from "../tasks/expected-figures.ts";
import { TRAINING_NAMES } from "../tasks/reproductions.ts";
import { BIN, type Experiment } from "../tasks/teacher-student.ts";
import type { ReproduceEvent, ReproducePoint, Reproduction } from "../train/reproduce.ts";
import { adapterName, duration, percent, table, whole } from "./format.ts";
import { withHost, type Host } from "./host.ts";
import { readSynthesisOptions, runSynthesis, SYNTHESIS_NAME, synthesisHelp } from "./le-fourier.ts";
import { readStudyOptions, STUDY_NAME, studyHelp } from "./limit-options.ts";
import { runLimit } from "./limit.ts";
import { lineFigure } from "./line-figure.ts";
import { runPublished } from "./published.ts";
import { publishedHelp, readPublishedOptions } from "./published-options.ts";
import { shownPath, withUsage } from "./options.ts";
import { readReproduceOptions, readReproduction, reproduceHelp, type ReproduceOptions } from "./reproduce-options.ts";
import { createRunFolder, writeAtomically, type RunFolder } from "./run-folder.ts";

const CONFIG_SCHEMA = "vle-webgpu/reproduce-config/1";
export const REPRODUCE_SCHEMA = "vle-webgpu/reproduction/1";
const INTERRUPTED = 130;
/** Milliseconds between two lines of progress. */
const LINE_INTERVAL = 5000;

/** @returns the exit code: 0 only if every figure is in its range. */
export function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  return withUsage("reproduce", async () => {
    const name = readReproduction(args);
    if (name === SYNTHESIS_NAME)
      return runOrHelp(await readSynthesisOptions(args), runSynthesis, synthesisHelp, signal);
    if (name === STUDY_NAME) return runOrHelp(await readStudyOptions(args), runLimit, studyHelp, signal);
    if (name !== null && TRAINING_NAMES.includes(name))
      return runOrHelp(await readPublishedOptions(args), runPublished, publishedHelp, signal);
    return runOrHelp(name === null ? null : await readReproduceOptions(args), run, reproduceHelp, signal);
  });
}

async function runOrHelp<Options>(
  options: Options | null,
  run: (options: Options, signal: AbortSignal) => Promise<number>,
  help: () => string,
  signal: AbortSignal,
): Promise<number> {
  if (options !== null) return run(options, signal);
  console.log(help());
  return 0;
}

async function run(options: ReproduceOptions, signal: AbortSignal): Promise<number> {
  const { experiment, host: asked } = options;
  console.log(`\n${experiment.title}\n${experiment.sentence}\n`);
  const work = new Work(options);
  try {
    return await withHost({ asked, preferred: "node" }, signal, (host) => work.on(host, signal));
  } catch (error) {
    await work.keepPoints();
    if (!signal.aborted) throw error;
    console.log("Stopped; nothing else is running.");
    return INTERRUPTED;
  }
}

/** A run, what is shown of it, and what is kept of it. */
class Work {
  private readonly options: ReproduceOptions;
  private readonly points: ReproducePoint[] = [];
  private folder: RunFolder | undefined;
  private saidAt = -Infinity;

  constructor(options: ReproduceOptions) {
    this.options = options;
  }

  async on(host: Host, signal: AbortSignal): Promise<number> {
    const outcome = await host.reproduce(this.options.request, async (event) => {
      if (!signal.aborted) await this.hear(event, host);
    });
    return this.finish(outcome);
  }

  private async hear(event: ReproduceEvent, host: Host): Promise<void> {
    if (event.kind === "adapter") {
      await this.begin(event.adapter, host);
      return;
    }
    const { point, steps } = event;
    this.points.push(point);
    const isDone = point.step === steps;
    if (performance.now() - this.saidAt < LINE_INTERVAL && !isDone) return;
    this.saidAt = performance.now();
    const left = (point.seconds * (steps - point.step)) / point.step;
    const done = `${percent(point.step / steps).padStart(5)}  step ${whole(point.step)} of ${whole(steps)}`;
    console.log(`${done}, ${duration(left)} left, squared error ${figure(point.error ?? NaN)}`);
  }

  private async begin(adapter: AdapterFacts, host: Host): Promise<void> {
    const { experiment, request, out } = this.options;
    const now = new Date();
    const seed = request.seed ?? experiment.seed;
    console.log(`Host:    ${host.name}`);
    console.log(`Adapter: ${adapterName(adapter)}`);
    console.log(`Run:     rule ${request.rule}, schedule ${request.schedule}, seed ${seed}; ${lengthOf(experiment)}\n`);
    const { vendor, architecture, description, software } = adapter;
    const facts = { version, started: now.toISOString(), host: host.name };
    const config = { schema: CONFIG_SCHEMA, ...facts, adapter: { vendor, architecture, description, software } };
    this.folder = await createRunFolder(out, experiment.name, now);
    await this.folder.write("config.json", json({ ...config, request: { ...request, seed }, experiment }));
  }

  async keepPoints(): Promise<void> {
    if (!this.folder || this.points.length === 0) return;
    await this.folder.write("metrics.csv", metricsCsv(this.options.experiment, this.points));
    console.log(`What was measured so far is in ${shownPath(this.folder.path)}`);
  }

  private async finish(outcome: Reproduction): Promise<number> {
    const { folder } = this;
    const { experiment, json: copy } = this.options;
    const holds = outcome.verdicts.every(({ verdict }) => verdict !== "outside");
    const { points, errors, ...rest } = outcome;
    await folder?.write("metrics.csv", metricsCsv(experiment, points));
    await folder?.write("figure.svg", reproductionFigure(experiment, outcome));
    const files = [...(folder?.files ?? []), "summary.json"];
    const text = json({
      schema: REPRODUCE_SCHEMA,
      ...rest,
      holds,
      start: points[0],
      end: points.at(-1),
      errors,
      files,
    });
    await folder?.write("summary.json", text);
    if (copy !== undefined) await writeAtomically(copy, text);
    console.log(["", ...reproductionLines(experiment, outcome)].join("\n"));
    if (folder) console.log(`Run folder: ${shownPath(folder.path)} (${folder.files.join(", ")})`);
    if (copy !== undefined) console.log(`Summary:    ${shownPath(copy)}`);
    return holds ? 0 : 1;
  }
}

function lengthOf({ steps, warmUp, dt, batch }: Experiment): string {
  const rows = batch === 1 ? "" : `, ${batch} sequences side by side`;
  return `${whole(steps)} steps (t = ${whole(steps * dt)}), the first ${whole(warmUp)} without learning${rows}`;
}

// ---- what it came to ----------------------------------------------------------------------------------------

const WORDS: Readonly<Record<Verdict["verdict"], string>> = {
  quoted: "inside",
  measured: "inside ours",
  outside: "OUTSIDE",
  none: "",
};

/** The table of figures, and what it says in a sentence. */
export function reproductionLines(experiment: Experiment, outcome: Reproduction): string[] {
  const rows = outcome.verdicts.map(({ figure: what, value, quoted, measured, verdict }) => [
    nameOf(experiment, what),
    figure(value),
    rangeOf(quoted),
    rangeOf(measured),
    WORDS[verdict],
  ]);
  const parameters = experiment.parameters.map(({ label, teacher }, i) => {
    const [start, end] = [outcome.points[0], outcome.points.at(-1)].map((point) => point?.parameters[i] ?? NaN);
    return [label, figure(start ?? NaN), figure(end ?? NaN), figure(teacher)];
  });
  return [
    ...table(["parameter", "start", "end", "teacher"], parameters),
    "",
    ...(rows.length === 0 ? [] : table(["figure", "ours", "quoted", "our f64", ""], rows)),
    ...conclusionOf(outcome),
    "",
    `Throughput: ${whole(outcome.stepsPerSecond)} steps/s of teacher and student, ${outcome.seconds.toFixed(1)} s`,
  ];
}

function conclusionOf({ verdicts }: Reproduction): string[] {
  if (verdicts.length === 0) return ["No figure is known of so short a run."];
  const explained =
    "quoted: from an independent implementation in f64, a few starts; our f64: from our reference, more starts";
  const outside = verdicts.filter(({ verdict }) => verdict === "outside").length;
  const sum = outside === 0 ? "All figures are inside." : `${outside} of ${verdicts.length} figures are OUTSIDE.`;
  return [explained, "", sum];
}

/** Small numbers with an exponent, others plain. */
function figure(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 0.01 && size < 1000 ? String(Number(value.toFixed(5))) : value.toExponential(2);
}

function rangeOf(range: Range | null): string {
  if (range === null) return "-";
  const [least, most] = range.map(figure);
  return least === most ? (least ?? "") : `${least ?? ""} to ${most ?? ""}`;
}

export function reproductionFigure(
  experiment: Experiment,
  { rule, schedule, seed, adapter, points, errors }: Reproduction,
): string {
  const { title, dt, warmUp, smoothing, block, parameters } = experiment;
  // Between two of these the input goes through whole periods, so that its rhythm does not show.
  const shown = points.filter(
    ({ step }) => step <= warmUp || (step - warmUp) % block === 0 || step === points.at(-1)?.step,
  );
  return lineFigure({
    title,
    subtitle: `errors: ${rule}, schedule: ${schedule}, seed ${seed}, on ${adapterName(adapter)}`,
    duration: errors.length * BIN * dt,
    warmUp: warmUp * dt,
    errors,
    smoothing: smoothing * dt,
    times: shown.map(({ step }) => step * dt),
    parameters: parameters.map(({ label, teacher }, i) => {
      return { label, teacher, values: shown.map((point) => point.parameters[i] ?? NaN) };
    }),
  });
}

/** One line a block, full precision; the error is a mean over the block. */
export function metricsCsv({ dt, parameters }: Experiment, points: readonly ReproducePoint[]): string {
  const head = ["step", "time", "error", ...parameters.map(({ label }) => label), "seconds"];
  const lines = points.map(({ step, error, parameters: values, seconds }) => {
    return [step, Number((step * dt).toFixed(6)), error ?? "", ...values, seconds].join(",");
  });
  return [head.join(","), ...lines, ""].join("\n");
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
