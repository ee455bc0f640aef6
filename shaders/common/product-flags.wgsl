// Flags of the tiles of the products with the weights of a batch (shaders/propagate.wgsl).
// Provides: FORWARD, WITH_BIAS. Uses: nothing.

/// Else back.
const FORWARD = 1u;
const WITH_BIAS = 2u;
