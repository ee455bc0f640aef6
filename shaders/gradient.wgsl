// The gradient of the weights and biases over a segment of a window of adjoint errors, added to
// what later segments gave: minus the batch mean of lambda_i r_j (weights) and lambda_i (biases),
// summed over the steps. One product over time and batch rows, not one for each step.
//
// The sum goes from the last step to the first and is continued where the segment after it left
// off, so that its digits do not depend on how a window is cut. An invocation keeps four rows by a
// quad of columns.
// Source of the equations: docs/theory.md, "The exact adjoint". Twin: src/reference/adjoint.ts.
// Uses: params, replicas, grid, projections, summing.

@group(1) @binding(0) var<storage, read> projections: array<Projection>;
@group(1) @binding(1) var<storage, read> tiles: array<Tile>;
@group(1) @binding(2) var<storage, read> record: array<vec4f>;
@group(1) @binding(3) var<storage, read_write> first_moment: array<vec4f>;

/// Tile: as of `learn`.
@compute @workgroup_size(WIDTH, 1, 1)
fn gradient(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  take_replica(group);
  let index = tile_index(group, groups);
  if (index >= arrayLength(&tiles)) {
    return;
  }
  sum_tile(tiles[index], local);
}
