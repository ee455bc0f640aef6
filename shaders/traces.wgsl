// What synapses keep of the past. Matched traces (ours): signals filtered like the membrane of a
// neuron, from its input to its look-ahead potential.
//
//   d = signal - z ;  x = z + (tau_r / tau_m) d ;  z += (dt / tau_m) d
//
// Aligned lags (ours): signals wait in a ring until the error that they belong to is there.
// Source of the equations: docs/theory.md, "Matched traces". Twin: src/reference/traces.ts. Uses:
// params, replicas, grid, fields, tracing.

@group(1) @binding(0) var<storage, read> traced: array<Trace>;
@group(1) @binding(1) var<storage, read> tiles: array<Tile>;
@group(1) @binding(2) var<storage, read> parameters: array<vec4f>;
@group(1) @binding(3) var<storage, read_write> state: array<vec4f>;

/// Tile: block is the trace, row and rows its quads.
@compute @workgroup_size(WIDTH, 1, 1)
fn traces(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  take_replica(group);
  let index = tile_index(group, groups);
  if (index >= arrayLength(&tiles)) {
    return;
  }
  // The synapses have counted the step already.
  trace_tile(tiles[index], clock[replica].step - 1u, local);
}
