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
// Source of the equations: docs/theory.md, "The step". Twin: src/reference. Uses: params, grid,
// activation, population, neuron-bindings, neuron.

override LOAD: bool = true;
override FINISH: bool = true;
override BEGIN: bool = true;

/// Tile: block is the population, row and rows its quads, or its batch rows for NARROW_ROWS.
@compute @workgroup_size(WIDTH, 1, 1)
fn neurons(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = tile_index(group, groups);
  if (index >= arrayLength(&tiles)) {
    return;
  }
  let tile = tiles[index];
  let p = populations[tile.block].population;
  let all = range_of(tile, p.row, local);
  let is_source = p.is_source != 0u;
  let step = clock.step;
  if (FINISH) {
    let own = only_if(!is_source, all);
    for (var quad = own.first; quad < own.end; quad += own.stride) {
      finish(p, tile.block, quad, step - 1u);
    }
    if (KEEPS_TARGET) {
      let compared = only_if(p.cost != 0u, all);
      for (var quad = compared.first; quad < compared.end; quad += compared.stride) {
        keep_target(p, quad, step - 1u);
      }
    }
  }
  if (FINISH && TRACES != 0u) {
    let given = only_if(is_source, all);
    for (var quad = given.first; quad < given.end; quad += given.stride) {
      finish_source(p, tile.block, quad, step - 1u);
    }
  }
  if (LOAD) {
    if (index == 0u && local == 0u) {
      clock.update = clock.updates + 1u;
      if (SEGMENT_START == 2u) {
        clock.window = step;
      }
    }
    let given = only_if(is_source, all);
    for (var quad = given.first; quad < given.end; quad += given.stride) {
      load(p, quad, step);
    }
    if (PREVIOUS != 0u || (TRAJECTORY != 0u && SEGMENT_START != 0u)) {
      let own = only_if(!is_source, all);
      for (var quad = own.first; quad < own.end; quad += own.stride) {
        keep_rate(p, quad);
      }
    }
  }
  if (BEGIN) {
    // A sweep has counted the step already.
    let begun = step - select(1u, 0u, LOAD);
    let costed = is_compared(p);
    if (COSTS != 0u) {
      begin_costed(tile, p, only_if(costed, all), begun, local, LOAD && !FINISH);
    }
    if (ERRORS != 0u) {
      begin_plain(tile, p, only_if(!costed && p.has_error != 0u, all), begun);
    }
  }
}
