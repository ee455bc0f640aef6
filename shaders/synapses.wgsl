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
// replicas, grid, projections, projection-bindings, one-pass-flags, one-pass, optimizer,
// plastic-bindings, columns.

@group(1) @binding(6) var<storage, read_write> partial_sums: array<vec4f>;

/// Adds up what the invocations left in workgroup memory.
fn write_shared_currents(tile: Tile, local: u32) {
  workgroupBarrier();
  let quads = select(0u, (tile.rows + 3u) / 4u, tile.columns != 0u);
  for (var quad = local; quad < quads; quad += WIDTH) {
    var s = vec4f();
    for (var j = 0u; j < min(WIDTH, tile.columns); j++) {
      s += sh_currents[quad * WIDTH + j];
    }
    partial_sums[tile.current + tile.row / 4u + quad] = s;
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
  let tile = placed(tiles[index]);
  let projection = projection_of(tile.block);
  if (DEFERRED != 1u && tiles[index].rows == 0u) {
    visit_pairs(tile, projection, local);
    return;
  }
  let rates = learning_rates();
  visit_weights(tile, projection, local, rates);
  if (SHARED) {
    write_shared_currents(tile, local);
  }
  visit_biases(tile, projection, local, rates);
  count_step(index, local);
}
