// Ends a window of adjoint errors: one optimiser step of every parameter that learns, along the
// gradient of the window. The gradient of time constants is summed up here, over batch rows:
// lambda du/dt (tau_m) and -alpha du/dt (tau_r).
// Source of the equations: docs/theory.md, "The exact adjoint". Twin: src/reference. Uses: params,
// replicas, grid, optimizer, block-bindings, applying.

/// Tile: quads `row` to `row + rows` of a block of parameters at `current`; of time constants,
/// `column` is the place of their sums in the state and `columns` the quads of a batch row.
@compute @workgroup_size(WIDTH, 1, 1)
fn apply(
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
  apply_tile(tiles[index], local);
}
