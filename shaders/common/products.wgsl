// Both products with the weights of a batch (shaders/propagate.wgsl).
// Provides: multiply. Uses: replicas, grid, projections, product-tiles, and the bindings state,
// parameters, partial_sums.

/// Places of four batch rows; rows beyond the last repeat it.
fn four_lanes(first: u32, lane: u32, stride: u32) -> vec4u {
  return first + stride * min(lane + QUAD, vec4u(BATCH - 1u));
}

/// s of rows 4 output.. over the quads tile.column..+tile.columns: one component per row, one
/// quad per lane.
fn forward(tile: Tile, projection: Projection, lane: u32, output: u32) -> mat4x4f {
  let r = four_lanes(projection.rate, lane, projection.pre);
  let w = projection.weight + (output * 4u + QUAD) * projection.pre;
  var sums = mat4x4f();
  for (var j = tile.column; j < tile.column + tile.columns; j++) {
    // Columns of the matrix are rows of W, so vector times matrix is one product per row.
    let weight = mat4x4f(
      parameters[w.x + j],
      parameters[w.y + j],
      parameters[w.z + j],
      parameters[w.w + j],
    );
    sums[0] += state[r.x + j] * weight;
    if (BATCH > 1u) {
      sums[1] += state[r.y + j] * weight;
      sums[2] += state[r.z + j] * weight;
      sums[3] += state[r.w + j] * weight;
    }
  }
  if ((tile.flags & WITH_BIAS) != 0u) {
    let b = parameters[projection.bias + output];
    sums += mat4x4f(b, b, b, b);
  }
  return sums;
}

/// m of columns 4 output.. over the row quads tile.row..+tile.rows.
fn feed_back(tile: Tile, projection: Projection, lane: u32, output: u32) -> mat4x4f {
  let e = four_lanes(projection.error, lane, projection.post);
  var sums = mat4x4f();
  for (var i = tile.row; i < tile.row + tile.rows; i++) {
    let w = projection.feedback_weight + output + (i * 4u + QUAD) * projection.pre;
    let weight = mat4x4f(parameters[w.x], parameters[w.y], parameters[w.z], parameters[w.w]);
    sums[0] += weight * state[e.x + i];
    if (BATCH > 1u) {
      sums[1] += weight * state[e.y + i];
      sums[2] += weight * state[e.z + i];
      sums[3] += weight * state[e.w + i];
    }
  }
  return sums;
}

fn multiply(tile: Tile, projection: Projection, is_forward: bool, item: u32) {
  let outputs = select(projection.pre, projection.post, is_forward);
  // Of a batch of 1 there are no more items than outputs.
  let lane = select(item / outputs * 4u, 0u, BATCH == 1u);
  let output = select(item % outputs, item, BATCH == 1u);
  var sums = mat4x4f();
  if (is_forward) {
    sums = forward(tile, projection, lane, output);
  } else {
    sums = feed_back(tile, projection, lane, output);
  }
  let place = own(tile.current, SUM_STRIDE) + lane * outputs + output;
  partial_sums[place] = sums[0];
  if (BATCH > 1u) {
    if (lane + 1u < BATCH) {
      partial_sums[place + outputs] = sums[1];
    }
    if (lane + 2u < BATCH) {
      partial_sums[place + 2u * outputs] = sums[2];
    }
    if (lane + 3u < BATCH) {
      partial_sums[place + 3u * outputs] = sums[3];
    }
  }
}
