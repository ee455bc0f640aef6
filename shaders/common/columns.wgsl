// A tile of a single batch row in one pass: its columns, of which an invocation takes up to four
// quads at a time through all rows, and its biases (shaders/synapses.wgsl).
// Provides: QUADS, ROWS, sh_currents, visit_weights, visit_biases. Uses: grid, projections,
// one-pass-flags, optimizer, and the bindings state, parameters, partial_sums.

/// Quads of columns of an invocation, 1 to 4.
override QUADS: u32 = 1u;
/// Rows of the tallest tile, where invocations share currents.
override ROWS: u32 = 16u;

/// For each quad of tile rows, the current from each invocation's columns.
var<workgroup> sh_currents: array<vec4f, select(1u, ROWS / 4u * WIDTH, SHARED)>;

/// One quad of columns; outside the tile it reads the last one, times 0, and writes nothing.
struct Column {
  index: u32,
  is_inside: bool,
  rate: vec4f,
}

/// What four rows of a column get from it, and what it gets from them.
struct Visit {
  current: vec4f,
  feedback: vec4f,
}

fn column_of(tile: Tile, projection: Projection, offset: u32) -> Column {
  let is_inside = offset < tile.columns;
  let index = tile.column + min(offset, tile.columns - 1u);
  return Column(index, is_inside, select(vec4f(), state[projection.rate + index], is_inside));
}

/// Four rows from `first` on, `pre` quads apart.
fn visit(first: u32, pre: u32, column: Column, e: vec4f, plastic: bool, rates: Rates) -> Visit {
  let place = first + column.index;
  let a = parameters[place];
  let b = parameters[place + pre];
  let c = parameters[place + 2u * pre];
  let d = parameters[place + 3u * pre];
  if (LEARN && DEFERRED == 1u) {
    if (plastic && column.is_inside) {
      ascend(place, a, e.x, column.rate, rates);
      ascend(place + pre, b, e.y, column.rate, rates);
      ascend(place + 2u * pre, c, e.z, column.rate, rates);
      ascend(place + 3u * pre, d, e.w, column.rate, rates);
    }
  }
  let rows = mat4x4f(a, b, c, d);
  return Visit(column.rate * rows, select(vec4f(), rows * e, FEEDBACK));
}

fn write_feedback(tile: Tile, column: Column, m: vec4f) {
  if (tile.feedback != NONE && column.is_inside) {
    partial_sums[tile.feedback + column.index] = m;
  }
}

/// The biases are a part of the current of their own.
fn visit_biases(tile: Tile, projection: Projection, local: u32, rates: Rates) {
  let quads = (tile.rows + 3u) / 4u;
  for (var quad = local; quad < select(0u, quads, tile.flags != NONE); quad += WIDTH) {
    let i = tile.row / 4u + quad;
    let place = projection.bias + i;
    let b = parameters[place];
    partial_sums[tile.flags + i] = b;
    if (LEARN) {
      if ((projection.flags & LEARNS_BIAS) != 0u) {
        descend(place, b, -state[projection.error + i], rates);
      }
    }
  }
}

/// The columns of a tile from `offset` on, as many as the workgroup takes at a time.
fn visit_columns(
  tile: Tile,
  projection: Projection,
  offset: u32,
  local: u32,
  plastic: bool,
  rates: Rates,
) {
  let quads = (tile.rows + 3u) / 4u;
  let c0 = column_of(tile, projection, offset + local);
  let c1 = column_of(tile, projection, offset + local + WIDTH);
  let c2 = column_of(tile, projection, offset + local + 2u * WIDTH);
  let c3 = column_of(tile, projection, offset + local + 3u * WIDTH);
  var m0 = vec4f();
  var m1 = vec4f();
  var m2 = vec4f();
  var m3 = vec4f();
  if (!c0.is_inside) {
    return;
  }
  var quad = 0u;
  loop {
    let i = tile.row / 4u + quad;
    let e = state[projection.error + i];
    let first = projection.weight + i * 4u * projection.pre;
    let v0 = visit(first, projection.pre, c0, e, plastic, rates);
    var s = v0.current;
    m0 += v0.feedback;
    if (QUADS > 1u) {
      let v1 = visit(first, projection.pre, c1, e, plastic, rates);
      s += v1.current;
      m1 += v1.feedback;
    }
    if (QUADS > 2u) {
      let v2 = visit(first, projection.pre, c2, e, plastic, rates);
      s += v2.current;
      m2 += v2.feedback;
    }
    if (QUADS > 3u) {
      let v3 = visit(first, projection.pre, c3, e, plastic, rates);
      s += v3.current;
      m3 += v3.feedback;
    }
    if (SHARED) {
      let place = quad * WIDTH + local;
      if (offset > 0u) {
        s += sh_currents[place];
      }
      sh_currents[place] = s;
    } else {
      let place = tile.current + local * projection.post + i;
      if (offset > 0u) {
        s += partial_sums[place];
      }
      partial_sums[place] = s;
    }
    continuing {
      quad++;
      break if quad >= quads;
    }
  }
  write_feedback(tile, c0, m0);
  if (QUADS > 1u) {
    write_feedback(tile, c1, m1);
  }
  if (QUADS > 2u) {
    write_feedback(tile, c2, m2);
  }
  if (QUADS > 3u) {
    write_feedback(tile, c3, m3);
  }
}

fn visit_weights(tile: Tile, projection: Projection, local: u32, rates: Rates) {
  let plastic = (projection.flags & LEARNS_WEIGHT) != 0u;
  if (tile.columns > 0u) {
    var offset = 0u;
    loop {
      visit_columns(tile, projection, offset, local, plastic, rates);
      continuing {
        offset += WIDTH * QUADS;
        break if offset >= tile.columns;
      }
    }
  }
}
