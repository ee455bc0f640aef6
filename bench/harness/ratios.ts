/** The goals as ratios of figures of one run, with the gate for the kind of adapter. Pure. */

import { REPLICAS, synapsesOf, type Group } from "./cases.ts";
import { ARITHMETIC, DISPATCHES } from "./denominators.ts";
import type { AdapterKind } from "./device.ts";
import { COPY, IN_PLACE } from "./passes.ts";
import type { Probes } from "./probes.ts";
import { pairedRatio } from "./statistics.ts";

export interface Gate {
  readonly least?: number;
  readonly most?: number;
}

export interface RatioPart {
  /** Of which case it is. */
  readonly at: string;
  readonly value: number;
  readonly gate: Gate | null;
  /** Null without a gate. */
  readonly ok: boolean | null;
}

/** `value`, `gate` and `ok` are those of the part that is farthest from passing, or of the first one. */
export interface Ratio {
  readonly title: string;
  readonly formula: string;
  /** Null where nothing was measured; `reason` says why. */
  readonly value: number | null;
  readonly gate: Gate | null;
  readonly ok: boolean | null;
  readonly parts: readonly RatioPart[];
  readonly reason: string | null;
  /** Whether it says that numbers agree, and not how fast something is. */
  readonly isExact: boolean;
}

/** What was measured of a group. */
export interface GroupFigures {
  readonly group: Group;
  /** Samples by contestant, taken in turns: steps, passes over memory, operations or dispatches per second. */
  readonly rates: Readonly<Record<string, readonly number[]>>;
  /** Bytes on the device; null if there was none. */
  readonly memory: Memory | null;
  /** Whether the library's choice is to do the updates of several steps at once. */
  readonly defers: boolean;
}

export interface Memory {
  readonly total: number;
  readonly weights: number;
  readonly state: number;
}

export interface Figures {
  readonly kind: AdapterKind;
  readonly groups: readonly GroupFigures[];
  readonly probes: Probes;
}

interface Goal {
  readonly title: string;
  readonly formula: string;
  readonly isExact?: boolean;
  /** Parts as [case, value, gate]; a text: why there are none. */
  readonly parts: (figures: Figures) => readonly Measured[] | string;
}

type Measured = readonly [at: string, value: number, gate: Gate | null];

const notRun = "the cases that it needs were not measured";

const goals: Readonly<Record<string, Goal>> = {
  G5: {
    title: "bandwidth",
    formula: "time of W[i] = W[i] * c over the same memory / time of a step that updates all weights; batch 1",
    parts: (figures) =>
      ofGroups(figures, isSquare(1), ({ group, rates, defers }) => {
        const { learning, [IN_PLACE]: inPlace, [COPY]: copy } = rates;
        const immediate = rates["immediate"] ?? (defers ? undefined : learning);
        const { size } = group.shape;
        return [
          ...quotient(String(size), immediate, inPlace, bandwidthGate(figures.kind, size)),
          ...quotient(`${size} against copy`, immediate, copy, null),
        ];
      }),
  },
  G6: {
    title: "one pass over the weights",
    formula: "steps/s of the library's choice / steps/s with products and update as kernels of their own; batch 1",
    parts: (figures) =>
      ofGroups(figures, isSquare(1), ({ group, rates }) =>
        quotient(
          String(group.shape.size),
          rates["learning"],
          rates["tiled"],
          onePassGate(figures.kind, group.shape.size),
        ),
      ),
  },
  G7: {
    title: "deferred updates",
    formula:
      "steps/s with the updates of 16 steps at once / with one in every step; of the library's choice / of the other",
    parts: (figures) =>
      ofGroups(figures, isSquare(1), ({ group, rates: { learning, immediate, deferred }, defers }) => {
        const { size } = group.shape;
        const gate = figures.kind === "gpu" && size >= 8192 ? { least: 1.5 } : null;
        return [
          ...quotient(String(size), deferred, immediate, gate),
          ...quotient(`${size}, the choice`, learning, defers ? immediate : deferred, { least: 0.97 }),
        ];
      }),
  },
  G9: {
    title: "latency",
    formula: "2 * steps/s / dispatches per second that wait for each other; 64 neurons",
    parts: (figures) =>
      ofGroups(figures, isSquare(1), ({ group, rates: { learning, [DISPATCHES]: dispatches } }) =>
        group.shape.size === 64
          ? quotient(
              "64",
              learning?.map((rate) => 2 * rate),
              dispatches,
              forGpu(figures, 0.8),
            )
          : [],
      ),
  },
  G10: {
    title: "many steps in a dispatch",
    formula: `steps/s fused / steps/s of two dispatches a step; network-steps/s of ${REPLICAS} replicas / of one network`,
    parts: (figures) =>
      ofGroups(figures, isSquare(1), ({ group, rates }) => {
        const { size } = group.shape;
        const isGpu = figures.kind === "gpu";
        const replicas = rates["replicas"]?.map((rate) => rate * REPLICAS);
        return [
          ...quotient(String(size), rates["fused"], rates["learning"], { least: isGpu ? 3 : 1 }),
          ...quotient(`${size}, replicas`, replicas, rates["fused"], { least: isGpu ? 50 : 1.1 }),
        ];
      }),
  },
  G11: {
    title: "arithmetic of a batch",
    formula: "6 * batch * synapses * steps/s / f32 operations per second",
    parts: (figures) =>
      ofGroups(
        figures,
        ({ shape, batch, optimizer }) =>
          shape.kind === "recurrent" && shape.size >= 1024 && batch >= 64 && optimizer === "sgd",
        ({ group, rates }) => {
          const operations = rates["learning"]?.map((rate) => 6 * group.batch * synapsesOf(group.shape) * rate);
          return quotient(sizeAndBatch(group), operations, rates[ARITHMETIC], gateOf(figures.kind, 0.25, 0.6));
        },
      ),
  },
  G13: {
    title: "reuse of weights in a batch",
    formula: "time of a step of batch 16 / of batch 1",
    parts: (figures) =>
      ofGroups(figures, isSquare(16), ({ group, rates }) => {
        const gate = group.shape.size === 4096 && figures.kind === "gpu" ? { most: 2 } : null;
        return quotient(String(group.shape.size), rates["single"], rates["learning"], gate);
      }),
  },
  G14: {
    title: "memory",
    formula: "bytes on the device / (bytes of weights + bytes of state), of the largest recurrent network; batch 1",
    isExact: true,
    parts: ({ groups }) => {
      const [largest] = groups
        .flatMap(({ group, memory }) => (isSquare(1)(group) && memory !== null ? [{ group, memory }] : []))
        .sort((a, b) => b.memory.total - a.memory.total);
      if (largest === undefined) return notRun;
      const { total, weights, state } = largest.memory;
      const { size } = largest.group.shape;
      // What every network has, tables and a few frames, is more than the weights of a small one.
      return [[String(size), total / (weights + state), size >= 4096 ? { most: 1.1 } : null]];
    },
  },
  G15: {
    title: "recording and progress",
    formula: "steps/s with 64 traces of every step / without; with ten metrics a second / with one at the end",
    parts: ({ kind, probes: { recording, hostLoop } }) => [
      ...(recording === null
        ? []
        : quotient("64 traces", recording["traces"], recording["none"], gateOf(kind, 0.9, 0.95))),
      ...(hostLoop === null
        ? []
        : quotient("progress", hostLoop.rates["progress"], hostLoop.rates["run"], gateOf(kind, 0.98, 0.99))),
    ],
  },
  G16: {
    title: "short submits",
    formula: "steps/s of run / of run with chunkMilliseconds 100; longest submit in ms",
    parts: ({ kind, probes: { hostLoop } }) =>
      hostLoop === null
        ? notRun
        : [
            ...quotient("1024", hostLoop.rates["run"], hostLoop.rates["long chunks"], gateOf(kind, 0.95, 0.97)),
            ["longest submit, ms", hostLoop.longestSubmit * 1000, { most: 100 }],
          ],
  },
  G17: {
    title: "embedded",
    formula: "steps/s of encode into the host's encoder / of run; submits that encode makes itself",
    parts: ({ probes: { hostLoop } }) =>
      hostLoop === null
        ? notRun
        : [
            ...quotient("1024", hostLoop.rates["embedded"], hostLoop.rates["run"], { least: 0.97 }),
            ["submits of encode", hostLoop.ownSubmits, { most: 0 }],
          ],
  },
  G18: {
    title: "same numbers",
    formula: "values that differ between two equal runs; difference from the f64 reference / largest value; 1000 steps",
    isExact: true,
    parts: ({ probes: { exactness } }) =>
      exactness === null
        ? notRun
        : [
            ["run twice", exactness.differing, { most: 0 }],
            ["rates", exactness.rateError, { most: 1e-4 }],
            ["weights", exactness.weightError, { most: 1e-4 }],
          ],
  },
  G19: {
    title: "first step",
    formula:
      "time from createSimulator to the end of the first step / time of 1000 steps, with the usual kernels and with those " +
      "chosen by measurement, nothing known yet; pipelines compiled",
    parts: ({ kind, probes: { firstStep } }) =>
      firstStep === null
        ? notRun
        : [
            ...[["", firstStep.seconds] as const, [", choosing kernels", firstStep.choosing.seconds] as const].map(
              ([how, seconds]): Measured =>
                kind === "gpu"
                  ? [`seconds${how}`, seconds, { most: 1 }]
                  : [`1024${how}`, seconds / firstStep.thousandSteps, { most: 1 }],
            ),
            ["pipelines", firstStep.pipelines, { most: 8 }],
          ],
  },
};

/** Every ratio that has a goal, by the name of the goal. */
export function ratiosOf(figures: Figures): Readonly<Record<string, Ratio>> {
  return Object.fromEntries(Object.entries(goals).map(([name, goal]) => [name, ratioOf(goal, figures)]));
}

function ratioOf({ title, formula, parts: measure, isExact = false }: Goal, figures: Figures): Ratio {
  const measured = measure(figures);
  const parts = typeof measured === "string" ? [] : measured.filter(([, value]) => !Number.isNaN(value)).map(judge);
  const [worst] = [...parts].sort((a, b) => margin(a) - margin(b));
  if (worst === undefined) {
    const reason = typeof measured === "string" ? measured : notRun;
    return { title, formula, value: null, gate: null, ok: null, parts: [], reason, isExact };
  }
  const { value, gate, ok } = worst;
  return { title, formula, value, gate, ok, parts, reason: null, isExact };
}

function judge([at, value, gate]: Measured): RatioPart {
  if (gate === null) return { at, value, gate, ok: null };
  return { at, value, gate, ok: value >= (gate.least ?? -Infinity) && value <= (gate.most ?? Infinity) };
}

/** How far a part is on the right side of its gate, in parts of the gate. */
function margin({ value, gate }: RatioPart): number {
  if (gate?.least !== undefined) return value / gate.least - 1;
  if (gate?.most !== undefined) return gate.most === 0 ? (value === 0 ? 1 : -1) : 1 - value / gate.most;
  return Infinity;
}

// ---- cases and gates ----------------------------------------------------------------------------------------

function ofGroups(
  { groups }: Figures,
  isMeant: (group: Group) => boolean,
  parts: (figures: GroupFigures) => readonly Measured[],
): readonly Measured[] | string {
  const found = groups.filter(({ group }) => isMeant(group)).flatMap(parts);
  return found.length > 0 ? found : notRun;
}

const isSquare =
  (batch: number) =>
  (group: Group): boolean =>
    group.shape.kind === "recurrent" && group.batch === batch && group.optimizer === "sgd";

/** Of rates, or of times the other way round. No part where one of them was not measured. */
function quotient(
  at: string,
  above: readonly number[] | undefined,
  below: readonly number[] | undefined,
  gate: Gate | null,
): readonly Measured[] {
  return above === undefined || below === undefined ? [] : [[at, pairedRatio(above, below), gate]];
}

const sizeAndBatch = ({ shape, batch }: Group): string => `${shape.size}, batch ${batch}`;

const gateOf = (kind: AdapterKind, software: number, gpu: number): Gate => ({ least: kind === "gpu" ? gpu : software });

const forGpu = ({ kind }: Figures, least: number): Gate | null => (kind === "gpu" ? { least } : null);

/** Below these sizes a step does not wait for memory. */
function bandwidthGate(kind: AdapterKind, size: number): Gate | null {
  if (kind === "gpu") return size >= 8192 ? { least: 0.8 } : size >= 4096 ? { least: 0.7 } : null;
  if (size < 1024) return null;
  return { least: kind === "swiftshader" ? 0.45 : 0.35 };
}

function onePassGate(kind: AdapterKind, size: number): Gate | null {
  if (kind === "gpu") return size >= 4096 ? { least: 1.7 } : null;
  return size >= 1024 ? { least: 1 } : { least: 1.5 };
}
