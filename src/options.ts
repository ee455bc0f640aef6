/**
 * Checks what a user says besides the network, and fills in the defaults. Pure.
 */

import {
  energyQuantities,
  traceQuantities,
  tuningFor,
  tunings,
  type EnergyQuantity,
  type PlanOptions,
  type RecordSpec,
  type Target,
  type Tuning,
} from "./layout.ts";
import { SpecError } from "./errors.ts";
import { resolveLearning, type LearningSpec } from "./spec.ts";
import { at, fields, integerRange, list, name, number, oneOf, boolean, nonNegative, positive } from "./spec/read.ts";

export interface PlanningOptions {
  /** Batch rows: independent states that share the parameters; gradients are their mean. Default 1, at most 65,536. */
  readonly batch?: number;
  /**
   * Networks of this shape side by side, each with parameters, states and moments of its own; all get the same input and
   * target. Default 1, at most 65,535.
   */
  readonly replicas?: number;
  readonly learning?: LearningSpec;
  /** What is recorded on the device at every step and comes back with the metrics. */
  readonly record?: readonly RecordSpec[];
  /** Energies of the whole network that are recorded likewise; they come back as `energies` of the metrics. */
  readonly energies?: readonly EnergyQuantity[];
  /**
   * Device memory for what a window of adjoint errors keeps, in bytes. A longer window is cut into segments, and all but
   * the last are computed twice. Default 64 MiB.
   */
  readonly trajectoryBytes?: number;
  /**
   * Device memory for input and target, in bytes; longer data is streamed through it. Default 8 MiB; beside weights of 32 to
   * 128 MiB a sixteenth of them, if a window fits it.
   */
  readonly frameBytes?: number;
  /**
   * Largest buffer to be made for parameters, in bytes; weights that do not fit are cut by rows into several, with a dispatch
   * for each. Default: what the adapter or the host's device allows; for `requirements` the 128 MiB that every device allows.
   */
  readonly bindingBytes?: number;
  /**
   * Whether a small network (see `Tuning.networkProducts`) does many steps in one dispatch: several times as fast, but it is
   * compiled for longer, on a software adapter for seconds. Default: on a GPU true, on a software adapter false.
   */
  readonly fuseSteps?: boolean;
  /**
   * How work is cut into workgroups. What is left out is that of `tunings.gpu`, or on a software adapter of `tunings.cpu`, with
   * `sharers` and what goes with them where it has subgroups.
   */
  readonly tuning?: Partial<Tuning>;
}

const planningKeys = [
  "batch",
  "replicas",
  "learning",
  "record",
  "energies",
  "trajectoryBytes",
  "frameBytes",
  "bindingBytes",
  "fuseSteps",
  "tuning",
] as const;
const hostKeys = ["seed", "seeds", "etaScales", "device", "gpu", "label", "signal", "tunings"] as const;
const simulatorKeys = [...planningKeys, ...hostKeys] as const;
/** A device that was asked for nothing more. */
const anyDevice = { software: false, bindingBytes: 128 * 2 ** 20, subgroupSize: 0 };
const defaultTrajectoryBytes = 64 * 2 ** 20;

/**
 * For a device, or for whatever device there may be.
 * @throws SpecError naming the option, its value, the limit and the cure.
 */
export function resolvePlanning(options: PlanningOptions, target?: Target): PlanOptions {
  // A simulator's options hold those of its plan.
  const given = fields(options, "options", simulatorKeys);
  const { batch = 1, replicas = 1, record = [], energies = [] } = given;
  const { trajectoryBytes = defaultTrajectoryBytes } = given;
  const { software, bindingBytes } = target ?? anyDevice;
  return {
    batch: number(batch, "options.batch", integerRange(1, 65536)),
    replicas: number(replicas, "options.replicas", integerRange(1, 65535)),
    learning: resolveLearning(options.learning),
    record: list(record, "options.record", readRecord),
    energies: [...new Set(list(energies, "options.energies", (value, path) => oneOf(value, path, energyQuantities)))],
    trajectoryBytes: number(trajectoryBytes, "options.trajectoryBytes", positive),
    frameBytes: given.frameBytes === undefined ? null : number(given.frameBytes, "options.frameBytes", positive),
    bindingBytes: Math.min(
      number(given.bindingBytes ?? bindingBytes, "options.bindingBytes", positive),
      target?.bindingBytes ?? Infinity,
    ),
    fuseSteps: boolean(given.fuseSteps ?? !software, "options.fuseSteps"),
    tuning: checkSharers(readTuning(given.tuning ?? {}, tuningFor(target ?? anyDevice), "options.tuning"), target),
  };
}

function readRecord(value: unknown, path: string): RecordSpec {
  const { population, quantity } = fields(value, path, ["population", "quantity"]);
  return {
    population: name(population, at(path, "population")),
    quantity: oneOf(quantity, at(path, "quantity"), traceQuantities),
  };
}

function readPowerOfTwo(value: unknown, path: string, most = 256): number {
  const count = number(value, path, integerRange(1, most));
  if ((count & (count - 1)) === 0) return count;
  throw new SpecError(path, `is ${count}; it must be a power of two, 1 to ${most}.`, { value: count });
}

function readLanes(value: unknown, path: string): number {
  const count = number(value, path, integerRange(4, 16));
  if (count % 4 === 0) return count;
  throw new SpecError(path, `is ${count}; it must be 4, 8, 12 or 16.`, { value: count });
}

function readDeferred(value: unknown, path: string): number {
  const count = number(value, path, integerRange(1, 64));
  if (count === 1 || count % 4 === 0) return count;
  throw new SpecError(path, `is ${count}; it must be 1 or a multiple of 4 up to 64.`, { value: count });
}

function readSharers(value: unknown, path: string): 0 | 4 | 8 {
  const count = number(value, path, integerRange(0, 8));
  if (count === 0 || count === 4 || count === 8) return count;
  throw new SpecError(path, `is ${count}; it must be 0, 4 or 8.`, { value: count });
}

/** An own device is asked for subgroups, if there are any. */
function checkSharers(tuning: Tuning, target: Target | undefined): Tuning {
  const { sharers: value, wideWidth } = tuning;
  const path = "options.tuning.sharers";
  const limit = Math.min(target?.subgroupSize ?? Infinity, wideWidth);
  if (value <= limit) return tuning;
  const why =
    limit === wideWidth
      ? `a workgroup has ${wideWidth} invocations (wideWidth)`
      : limit === 0
        ? 'the device has no subgroups; a host\'s device must have been asked for the feature "subgroups"'
        : `the device may have subgroups of ${limit}`;
  throw new SpecError(path, `is ${value}, but ${why}. Use ${limit < 4 ? 0 : 4}.`, { value, limit });
}

const tuningKeys = Object.keys(tunings.gpu) as (keyof Tuning)[];

function readTuning(value: unknown, standard: Tuning, path: string): Tuning {
  const given = { ...standard, ...fields(value, path, tuningKeys) };
  return {
    workgroups: number(given.workgroups, at(path, "workgroups"), integerRange(1, 65535)),
    onePassBatch: number(given.onePassBatch, at(path, "onePassBatch"), integerRange(0, 16)),
    sharedCurrents: boolean(given.sharedCurrents, at(path, "sharedCurrents")),
    tileWidth: number(given.tileWidth, at(path, "tileWidth"), integerRange(1, 64)),
    columnQuads: number(given.columnQuads, at(path, "columnQuads"), integerRange(1, 4)),
    batchColumnQuads: number(given.batchColumnQuads, at(path, "batchColumnQuads"), integerRange(1, 2)),
    tileSets: number(given.tileSets, at(path, "tileSets"), integerRange(1, 65536)),
    tileRows: number(given.tileRows, at(path, "tileRows"), integerRange(4, 64)),
    neuronWidth: readPowerOfTwo(given.neuronWidth, at(path, "neuronWidth"), 64),
    deferredSteps: readDeferred(given.deferredSteps, at(path, "deferredSteps")),
    deferredProducts: number(given.deferredProducts, at(path, "deferredProducts"), nonNegative),
    wideBatch: number(given.wideBatch, at(path, "wideBatch"), integerRange(1, 65537)),
    wideWidth: number(given.wideWidth, at(path, "wideWidth"), integerRange(1, 256)),
    wideLanes: readLanes(given.wideLanes, at(path, "wideLanes")),
    wideOutputs: number(given.wideOutputs, at(path, "wideOutputs"), integerRange(1, 2)),
    sharers: readSharers(given.sharers, at(path, "sharers")),
    networkProducts: number(given.networkProducts, at(path, "networkProducts"), nonNegative),
    networkWidth: readPowerOfTwo(given.networkWidth, at(path, "networkWidth")),
    networkOnePass: boolean(given.networkOnePass, at(path, "networkOnePass")),
    networkLanes: readPowerOfTwo(given.networkLanes, at(path, "networkLanes")),
    networkMemory: number(given.networkMemory, at(path, "networkMemory"), integerRange(0, 2 ** 20)),
  };
}
