// Both products with the weights of a large batch, as register-tiled matrix products:
//
//   s[lane][i] = sum_j W_ij r[lane][j] + b_i        m[lane][j] = sum_i W_ij e[lane][i]
//
// The same tiles as those of `propagate`, but an invocation keeps up to two quads of outputs for up
// to sixteen batch rows ("lanes"), so that it loads fewer quads for each product: 24 for 128, where
// `propagate` loads 8 for 16.
// Source of the equations: docs/theory.md, "The step". Twin: src/reference. Uses: params,
// replicas, grid, projections, projection-bindings, product-flags, product-tiles,
// lanes.

/// What is added to the clock's step: 1 on the way forward, 2^32 - 1 on the way back.
override ADVANCE: u32 = 1u;
/// Quads of outputs of an invocation, 1 or 2.
override OUTPUTS: u32 = 2u;
/// Whether every tile is inside a group of lanes. Then batch rows are at one address for the whole
/// workgroup, which costs an adapter that runs on a CPU a load in place of one per invocation.
override BY_LANES: bool = false;

@group(1) @binding(3) var<storage, read> parameters: array<vec4f>;
@group(1) @binding(4) var<storage, read_write> partial_sums: array<vec4f>;

/// The sums of both quads of outputs.
struct Sums {
  a: Lanes,
  b: Lanes,
}

/// s of rows 4 a.. and 4 b.. over the quads tile.column..+tile.columns.
fn forward(tile: Tile, projection: Projection, lane: u32, a: u32, b: u32) -> Sums {
  let pre = projection.pre;
  let row_a = projection.weight + 4u * a * pre;
  let row_b = projection.weight + 4u * b * pre;
  var sums = Sums();
  for (var j = tile.column; j < tile.column + tile.columns; j++) {
    let r = load_lanes(projection.rate + j, pre, lane);
    sums.a = times_rows(sums.a, transpose(rows_at(row_a + j, pre)), r);
    if (OUTPUTS > 1u) {
      sums.b = times_rows(sums.b, transpose(rows_at(row_b + j, pre)), r);
    }
  }
  return sums;
}

/// m of columns 4 a.. and 4 b.. over the row quads tile.row..+tile.rows.
fn feed_back(tile: Tile, projection: Projection, lane: u32, a: u32, b: u32) -> Sums {
  let pre = projection.pre;
  var sums = Sums();
  for (var i = tile.row; i < tile.row + tile.rows; i++) {
    let row = projection.feedback_weight + 4u * i * pre;
    let e = load_lanes(projection.error + i, projection.post, lane);
    sums.a = times_rows(sums.a, rows_at(row + a, pre), e);
    if (OUTPUTS > 1u) {
      sums.b = times_rows(sums.b, rows_at(row + b, pre), e);
    }
  }
  return sums;
}

fn add_to_group(x: mat4x4f, value: vec4f) -> mat4x4f {
  return x + mat4x4f(value, value, value, value);
}

fn add_to_all(x: Lanes, value: vec4f) -> Lanes {
  return Lanes(
    add_to_group(x.a, value),
    add_to_group(x.b, value),
    add_to_group(x.c, value),
    add_to_group(x.d, value),
  );
}

fn multiply(tile: Tile, projection: Projection, is_forward: bool, item: u32) {
  let outputs = select(projection.pre, projection.post, is_forward);
  let groups = (outputs + OUTPUTS - 1u) / OUTPUTS;
  let a = item % groups * OUTPUTS;
  let b = min(a + 1u, outputs - 1u);
  let first = select(tile.column, tile.row, is_forward);
  let lane = select(item, first, BY_LANES) / groups * LANES;
  var sums = Sums();
  if (is_forward) {
    sums = forward(tile, projection, lane, a, b);
    if ((tile.flags & WITH_BIAS) != 0u) {
      sums.a = add_to_all(sums.a, parameters[projection.bias + a]);
      sums.b = add_to_all(sums.b, parameters[projection.bias + b]);
    }
  } else {
    sums = feed_back(tile, projection, lane, a, b);
  }
  write_lanes(own(tile.current, SUM_STRIDE) + a, outputs, lane, sums.a, false);
  if (OUTPUTS > 1u && a + 1u < outputs) {
    write_lanes(own(tile.current, SUM_STRIDE) + b, outputs, lane, sums.b, false);
  }
}

/// Tile: as of `propagate`, but the numbers are those of groups of OUTPUTS output quads, of all
/// groups of LANES lanes.
@compute @workgroup_size(WIDTH, 1, 1)
fn propagate_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  take_replica(group);
  let index = tile_index(group, groups);
  if (index >= arrayLength(&tiles)) {
    return;
  }
  if (ADVANCE != 0u && index == 0u && local == 0u) {
    clock[replica].step += ADVANCE;
  }
  multiply_tile(tiles[index], local);
}
