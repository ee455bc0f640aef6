// The table of projections.
// Provides: Projection, LEARNS_WEIGHT, LEARNS_BIAS, projection_of. Uses: replicas, and the binding
// projections.

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
  /// Place of the weights that carry errors back.
  feedback_weight: u32,
  /// Of matched traces. In the state: the top-down signals, the traces of class 0, and the traces
  /// of the biases; in the parameters: the class of every postsynaptic neuron.
  signal: u32,
  traces: u32,
  bias_traces: u32,
  classes: u32,
  /// Of a window of adjoint errors, in the record: the presynaptic rates and the adjoints, from
  /// its first step on.
  trajectory: u32,
  adjoints: u32,
  /// Of deferred updates, in the state: the presynaptic rates and the postsynaptic errors of the
  /// pairs, one behind the other.
  kept_rates: u32,
  kept_errors: u32,
}

/// A projection of this network.
fn projection_of(index: u32) -> Projection {
  var p = projections[index];
  if (REPLICAS != 1u) {
    p.weight = own(p.weight, PARAMETER_STRIDE);
    p.bias = own(p.bias, PARAMETER_STRIDE);
    p.rate = own(p.rate, STATE_STRIDE);
    p.error = own(p.error, STATE_STRIDE);
    p.feedback_weight = own(p.feedback_weight, PARAMETER_STRIDE);
    p.signal = own(p.signal, STATE_STRIDE);
    p.traces = own(p.traces, STATE_STRIDE);
    p.bias_traces = own(p.bias_traces, STATE_STRIDE);
    p.classes = own(p.classes, PARAMETER_STRIDE);
    p.trajectory = own(p.trajectory, WINDOW_STRIDE);
    p.adjoints = own(p.adjoints, WINDOW_STRIDE);
    p.kept_rates = own(p.kept_rates, STATE_STRIDE);
    p.kept_errors = own(p.kept_errors, STATE_STRIDE);
  }
  return p;
}
