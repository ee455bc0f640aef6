/** One problem, several engines: first they must agree with the f64 twin, then they are timed in turns. */

import { busyShare, comeToRest } from "./busy.ts";
import { callsPerStep, type Calls } from "./calls.ts";
import type { Contestant, Engine, Family } from "./engine.ts";
import { contest as takeSamples, type Method } from "../harness/contest.ts";
import { spreadOf, type Spread } from "../harness/statistics.ts";
import { agreementOf, agrees, type Agreement, type Subject, type Work } from "./twin.ts";

/** Steps after which engines must agree with the twin. */
const CHECKED_STEPS = 16;
/** Steps over which calls are counted. */
const COUNTED_STEPS = 64;

export interface Contest<P> {
  readonly subject: Subject<P>;
  readonly contestants: readonly Contestant<P>[];
  readonly method: Method;
  readonly countsCalls: boolean;
}

/** Steps per second. */
export interface Rates extends Spread {
  readonly samples: readonly number[];
}

export type Verdict = "agrees" | "disagrees" | "does not run";

export interface Entry {
  readonly engine: string;
  readonly family: Family;
  readonly work: Work;
  readonly verdict: Verdict;
  /** What went wrong, if it does not run. */
  readonly reason: string | null;
  readonly agreement: Agreement | null;
  readonly rates: Rates | null;
  readonly calls: Calls | null;
}

export interface ContestResult {
  readonly entries: readonly Entry[];
  /** How far learning moved rates and weights in the check, relative like an `Agreement`; null if nothing learns. */
  readonly effect: Agreement | null;
  /** Part of the processors that was in use before the samples, with every engine at rest. */
  readonly busy: number;
}

export async function hold<P>(contest: Contest<P>, report: (line: string) => void): Promise<ContestResult> {
  const { subject, contestants } = contest;
  const problem = subject.checked();
  const works = [...new Set(contestants.map(({ work }) => work))];
  const wanted = new Map(works.map((work) => [work, subject.expected(work, problem, CHECKED_STEPS)]));
  const learned = wanted.get("step");
  const effect =
    learned === undefined ? null : agreementOf(subject.expected("frozen step", problem, CHECKED_STEPS), learned);
  const entries: Entry[] = [];
  for (const contestant of contestants) {
    report(`  ${contestant.name}: is checked`);
    entries.push(await check(contestant, problem, wanted.get(contestant.work) ?? { rate: [], weight: [] }));
  }
  if (!(await comeToRest(contest.method.signal))) report("  this process itself does not come to rest");
  const busy = await busyShare();
  report(`  samples are taken in turns; other work takes ${Math.round(100 * busy)} % of the machine`);
  return { effect, busy, entries: await time(contest, entries) };
}

async function check<P>(
  contestant: Contestant<P>,
  problem: P,
  wanted: Parameters<typeof agreementOf>[1],
): Promise<Entry> {
  const { name: engine, family, work } = contestant;
  const entry = { engine, family, work, reason: null, agreement: null, rates: null, calls: null };
  try {
    const agreement = await use(contestant, problem, async (opened) => {
      await opened.run(CHECKED_STEPS);
      await opened.settle();
      return agreementOf(await opened.read(), wanted);
    });
    return { ...entry, agreement, verdict: agrees(agreement) ? "agrees" : "disagrees" };
  } catch (error) {
    return { ...entry, verdict: "does not run", reason: firstLine(error) };
  }
}

async function use<P, T>(contestant: Contestant<P>, problem: P, what: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await contestant.open(problem);
  try {
    return await what(engine);
  } finally {
    await engine.close();
  }
}

/** Adds rates, and calls if they are wanted, to the entries that agree. */
async function time<P>(contest: Contest<P>, entries: readonly Entry[]): Promise<Entry[]> {
  const { subject, contestants, method, countsCalls } = contest;
  const problem = subject.timed();
  const engines: Engine[] = [];
  const added = new Map<string, Pick<Entry, "calls" | "rates">>();
  try {
    const taking = contestants.filter((_, k) => entries[k]?.verdict === "agrees");
    for (const contestant of taking) engines.push(await contestant.open(problem));
    const calls: (Calls | null)[] = [];
    for (const engine of engines) calls.push(countsCalls ? await countCalls(engine) : null);
    const samples = await takeSamples(
      taking.map(({ name }, k) => timed(name, engines[k] as Engine)),
      method,
    );
    for (const [k, { name }] of taking.entries()) {
      const found = samples[name] ?? [];
      added.set(name, { rates: { ...spreadOf(found), samples: found }, calls: calls[k] ?? null });
      await requireFinite(name, engines[k] as Engine);
    }
  } finally {
    for (const engine of engines) await engine.close();
  }
  return entries.map((entry) => ({ ...entry, ...added.get(entry.engine) }));
}

function timed(name: string, engine: Engine): Parameters<typeof takeSamples>[0][number] {
  return {
    name,
    grain: engine.grain ?? 1,
    run: async (steps) => {
      await engine.run(steps);
      await engine.settle();
    },
  };
}

function countCalls(engine: Engine): Promise<Calls> {
  return callsPerStep(COUNTED_STEPS, async () => {
    await engine.run(COUNTED_STEPS);
    await engine.settle();
  });
}

/** Numbers that are not finite may be quicker or slower than others. */
async function requireFinite(name: string, engine: Engine): Promise<void> {
  const { rate } = await engine.read();
  for (let k = 0; k < rate.length; k++) {
    if (!Number.isFinite(rate[k])) throw new Error(`${name} gave rates that are not finite while it was timed.`);
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
