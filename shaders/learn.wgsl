// The plastic synapses of a batch: one optimiser step along the batch mean of e_i r_j (weights)
// and e_i (biases), straight into the parameters. With matched traces (ours) along that of
// alpha_i x_j, where x is the rate filtered like the neuron i, and alpha_i times the filtered 1.
//
// One invocation keeps four rows by a quad of columns: four products of quads for two loads and
// each batch row (five with traces, as the rows may be of different classes).
// Source of the equations: docs/theory.md, "The step". Twin: src/reference. Uses: params,
// replicas, grid, projections, projection-bindings, optimizer, plastic-bindings, learning.

/// Tile: block is the projection; from `row` on, `rows` numbers of pairs of a quad of rows and a
/// quad of columns, column first; where only biases learn there is one column. The same numbers,
/// as far as there are quads of rows, are those of the biases.
@compute @workgroup_size(WIDTH, 1, 1)
fn learn(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  take_replica(group);
  let index = tile_index(group, groups);
  if (index >= arrayLength(&tiles)) {
    return;
  }
  if (index == 0u && local == 0u) {
    clock[replica].updates = clock[replica].update;
  }
  learn_tile(tiles[index], local);
}
