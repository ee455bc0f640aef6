// Both products with the weights of a batch, as `propagate_wide`, where subgroups can share loads:
// an invocation keeps one or two quads of outputs for up to sixteen batch rows ("lanes"), and the
// quads of those rows are each loaded by one invocation of a subgroup.
// Source of the equations: docs/theory.md, "The step". Twin: src/reference. Uses: params,
// replicas, grid, projections, projection-bindings, product-flags, lanes, sharing.

/// What is added to the clock's step: 1 on the way forward, 2^32 - 1 on the way back.
override ADVANCE: u32 = 1u;
/// Quads of outputs of an invocation, 1 or 2.
override OUTPUTS: u32 = 1u;

@group(1) @binding(3) var<storage, read> parameters: array<vec4f>;
@group(1) @binding(4) var<storage, read_write> partial_sums: array<vec4f>;

/// Places of the lanes whose quads an invocation loads, from `lane` on; lanes beyond the batch
/// repeat the last one.
fn shared_places(first: u32, stride: u32, lane: u32, invocation: u32) -> vec4u {
  return first + stride * min(lane + numbers_of(invocation), vec4u(BATCH - 1u));
}

fn load_shared(places: vec4u) -> Shared {
  var x = Shared();
  x.a = state[places.x];
  if (LANES > SHARERS) {
    x.b = state[places.y];
  }
  if (LANES > 2u * SHARERS) {
    x.c = state[places.z];
  }
  if (LANES > 3u * SHARERS) {
    x.d = state[places.w];
  }
  return x;
}

/// sum + M x for every lane x; the columns of M are four rows of W.
fn times_shared(sum: Lanes, rows: mat4x4f, x: Shared) -> Lanes {
  var result = sum;
  result.a += rows * group_a(x);
  if (LANES > 4u) {
    result.b += rows * group_b(x);
  }
  if (LANES > 8u) {
    result.c += rows * group_c(x);
  }
  if (LANES > 12u) {
    result.d += rows * group_d(x);
  }
  return result;
}

/// Four rows of W, or four columns of it.
fn four_at(place: u32, pre: u32, is_forward: bool) -> mat4x4f {
  var four = rows_at(place, pre);
  if (is_forward) {
    four = transpose(four);
  }
  return four;
}

fn in_all_lanes(value: vec4f) -> Lanes {
  let four = mat4x4f(value, value, value, value);
  return Lanes(four, four, four, four);
}

fn bias_of(tile: Tile, projection: Projection, output: u32) -> vec4f {
  if ((tile.flags & WITH_BIAS) == 0u) {
    return vec4f();
  }
  return parameters[projection.bias + output];
}

/// All invocations take part to the end; those without an item repeat the last one.
fn multiply_shared(tile: Tile, is_forward: bool, local: u32, invocation: u32) {
  let projection = projection_of(tile.block);
  let pre = projection.pre;
  let outputs = select(pre, projection.post, is_forward);
  let groups = (outputs + OUTPUTS - 1u) / OUTPUTS;
  let first = select(tile.column, tile.row, is_forward);
  let items = select(tile.columns, tile.rows, is_forward);
  let lane = first / groups * LANES;
  let a = (first + min(local, items - 1u)) % groups * OUTPUTS;
  let b = min(a + 1u, outputs - 1u);

  let begin = select(tile.row, tile.column, is_forward);
  let depth = select(tile.rows, tile.columns, is_forward);
  let inputs = select(projection.error, projection.rate, is_forward);
  let stride = select(projection.post, pre, is_forward);
  // From one quad of inputs to the next, and from one output to the next.
  let input_step = select(4u * pre, 1u, is_forward);
  let output_step = select(1u, 4u * pre, is_forward);
  let weights = select(projection.feedback_weight, projection.weight, is_forward);
  var places = shared_places(inputs + begin, stride, lane, invocation);
  var place_a = weights + begin * input_step + a * output_step;
  var place_b = weights + begin * input_step + b * output_step;
  var sums_a = in_all_lanes(bias_of(tile, projection, a));
  var sums_b = in_all_lanes(bias_of(tile, projection, b));
  for (var k = 0u; k < depth; k++) {
    let x = load_shared(places);
    sums_a = times_shared(sums_a, four_at(place_a, pre, is_forward), x);
    if (OUTPUTS > 1u) {
      sums_b = times_shared(sums_b, four_at(place_b, pre, is_forward), x);
    }
    places += 1u;
    place_a += input_step;
    place_b += input_step;
  }
  if (local >= items) {
    return;
  }
  let sums = own(tile.current, SUM_STRIDE);
  write_lanes(sums + a, outputs, lane, sums_a, false);
  if (OUTPUTS > 1u && a + 1u < outputs) {
    write_lanes(sums + b, outputs, lane, sums_b, false);
  }
}

/// Tile: as of `propagate_wide`, and always inside a group of LANES lanes.
@compute @workgroup_size(WIDTH, 1, 1)
fn propagate_subgroup(
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
  if (ADVANCE != 0u && index == 0u && local == 0u) {
    clock[replica].step += ADVANCE;
  }
  let tile = tiles[index];
  multiply_shared(tile, (tile.flags & FORWARD) != 0u, local, invocation);
}
