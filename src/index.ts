export { createSimulator } from "./create.ts";
export { requirements } from "./simulator.ts";
export type {
  Between,
  BufferView,
  NodeQuantity,
  PartOf,
  ProjectionQuantity,
  Requirements,
  Simulator,
  SimulatorOptions,
  Where,
} from "./simulator.ts";
export type { PlanningOptions } from "./options.ts";
export type { SignalData } from "./frames.ts";
export type { EncodeOptions, Metrics, RunOptions } from "./run.ts";
export { measure, type Figures, type MeasureOptions } from "./measure.ts";
export { tune, type TuneOptions } from "./tune.ts";
export type { Tuned, TuningChoice, TuningStore, Variant } from "./variants.ts";
export {
  align,
  alignmentRules,
  frequencyResponse,
  type Agreement,
  type AlignOptions,
  type Alignment,
  type FrequencyOptions,
  type FrequencyResponse,
  type GroupAlignment,
  type LeftOut,
  type MeasuredOn,
  type MeasuredRule,
  type NeuronTimes,
  type Tone,
  type ToneResponse,
} from "./align.ts";
export {
  layered,
  type CostSpec,
  type InitSpec,
  type LayeredSpec,
  type LayerSpec,
  type LearningSpec,
  type NetworkSpec,
  type OptimizerSpec,
  type PopulationSpec,
  type ProjectionSpec,
  type SourceSpec,
} from "./spec.ts";
export { describePlan, type Limits, type Plan } from "./plan.ts";
export {
  tunings,
  type EnergyQuantity,
  type RecordSpec,
  type StateQuantity,
  type TraceQuantity,
  type Tuning,
} from "./layout.ts";
export type { AdapterFacts } from "./device.ts";
export {
  DataError,
  DeviceError,
  DisposedError,
  DivergedError,
  KernelError,
  SpecError,
  VleError,
  type ErrorCode,
} from "./errors.ts";
