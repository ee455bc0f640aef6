import { conditionName, type Condition } from "../tasks/presets.ts";
import type { Curve, CurvePoint } from "../train/summary.ts";
import type { Progress } from "../train/train.ts";

/** The curves of a run while it goes on: what is kept of it should it end too early. */
export interface Journal {
  add(progress: Progress): void;
  /** In the order in which the conditions first reported. */
  readonly curves: readonly Curve[];
  /** Steps that every condition has trained. */
  readonly step: number;
}

export function createJournal(): Journal {
  const kept = new Map<string, Condition & { readonly points: CurvePoint[] }>();
  return {
    add({ rule, crossfade, step, loss, accuracy, stepsPerSecond }) {
      const name = conditionName({ rule, crossfade });
      const points = kept.get(name)?.points ?? [];
      kept.set(name, { rule, crossfade, points });
      const { step: before, seconds } = points.at(-1) ?? { step: 0, seconds: 0 };
      points.push({ step, loss, accuracy, seconds: seconds + (step - before) / stepsPerSecond });
    },
    get curves() {
      return [...kept.values()];
    },
    get step() {
      const steps = [...kept.values()].map(({ points }) => points.at(-1)?.step ?? 0);
      return steps.length === 0 ? 0 : Math.min(...steps);
    },
  };
}
