// What the kernels that learn from a whole batch at a time do with the sums over its rows.
// Provides: MEAN, learn_rows, learn_biases. Uses: grid, projections, optimizer, and the bindings
// state, parameters.

/// Along the mean over batch rows; else along the sum of what rows are: steps that were deferred.
override MEAN: bool = true;

/// Four rows of a quad of columns.
fn learn_rows(place: u32, pre: u32, sums: mat4x4f, rates: Rates) {
  let share = select(1.0, 1.0 / f32(BATCH), MEAN);
  ascend(place, parameters[place], share, sums[0], rates);
  ascend(place + pre, parameters[place + pre], share, sums[1], rates);
  ascend(place + 2u * pre, parameters[place + 2u * pre], share, sums[2], rates);
  ascend(place + 3u * pre, parameters[place + 3u * pre], share, sums[3], rates);
}

fn learn_biases(projection: Projection, row: u32, rates: Rates) {
  if (row >= projection.post) {
    return;
  }
  var sum = vec4f();
  for (var lane = 0u; lane < BATCH; lane++) {
    sum += state[projection.error + lane * projection.post + row];
  }
  let place = projection.bias + row;
  descend(place, parameters[place], -sum / f32(BATCH), rates);
}
