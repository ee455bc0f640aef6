// The plastic synapses of a large batch: one optimiser step along the batch mean of e_i r_j
// (weights) and e_i (biases), straight into the parameters.
//
// One invocation keeps eight rows by two quads of columns: sixteen products of quads for four loads
// and each batch row, where `learn` has four for two. No traces.
// Source of the equations: docs/theory.md, "The step". Twin: src/reference. Uses: params,
// replicas, grid, projections, projection-bindings, optimizer, plastic-bindings, plastic-blocks.

/// Whether every tile is inside a row of blocks. Then errors are at one address for the whole
/// workgroup.
override BY_ROWS: bool = false;

/// x y^T; column i belongs to component i of y.
fn outer_of(x: vec4f, y: vec4f) -> mat4x4f {
  return mat4x4f(y.x * x, y.y * x, y.z * x, y.w * x);
}

fn learn_weights(projection: Projection, row: u32, column: u32, rates: Rates) {
  let pre = projection.pre;
  let has_row = row + 1u < projection.post;
  let has_column = column + 1u < pre;
  var upper_left = mat4x4f();
  var upper_right = mat4x4f();
  var lower_left = mat4x4f();
  var lower_right = mat4x4f();
  var r_place = projection.rate + column;
  var e_place = projection.error + row;
  for (var lane = 0u; lane < BATCH; lane++) {
    let left = state[r_place];
    let right = state[r_place + select(0u, 1u, has_column)];
    let upper = state[e_place];
    let lower = state[e_place + select(0u, 1u, has_row)];
    upper_left += outer_of(left, upper);
    upper_right += outer_of(right, upper);
    lower_left += outer_of(left, lower);
    lower_right += outer_of(right, lower);
    r_place += pre;
    e_place += projection.post;
  }
  let place = projection.weight + row * 4u * pre + column;
  learn_rows(place, pre, upper_left, rates);
  if (has_column) {
    learn_rows(place + 1u, pre, upper_right, rates);
  }
  if (has_row) {
    learn_rows(place + 4u * pre, pre, lower_left, rates);
  }
  if (has_row && has_column) {
    learn_rows(place + 4u * pre + 1u, pre, lower_right, rates);
  }
}

/// Tile: block is the projection; from `row` on, `rows` numbers of blocks of two quads of rows and
/// two quads of columns, column first, `columns` of them side by side. The first block of a row
/// also has the biases of its rows.
@compute @workgroup_size(WIDTH, 1, 1)
fn learn_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  take_replica(group);
  let index = tile_index(group, groups);
  if (index >= arrayLength(&tiles)) {
    return;
  }
  if (index == 0u && local == 0u) {
    clock[replica].updates = clock[replica].update;
  }
  let tile = tiles[index];
  let projection = projection_of(tile.block);
  let rates = learning_rates();
  for (var item = tile.row + local; item < tile.row + tile.rows; item += WIDTH) {
    let row = select(item, tile.row, BY_ROWS) / tile.columns * 2u;
    let column = item % tile.columns * 2u;
    if ((projection.flags & LEARNS_WEIGHT) != 0u) {
      learn_weights(projection, row, column, rates);
    }
    if ((projection.flags & LEARNS_BIAS) != 0u && column == 0u) {
      learn_biases(projection, row, rates);
      learn_biases(projection, row + 1u, rates);
    }
  }
}
