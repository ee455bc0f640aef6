// The gradient of weights and biases over a segment (shaders/gradient.wgsl).
// Provides: CONTINUES, sum_tile. Uses: params, replicas, grid, projections, and the
// bindings projections, record, first_moment.

/// Whether there is a segment after this one in the window.
override CONTINUES: bool = false;

/// Steps of the segment times batch rows.
fn products_of_segment() -> u32 {
  return select(params.last_segment, params.segment, CONTINUES) * params.batch;
}

fn add_weights(projection: Projection, row: u32, column: u32) {
  let place = params.gradients + projection.weight + row * 4u * projection.pre + column;
  let pre = projection.pre;
  var a = vec4f();
  var b = vec4f();
  var c = vec4f();
  var d = vec4f();
  if (CONTINUES) {
    a = first_moment[place];
    b = first_moment[place + pre];
    c = first_moment[place + 2u * pre];
    d = first_moment[place + 3u * pre];
  }
  let scale = -1.0 / f32(params.batch);
  for (var i = products_of_segment(); i > 0u; i--) {
    let r = record[projection.trajectory + (i - 1u) * pre + column];
    let e = scale * record[projection.adjoints + (i - 1u) * projection.post + row];
    a += e.x * r;
    b += e.y * r;
    c += e.z * r;
    d += e.w * r;
  }
  first_moment[place] = a;
  first_moment[place + pre] = b;
  first_moment[place + 2u * pre] = c;
  first_moment[place + 3u * pre] = d;
}

fn add_biases(projection: Projection, row: u32) {
  let place = params.gradients + projection.bias + row;
  var sum = vec4f();
  if (CONTINUES) {
    sum = first_moment[place];
  }
  let scale = -1.0 / f32(params.batch);
  for (var i = products_of_segment(); i > 0u; i--) {
    sum += scale * record[projection.adjoints + (i - 1u) * projection.post + row];
  }
  first_moment[place] = sum;
}

fn sum_tile(tile: Tile, local: u32) {
  let projection = projection_of(tile.block);
  let last = tile.row + tile.rows;
  let has_weights = (projection.flags & LEARNS_WEIGHT) != 0u;
  for (var pair = tile.row + local; pair < select(0u, last, has_weights); pair += WIDTH) {
    add_weights(projection, pair / tile.columns, pair % tile.columns);
  }
  let has_biases = (projection.flags & LEARNS_BIAS) != 0u;
  let last_row = select(0u, min(last, projection.post), has_biases);
  for (var row = tile.row + local; row < last_row; row += WIDTH) {
    add_biases(projection, row);
  }
}
