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
  /** Whether tauM learns; it is then held at 10 dt or above. Default false. */
  readonly plasticTauM?: boolean;
  /** Whether tauR learns; it is then held at 10 dt or above. Default false. */
  readonly plasticTauR?: boolean;
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
  /** In the sweep schedule: whether it reads the rates, and returns the errors, of the step before. Default: only from a population to itself. */
  readonly recurrent?: boolean;
  readonly init?: InitSpec;
}

/**
 * jacobi: every population advances from values of the step before (the published order). sweep: within a step rates go
 * from the sources to the last population and errors all the way back, without delay; recurrent projections alone use
 * the step before.
 */
export type ScheduleKind = "jacobi" | "sweep";

export interface NetworkSpec {
  /** Integration step, in the unit of time of every time constant. */
  readonly dt: number;
  /** Order of updates. Default "jacobi". */
  readonly schedule?: ScheduleKind;
  /**
   * Of the jacobi schedule: the cost compares the rates of the step before with the target of this step (0, the published
   * order, default) or with that of the step before, too (1). The sweep compares both of this step.
   */
  readonly targetDelay?: 0 | 1;
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
  readonly plasticTauM: boolean;
  readonly plasticTauR: boolean;
  /** Its turn in a sweep: after every population that projects to it without delay. 0 for all in jacobi. */
  readonly level: number;
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
  /** Steps between a rate and its effect: 0 from a source, and in a sweep from a lower level; else 1. */
  readonly delay: 0 | 1;
  readonly init: Init;
  /** "from -> to", for messages and labels. */
  readonly name: string;
}

export interface Network {
  readonly dt: number;
  readonly schedule: ScheduleKind;
  readonly targetDelay: 0 | 1;
  readonly sources: readonly Source[];
  readonly populations: readonly Population[];
  readonly projections: readonly Projection[];
}

// ---- how it learns ------------------------------------------------------------------------------------------

/**
 * local: look-ahead of the low-passed error (VLE/GLE). instantaneous: the top-down signal itself. adjoint: the exact
 * gradient of the integrator over a window of steps. none: no errors.
 */
export type Errors = "local" | "instantaneous" | "adjoint" | "none";

/** What carries errors down: the transpose of the weights, fixed random weights, or nothing. */
export type Feedback = "transpose" | "random" | "none";

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
  /** Steps of a window of "adjoint" errors, which need it: a sample, or fewer for truncated backpropagation through time. */
  readonly window?: number;
  /** Default "transpose". */
  readonly feedback?: Feedback;
  /**
   * none: the published rule, error times presynaptic rate. matched (ours): top-down signal times the presynaptic rate
   * filtered like the postsynaptic neuron. Default "none".
   */
  readonly traces?: "none" | "matched";
  /** Ours, for jacobi: delays rates and slopes so that they meet the error that they caused. Default false. */
  readonly lagAligned?: boolean;
  /** corrected (ours, a diagnostic): scales each neuron's local error by mean(alpha^2) / mean(e^2). Default "published". */
  readonly gain?: "published" | "corrected";
  /** Default Adam, eta 1e-3. One update per step, or per window of "adjoint" errors. */
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
  /** Steps between two updates: 1 unless errors are "adjoint". */
  readonly window: number;
  readonly feedback: Feedback;
  readonly traces: "none" | "matched";
  readonly lagAligned: boolean;
  readonly gain: "published" | "corrected";
  readonly optimizer: Optimizer;
}
