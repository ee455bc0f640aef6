// One optimiser step along the gradient of a window (shaders/apply.wgsl).
// Provides: apply_tile. Uses: params, replicas, grid, optimizer, and the bindings state,
// parameters, first_moment.

/// Tile flags: what the quads are, and whether they learn.
const TAU_M = 1u;
const TAU_R = 2u;
const LEARNS = 4u;

fn tau_gradient(tile: Tile, quad: u32, sign: f32) -> vec4f {
  let first = own(tile.column, STATE_STRIDE);
  var sum = vec4f();
  for (var lane = 0u; lane < params.batch; lane++) {
    sum += state[first + lane * tile.columns + quad];
  }
  return sign * sum / f32(params.batch);
}

fn apply_tile(tile: Tile, local: u32) {
  let rates = learning_rates();
  for (var quad = tile.row + local; quad < tile.row + tile.rows; quad += WIDTH) {
    let place = own(tile.current, PARAMETER_STRIDE) + quad;
    if ((tile.flags & (TAU_M | TAU_R)) != 0u) {
      let sign = select(-1.0, 1.0, (tile.flags & TAU_M) != 0u);
      first_moment[params.gradients + place] = tau_gradient(tile, quad, sign);
    }
    if ((tile.flags & LEARNS) != 0u) {
      descend(place, parameters[place], first_moment[params.gradients + place], rates);
      if ((tile.flags & (TAU_M | TAU_R)) != 0u) {
        parameters[place] = max(parameters[place], vec4f(params.least_tau));
      }
    }
  }
}
