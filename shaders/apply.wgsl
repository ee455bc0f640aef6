// Ends a window of adjoint errors: one optimiser step of every parameter that learns, along the
// gradient of the window. The gradient of time constants is summed up here, over batch rows:
// lambda du/dt (tau_m) and -alpha du/dt (tau_r).
// Source of the equations: docs/theory.md, "The exact adjoint". Twin: src/reference. Uses: params,
// grid, optimizer, plastic-bindings.

override BATCH: u32 = 1u;
/// Place of the gradients behind the moments.
override GRADIENT: u32 = 0u;

const WIDTH = 64u;

/// Tile flags: what the quads are, and whether they learn.
const TAU_M = 1u;
const TAU_R = 2u;
const LEARNS = 4u;

@group(1) @binding(0) var<storage, read> tiles: array<Tile>;
@group(1) @binding(1) var<storage, read> state: array<vec4f>;
@group(1) @binding(2) var<storage, read_write> parameters: array<vec4f>;
@group(1) @binding(3) var<storage, read_write> first_moment: array<vec4f>;
@group(1) @binding(4) var<storage, read_write> second_moment: array<vec4f>;

fn tau_gradient(tile: Tile, quad: u32, sign: f32) -> vec4f {
  var sum = vec4f();
  for (var lane = 0u; lane < BATCH; lane++) {
    sum += state[tile.column + lane * tile.columns + quad];
  }
  return sign * sum / f32(BATCH);
}

/// Tile: quads `row` to `row + rows` of a block of parameters at `current`; of time constants,
/// `column` is the place of their sums in the state and `columns` the quads of a batch row.
@compute @workgroup_size(WIDTH, 1, 1)
fn apply(
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
    let place = tile.current + quad;
    if ((tile.flags & (TAU_M | TAU_R)) != 0u) {
      let sign = select(-1.0, 1.0, (tile.flags & TAU_M) != 0u);
      first_moment[GRADIENT + place] = tau_gradient(tile, quad, sign);
    }
    if ((tile.flags & LEARNS) != 0u) {
      descend(place, parameters[place], first_moment[GRADIENT + place], rates);
      if ((tile.flags & (TAU_M | TAU_R)) != 0u) {
        parameters[place] = max(parameters[place], vec4f(params.least_tau));
      }
    }
  }
}
