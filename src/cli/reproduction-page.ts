/** The tables of docs/reproduction.md, epoch by epoch, made of the results in docs/results. */

import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../errors.ts";
import {
  bestSumOfSines,
  DIFFERENCES,
  EXPECTED_ERROR,
  SYNTHESIS_NETWORK_NAMES,
  SYNTHESIS_TITLE,
  synthesisOf,
} from "../tasks/le-fourier.ts";
import { RULE_NAMES } from "../tasks/presets.ts";
import { accuracyAt, trainingReproductionNamed } from "../tasks/reproductions.ts";
import type { Synthesis } from "../train/le-fourier.ts";
import { adapterName, duration, percent, whole } from "./format.ts";
import { agreesOf, SYNTHESIS_NAME, SYNTHESIS_SCHEMA } from "./le-fourier.ts";
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
  const blocks: string[] = [];
  const problems: string[] = [];
  for (const name of names) {
    try {
      blocks.push(blockOf(JSON.parse(await readFile(join(root, FOLDER, name), "utf8")) as AnyResult));
    } catch (error) {
      problems.push(`${FOLDER}/${name} cannot be read (${error instanceof Error ? error.message : String(error)}).`);
    }
  }
  const text = withResults(page, blocks.join("\n\n"));
  if (text === null) problems.push(`${REPRODUCTION_PAGE} needs the marks <!-- results --> and <!-- /results -->.`);
  return { text, problems };
}

interface SynthesisResult extends Synthesis {
  readonly schema: string;
}

type AnyResult = PublishedResult | SynthesisResult;

function blockOf(result: AnyResult): string {
  if ("outcomes" in result && result.schema === SYNTHESIS_SCHEMA) return synthesisBlock(result);
  if ("rules" in result && result.schema === PUBLISHED_SCHEMA) return resultBlock(result);
  throw new DataError("schema", `is neither ${PUBLISHED_SCHEMA} nor ${SYNTHESIS_SCHEMA}.`);
}

function resultBlock(result: PublishedResult): string {
  const { name, rules, epochs, seeds, adapter, protocol, departures } = result;
  const { experiment } = trainingReproductionNamed(name);
  const published = result.comparisons.filter(({ deviation }) => deviation !== null);
  const names = rules.map(({ rule }) => RULE_NAMES[rule]);
  const heads = ["epoch", ...names, ...(published.length === 0 ? [] : ["published, local", "spread"])];
  const rows = Array.from({ length: epochs }, (_, i) => i + 1).map((epoch) => {
    const at = published.find((each) => each.epoch === epoch);
    const ours = rules.map(({ rows: own }) => {
      const mean = accuracyAt({ rows: own }, epoch);
      return mean === null
        ? ""
        : `${percent(mean.mean, 1)}${mean.seeds > 1 ? ` +- ${percent(mean.deviation, 1)}` : ""}`;
    });
    const known = at ? [percent(at.known, 1), percent(at.deviation ?? NaN, 1)] : ["", ""];
    return [String(epoch), ...ours, ...(published.length === 0 ? [] : known)];
  });
  const seconds = rules.map((each) => `${RULE_NAMES[each.rule]} ${duration(each.seconds)}`).join(", ");
  const ran = `${protocol}, ${seeds.length === 1 ? "seed" : "seeds"} ${seeds.join(", ")}, on ${adapterName(adapter)}; time: ${seconds}.`;
  const judged = result.comparisons.map((each) => {
    const { rule, epoch, ours, oursDeviation, known, deviation, range, isInside, source } = each;
    return [
      RULE_NAMES[rule],
      String(epoch),
      `${percent(ours, 1)}${oursDeviation === null ? "" : ` +- ${percent(oursDeviation, 1)}`}`,
      percent(known, 1),
      deviation === null ? "-" : percent(deviation, 1),
      range.map((bound) => percent(bound)).join(" to "),
      isInside ? "inside" : "OUTSIDE",
      source,
    ];
  });
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

function synthesisBlock(synthesis: SynthesisResult): string {
  const { steps, seed, adapter, outcomes } = synthesis;
  const seconds = outcomes.map((each) => `${each.network} ${duration(each.seconds)}`).join(", ");
  const rows = outcomes.map(({ network, before, after }) => [
    SYNTHESIS_NETWORK_NAMES[network],
    before.error.toFixed(4),
    after.error.toFixed(4),
    after.correlation.toFixed(4),
  ]);
  const [least, most] = EXPECTED_ERROR;
  const verdict = agreesOf(synthesis);
  const range = `our f64 reference comes to from six starts, widened: ${least} to ${most}`;
  return [
    `### ${SYNTHESIS_NAME}: ${SYNTHESIS_TITLE}`,
    "",
    `${whole(steps)} steps, two thirds of them learnt, seed ${seed}, on ${adapterName(adapter)}; time: ${seconds}.`,
    "",
    markdownTable(["network", "error before", "error after", "correlation"], rows),
    "",
    `The error is the mean square in the last third. An output of 0 has ${(1 / 3).toFixed(4)}; the best sum of the sines, without a`,
    `network, ${bestSumOfSines(synthesisOf(steps)).toFixed(4)}. The published figure is a picture and has no number.`,
    ...(verdict === null ? [] : [`With look-ahead it is ${verdict ? "inside" : "OUTSIDE"} what ${range}.`]),
    "",
    ...DIFFERENCES.map((difference) => `- ${difference}`),
  ].join("\n");
}
