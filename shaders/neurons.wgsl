// Integrates neurons. A step k of a population has three parts, and a dispatch does those that it
// is compiled for:
//
//   LOAD    the rates of sources are the input of step k
//   BEGIN   alpha = phi'(u_prosp) * (m + beta * pull of the cost on r)
//           dv/dt = (alpha - v) / tau_r ;  e = v + tau_m dv/dt ;  v += dt dv/dt
//   FINISH  du/dt = (s + gamma e - u) / tau_m ;  u_prosp = u + tau_r du/dt
//           u += dt du/dt ;  r = phi(u_prosp) ;  phi'(u_prosp)
//
// In jacobi a step begins with m and r of the last one, the synapses give s and m, and it is
// finished; in the middle of a run one dispatch finishes step k-1 and begins step k. In a sweep
// the levels are finished one after the other, upwards, and begun downwards. All right-hand sides
// use the old u and v. An invocation works on quads of neighbouring neurons; padding has rate and
// error 0.
// Source of the equations: docs/theory.md, "The step". Twin: src/reference. Uses: params,
// replicas, grid, activation, fields, population, neuron-bindings, neuron.

override LOAD: bool = true;
override FINISH: bool = true;
override BEGIN: bool = true;
/// Whether the step that is loaded starts a segment of a window of adjoint errors: 1 a segment, 2
/// also a window.
override SEGMENT_START: u32 = 0u;

/// Row of a step in its segment.
fn segment_row(step: u32) -> u32 {
  // The word of the clock is being written then.
  if (SEGMENT_START == 2u) {
    return 0u;
  }
  return (step - clock[replica].window) % params.segment;
}

/// Tile: block is the population, row and rows its quads, or its batch rows for NARROW_ROWS.
@compute @workgroup_size(WIDTH, 1, 1)
fn neurons(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  take_replica(group);
  let index = tile_index(group, groups);
  if (index >= arrayLength(&tiles)) {
    return;
  }
  let tile = tiles[index];
  let step = clock[replica].step;
  if (FINISH) {
    finish_tile(tile, step - 1u, segment_row(step - 1u), local);
  }
  if (LOAD) {
    if (index == 0u && local == 0u) {
      clock[replica].update = clock[replica].updates + 1u;
      if (DEFERRED != 1u) {
        clock[replica].pair = clock[replica].next_pair;
      }
      if (SEGMENT_START == 2u) {
        clock[replica].window = step;
      }
    }
    load_tile(tile, step, segment_row(step), SEGMENT_START != 0u, local);
  }
  if (BEGIN) {
    // A sweep has counted the step already.
    begin_tile(tile, step - select(1u, 0u, LOAD), LOAD && !FINISH, local);
  }
  if (LOAD && DEFERRED != 1u) {
    keep_pair(tile, local);
  }
}
