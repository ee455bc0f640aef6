// Quads of up to 16 batch rows ("lanes"), in groups of four.
// Provides: Lanes, load_lanes, times_rows, times_columns, outer. Uses: grid, and the binding state.

/// Column l of group g is the quad of lane 4 g + l. Groups and lanes beyond the batch are zero.
struct Lanes {
  a: mat4x4f,
  b: mat4x4f,
  c: mat4x4f,
  d: mat4x4f,
}

/// A quad of four lanes from `lane` on.
fn load_group(first: u32, stride: u32, lane: u32) -> mat4x4f {
  let last = BATCH - 1u;
  let inside = select(vec4f(), vec4f(1.0), lane + QUAD < vec4u(BATCH));
  let place = first + stride * min(lane + QUAD, vec4u(last));
  return mat4x4f(
    inside.x * state[place.x],
    inside.y * state[place.y],
    inside.z * state[place.z],
    inside.w * state[place.w],
  );
}

/// The quads at `first`, one lane `stride` quads behind the other.
fn load_lanes(first: u32, stride: u32) -> Lanes {
  var lanes = Lanes();
  lanes.a = load_group(first, stride, 0u);
  if (BATCH > 4u) {
    lanes.b = load_group(first, stride, 4u);
  }
  if (BATCH > 8u) {
    lanes.c = load_group(first, stride, 8u);
  }
  if (BATCH > 12u) {
    lanes.d = load_group(first, stride, 12u);
  }
  return lanes;
}

/// sum + M x for every lane x; the columns of M are four rows of W.
fn times_rows(sum: Lanes, rows: mat4x4f, x: Lanes) -> Lanes {
  var result = sum;
  result.a += rows * x.a;
  if (BATCH > 4u) {
    result.b += rows * x.b;
  }
  if (BATCH > 8u) {
    result.c += rows * x.c;
  }
  if (BATCH > 12u) {
    result.d += rows * x.d;
  }
  return result;
}

/// The sum over lanes of the outer products x y^T; column i belongs to component i of y.
fn outer(x: Lanes, y: Lanes) -> mat4x4f {
  var sum = x.a * transpose(y.a);
  if (BATCH > 4u) {
    sum += x.b * transpose(y.b);
  }
  if (BATCH > 8u) {
    sum += x.c * transpose(y.c);
  }
  if (BATCH > 12u) {
    sum += x.d * transpose(y.d);
  }
  return sum;
}
