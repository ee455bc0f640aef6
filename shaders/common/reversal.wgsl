// One step back through a window of adjoint errors (shaders/reverse.wgsl).
// Provides: COST_LAG, HAS_DERIVATIVES, TAU_SUMS, POTENTIAL_GRADIENT, reverse_tile. Uses:
// params, replicas, grid, activation, fields, population, and the bindings populations,
// parameters, partial_sums, frames, state, record.

/// Steps between a rate and the cost of it: 1 in jacobi, 0 in a sweep.
override COST_LAG: u32 = 1u;
/// Whether derivatives of the potential are kept; fields of the state that sum lambda du/dt and
/// alpha du/dt; and the field of the gradient with respect to the potential.
override HAS_DERIVATIVES: bool = false;
override TAU_SUMS: u32 = 0u;
override POTENTIAL_GRADIENT: u32 = 0u;

/// The momentum stands where local errors have their low-passed error.
fn step_back(p: Population, index: u32, quad: u32, step: u32, row: u32, pull: vec4f) {
  let n = params.batch * p.row;
  let k = p.first + quad;
  let of_row = quad % p.row;
  let tau_m = parameters[p.tau_m + of_row];
  let ratio = parameters[p.tau_r + of_row] / tau_m;
  let a = params.dt / tau_m;
  let m = sum_parts(p.feedback + quad, p.feedback_parts, n);
  let alpha = state[SLOPE * params.field + k] * (m + pull);
  let momentum = state[LOW_PASSED * params.field + k];
  let lambda = ratio * alpha + a * momentum;
  let earlier = (1.0 - a) * momentum + (1.0 - ratio) * alpha;
  state[ERROR * params.field + k] = lambda;
  if (TOP_DOWN != 0u) {
    state[TOP_DOWN * params.field + k] = alpha;
  }
  state[LOW_PASSED * params.field + k] = earlier;
  state[POTENTIAL_GRADIENT * params.field + k] = -earlier / f32(params.batch);
  record[p.adjoints + row * n + quad] = lambda;
  if (HAS_DERIVATIVES) {
    let derivative = record[p.derivatives + row * n + quad];
    if (DERIVATIVE != 0u) {
      state[DERIVATIVE * params.field + k] = derivative;
    }
    state[TAU_SUMS * params.field + k] += lambda * derivative;
    state[(TAU_SUMS + 1u) * params.field + k] += alpha * derivative;
  }
  report_non_finite(lambda, step, index);
}

/// Rate and slope from what the way forward kept.
fn recall(p: Population, quad: u32, row: u32) {
  let place = p.trajectory + (row + 1u) * params.batch * p.row + quad;
  let activated = activate(p.activation, record[place]);
  let inside = mask(p, quad);
  record[place] = inside * activated.rate;
  state[RATE * params.field + p.first + quad] = inside * activated.rate;
  state[SLOPE * params.field + p.first + quad] = inside * activated.slope;
}

/// `row` is that of the step in its segment, `since` the steps before it in its window.
fn reverse_tile(tile: Tile, step: u32, row: u32, since: u32, local: u32) {
  let p = population_of(tile.block);
  let range = only_if(p.is_source == 0u, range_of(tile, p.row, local));
  for (var quad = range.first; quad < range.end; quad += range.stride) {
    recall(p, quad, row);
  }
  let costed = p.cost != 0u && params.target_frames != 0u && since + COST_LAG < params.window;
  if (COSTS != 0u) {
    let own = only_if(costed, range);
    let softmax = softmax_of_tile(p, tile, own, local);
    let comparison = Comparison(step + COST_LAG - TARGET_LAG, false, false);
    for (var quad = own.first; quad < own.end; quad += own.stride) {
      step_back(p, tile.block, quad, step, row, cost_pull(p, quad, softmax, comparison));
    }
  }
  let plain = only_if(!costed, range);
  for (var quad = plain.first; quad < plain.end; quad += plain.stride) {
    if (STEP_COSTS != 0u && p.cost != 0u) {
      state[p.cost_sum + STEP_COSTS + quad] = vec4f();
    }
    step_back(p, tile.block, quad, step, row, vec4f());
  }
}
