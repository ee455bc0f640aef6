export { activate, activationSlope } from "./activation.ts";
export { type Frame } from "./frame.ts";
export {
  createReference,
  type Between,
  type Moment,
  type NeuronQuantity,
  type Reference,
  type ReferenceOptions,
} from "./reference.ts";
export { layered, resolveLearning, resolveNetwork } from "../spec.ts";
