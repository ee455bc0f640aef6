/** The shapes of a network and of its learning rule, as a user writes them and as they are after checking. */

export type Activation = "linear" | "tanh" | "sigmoid" | "hard-sigmoid" | "relu" | "softplus";

/** How the parameters of a block start: uniform in +-scale/sqrt(fan-in) (default, scale 1), or one value. */
export type InitSpec =
  { readonly kind: "uniform"; readonly scale?: number } | { readonly kind: "constant"; readonly value: number };

/** Cost of a population's rates r against a target y, at every step. */
export interface CostSpec {
  /** squared-error: beta |y - r|^2 / 2, target [batch][neurons]; cross-entropy of softmax(r): target is a class index per batch row. */
  readonly kind: "squared-error" | "cross-entropy";
  /** Strength of the cost. Default 1. */
  readonly beta?: number;
}

/** A group whose rates are an input, given from outside at every step. */
export interface SourceSpec {
  readonly name: string;
  readonly size: number;
}

export interface PopulationSpec {
  readonly name: string;
  readonly size: number;
  /** Membrane time constant, in the units of dt, at least dt. One value, one per neuron, or one per equal contiguous block of neurons. */
  readonly tauM: number | readonly number[];
  /** Prospective (look-ahead) time constant, likewise. */
  readonly tauR: number | readonly number[];
  readonly activation: Activation;
  /** Somatic nudging: how strongly the error enters the membrane. Default 0. */
  readonly gamma?: number;
  /** Biases. Default: plastic, uniform. `false`: fixed at 0. */
  readonly bias?: false | { readonly plastic?: boolean; readonly init?: InitSpec };
  readonly cost?: CostSpec;
}

/** A weight block W[post][pre]. `from` a source or population, `to` a population; recurrence is allowed. */
export interface ProjectionSpec {
  readonly from: string;
  readonly to: string;
  /** Whether the weights learn. Default true. */
  readonly plastic?: boolean;
  readonly init?: InitSpec;
}

export interface NetworkSpec {
  /** Integration step, in the unit of time of every time constant. */
  readonly dt: number;
  readonly sources: readonly SourceSpec[];
  readonly populations: readonly PopulationSpec[];
  readonly projections: readonly ProjectionSpec[];
}

// ---- the same, resolved -------------------------------------------------------------------------------------

export interface Source {
  readonly name: string;
  readonly size: number;
}

export interface Population {
  readonly name: string;
  readonly size: number;
  /** One value per neuron. */
  readonly tauM: Float64Array;
  readonly tauR: Float64Array;
  readonly activation: Activation;
  readonly gamma: number;
  readonly bias: { readonly plastic: boolean; readonly init: Init };
  readonly cost: { readonly kind: "squared-error" | "cross-entropy"; readonly beta: number } | null;
}

/** `bound` is the half-width of the uniform distribution (scale / sqrt(fan-in) already applied). */
export type Init =
  { readonly kind: "uniform"; readonly bound: number } | { readonly kind: "constant"; readonly value: number };

export interface Projection {
  /** Position in `network.sources` if `fromSource`, else in `network.populations`. */
  readonly from: number;
  readonly fromSource: boolean;
  /** Position in `network.populations`. */
  readonly to: number;
  readonly pre: number;
  readonly post: number;
  readonly plastic: boolean;
  readonly init: Init;
  /** "from -> to", for messages and labels. */
  readonly name: string;
}

export interface Network {
  readonly dt: number;
  readonly sources: readonly Source[];
  readonly populations: readonly Population[];
  readonly projections: readonly Projection[];
}

// ---- how it learns ------------------------------------------------------------------------------------------

/** local: look-ahead of the low-passed error (VLE/GLE). instantaneous: the top-down signal itself. none: no errors. */
export type Errors = "local" | "instantaneous" | "none";

export type OptimizerSpec =
  | { readonly kind: "sgd"; readonly eta: number }
  | { readonly kind: "momentum"; readonly eta: number; readonly mu?: number }
  | {
      readonly kind: "adam";
      readonly eta: number;
      readonly beta1?: number;
      readonly beta2?: number;
      readonly epsilon?: number;
    }
  /** Sums the gradient of every step into the first moment and leaves the parameters alone. */
  | { readonly kind: "accumulate" };

export interface LearningSpec {
  /** Default "local". */
  readonly errors?: Errors;
  /** Default Adam, eta 1e-3. One update per step. */
  readonly optimizer?: OptimizerSpec;
}

/** All optimisers in one shape; fields that an optimiser does not use hold its neutral value. */
export interface Optimizer {
  readonly kind: "sgd" | "momentum" | "adam" | "accumulate";
  readonly eta: number;
  /** Decay of the first moment (mu of momentum, beta1 of Adam). */
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

export interface Learning {
  readonly errors: Errors;
  readonly optimizer: Optimizer;
}
