// All synapses of a batch of 1, in one pass over the weights:
//
//   s_i = sum_j W_ij r_j + b_i ;  m_j = sum_i W_ij e_i
//   then W_ij and b_i take one optimiser step along e_i r_j and e_i
//
// Both products use the parameters before the update. A tile is a rectangle of one W, a quad of
// columns for each invocation; it writes partial sums of s over its columns and of m over its
// rows, which the neurons add up in fixed order.
// Source of the equations: docs/theory.md, "The step". Twin: src/reference. Uses: params, grid,
// projections, optimizer.

override LEARN: bool = true;
/// Rows of the tallest tile, and invocations of a workgroup.
override ROWS: u32 = 16u;
override WIDTH: u32 = 64u;

@group(1) @binding(1) var<storage, read> tiles: array<Tile>;
@group(1) @binding(2) var<storage, read> state: array<vec4f>;
@group(1) @binding(6) var<storage, read_write> partial_sums: array<vec4f>;

/// Products of a row of four tile rows with each invocation's quad of columns.
var<workgroup> sh_products: array<vec4f, ROWS / 4u * WIDTH>;

/// Row i of the tile's W times this invocation's rates; the weights learn on the way.
struct Row {
  product: f32,
  feedback: vec4f,
}

fn row_of(place: u32, r: vec4f, e: f32, learns: bool, rates: Rates) -> Row {
  let w = parameters[place];
  if (learns) {
    descend(place, w, -e * r, rates);
  }
  return Row(dot(w, r), e * w);
}

/// The sum over the columns of four neighbouring rows, with their biases, which learn on the way.
fn finish_rows(tile: Tile, projection: Projection, quad: u32, rates: Rates) {
  var s = vec4f();
  for (var j = 0u; j < tile.columns; j++) {
    s += sh_products[quad * WIDTH + j];
  }
  let i = tile.row / 4u + quad;
  if (tile.column == 0u && projection.bias != NONE) {
    let b = parameters[projection.bias + i];
    s += b;
    if (LEARN && (projection.flags & LEARNS_BIAS) != 0u) {
      descend(projection.bias + i, b, -state[projection.error + i], rates);
    }
  }
  partial_sums[tile.current + i] = s;
}

/// Tile: block is the projection, row and rows count rows, column and columns count quads of
/// columns; current and feedback are the places of the partial sums, feedback NONE if not needed.
@compute @workgroup_size(WIDTH, 1, 1)
fn synapses(
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
  let rates = learning_rates();
  let quads = (tile.rows + 3u) / 4u;
  if (local < tile.columns) {
    let learns = LEARN && (projection.flags & LEARNS_WEIGHT) != 0u;
    let column = tile.column + local;
    let r = state[projection.rate + column];
    var m = vec4f();
    for (var quad = 0u; quad < quads; quad++) {
      let e = state[projection.error + tile.row / 4u + quad];
      // Rows beyond the last repeat it without learning; the error of the padding is 0.
      let rows = min(tile.row + quad * 4u + QUAD, vec4u(projection.rows - 1u));
      let is_row = tile.row + quad * 4u + QUAD < vec4u(projection.rows);
      let places = projection.weight + column + rows * projection.pre;
      let a = row_of(places.x, r, e.x, learns, rates);
      let b = row_of(places.y, r, e.y, learns && is_row.y, rates);
      let c = row_of(places.z, r, e.z, learns && is_row.z, rates);
      let d = row_of(places.w, r, e.w, learns && is_row.w, rates);
      m += a.feedback + b.feedback + c.feedback + d.feedback;
      sh_products[quad * WIDTH + local] = vec4f(a.product, b.product, c.product, d.product);
    }
    if (tile.feedback != NONE) {
      partial_sums[tile.feedback + column] = m;
    }
  }
  workgroupBarrier();
  for (var quad = local; quad < quads; quad += WIDTH) {
    finish_rows(tile, projection, quad, rates);
  }
  if (index == 0u && local == 0u) {
    clock.step += 1u;
    if (LEARN) {
      clock.updates = clock.update;
    }
  }
}
