/**
 * Engines in a process of their own. ONNX Runtime Web needs one: once it is loaded, everything else in its process gets
 * about half as fast. The worker is src/cli/compare-worker.ts; it answers requests in their order.
 */

import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { root } from "../../scripts/modules.mjs";
import { callsPerStep, type Calls } from "./calls.ts";
import type { Contestant, Engine } from "./engine.ts";
import type { Outcome, Problem } from "./problem.ts";

export type Request =
  | { readonly kind: "open"; readonly name: string; readonly problem: Problem }
  | { readonly kind: "run"; readonly steps: number }
  | { readonly kind: "count"; readonly steps: number }
  | { readonly kind: "settle" | "read" | "close" };

export type Answer = { readonly error: string } | { readonly value: unknown };

/** One worker for all that it is asked for. */
export class Remote {
  private child: ChildProcess | null = null;

  /** Contestants of this process that stand for those of the worker, which have the same names. */
  standIns(contestants: readonly Contestant[]): Contestant[] {
    return contestants.map((contestant) => ({ ...contestant, open: (problem) => this.open(contestant.name, problem) }));
  }

  /** Ends the worker. */
  close(): void {
    this.child?.disconnect();
    this.child = null;
  }

  private async open(name: string, problem: Problem): Promise<Engine> {
    await this.ask({ kind: "open", name, problem });
    return {
      run: async (steps) => {
        await this.ask({ kind: "run", steps });
      },
      settle: () => this.ask({ kind: "settle" }),
      read: async () => (await this.ask({ kind: "read" })) as Outcome,
      countCalls: async (steps) => (await this.ask({ kind: "count", steps })) as Calls,
      close: async () => {
        await this.ask({ kind: "close" });
      },
    };
  }

  private ask(request: Request): Promise<unknown> {
    const child = (this.child ??= start());
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error("The process of the engine ended."));
      child.once("exit", ended);
      child.once("message", (answer: Answer) => {
        child.off("exit", ended);
        if ("error" in answer) reject(new Error(answer.error));
        else resolve(answer.value);
      });
      child.send(request);
    });
  }
}

function start(): ChildProcess {
  return spawn(process.execPath, [join(root, "scripts/load.mjs"), "compare-worker"], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    serialization: "advanced",
  });
}

/** What a worker does: one engine at a time. */
export async function serve(contestants: readonly Contestant[], request: Request, held: Held): Promise<unknown> {
  if (request.kind === "open") {
    const contestant = contestants.find(({ name }) => name === request.name);
    held.engine = await contestant?.open(request.problem);
    return null;
  }
  const { engine } = held;
  if (engine === undefined) throw new Error("Nothing is open.");
  switch (request.kind) {
    case "run":
      await engine.run(request.steps);
      return null;
    case "count":
      return countCalls(engine, request.steps);
    case "settle":
      await engine.settle();
      return null;
    case "read":
      return engine.read();
    case "close":
      held.engine = undefined;
      await engine.close();
      return null;
  }
}

export interface Held {
  engine: Engine | undefined;
}

/** Of each of some steps. */
export function countCalls(engine: Engine, steps: number): Promise<Calls> {
  if (engine.countCalls !== undefined) return engine.countCalls(steps);
  return callsPerStep(steps, async () => {
    await engine.run(steps);
    await engine.settle();
  });
}
