// Quads of up to 16 batch rows ("lanes"), in groups of four.
// Provides: LANES, Lanes, load_lanes, within_batch, rows_at, times_rows, outer, write_lanes. Uses:
// grid, and the bindings state, parameters, partial_sums.

/// Lanes that an invocation takes at a time.
override LANES: u32 = 16u;

/// Column l of group g is the quad of lane 4 g + l.
struct Lanes {
  a: mat4x4f,
  b: mat4x4f,
  c: mat4x4f,
  d: mat4x4f,
}

fn load_group(first: u32, stride: u32, lane: u32) -> mat4x4f {
  let place = first + stride * min(lane + QUAD, vec4u(BATCH - 1u));
  return mat4x4f(state[place.x], state[place.y], state[place.z], state[place.w]);
}

/// The quads at `first`, one lane `stride` quads behind the other, from `lane` on; lanes beyond
/// the batch repeat the last one.
fn load_lanes(first: u32, stride: u32, lane: u32) -> Lanes {
  var lanes = Lanes();
  lanes.a = load_group(first, stride, lane);
  if (LANES > 4u) {
    lanes.b = load_group(first, stride, lane + 4u);
  }
  if (LANES > 8u) {
    lanes.c = load_group(first, stride, lane + 8u);
  }
  if (LANES > 12u) {
    lanes.d = load_group(first, stride, lane + 12u);
  }
  return lanes;
}

fn group_within(x: mat4x4f, lane: u32) -> mat4x4f {
  let inside = select(vec4f(), vec4f(1.0), lane + QUAD < vec4u(BATCH));
  return mat4x4f(inside.x * x[0], inside.y * x[1], inside.z * x[2], inside.w * x[3]);
}

/// The first LANES lanes, those beyond the batch zero.
fn within_batch(x: Lanes) -> Lanes {
  return Lanes(
    group_within(x.a, 0u),
    group_within(x.b, 4u),
    group_within(x.c, 8u),
    group_within(x.d, 12u),
  );
}

/// Four rows of a quad of columns, `pre` quads apart.
fn rows_at(place: u32, pre: u32) -> mat4x4f {
  return mat4x4f(
    parameters[place],
    parameters[place + pre],
    parameters[place + 2u * pre],
    parameters[place + 3u * pre],
  );
}

/// sum + M x for every lane x; the columns of M are four rows of W.
fn times_rows(sum: Lanes, rows: mat4x4f, x: Lanes) -> Lanes {
  var result = sum;
  result.a += rows * x.a;
  if (LANES > 4u) {
    result.b += rows * x.b;
  }
  if (LANES > 8u) {
    result.c += rows * x.c;
  }
  if (LANES > 12u) {
    result.d += rows * x.d;
  }
  return result;
}

/// The sum over lanes of the outer products x y^T; column i belongs to component i of y.
fn outer(x: Lanes, y: Lanes) -> mat4x4f {
  var sum = x.a * transpose(y.a);
  if (LANES > 4u) {
    sum += x.b * transpose(y.b);
  }
  if (LANES > 8u) {
    sum += x.c * transpose(y.c);
  }
  if (LANES > 12u) {
    sum += x.d * transpose(y.d);
  }
  return sum;
}

/// Writes, or adds to what is there.
fn write_group(first: u32, stride: u32, lane: u32, values: mat4x4f, adds: bool) {
  for (var l = 0u; l < 4u; l++) {
    if (lane + l < BATCH) {
      let place = first + (lane + l) * stride;
      var value = values[l];
      if (adds) {
        value += partial_sums[place];
      }
      partial_sums[place] = value;
    }
  }
}

/// `first` is the place of lane 0, `lane` the first one of those given.
fn write_lanes(first: u32, stride: u32, lane: u32, lanes: Lanes, adds: bool) {
  write_group(first, stride, lane, lanes.a, adds);
  if (LANES > 4u) {
    write_group(first, stride, lane + 4u, lanes.b, adds);
  }
  if (LANES > 8u) {
    write_group(first, stride, lane + 8u, lanes.c, adds);
  }
  if (LANES > 12u) {
    write_group(first, stride, lane + 12u, lanes.d, adds);
  }
}
