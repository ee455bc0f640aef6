// Both products with the weights of a batch, as register-tiled matrix products:
//
//   s[lane][i] = sum_j W_ij r[lane][j] + b_i        m[lane][j] = sum_i W_ij e[lane][i]
//
// One invocation keeps a quad of outputs for four batch rows ("lanes") and reads everything in
// quads: sixteen products of quads for eight loads. Several stretches of the summed index give
// partial sums, which the neurons add up in fixed order.
// Source of the equations: docs/theory.md, "The step". Twin: src/reference. Uses: params,
// replicas, grid, projections, projection-bindings, product-flags, product-tiles,
// products.

/// What is added to the clock's step: 1 on the way forward, 2^32 - 1 on the way back.
override ADVANCE: u32 = 1u;

@group(1) @binding(3) var<storage, read> parameters: array<vec4f>;
@group(1) @binding(4) var<storage, read_write> partial_sums: array<vec4f>;

/// Tile: block is the projection. FORWARD: invocations from `row` on, `rows` of them, number the
/// output quads of all groups of four lanes, columns are the quads summed over; without FORWARD
/// the same with rows and columns swapped. `current` is the place of the partial sums.
@compute @workgroup_size(WIDTH, 1, 1)
fn propagate(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  take_replica(group);
  let index = tile_index(group, groups);
  if (index >= arrayLength(&tiles)) {
    return;
  }
  if (ADVANCE != 0u && index == 0u && local == 0u) {
    clock[replica].step += ADVANCE;
  }
  multiply_tile(tiles[index], local);
}
