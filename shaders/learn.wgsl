// The plastic synapses of a batch: one optimiser step along the batch mean of e_i r_j (weights)
// and e_i (biases), straight into the parameters. With matched traces (ours) along that of
// alpha_i x_j, where x is the rate filtered like the neuron i, and alpha_i times the filtered 1.
//
// One invocation keeps four rows by a quad of columns: four products of quads for two loads and
// each batch row (five with traces, as the rows may be of different classes).
// Source of the equations: docs/theory.md, "The step". Twin: src/reference. Uses: params, grid,
// projections, projection-bindings, optimizer, plastic-bindings.

override BATCH: u32 = 2u;
override MATCHED: bool = false;

const WIDTH = 64u;

fn learn_weights(projection: Projection, row: u32, column: u32, rates: Rates) {
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
  let scale = -1.0 / f32(BATCH);
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

/// Tile: block is the projection; from `row` on, `rows` numbers of pairs of a quad of rows and a
/// quad of columns, column first; where only biases learn there is one column. The same numbers,
/// as far as there are quads of rows, are those of the biases.
@compute @workgroup_size(WIDTH, 1, 1)
fn learn(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = tile_index(group, groups);
  if (index >= arrayLength(&tiles)) {
    return;
  }
  if (index == 0u && local == 0u) {
    clock.updates = clock.update;
  }
  let tile = tiles[index];
  let projection = projections[tile.block];
  let rates = learning_rates();
  let last = tile.row + tile.rows;
  let learns_weights = (projection.flags & LEARNS_WEIGHT) != 0u;
  for (var pair = tile.row + local; pair < select(0u, last, learns_weights); pair += WIDTH) {
    learn_weights(projection, pair / tile.columns, pair % tile.columns, rates);
  }
  let learns_biases = (projection.flags & LEARNS_BIAS) != 0u;
  let last_row = select(0u, min(last, projection.post), learns_biases);
  for (var row = tile.row + local; row < last_row; row += WIDTH) {
    learn_biases(projection, row, rates);
  }
}
