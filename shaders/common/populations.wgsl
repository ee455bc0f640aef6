// The table of populations.
// Provides: Population, Recorded, KEEPS_TARGET, STEP_COSTS, population_of. Uses: replicas, and the
// binding populations.

/// Whether the target that a run begins with is the one that the last run kept.
override KEEPS_TARGET: bool = false;
/// Quads from the running costs to those of the step; 0: not kept.
override STEP_COSTS: u32 = 0u;

struct Population {
  size: u32,
  /// Quads in a batch row.
  row: u32,
  /// Place in each field of the state; sources have a rate only.
  first: u32,
  is_source: u32,
  activation: u32,
  /// Partial sums of the current and of the feedback: place of the first and number of them.
  current: u32,
  current_parts: u32,
  feedback: u32,
  feedback_parts: u32,
  /// Places of tau_m and tau_r in the parameters.
  tau_m: u32,
  tau_r: u32,
  gamma: f32,
  beta: f32,
  cost: u32,
  /// Place of the running cost in the state.
  cost_sum: u32,
  /// Place of the first frame (input of a source, target of a cost), and quads in a frame.
  frame: u32,
  frame_size: u32,
  has_error: u32,
  /// Place in the state of the last target, laid out like a frame: class indices from 1, or
  /// values, and behind them 1 where there was a target.
  kept_target: u32,
  /// Place in the state of the slopes of the last `slope_slots` steps; 0 slots: only the last.
  slopes: u32,
  slope_slots: u32,
  /// Places in the record of what a window keeps of each step, its first row that before the
  /// window: look-ahead potentials, which become rates (inputs of a source); derivatives of the
  /// potential; adjoints.
  trajectory: u32,
  derivatives: u32,
  adjoints: u32,
  /// Of deferred updates: places in the state of the pairs' rates and errors, NONE if not kept; and
  /// in the partial sums the products of the pairs with the rates of the step before the weights
  /// of this population, and with the errors behind those that it feeds, and number of parts.
  kept_rates: u32,
  kept_errors: u32,
  current_dots: u32,
  current_dot_parts: u32,
  feedback_dots: u32,
  feedback_dot_parts: u32,
  unused_a: u32,
  unused_b: u32,
}

struct Recorded {
  population: Population,
  /// Places of the traces in the record, in the order rate, error, potential, low-passed error,
  /// slope, feedback, current, potential derivative, top-down signal; NONE where there is none.
  places: array<vec4u, 3>,
}

/// A population of this network.
fn population_of(index: u32) -> Population {
  var p = populations[index].population;
  if (REPLICAS != 1u) {
    p.first = own(p.first, STATE_STRIDE);
    p.current = own(p.current, SUM_STRIDE);
    p.feedback = own(p.feedback, SUM_STRIDE);
    p.tau_m = own(p.tau_m, PARAMETER_STRIDE);
    p.tau_r = own(p.tau_r, PARAMETER_STRIDE);
    p.cost_sum = own(p.cost_sum, COST_STRIDE);
    p.kept_target = own(p.kept_target, STATE_STRIDE);
    p.slopes = own(p.slopes, STATE_STRIDE);
    p.trajectory = own(p.trajectory, WINDOW_STRIDE);
    p.derivatives = own(p.derivatives, WINDOW_STRIDE);
    p.adjoints = own(p.adjoints, WINDOW_STRIDE);
    p.kept_rates = own(p.kept_rates, STATE_STRIDE);
    p.kept_errors = own(p.kept_errors, STATE_STRIDE);
    p.current_dots = own(p.current_dots, SUM_STRIDE);
    p.feedback_dots = own(p.feedback_dots, SUM_STRIDE);
  }
  return p;
}
