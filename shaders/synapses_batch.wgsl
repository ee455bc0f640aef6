// All synapses of a batch of 2 to 16, in one pass over the weights: for every batch row ("lane")
//
//   s_i = sum_j W_ij r_j + b_i ;  m_j = sum_i W_ij e_i
//
// then W_ij and b_i take one optimiser step along the batch mean of e_i r_j and e_i. Both products
// use the parameters before the update. The same tiles as those of `synapses`; an invocation keeps
// the rates and the feedback of its columns for all lanes, so a weight is read once for all.
// Source of the equations: docs/theory.md, "The step". Twin: src/reference. Uses: params,
// replicas, grid, projections, projection-bindings, one-pass-flags, one-pass, lanes, optimizer,
// plastic-bindings.

/// Quads of columns of an invocation, 1 or 2: each makes the text that is compiled much longer.
override QUADS: u32 = 1u;

@group(1) @binding(6) var<storage, read_write> partial_sums: array<vec4f>;

/// The currents of four rows from each invocation's columns, all lanes.
var<workgroup> sh_currents: array<vec4f, select(1u, WIDTH * BATCH, SHARED)>;

/// One quad of columns; outside the tile it reads the last one, times 0, and writes nothing.
struct Column {
  index: u32,
  is_inside: bool,
  rates: Lanes,
}

fn column_of(tile: Tile, projection: Projection, offset: u32) -> Column {
  let is_inside = offset < tile.columns;
  let index = tile.column + min(offset, tile.columns - 1u);
  var column = Column(index, is_inside, Lanes());
  if (is_inside) {
    column.rates = within_batch(load_lanes(projection.rate + index, projection.pre, 0u));
  }
  return column;
}

/// Four rows from `first` on, `pre` quads apart: adds to the current of the rows and to the
/// feedback of the column.
fn visit(
  first: u32,
  pre: u32,
  column: Column,
  e: Lanes,
  plastic: bool,
  rates: Rates,
  s: ptr<function, Lanes>,
  m: ptr<function, Lanes>,
) {
  let place = first + column.index;
  let rows = rows_at(place, pre);
  *s = times_rows(*s, transpose(rows), column.rates);
  if (FEEDBACK) {
    *m = times_rows(*m, rows, e);
  }
  if (LEARN) {
    if (plastic && column.is_inside) {
      let change = outer(column.rates, e);
      let share = 1.0 / f32(BATCH);
      ascend(place, rows[0], share, change[0], rates);
      ascend(place + pre, rows[1], share, change[1], rates);
      ascend(place + 2u * pre, rows[2], share, change[2], rates);
      ascend(place + 3u * pre, rows[3], share, change[3], rates);
    }
  }
}

fn share_group(local: u32, lane: u32, values: mat4x4f) {
  for (var l = 0u; l < 4u; l++) {
    if (lane + l < BATCH) {
      sh_currents[(lane + l) * WIDTH + local] = values[l];
    }
  }
}

/// Adds up the currents of all invocations of the workgroup, and writes them.
fn write_shared(tile: Tile, post: u32, i: u32, offset: u32, local: u32, s: Lanes) {
  share_group(local, 0u, s.a);
  share_group(local, 4u, s.b);
  share_group(local, 8u, s.c);
  share_group(local, 12u, s.d);
  workgroupBarrier();
  for (var lane = local; lane < BATCH; lane += WIDTH) {
    var sum = vec4f();
    for (var j = 0u; j < min(WIDTH, tile.columns); j++) {
      sum += sh_currents[lane * WIDTH + j];
    }
    let place = tile.current + lane * post + i;
    if (offset > 0u) {
      sum += partial_sums[place];
    }
    partial_sums[place] = sum;
  }
  workgroupBarrier();
}

fn write_feedback(tile: Tile, projection: Projection, column: Column, m: Lanes) {
  if (tile.feedback != NONE && column.is_inside) {
    write_lanes(tile.feedback + column.index, projection.pre, 0u, m, false);
  }
}

/// The biases are a part of the current of their own.
fn visit_biases(tile: Tile, projection: Projection, quads: u32, local: u32, rates: Rates) {
  for (var quad = local; quad < select(0u, quads, tile.flags != NONE); quad += WIDTH) {
    let i = tile.row / 4u + quad;
    let place = projection.bias + i;
    let b = parameters[place];
    var error = vec4f();
    for (var lane = 0u; lane < BATCH; lane++) {
      partial_sums[tile.flags + lane * projection.post + i] = b;
      error += state[projection.error + lane * projection.post + i];
    }
    if (LEARN) {
      if ((projection.flags & LEARNS_BIAS) != 0u) {
        descend(place, b, -error / f32(BATCH), rates);
      }
    }
  }
}

/// The columns of a tile from `offset` on, as many as the workgroup takes at a time.
fn visit_columns(
  tile: Tile,
  projection: Projection,
  quads: u32,
  offset: u32,
  local: u32,
  plastic: bool,
  rates: Rates,
) {
  let c0 = column_of(tile, projection, offset + local);
  let c1 = column_of(tile, projection, offset + local + WIDTH);
  var m0 = Lanes();
  var m1 = Lanes();
  for (var quad = 0u; quad < quads; quad++) {
    let i = tile.row / 4u + quad;
    var s = Lanes();
    if (c0.is_inside) {
      let e = load_lanes(projection.error + i, projection.post, 0u);
      let first = projection.weight + i * 4u * projection.pre;
      visit(first, projection.pre, c0, e, plastic, rates, &s, &m0);
      if (QUADS > 1u) {
        visit(first, projection.pre, c1, e, plastic, rates, &s, &m1);
      }
      if (!SHARED) {
        let part = tile.current + local * BATCH * projection.post;
        write_lanes(part + i, projection.post, 0u, s, offset > 0u);
      }
    }
    if (SHARED) {
      write_shared(tile, projection.post, i, offset, local, s);
    }
  }
  write_feedback(tile, projection, c0, m0);
  if (QUADS > 1u) {
    write_feedback(tile, projection, c1, m1);
  }
}

/// Tile: as of `synapses`; a part of the partial sums holds all lanes.
@compute @workgroup_size(WIDTH, 1, 1)
fn synapses_batch(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  take_replica(group);
  let index = tile_index(group, groups);
  if (index >= arrayLength(&tiles)) {
    return;
  }
  let tile = placed(tiles[index]);
  let projection = projection_of(tile.block);
  let rates = learning_rates();
  let plastic = (projection.flags & LEARNS_WEIGHT) != 0u;
  // From the table itself, as a barrier needs bounds that are the same for the whole workgroup.
  let columns = tiles[index].columns;
  let quads = (tiles[index].rows + 3u) / 4u;
  for (var offset = 0u; offset < columns; offset += WIDTH * QUADS) {
    visit_columns(tile, projection, quads, offset, local, plastic, rates);
  }
  visit_biases(tile, projection, quads, local, rates);
  count_step(index, local);
}
