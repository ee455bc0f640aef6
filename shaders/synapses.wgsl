// All synapses of a batch of 1, in one pass over the weights:
//
//   s_i = sum_j W_ij r_j + b_i ;  m_j = sum_i W_ij e_i
//   then W_ij and b_i take one optimiser step along e_i r_j and e_i
//
// Both products use the parameters before the update. A tile is a rectangle of one W, through which
// an invocation goes with up to four quads of columns at a time; it gives partial sums of s and m,
// which the neurons add up in fixed order. Where updates are deferred (ours), the weights stay, and
// tiles of their own give the products of the rates, and of the errors, with those of the pairs
// that the weights lack.
// Source of the equations: docs/theory.md, "The step". Twin: src/reference. Uses: params,
// replicas, grid, projections, projection-bindings, one-pass, optimizer, plastic-bindings.

/// Quads of columns of an invocation, 1 to 4.
override QUADS: u32 = 1u;
/// Rows of the tallest tile.
override ROWS: u32 = 16u;

@group(1) @binding(6) var<storage, read_write> partial_sums: array<vec4f>;

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

/// Adds up what the invocations left in workgroup memory.
fn write_shared_currents(tile: Tile, quads: u32, local: u32) {
  workgroupBarrier();
  for (var quad = local; quad < quads; quad += WIDTH) {
    var s = vec4f();
    for (var j = 0u; j < min(WIDTH, tile.columns); j++) {
      s += sh_currents[quad * WIDTH + j];
    }
    partial_sums[tile.current + tile.row / 4u + quad] = s;
  }
}

/// The biases are a part of the current of their own.
fn visit_biases(tile: Tile, projection: Projection, quads: u32, local: u32, rates: Rates) {
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

/// One quad of pairs an invocation: their products with the rates, or the errors, of the step.
fn visit_pairs(tile: Tile, projection: Projection, local: u32) {
  let is_current = tile.current != NONE;
  let count = select(projection.post, projection.pre, is_current);
  let values = select(projection.error, projection.rate, is_current);
  let kept = select(projection.kept_errors, projection.kept_rates, is_current);
  let place = select(tile.feedback, tile.current, is_current);
  let quads = (clock[replica].pair + 3u) / 4u;
  for (var quad = local; quad < select(0u, quads, LEARN); quad += WIDTH) {
    let first = kept + 4u * quad * count;
    var sum = vec4f();
    var j = tile.column;
    loop {
      let value = state[values + j];
      let rows = mat4x4f(
        state[first + j],
        state[first + count + j],
        state[first + 2u * count + j],
        state[first + 3u * count + j],
      );
      sum += value * rows;
      continuing {
        j++;
        break if j >= tile.column + tile.columns;
      }
    }
    partial_sums[place + quad] = sum;
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

/// Tile: block is the projection, row and rows count rows, column and columns count quads of
/// columns; current, feedback and flags are the places of the partial sums: of the currents (one
/// part for each invocation if they are not SHARED), of the feedback (NONE if not needed) and of
/// the biases (NONE if not added here). A tile without columns has biases only. One without rows is
/// one of pairs: columns are quads of rates and current the place of the products, or quads of
/// errors and feedback.
@compute @workgroup_size(WIDTH, 1, 1)
fn synapses(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  take_replica(group);
  let index = tile_index(group, groups);
  if (index >= arrayLength(&tiles)) {
    return;
  }
  let tile = tile_of(index);
  let projection = projection_of(tile.block);
  if (DEFERRED != 1u && tiles[index].rows == 0u) {
    visit_pairs(tile, projection, local);
    return;
  }
  let rates = learning_rates();
  let plastic = (projection.flags & LEARNS_WEIGHT) != 0u;
  let quads = (tile.rows + 3u) / 4u;
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
  if (SHARED) {
    write_shared_currents(tile, select(0u, quads, tile.columns != 0u), local);
  }
  visit_biases(tile, projection, quads, local, rates);
  count_step(index, local);
}
