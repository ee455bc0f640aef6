// One optimiser step of time constants (shaders/learn_time_constants.wgsl).
// Provides: TAU_SIGNAL, TAU_TRACE, learn_tau, learn_tau_tile. Uses: params, replicas, grid,
// fields, optimizer, and the bindings state, parameters.

/// Fields of the state whose product is the gradient of tau_m: error and du/dt, or, with matched
/// traces, the top-down signal and du/dt filtered.
override TAU_SIGNAL: u32 = 0u;
override TAU_TRACE: u32 = 0u;

const LEARNS_TAU_M = 1u;
const LEARNS_TAU_R = 2u;

/// Batch mean of the product of two fields.
fn mean_product(one: u32, other: u32, tile: Tile, quad: u32) -> vec4f {
  let first = own(tile.column, STATE_STRIDE) + quad;
  var sum = vec4f();
  for (var lane = 0u; lane < params.batch; lane++) {
    let k = first + lane * tile.columns;
    sum += state[one * params.field + k] * state[other * params.field + k];
  }
  return sum / f32(params.batch);
}

fn learn_tau(place: u32, gradient: vec4f, rates: Rates) {
  descend(place, parameters[place], gradient, rates);
  parameters[place] = max(parameters[place], vec4f(params.least_tau));
}

fn learn_tau_tile(tile: Tile, local: u32) {
  let rates = learning_rates();
  for (var quad = tile.row + local; quad < tile.row + tile.rows; quad += WIDTH) {
    if ((tile.flags & LEARNS_TAU_M) != 0u) {
      let place = own(tile.current, PARAMETER_STRIDE) + quad;
      learn_tau(place, mean_product(TAU_SIGNAL, TAU_TRACE, tile, quad), rates);
    }
    if ((tile.flags & LEARNS_TAU_R) != 0u) {
      let place = own(tile.feedback, PARAMETER_STRIDE) + quad;
      learn_tau(place, -mean_product(TOP_DOWN, DERIVATIVE, tile, quad), rates);
    }
  }
}
