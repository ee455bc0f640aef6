/** `npm run results`: the tables of docs/performance.md and the picture of rooflines, made of the files in bench/results. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../../scripts/modules.mjs";
import { readFlags, UsageError, withUsage } from "./options.ts";
import { REPRODUCTION_PAGE, reproductionPage } from "./reproduction-page.ts";
import { readResults, type Results } from "./results-files.ts";
import { figured, hasMarks, performanceBlock, readmeBlock, withResults } from "./results-tables.ts";
import { rooflineFigure } from "./roofline-figure.ts";
import { writeAtomically } from "./run-folder.ts";

const FOLDER = "bench/results";
const PAGE = "docs/performance.md";
const README = "README.md";
const PICTURE = "docs/roofline.svg";

/** Files by their path in the project, as they should be. */
type Texts = ReadonlyMap<string, string>;

/** @returns the exit code: 0 unless a file is wrong or, with --check, a page is not what the files give. */
export function main(args: readonly string[]): Promise<number> {
  return withUsage("results", async () => {
    const { switches, positionals, wantsHelp } = readFlags(args, [], ["check"]);
    const [stray] = positionals;
    if (stray !== undefined) throw new UsageError(`"${stray}" is not a flag; npm run results takes flags only.`);
    if (!wantsHelp) return run(switches.has("check"));
    console.log(help());
    return 0;
  });
}

async function run(isCheck: boolean): Promise<number> {
  const { files, problems, stale } = await inspect(root);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) return 1;
  if (!isCheck) await Promise.all(Array.from(stale, ([path, text]) => writeAtomically(join(root, path), text)));
  const names = [...stale.keys()].join(", ");
  const count = `${new Set(files.map(({ name }) => name)).size} files in ${FOLDER}`;
  if (stale.size === 0) console.log(`${count}; everything made of them is up to date.`);
  else if (isCheck) console.error(`Not what ${FOLDER} gives: ${names}. Run: npm run results`);
  else console.log(`${count}; written: ${names}`);
  return isCheck && stale.size > 0 ? 1 : 0;
}

/** Reads the results below `folder`, the root of a project, and tells which texts are not what they give. */
export async function inspect(folder: string): Promise<Results & { readonly stale: Texts }> {
  const results = await readResults(join(folder, FOLDER));
  const read = (path: string): Promise<string> => readFile(join(folder, path), "utf8").catch(() => "");
  const pages = { page: await read(PAGE), readme: await read(README) };
  const { texts, problems } = made(results, pages);
  const reproduced = await reproductionPage(folder, (await read(REPRODUCTION_PAGE)).replaceAll("\r\n", "\n"));
  const stale = new Map<string, string>();
  for (const [path, text] of [...texts, [REPRODUCTION_PAGE, reproduced.text] as const]) {
    if (text === null) continue;
    if ((await read(path)).replaceAll("\r\n", "\n") !== text) stale.set(path, text);
  }
  return { files: results.files, problems: [...results.problems, ...problems, ...reproduced.problems], stale };
}

/** What the results give, from the pages as they are. */
function made(
  { files }: Results,
  pages: { readonly page: string; readonly readme: string },
): { readonly texts: Texts; readonly problems: readonly string[] } {
  const [page, readme] = [pages.page, pages.readme].map((text) => text.replaceAll("\r\n", "\n")) as [string, string];
  const texts = new Map<string, string>();
  const problems: string[] = [];
  const put = (path: string, text: string | null): void => {
    if (text === null) problems.push(`${path} needs the marks <!-- results --> and <!-- /results -->.`);
    else texts.set(path, text);
  };
  put(PAGE, withResults(page, performanceBlock(files)));
  const head = readmeBlock(files);
  if (head !== null) put(README, withResults(readme, head));
  else if (hasMarks(readme)) problems.push(`${README} has marks for results, and there are none of a GPU.`);
  const picture = rooflineFigure(figured(files));
  if (picture !== null) texts.set(PICTURE, picture);
  return { texts, problems };
}

function help(): string {
  return `npm run results -- [flags]

Checks every file in ${FOLDER} and makes of them the tables of ${PAGE} and ${PICTURE};
where there are results of a GPU, those of ${README}, too. The tables of ${REPRODUCTION_PAGE}
are made of docs/results, where npm run reproduce -- NAME --json docs/results/NAME.json puts what it came to.

  --check   writes nothing; the exit code is 0 only if everything is what the files give
  --help    this text`;
}
