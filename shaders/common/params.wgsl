// Group 0, the same for every kernel of a step: what is constant over a run, and the clocks that
// run on the device, one for each network.
// Provides: Params, Clock, DEFERRED, params, clock, traced_row, report_non_finite. Uses: replicas.

/// Written by the host between runs, never between steps.
struct Params {
  dt: f32,
  eta: f32,
  beta1: f32,
  beta2: f32,
  /// Natural logarithms of beta1 and beta2, rounded once from f64 (corrections 1 -
  /// beta^t).
  log_beta1: f32,
  log_beta2: f32,
  /// 1 - beta1 and 1 - beta2, rounded once: the difference of rounded numbers has few digits
  /// left.
  complement1: f32,
  complement2: f32,
  epsilon: f32,
  /// Step whose input and target are frame 0 of the frame buffer.
  frame_origin: u32,
  /// Frames held for the sources and for the targets; later steps repeat them. 0 targets: no
  /// cost.
  input_frames: u32,
  target_frames: u32,
  /// Step whose traces go to row 0 of the record buffer, and the rows it has.
  record_origin: u32,
  record_rows: u32,
  /// What a time constant that learns never falls below.
  least_tau: f32,
  /// What depends on the network and how it is run, here and not in overrides: networks of other
  /// sizes share pipelines. Quads between two fields of the state; batch rows.
  field: u32,
  batch: u32,
  /// Steps of a window of adjoint errors, of a segment of it, and of the last one.
  window: u32,
  segment: u32,
  last_segment: u32,
  /// Place of the gradients of a window behind the first moments.
  gradients: u32,
}

struct Clock {
  /// The step that is being computed, or, once its currents are there, the next one. Written by
  /// the synapses, read by the neurons. On the way back through a window it counts down.
  step: u32,
  /// Updates done so far. Written by what learns.
  updates: u32,
  /// The number of the update in progress, from 1. Written by the neurons, so that no kernel
  /// reads what it writes.
  update: u32,
  /// Earliest non-finite value: (step - frame_origin, at most 2^20 - 1) * 4096 + population; all
  /// ones if none.
  fault: atomic<u32>,
  /// The first step of the window of adjoint errors in progress.
  window: u32,
  /// What this network's learning rate is of that of the run.
  eta_scale: f32,
  /// Seed of its parameters.
  seed: vec2u,
  /// Of deferred updates: the place of the next pair of rates and errors, and the pairs that the
  /// weights lacked in the last products. Written by the synapses.
  next_pair: u32,
  lacking: u32,
  /// Place of the pair of the step in progress. Written by the neurons.
  pair: u32,
  unused: u32,
}

/// Steps whose updates of weights are done at once, by `learn` or `learn_wide`: until then pairs of
/// rates and errors are kept, and both products are corrected for them. 1: every step updates.
override DEFERRED: u32 = 1u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> clock: array<Clock>;

/// Row of this network's step in the record.
fn traced_row(step: u32) -> u32 {
  return (step - params.record_origin) % params.record_rows * REPLICAS + replica;
}

/// Looks at the bits: comparisons with NaN and infinity may be optimised away.
fn report_non_finite(value: vec4f, step: u32, population: u32) {
  let exponent = bitcast<vec4u>(value) & vec4u(0x7f800000u);
  if (any(exponent == vec4u(0x7f800000u))) {
    let since = min(step - params.frame_origin, 0xfffffu);
    atomicMin(&clock[replica].fault, since * 4096u + min(population, 4095u));
  }
}
