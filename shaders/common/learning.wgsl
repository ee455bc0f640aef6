// One optimiser step of weights and biases (shaders/learn.wgsl).
// Provides: MATCHED, MEAN, learn_tile. Uses: replicas, grid, projections, optimizer, and the
// bindings projections, state, parameters.

/// Whether synapses learn from traces.
override MATCHED: bool = false;
/// Along the mean over batch rows; else along the sum of what rows are: steps that were deferred.
override MEAN: bool = true;

/// A batch of 1 without traces.
fn learn_weights_of_one(projection: Projection, row: u32, column: u32, rates: Rates) {
  let pre = projection.pre;
  let r = state[projection.rate + column];
  let e = state[projection.error + row];
  let place = projection.weight + row * 4u * pre + column;
  ascend(place, parameters[place], e.x, r, rates);
  ascend(place + pre, parameters[place + pre], e.y, r, rates);
  ascend(place + 2u * pre, parameters[place + 2u * pre], e.z, r, rates);
  ascend(place + 3u * pre, parameters[place + 3u * pre], e.w, r, rates);
}

fn learn_weights(projection: Projection, row: u32, column: u32, rates: Rates) {
  if (BATCH == 1u && !MATCHED) {
    learn_weights_of_one(projection, row, column, rates);
    return;
  }
  var a = vec4f();
  var b = vec4f();
  var c = vec4f();
  var d = vec4f();
  if (MATCHED) {
    let classes = vec4u(parameters[projection.classes + row]);
    var x = projection.traces + column + classes * (BATCH * projection.pre);
    var signal = projection.signal + row;
    for (var lane = 0u; lane < BATCH; lane++) {
      let alpha = state[signal];
      a += alpha.x * state[x.x];
      b += alpha.y * state[x.y];
      c += alpha.z * state[x.z];
      d += alpha.w * state[x.w];
      x += vec4u(projection.pre);
      signal += projection.post;
    }
  } else {
    var r_place = projection.rate + column;
    var e_place = projection.error + row;
    for (var lane = 0u; lane < BATCH; lane++) {
      let r = state[r_place];
      let e = state[e_place];
      a += e.x * r;
      b += e.y * r;
      c += e.z * r;
      d += e.w * r;
      r_place += projection.pre;
      e_place += projection.post;
    }
  }
  let scale = select(-1.0, -1.0 / f32(BATCH), MEAN);
  let place = projection.weight + row * 4u * projection.pre + column;
  learn_row(place, scale * a, rates);
  learn_row(place + projection.pre, scale * b, rates);
  learn_row(place + 2u * projection.pre, scale * c, rates);
  learn_row(place + 3u * projection.pre, scale * d, rates);
}

fn learn_row(place: u32, gradient: vec4f, rates: Rates) {
  descend(place, parameters[place], gradient, rates);
}

fn learn_biases(projection: Projection, row: u32, rates: Rates) {
  let signal = select(projection.error, projection.signal, MATCHED);
  var sum = vec4f();
  for (var lane = 0u; lane < BATCH; lane++) {
    sum += state[signal + lane * projection.post + row];
  }
  if (MATCHED) {
    sum *= state[projection.bias_traces + row];
  }
  let place = projection.bias + row;
  descend(place, parameters[place], -sum / f32(BATCH), rates);
}

fn learn_tile(tile: Tile, local: u32) {
  let projection = projection_of(tile.block);
  let rates = learning_rates();
  let last = tile.row + tile.rows;
  let learns_weights = (projection.flags & LEARNS_WEIGHT) != 0u;
  for (var pair = tile.row + local; pair < select(0u, last, learns_weights); pair += WIDTH) {
    let row = pair / tile.columns;
    learn_weights(projection, row, pair - row * tile.columns, rates);
  }
  let learns_biases = (projection.flags & LEARNS_BIAS) != 0u;
  let last_row = select(0u, min(last, projection.post), learns_biases);
  for (var row = tile.row + local; row < last_row; row += WIDTH) {
    learn_biases(projection, row, rates);
  }
}
