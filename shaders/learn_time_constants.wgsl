// The plastic time constants: one optimiser step along the batch mean of -e du/dt (tau_m) and
// alpha du/dt (tau_r); with matched traces (ours) tau_m along -alpha times du/dt filtered like
// the neuron. None falls below its least value.
// Source of the equations: docs/theory.md, "Time constants". Twin: src/reference. Uses: params,
// grid, optimizer, plastic-bindings.

override BATCH: u32 = 1u;
/// Quads between two fields of the state, and the fields: error, top-down signal, du/dt and what
/// tau_m takes for it.
override FIELD: u32 = 16u;
override ERROR_FIELD: u32 = 0u;
override TOP_DOWN: u32 = 0u;
override DERIVATIVE: u32 = 0u;
override TRACE: u32 = 0u;

const WIDTH = 64u;
const LEARNS_TAU_M = 1u;
const LEARNS_TAU_R = 2u;

@group(1) @binding(0) var<storage, read> tiles: array<Tile>;
@group(1) @binding(1) var<storage, read> state: array<vec4f>;
@group(1) @binding(2) var<storage, read_write> parameters: array<vec4f>;
@group(1) @binding(3) var<storage, read_write> first_moment: array<vec4f>;
@group(1) @binding(4) var<storage, read_write> second_moment: array<vec4f>;

/// Batch mean of the product of two fields.
fn mean_product(one: u32, other: u32, tile: Tile, quad: u32) -> vec4f {
  var sum = vec4f();
  for (var lane = 0u; lane < BATCH; lane++) {
    let k = tile.column + lane * tile.columns + quad;
    sum += state[one * FIELD + k] * state[other * FIELD + k];
  }
  return sum / f32(BATCH);
}

fn learn_tau(place: u32, gradient: vec4f, rates: Rates) {
  descend(place, parameters[place], gradient, rates);
  parameters[place] = max(parameters[place], vec4f(params.least_tau));
}

/// Tile: from `row` on, `rows` quads of a population that has `columns` of them, from `column` on
/// in a field of the state; current and feedback are the places of its tau_m and tau_r, flags
/// tell which of them learn.
@compute @workgroup_size(WIDTH, 1, 1)
fn learn_time_constants(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = tile_index(group, groups);
  if (index >= arrayLength(&tiles)) {
    return;
  }
  if (index == 0u && local == 0u) {
    clock.updates = clock.update;
  }
  let tile = tiles[index];
  let rates = learning_rates();
  for (var quad = tile.row + local; quad < tile.row + tile.rows; quad += WIDTH) {
    if ((tile.flags & LEARNS_TAU_M) != 0u) {
      learn_tau(tile.current + quad, mean_product(ERROR_FIELD, TRACE, tile, quad), rates);
    }
    if ((tile.flags & LEARNS_TAU_R) != 0u) {
      learn_tau(tile.feedback + quad, -mean_product(TOP_DOWN, DERIVATIVE, tile, quad), rates);
    }
  }
}
