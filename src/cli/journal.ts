import type { Rule } from "../tasks/presets.ts";
import type { Curve, CurvePoint } from "../train/summary.ts";
import type { Progress } from "../train/train.ts";

/** The curves of a run while it goes on: what is kept of it should it end too early. */
export interface Journal {
  add(progress: Progress): void;
  /** In the order in which the rules first reported. */
  readonly curves: readonly Curve[];
  /** Steps that every rule has trained. */
  readonly step: number;
}

export function createJournal(): Journal {
  const points = new Map<Rule, CurvePoint[]>();
  return {
    add({ rule, step, loss, accuracy, stepsPerSecond }) {
      const own = points.get(rule) ?? [];
      points.set(rule, own);
      const { step: before, seconds } = own.at(-1) ?? { step: 0, seconds: 0 };
      own.push({ step, loss, accuracy, seconds: seconds + (step - before) / stepsPerSecond });
    },
    get curves() {
      return [...points].map(([rule, own]) => ({ rule, points: own }));
    },
    get step() {
      const steps = [...points.values()].map((own) => own.at(-1)?.step ?? 0);
      return steps.length === 0 ? 0 : Math.min(...steps);
    },
  };
}
