import { fields, list } from "./read.ts";
import type { CostSpec, InitSpec, NetworkSpec, PopulationSpec, ProjectionSpec, ScheduleKind } from "./types.ts";

/** A population of a stack, with the projection that enters it. */
export interface LayerSpec extends Omit<PopulationSpec, "name" | "cost"> {
  /** Default: "hidden" if there is one hidden layer, else "hidden1", "hidden2", ...; "output" for the output. */
  readonly name?: string;
  /** Whether the weights that enter this layer learn. Default true. */
  readonly plastic?: boolean;
  /** How the weights that enter this layer start. */
  readonly init?: InitSpec;
}

export interface LayeredSpec {
  readonly dt: number;
  /** See `NetworkSpec`. */
  readonly schedule?: ScheduleKind;
  readonly targetDelay?: 0 | 1;
  /** Number of inputs. */
  readonly input: number;
  readonly hidden: readonly LayerSpec[];
  readonly output: LayerSpec;
  /** Cost of the output's rates. */
  readonly cost?: CostSpec;
}

const STACK = ["dt", "schedule", "targetDelay", "input", "hidden", "output", "cost"] as const;
const NEURONS = ["name", "size", "tauM", "tauR", "activation", "plasticTauM", "plasticTauR", "gamma", "bias"] as const;
const LAYER = [...NEURONS, "plastic", "init"] as const;

/**
 * The common stack: a source "input", hidden populations and a population "output", each projecting to the next.
 * Values are checked when the network is resolved; a field that does not exist is refused here.
 *
 * @throws SpecError for an unknown field, or where an object or an array is expected and something else is given.
 */
export function layered(options: LayeredSpec): NetworkSpec {
  fields(options, "", STACK);
  const { dt, schedule, targetDelay, input, hidden, output, cost } = options;
  list(hidden, "hidden", (layer, path) => fields(layer, path, LAYER));
  fields(output, "output", LAYER);

  const populations: PopulationSpec[] = [];
  const projections: ProjectionSpec[] = [];
  let from = "input";
  const stack = (layer: LayerSpec, defaultName: string, cost?: CostSpec): void => {
    const { name: to = defaultName, plastic = true, init, ...neurons } = layer;
    populations.push({ ...neurons, name: to, ...(cost !== undefined && { cost }) });
    projections.push({ from, to, plastic, ...(init !== undefined && { init }) });
    from = to;
  };
  for (const [index, layer] of hidden.entries()) stack(layer, hidden.length === 1 ? "hidden" : `hidden${index + 1}`);
  stack(output, "output", cost);
  return {
    dt,
    ...(schedule !== undefined && { schedule }),
    ...(targetDelay !== undefined && { targetDelay }),
    sources: [{ name: "input", size: input }],
    populations,
    projections,
  };
}
