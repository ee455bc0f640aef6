// One step back through a window of adjoint errors, of some populations:
//
//   alpha = phi'(u_prosp) * (m + beta * pull of the cost on r)
//   lambda = rho alpha + a p ;  p = (1 - a) p + (1 - rho) alpha ;  rho = tau_r / tau_m, a = dt /
// tau_m
//
// m is W^T lambda of those that these rates reach, as the last dispatches of `propagate` left it;
// p is the momentum of the step after. Step k is what the clock counts less one. The look-ahead
// potential that the way forward kept becomes the rate, for the gradient of the weights.
// Source of the equations: docs/theory.md, "The exact adjoint". Twin: src/reference/adjoint.ts.
// Uses: params, replicas, grid, activation, fields, population, neuron-bindings, reversal.

/// Tile: as of `neurons`.
@compute @workgroup_size(WIDTH, 1, 1)
fn reverse(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  take_replica(group);
  let index = tile_index(group, groups);
  if (index >= arrayLength(&tiles)) {
    return;
  }
  let step = clock[replica].step - 1u;
  let since = step - clock[replica].window;
  reverse_tile(tiles[index], step, since % params.segment, since, local);
}
