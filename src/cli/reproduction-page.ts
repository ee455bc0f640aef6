/** The tables of docs/reproduction.md, epoch by epoch, made of the results in docs/results. */

import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { RULE_NAMES } from "../tasks/presets.ts";
import { accuracyAt, trainingReproductionNamed } from "../tasks/reproductions.ts";
import { adapterName, duration, percent } from "./format.ts";
import { PUBLISHED_SCHEMA, type PublishedResult } from "./published-result.ts";
import { markdownTable, withResults } from "./results-tables.ts";

export const REPRODUCTION_PAGE = "docs/reproduction.md";
const FOLDER = "docs/results";

export interface ReproductionPage {
  /** The page as it should be; null: there is none, or it cannot be made. */
  readonly text: string | null;
  readonly problems: readonly string[];
}

/** @param root of a project, which need not have the page. @param page as it is. */
export async function reproductionPage(root: string, page: string): Promise<ReproductionPage> {
  if (page === "") return { text: null, problems: [] };
  const names = (await readdir(join(root, FOLDER)).catch(() => [])).filter((name) => name.endsWith(".json")).sort();
  const results: PublishedResult[] = [];
  const problems: string[] = [];
  for (const name of names) {
    const result = await readResult(join(root, FOLDER, name));
    if (typeof result === "string") problems.push(`${FOLDER}/${name} ${result}`);
    else results.push(result);
  }
  const text = withResults(page, results.map(resultBlock).join("\n\n"));
  if (text === null) problems.push(`${REPRODUCTION_PAGE} needs the marks <!-- results --> and <!-- /results -->.`);
  return { text, problems };
}

async function readResult(path: string): Promise<PublishedResult | string> {
  try {
    const result = JSON.parse(await readFile(path, "utf8")) as PublishedResult;
    return result.schema === PUBLISHED_SCHEMA ? result : `is not of the form ${PUBLISHED_SCHEMA}.`;
  } catch (error) {
    return `cannot be read (${error instanceof Error ? error.message : String(error)}).`;
  }
}

function resultBlock(result: PublishedResult): string {
  const { name, rules, epochs, seeds, adapter, protocol, departures } = result;
  const { experiment } = trainingReproductionNamed(name);
  const published = result.comparisons.filter(({ deviation }) => deviation !== null);
  const heads = ["epoch", ...rules.map(({ rule }) => RULE_NAMES[rule]), "published, local", "spread"];
  const rows = Array.from({ length: epochs }, (_, i) => i + 1).map((epoch) => {
    const at = published.find((each) => each.epoch === epoch);
    const ours = rules.map(({ rows: own }) => {
      const mean = accuracyAt({ rows: own }, epoch);
      return mean === null
        ? ""
        : `${percent(mean.mean, 1)}${mean.seeds > 1 ? ` +- ${percent(mean.deviation, 1)}` : ""}`;
    });
    return [String(epoch), ...ours, at ? percent(at.known, 1) : "", at ? percent(at.deviation ?? NaN, 1) : ""];
  });
  const seconds = rules.map((each) => `${RULE_NAMES[each.rule]} ${duration(each.seconds)}`).join(", ");
  const ran = `${protocol}, ${seeds.length === 1 ? "seed" : "seeds"} ${seeds.join(", ")}, on ${adapterName(adapter)}; time: ${seconds}.`;
  const judged = result.comparisons.map(({ rule, epoch, ours, known, deviation, range, isInside, source }) => [
    RULE_NAMES[rule],
    String(epoch),
    percent(ours, 1),
    percent(known, 1),
    deviation === null ? "-" : percent(deviation, 1),
    range.map((bound) => percent(bound)).join(" to "),
    isInside ? "inside" : "OUTSIDE",
    source,
  ]);
  return [
    `### ${name}: ${experiment.title}`,
    "",
    ran,
    "",
    markdownTable(heads, rows),
    "",
    ...(judged.length === 0
      ? []
      : [markdownTable(["rule", "epoch", "ours", "known", "spread", "range", "", "known from"], judged, 8), ""]),
    ...departures.map((sentence) => `- ${sentence}`),
  ].join("\n");
}
