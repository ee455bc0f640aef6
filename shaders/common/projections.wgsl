// The table of projections.
// Provides: Projection, LEARNS_WEIGHT, LEARNS_BIAS, projections.

const LEARNS_WEIGHT = 1u;
const LEARNS_BIAS = 2u;

struct Projection {
  /// Quads in a row of presynaptic and of postsynaptic neurons.
  pre: u32,
  post: u32,
  /// Places of W[post][pre], its rows padded to quads like its columns, and of the postsynaptic
  /// biases in the parameters; no biases: NONE.
  weight: u32,
  bias: u32,
  /// Places of the presynaptic rates and the postsynaptic errors in the state.
  rate: u32,
  error: u32,
  flags: u32,
}

@group(1) @binding(0) var<storage, read> projections: array<Projection>;
