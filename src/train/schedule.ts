import type { Schedule } from "../tasks/presets.ts";

/** Learning rate at a moment of a run, `progress` from 0 (its start) to 1 (its end). */
export function etaAt({ eta, hold, final }: Schedule, progress: number): number {
  if (progress <= hold) return eta;
  return eta * final ** ((progress - hold) / (1 - hold));
}
