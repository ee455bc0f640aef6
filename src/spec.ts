/**
 * What a network is: plain data that a user writes (`NetworkSpec`), and the same with every default filled in and
 * every value checked (`Network`). Knows nothing of GPUs.
 */

export type * from "./spec/types.ts";
export { layered, type LayeredSpec, type LayerSpec } from "./spec/layered.ts";
export { resolveLearning } from "./spec/learning.ts";
export { distancesOf, loopGain, warningsOf } from "./spec/levels.ts";
export { MAX_NEURONS, PLASTIC_TAU_STEPS, resolveNetwork } from "./spec/network.ts";
