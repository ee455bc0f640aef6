/** The bench as a page: its tables fill in while it runs. */

import { version } from "../package.json";
import {
  adapterLine,
  caseCells,
  caseHead,
  closingLine,
  deviceLines,
  figure,
  gateText,
  SOFTWARE_LABEL,
  verdictText,
} from "./harness/report.ts";
import { BENCH_SCHEMA, type BenchReport, type CaseResult } from "./harness/result.ts";
import { runBench, type BenchEvent } from "./harness/run.ts";

function element<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`The page has no "${id}".`);
}

const page = {
  adapter: element("adapter", HTMLParagraphElement),
  software: element("software", HTMLParagraphElement),
  problem: element("problem", HTMLParagraphElement),
  phase: element("phase", HTMLParagraphElement),
  closing: element("closing", HTMLParagraphElement),
  progress: element("progress", HTMLProgressElement),
  cases: element("cases", HTMLTableElement),
  ratios: element("ratios", HTMLTableElement),
  device: element("device", HTMLPreElement),
  quick: element("quick", HTMLButtonElement),
  full: element("full", HTMLButtonElement),
  stop: element("stop", HTMLButtonElement),
  save: element("save", HTMLButtonElement),
};

page.quick.addEventListener("click", () => void run(true));
page.full.addEventListener("click", () => void run(false));

async function run(quick: boolean): Promise<void> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(new Error("Stopped."));
  page.stop.addEventListener("click", stop, { once: true });
  setRunning(true);
  clear();
  try {
    const date = new Date().toISOString();
    // In browsers without WebGPU it is missing.
    const { gpu } = navigator as { readonly gpu?: GPU };
    const result = await runBench({ quick, only: null }, { gpu, report: hear, signal: stopping.signal });
    show({ schema: BENCH_SCHEMA, version, date, commit: null, host: navigator.userAgent, ...result });
  } catch (error) {
    page.phase.textContent = "Nothing runs.";
    page.problem.textContent = error instanceof Error ? error.message : String(error);
    page.problem.hidden = stopping.signal.aborted;
  } finally {
    page.stop.removeEventListener("click", stop);
    setRunning(false);
  }
}

function setRunning(runs: boolean): void {
  page.quick.disabled = runs;
  page.full.disabled = runs;
  page.stop.disabled = !runs;
  if (runs) page.save.disabled = true;
}

function clear(): void {
  page.problem.hidden = true;
  page.cases.replaceChildren(row(caseHead, "th"));
  page.ratios.replaceChildren();
  page.device.replaceChildren();
  page.closing.replaceChildren();
}

function hear(event: BenchEvent): Promise<void> {
  if (event.kind === "opened") {
    page.adapter.textContent = adapterLine(event.device);
    page.software.textContent = SOFTWARE_LABEL;
    page.software.hidden = !event.device.adapter.software;
  } else if (event.kind === "begins") {
    page.phase.textContent = `${event.index + 1} of ${event.count}: ${event.name}`;
    page.progress.value = event.index / event.count;
  } else {
    for (const each of event.cases) page.cases.append(caseRow(each));
  }
  // A moment for the page to draw.
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function caseRow(each: CaseResult): HTMLTableRowElement {
  const made = row(caseCells(each), "td", each.status === "failed");
  if (each.reason !== null) made.title = each.reason;
  return made;
}

function show(report: BenchReport): void {
  page.phase.textContent = `Done in ${Math.round(report.seconds)} seconds.`;
  page.progress.value = 1;
  page.device.textContent = deviceLines(report).join("\n");
  page.ratios.replaceChildren(
    row(["ratio", "at", "value", "gate", ""], "th"),
    ...Object.entries(report.ratios).flatMap(([name, { title, formula, parts }]) =>
      parts.map((part) => {
        const cells = [`${name} ${title}`, part.at, figure(part.value), gateText(part.gate), verdictText(part)];
        const made = row(cells, "td", part.ok === false);
        made.title = formula;
        return made;
      }),
    ),
  );
  page.closing.textContent = closingLine(report);
  page.save.disabled = false;
  page.save.onclick = () => save(report);
}

function row(cells: readonly string[], kind: "th" | "td", isBad = false): HTMLTableRowElement {
  const made = document.createElement("tr");
  made.classList.toggle("bad", isBad);
  made.append(
    ...cells.map((text) => {
      const cell = document.createElement(kind);
      cell.textContent = text;
      return cell;
    }),
  );
  return made;
}

function save(report: BenchReport): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(report, null, 2)], { type: "application/json" }));
  link.download = `bench-${report.date.slice(0, 10)}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}
