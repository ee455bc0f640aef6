// The plastic time constants: one optimiser step along the batch mean of -e du/dt (tau_m) and
// alpha du/dt (tau_r); with matched traces (ours) tau_m along -alpha times du/dt filtered like the
// neuron. None falls below its least value.
// Source of the equations: docs/theory.md, "Time constants". Twin: src/reference. Uses: params,
// replicas, grid, fields, optimizer, block-bindings, time-constants.

/// Tile: from `row` on, `rows` quads of a population that has `columns` of them, from `column` on
/// in a field of the state; current and feedback are the places of its tau_m and tau_r, flags
/// tell which of them learn.
@compute @workgroup_size(WIDTH, 1, 1)
fn learn_time_constants(
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
  learn_tau_tile(tiles[index], local);
}
