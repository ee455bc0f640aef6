// The gradient of the weights and biases over a segment of a window of adjoint errors, added to
// what later segments gave: minus the batch mean of lambda_i r_j (weights) and lambda_i (biases),
// summed over the steps. One product over time and batch rows, not one for each step.
//
// The sum goes from the last step to the first and is continued where the segment after it left
// off, so that its digits do not depend on how a window is cut. An invocation keeps four rows by
// a quad of columns.
// Source of the equations: docs/theory.md, "The exact adjoint". Twin: src/reference/adjoint.ts.
// Uses: params, grid, projections.

override BATCH: u32 = 1u;
/// Steps of the segment.
override STEPS: u32 = 1u;
/// Place of the gradients behind the moments.
override GRADIENT: u32 = 0u;

const WIDTH = 64u;

@group(1) @binding(0) var<storage, read> projections: array<Projection>;
@group(1) @binding(1) var<storage, read> tiles: array<Tile>;
@group(1) @binding(2) var<storage, read> record: array<vec4f>;
@group(1) @binding(3) var<storage, read_write> first_moment: array<vec4f>;

fn add_weights(projection: Projection, row: u32, column: u32) {
  let place = GRADIENT + projection.weight + row * 4u * projection.pre + column;
  let pre = projection.pre;
  var a = first_moment[place];
  var b = first_moment[place + pre];
  var c = first_moment[place + 2u * pre];
  var d = first_moment[place + 3u * pre];
  let scale = -1.0 / f32(BATCH);
  for (var i = STEPS * BATCH; i > 0u; i--) {
    let r = record[projection.trajectory + (i - 1u) * pre + column];
    let e = scale * record[projection.adjoints + (i - 1u) * projection.post + row];
    a += e.x * r;
    b += e.y * r;
    c += e.z * r;
    d += e.w * r;
  }
  first_moment[place] = a;
  first_moment[place + pre] = b;
  first_moment[place + 2u * pre] = c;
  first_moment[place + 3u * pre] = d;
}

fn add_biases(projection: Projection, row: u32) {
  let place = GRADIENT + projection.bias + row;
  var sum = first_moment[place];
  let scale = -1.0 / f32(BATCH);
  for (var i = STEPS * BATCH; i > 0u; i--) {
    sum += scale * record[projection.adjoints + (i - 1u) * projection.post + row];
  }
  first_moment[place] = sum;
}

/// Tile: as of `learn`.
@compute @workgroup_size(WIDTH, 1, 1)
fn gradient(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = tile_index(group, groups);
  if (index >= arrayLength(&tiles)) {
    return;
  }
  let tile = tiles[index];
  let projection = projections[tile.block];
  let last = tile.row + tile.rows;
  let has_weights = (projection.flags & LEARNS_WEIGHT) != 0u;
  for (var pair = tile.row + local; pair < select(0u, last, has_weights); pair += WIDTH) {
    add_weights(projection, pair / tile.columns, pair % tile.columns);
  }
  let has_biases = (projection.flags & LEARNS_BIAS) != 0u;
  for (var row = tile.row + local; row < select(0u, min(last, projection.post), has_biases); row += WIDTH) {
    add_biases(projection, row);
  }
}
