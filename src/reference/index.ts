export { activate, activationSlope } from "./activation.ts";
export { type Frame } from "./frame.ts";
export {
  createReference,
  type Between,
  type Energy,
  type Moment,
  type NeuronQuantity,
  type PartOf,
  type Reference,
  type ReferenceOptions,
  type Where,
  type WindowQuantity,
} from "./reference.ts";
export { layered, resolveLearning, resolveNetwork } from "../spec.ts";
