/**
 * How close errors and gradients of a rule come to the exact ones: per group of parameters on a network of the user's,
 * and per frequency on chains of neurons, where closed forms say what is right.
 */

export {
  alignmentRules,
  align,
  type AlignOptions,
  type Alignment,
  type GroupAlignment,
  type MeasuredRule,
} from "./align/compare.ts";
export type { Agreement } from "./align/agreement.ts";
export type { LeftOut, ParameterKind } from "./align/groups.ts";
export type { MeasuredOn } from "./align/places.ts";
export { frequencyResponse, type FrequencyOptions, type FrequencyResponse, type Tone } from "./align/tones.ts";
export { closedForm, toneRules, type NeuronTimes, type ToneResponse, type ToneRule } from "./align/transfer.ts";
