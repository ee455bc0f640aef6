/** `npm run reproduce -- previous-digit`: the study of where the published rule stops, its table and its figure. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../../scripts/modules.mjs";
import { DataError } from "../errors.ts";
import { studyConditionName, STUDIED, type StudyPlan, type StudyResult } from "../tasks/limit-study.ts";
import { doneOf, nextTask, taskCount, type StudyEvent, type StudyProgress } from "../train/limit-study.ts";
import { adapterName, duration, percent, whole } from "./format.ts";
import { withHost, type Host } from "./host.ts";
import { limitFigure } from "./limit-figure.ts";
import { STUDY_FILE, studyCsv, studyText, type Study } from "./limit-file.ts";
import { STUDY_NAME, type StudyOptions } from "./limit-options.ts";
import { outcomesOf, runOf, separationOf, studyLines, studyMarkdown } from "./limit-table.ts";
import { shownPath } from "./options.ts";
import { withResults } from "./results-tables.ts";
import { createRunFolder, openRunFolder, writeAtomically, type RunFolder } from "./run-folder.ts";

export const LIMIT_SCHEMA = "vle-webgpu/limit-summary/1";
const INTERRUPTED = 130;
/** Milliseconds between two lines of progress. */
const LINE_INTERVAL = 5000;
const DOCS = { page: "docs/limit.md", figure: "docs/limit.svg", data: "docs/limit.json" };

/** @returns the exit code: 0 only if the rule of temporal support holds. */
export async function runLimit(options: StudyOptions, signal: AbortSignal): Promise<number> {
  const { plan } = options.study;
  console.log(`\n${STUDIED.title}: where the published rule stops, and why\n${STUDIED.sentence}\n`);
  console.log(
    `Study:   ${plan.conditions.length} conditions, seeds ${plan.seeds[0] ?? "-"} to ${plan.seeds.at(-1) ?? "-"}, ` +
      `${whole(plan.steps)} steps each, ${plan.tune ? "learning rates tuned on validation images" : "not tuned"}`,
  );
  const work = new Work(options, await folderOf(options));
  if (work.isDone) return work.finish();
  try {
    return await withHost({ asked: options.host, preferred: "node" }, signal, (host) => work.on(host, signal));
  } catch (error) {
    work.tellHowToGoOn();
    if (!signal.aborted) throw error;
    return INTERRUPTED;
  }
}

async function folderOf({ resumed, out, study }: StudyOptions): Promise<RunFolder> {
  if (resumed !== undefined) return openRunFolder(resumed);
  const folder = await createRunFolder(out, STUDY_NAME, new Date());
  await folder.write(STUDY_FILE, studyText(study));
  return folder;
}

/** A study, what is shown of it, and what is kept of it. */
class Work {
  private readonly options: StudyOptions;
  private readonly folder: RunFolder;
  private readonly results: StudyResult[];
  private saidAt = -Infinity;

  constructor(options: StudyOptions, folder: RunFolder) {
    this.options = options;
    this.folder = folder;
    this.results = [...options.study.results];
  }

  get isDone(): boolean {
    return nextTask(this.todo, this.results) === null;
  }

  /** The plan, or the part of it that was asked for. */
  private get todo(): StudyPlan {
    const { only, study } = this.options;
    return only === undefined ? study.plan : { ...study.plan, conditions: only };
  }

  async on(host: Host, signal: AbortSignal): Promise<number> {
    console.log(`Host:    ${host.name}`);
    await host.study({ plan: this.todo, done: this.results.slice() }, async (event) => {
      if (!signal.aborted) await this.hear(event);
    });
    return this.finish();
  }

  private async hear(event: StudyEvent): Promise<void> {
    if (event.kind === "adapter") {
      const remark = event.adapter.software ? " (software: right results, but slow)" : "";
      console.log(`Adapter: ${adapterName(event.adapter)}${remark}\nFolder:  ${shownPath(this.folder.path)}\n`);
    } else if (event.kind === "progress") {
      this.tell(event.progress);
    } else {
      await this.keep(event.result);
    }
  }

  private tell({ task, step, done, total, accuracy, secondsLeft }: StudyProgress): void {
    if (performance.now() - this.saidAt < LINE_INTERVAL) return;
    this.saidAt = performance.now();
    const { steps } = this.options.study.plan;
    const part = percent((done + step / steps) / total).padStart(5);
    const what = `${done + 1} of ${total}, ${studyConditionName(task)}, seed ${task.seed}, step ${whole(step)}`;
    console.log(`${part}  ${what}: training ${percent(accuracy ?? NaN)}; ${duration(secondsLeft)} left`);
  }

  /** At once, so that it is not lost whatever happens. */
  private async keep(result: StudyResult): Promise<void> {
    this.results.push(result);
    await this.folder.write(STUDY_FILE, studyText(this.study));
    await this.folder.write("results.csv", studyCsv(this.results));
    const { eta, seed, validation, test } = result;
    const name = studyConditionName(result).padEnd(28);
    const scores = `validation ${percent(validation, 1)}, test ${percent(test, 1)}`;
    console.log(`       ${name} seed ${seed}, eta ${eta}: ${scores}`);
  }

  private get study(): Study {
    return { plan: this.options.study.plan, results: this.results };
  }

  tellHowToGoOn(): void {
    const { plan } = this.options.study;
    console.log(
      `Stopped with ${doneOf(plan, this.results).length} of ${taskCount(plan)} trainings done; nothing else is running. ` +
        `Go on with: npm run reproduce -- ${STUDY_NAME} --resume ${shownPath(this.folder.path)}`,
    );
  }

  async finish(): Promise<number> {
    const { folder, study } = this;
    const { json: copy, docs } = this.options;
    const separation = separationOf(outcomesOf(study));
    await folder.write("results.csv", studyCsv(study.results));
    await folder.write("figure.svg", limitFigure(study));
    const names = [...new Set([...folder.files, "summary.json"])];
    const { plan, results } = study;
    const facts = { schema: LIMIT_SCHEMA, plan, outcomes: outcomesOf(study), separation, results, files: names };
    const text = `${JSON.stringify(facts, null, 2)}\n`;
    await folder.write("summary.json", text);
    if (copy !== undefined) await writeAtomically(copy, text);
    console.log(["", runOf(study), "", ...studyLines(study), ""].join("\n"));
    console.log(`Run folder: ${shownPath(folder.path)} (${names.join(", ")})`);
    if (copy !== undefined) console.log(`Summary:    ${shownPath(copy)}`);
    if (docs) await writeDocs(study);
    return separation.holds === false ? 1 : 0;
  }
}

/** The figure, the data and the table of the page on the limit. */
async function writeDocs(study: Study): Promise<void> {
  const path = join(root, DOCS.page);
  const page = limitPage(await readFile(path, "utf8"), study);
  await writeAtomically(path, page);
  await writeAtomically(join(root, DOCS.figure), limitFigure(study));
  await writeAtomically(join(root, DOCS.data), studyText(study));
  console.log(`Written:    ${Object.values(DOCS).join(", ")}`);
}

/** The page with the table of a study between its marks. */
export function limitPage(page: string, study: Study): string {
  const filled = withResults(page, `_${runOf(study)}._\n\n${studyMarkdown(study)}`);
  if (filled === null) throw new DataError(DOCS.page, "has not the two marks between which the results stand.");
  return filled;
}
