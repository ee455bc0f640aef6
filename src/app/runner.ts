/** Runs one training of a page after the other: the newest one alone may still say something. */

import { VleError } from "../index.ts";
import type { Frame } from "./frame.ts";
import { explain } from "./problem.ts";
import type { Session } from "./session.ts";

export interface Runner {
  /** The first run. @param problems of the link. */
  start(problems: readonly string[]): void;
  /** @param settings what the address says from now on. */
  restart(settings: Readonly<Record<string, number>>): void;
  toggle(): void;
  /** Goes to the page of another preset. */
  choose(preset: string): void;
}

export interface Course<T> {
  /** Steps that the newest report was about. */
  readonly step: () => number;
  readonly clear: () => void;
  /** Loads what a run needs; what it resolves to begins the run. */
  readonly load: () => Promise<() => Session<T>>;
}

export function createRunner<T>(frame: Frame, { step, clear, load }: Course<T>): Runner {
  let session: Session<T> | undefined;
  let newest = 0;
  let losses = 0;

  async function run(): Promise<void> {
    const own = ++newest;
    frame.phase = "Starting";
    clear();
    try {
      session?.stop();
      await session?.outcome.catch(() => null);
      const begin = await load();
      if (own !== newest) return;
      session = begin();
      await session.outcome;
      if (own === newest) frame.phase = "Done";
    } catch (error) {
      if (own !== newest) return;
      if (error instanceof VleError && error.code === "DEVICE_LOST") losses++;
      frame.phase = "Stopped";
      frame.showProblem(explain(error, { isSecure: isSecureContext, losses, step: step() }));
    }
  }

  return {
    start(problems) {
      frame.showProblem(problems.length > 0 ? problems.join(" ") : null);
      void run();
    },
    restart(settings) {
      const address = new URL(location.href);
      for (const [name, value] of Object.entries(settings)) address.searchParams.set(name, String(value));
      history.replaceState(null, "", address);
      frame.showProblem(null);
      void run();
    },
    toggle() {
      if (frame.phase === "Learning") {
        session?.pause();
        frame.phase = "Pausing";
      } else if (frame.phase === "Pausing" || frame.phase === "Paused") {
        session?.resume();
        frame.phase = "Learning";
      }
    },
    choose(preset) {
      const address = new URL(location.href);
      const kernels = address.searchParams.get("kernels");
      address.search = `?preset=${preset}`;
      if (kernels !== null) address.searchParams.set("kernels", kernels);
      location.assign(address);
    },
  };
}
