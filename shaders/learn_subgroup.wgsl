// The plastic synapses of a batch, as `learn_wide`, where subgroups can share loads: one optimiser
// step along the batch mean of e_i r_j (weights) and e_i (biases), straight into the parameters.
//
// An invocation keeps four quads of rows by one or two quads of columns. It takes four batch rows
// at a time, whose sixteen quads of errors are each loaded by one invocation of a subgroup. No
// traces.
// Source of the equations: docs/theory.md, "The step". Twin: src/reference. Uses: params,
// replicas, grid, projections, projection-bindings, optimizer, plastic-bindings, plastic-blocks,
// sharing.

/// Quads of columns of an invocation, 1 or 2.
override OUTPUTS: u32 = 1u;

/// Gradients of four quads of rows, each a matrix whose columns are the rows.
struct Rows {
  a: mat4x4f,
  b: mat4x4f,
  c: mat4x4f,
  d: mat4x4f,
}

/// Number 4 q + l of the shared quads is that of row quad q and batch row l; what is beyond the
/// batch is zero.
fn load_error(projection: Projection, row: u32, lane: u32, number: u32) -> vec4f {
  let quad = min(row + number / 4u, projection.post - 1u);
  let own_lane = lane + number % 4u;
  let place = projection.error + quad + min(own_lane, BATCH - 1u) * projection.post;
  return select(vec4f(), state[place], own_lane < BATCH);
}

fn load_errors(projection: Projection, row: u32, lane: u32, invocation: u32) -> Shared {
  let numbers = numbers_of(invocation);
  var x = Shared();
  x.a = load_error(projection, row, lane, numbers.x);
  x.b = load_error(projection, row, lane, numbers.y);
  if (SHARERS < 8u) {
    x.c = load_error(projection, row, lane, numbers.z);
    x.d = load_error(projection, row, lane, numbers.w);
  }
  return x;
}

/// A quad of columns of four batch rows.
fn load_rates(first: u32, pre: u32, lane: u32) -> mat4x4f {
  let place = first + pre * min(lane + QUAD, vec4u(BATCH - 1u));
  return mat4x4f(state[place.x], state[place.y], state[place.z], state[place.w]);
}

fn add_outer(sums: Rows, r: mat4x4f, e: Shared) -> Rows {
  return Rows(
    sums.a + r * transpose(group_a(e)),
    sums.b + r * transpose(group_b(e)),
    sums.c + r * transpose(group_c(e)),
    sums.d + r * transpose(group_d(e)),
  );
}

fn learn_column(projection: Projection, row: u32, column: u32, sums: Rows, rates: Rates) {
  let pre = projection.pre;
  let place = projection.weight + row * 4u * pre + column;
  learn_rows(place, pre, sums.a, rates);
  if (row + 1u < projection.post) {
    learn_rows(place + 4u * pre, pre, sums.b, rates);
  }
  if (row + 2u < projection.post) {
    learn_rows(place + 8u * pre, pre, sums.c, rates);
  }
  if (row + 3u < projection.post) {
    learn_rows(place + 12u * pre, pre, sums.d, rates);
  }
}

/// All invocations take part to the end; those without columns repeat the last one.
fn learn_weights(tile: Tile, local: u32, invocation: u32, rates: Rates) {
  let projection = projection_of(tile.block);
  let pre = projection.pre;
  let end = tile.column + tile.columns;
  let column = tile.column + local * OUTPUTS;
  let left = projection.rate + min(column, end - 1u);
  let right = projection.rate + min(column + 1u, end - 1u);
  var left_sums = Rows();
  var right_sums = Rows();
  for (var lane = 0u; lane < BATCH; lane += 4u) {
    let e = load_errors(projection, tile.row, lane, invocation);
    left_sums = add_outer(left_sums, load_rates(left, pre, lane), e);
    if (OUTPUTS > 1u) {
      right_sums = add_outer(right_sums, load_rates(right, pre, lane), e);
    }
  }
  if (column < end) {
    learn_column(projection, tile.row, column, left_sums, rates);
  }
  if (OUTPUTS > 1u && column + 1u < end) {
    learn_column(projection, tile.row, column + 1u, right_sums, rates);
  }
}

/// Tile: block is the projection; `rows` quads of rows from `row` on, at most four, and `columns`
/// quads of columns from `column` on. The one at column 0 also has the biases of its rows.
@compute @workgroup_size(WIDTH, 1, 1)
fn learn_subgroup(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) invocation: u32,
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
  let rates = learning_rates();
  let flags = projections[tile.block].flags;
  if ((flags & LEARNS_WEIGHT) != 0u) {
    learn_weights(tile, local, invocation, rates);
  }
  if ((flags & LEARNS_BIAS) != 0u && tile.column == 0u && local < tile.rows) {
    learn_biases(projection_of(tile.block), tile.row + local, rates);
  }
}
